package jose_test

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"testing"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/vectorfile"
)

// jwk is a key of the vector file: public, private or a secret.
type jwk struct{ Kty, Crv, K, X, Y, D, N, E, P, Q string }

func raw(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (k jwk) key(t *testing.T) any {
	t.Helper()
	number := func(s string) *big.Int { return new(big.Int).SetBytes(raw(t, s)) }
	switch {
	case k.Kty == "oct":
		return secret.NewBytes(raw(t, k.K))
	case k.Kty == "OKP":
		return ed25519.PublicKey(raw(t, k.X))
	case k.Kty == "RSA" && k.D == "":
		return &rsa.PublicKey{N: number(k.N), E: int(number(k.E).Int64())}
	case k.Kty == "RSA":
		key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: number(k.N), E: int(number(k.E).Int64())}, D: number(k.D), Primes: []*big.Int{number(k.P), number(k.Q)}}
		key.Precompute()
		return key
	case k.D == "":
		curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[k.Crv]
		pub, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, raw(t, k.X), raw(t, k.Y)))
		if err != nil {
			t.Fatal(err)
		}
		return pub
	}
	priv, err := map[string]ecdh.Curve{"P-256": ecdh.P256(), "P-384": ecdh.P384(), "P-521": ecdh.P521()}[k.Crv].NewPrivateKey(raw(t, k.D))
	if err != nil {
		t.Fatal(err)
	}
	return priv
}

// TestVectors runs testdata/vectors/jose_tokens.json, of which nothing was made by us.
func TestVectors(t *testing.T) {
	f := vectorfile.Load(t, "/testdata/vectors/jose_tokens.json")
	var setup struct{ Keys map[string]jwk }
	if err := json.Unmarshal(f.Setup, &setup); err != nil {
		t.Fatal(err)
	}
	keys := map[string]any{}
	for name, k := range setup.Keys {
		keys[name] = k.key(t)
	}
	for i := range f.Cases {
		c := &f.Cases[i]
		t.Run(c.ID, func(t *testing.T) {
			var in struct {
				Container, Alg, Key, Token string
				Enc                        []string
			}
			vectorfile.Into(t, c.Input, &in)
			if keys[in.Key] == nil {
				t.Fatal("no such key")
			}
			var got []byte
			var err error
			if in.Container == "jws" {
				var jws jose.JWS
				if jws, err = jose.Parse(in.Token); err == nil {
					got, err = jws.Verify(in.Alg, keys[in.Key])
				}
			} else {
				var jwe jose.JWE
				if jwe, err = jose.ParseJWE(in.Token); err == nil {
					got, err = jwe.Open(in.Alg, keys[in.Key], in.Enc...)
				}
			}
			if code.Of(err).String() != c.Expect {
				t.Fatalf("%v, wanted %s", err, c.Expect)
			}
			var want struct {
				Payload string `json:"payload_b64"`
			}
			if err == nil {
				vectorfile.Into(t, c.Want, &want)
				if base64.StdEncoding.EncodeToString(got) != want.Payload {
					t.Errorf("payload is %q", got)
				}
			}
		})
	}
}
