// Package profile builds wallet payloads from a description of their format: for
// formats that are not public, that differ from what is public, or that nobody has
// confirmed. Whoever holds a network's specification writes the layout down in a
// private file (package profilefile reads it), keeps it private, and lets Conform
// compare the layout with known answers of his own. Nothing confidential is in here.
//
// A format is data and code behind one interface: the data is a Profile, a list of
// steps; the code is what a step can do: join pieces, write JSON, pad, encrypt, wrap a
// key, sign, hash, encode, all with the primitives of the standard library.
//
// A Profile is unverified until Conform has passed; the Confirmation then names the
// digest of the vectors and of the layout that they confirmed, and any change of the
// layout voids it. It is a note of what was tried, no proof: who may write the file
// may write that too.
//
// Randomness is drawn here and cannot be handed in: Conform alone works with fixed
// values, and returns a Report, never a payload.
package profile
