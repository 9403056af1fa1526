//go:build !issuant_lean

package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"math/big"
)

// hasCurves tells whether this build holds ECDSA and Ed25519.
const hasCurves = true

// curve is asked for when it is needed, not kept in the table: a program that only
// verifies RS256 then does not carry the curves.
func (s *signature) curve() elliptic.Curve {
	switch s.name {
	case ES256:
		return elliptic.P256()
	case ES384:
		return elliptic.P384()
	}
	return elliptic.P521()
}

// checkCurve is check for the families on elliptic curves.
func (s *signature) checkCurve(key any) error {
	if s.family == familyEd25519 {
		if pub, ok := key.(ed25519.PublicKey); !ok || len(pub) != ed25519.PublicKeySize {
			return badKey("it is not an Ed25519 key")
		}
		return nil
	}
	pub, ok := key.(*ecdsa.PublicKey)
	//lint:ignore SA1019 a key without coordinates would make the standard library panic
	if !ok || pub == nil || pub.Curve != s.curve() || pub.X == nil || pub.Y == nil {
		return badKey("it is not a key on the curve of " + s.name)
	}
	return nil
}

// verifyCurve is verify for them; the signature has its length.
func (s *signature) verifyCurve(key any, input, room, sig []byte) bool {
	if s.family == familyEd25519 {
		return ed25519.Verify(key.(ed25519.PublicKey), input, sig)
	}
	r, t := new(big.Int).SetBytes(sig[:s.size/2]), new(big.Int).SetBytes(sig[s.size/2:])
	return ecdsa.Verify(key.(*ecdsa.PublicKey), appendDigest(room, s.hash, input), r, t)
}
