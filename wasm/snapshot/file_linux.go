//go:build amd64 || arm64

package snapshot

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// memfdCreate is the number of memfd_create(2), which package syscall does not name.
var memfdCreate = map[string]uintptr{"amd64": 319, "arm64": 279}[runtime.GOARCH]

// unnamedFile makes a file in memory; where there is no such thing, one on disk whose
// name is taken away.
func unnamedFile() (*os.File, error) {
	name := []byte("issuant-snapshot\x00")
	const closeOnExec = 1
	fd, _, errno := syscall.Syscall(memfdCreate, uintptr(unsafe.Pointer(&name[0])), closeOnExec, 0)
	if errno == 0 {
		return os.NewFile(fd, "issuant-snapshot"), nil
	}
	return unlinkedFile()
}

// mapped reserves max bytes of address space, which take no memory, and puts a private
// mapping of the file's first size bytes at their beginning. nil when the system
// refuses.
func (f *file) mapped(size, max uint64) []byte {
	const mode = syscall.PROT_READ | syscall.PROT_WRITE
	if max < size || max > 1<<40 {
		return nil
	}
	whole, err := syscall.Mmap(-1, 0, int(max), mode, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_NORESERVE)
	if err != nil {
		return nil
	}
	at := uintptr(unsafe.Pointer(&whole[0]))
	_, _, errno := syscall.Syscall6(syscall.SYS_MMAP, at, uintptr(size), mode,
		syscall.MAP_PRIVATE|syscall.MAP_FIXED|syscall.MAP_NORESERVE, f.Fd(), 0)
	if errno != 0 {
		unmap(whole)
		return nil
	}
	return whole
}
