// Package logic is what a condition is once it no longer needs expr: a typed tree
// (Expr), and the normal form (Normalize) that an index and a linter work on. It
// knows nothing of events, YAML or expr; package compile makes trees, package
// rules judges them. Everything in it is deterministic, and safe for concurrent
// use once made.
//
// Truth is three-valued, as rules/LANGUAGE.md section 5 has it: an absent fact
// makes what reads it unknown.
package logic

// Type is the type of a value. The zero Type is invalid.
type Type uint8

const (
	String  Type = iota + 1 // UTF-8 text; Go string
	Int                     // 64-bit integer; Go int64
	Float                   // finite 64-bit float; Go float64
	Bool                    // Go bool
	Time                    // instant, nanosecond precision, RFC 3339 in JSON; Go time.Time in UTC
	Strings                 // list of strings; Go []string
)

var typeNames = [...]string{"", "string", "int", "float", "bool", "time", "strings"}

// String returns the name that schemas and diagnostics use.
func (t Type) String() string {
	if t == 0 || int(t) >= len(typeNames) {
		return "invalid"
	}
	return typeNames[t]
}
