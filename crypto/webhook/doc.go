// Package webhook turns the signed bytes of a counterpart into a Message, which
// can be made in no other way than by Verifier.Open. Whoever holds a *Message
// holds a body that was signed by a known key, is fresh, and is meant for us; that
// it was not seen before is for the caller's memory to say (Message.ReplayKey).
//
// The package takes headers as a map and the clock as an argument: it imports
// neither net/http nor crypto/x509, reads no clock, logs nothing.
package webhook
