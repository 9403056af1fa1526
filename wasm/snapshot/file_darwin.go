//go:build amd64 || arm64

package snapshot

import (
	"os"
	"syscall"
)

func unnamedFile() (*os.File, error) { return unlinkedFile() }

// mapped maps max bytes of the file privately. Package syscall has no call here that
// puts one mapping into another, so that the file grows to max bytes, of which only
// those of the image take room.
func (f *file) mapped(size, max uint64) []byte {
	if max < size || max > 1<<40 {
		return nil
	}
	f.growing.Lock()
	defer f.growing.Unlock()
	if int64(max) > f.length {
		if err := f.Truncate(int64(max)); err != nil {
			return nil
		}
		f.length = int64(max)
	}
	whole, err := syscall.Mmap(int(f.Fd()), 0, int(max), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	return whole
}
