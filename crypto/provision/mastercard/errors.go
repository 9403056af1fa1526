package mastercard

import "github.com/issuant/issuant/internal/code"

// Errors of this package; those of package card pass through it.
var (
	// ErrKey: a key is missing, weak or of another kind, or its id is not usable.
	ErrKey = code.New(code.ProvisionKey, "mastercard: key is not usable")
	// ErrOptions: a format was not chosen, or bounds are exceeded.
	ErrOptions = code.New(code.Config, "mastercard: options are not usable")
	// ErrUnverified: a format that nobody has confirmed must be asked for by its name.
	ErrUnverified = code.New(code.Unverified, "mastercard: format is unverified and was not asked for")
	// ErrTooLarge: a plaintext is longer than MaxPlaintext.
	ErrTooLarge = code.New(code.Limit, "mastercard: plaintext is too large")
	// ErrFIPS: the process runs with GODEBUG=fips140=only, in which this is not offered.
	ErrFIPS = code.New(code.FIPS, "mastercard: not offered in FIPS 140-only mode")
	// ErrOpen is the one answer to every envelope that cannot be opened: the text is
	// constant. What was wrong is behind the method Detail() string, for the record.
	ErrOpen = code.New(code.Decryption, "mastercard: envelope cannot be opened")
)

func unopened(detail string) error { return code.Hide(ErrOpen, detail) }
