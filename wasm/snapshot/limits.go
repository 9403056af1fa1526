package snapshot

import "github.com/issuant/issuant/internal/wasmfile"

// Bounds, all inclusive.
const (
	MaxModule = wasmfile.MaxFile  // bytes of a module, before and after
	MaxMemory = wasmfile.MaxImage // bytes of memory, when the pack has been loaded

	// maxManifest bounds the custom section that is read, in bytes.
	maxManifest = 64 << 10
)
