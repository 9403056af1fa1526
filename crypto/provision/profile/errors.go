package profile

import "github.com/issuant/issuant/internal/code"

// Errors of this package; those of package card pass through it.
var (
	// ErrProfile: a layout contradicts itself, or cannot be carried out. The operator acts.
	ErrProfile = code.New(code.ProfileFile, "profile: layout is not usable")
	// ErrKey: a key is missing, weak, out of date or of another kind.
	ErrKey = code.New(code.ProvisionKey, "profile: key is not usable")
	// ErrUnverified: no vectors have confirmed the layout, and it was not asked for all the same.
	ErrUnverified = code.New(code.Unverified, "profile: layout is unverified and was not asked for")
	// ErrFIPS: the process runs with GODEBUG=fips140=only, in which the layout's ciphers are not offered.
	ErrFIPS = code.New(code.FIPS, "profile: not offered in FIPS 140-only mode")
	// ErrVectors: a file of known answers is none.
	ErrVectors = code.New(code.VectorFile, "profile: not a file of vectors")
)
