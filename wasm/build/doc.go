// Package build makes the WASM module of its source: it runs the Go command, gives functions
// straight jumps, takes out what only stack traces read, joins the data into few pieces, and
// adds the manifest. Command mkwasm is its command line.
//
// Equal sources and an equal Go command give equal bytes, in any folder: nothing of the
// machine, its environment or its workspace enters the file.
package build
