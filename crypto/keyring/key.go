package keyring

import (
	"crypto"
	"crypto/rsa"
	"fmt"
	"time"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/keycheck"
)

// Bounds, all inclusive.
const (
	MaxIDBytes     = 256
	MinRSABits     = keycheck.MinRSABits     // 2048
	MaxRSABits     = keycheck.MaxRSABits     // 8192
	MinRSAExponent = keycheck.MinRSAExponent // 2^16 + 1
	MaxRSAExponent = keycheck.MaxRSAExponent // 2^31 - 1
	MinSecretBytes = 16                      // of any secret; one whose algorithm is that of a JWS has at least 32

	// MinPasswordBytes is the bound for keys of PasswordScheme in the place of
	// MinSecretBytes: its secret is a password that the counterpart's form takes, no key
	// of an HMAC, and the one of its published example has eight characters.
	MinPasswordBytes = 8
	PasswordScheme   = "trust-payments"
)

// MinSecret returns how long a secret for a scheme is at least.
func MinSecret(scheme string) int {
	if scheme == PasswordScheme {
		return MinPasswordBytes
	}
	return MinSecretBytes
}

// Use says what a key is for. The zero Use is none: such a key is refused.
type Use uint8

const (
	UseVerify Use = iota + 1 // public key or shared secret that checks what others signed
	UseSign
	UseEncrypt
	UseDecrypt
)

var useNames = [...]string{"none", "verify", "sign", "encrypt", "decrypt"}

// String returns the name of the use: none, verify, sign, encrypt, decrypt.
func (u Use) String() string {
	if int(u) < len(useNames) {
		return useNames[u]
	}
	return fmt.Sprintf("use_%d", uint8(u))
}

// ParseUse returns the use of that name, 0 for none.
func ParseUse(name string) Use {
	for u := UseVerify; u <= UseDecrypt; u++ {
		if useNames[u] == name {
			return u
		}
	}
	return 0
}

// Key is one key and what it may be used for. A key in a Ring is shared and must
// not be changed.
type Key struct {
	ID        string           // 1 to 256 bytes, compared exactly
	Alg       string           // the only JOSE algorithm it may be used with, or AlgTDES; "" when its source names none
	Scheme    string           // the only scheme it may be used with ("pismo"); "" when its source names none
	Use       Use              // zero: none, and the key is refused
	NotBefore time.Time        // first instant of validity; zero: since ever
	NotAfter  time.Time        // last instant of validity, inclusive; zero: for ever
	Public    crypto.PublicKey // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey or *ecdh.PublicKey; NewRing fills in that of Private
	Private   Private          // of a key pair that is ours
	Secret    secret.Bytes     // of a symmetric key
	Device    Device           // a symmetric key that does not leave its device
	Refused   string           // when not "": why the key must not be used; never holds text of a sender
}

// ValidAt reports whether now lies in the key's dates.
func (k *Key) ValidAt(now time.Time) bool {
	return (k.NotBefore.IsZero() || !now.Before(k.NotBefore)) && (k.NotAfter.IsZero() || !now.After(k.NotAfter))
}

// Usable returns why the key must not be used for use, with alg, under scheme, at
// now; "" when it may. The kind of its material is for the caller to check.
func (k *Key) Usable(use Use, alg, scheme string, now time.Time) string {
	switch {
	case k.Refused != "":
		return k.Refused
	case k.Use != use:
		return "key is for another use"
	case k.Alg != "" && k.Alg != alg:
		return "key is for another algorithm"
	case k.Scheme != "" && k.Scheme != scheme:
		return "key is for another scheme"
	case !k.ValidAt(now):
		return "key is not valid at this time"
	}
	return ""
}

// CheckRSA returns nil for a public key of 2048 to 8192 bits with an odd exponent
// above 2^16 and below 2^31, else an error that wraps ErrWeakKey.
func CheckRSA(pub *rsa.PublicKey) error {
	switch keycheck.CheckRSA(pub) {
	case keycheck.Modulus:
		return fmt.Errorf("%w: RSA modulus is not a positive odd number", ErrWeakKey)
	case keycheck.Bits:
		return fmt.Errorf("%w: RSA of %d bits, outside %d to %d", ErrWeakKey, pub.N.BitLen(), MinRSABits, MaxRSABits)
	case keycheck.Exponent:
		return fmt.Errorf("%w: RSA exponent is not odd between 2^16 and 2^31", ErrWeakKey)
	}
	return nil
}

// Kind returns what the key is: rsa-2048 (its bits), ec-p-256, ec-p-384, ec-p-521,
// ed25519, ecdh-x25519, ecdh-p-256, secret-32 (its bytes), tdes-2 or tdes-3 (its keys), device, none.
func (k *Key) Kind() string {
	if kind := publicKind(k.Public); kind != "" {
		return kind
	}
	switch n := k.Secret.Len(); {
	case k.Alg == AlgTDES && (n == 16 || n == 24):
		return fmt.Sprintf("tdes-%d", n/8)
	case n > 0:
		return fmt.Sprintf("secret-%d", n)
	case !k.Device.IsZero():
		return "device"
	case !k.Private.IsZero():
		return publicKind(k.Private.Public())
	}
	return "none"
}

func publicKind(pub crypto.PublicKey) string {
	if pub, ok := pub.(*rsa.PublicKey); ok {
		if pub != nil && pub.N != nil {
			return fmt.Sprintf("rsa-%d", pub.N.BitLen())
		}
		return ""
	}
	return curveKind(pub)
}

// complete fills in the public half of a key pair.
func (k *Key) complete() {
	if !k.Private.IsZero() && k.Public == nil {
		k.Public = k.Private.Public()
	}
}

// check returns why the key cannot be used at all, "" when it can.
func (k *Key) check() string {
	why := ""
	if k.Public == nil {
		why = k.checkSecret()
	} else {
		why = k.checkPair()
	}
	if why != "" {
		return why
	}
	if k.Use == 0 || int(k.Use) >= len(useNames) {
		return "keyring: key has no use"
	}
	if (k.Use == UseSign || k.Use == UseDecrypt) && k.Public != nil && k.Private.IsZero() {
		return "keyring: key has no private half, which its use needs"
	}
	return ""
}

func (k *Key) checkPair() string {
	if rsaKey, ok := k.Public.(*rsa.PublicKey); ok {
		if err := CheckRSA(rsaKey); err != nil {
			return err.Error()
		}
	}
	kind := publicKind(k.Public)
	if kind == "" {
		return "keyring: public key is of a kind that is not known"
	}
	if !fits(k.Alg, kind) {
		return "keyring: algorithm does not fit the kind of key"
	}
	if !k.Private.IsZero() && !samePublic(k.Public, k.Private.Public()) {
		return "keyring: private and public key are no pair"
	}
	return ""
}

// samePublic compares public keys: every kind of the standard library has Equal.
func samePublic(a, b crypto.PublicKey) bool {
	eq, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && eq.Equal(b)
}
