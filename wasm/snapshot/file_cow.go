//go:build (linux || darwin) && (amd64 || arm64)

package snapshot

import (
	"os"
	"syscall"
)

// file holds an image outside the heap, where it can be mapped.
type file struct{ *os.File }

// newFile writes the image into a file without a name; nil when none can be made.
func newFile(image []byte) *file {
	f, err := unnamedFile()
	if err != nil {
		return nil
	}
	if _, err := f.WriteAt(image, 0); err != nil {
		f.Close()
		return nil
	}
	return &file{f}
}

func unlinkedFile() (*os.File, error) {
	f, err := os.CreateTemp("", "issuant-snapshot-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (f *file) close() error { return f.Close() }

// unmap gives a mapping back. It cannot fail for one that was made here.
func unmap(b []byte) {
	if err := syscall.Munmap(b); err != nil {
		panic("snapshot: munmap: " + err.Error())
	}
}
