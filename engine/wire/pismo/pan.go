package pismo

import (
	"strings"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/luhn"
	"github.com/issuant/issuant/internal/strictjson"
)

// Lengths of a card number, inclusive: under a name that says so, and anywhere.
const (
	minPAN      = 12
	minLoosePAN = 13
	maxPAN      = 19
)

// panNames are names of members that hold the number of the card itself, folded
// by foldName.
var panNames = setOf("pan", "fpan", "cardpan", "fundingpan", "primaryaccountnumber", "accountnumber",
	"cardnumber", "accountpan", "cardaccountnumber", "fundingaccountnumber")

// survey is what one walk over the network's data finds: unknown names, and the
// number of the card.
type survey struct {
	unknown   int
	named     string // first number under one of panNames
	loose     string // first number in a member that this package does not know
	namesOnly bool   // look at names that this package may know, and at nothing else
	keep      *found // gets the values that have a slot
}

// checkNames refuses mis-cased names of the body and counts unknown ones; what the
// network sent is look's.
func checkNames(root strictjson.Cursor) (unknown int, err error) {
	s := survey{namesOnly: true}
	if wrong := s.walk(root, "", bodyShape, true, true); wrong != nil {
		return 0, wrong
	}
	return s.unknown, nil
}

// look walks over the network's data, of which sh is what this package knows, and
// refuses mis-cased names. What has a slot is kept.
func look(network strictjson.Cursor, sh *shape, keep *found) (s survey, err error) {
	s.keep = keep
	if wrong := s.walk(network, "", sh, sh != nil, true); wrong != nil {
		wrong.Pointer = "/original_network_data" + wrong.Pointer
		return s, wrong
	}
	s.keep = nil
	return s, nil
}

// pan returns the digits of the card's number, or "".
func (f *survey) pan() string {
	if f.named != "" {
		return f.named
	}
	return f.loose
}

// walk visits v. sh is what this package knows of v's members, nil when it knows
// nothing; known tells whether v itself stands under a known name, check whether
// names are held against sh: in lists nobody knows what stands.
func (f *survey) walk(v strictjson.Cursor, name string, sh *shape, known, check bool) *engine.DecodeError {
	kind := v.Kind()
	if f.namesOnly && (sh == nil || kind != strictjson.Object) {
		return nil
	}
	switch kind {
	case strictjson.Object:
		return f.object(v, sh, known, check && sh != nil)
	case strictjson.Array:
		for item, more := v.First(); more; item, more = item.Next(v) {
			f.walk(item, name, sh, known, false)
		}
	case strictjson.String, strictjson.Number:
		f.visit(v.Str(), name, known)
	}
	return nil
}

func (f *survey) object(v strictjson.Cursor, sh *shape, known, check bool) *engine.DecodeError {
	for m, more := v.First(); more; m, more = m.Next(v) {
		name := m.Name()
		child, ok := sh.child(name)
		if e := sh.entry(name); check && e != nil && f.keep != nil {
			f.keep.keep(e.slot, m)
		}
		if check && !ok {
			if sh.misCased(name) {
				return failAt(m.NameOff(), "", "a name here differs from a known one only in case")
			}
			f.unknown++
		}
		if wrong := f.walk(m, name, child, ok || known && sh == nil, check); wrong != nil {
			wrong.Pointer = "/" + name + wrong.Pointer
			return wrong
		}
	}
	return nil
}

func (f *survey) visit(text, name string, known bool) {
	digits := panDigits(text)
	if len(digits) < minPAN || len(digits) > maxPAN || !luhn.Valid(digits) {
		return
	}
	switch {
	case panNames[foldName(name)]:
		if f.named == "" {
			f.named = digits
		}
	case !known && f.loose == "" && likelyPAN(digits):
		f.loose = digits
	}
}

// foldName maps primaryAccountNumber, primary_account_number and the like to one spelling.
func foldName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r >= 'a' && r <= 'z':
			return r
		}
		return -1
	}, name)
}

// panDigits returns the digits of a text of nothing but digits, blanks and
// hyphens, else "".
func panDigits(text string) string {
	if len(text) < minPAN || len(text) > 2*maxPAN {
		return ""
	}
	var digits [2 * maxPAN]byte
	n := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			digits[n] = c
			n++
		case c != ' ' && c != '-':
			return ""
		}
	}
	return string(digits[:n])
}

// likelyPAN tells a card number from an IMEI or the number of a SIM, which carry
// the same check digit, by the ranges and lengths that card networks use.
func likelyPAN(digits string) bool {
	n := len(digits)
	if n < minLoosePAN {
		return false
	}
	switch two := digits[:2]; {
	case digits[0] == '4':
		return n == 13 || n == 16 || n == 19
	case digits[0] == '6':
		return n >= 16
	case two == "34" || two == "37":
		return n == 15
	case two == "30" || two == "36" || two == "38":
		return n == 14
	case two >= "50" && two <= "58":
		return n == 16 || n == 19
	}
	return n == 16 && digits[:4] >= "2221" && digits[:4] <= "2720"
}

// hidesPAN reports whether text contains a run of digits, blanks or hyphens
// between them allowed, in which 13 to 19 digits in a row pass the check digit.
func hidesPAN(text string) bool {
	if len(text) < minLoosePAN {
		return false
	}
	var run []byte
	for i := 0; i <= len(text); i++ {
		if i < len(text) {
			c := text[i]
			if c >= '0' && c <= '9' {
				run = append(run, c)
				continue
			}
			if c == ' ' || c == '-' {
				continue
			}
		}
		if anyWindow(string(run)) {
			return true
		}
		run = run[:0]
	}
	return false
}

func anyWindow(run string) bool {
	for from := 0; from+minLoosePAN <= len(run); from++ {
		for to := from + minLoosePAN; to <= min(len(run), from+maxPAN); to++ {
			if luhn.Valid(run[from:to]) {
				return true
			}
		}
	}
	return false
}

func setOf(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}
