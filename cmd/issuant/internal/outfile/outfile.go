// Package outfile writes files whole or not at all: whoever reads one meanwhile sees
// what was there before, or all of what is new.
package outfile

import (
	"errors"
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
	tmp, err := write(name, data, mode)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	// A link is made only where there is nothing, which a renaming does not promise.
	if err := os.Link(tmp, name); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return &fs.PathError{Op: "create", Path: name, Err: fs.ErrExist}
		}
		return exclusive(name, data, mode) // a file system without links
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
	tmp, err := write(name, data, mode)
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, name); err != nil {
		os.Remove(tmp)
		return err
	}
	return syncDir(name)
}

// write makes a file beside name, whole and on the disk, and returns what it is called.
func write(name string, data []byte, mode fs.FileMode) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".issuant-*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
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

// exclusive writes in place; a crash may leave half a file, which is removed on an error.
func exclusive(name string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		os.Remove(name)
	}
	return err
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
