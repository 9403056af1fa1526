package jose

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"slices"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/jwa"
)

// Seal returns a compact JWE of the plaintext, under a content encryption key of
// its own. The key is for
//
//	RSA-OAEP-256  an *rsa.PublicKey of 2048 to 8192 bits
//	A256GCMKW     a secret.Bytes of 32 bytes, or a device's AES-256-GCM as cipher.AEAD
//	ECDH-ES       an *ecdh.PublicKey or *ecdsa.PublicKey; the header may have apu and apv
//	dir           a secret.Bytes as long as enc demands; one key is good for 2^32 messages
//
// Order of errors: ErrFIPS, ErrAlgorithm, ErrKey, ErrHeader, ErrTooLarge (a message
// of more than MaxJWEBytes).
func Seal(alg, enc string, key any, header Header, plaintext []byte) (string, error) {
	return system.seal(alg, enc, key, header, plaintext)
}

// source is where keys and nonces come from: the system, but in the tests of this package.
type source struct {
	fill      func([]byte)
	ephemeral func(ecdh.Curve) (*ecdh.PrivateKey, error)
}

var system = source{fillRandom, newEphemeral}

// fillRandom cannot fail: crypto/rand ends the process instead.
func fillRandom(b []byte) { _, _ = rand.Read(b) }

func newEphemeral(c ecdh.Curve) (*ecdh.PrivateKey, error) { return c.GenerateKey(rand.Reader) }

func (s *source) seal(alg, enc string, key any, header Header, plaintext []byte) (string, error) {
	if fips140.Enforced() {
		return "", ErrFIPS
	}
	c := jwa.ContentOf(enc)
	if c == nil {
		return "", ErrAlgorithm
	}
	if len(plaintext) > MaxJWEBytes {
		return "", ErrTooLarge
	}
	k, err := s.contentKey(alg, c, key, header)
	if err != nil {
		return "", err
	}
	defer clear(k.cek)
	h, err := header.encode(append([]Param{Text("alg", alg), Text("enc", enc)}, k.params...))
	if err != nil {
		return "", err
	}
	buf := make([]byte, 0, b64.EncodedLen(len(h)+len(k.wrapped)+c.IVBytes+len(plaintext)+2*jwa.TagBytes)+16)
	buf = b64.AppendEncode(buf, h)
	iv := make([]byte, c.IVBytes)
	s.fill(iv)
	sealed, err := c.Seal(k.cek, iv, buf, plaintext)
	if err != nil {
		return "", unopened("content cannot be encrypted")
	}
	body := len(sealed) - jwa.TagBytes
	for _, part := range [...][]byte{k.wrapped, iv, sealed[:body], sealed[body:]} {
		buf = b64.AppendEncode(append(buf, '.'), part)
	}
	if len(buf) > MaxJWEBytes {
		return "", ErrTooLarge
	}
	return string(buf), nil
}

// sealedKey is a content encryption key, and what the message tells of it.
type sealedKey struct {
	cek     []byte
	wrapped []byte
	params  []Param
}

func (s *source) contentKey(alg string, c *jwa.Content, key any, header Header) (k sealedKey, err error) {
	switch alg {
	case RSAOAEP256:
		pub, ok := key.(*rsa.PublicKey)
		if !ok {
			return k, badKey(notRSA)
		}
		if err := checkRSA(pub); err != nil {
			return k, err
		}
		k.cek = s.random(c.KeyBytes)
		if k.wrapped, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, pub, k.cek, nil); err != nil {
			return k, badKey("the content key cannot be encrypted to it")
		}
	case A256GCMKW:
		kek, err := wrapper(key)
		if err != nil {
			return k, err
		}
		k.cek = s.random(c.KeyBytes)
		iv := s.random(jwa.GCMIVBytes)
		sealed := jwa.WrapGCM(kek, iv, k.cek)
		k.wrapped = sealed[:c.KeyBytes]
		k.params = []Param{Text("iv", b64.EncodeToString(iv)), Text("tag", b64.EncodeToString(sealed[c.KeyBytes:]))}
	case ECDHES:
		return s.agree(c, key, header)
	case Dir:
		cek, err := secretKey(key, c.KeyBytes)
		k.cek = slices.Clone(cek)
		return k, err
	default:
		return k, ErrAlgorithm
	}
	return k, nil
}

func (s *source) random(n int) []byte {
	b := make([]byte, n)
	s.fill(b)
	return b
}

func (s *source) agree(c *jwa.Content, key any, header Header) (k sealedKey, err error) {
	pub, ok := key.(*ecdh.PublicKey)
	if ec, isECDSA := key.(*ecdsa.PublicKey); isECDSA && ec != nil {
		if pub, err = ec.ECDH(); err != nil {
			return k, badKey("it is no valid key on P-256, P-384 or P-521")
		}
		ok = true
	}
	if !ok || pub == nil {
		return k, badKey("it is not a key for ECDH-ES")
	}
	var parties [2][]byte
	for i, name := range [...]string{"apu", "apv"} {
		for _, p := range header {
			if p.name != name {
				continue
			}
			if parties[i], err = b64.DecodeString(p.text); err != nil {
				return k, &Error{ErrHeader, name + " is not canonical base64url"}
			}
		}
	}
	ephemeral, err := s.ephemeral(pub.Curve())
	if err != nil {
		return k, badKey("no ephemeral key can be made for its curve")
	}
	z, err := ephemeral.ECDH(pub)
	if err != nil {
		return k, badKey("no key can be agreed with it")
	}
	defer clear(z)
	k.cek = c.Derive(z, parties[0], parties[1])
	k.params = []Param{{name: "epk", text: ephemeralJWK(ephemeral.PublicKey()), kind: paramRaw}}
	return k, nil
}

func ephemeralJWK(pub *ecdh.PublicKey) string {
	w := canon.NewWriter(nil).Object()
	x, raw := pub.Bytes(), pub.Bytes()
	if crv := curveName(pub.Curve()); crv == "X25519" {
		w.Key("kty").String("OKP").Key("crv").String(crv)
	} else {
		x = raw[1 : 1+(len(raw)-1)/2] // behind 4, for an uncompressed point
		w.Key("kty").String("EC").Key("crv").String(crv)
	}
	w.Key("x").String(b64.EncodeToString(x))
	if rest := raw[len(raw)-len(x):]; len(raw) > len(x) {
		w.Key("y").String(b64.EncodeToString(rest))
	}
	return string(w.EndObject().Bytes())
}
