package vectors

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/jwa"
)

var suites = slices.Concat(
	[]suite{
		{"json_web_signature_test", jwsGroup},
		{"json_web_encryption_test", jweGroup},
		{"json_web_key_test", jwsGroup},
		{"json_web_crypto_test", mixedGroup},
		{"ed25519_test", ed25519Group},
		{"aes_gcm_test", gcmGroup},
		{"a128cbc_hs256_test", cbcGroup},
		{"rsa_oaep_misc_test", oaepGroup},
		{"rsa_pss_misc_test", pssGroup},
	},
	files(rsaGroup, "rsa_signature_%s_test", "2048_sha256", "2048_sha384", "2048_sha512", "3072_sha256", "3072_sha384", "3072_sha512",
		"4096_sha256", "4096_sha384", "4096_sha512", "8192_sha256", "8192_sha384", "8192_sha512"),
	files(rsaSignGroup, "rsa_pkcs1_%s_sig_gen_test", "2048", "3072", "4096"),
	files(pssGroup, "rsa_pss_%s_test", "2048_sha256_mgf1_0", "2048_sha256_mgf1_32", "2048_sha384_mgf1_48", "3072_sha256_mgf1_32",
		"4096_sha256_mgf1_32", "4096_sha384_mgf1_48", "4096_sha512_mgf1_32", "4096_sha512_mgf1_64"),
	files(ecdsaGroup, "ecdsa_%s_p1363_test", "secp256r1_sha256", "secp384r1_sha384", "secp521r1_sha512"),
	files(hmacGroup, "hmac_%s_test", "sha256", "sha384", "sha512"),
	files(ecdhGroup, "ecdh_%s_test", "secp256r1_webcrypto", "secp384r1_webcrypto", "secp521r1_webcrypto", "secp256r1_ecpoint"),
	files(ecdhGroup, "%s_test", "x25519", "x25519_jwk"),
	files(oaepGroup, "rsa_oaep_%s_test", "2048_sha256_mgf1sha256", "3072_sha256_mgf1sha256", "4096_sha256_mgf1sha256",
		"2048_sha512_mgf1sha512", "3072_sha512_mgf1sha512", "4096_sha512_mgf1sha512"),
)

func files(group func(*testing.T, json.RawMessage) runner, pattern string, names ...string) []suite {
	var list []suite
	for _, name := range names {
		list = append(list, suite{fmt.Sprintf(pattern, name), group})
	}
	return list
}

func decode[T any](t *testing.T, raw json.RawMessage) (v T) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// A refusal of our own rank, for what a caller of the entry points does between them.
var (
	errNoKey = code.New(code.KeyUnknown, "vectors: no such key")
	errUse   = code.New(code.KeyRefused, "vectors: the key must not be used")
	errPlain = code.New(code.Decryption, "vectors: another plaintext than the vector's")
)

type keyGroup struct {
	Comment string
	Private json.RawMessage
	Public  json.RawMessage
}

// jwkSet wraps a single key into a set.
func jwkSet(raw json.RawMessage) []byte {
	var set struct{ Keys json.RawMessage }
	if json.Unmarshal(raw, &set) == nil && set.Keys != nil {
		return raw
	}
	return []byte(`{"keys":[` + string(raw) + `]}`)
}

// jwsGroup does what a verifier with a JWK set does: the key by its id, the
// algorithm from the key alone.
func jwsGroup(t *testing.T, raw json.RawMessage) runner {
	g := decode[keyGroup](t, raw)
	doc := g.Public
	if doc == nil {
		doc = g.Private
	}
	keys, _, loadErr := source.ParseJWKS(jwkSet(doc))
	return func(t *testing.T, c *testCase) error {
		if loadErr != nil {
			return loadErr
		}
		ring, err := keyring.NewRing(keys...)
		if err != nil {
			return err
		}
		jws, err := jose.Parse(string(c.JWS))
		if err != nil {
			return err
		}
		key, ok := ring.Lookup(jws.KeyID)
		if !ok {
			return errNoKey
		}
		if key.Refused != "" || key.Alg == "" || key.Use != keyring.UseVerify {
			return errUse
		}
		var material any = key.Public
		if key.Public == nil {
			material = key.Secret
		}
		_, err = jws.Verify(key.Alg, material)
		return err
	}
}

// jweGroup opens with the algorithm that the key names, and any content encryption.
func jweGroup(t *testing.T, raw json.RawMessage) runner {
	g := decode[keyGroup](t, raw)
	alg := decode[struct{ Alg, Use string }](t, g.Private)
	var jwk gojose.JSONWebKey
	loadErr := jwk.UnmarshalJSON(g.Private)
	return func(t *testing.T, c *testCase) error {
		if loadErr != nil || alg.Use != "" && alg.Use != "enc" {
			return errUse
		}
		jwe, err := jose.ParseJWE(string(c.JWE))
		if err != nil {
			return err
		}
		if jwe.KeyID != "" && jwk.KeyID != "" && jwe.KeyID != jwk.KeyID {
			return errNoKey
		}
		key := jwk.Key
		if k, ok := key.([]byte); ok {
			key = secret.NewBytes(k)
		}
		plain, err := jwe.Open(alg.Alg, key, jose.ContentAlgorithms()...)
		if err == nil && c.Result == "valid" && hex.EncodeToString(plain) != c.PT {
			return errPlain
		}
		return err
	}
}

func mixedGroup(t *testing.T, raw json.RawMessage) runner {
	jws, jwe := jwsGroup(t, raw), jweGroup
	isJWE := strings.HasPrefix(decode[keyGroup](t, raw).Comment, "jwe")
	if !isJWE {
		return jws
	}
	return jwe(t, raw)
}

type signatureGroup struct {
	KeySize       int
	TagSize       int
	IVSize        int
	Curve         string
	Sha           string
	MgfSha        string
	SLen          int
	PublicKeyDer  hexBytes
	PrivatePkcs8  hexBytes `json:"privateKeyPkcs8"`
	PublicKey     struct{ PK hexBytes }
	PrivateKeyPEM string
}

func public(t *testing.T, der []byte) any {
	t.Helper()
	pub, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

func private(t *testing.T, der []byte) *rsa.PrivateKey {
	t.Helper()
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil // a key that the standard library refuses to load cannot reach us
	}
	return key.(*rsa.PrivateKey)
}

// algorithm is a JOSE name from a family and Wycheproof's name of a hash, "" for none.
func algorithm(family, sha string) string {
	if size, ok := strings.CutPrefix(sha, "SHA-"); ok && (size == "256" || size == "384" || size == "512") {
		return family + size
	}
	return ""
}

func verifier(alg string, key any) runner {
	return func(_ *testing.T, c *testCase) error { return jose.VerifyBytes(alg, key, c.Msg, c.Sig) }
}

func rsaGroup(t *testing.T, raw json.RawMessage) runner {
	g := decode[signatureGroup](t, raw)
	return verifier(algorithm("RS", g.Sha), public(t, g.PublicKeyDer))
}

// rsaSignGroup: PKCS #1 v1.5 is deterministic, so that we must make the same bytes.
func rsaSignGroup(t *testing.T, raw json.RawMessage) runner {
	g := decode[signatureGroup](t, raw)
	alg, key := algorithm("RS", g.Sha), private(t, g.PrivatePkcs8)
	if alg == "" || key == nil {
		return nil
	}
	return func(t *testing.T, c *testCase) error {
		sig, err := jose.SignBytes(alg, key, c.Msg)
		if err == nil && !bytes.Equal(sig, c.Sig) {
			t.Errorf("tcId %d: another signature", c.ID)
		}
		return err
	}
}

func pssGroup(t *testing.T, raw json.RawMessage) runner {
	g := decode[signatureGroup](t, raw)
	alg := algorithm("PS", g.Sha)
	if alg == "" || g.MgfSha != g.Sha {
		return nil
	}
	return verifier(alg, public(t, g.PublicKeyDer))
}

func ecdsaGroup(t *testing.T, raw json.RawMessage) runner {
	g := decode[signatureGroup](t, raw)
	return verifier(algorithm("ES", g.Sha), public(t, g.PublicKeyDer))
}

func ed25519Group(t *testing.T, raw json.RawMessage) runner {
	g := decode[signatureGroup](t, raw)
	return verifier(jose.EdDSA, ed25519.PublicKey(g.PublicKey.PK))
}

func hmacGroup(t *testing.T, raw json.RawMessage) runner {
	return func(_ *testing.T, c *testCase) error {
		alg := map[int]string{32: jose.HS256, 48: jose.HS384, 64: jose.HS512}[hashBytes(t)]
		return jose.VerifyBytes(alg, secret.NewBytes(c.Key), c.Msg, c.Tag)
	}
}

// hashBytes tells the hash from the name of the file.
func hashBytes(t *testing.T) int {
	for n, name := range map[int]string{32: "sha256", 48: "sha384", 64: "sha512"} {
		if strings.Contains(t.Name(), name) {
			return n
		}
	}
	t.Fatal("no hash in the name of the file")
	return 0
}

// content opens and seals as a JWE does, whose parts have fixed lengths.
func content(t *testing.T, c *jwa.Content, v *testCase) error {
	if len(v.IV) != c.IVBytes || len(v.Tag) != jwa.TagBytes || len(v.Key) != c.KeyBytes {
		return jose.ErrMalformed
	}
	plain, ok := c.Open(v.Key, v.IV, v.AAD, slices.Concat(v.CT, v.Tag))
	if !ok {
		return jose.ErrOpen
	}
	if !bytes.Equal(plain, v.Msg) {
		return errPlain
	}
	sealed, err := c.Seal(nil, v.Key, v.IV, v.AAD, v.Msg)
	if err != nil || !bytes.Equal(sealed, slices.Concat(v.CT, v.Tag)) {
		t.Errorf("tcId %d: sealed to other bytes (%v)", v.ID, err)
	}
	return nil
}

func gcmGroup(t *testing.T, raw json.RawMessage) runner {
	g := decode[signatureGroup](t, raw)
	enc := jwa.ContentOf(fmt.Sprintf("A%dGCM", g.KeySize))
	return func(t *testing.T, c *testCase) error { return content(t, enc, c) }
}

func cbcGroup(_ *testing.T, _ json.RawMessage) runner {
	return func(t *testing.T, c *testCase) error { return content(t, jwa.ContentOf(jwa.A128CBCHS256), c) }
}

func oaepGroup(t *testing.T, raw json.RawMessage) runner {
	g := decode[signatureGroup](t, raw)
	hash := map[string]crypto.Hash{"SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512}[g.Sha]
	key := private(t, g.PrivatePkcs8)
	if hash == 0 || g.MgfSha != g.Sha || key == nil {
		return nil
	}
	return func(t *testing.T, c *testCase) error {
		plain, err := jwa.UnwrapOAEP(key, hash, c.CT)
		if err != nil {
			return jose.ErrOpen
		}
		if !bytes.Equal(plain, c.Msg) {
			return errPlain
		}
		return nil
	}
}

// ecdhGroup makes a JWE whose key was agreed according to the vector, and opens it
// with the vector's private key: it opens exactly when we agree on the same secret.
func ecdhGroup(t *testing.T, raw json.RawMessage) runner {
	g := decode[signatureGroup](t, raw)
	curve := map[string]ecdh.Curve{"P-256": ecdh.P256(), "secp256r1": ecdh.P256(), "P-384": ecdh.P384(), "secp384r1": ecdh.P384(),
		"P-521": ecdh.P521(), "secp521r1": ecdh.P521(), "curve25519": ecdh.X25519()}[g.Curve]
	if curve == nil {
		return nil // invalid vectors on curves that we do not have
	}
	return func(t *testing.T, c *testCase) error {
		priv, err := privateECDH(curve, c.Private)
		if err != nil {
			return errUse
		}
		header := `{"alg":"ECDH-ES","enc":"A256GCM","epk":` + ephemeral(t, curve, c.Public) + `}`
		jwe, err := jose.ParseJWE(sealUnder(t, header, c.Shared))
		if err != nil {
			return err
		}
		plain, err := jwe.Open(jose.ECDHES, priv, jose.A256GCM)
		if err == nil && string(plain) != "wycheproof" {
			return errPlain
		}
		return err
	}
}

// privateECDH reads a private key in hexadecimal digits or as a JWK.
func privateECDH(curve ecdh.Curve, raw json.RawMessage) (*ecdh.PrivateKey, error) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		d, err := hex.DecodeString(text)
		if err != nil {
			return nil, err
		}
		size := map[ecdh.Curve]int{ecdh.P256(): 32, ecdh.P384(): 48, ecdh.P521(): 66, ecdh.X25519(): 32}[curve]
		d = bytes.TrimLeft(d, "\x00")
		if curve == ecdh.X25519() || len(d) > size {
			d, _ = hex.DecodeString(text)
			return curve.NewPrivateKey(d)
		}
		return curve.NewPrivateKey(append(make([]byte, size-len(d)), d...))
	}
	var jwk struct{ D string }
	if err := json.Unmarshal(raw, &jwk); err != nil {
		return nil, err
	}
	d, err := base64Bytes(jwk.D)
	if err != nil {
		return nil, err
	}
	return curve.NewPrivateKey(d)
}

// ephemeral writes the public key of a vector as the member epk.
func ephemeral(t *testing.T, curve ecdh.Curve, raw json.RawMessage) string {
	t.Helper()
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return string(raw) // a JWK already
	}
	point, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	if curve == ecdh.X25519() {
		return `{"kty":"OKP","crv":"X25519","x":"` + b64(point) + `"}`
	}
	name := map[ecdh.Curve]string{ecdh.P256(): "P-256", ecdh.P384(): "P-384", ecdh.P521(): "P-521"}[curve]
	if len(point) == 0 || point[0] != 4 {
		return `{"kty":"EC","crv":"` + name + `","x":"` + b64(point) + `"}` // compressed, or none
	}
	half := (len(point) - 1) / 2
	return `{"kty":"EC","crv":"` + name + `","x":"` + b64(point[1:1+half]) + `","y":"` + b64(point[1+half:]) + `"}`
}

// sealUnder writes a message under A256GCM with the standard library alone.
func sealUnder(t *testing.T, header string, shared []byte) string {
	t.Helper()
	h := sha256.New()
	h.Write([]byte{0, 0, 0, 1})
	h.Write(shared)
	h.Write([]byte("\x00\x00\x00\x07A256GCM\x00\x00\x00\x00\x00\x00\x00\x00"))
	_ = binary.Write(h, binary.BigEndian, uint32(256))
	block, err := aes.NewCipher(h.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	aad, iv := b64([]byte(header)), make([]byte, 12)
	sealed := gcm.Seal(nil, iv, []byte("wycheproof"), []byte(aad))
	n := len(sealed) - 16
	return aad + ".." + b64(iv) + "." + b64(sealed[:n]) + "." + b64(sealed[n:])
}
