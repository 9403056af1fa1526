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
	proves  proof
}

// proof is what codes prove of the card, a bit each.
type proof uint8

const (
	isExpired      proof = 1 << iota // the card is out of date
	expiryMismatch                   // the date that the cardholder gave is not the card's
	cvvFailed
	checkFailed // a failure of Pismo's own: what it does not name may not have been checked
)

// findings is the table of the page; NPL is decided by configuration. A code that
// is not here is at least yellow.
var findings = map[string]finding{
	"VNM":    {rules.Red, actionInvalidPAN, 0},
	"998":    {rules.Red, actionInvalidPAN, 0},
	"CED":    {rules.Red, actionExpiry, expiryMismatch},
	"EXPCRD": {rules.Red, actionExpiry, isExpired},
	"FR1":    {rules.Red, actionCVV, cvvFailed},
	"FR2":    {rules.Red, actionCVV, cvvFailed},
	"PFT":    {rules.Red, actionDeclined, 0},
	"FLE":    {rules.Red, actionDeclined, 0},
	"UBT":    {rules.Red, actionDeclined, 0},
	"TNF":    {rules.Red, actionDeclined, 0},
	"OP1":    {rules.Yellow, actionChallenge, checkFailed},
	"HSE":    {rules.Yellow, actionChallenge, checkFailed},
	"CNM":    {rules.Yellow, actionChallenge, 0},
	"FRB":    {rules.Yellow, actionChallenge, 0},
	"BNB":    {rules.Yellow, actionChallenge, 0},
}

// NPL says what the finding NPL, "card is not plastic", means at least. The zero
// value is NPLByType. No value loosens another finding.
type NPL uint8

const (
	NPLByType NPL = iota // yellow, and nothing when card.type is VIRTUAL
	NPLYellow            // yellow, whatever the card's type
	NPLRed               // red, action code 05
)

// guard returns the guard of a finding code, and what the code proves; ok is false when it
// asks for nothing.
func (c *Codec) guard(code, cardType, program string) (g engine.Guard, proves proof, ok bool) {
	f, known := findings[code]
	switch {
	case known:
	case code != "NPL":
		f = finding{rules.Yellow, actionChallenge, 0}
	default:
		if f, ok = c.npl(cardType, program); !ok {
			return engine.Guard{}, 0, false
		}
	}
	return newGuard(code, f.outcome, f.action), f.proves, true
}

func (c *Codec) npl(cardType, program string) (finding, bool) {
	policy := c.cfg.NPL
	if p, ok := c.cfg.NPLPrograms[program]; ok {
		policy = p
	}
	switch policy {
	case NPLByType:
		return finding{rules.Yellow, actionChallenge, 0}, cardType != "VIRTUAL"
	case NPLYellow:
		return finding{rules.Yellow, actionChallenge, 0}, true
	}
	return finding{rules.Red, actionDeclined, 0}, true
}

// newGuard leaves the action code to red guards, which alone choose one.
func newGuard(code string, o rules.Outcome, action string) engine.Guard {
	g := engine.Guard{Code: code, Outcome: o}
	if o == rules.Red {
		g.ActionCode = action
	}
	return g
}
