//go:build !issuant_lean

package jose

import (
	"crypto"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/fips140"
	"crypto/rsa"
	"slices"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/base64url"
	"github.com/issuant/issuant/internal/jwa"
)

// Content encryption algorithms (RFC 7518 section 5).
const (
	A128GCM      = jwa.A128GCM
	A192GCM      = jwa.A192GCM
	A256GCM      = jwa.A256GCM
	A128CBCHS256 = jwa.A128CBCHS256
)

// ContentAlgorithms returns the names above, in that order; the caller owns the slice.
func ContentAlgorithms() []string { return []string{A128GCM, A192GCM, A256GCM, A128CBCHS256} }

// Key management algorithms (RFC 7518 section 4).
const (
	RSAOAEP256 = "RSA-OAEP-256" // with SHA-256, MGF1 of SHA-256, no label
	A256GCMKW  = "A256GCMKW"
	ECDHES     = "ECDH-ES" // agreed key used directly; P-256, P-384, P-521, X25519
	Dir        = "dir"
)

// KeyAlgorithms returns the names above, in that order; the caller owns the slice.
func KeyAlgorithms() []string { return []string{RSAOAEP256, A256GCMKW, ECDHES, Dir} }

// JWE is a compact encrypted message whose shape was checked. Its header is the
// sender's claim until Open has succeeded. It is immutable, and safe for concurrent use.
type JWE struct {
	Alg         string // "" when the header has none
	Enc         string // "" when the header has none
	KeyID       string // "" when the header has none
	Type        string // typ; "" when the header has none
	ContentType string // cty; "" when the header has none

	segment string // the header as received, in base64url
	header  []byte // decoded
	wrapped []byte // the encrypted key
	iv      []byte
	sealed  []byte // ciphertext and tag

	keyIV, keyTag []byte          // of A256GCMKW
	epk           *ecdh.PublicKey // of ECDH-ES
	apu, apv      []byte          // of ECDH-ES
}

// ParseJWE checks length (MaxTokenBytes), shape, base64url, header and the lengths
// of the parts; order: ErrTooLarge, then ErrMalformed. It proves nothing.
//
// A message whose alg is RSA-OAEP-256 or A256GCMKW has an encrypted key, one whose
// alg is ECDH-ES or dir has none; IV and tag are as long as enc demands; an
// ephemeral key is a point on its curve.
func ParseJWE(token string) (JWE, error) { return ParseJWEUpTo(token, MaxTokenBytes) }

// ParseJWEUpTo is ParseJWE for messages of up to limit bytes, inclusive, MaxJWEBytes at
// most: for a counterpart that encrypts whole bodies. A refused message costs about
// twice its length in memory.
func ParseJWEUpTo(token string, limit int) (JWE, error) {
	if len(token) > min(limit, MaxJWEBytes) {
		return JWE{}, ErrTooLarge
	}
	var dots [4]int
	if err := cut(token, dots[:]); err != nil {
		return JWE{}, err
	}
	if dots[0] > MaxTokenBytes {
		return JWE{}, malformed("header is longer than 16 KiB")
	}
	e := JWE{segment: token[:dots[0]]}
	if err := e.decode(token, dots); err != nil {
		return JWE{}, err
	}
	return e, nil
}

func (e *JWE) decode(token string, dots [4]int) error {
	// One buffer holds all parts, so that the tag stands behind the ciphertext.
	buf := make([]byte, 0, base64url.Len(len(token))+16)
	var ends [5]int
	from := 0
	for i, what := range [...]string{"header", "encrypted key", "initialization vector", "ciphertext", "tag"} {
		to := len(token)
		if i < len(dots) {
			to = dots[i]
		}
		var ok bool
		if buf, ok = base64url.Append(buf, token[from:to]); !ok {
			return notBase64(token, what)
		}
		ends[i], from = len(buf), to+1
	}
	e.header, e.wrapped = buf[:ends[0]:ends[0]], buf[ends[0]:ends[1]:ends[1]]
	e.iv, e.sealed = buf[ends[1]:ends[2]:ends[2]], buf[ends[2]:]
	var p protected
	if err := p.read(e.header, true); err != nil {
		return err
	}
	e.Alg, e.Enc, e.KeyID, e.Type, e.ContentType = p.alg, p.enc, p.keyID, p.typ, p.cty
	if c := jwa.ContentOf(p.enc); c != nil && (len(e.iv) != c.IVBytes || ends[4]-ends[3] != jwa.TagBytes) {
		return malformed("initialization vector or tag is not as long as enc demands")
	}
	return e.keyShape(&p)
}

// keyShape checks what the key management algorithm wants of the message; for an
// unknown one Open refuses.
func (e *JWE) keyShape(p *protected) (err error) {
	switch p.alg {
	case RSAOAEP256, A256GCMKW:
		if len(e.wrapped) == 0 {
			return malformed("encrypted key is empty")
		}
	case ECDHES, Dir:
		if len(e.wrapped) > 0 {
			return malformed("encrypted key is not empty")
		}
	}
	switch p.alg {
	case A256GCMKW:
		if c := jwa.ContentOf(p.enc); c != nil && len(e.wrapped) != c.KeyBytes {
			return malformed("encrypted key is not as long as enc demands")
		}
		if e.keyIV, err = member("iv", p.iv, jwa.GCMIVBytes); err != nil {
			return err
		}
		e.keyTag, err = member("tag", p.tag, jwa.TagBytes)
	case ECDHES:
		if e.epk, err = p.point(); err != nil {
			return err
		}
		if e.apu, err = member("apu", p.apu, -1); err != nil {
			return err
		}
		e.apv, err = member("apv", p.apv, -1)
	}
	return err
}

// member decodes a header member of n bytes, of any length where n is negative.
func member(name, text string, n int) ([]byte, error) {
	data, ok := decodeText(text)
	if !ok || n >= 0 && len(data) != n {
		return nil, malformed("header " + name + " is not canonical base64url, or not as long as alg demands")
	}
	return data, nil
}

// curveName is that of crv, "" for a curve that we do not take.
func curveName(c ecdh.Curve) string {
	switch c {
	case ecdh.P256():
		return "P-256"
	case ecdh.P384():
		return "P-384"
	case ecdh.P521():
		return "P-521"
	case ecdh.X25519():
		return "X25519"
	}
	return ""
}

// point returns the ephemeral key, whose coordinates have the curve's full length.
func (p *protected) point() (*ecdh.PublicKey, error) {
	x, okX := decodeText(p.x)
	y, okY := decodeText(p.y)
	if !okX || !okY {
		return nil, malformed("header epk is not canonical base64url")
	}
	for _, curve := range [...]ecdh.Curve{ecdh.P256(), ecdh.P384(), ecdh.P521()} {
		if p.crv != curveName(curve) {
			continue
		}
		if len(x) != len(y) { // both then have the curve's length, or NewPublicKey refuses
			break
		}
		if pub, err := curve.NewPublicKey(slices.Concat([]byte{4}, x, y)); err == nil {
			return pub, nil
		}
		break
	}
	if p.crv == "X25519" && p.y == "" {
		if pub, err := ecdh.X25519().NewPublicKey(x); err == nil {
			return pub, nil
		}
	}
	return nil, malformed("header epk is missing, or no point on a curve that we take")
}

// Header returns the decoded header, a strict JSON object with its members as the
// sender wrote them. It must not be changed.
func (e *JWE) Header() []byte { return e.header }

// Open returns the plaintext, which the caller owns. alg and enc are what the
// caller's route allows, one alg and at least one enc. The key is for
//
//	RSA-OAEP-256  a crypto.Decrypter with an RSA key of 2048 to 8192 bits
//	A256GCMKW     a secret.Bytes of 32 bytes, or a device's AES-256-GCM as cipher.AEAD
//	ECDH-ES       an ecdh.KeyExchanger or *ecdsa.PrivateKey
//	dir           a secret.Bytes as long as enc demands
//
// Order: ErrFIPS, ErrAlgorithm, ErrKey, ErrOpen. A key that cannot be unwrapped is
// replaced by a random one and the message tried with it, so that neither the
// answer nor its time tells where it failed.
func (e *JWE) Open(alg string, key any, enc ...string) ([]byte, error) {
	if fips140.Enforced() {
		return nil, ErrFIPS
	}
	c := jwa.ContentOf(e.Enc)
	if e.Alg != alg || c == nil || !slices.Contains(enc, e.Enc) {
		return nil, ErrAlgorithm
	}
	cek, wrong, err := e.contentKey(c, key)
	if err != nil {
		return nil, err
	}
	if wrong != "" {
		cek = make([]byte, c.KeyBytes)
		system.fill(cek)
	}
	defer clear(cek)
	plaintext, ok := c.Open(cek, e.iv, []byte(e.segment), e.sealed)
	switch {
	case wrong != "":
		return nil, unopened(wrong)
	case !ok:
		return nil, unopened("tag does not match")
	}
	return plaintext, nil
}

// contentKey returns a copy of the content encryption key. wrong says that there is
// none, err that the caller's key is not for this algorithm.
func (e *JWE) contentKey(c *jwa.Content, key any) (cek []byte, wrong string, err error) {
	switch e.Alg {
	case RSAOAEP256:
		dec, ok := key.(crypto.Decrypter)
		if !ok {
			return nil, "", badKey("it does not decrypt")
		}
		pub, ok := dec.Public().(*rsa.PublicKey)
		if !ok {
			return nil, "", badKey(notRSA)
		}
		if err := checkRSA(pub); err != nil {
			return nil, "", err
		}
		cek, wrong = e.unwrapRSA(c, dec, pub)
		return cek, wrong, nil
	case A256GCMKW:
		kek, err := wrapper(key)
		if err != nil {
			return nil, "", err
		}
		cek, wrong = e.unwrapGCM(kek)
		return cek, wrong, nil
	case ECDHES:
		priv, err := exchanger(key)
		if err != nil {
			return nil, "", err
		}
		cek, wrong = e.agree(c, priv)
		return cek, wrong, nil
	case Dir:
		cek, err := secretKey(key, c.KeyBytes)
		return slices.Clone(cek), "", err
	}
	return nil, "", ErrAlgorithm
}

// secretKey returns the bytes of a secret of exactly n bytes, not a copy.
func secretKey(key any, n int) ([]byte, error) {
	k, ok := key.(secret.Bytes)
	if !ok {
		return nil, badKey("it is not a secret")
	}
	if k.Len() != n {
		return nil, badKey("secret is not as long as the algorithm demands")
	}
	return k.Reveal(), nil
}

// wrapper returns AES-GCM under a key for A256GCMKW.
func wrapper(key any) (cipher.AEAD, error) {
	if device, ok := key.(cipher.AEAD); ok {
		if device.NonceSize() != jwa.GCMIVBytes || device.Overhead() != jwa.TagBytes {
			return nil, badKey("it is not AES-GCM with 12 bytes of nonce and 16 of tag")
		}
		return device, nil
	}
	kek, err := secretKey(key, jwa.KEKBytes)
	if err != nil {
		return nil, err
	}
	gcm, err := jwa.NewGCM(kek)
	if err != nil {
		return nil, badKey("it cannot be used here")
	}
	return gcm, nil
}

func (e *JWE) unwrapRSA(c *jwa.Content, dec crypto.Decrypter, pub *rsa.PublicKey) (cek []byte, wrong string) {
	if len(e.wrapped) != pub.Size() {
		return nil, "encrypted key is not as long as the modulus"
	}
	cek, err := jwa.UnwrapOAEP(dec, crypto.SHA256, e.wrapped)
	if err != nil {
		return nil, "encrypted key cannot be unwrapped"
	}
	if len(cek) != c.KeyBytes {
		return nil, "unwrapped key is not as long as enc demands"
	}
	return cek, ""
}

func (e *JWE) unwrapGCM(kek cipher.AEAD) (cek []byte, wrong string) {
	cek, err := jwa.UnwrapGCM(kek, e.keyIV, e.wrapped, e.keyTag)
	if err != nil {
		return nil, "encrypted key cannot be unwrapped"
	}
	return cek, ""
}

// exchanger returns the private key for ECDH-ES.
func exchanger(key any) (ecdh.KeyExchanger, error) {
	if k, ok := key.(*ecdsa.PrivateKey); ok && k != nil {
		priv, err := k.ECDH()
		if err != nil {
			return nil, badKey("it is no valid key on P-256, P-384 or P-521")
		}
		return priv, nil
	}
	if k, ok := key.(ecdh.KeyExchanger); ok && key != (*ecdh.PrivateKey)(nil) {
		if curveName(k.Curve()) != "" {
			return k, nil
		}
	}
	return nil, badKey("it is not a key for ECDH-ES")
}

func (e *JWE) agree(c *jwa.Content, key ecdh.KeyExchanger) (cek []byte, wrong string) {
	if e.epk.Curve() != key.Curve() {
		return nil, "ephemeral key is on another curve than ours"
	}
	z, err := key.ECDH(e.epk)
	if err != nil {
		return nil, "no key can be agreed"
	}
	defer clear(z)
	return c.Derive(z, e.apu, e.apv), ""
}
