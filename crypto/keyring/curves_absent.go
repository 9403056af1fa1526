//go:build issuant_lean

package keyring

import "crypto"

// A lean build has no curves: no key of theirs can be in a ring.

func curveKind(crypto.PublicKey) string { return "" }

func agrees(any) bool { return false }

func agreedPublic(any) crypto.PublicKey { return nil }
