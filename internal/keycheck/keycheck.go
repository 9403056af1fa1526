// Package keycheck says whether a public key is strong enough to be used at all. It
// stands apart so that the ring, which refuses a weak key when it is loaded, and the
// package that uses a key, whatever ring it came from, ask the same question.
package keycheck

import "crypto/rsa"

// Bounds, all inclusive (RFC 7518 section 3.3 for the least size; the greatest is ours).
const (
	MinRSABits     = 2048
	MaxRSABits     = 8192 // a check with 8192 bits takes some 30 times as long as one with 2048
	MinRSAExponent = 1<<16 + 1
	MaxRSAExponent = 1<<31 - 1
)

// RSA is what is wrong with an RSA public key.
type RSA uint8

const (
	OK       RSA = iota
	Modulus      // not a positive odd number, or no key at all
	Bits         // fewer than MinRSABits or more than MaxRSABits
	Exponent     // even, or outside MinRSAExponent to MaxRSAExponent
)

// CheckRSA returns the first of the above that applies.
func CheckRSA(pub *rsa.PublicKey) RSA {
	if pub == nil || pub.N == nil || pub.N.Sign() <= 0 || pub.N.Bit(0) == 0 {
		return Modulus
	}
	if n := pub.N.BitLen(); n < MinRSABits || n > MaxRSABits {
		return Bits
	}
	if e := pub.E; e < MinRSAExponent || e > MaxRSAExponent || e&1 == 0 {
		return Exponent
	}
	return OK
}
