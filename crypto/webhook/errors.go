package webhook

import "github.com/issuant/issuant/internal/code"

// Refusals of Verifier.Open, in the order in which they are looked for: the first
// that applies is the one that is returned. Every error of Open is an *Error that
// unwraps to one of the first ten; ErrReplayed is for the memory behind it.
var (
	ErrTooLarge   = code.New(code.TooLarge, "webhook: body or token is too large")
	ErrNotSigned  = code.New(code.NotSigned, "webhook: message has no signature header")
	ErrMalformed  = code.New(code.Malformed, "webhook: signature header is malformed")
	ErrAlgorithm  = code.New(code.Algorithm, "webhook: algorithm is not the one of this route")
	ErrKeyUnknown = code.New(code.KeyUnknown, "webhook: no key of the named id")
	ErrKeyRefused = code.New(code.KeyRefused, "webhook: named key must not be used")
	ErrSignature  = code.New(code.Signature, "webhook: signature does not match the named key")
	ErrClaims     = code.New(code.Claims, "webhook: claims are not acceptable")
	ErrStale      = code.New(code.Stale, "webhook: message is not of this time")
	ErrBodyHash   = code.New(code.BodyHash, "webhook: body is not the signed one")
	ErrReplayed   = code.New(code.Replayed, "webhook: message was seen before")

	// ErrOptions is what the error of a constructor wraps.
	ErrOptions = code.New(code.Config, "webhook: options are not usable")
)

// Error is why a message was refused. Its text holds nothing that the sender sent
// and no secret.
type Error struct {
	kind   *code.Sentinel
	detail string
	keyID  string
}

func (e *Error) Error() string {
	if e.detail == "" {
		return e.kind.Error()
	}
	return e.kind.Error() + ": " + e.detail
}

// Code returns the code of the refusal, 200 to 209.
func (e *Error) Code() uint32 { return e.kind.Code() }

// Name returns the refusal's stable name: too_large, not_signed and so on.
func (e *Error) Name() string { return e.kind.Name() }

// Unwrap returns the sentinel, so that errors.Is(err, ErrStale) works.
func (e *Error) Unwrap() error { return e.kind }

// KeyID returns the key id that the token names, as claimed by the sender: for
// logs, and for waiting until a rotated key arrives. It is "" when the token could
// not be read that far, names none, or names one that is longer than 256 bytes or
// holds anything but printable ASCII characters without blanks.
func (e *Error) KeyID() string { return e.keyID }

func refuse(kind *code.Sentinel, detail string) *Error { return &Error{kind: kind, detail: detail} }

// saneKeyID returns kid when it can stand in a log, else "".
func saneKeyID(kid string) string {
	if len(kid) > 256 {
		return ""
	}
	for i := range len(kid) {
		if kid[i] <= ' ' || kid[i] > '~' {
			return ""
		}
	}
	return kid
}
