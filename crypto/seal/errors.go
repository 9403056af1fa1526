package seal

import "github.com/issuant/issuant/internal/code"

// Errors of the package; errors.Is finds them in what the functions return. Errors of
// a reader or writer that the caller brought are returned as they are.
var (
	// ErrKey: a list of recipients, a key file or a passphrase is not usable, or was dropped.
	ErrKey = code.New(code.KeyFile, "seal: keys are not usable")
	// ErrNoIdentity: what is sealed is sealed to somebody else.
	ErrNoIdentity = code.New(code.NoKey, "seal: it is not sealed to any key of the key file")
	// ErrSealed: a text is not a sealed one, or was changed, cut off or put in another place.
	ErrSealed = code.New(code.Sealed, "seal: not a sealed text, or it was changed")
	// ErrTooLarge: there is more to seal or to open than the bounds allow.
	ErrTooLarge = code.New(code.Limit, "seal: larger than the limit")
	// ErrSpent: a data key has sealed as much as it may, or is too old; make a new one.
	ErrSpent = code.New(code.KeySpent, "seal: the data key is spent")
	// ErrMember: a JSON document does not have the member that is to be sealed or opened.
	ErrMember = code.New(code.Member, "seal: the document has no such member")
)
