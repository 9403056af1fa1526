// Package host runs the Issuant WASM module under wazero: a bounded pool of instances
// that is safe for concurrent use, is changed while it serves, and gives up an instance
// rather than trust it after a fault.
//
// A Go service does not need this package: it embeds package engine, which is several
// times faster. The module is for reach: for hosts that are not Go, and for Go services
// that load the engine at run time, change it without a release of their own, or want
// memory of its own around each decision. Nothing of the engine is linked here.
//
// # What Open gives
//
// Open compiles the module once, checks what it is (the digest that Options.SHA256 names,
// the imports, the major version of its ABI), makes Options.Warm instances with the pack
// and the key ring in them, and returns a *Pool. Its methods carry the names of the
// module's exports and answer the JSON of wasm/ABI.md, copied out of the module's memory.
//
// Every instance gets random bytes of crypto/rand (also through issuant_entropy), the
// system's clocks, no files, no arguments, no environment, a bound on its memory, and a
// standard error that is kept and attached to a *FaultError. wazero's own defaults, a
// random source with a fixed seed among them, are never used.
//
// # One instance, one call
//
// An instance is a single thread, and a call is not re-entrant: two calls at once on one
// of them corrupt its memory. Instances are therefore not exported; a method of the pool
// takes one, calls, copies the answer out, and gives it back. At most Options.Size calls
// run at once, further ones wait for as long as their context lasts.
//
// An instance answers no second call after a trap, an exit, an answer that lies outside
// of its memory, or code 500 (internal): it is closed, and the next call makes a new one.
// It is also closed when its memory has grown by more than Options.MaxGrowth, since the
// memory of a module never shrinks, after Options.MaxUses calls and after Options.MaxAge.
//
// # Contexts
//
// A context bounds the wait for an instance. It does not stop a call that runs: the module
// counts what it does and gives up by itself, which costs nothing, whereas wazero's own
// check makes every call two to six times slower. Options.UntrustedModule buys that check,
// for a module that was not built from this repository. Without it a module that never
// returns would hold its thread for ever, and with it Go's garbage collector: that is why
// a digest is asked for.
//
// # Changing what is served
//
// Swap builds a new generation (of the module, the pack, the ring, or all of them) beside
// the one that serves, makes its instances warm, and only then lets new calls go there.
// Calls that run end in the old generation, which is closed after the last of them. When
// anything fails, the old generation serves on.
package host
