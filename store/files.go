package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// preparePath makes the file and its directory when they are not there, and
// refuses those to which others have access.
func preparePath(path string, readOnly bool) error {
	dir := filepath.Dir(path)
	if !readOnly {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("%w: the directory of the store cannot be made: %w", ErrConfig, err)
		}
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("%w: the directory of the store cannot be used: %w", ErrConfig, err)
	case !info.IsDir():
		return fmt.Errorf("%w: %s is no directory", ErrConfig, dir)
	case posix && info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%w: others may write the directory %s (mode %04o), and could put files in the place of the store's; chmod go-w it", ErrConfig, dir, info.Mode().Perm())
	}
	if !readOnly {
		if err := createFile(path); err != nil {
			return err
		}
	}
	return checkFiles(path)
}

// posix: elsewhere the mode of a file does not tell who may read it.
const posix = runtime.GOOS != "windows" && runtime.GOOS != "plan9"

// createFile makes an empty file that nobody else can read, unless there is one.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: the file of the store cannot be made: %w", ErrConfig, err)
	}
	return f.Close()
}

// checkFiles checks the store's file and those that SQLite keeps beside it.
func checkFiles(path string) error {
	for i, name := range []string{path, path + "-wal", path + "-shm", path + ".lock"} {
		info, err := os.Stat(name)
		switch {
		case i > 0 && errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return fmt.Errorf("%w: the file of the store cannot be used: %w", ErrConfig, err)
		case !info.Mode().IsRegular():
			return fmt.Errorf("%w: %s is no regular file", ErrConfig, name)
		case posix && info.Mode().Perm()&0o027 != 0:
			return fmt.Errorf("%w: others may read %s, or its group may write it (mode %04o); chmod it to 0600", ErrConfig, name, info.Mode().Perm())
		}
	}
	return nil
}
