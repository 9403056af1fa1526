// Package accel does in a host, natively, what is slow in WASM. Natively, and in
// portable modules, no function of it does anything, and the compiler drops the calls;
// a module that is built with the tag issuant_accel imports issuant_host (wasm/ABI.md).
//
// A host is asked behind all checks of keys and lengths, and what it does not do is
// done here.
package accel
