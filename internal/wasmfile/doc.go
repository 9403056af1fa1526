// Package wasmfile reads and writes WebAssembly modules in the binary format, as
// far as the tools of this project change and show them: sections, types, imports,
// exports, globals, memories, data segments and custom sections. What lies within
// functions is read by DecodeCode alone; tables and elements are carried along unread.
//
// The format is that of the WebAssembly core specification, version 2.0, chapter 5;
// of its proposals only what Go's linker writes. Anything else is refused rather
// than guessed at.
package wasmfile
