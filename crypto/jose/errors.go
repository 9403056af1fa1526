package jose

import "github.com/issuant/issuant/internal/code"

// Errors of this package, in the order in which a token is refused. Details are
// wrapped around them and never hold any part of the token.
var (
	ErrTooLarge  = code.New(code.TooLarge, "jose: token is too large")
	ErrMalformed = code.New(code.Malformed, "jose: malformed token")
	ErrAlgorithm = code.New(code.Algorithm, "jose: algorithm is not the one of this route")
	ErrKey       = code.New(code.KeyRefused, "jose: key cannot be used with this algorithm")
	ErrSignature = code.New(code.Signature, "jose: signature does not match")

	// ErrOpen is the one answer for everything that goes wrong between a
	// well-formed encrypted message and its plaintext. Its text is constant, so
	// that a sender who sees it learns nothing; (*Error).Detail is for the record.
	ErrOpen = code.New(code.Decryption, "jose: message cannot be opened")

	// ErrHeader: the header that the caller asks for cannot be written.
	ErrHeader = code.New(code.Config, "jose: header cannot be written")

	// ErrSigner: the caller's key, or the device that holds it, did not sign. The
	// device's own error is wrapped beside it.
	ErrSigner = code.New(code.KeySource, "jose: key did not sign")

	// ErrAbsent: this build was made without the algorithm (tag issuant_lean, as in the
	// small flavours of the WASM module).
	ErrAbsent = code.New(code.AlgorithmAbsent, "jose: this build does not hold the algorithm; take the full flavour")

	// ErrFIPS: the process runs with GODEBUG=fips140=only, in which this is not offered.
	ErrFIPS = code.New(code.FIPS, "jose: not offered in FIPS 140-only mode")
)

// Error is one of the sentinels above with a detail.
type Error struct {
	kind   *code.Sentinel
	detail string
}

// Error returns the sentinel's text and the detail; for ErrOpen the text alone.
func (e *Error) Error() string {
	if e.kind == ErrOpen {
		return e.kind.Error()
	}
	return e.kind.Error() + ": " + e.detail
}

// Detail returns what is wrong, without the sentinel's text and without any part of the token.
func (e *Error) Detail() string { return e.detail }

// Code returns the code of the sentinel.
func (e *Error) Code() uint32 { return e.kind.Code() }

// Unwrap returns the sentinel.
func (e *Error) Unwrap() error { return e.kind }

func malformed(detail string) error { return &Error{ErrMalformed, detail} }

func badKey(detail string) error { return &Error{ErrKey, detail} }

func unopened(detail string) error { return &Error{ErrOpen, detail} }
