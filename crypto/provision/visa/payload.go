package visa

import (
	"cmp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
)

// Intent says what a payload is for, as provider.intent carries it.
type Intent string

// Intents. The two for asynchronous flows are known from one source.
const (
	DeviceToken                 Intent = "PUSH_PROV_MOBILE" // the default
	CardOnFileToken             Intent = "PUSH_PROV_ONFILE"
	UnverifiedIntentCrossUser   Intent = "PUSH_PROV_CROSS_USER"
	UnverifiedIntentCrossDevice Intent = "PUSH_PROV_CROSS_DEVICE"
)

// PayloadOptions say how payloads are built.
type PayloadOptions struct {
	Key    *SharedKey // required: of this wallet; each wallet has its own
	Intent Intent     // default DeviceToken
	IDnV   *bool      // isIDnV: whether Visa shall ask the issuer again, with a step-up; nil: left out, which Visa takes for false
}

// Payload builds what a wallet carries to the Visa Token Service: the "opaque payment
// card" of Google Pay, and the same for Samsung Pay. It is immutable and safe for
// concurrent use.
type Payload struct{ o PayloadOptions }

// NewPayload checks the options: an error wraps ErrOptions.
func NewPayload(o PayloadOptions) (*Payload, error) {
	o.Intent = cmp.Or(o.Intent, DeviceToken)
	if o.Key == nil {
		return nil, code.Wrap(ErrOptions, "Key is missing")
	}
	switch o.Intent {
	case DeviceToken, CardOnFileToken, UnverifiedIntentCrossUser, UnverifiedIntentCrossDevice:
	default:
		return nil, code.Wrap(ErrOptions, "Intent is not one of Visa's")
	}
	if o.IDnV != nil {
		idnv := *o.IDnV
		o.IDnV = &idnv
	}
	return &Payload{o}, nil
}

// Formats names what is built, for a record.
func (p *Payload) Formats() []string {
	switch p.o.Intent {
	case UnverifiedIntentCrossUser, UnverifiedIntentCrossDevice:
		return []string{"unverified-visa-payload-" + strings.ToLower(strings.ReplaceAll(string(p.o.Intent), "_", "-"))}
	}
	return []string{"visa-payload"}
}

// UnsafeBuild returns, without asking for a Grant, the compact JWE for a card and a
// wallet instance, as bytes for the phone; processors that want another Base64 around it add that themselves. Each call
// makes new keys: a payload is for one attempt, and must not be kept.
//
// Errors are those of card.Card.Check, and a *card.FieldError for what is beyond
// Visa's limits: a card number of fewer than 13 digits, a requestor id that is not 11
// digits, wallet values longer than 24 characters (an app id: 36), for a device token
// a missing device or app id, a country that is not alpha-2, an address in foreign
// characters. No error comes with any part of a payload.
func (p *Payload) UnsafeBuild(c *card.Card, w *card.Wallet, now time.Time) (string, error) {
	if err := c.Check(now); err != nil {
		return "", err
	}
	pan := c.PAN.Reveal()
	if err := p.check(c, w, pan); err != nil {
		return "", err
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	*buf = p.plaintext(c.Buffer(*buf, w), c, w, pan)
	defer clear(*buf)
	return p.o.Key.Seal(*buf, now)
}

// buffers hold one plaintext after another; each is cleared before the next.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

func (p *Payload) check(c *card.Card, w *card.Wallet, pan string) error {
	if err := checkDigits(pan); err != nil {
		return err
	}
	if err := w.CheckRequestor("provider.clientWalletProvider"); err != nil {
		return err
	}
	if err := card.Handle("provider.clientWalletAccountID", w.AccountID, 24); err != nil {
		return err
	}
	device := p.o.Intent == DeviceToken
	for _, h := range []struct {
		field, value string
		max          int
	}{{"provider.clientDeviceID", w.DeviceID, 24}, {"provider.clientAppID", w.AppID, 36}} {
		if h.value == "" && !device {
			continue
		}
		if err := card.Handle(h.field, h.value, h.max); err != nil {
			return err
		}
	}
	return checkAddress(c.Address)
}

func checkDigits(pan string) error {
	if len(pan) < 13 {
		return card.NewFieldError(card.ErrPAN, "accountNumber", "Visa's card numbers have 13 to 19 digits")
	}
	return nil
}

// part is a member of billingAddress, in the order in which it is written.
type part struct {
	name, value string
	min, max    int
	marks       string // that may stand beside letters and digits
	letters     bool   // in any script
}

func parts(a *card.Address) []part {
	const line = " .,'-_#:/"
	return []part{
		{"line1", a.Line1, 1, 140, line, true},
		{"line2", a.Line2, 1, 140, line, true},
		{"line3", a.Line3, 1, 140, line, true},
		{"city", a.City, 1, 100, " .'-", true},
		{"state", a.State, 1, 3, "", false},
		{"country", a.Country, 2, 2, "", false},
		{"postalCode", a.PostalCode, 3, 16, "", false},
	}
}

func checkAddress(a *card.Address) error {
	if a == nil {
		return nil
	}
	for _, m := range parts(a) {
		if m.value == "" {
			continue
		}
		field := "billingAddress." + m.name
		if m.name == "country" {
			if err := card.Country(field, m.value, 2); err != nil {
				return err
			}
			continue
		}
		if err := card.Text(field, m.value, m.min, m.max); err != nil {
			return err
		}
		for _, r := range m.value {
			if !m.allows(r) {
				return card.NewFieldError(card.ErrField, field, "it has characters beside letters, digits and "+strconv.Quote(m.marks))
			}
		}
	}
	return nil
}

func (m *part) allows(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return true
	case r < 0x80:
		return strings.ContainsRune(m.marks, r)
	}
	return m.letters && (unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r))
}

// plaintext writes the members in the order of Visa's samples. What check, card.Check
// and the types hold to characters that JSON takes as they are is copied; only name and
// address can need an escape.
func (p *Payload) plaintext(b []byte, c *card.Card, w *card.Wallet, pan string) []byte {
	b = member(b, `{"accountNumber":"`, pan)
	b = member(b, `,"cvv2":"`, c.CVV2.Reveal())
	if c.Name != "" {
		b = canon.AppendString(append(b, `,"name":`...), c.Name)
	}
	b = member(b, `,"expirationDate":{"month":"`, c.Expiry.MM())
	b = append(member(b, `,"year":"`, c.Expiry.YYYY()), '}')
	if c.Address != nil && *c.Address != (card.Address{}) {
		b = appendAddress(append(b, `,"billingAddress":`...), c.Address)
	}
	b = member(b, `,"provider":{"intent":"`, string(p.o.Intent))
	b = member(b, `,"clientWalletProvider":"`, w.RequestorID)
	b = member(b, `,"clientWalletAccountID":"`, w.AccountID)
	b = member(b, `,"clientDeviceID":"`, w.DeviceID)
	b = member(b, `,"clientAppID":"`, w.AppID)
	if p.o.IDnV != nil {
		b = member(b, `,"isIDnV":"`, strconv.FormatBool(*p.o.IDnV)) // a text, as three of four implementations have it
	}
	return append(b, `}}`...)
}

// member appends a value, and what stands before it up to its first quote; nothing for
// an empty value.
func member(b []byte, before, value string) []byte {
	if value == "" {
		return b
	}
	return append(append(append(b, before...), value...), '"')
}

func appendAddress(b []byte, a *card.Address) []byte {
	j := canon.NewWriter(b).Object()
	for _, m := range parts(a) {
		j.NonEmpty(m.name, m.value)
	}
	return j.EndObject().Bytes()
}
