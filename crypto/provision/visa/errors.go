package visa

import "github.com/issuant/issuant/internal/code"

// Errors of this package; those of package card pass through it.
var (
	// ErrKey: a key or a shared secret is missing, weak or of another kind, or its id is not usable.
	ErrKey = code.New(code.ProvisionKey, "visa: key is not usable")
	// ErrOptions: options contradict each other, or a choice is unknown.
	ErrOptions = code.New(code.Config, "visa: options are not usable")
	// ErrClock: the instant lies outside the years 1970 to 9999.
	ErrClock = code.New(code.Config, "visa: the clock is not set")
	// ErrUnverified: a layout that nobody has confirmed must be asked for by its name.
	ErrUnverified = code.New(code.Unverified, "visa: format is unverified and was not asked for")
	// ErrAuthCode: an authentication code is not six digits and upper-case letters.
	ErrAuthCode = code.New(code.AuthCode, "visa: authentication code is not 6 digits and upper-case letters")
	// ErrFIPS: the process runs with GODEBUG=fips140=only, in which there is no Triple DES.
	ErrFIPS = code.New(code.FIPS, "visa: Triple DES is not offered in FIPS 140-only mode")
	// ErrTooLarge: a plaintext is too large.
	ErrTooLarge = code.New(code.Limit, "visa: plaintext is too large")
	// ErrOpen is the one answer to everything that cannot be opened: the text is
	// constant. What was wrong is behind the method Detail() string, for the record.
	ErrOpen = code.New(code.Decryption, "visa: message cannot be opened")
)

func unopened(detail string) error { return code.Hide(ErrOpen, detail) }
