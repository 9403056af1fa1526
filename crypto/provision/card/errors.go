package card

import "github.com/issuant/issuant/internal/code"

// Errors of wallet payloads, shared by the builders. What a builder returns is a
// *FieldError that unwraps to one of them.
var (
	ErrField    = code.New(code.Field, "card: field is not usable")
	ErrPAN      = code.New(code.PAN, "card: card number is missing or not usable")
	ErrCountry  = code.New(code.Country, "card: country is not usable")
	ErrExpiry   = code.New(code.Expiry, "card: expiry date is not usable")
	ErrExpired  = code.New(code.CardExpired, "card: card has expired")
	ErrNetwork  = code.New(code.Network, "card: no payload is built for this network")
	ErrValidity = code.New(code.Validity, "card: payload would be valid in the past or for too long")
)

// FieldError says which field cannot be used and why. It never holds the value.
type FieldError struct {
	Field  string // as the payload names it, from its root: "billingAddress.line1"
	Reason string
	kind   *code.Sentinel
}

// NewFieldError returns an error that unwraps to kind, one of the sentinels above.
func NewFieldError(kind *code.Sentinel, field, reason string) *FieldError {
	return &FieldError{Field: field, Reason: reason, kind: kind}
}

func (e *FieldError) Error() string { return e.kind.Error() + ": " + e.Field + ": " + e.Reason }

// Code returns the code of the sentinel.
func (e *FieldError) Code() uint32 { return e.kind.Code() }

// Unwrap returns the sentinel.
func (e *FieldError) Unwrap() error { return e.kind }
