// Package snapshot writes the WASM module anew with a pack already loaded, and keeps
// the memory of such a module once for all of its instances.
//
// A Go program takes milliseconds to start, and a pack some more to load. [Build] lets
// both happen once: it instantiates the module, initialises it, loads the pack, and
// writes a module whose memory and globals begin where that one stopped. It needs no
// tool but this package, and the same module and pack give the same bytes. What is
// written begins at once in every runtime, and calls nothing of its host to do so.
//
// [NewImage] goes one step further for hosts in this process: the memory lies in one
// file without a name, and every instance maps it copy-on-write. An instance then
// costs the pages that it writes to.
//
// # What is in a snapshot
//
// Everything that is in it can be read by who has the file: a pack, and nothing else.
// Build takes no key ring and gives no entropy, so that no secret can get in; a ring is
// loaded into each instance, as ever. Two things of Go's runtime are in it as well, the
// same in all instances: the seeds of hash tables, and the state of math/rand. So the
// guest keeps no table with keys that a sender chose without a bound on their number
// (TestNoMapOfTheModuleIsFilledByASender holds it to that), and takes every nonce and key from
// crypto/rand, which asks the host each time.
//
// # Bounds
//
// A module of at most MaxModule bytes and a pack of at most abi.MaxTray; a memory of at
// most MaxMemory bytes when the pack has been loaded.
package snapshot
