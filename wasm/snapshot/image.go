package snapshot

import (
	"context"
	"sync"

	"github.com/tetratelabs/wazero/experimental"

	"github.com/issuant/issuant/internal/wasmfile"
)

// Image is the memory with which every instance of a snapshot begins, kept once. It is
// safe for concurrent use.
type Image struct {
	manifest *Manifest
	module   []byte
	size     uint64 // bytes of memory at the beginning
	file     *file  // nil: there is no copy-on-write here

	mu   sync.RWMutex
	done bool
}

// NewImage takes a module that [Build] wrote; it is neither kept nor changed.
//
// On Linux and macOS the memory is put into a file that has no name, or, where the
// system has such a thing, into one that never had a disk. Elsewhere, and where neither
// can be made, instances are made as those of every module are, and CopyOnWrite says so.
//
// What is no module is a *wasmfile.Error, what is no snapshot ErrSnapshot.
func NewImage(module []byte) (*Image, error) {
	m, err := wasmfile.Parse(module)
	if err != nil {
		return nil, err
	}
	manifest, err := ReadManifest(m)
	if err != nil {
		return nil, err
	}
	i := &Image{manifest: manifest, module: module}
	memory, err := m.Image()
	if err != nil {
		return nil, wrap(ErrSnapshot, "%v", err)
	}
	if i.file = newFile(memory); i.file == nil {
		return i, nil
	}
	i.size = uint64(len(memory))
	m.Data = nil
	i.module = m.Encode()
	return i, nil
}

// Manifest returns what the snapshot says of itself.
func (i *Image) Manifest() Manifest { return *i.manifest }

// CopyOnWrite reports whether instances share the memory until they write to it.
func (i *Image) CopyOnWrite() bool { return i.file != nil }

// Module returns the module that is to be compiled: without data where the memory is
// shared. It must be instantiated with the context of [Image.Context] and no other. The
// result must not be changed.
func (i *Image) Module() []byte { return i.module }

// Context returns ctx for instantiating the compiled module, once or many times; each
// instance gets a memory of its own, which begins as the image and which wazero gives
// back when the instance is closed. What was read from a memory without copying must not
// be touched after that.
func (i *Image) Context(ctx context.Context) context.Context {
	if i.file == nil {
		return ctx
	}
	return experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(i.allocate))
}

// Close gives the image back; no instance can be made after it. Instances that are
// there keep their memory.
func (i *Image) Close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.done || i.file == nil {
		i.done = true
		return nil
	}
	i.done = true
	return i.file.close()
}
