package host

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/issuant/issuant/internal/filemode"
	"github.com/issuant/issuant/internal/wasmfile"
)

// filed is the folder with the machine code of one module.
//
// wazero looks machine code up by a hash of the module, and reads, validates and keeps the
// whole module before it does: half of the time that opening a known module takes. So what it
// made of the module is filed under the hash of the module's skeleton, and the skeleton is
// all that is read the next time. The folder is named after the digest of the whole module,
// which was compared before: equal digest, equal module, equal machine code.
//
// Should wazero ever compile the skeleton instead, every call would trap, and nothing would
// answer wrongly. It does so for another processor or another wazero, and then leaves a file
// without our mark, by which that is seen here.
type filed struct {
	dir      string
	skeleton []byte
	mark     []byte // ends the files that we put there
}

// newFiled returns nil where nothing is kept: without a folder, in the interpreter, or of a
// module that wasmfile does not read, which is none that was built from this repository.
func newFiled(opt *Options, digest string, module []byte) (*filed, error) {
	if opt.CacheDir == "" || opt.Runtime != RuntimeCompiler {
		return nil, nil
	}
	f := &filed{dir: filepath.Join(opt.CacheDir, digest), mark: append([]byte("issuant machine code "), digest...)}
	if err := filemode.MakePrivateDir(opt.CacheDir); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCacheDir, err)
	}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCacheDir, err)
	}
	m, err := wasmfile.Parse(module)
	if err != nil {
		return nil, nil
	}
	f.skeleton = m.Skeleton()
	return f, nil
}

// open gives c the machine code that lies in the folder; false when none does that wazero
// takes here.
func (f *filed) open(ctx context.Context, c *compiled, opt *Options) bool {
	before := f.files(f.dir)
	if len(before) == 0 || !f.allMarked(before) {
		return false
	}
	if err := c.compile(ctx, f.dir, f.skeleton, opt); err != nil {
		return false
	}
	if after := f.files(f.dir); slices.Equal(before, after) && f.allMarked(after) {
		return true
	}
	c.closeRuntime(ctx)
	return false
}

// make compiles the module for c and files its machine code, so that the next
// open finds it.
func (f *filed) make(ctx context.Context, c *compiled, module []byte, opt *Options) error {
	work, err := os.MkdirTemp(f.dir, "new-")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCacheDir, err)
	}
	defer os.RemoveAll(work)
	whole, bare := filepath.Join(work, "module"), filepath.Join(work, "skeleton")
	if err := c.compile(ctx, whole, module, opt); err != nil {
		return err
	}
	if err := f.file(ctx, whole, bare, opt); err != nil {
		c.closeRuntime(ctx)
		return err
	}
	return nil
}

// file moves what wazero made of the module to where it looks for that of the skeleton:
// which place that is, shows when it compiles the skeleton.
func (f *filed) file(ctx context.Context, whole, bare string, opt *Options) error {
	var s compiled
	if err := s.compile(ctx, bare, f.skeleton, opt); err != nil {
		return err
	}
	s.closeRuntime(ctx)
	code, place := f.files(whole), f.files(bare)
	if len(code) != 1 || len(place) != 1 {
		return fmt.Errorf("%w: wazero left %d and %d files, not one for each module", ErrCacheDir, len(code), len(place))
	}
	rel, err := filepath.Rel(bare, place[0])
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCacheDir, err)
	}
	if err := f.move(code[0], filepath.Join(f.dir, rel)); err != nil {
		return fmt.Errorf("%w: %w", ErrCacheDir, err)
	}
	return nil
}

// move puts a file into its place and removes what has no mark there.
func (f *filed) move(from, to string) error {
	for _, name := range f.files(f.dir) {
		if f.marked(name) {
			continue
		}
		if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	if err := f.append(from); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// append writes the mark behind the machine code, where wazero does not read.
func (f *filed) append(name string) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if _, err = file.Write(f.mark); err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}

// files are those that wazero keeps in a folder: one folder for each of its versions, with a
// file for each module and kind of processor.
func (f *filed) files(dir string) []string {
	list, _ := filepath.Glob(filepath.Join(dir, "wazero-*", "*")) // in order; its only error is of the pattern
	return slices.DeleteFunc(list, func(name string) bool {
		_, err := hex.DecodeString(filepath.Base(name))
		return err != nil // one that is being written
	})
}

func (f *filed) allMarked(files []string) bool {
	return !slices.ContainsFunc(files, func(name string) bool { return !f.marked(name) })
}

func (f *filed) marked(name string) bool {
	file, err := os.Open(name)
	if err != nil {
		return false
	}
	defer file.Close()
	end := make([]byte, len(f.mark))
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return false
	}
	_, err = file.ReadAt(end, size-int64(len(end)))
	return err == nil && bytes.Equal(end, f.mark)
}
