package source

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/strictjson"
)

// ParseJWKS reads a JWK set (RFC 7517). Read are kty (RSA, EC with P-256, P-384 or
// P-521, OKP with Ed25519, oct of at least 16 bytes), kid, use (sig), key_ops
// (with verify), alg, and as members of our own nbf and exp (Unix seconds; the key
// is valid from nbf and before exp) and scheme. Other members are ignored. A key
// of another kind, for another use, weak, or with private members is kept with its
// Refused set and a warning; a key without a kid is left out with a warning, since no
// message can name it; a kid that occurs twice is an error.
//
// The keys have Use UseVerify. At most 1 MiB and 256 keys; a set without any is an
// error. Errors are *Error.
func ParseJWKS(data []byte) (keys []keyring.Key, warnings []string, err error) {
	v, err := parse(data)
	if err != nil {
		return nil, nil, err
	}
	return readJWKS(data, v)
}

func readJWKS(data []byte, v strictjson.Value) ([]keyring.Key, []string, error) {
	list, ok := v.Get("keys")
	if !ok {
		return nil, nil, &Error{Msg: `has no member "keys"`}
	}
	if list.Kind != strictjson.Array {
		return nil, nil, at(data, list.Off, `"keys" is not an array`)
	}
	if len(list.Items) > MaxKeys {
		return nil, nil, at(data, list.Off, "more than 256 keys")
	}
	var c collector
	seen := map[string]bool{}
	for i, item := range list.Items {
		kid, ok := item.Get("kid")
		if !ok || kid.Kind != strictjson.String || kid.Str == "" || len(kid.Str) > keyring.MaxIDBytes {
			c.leaveOut("key %d has no kid of 1 to %d bytes; it is left out", i+1, keyring.MaxIDBytes)
			continue
		}
		if seen[kid.Str] {
			return nil, nil, at(data, kid.Off, fmt.Sprintf("kid %s occurs twice", quoteID(kid.Str)))
		}
		seen[kid.Str] = true
		c.add(readJWK(kid.Str, item))
	}
	return c.done()
}

// jwk reads the members of one key and remembers the first that is wrong.
type jwk struct {
	members strictjson.Value
	wrong   string
}

func (j *jwk) fail(msg string) {
	if j.wrong == "" {
		j.wrong = msg
	}
}

// text returns a string member, "" when it is absent.
func (j *jwk) text(name string) string {
	v, ok := j.members.Get(name)
	if ok && v.Kind != strictjson.String {
		j.fail(name + " is not a string")
	}
	return v.Str
}

// bytes returns a member in base64url; it must be there and not empty.
func (j *jwk) bytes(name string) []byte {
	s := j.text(name)
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || s == "" || strings.ContainsAny(s, "\r\n") {
		j.fail(name + " is missing or not base64url without padding")
		return nil
	}
	return b
}

// date returns a member in Unix seconds between 1970 and 9999.
func (j *jwk) date(name string) (t time.Time, ok bool) {
	v, ok := j.members.Get(name)
	if !ok {
		return time.Time{}, false
	}
	n, ok := v.Int64()
	if !ok || n < 0 || n > 253402300799 {
		j.fail(name + " is not an integer of Unix seconds")
		return time.Time{}, false
	}
	return time.Unix(n, 0).UTC(), true
}

func readJWK(id string, v strictjson.Value) keyring.Key {
	j := jwk{members: v}
	k := keyring.Key{ID: id, Use: keyring.UseVerify, Alg: j.text("alg"), Scheme: j.text("scheme")}
	j.policy(&k)
	switch kty := j.text("kty"); kty {
	case "RSA":
		j.noPrivate("d", "p", "q", "dp", "dq", "qi", "oth")
		k.Public = j.rsa()
	case "EC":
		j.noPrivate("d")
		k.Public = j.ec()
	case "OKP":
		j.noPrivate("d")
		k.Public = j.okp()
	case "oct":
		k.Secret = j.oct()
	case "":
		j.fail("kty is missing")
	default:
		j.fail("kty is not RSA, EC, OKP or oct")
	}
	if k.Refused = j.wrong; k.Refused != "" {
		k.Public, k.Secret = nil, secret.Bytes{}
	}
	return k
}

// policy reads what the key is for and when.
func (j *jwk) policy(k *keyring.Key) {
	if bad := j.members.MisCased("kty", "kid", "use", "key_ops", "alg", "nbf", "exp", "scheme", "n", "e", "crv", "x", "y", "d", "k"); bad != "" {
		j.fail("a known member is written in another case")
	}
	if _, ok := j.members.Get("use"); ok && j.text("use") != "sig" {
		j.fail("use is not sig")
	}
	if ops, ok := j.members.Get("key_ops"); ok {
		isVerify := func(v strictjson.Value) bool { return v.Kind == strictjson.String && v.Str == "verify" }
		if ops.Kind != strictjson.Array || !slices.ContainsFunc(ops.Items, isVerify) {
			j.fail("key_ops has no verify")
		}
	}
	if t, ok := j.date("nbf"); ok {
		k.NotBefore = t
	}
	if t, ok := j.date("exp"); ok {
		// exp is the first instant that is too late, NotAfter the last that is not.
		k.NotAfter = t.Add(-1)
	}
}

func (j *jwk) noPrivate(names ...string) {
	for _, name := range names {
		if _, ok := j.members.Get(name); ok {
			j.fail("holds private key material, which does not belong into a file of public keys")
		}
	}
}

func (j *jwk) rsa() *rsa.PublicKey {
	n, e := j.bytes("n"), j.bytes("e")
	if j.wrong != "" {
		return nil
	}
	exponent := new(big.Int).SetBytes(e)
	pub := &rsa.PublicKey{N: new(big.Int).SetBytes(n)}
	if exponent.BitLen() <= 31 {
		pub.E = int(exponent.Int64())
	}
	if err := keyring.CheckRSA(pub); err != nil {
		j.fail(err.Error())
		return nil
	}
	return pub
}

func (j *jwk) ec() *ecdsa.PublicKey {
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

func (j *jwk) okp() ed25519.PublicKey {
	if j.text("crv") != "Ed25519" {
		j.fail("crv is not Ed25519")
		return nil
	}
	x := j.bytes("x")
	if len(x) != ed25519.PublicKeySize {
		j.fail("x is not 32 bytes")
		return nil
	}
	return x
}

func (j *jwk) oct() secret.Bytes {
	b := j.bytes("k")
	defer clear(b)
	if len(b) < keyring.MinSecretBytes {
		j.fail(fmt.Sprintf("%v: secret of fewer than %d bytes", keyring.ErrWeakKey, keyring.MinSecretBytes))
		return secret.Bytes{}
	}
	return secret.NewBytes(b)
}
