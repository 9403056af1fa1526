//go:build !issuant_lean

package jwk

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
	"slices"

	"github.com/issuant/issuant/crypto/keyring"
)

// pair reads the private half of a key whose public half has been read.
func (j *jwk) pair(k *keyring.Key) {
	d := j.bytes("d")
	defer clear(d)
	var private any
	var err error
	if pub, ok := k.Public.(*rsa.PublicKey); ok {
		private, err = j.rsaPair(pub, d)
	} else {
		private, err = j.curvePair(k.Public, d)
	}
	if j.wrong != "" {
		return
	}
	if err == nil {
		k.Private, err = keyring.NewPrivate(private)
	}
	if err != nil {
		j.fail("the private members are no private key")
		return
	}
	if eq, ok := k.Private.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !eq.Equal(k.Public) {
		j.fail("the private and the public members are no pair")
	}
}

// rsaPair takes d and the two primes, and computes the rest anew.
func (j *jwk) rsaPair(pub *rsa.PublicKey, d []byte) (*rsa.PrivateKey, error) {
	if _, ok := j.members.Get("oth"); ok {
		j.fail("has more than two primes")
		return nil, nil
	}
	p, q := j.bytes("p"), j.bytes("q")
	defer clear(p)
	defer clear(q)
	if j.wrong != "" {
		return nil, nil
	}
	n := func(b []byte) *big.Int { return new(big.Int).SetBytes(b) }
	key := &rsa.PrivateKey{PublicKey: *pub, D: n(d), Primes: []*big.Int{n(p), n(q)}}
	if err := key.Validate(); err != nil {
		return nil, err
	}
	key.Precompute()
	return key, nil
}

// curvePair makes the private key of an EC or OKP key; nil without an error when what
// is wrong has been said.
func (j *jwk) curvePair(public crypto.PublicKey, d []byte) (private any, err error) {
	if pub, ok := public.(*ecdsa.PublicKey); ok {
		return ecdsa.ParseRawPrivateKey(pub.Curve, d)
	}
	if len(d) != ed25519.SeedSize {
		j.fail("d is not 32 bytes")
		return nil, nil
	}
	return ed25519.NewKeyFromSeed(d), nil
}

func (j *jwk) ec() crypto.PublicKey {
	curves := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}
	curve := curves[j.text("crv")]
	if curve == nil {
		j.fail("crv is not P-256, P-384 or P-521")
		return nil
	}
	x, y := j.bytes("x"), j.bytes("y")
	if size := (curve.Params().BitSize + 7) / 8; len(x) != size || len(y) != size {
		j.fail("x or y is not as long as the curve demands")
		return nil
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		j.fail("point is not on the curve")
		return nil
	}
	return pub
}

func (j *jwk) okp() crypto.PublicKey {
	if j.text("crv") != "Ed25519" {
		j.fail("crv is not Ed25519")
		return nil
	}
	x := j.bytes("x")
	if len(x) != ed25519.PublicKeySize {
		j.fail("x is not 32 bytes")
		return nil
	}
	return ed25519.PublicKey(x)
}
