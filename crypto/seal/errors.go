package seal

import "github.com/issuant/issuant/internal/code"

// Errors of the package; errors.Is finds them in what the functions return.
var (
	// ErrKey: a list of recipients or a key file is not usable.
	ErrKey = code.New(code.KeyFile, "seal: keys are not usable")
	// ErrNoIdentity: what is sealed is sealed to somebody else.
	ErrNoIdentity = code.New(code.NoKey, "seal: it is not sealed to any key of the key file")
	// ErrSealed: a text is not a sealed one, or was changed.
	ErrSealed = code.New(code.Sealed, "seal: not a sealed text, or it was changed")
	// ErrTooLarge: there is more to seal or to open than the bounds allow.
	ErrTooLarge = code.New(code.Limit, "seal: larger than the limit")
)
