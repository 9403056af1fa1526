// Package abi holds the numbers, names and the frame of the WASM module's interface: what a
// host must know, and nothing else. It imports nothing, so that a program which only
// hosts the module links none of the engine. wasm/ABI.md is the contract in words; a
// test compares both with the module's real exports.
package abi
