package snapshot

import "github.com/tetratelabs/wazero/experimental"

// allocate is what wazero calls for the memory of a new instance.
func (i *Image) allocate(_, max uint64) experimental.LinearMemory {
	i.mu.RLock()
	defer i.mu.RUnlock()
	if i.done {
		panic("snapshot: an instance is made of an image that was closed")
	}
	if whole := i.file.mapped(i.size, max); whole != nil {
		return &sharedMemory{whole: whole}
	}
	// The system has no address space left for a mapping that may grow that far.
	m := make([]byte, i.size)
	if _, err := i.file.ReadAt(m, 0); err != nil {
		panic("snapshot: the image cannot be read any more: " + err.Error())
	}
	return &ownMemory{m}
}

// sharedMemory is a private mapping of the image, with room to grow behind it.
type sharedMemory struct{ whole []byte }

// Reallocate gives the first size bytes; nil when there are not as many.
func (m *sharedMemory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.whole)) {
		return nil
	}
	return m.whole[:size:size]
}

// Free gives the mapping back.
func (m *sharedMemory) Free() {
	unmap(m.whole)
	m.whole = nil
}

// ownMemory is a copy of the image.
type ownMemory struct{ data []byte }

// Reallocate grows the copy. What is left behind is cleared: a host may have loaded keys.
func (m *ownMemory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.data)) {
		grown := make([]byte, size)
		copy(grown, m.data)
		clear(m.data)
		m.data = grown
	}
	return m.data[:size]
}

// Free clears the copy and lets it go.
func (m *ownMemory) Free() {
	clear(m.data)
	m.data = nil
}
