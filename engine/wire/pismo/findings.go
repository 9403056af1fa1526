package pismo

import (
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules"
)

// The answer's action codes.
const (
	actionApproved   = "00"
	actionDeclined   = "05"
	actionInvalidPAN = "14"
	actionExpiry     = "54"
	actionChallenge  = "85"
	actionSystem     = "96"
	actionCVV        = "N7"
)

// finding says what one of Pismo's custom_codes means at least.
type finding struct {
	outcome rules.Outcome
	action  string
}

// findings is the table of the page; NPL is decided by configuration. A code that
// is not here is at least yellow.
var findings = map[string]finding{
	"VNM":    {rules.Red, actionInvalidPAN},
	"998":    {rules.Red, actionInvalidPAN},
	"CED":    {rules.Red, actionExpiry},
	"EXPCRD": {rules.Red, actionExpiry},
	"FR1":    {rules.Red, actionCVV},
	"FR2":    {rules.Red, actionCVV},
	"PFT":    {rules.Red, actionDeclined},
	"FLE":    {rules.Red, actionDeclined},
	"UBT":    {rules.Red, actionDeclined},
	"TNF":    {rules.Red, actionDeclined},
	"OP1":    {rules.Yellow, actionChallenge},
	"HSE":    {rules.Yellow, actionChallenge},
	"CNM":    {rules.Yellow, actionChallenge},
	"FRB":    {rules.Yellow, actionChallenge},
	"BNB":    {rules.Yellow, actionChallenge},
}

// NPL says what the finding NPL, "card is not plastic", means at least. The zero
// value is NPLByType. No value loosens another finding.
type NPL uint8

const (
	NPLByType NPL = iota // yellow, and nothing when card.type is VIRTUAL
	NPLYellow            // yellow, whatever the card's type
	NPLRed               // red, action code 05
)

// guard returns the guard of a finding code; ok is false when it asks for nothing.
func (c *Codec) guard(code, cardType, program string) (g engine.Guard, ok bool) {
	f, known := findings[code]
	switch {
	case known:
	case code != "NPL":
		f = finding{rules.Yellow, actionChallenge}
	default:
		if f, ok = c.npl(cardType, program); !ok {
			return engine.Guard{}, false
		}
	}
	return newGuard(code, f.outcome, f.action), true
}

func (c *Codec) npl(cardType, program string) (finding, bool) {
	policy := c.cfg.NPL
	if p, ok := c.cfg.NPLPrograms[program]; ok {
		policy = p
	}
	switch policy {
	case NPLByType:
		return finding{rules.Yellow, actionChallenge}, cardType != "VIRTUAL"
	case NPLYellow:
		return finding{rules.Yellow, actionChallenge}, true
	}
	return finding{rules.Red, actionDeclined}, true
}

// newGuard leaves the action code to red guards, which alone choose one.
func newGuard(code string, o rules.Outcome, action string) engine.Guard {
	g := engine.Guard{Code: code, Outcome: o}
	if o == rules.Red {
		g.ActionCode = action
	}
	return g
}
