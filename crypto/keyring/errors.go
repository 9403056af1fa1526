package keyring

import "github.com/issuant/issuant/internal/code"

// Errors of this package. NewRing wraps ErrNoKey and ErrDuplicateID with the id.
var (
	ErrNoKey       = code.New(code.NoKey, "keyring: no key")
	ErrDuplicateID = code.New(code.DuplicateKey, "keyring: two keys have the same id")
	ErrWeakKey     = code.New(code.WeakKey, "keyring: weak key")
)
