package keyring

import (
	"crypto"
	"crypto/rsa"
	"fmt"
	"time"

	"github.com/issuant/issuant/crypto/secret"
)

// Bounds, all inclusive.
const (
	MaxIDBytes     = 256
	MinRSABits     = 2048
	MaxRSABits     = 8192 // a check with 8192 bits takes some 30 times as long as one with 2048
	MinRSAExponent = 1<<16 + 1
	MaxRSAExponent = 1<<31 - 1
	MinSecretBytes = 16 // of any secret; one that checks a JWS has at least 32, which is for package jose to hold
)

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

// Key is one key and what it may be used for. A key in a Ring is shared and must
// not be changed.
type Key struct {
	ID        string           // 1 to 256 bytes, compared exactly
	Alg       string           // the only JOSE algorithm it may be used with; "" when its source names none
	Scheme    string           // the only scheme it may be used with ("pismo"); "" when its source names none
	Use       Use              // zero: none, and the key is refused
	NotBefore time.Time        // first instant of validity; zero: since ever
	NotAfter  time.Time        // last instant of validity, inclusive; zero: for ever
	Public    crypto.PublicKey // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	Secret    secret.Bytes     // of a symmetric key
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
	if pub == nil || pub.N == nil || pub.N.Sign() <= 0 || pub.N.Bit(0) == 0 {
		return fmt.Errorf("%w: RSA modulus is not a positive odd number", ErrWeakKey)
	}
	if n := pub.N.BitLen(); n < MinRSABits || n > MaxRSABits {
		return fmt.Errorf("%w: RSA of %d bits, outside %d to %d", ErrWeakKey, n, MinRSABits, MaxRSABits)
	}
	if e := pub.E; e < MinRSAExponent || e > MaxRSAExponent || e&1 == 0 {
		return fmt.Errorf("%w: RSA exponent is not odd between 2^16 and 2^31", ErrWeakKey)
	}
	return nil
}

// check returns why the key cannot be used at all, "" when it can.
func (k *Key) check() string {
	switch pub := k.Public.(type) {
	case nil:
		if n := k.Secret.Len(); n < MinSecretBytes {
			return fmt.Sprintf("%v: secret of %d bytes, fewer than %d", ErrWeakKey, n, MinSecretBytes)
		}
	case *rsa.PublicKey:
		if err := CheckRSA(pub); err != nil {
			return err.Error()
		}
	}
	if k.Use == 0 || int(k.Use) >= len(useNames) {
		return "keyring: key has no use"
	}
	return ""
}
