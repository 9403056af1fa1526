//go:build !wasip1 || !issuant_accel

package accel

import (
	"crypto"
	"crypto/rsa"
)

// Linked tells whether a host is asked at all.
const Linked = false

// VerifyRSA asks the host whether sig is a signature of the message. done is false
// where the host was not asked, or does not do this one.
func VerifyRSA(*rsa.PublicKey, crypto.Hash, bool, string, []byte) (holds, done bool) {
	return false, false
}

// DecodeJWS has the host decode what stands behind a token's header: payload, dot and
// signature. payload is nil where the host was not asked, or takes it for none.
func DecodeJWS([]byte, string) (payload, signature []byte, dot int) { return nil, nil, 0 }

// VerifyJWS has the host verify a token, and decode its payload; payload is nil where the
// host was not asked, or does not take the token.
func VerifyJWS([]byte, *rsa.PublicKey, crypto.Hash, bool, string) (payload []byte) { return nil }

// SHA256 has the host write the message's hash into out.
func SHA256([]byte, *[32]byte) (done bool) { return false }

// SHA256Text has the host write the message's hash into out, and its texts.
func SHA256Text([]byte, *Texts) (done bool) { return false }

// HMAC has the host append the message's HMAC to dst, with the SHA-2 hash of that many
// bytes.
func HMAC(dst []byte, _ int, _, _ []byte) (mac []byte, done bool) { return dst, false }
