package applepay

import (
	"context"
	"fmt"

	"github.com/issuant/issuant/internal/code"
)

// Errors of this package; those of card, visa and mastercard pass through it.
var (
	// ErrOptions: options are missing or contradict each other.
	ErrOptions = code.New(code.Config, "applepay: options are not usable")
	// ErrUnverified: a format that nobody has confirmed must be asked for by its name.
	ErrUnverified = code.New(code.Unverified, "applepay: format is unverified and was not asked for")
	// ErrClock: the instant is the zero time.
	ErrClock = code.New(code.Config, "applepay: the clock is not set")
	// ErrScheme: the device asked for a scheme that is not offered, EV_RSA_v2 for one.
	ErrScheme = code.New(code.Scheme, "applepay: encryption scheme is not offered; ask the device for EV_ECC_v2")
	// ErrCertificate: the certificates are not those of Apple Pay's issuer encryption.
	ErrCertificate = code.New(code.Certificate, "applepay: certificates are not usable")
	// ErrNonce: nonce or nonceSignature are missing, malformed or too long.
	ErrNonce = code.New(code.Nonce, "applepay: nonce is not usable")
	// ErrNonceSpent: the nonce was used before; the app must begin anew.
	ErrNonceSpent = code.New(code.NonceSpent, "applepay: nonce was used before")
	// ErrNonceMemory: the memory of nonces is full or fails; nothing is built without it.
	ErrNonceMemory = code.New(code.MemoryFull, "applepay: memory of nonces is full or fails")
	// ErrDeadline: the caller's context ended, whose error it wraps too.
	ErrDeadline = code.New(code.Deadline, "applepay: the caller's deadline passed, or it gave up")
	// ErrFIPS: the process runs with GODEBUG=fips140=only, which allows no GCM whose IV is given.
	ErrFIPS = code.New(code.FIPS, "applepay: not offered in FIPS 140-only mode")
	// ErrOpen is the one answer to pass data that cannot be opened.
	ErrOpen = code.New(code.Decryption, "applepay: pass data cannot be opened")
)

func late(ctx context.Context) error { return fmt.Errorf("%w: %w", ErrDeadline, ctx.Err()) }

// ActivationError says that what makes activation data failed, or gave nothing that can
// be used. Its text is constant, since a device's own text may hold what it was given;
// the cause is behind Unwrap.
type ActivationError struct{ cause func() error }

func activationFailed(cause error) error {
	return &ActivationError{func() error { return cause }}
}

// Error returns a constant text.
func (e *ActivationError) Error() string {
	return "applepay: activation data cannot be made: its maker failed, or gave nothing that can be used"
}

// Code returns the code of activation.
func (e *ActivationError) Code() uint32 { return uint32(code.Activation) }

// Unwrap returns the cause. Look into it with errors.Is; do not print it.
func (e *ActivationError) Unwrap() error { return e.cause() }
