package keyring

import "github.com/issuant/issuant/internal/code"

// Errors of this package. NewRing wraps ErrNoKey and ErrDuplicateID with the id.
var (
	ErrNoKey       = code.New(code.NoKey, "keyring: no key")
	ErrDuplicateID = code.New(code.DuplicateKey, "keyring: two keys have the same id")
	ErrWeakKey     = code.New(code.WeakKey, "keyring: weak key")
	ErrKind        = code.New(code.KeyKind, "keyring: key is of another kind")
	ErrCheckValue  = code.New(code.CheckValue, "keyring: key check value does not match")
	ErrUnwrap      = code.New(code.Unwrap, "keyring: what is wrapped cannot be opened with this key, or was changed")
)
