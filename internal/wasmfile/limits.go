package wasmfile

// Bounds, all inclusive. They are some times what Go's largest programs need.
const (
	MaxFile     = 128 << 20 // bytes of a module
	MaxSections = 1000
	MaxName     = 64 << 10 // bytes of a name
	MaxTypes    = 1 << 20
	MaxImports  = 1 << 16
	MaxFuncs    = 1 << 20 // functions that the module defines
	MaxGlobals  = 1 << 16
	MaxExports  = 1 << 16
	MaxData     = 1 << 20 // segments
	MaxPages    = 1 << 16 // of 64 KiB: what 32 bits can address
	maxMemories = 1       // as in the first version of the specification
	maxParams   = 1000
)

// PageSize is how much a page of linear memory holds, in bytes.
const PageSize = 64 << 10
