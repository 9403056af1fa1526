package card

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/issuant/issuant/crypto/secret"
)

// Network is a payment network. The zero Network is none.
type Network string

// Networks that issue tokens. Payloads are built for Visa and Mastercard; the
// formats of the others are not public.
const (
	Visa       Network = "visa"
	Mastercard Network = "mastercard"
	Amex       Network = "amex"
	Discover   Network = "discover"
)

// Card is what the issuer knows of a card. Card number and security code are
// secrets; a Card prints as "[card]".
type Card struct {
	PAN     secret.PAN
	Expiry  Expiry
	CVV2    secret.Text // 3 or 4 digits; zero: left out
	Name    string      // of the cardholder, UTF-8; "": left out
	Address *Address    // of the cardholder; nil: left out
}

// Address is a cardholder's address, UTF-8. Empty members are left out.
type Address struct {
	Line1, Line2, Line3 string
	City                string
	State               string // ISO 3166-2 without the country: "NY"
	PostalCode          string
	Country             string // ISO 3166-1 in the network's alphabet: alpha-2 for Visa, alpha-3 for Mastercard; see Alpha2 and Alpha3
}

// Format writes a placeholder, whatever the verb.
func (c Card) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[card]") }

// MarshalText returns a placeholder; JSON, XML and slog use it.
func (c Card) MarshalText() ([]byte, error) { return []byte("[card]"), nil }

// Expiry is the month at whose end a card expires. The zero Expiry is none.
type Expiry struct {
	Year  int // 2000 to 2099
	Month int // 1 to 12
}

// ParseExpiry reads a month of two digits and a year of four. The error is a
// *FieldError around ErrExpiry: a year of two digits is refused, since the formats
// differ in it.
func ParseExpiry(month, year string) (Expiry, error) {
	m, okMonth := number(month, 2)
	y, okYear := number(year, 4)
	e := Expiry{Year: y, Month: m}
	switch {
	case !okMonth:
		return Expiry{}, NewFieldError(ErrExpiry, "expiry.month", "it is not two digits")
	case !okYear:
		return Expiry{}, NewFieldError(ErrExpiry, "expiry.year", "it is not four digits")
	case !e.valid():
		return Expiry{}, NewFieldError(ErrExpiry, "expiry", "it is no month of the years 2000 to 2099")
	}
	return e, nil
}

func number(s string, digits int) (n int, ok bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, len(s) == digits
}

func (e Expiry) valid() bool {
	return e.Year >= 2000 && e.Year <= 2099 && e.Month >= 1 && e.Month <= 12
}

// MM returns the month in two digits.
func (e Expiry) MM() string { return digits(e.Month, 2) }

// YY returns the year in two digits.
func (e Expiry) YY() string { return digits(e.Year, 2) }

// YYYY returns the year in four digits.
func (e Expiry) YYYY() string { return digits(e.Year, 4) }

// MMYY returns month and year in four digits.
func (e Expiry) MMYY() string { return digits(100*e.Month+e.Year%100, 4) }

// digits writes the last count digits of n.
func digits(n, count int) string {
	var b [4]byte
	for i := count; i > 0; n /= 10 {
		i--
		b[i] = '0' + byte(n%10)
	}
	return string(b[:count])
}

// ExpiredAt reports whether the month has ended everywhere on earth: twelve hours
// after it ended in UTC.
func (e Expiry) ExpiredAt(now time.Time) bool {
	end := time.Date(e.Year, time.Month(e.Month)+1, 1, 12, 0, 0, 0, time.UTC)
	return !now.Before(end)
}

// Check returns a *FieldError for a card that no payload is built for, whatever the
// network: no card number (ErrPAN), a date that is none (ErrExpiry), an expired card
// (ErrExpired), a CVV2 that is not 3 or 4 digits, text that is not UTF-8 or holds
// control characters (ErrField).
func (c *Card) Check(now time.Time) error {
	switch {
	case c == nil || c.PAN.IsZero():
		return NewFieldError(ErrPAN, "accountNumber", "it is missing")
	case !c.Expiry.valid():
		return NewFieldError(ErrExpiry, "expiry", "it is no month of the years 2000 to 2099")
	case c.Expiry.ExpiredAt(now):
		return NewFieldError(ErrExpired, "expiry", "the month has passed")
	}
	if cvv := c.CVV2.Reveal(); cvv != "" {
		if _, ok := number(cvv, len(cvv)); !ok || len(cvv) < 3 || len(cvv) > 4 {
			return NewFieldError(ErrField, "cvv2", "it is not 3 or 4 digits")
		}
	}
	return Text("name", c.Name, 0, 256)
}

// Buffer returns an empty buffer, buf if it is large enough, in which the card, a
// wallet (nil: none) and some 700 bytes of names can be written as JSON without
// growing: what grows leaves card numbers behind in smaller buffers that nobody clears.
func (c *Card) Buffer(buf []byte, w *Wallet) []byte {
	n := len(c.Name)
	if w != nil {
		n += len(w.RequestorID) + len(w.AccountID) + len(w.DeviceID) + len(w.AppID)
	}
	if a := c.Address; a != nil {
		n += len(a.Line1) + len(a.Line2) + len(a.Line3) + len(a.City) + len(a.State) + len(a.PostalCode) + len(a.Country)
	}
	return slices.Grow(buf[:0], 700+6*n) // an escape has six bytes
}

// Text returns a *FieldError around ErrField unless s has min to max characters, is
// UTF-8 and has no control characters.
func Text(field, s string, min, max int) error {
	if n := len(s); n >= min && n <= max && printable(s) {
		return nil
	}
	n := utf8.RuneCountInString(s)
	switch {
	case !utf8.ValidString(s):
		return NewFieldError(ErrField, field, "it is not UTF-8")
	case n < min && n == 0:
		return NewFieldError(ErrField, field, "it is missing")
	case n < min || n > max:
		return NewFieldError(ErrField, field, fmt.Sprintf("it has not %d to %d characters", min, max))
	case strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) >= 0:
		return NewFieldError(ErrField, field, "it has control characters")
	}
	return nil
}

// printable reports whether s is ASCII without control characters, as most texts are.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// Country returns a *FieldError around ErrCountry unless s is an assigned code in
// the alphabet of so many letters, 2 or 3.
func Country(field, s string, letters int) error {
	switch {
	case len(s) == 5-letters && (Alpha2(s) != "" || Alpha3(s) != ""):
		return NewFieldError(ErrCountry, field, fmt.Sprintf("it has %d letters where this network wants %d (ISO 3166-1 alpha-%d)", len(s), letters, letters))
	case letters == 2 && Alpha3(s) == "", letters == 3 && Alpha2(s) == "":
		return NewFieldError(ErrCountry, field, fmt.Sprintf("it is no assigned ISO 3166-1 alpha-%d code in upper case", letters))
	}
	return nil
}
