// Package build makes the WASM module of its source: it runs the Go command, gives functions
// straight jumps, takes out what only stack traces read, packs the runtime's table of functions,
// joins the data into few pieces, and adds the manifest. A few places of the runtime that is
// linked are other ones than Go's: see goroot.go. Command mkwasm is its command line.
//
// Equal sources and an equal Go command give equal bytes, in any folder: nothing of the
// machine, its environment or its workspace enters the file.
package build
