// Package grant is the permission to build one wallet payload. It lies below the
// engine, which makes grants, and below package provision, which spends them, and it
// is internal: no other module can make one.
package grant

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/digest"
)

// MaxLife is how long after the decision a grant may be used at most.
const MaxLife = 5 * time.Minute

// MaxText bounds each text of a grant, in bytes, inclusive.
const MaxText = 256

// Wallets, as event/v1 names them in token.requestor.
const (
	ApplePay   = "apple_pay"
	GooglePay  = "google_pay"
	SamsungPay = "samsung_pay"
)

// Claims are what a grant says. The three digests are those of Bind: a grant names no
// wallet, device or nonce, since its signed form passes through other hands.
type Claims struct {
	ID         string // see IDOf
	DecisionID string
	CardRef    string
	Network    string
	Wallet     string
	Account    string // digest of the wallet's account id; "" where the grant binds none
	Device     string // digest of the device id; "" where it binds none
	Nonce      string // digest of the wallet's nonce; "" where it binds none
	Method     string // by which the step-up was passed; "" for a decision that was green
	IssuedAt   time.Time
	Expires    time.Time // first instant at which it is good no more
}

// IDOf returns the id of the one grant that a decision can give: whoever asks twice
// gets the same id, and the second cannot be used any more.
func IDOf(decisionID string) string { return Bind(decisionID, "id", "") }

// Bind returns the digest of a value that a grant of this decision is bound to; "" for
// none, but for the id. Equal values differ from decision to decision.
func Bind(decisionID, field, value string) string {
	if value == "" && field != "id" {
		return ""
	}
	b := canon.AppendString([]byte(`["issuant grant",`), field)
	b = canon.AppendString(append(b, ','), decisionID)
	b = canon.AppendString(append(b, ','), value)
	return digest.Of(append(b, ']'))
}

// Grant is the permission to build one wallet payload, for the card, network, wallet,
// device and nonce that were decided on. An Engine's decision is what it comes from;
// it is good for five minutes at most and for one payload. Copies are one grant. The
// zero Grant permits nothing. It prints as "[grant]", and is safe for concurrent use.
type Grant struct {
	open func() *state // a function, since reflection cannot look into one
}

type state struct {
	claims Claims
	taken  atomic.Bool
}

// New returns a grant, or an error for claims that none has.
func New(c Claims) (*Grant, error) {
	if wrong := c.check(); wrong != "" {
		return nil, fmt.Errorf("grant: %s", wrong)
	}
	s := &state{claims: c}
	return &Grant{func() *state { return s }}, nil
}

func (c *Claims) check() string {
	for _, member := range [...]struct{ name, text string }{{"decision_id", c.DecisionID}, {"card_ref", c.CardRef}, {"network", c.Network}} {
		if !Text(member.text) {
			return member.name + " is missing, too long or not printable"
		}
	}
	if c.Method != "" && !Text(c.Method) {
		return "method is too long or not printable"
	}
	switch c.Wallet {
	case ApplePay:
		if !digest.Is(c.Nonce) || c.Account != "" {
			return "a grant for Apple Pay binds a nonce, and no account"
		}
	case GooglePay, SamsungPay:
		if !digest.Is(c.Account) || !digest.Is(c.Device) || c.Nonce != "" {
			return "a grant for this wallet binds account and device, and no nonce"
		}
	default:
		return "the wallet is none that payloads are built for"
	}
	switch {
	case c.Device != "" && !digest.Is(c.Device):
		return "device is no digest"
	case c.ID != IDOf(c.DecisionID):
		return "the id is not that of the decision"
	case c.IssuedAt.Nanosecond() != 0 || c.Expires.Nanosecond() != 0:
		return "its instants are not whole seconds"
	case !c.Expires.After(c.IssuedAt) || c.Expires.Sub(c.IssuedAt) > MaxLife:
		return "it is not good for up to 5 minutes"
	}
	return ""
}

// Text reports whether s can stand in a grant: 1 to MaxText bytes of printable ASCII
// without blanks, quotation marks and backslashes.
func Text(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' {
			return false
		}
	}
	return s != "" && len(s) <= MaxText
}

// Of returns what g says; false for nil and for the zero Grant.
func Of(g *Grant) (Claims, bool) {
	if g == nil || g.open == nil {
		return Claims{}, false
	}
	return g.open().claims, true
}

// Take spends g in this process, for all its copies; false when it was spent before.
func Take(g *Grant) bool {
	return g != nil && g.open != nil && g.open().taken.CompareAndSwap(false, true)
}

// Taken reports whether g was spent in this process.
func Taken(g *Grant) bool { return g != nil && g.open != nil && g.open().taken.Load() }

func (g *Grant) say(what func(*Claims) string) string {
	if c, ok := Of(g); ok {
		return what(&c)
	}
	return ""
}

// ID names the grant: for records, and for a memory of those that were spent. It is 64
// hexadecimal digits, and follows from the decision's id: a decision gives one payload.
func (g *Grant) ID() string { return g.say(func(c *Claims) string { return c.ID }) }

// DecisionID returns the id of the decision.
func (g *Grant) DecisionID() string { return g.say(func(c *Claims) string { return c.DecisionID }) }

// CardRef returns the reference of the card, as the event had it.
func (g *Grant) CardRef() string { return g.say(func(c *Claims) string { return c.CardRef }) }

// Network returns the card's network: "visa", "mastercard" and so on.
func (g *Grant) Network() string { return g.say(func(c *Claims) string { return c.Network }) }

// Wallet returns apple_pay, google_pay or samsung_pay.
func (g *Grant) Wallet() string { return g.say(func(c *Claims) string { return c.Wallet }) }

// Method returns the channel of the step-up that was passed, "" when none was asked for.
func (g *Grant) Method() string { return g.say(func(c *Claims) string { return c.Method }) }

// IssuedAt returns when the grant was made, in whole seconds and UTC.
func (g *Grant) IssuedAt() time.Time { c, _ := Of(g); return c.IssuedAt }

// Expires returns the first instant at which the grant is good no more, in whole
// seconds and UTC.
func (g *Grant) Expires() time.Time { c, _ := Of(g); return c.Expires }

const hidden = "[grant]"

// String returns a placeholder.
func (g Grant) String() string { return hidden }

// Format writes a placeholder, whatever the verb.
func (g Grant) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) }

// MarshalText returns a placeholder; JSON, XML and slog use it. What another process
// can open is made by provision.SignGrant.
func (g Grant) MarshalText() ([]byte, error) { return []byte(hidden), nil }
