package rules

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/digest"
	"github.com/issuant/issuant/internal/luhn"
)

// Bounds of a list, inclusive.
const (
	MaxListEntries = 1_000_000
	MaxListValue   = 256 // bytes
)

// ListEntry is one value of a list: keyed references, BINs, requestor ids; never account data.
type ListEntry struct {
	Value   string
	Expires time.Time // not a member from that instant on; zero = never expires
	Note    string
}

// List is an immutable set of strings with expiry. It is safe for concurrent use.
type List struct {
	name    string
	expires map[string]time.Time
	digest  string
}

// ErrList is wrapped by the errors of NewList.
var ErrList = code.New(code.List, "rules: bad list")

// NewList returns a list of at most MaxListEntries entries. Of entries with equal
// values the one that expires last counts. A value that looks like a card number
// (13 to 19 digits with a valid check digit) is refused: lists hold references.
func NewList(name string, entries []ListEntry) (*List, error) {
	if len(entries) > MaxListEntries {
		return nil, fmt.Errorf("%w %q: more than %d entries", ErrList, name, MaxListEntries)
	}
	l := &List{name: name, expires: make(map[string]time.Time, len(entries))}
	for i, e := range entries {
		if e.Value == "" || len(e.Value) > MaxListValue {
			return nil, fmt.Errorf("%w %q: entry %d: a value has 1 to %d bytes", ErrList, name, i+1, MaxListValue)
		}
		if _, msg := checkTime(e.Expires); msg != "" && !e.Expires.IsZero() {
			return nil, fmt.Errorf("%w %q: entry %d: its expiry %s", ErrList, name, i+1, msg)
		}
		if LooksLikePAN(e.Value) {
			return nil, fmt.Errorf("%w %q: entry %d looks like a card number; lists hold keyed references", ErrList, name, i+1)
		}
		if have, ok := l.expires[e.Value]; ok && (have.IsZero() || !e.Expires.IsZero() && !e.Expires.After(have)) {
			continue
		}
		l.expires[e.Value] = e.Expires
	}
	l.digest = l.sum()
	return l, nil
}

func (l *List) sum() string {
	values := make([]string, 0, len(l.expires))
	for v := range l.expires {
		values = append(values, v)
	}
	sort.Strings(values)
	w := canon.NewWriter(nil)
	w.Array()
	for _, v := range values {
		w.Array().String(v)
		if at := l.expires[v]; at.IsZero() {
			w.Null()
		} else {
			w.Time(at)
		}
		w.EndArray()
	}
	w.EndArray()
	return digest.Of(w.Bytes())
}

// Name returns the name by which rules read the list.
func (l *List) Name() string { return l.name }

// Len returns the number of values, expired ones included.
func (l *List) Len() int { return len(l.expires) }

// Digest returns the lower-case hexadecimal SHA-256 of values and expiries.
func (l *List) Digest() string { return l.digest }

// Contains reports whether v is a member at the instant now.
func (l *List) Contains(v string, now time.Time) bool {
	at, ok := l.expires[v]
	return ok && (at.IsZero() || now.Before(at))
}

// Expiry returns when the entry of v ends; zero when it never does. ok is false when
// there is none; an entry that has ended is one.
func (l *List) Expiry(v string) (at time.Time, ok bool) {
	at, ok = l.expires[v]
	return at, ok
}

// Entries returns all entries, expired ones included, sorted by value, without notes.
func (l *List) Entries() []ListEntry {
	out := make([]ListEntry, 0, len(l.expires))
	for v, at := range l.expires {
		out = append(out, ListEntry{Value: v, Expires: at})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Value < out[j].Value })
	return out
}

// LooksLikePAN reports whether s is 13 to 19 digits, blanks and hyphens aside,
// whose last is the Luhn check digit of the others.
func LooksLikePAN(s string) bool {
	var digits [19]byte
	n := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == ' ' || c == '-':
		case c < '0' || c > '9' || n == len(digits):
			return false
		default:
			digits[n] = c
			n++
		}
	}
	return n >= 13 && luhn.Valid(digits[:n])
}

// HoldsPAN reports whether something that LooksLikePAN stands in s: a run of digits,
// a word of digits and hyphens, or a run of digits, blanks and hyphens.
func HoldsPAN(s string) bool {
	digit := func(r rune) bool { return r >= '0' && r <= '9' }
	for _, within := range [...]func(rune) bool{
		digit,
		func(r rune) bool { return digit(r) || r == '-' },
		func(r rune) bool { return digit(r) || r == '-' || r == ' ' },
	} {
		for _, run := range strings.FieldsFunc(s, func(r rune) bool { return !within(r) }) {
			if LooksLikePAN(run) {
				return true
			}
		}
	}
	return false
}
