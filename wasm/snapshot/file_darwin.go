//go:build amd64 || arm64

package snapshot

import (
	"os"
	"sync"
	"syscall"
)

// growing guards the lengths of files: one that became shorter would take memory away
// from instances.
var growing sync.Mutex

func unnamedFile() (*os.File, error) { return unlinkedFile() }

// mapped maps max bytes of the file privately. Package syscall has no call here that
// puts one mapping into another, so that the file grows to max bytes, of which only
// those of the image take room.
func (f *file) mapped(size, max uint64) []byte {
	if max < size || max > 1<<40 {
		return nil
	}
	growing.Lock()
	defer growing.Unlock()
	st, err := f.Stat()
	if err != nil || st.Size() < int64(max) && f.Truncate(int64(max)) != nil {
		return nil
	}
	whole, err := syscall.Mmap(int(f.Fd()), 0, int(max), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	return whole
}
