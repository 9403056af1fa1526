// Package outfile writes files whole or not at all: whoever reads one meanwhile sees
// what was there before, or all of what is new.
package outfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Modes of files.
const (
	Secret fs.FileMode = 0o600
	Public fs.FileMode = 0o644
)

// New writes a file that must not exist: fs.ErrExist when it does, even as a link that
// leads nowhere. The file has its mode before it has its name.
func New(name string, data []byte, mode fs.FileMode) error {
	return Stream(name, mode, false, all(data))
}

// Stream writes what write writes, however much that is: as New does, or with replace as
// Put does. When write fails there is no new file, and its error is returned as it is.
func Stream(name string, mode fs.FileMode, replace bool, write func(io.Writer) error) error {
	if _, err := os.Lstat(name); err == nil && !replace { // before the work, and again after it
		return taken(name)
	}
	tmp, err := stream(name, mode, write)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	if !replace {
		return link(tmp, name)
	}
	if err := os.Rename(tmp, name); err != nil {
		return err
	}
	return syncDir(name)
}

func taken(name string) error { return &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist} }

func all(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// link gives a file its name, where there must be none.
func link(tmp, name string) error {
	// A link is made only where there is nothing, which a renaming does not promise.
	err := os.Link(tmp, name)
	if errors.Is(err, fs.ErrExist) {
		return taken(name)
	}
	if err != nil { // a file system without links: the name is claimed first
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, Secret)
		if err != nil {
			return err
		}
		f.Close()
		if err := os.Rename(tmp, name); err != nil {
			os.Remove(name)
			return err
		}
	}
	return syncDir(name)
}

// Replace writes a file in the place of one that exists; a link stays one, and the
// mode stays what it is.
func Replace(name string, data []byte) error {
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	st, err := os.Stat(target)
	if err != nil {
		return err
	}
	return Put(target, data, st.Mode().Perm())
}

// Put writes a file, in the place of another where there is one.
func Put(name string, data []byte, mode fs.FileMode) error {
	return Stream(name, mode, true, all(data))
}

// stream makes a file beside name, whole and on the disk, and returns what it is called.
func stream(name string, mode fs.FileMode, write func(io.Writer) error) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".issuant-*") // mode 0600
	if err != nil {
		return "", err
	}
	if err = write(f); err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// syncDir puts the name itself on the disk. Where folders cannot be synchronised
// (Windows), the file system does so by itself.
func syncDir(name string) error {
	d, err := os.Open(filepath.Dir(name))
	if err != nil {
		return nil
	}
	defer d.Close()
	_ = d.Sync()
	return nil
}
