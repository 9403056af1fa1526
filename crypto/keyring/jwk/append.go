//go:build !issuant_lean

package jwk

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/internal/canon"
)

// Append appends a key as the members of one object that Read reads: its public half,
// or the secret of a symmetric key, in clear. It is how a host hands keys to the WASM
// module, whatever they were read from: the caller wipes what it got. A key that must
// not be used becomes one that Read refuses, so that a message which names it is told
// from one that names no key at all. Private halves and keys in devices stay where they
// are: the error wraps keyring.ErrKind for a key that has nothing else, and for curves
// that JWK does not know.
//
// The beginning of validity is written in whole seconds, rounded down, its end in
// milliseconds (not_after_ms).
func Append(dst []byte, k *keyring.Key) ([]byte, error) {
	w := canon.NewWriter(dst).Object().Key("kid").String(k.ID)
	if k.Refused != "" {
		return w.Key("kty").String("refused").EndObject().Bytes(), nil
	}
	if k.Public != nil && (k.Use == keyring.UseSign || k.Use == keyring.UseDecrypt) {
		return dst, fmt.Errorf("%w: it is private, and private halves are not handed out", keyring.ErrKind)
	}
	b64 := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	switch pub := k.Public.(type) {
	case *rsa.PublicKey:
		w.Key("kty").String("RSA").Key("n").String(b64(pub.N.Bytes())).Key("e").String(b64(big.NewInt(int64(pub.E)).Bytes()))
	case *ecdsa.PublicKey:
		point, err := pub.Bytes()
		if err != nil || !strings.HasPrefix(pub.Params().Name, "P-") {
			return dst, fmt.Errorf("%w: its curve has no name in JWK", keyring.ErrKind)
		}
		half := len(point) / 2
		w.Key("kty").String("EC").Key("crv").String(pub.Params().Name)
		w.Key("x").String(b64(point[1 : 1+half])).Key("y").String(b64(point[1+half:]))
	case ed25519.PublicKey:
		w.Key("kty").String("OKP").Key("crv").String("Ed25519").Key("x").String(b64(pub))
	default:
		if k.Secret.Len() == 0 {
			return dst, fmt.Errorf("%w: it has neither a public half of RSA, EC or Ed25519 nor a secret", keyring.ErrKind)
		}
		w.Key("kty").String("oct").Key("k").String(b64(k.Secret.Reveal()))
	}
	w.Key("key_ops").Array().String(k.Use.String()).EndArray()
	w.NonEmpty("alg", k.Alg).NonEmpty("scheme", k.Scheme)
	if !k.NotBefore.IsZero() {
		w.Key("nbf").Int(k.NotBefore.Unix())
	}
	if !k.NotAfter.IsZero() {
		w.Key("not_after_ms").Int(k.NotAfter.UnixMilli())
	}
	return w.EndObject().Bytes(), nil
}
