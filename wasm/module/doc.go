// Package module is what the WASM module does, without WASM: trays, handles, and the
// operations that its exports run. Package guest exports them; natively they are what
// the module's replies are compared with, byte for byte.
//
// wasm/ABI.md is the contract: the inputs, the replies and their codes are described
// there and nowhere else.
//
// The tags of a build say what it links: issuant_verify leaves out everything but
// issuant_open, issuant_decide leaves out what encrypts and compiles. A build without
// them has it all, and Options.Flavour makes it behave like one of the others.
package module
