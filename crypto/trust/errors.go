package trust

import "github.com/issuant/issuant/internal/code"

// Errors of the package; errors.Is finds them in what the functions return.
var (
	// ErrFile: the bytes are no signed file, or one of another kind.
	ErrFile = code.New(code.Signed, "trust: not a signed file of this kind")
	// ErrUnsigned: too few of those whom we trust have signed, or they have signed something else.
	ErrUnsigned = code.New(code.Unsigned, "trust: not signed as it has to be")
	// ErrExpired: it is not good yet, or not any more.
	ErrExpired = code.New(code.Expired, "trust: the signed file is not in date")
	// ErrRollback: it is older than what was taken before, or another one in its place.
	ErrRollback = code.New(code.Rollback, "trust: the signed file does not follow the one that was taken before")
	// ErrRoot: the keys of a root, or what is to be signed and by whom, are not usable.
	ErrRoot = code.New(code.TrustRoot, "trust: keys or statement are not usable")
)
