// Package wasmtest is what every runner of the WASM module runs: calls with the replies
// that package module gives natively. A runner takes a fresh instance, makes the calls
// in their order, and compares the replies byte for byte: under wazero's compiler and
// interpreter, in the accelerated build, in Node.js, and in every binding.
//
// The calls are made of the vectors in testdata, whose own expectations the native
// replies are held against when the list is made.
package wasmtest
