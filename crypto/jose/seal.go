//go:build !issuant_lean

package jose

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"slices"
	"sync"

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
	return system.seal(&job{alg: alg, enc: enc, key: key, header: header}, nil, plaintext)
}

// job is how a message is sealed.
type job struct {
	alg, enc string
	key      any
	header   Header
	prepared *Prepared // in the place of header
}

// encode appends the header, with the members that the algorithm fills.
func (j *job) encode(dst []byte, own []Param, values []int64) ([]byte, error) {
	if j.prepared != nil {
		return j.prepared.encode(dst, own, values)
	}
	return j.header.encode(dst, own)
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

// seal takes values apart from the job: they need not leave the caller's stack.
func (s *source) seal(j *job, values []int64, plaintext []byte) (string, error) {
	if fips140.Enforced() {
		return "", ErrFIPS
	}
	c := jwa.ContentOf(j.enc)
	if c == nil {
		return "", ErrAlgorithm
	}
	if len(plaintext) > MaxJWEBytes {
		return "", ErrTooLarge
	}
	k := sealing.Get().(*sealedKey)
	defer k.keep()
	// One draw for all that a message may need: content key, IV of its wrapping, IV.
	drawn := k.drawn[:c.KeyBytes+jwa.GCMIVBytes+c.IVBytes]
	s.fill(drawn)
	wrapIV, iv := drawn[c.KeyBytes:c.KeyBytes+jwa.GCMIVBytes], drawn[c.KeyBytes+jwa.GCMIVBytes:]
	k.cek, k.params = drawn[:c.KeyBytes:c.KeyBytes], append(k.own[:0], Text("alg", j.alg), Text("enc", j.enc))
	if err := s.wrap(k, j, wrapIV, c); err != nil {
		return "", err
	}
	h, err := j.encode(k.header[:0], k.params, values)
	if err != nil {
		return "", err
	}
	k.header = h
	// The token is written into the first part of a buffer that is used again,
	// ciphertext and tag into the second. It must have room for all of it: a
	// buffer that grew would leave what it held behind.
	n := c.SealedBytes(len(plaintext))
	whole := b64.EncodedLen(len(h)) + b64.EncodedLen(len(k.wrapped)) + b64.EncodedLen(c.IVBytes) + b64.EncodedLen(n-jwa.TagBytes) + b64.EncodedLen(jwa.TagBytes) + 4
	if whole > MaxJWEBytes {
		return "", ErrTooLarge
	}
	scratch := tokens.Get().(*[]byte)
	defer keepToken(scratch)
	*scratch = slices.Grow((*scratch)[:0], whole+n)
	buf := b64.AppendEncode(*scratch, h)
	sealed, err := c.Seal((*scratch)[whole:whole], k.cek, iv, buf, plaintext)
	if err != nil {
		return "", unopened("content cannot be encrypted")
	}
	body := n - jwa.TagBytes
	for _, part := range [...][]byte{k.wrapped, iv, sealed[:body], sealed[body:]} {
		buf = b64.AppendEncode(append(buf, '.'), part)
	}
	return string(buf), nil
}

// sealedKey is a content encryption key, and what the message tells of it.
type sealedKey struct {
	cek     []byte // drawn; dir and ECDH-ES put theirs in its place
	wrapped []byte
	iv, tag []byte  // of the wrapping, where the header tells them
	params  []Param // what Seal fills in
	header  []byte

	// The memory of them all, which one message after another uses.
	drawn [32 + jwa.GCMIVBytes + 16]byte
	own   [4]Param
	wrap  [32 + jwa.TagBytes]byte
}

var sealing = sync.Pool{New: func() any { return &sealedKey{header: make([]byte, 0, 512)} }}

// keep clears what is secret, and gives the memory back.
func (k *sealedKey) keep() {
	header := k.header[:0]
	if cap(header) > 4<<10 {
		header = make([]byte, 0, 512)
	}
	clear(k.drawn[:]) // what is left of a message besides stands in its token
	k.cek, k.wrapped, k.iv, k.tag, k.params, k.header = nil, nil, nil, nil, nil, header
	sealing.Put(k)
}

// wrap encrypts the content key to the receiver's, or agrees on one.
func (s *source) wrap(k *sealedKey, j *job, iv []byte, c *jwa.Content) (err error) {
	switch j.alg {
	case RSAOAEP256:
		pub, ok := j.key.(*rsa.PublicKey)
		if !ok {
			return badKey(notRSA)
		}
		if err := checkRSA(pub); err != nil {
			return err
		}
		if k.wrapped, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, pub, k.cek, nil); err != nil {
			return badKey("the content key cannot be encrypted to it")
		}
	case A256GCMKW:
		kek, err := wrapper(j.key)
		if err != nil {
			return err
		}
		sealed := jwa.WrapGCM(k.wrap[:0], kek, iv, k.cek)
		k.wrapped, k.iv, k.tag = sealed[:c.KeyBytes], iv, sealed[c.KeyBytes:]
		k.params = append(k.params, Param{name: "iv", data: &k.iv, kind: paramBase64}, Param{name: "tag", data: &k.tag, kind: paramBase64})
	case ECDHES:
		return s.agree(k, c, j.key, j.header)
	case Dir:
		own, err := secretKey(j.key, c.KeyBytes)
		copy(k.cek, own)
		return err
	default:
		return ErrAlgorithm
	}
	return nil
}

func (s *source) agree(k *sealedKey, c *jwa.Content, key any, header Header) (err error) {
	pub, ok := key.(*ecdh.PublicKey)
	if ec, isECDSA := key.(*ecdsa.PublicKey); isECDSA && ec != nil {
		if pub, err = ec.ECDH(); err != nil {
			return badKey("it is no valid key on P-256, P-384 or P-521")
		}
		ok = true
	}
	if !ok || pub == nil {
		return badKey("it is not a key for ECDH-ES")
	}
	var parties [2][]byte
	for i, name := range [...]string{"apu", "apv"} {
		for _, p := range header {
			if p.name != name {
				continue
			}
			if parties[i], ok = decodeText(p.text); !ok {
				return &Error{ErrHeader, name + " is not canonical base64url"}
			}
		}
	}
	ephemeral, err := s.ephemeral(pub.Curve())
	if err != nil {
		return badKey("no ephemeral key can be made for its curve")
	}
	z, err := ephemeral.ECDH(pub)
	if err != nil {
		return badKey("no key can be agreed with it")
	}
	defer clear(z)
	agreed := c.Derive(z, parties[0], parties[1])
	defer clear(agreed)
	copy(k.cek, agreed)
	k.params = append(k.params, Param{name: "epk", text: ephemeralJWK(ephemeral.PublicKey()), kind: paramRaw})
	return nil
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
