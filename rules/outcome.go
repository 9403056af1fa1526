package rules

import (
	"fmt"

	"github.com/issuant/issuant/internal/code"
)

// Outcome is the colour of a decision, from Red (the worst, and the zero value)
// to Green. Compare outcomes with Worse and Join, never with < or >.
type Outcome uint8

const (
	Red    Outcome = iota // decline
	Orange                // step up, through tenured channels only
	Yellow                // step up
	Green                 // approve
)

var outcomeNames = [...]string{"red", "orange", "yellow", "green"}

// String returns the lower-case name.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "red"
}

// Worse reports whether o is strictly worse than p.
func (o Outcome) Worse(p Outcome) bool { return o < p }

// Join returns the worse of o and p.
func (o Outcome) Join(p Outcome) Outcome { return min(o, p) }

// ErrOutcome is returned for text that names no outcome.
var ErrOutcome = code.New(code.Event, "rules: an outcome is one of green, yellow, orange, red")

// ParseOutcome reads the lower-case name of an outcome.
func ParseOutcome(s string) (Outcome, error) {
	for i, name := range outcomeNames {
		if s == name {
			return Outcome(i), nil
		}
	}
	return Red, fmt.Errorf("%w, not %q", ErrOutcome, s)
}

// MarshalText returns the lower-case name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the lower-case name.
func (o *Outcome) UnmarshalText(b []byte) (err error) {
	*o, err = ParseOutcome(string(b))
	return err
}

// Truth is the verdict on a condition. The zero Truth is Unknown.
type Truth uint8

const (
	Unknown Truth = iota // a fact that would decide is absent
	False
	True
	Error // arithmetic failed, or a bound was hit
)

// String returns "unknown", "false", "true" or "error".
func (t Truth) String() string {
	return [...]string{"unknown", "false", "true", "error"}[t&3]
}
