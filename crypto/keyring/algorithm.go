package keyring

import (
	"crypto/subtle"
	"fmt"
	"strings"
)

// AlgTDES marks a symmetric key of Triple DES, two keys (16 bytes) or three (24), as
// Visa's WSD keys are. JOSE has no name for it: this one is ours.
const AlgTDES = "TDES"

// secretBytes are the lengths in bytes that algorithms demand of a secret (RFC 7518):
// exactly, or for a MAC at least.
var secretBytes = map[string]struct {
	n     int
	exact bool
}{
	"HS256": {32, false}, "HS384": {48, false}, "HS512": {64, false},
	"A128GCM": {16, true}, "A192GCM": {24, true}, "A256GCM": {32, true},
	"A128KW": {16, true}, "A192KW": {24, true}, "A256KW": {32, true},
	"A128GCMKW": {16, true}, "A192GCMKW": {24, true}, "A256GCMKW": {32, true},
	"A128CBC-HS256": {32, true}, "A192CBC-HS384": {48, true}, "A256CBC-HS512": {64, true},
	// Card systems name a bare AES key so; JOSE does not.
	"A128CBC": {16, true}, "A192CBC": {24, true}, "A256CBC": {32, true},
}

// kindsOf are the kinds of public keys that algorithms demand, by the beginning of
// their names (RFC 7518, RFC 8037).
var kindsOf = []struct{ alg, kinds string }{
	{"RS", "rsa-"}, {"PS", "rsa-"}, {"RSA-OAEP", "rsa-"},
	{"ES256", "ec-p-256"}, {"ES384", "ec-p-384"}, {"ES512", "ec-p-521"},
	{"EdDSA", "ed25519"}, {"Ed25519", "ed25519"}, {"ECDH-ES", "ec"},
}

// fits reports whether an algorithm may go with that kind of public key. An
// algorithm that is not known fits: whoever uses the key names the one he wants.
func fits(alg, kind string) bool {
	if _, symmetric := secretBytes[alg]; symmetric || alg == AlgTDES {
		return false
	}
	for _, row := range kindsOf {
		if strings.HasPrefix(alg, row.alg) {
			return strings.HasPrefix(kind, row.kinds)
		}
	}
	return true
}

// checkSecret returns why a symmetric key cannot be used, "" when it can.
func (k *Key) checkSecret() string {
	if k.Secret.Len() == 0 && !k.Device.IsZero() {
		return "" // what the device holds, its operator has seen to
	}
	n := k.Secret.Len()
	for _, row := range kindsOf {
		if k.Alg != "" && strings.HasPrefix(k.Alg, row.alg) {
			return "keyring: algorithm does not fit the kind of key"
		}
	}
	want, known := secretBytes[k.Alg]
	switch {
	case k.Alg == AlgTDES:
		return checkTDES(k.Secret.Reveal())
	case known && want.exact && n != want.n:
		return fmt.Sprintf("%v: %s takes a secret of %d bytes, not %d", ErrWeakKey, k.Alg, want.n, n)
	case known && want.exact:
		return ""
	}
	least := MinSecret(k.Scheme)
	// Webhook schemes may write HS256 for their own HMAC, with secrets as short as these.
	if known && k.Scheme == "" {
		least = want.n
	}
	if n < least {
		return fmt.Sprintf("%v: secret of %d bytes, fewer than %d", ErrWeakKey, n, least)
	}
	return ""
}

// checkTDES refuses keys of another length, and those whose parts are equal: they
// encrypt as single DES does.
func checkTDES(key []byte) string {
	if len(key) != 16 && len(key) != 24 {
		return fmt.Sprintf("%v: Triple DES takes 16 or 24 bytes, not %d", ErrWeakKey, len(key))
	}
	// The lowest bit of each byte is a parity bit, which DES does not read.
	bare := make([]byte, len(key))
	defer clear(bare)
	for i, b := range key {
		bare[i] = b &^ 1
	}
	for i := 8; i < len(bare); i += 8 {
		if subtle.ConstantTimeCompare(bare[i-8:i], bare[i:i+8]) == 1 {
			return fmt.Sprintf("%v: two parts of the Triple DES key are equal, which makes it single DES", ErrWeakKey)
		}
	}
	return ""
}
