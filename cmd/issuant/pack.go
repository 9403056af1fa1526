package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/starter"
)

const maxPackFile = 256 << 20 // bytes, inclusive; the pack's own bounds are narrower

// packSource is where a pack comes from. fsys is nil for a compiled file.
type packSource struct {
	fsys fs.FS
	name string // for messages: the folder or file, or "starter"
	dir  string // prefix of the paths in messages; "" for the starter pack
	data []byte // of a compiled file
}

func (a *app) openPack() (*packSource, error) {
	if a.pack == "" {
		return &packSource{fsys: starter.FS(), name: "the starter pack"}, nil
	}
	st, err := os.Stat(a.pack)
	if err != nil {
		return nil, usage("--pack: %w", plainPathError(a.pack, err))
	}
	if st.IsDir() {
		return &packSource{fsys: os.DirFS(a.pack), name: a.pack, dir: a.pack}, nil
	}
	data, err := readFile(a.pack, maxPackFile)
	if err != nil {
		return nil, usage("--pack: %w", err)
	}
	return &packSource{name: a.pack, data: data}, nil
}

// path names a file of the pack as the user can open it.
func (s *packSource) path(file string) string {
	if s.dir == "" || file == "" {
		return file
	}
	return filepath.Join(s.dir, file)
}

func (s *packSource) compile() (*rules.Pack, error) {
	if s.fsys == nil {
		p, err := compile.Load(s.data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		return p, nil
	}
	return compile.FS(s.fsys, compile.Options{})
}

// loadPack compiles the pack of --pack. Rules that do not compile are printed
// with all their diagnostics and end the run with exit code 3.
func (a *app) loadPack() (*rules.Pack, error) {
	s, err := a.openPack()
	if err != nil {
		return nil, err
	}
	p, err := s.compile()
	if err != nil {
		return nil, a.compileError(s, err)
	}
	return p, nil
}

func (a *app) compileError(s *packSource, err error) error {
	var ce *compile.Error
	if !errors.As(err, &ce) {
		return fail(exitCompile, "%w", err)
	}
	fmt.Fprintln(a.err, ce.Error())
	return fail(exitCompile, "%s does not compile", s.name)
}
