package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/issuant/issuant/cmd/issuant/internal/report"
	"github.com/issuant/issuant/crypto/trust"
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

// provisionPack names the pack for wallet payloads, which is in the binary as the
// starter pack is. A file of that name is ./starter:provision.
const provisionPack = "starter:provision"

func (a *app) openPack() (*packSource, error) {
	switch a.pack {
	case "":
		return &packSource{fsys: starter.FS(), name: "the starter pack"}, nil
	case provisionPack:
		return &packSource{fsys: starter.ProvisionFS(), name: "the starter pack for wallet payloads"}, nil
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
	if trust.IsSigned(data) { // who signed it, pack verify and serve check
		u, err := trust.InspectUnverified(data)
		if err != nil {
			return nil, fail(exitCompile, "--pack: %s: %w", a.pack, err)
		}
		data = u.Content
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

// compileError reports what is wrong with the source of a pack: for build servers
// in the format that they read, for everybody else on standard error.
func (a *app) compileError(s *packSource, err error) error {
	list := compileFindings(s, err)
	var werr error
	switch a.format {
	case "github":
		werr = report.GitHub(a.out, list)
	case "sarif":
		werr = report.SARIF(a.out, build().version, list, diagnosticCodes())
	case "junit":
		werr = report.JUnit(a.out, report.Cases("compile", list))
	}
	if werr != nil {
		return werr
	}
	var ce *compile.Error
	if !errors.As(err, &ce) {
		return fail(exitCompile, "%w", err)
	}
	st := a.errStyle()
	for _, d := range ce.Diagnostics {
		d.File = s.path(d.File)
		fmt.Fprint(a.err, paintDiagnostic(st, d))
	}
	if ce.More > 0 {
		fmt.Fprintf(a.err, "... and %d more\n", ce.More)
	}
	return fail(exitCompile, "%s does not compile: %s", s.name, count(len(ce.Diagnostics)+ce.More, "finding"))
}
