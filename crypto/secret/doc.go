// Package secret holds values that must not be printed: card numbers (PAN), key
// bytes (Bytes) and short texts such as a CVV or a one-time passcode (Text).
//
// The value sits behind an unexported pointer to a closure. Printing methods
// answer a fixed placeholder; where a printer cannot call methods and walks by
// reflection (a foreign struct's unexported field under fmt, a dumper), it finds
// an address and stops, because reflection can neither call an unexported
// function nor look into what it captured. Only Reveal hands the value out, so
// that a search for "Reveal" lists every such place.
//
// This is a net against accidents, not against code in the same process that
// uses unsafe, a debugger or a memory dump.
package secret
