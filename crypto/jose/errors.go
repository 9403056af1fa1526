package jose

import "github.com/issuant/issuant/internal/code"

// Errors of this package. Details are wrapped around them and never hold any part of the token.
var (
	ErrTooLarge  = code.New(code.TooLarge, "jose: token is longer than 16 KiB")
	ErrMalformed = code.New(code.Malformed, "jose: malformed token")
	ErrAlgorithm = code.New(code.Algorithm, "jose: algorithm is not the one of this route")
	ErrKey       = code.New(code.KeyRefused, "jose: key is of another kind")
	ErrSignature = code.New(code.Signature, "jose: signature does not match")
)

// Error is one of the sentinels above with a detail.
type Error struct {
	kind   *code.Sentinel
	detail string
}

func (e *Error) Error() string { return e.kind.Error() + ": " + e.detail }

// Detail returns what is wrong, without the sentinel's text and without any part of the token.
func (e *Error) Detail() string { return e.detail }

// Code returns the code of the sentinel.
func (e *Error) Code() uint32 { return e.kind.Code() }

// Unwrap returns the sentinel.
func (e *Error) Unwrap() error { return e.kind }

func malformed(detail string) error { return &Error{ErrMalformed, detail} }
