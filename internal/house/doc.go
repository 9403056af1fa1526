// Package house holds the tests that keep the house in order: which room may
// import which, what the module exports, that every exported error has a code,
// how large the core is as WASM, and that the papers name what exists.
package house
