package webhook

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"sync"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/accel"
)

type kind uint8

const (
	macKind kind = iota + 1
	suffixKind
	bearerKind
	publicKind
	byKeyKind
)

// algorithm is one row of the table of algorithms.
type algorithm struct {
	name Algorithm
	kind kind
	jose string // its name in RFC 7518, which a key's Alg must have where it has one; what package jose checks a public key's signature with
	new  func() hash.Hash
	size int // of what new makes
}

var algorithms = []algorithm{
	{HMACSHA1, macKind, "HS1", sha1.New, sha1.Size},
	{HMACSHA256, macKind, jose.HS256, sha256.New, sha256.Size},
	{HMACSHA384, macKind, jose.HS384, sha512.New384, sha512.Size384},
	{HMACSHA512, macKind, jose.HS512, sha512.New, sha512.Size},
	{SHA256Suffix, suffixKind, "", sha256.New, sha256.Size},
	{Bearer, bearerKind, "", sha256.New, sha256.Size},
	{RSAPKCS1SHA256, publicKind, jose.RS256, nil, 0},
	{RSAPSSSHA256, publicKind, jose.PS256, nil, 0},
	{RSAPSSSHA512, publicKind, jose.PS512, nil, 0},
	{ECDSAP256SHA256, publicKind, jose.ES256, nil, 0},
	{ECDSAP384SHA384, publicKind, jose.ES384, nil, 0},
	{Ed25519, publicKind, jose.EdDSA, nil, 0},
	{ByKey, byKeyKind, "", nil, 0},
}

func algorithmOf(name Algorithm) *algorithm {
	for i := range algorithms {
		if algorithms[i].name == name {
			return &algorithms[i]
		}
	}
	return nil
}

// symmetric reports whether the algorithm uses a shared secret.
func (a *algorithm) symmetric() bool { return a.kind <= bearerKind }

// byKey are the algorithms of RFC 9421 for public keys, the one first that a key of
// RSA takes when its Alg does not name the other.
var byKey = []Algorithm{RSAPSSSHA512, RSAPKCS1SHA256, ECDSAP256SHA256, ECDSAP384SHA384, Ed25519}

// forPublic returns the algorithm that a public key may be used with: a itself, or for
// ByKey the first that suits the key and its Alg; nil for none. why says why not,
// where a key is weak.
func (a *algorithm) forPublic(key *keyring.Key) (row *algorithm, why string) {
	switch a.kind {
	case publicKind:
		err := jose.CheckKey(a.jose, key.Public)
		if pub, ok := key.Public.(*rsa.PublicKey); err != nil && ok && keyring.CheckRSA(pub) != nil {
			return a, "RSA key is weak"
		}
		if err == nil {
			return a, ""
		}
	case byKeyKind:
		for _, name := range byKey {
			row := algorithmOf(name)
			if key.Alg == "" || key.Alg == row.jose {
				if row, why := row.forPublic(key); row != nil {
					return row, why
				}
			}
		}
	}
	return nil, ""
}

// content is the signed bytes: what stands before the body, the body where it is
// signed, what stands after it.
type content struct{ pre, body, post []byte }

// prepared is a key of the ring, ready for one scheme. It is safe for concurrent use.
type prepared struct {
	key    *keyring.Key
	alg    *algorithm   // nil: the key is of another kind
	weak   string       // why its material must not be used
	secret secret.Bytes // of a symmetric key: what goes into the MAC
	macs   sync.Pool    // of *mac, keyed with secret
}

// mac is a keyed hash that can be used again, with room for its sum.
type mac struct {
	hash.Hash
	sum [sha512.Size]byte
}

func prepare(key *keyring.Key, alg *algorithm, text string) *prepared {
	p := &prepared{key: key}
	if key.Public != nil {
		p.alg, p.weak = alg.forPublic(key)
		return p
	}
	if alg.kind == byKeyKind {
		alg = algorithmOf(HMACSHA256)
	}
	if !alg.symmetric() || key.Secret.Len() == 0 {
		return p
	}
	p.alg, p.secret = alg, secretBytes(key.Secret, text)
	if p.secret.Len() < keyring.MinSecret(key.Scheme) {
		p.weak = "secret is too short"
	}
	return p
}

// secretBytes returns what goes into the MAC. A secret that is, as a whole, the text
// in which the counterpart hands its secrets out is decoded; forms that random bytes
// could have by accident are not looked for.
func secretBytes(key secret.Bytes, text string) secret.Bytes {
	have := key.Reveal()
	var decoded []byte
	var err error
	switch rest, prefixed := bytes.CutPrefix(have, []byte("whsec_")); {
	case text == "hex" && len(have) == 64:
		decoded, err = hex.AppendDecode(nil, have)
	case text == "base64" && bytes.HasSuffix(have, []byte("=")):
		decoded, err = base64.StdEncoding.Strict().AppendDecode(nil, have)
	case text == "whsec" && prefixed:
		decoded, err = base64.StdEncoding.Strict().AppendDecode(nil, rest)
	default:
		return key
	}
	defer clear(decoded)
	if err != nil {
		return key
	}
	return secret.NewBytes(decoded)
}

// unusable returns why the key must not be used now, "" when it may.
func (p *prepared) unusable(scheme string, now *instant) string {
	if p.alg == nil {
		return "key is of another kind"
	}
	if p.key.Refused == "" && p.weak != "" {
		return p.weak
	}
	alg := p.alg.jose
	if alg == "" {
		alg = p.key.Alg
	}
	return p.key.Usable(keyring.UseVerify, alg, scheme, now.t)
}

// matches reports whether one of the signatures is this key's over the content.
func (p *prepared) matches(c content, signatures [][]byte) bool {
	switch p.alg.kind {
	case macKind, suffixKind, bearerKind:
		m := p.mac(c)
		defer p.macs.Put(m)
		found := 0
		for _, sig := range signatures {
			if p.alg.kind == bearerKind {
				// Hashed, so that the time does not tell the token's length.
				sum := sha256.Sum256(sig)
				sig = sum[:]
			}
			found |= subtle.ConstantTimeCompare(m.sum[:p.alg.size], sig)
		}
		return found == 1
	}
	for _, sig := range signatures {
		if p.alg.check(p.key.Public, c, sig) {
			return true
		}
	}
	return false
}

// mac returns a mac whose sum holds that of the content. The caller gives it back.
func (p *prepared) mac(c content) *mac {
	m, ok := p.macs.Get().(*mac)
	if !ok {
		m = new(mac)
		if p.alg.kind == macKind {
			m.Hash = hmac.New(p.alg.new, p.secret.Reveal())
		} else {
			m.Hash = p.alg.new()
		}
	}
	if accel.Linked && p.alg.kind == macKind {
		if _, done := accel.HMAC(m.sum[:0], p.alg.size, p.secret.Reveal(), c.bytes()); done {
			return m
		}
	}
	m.Reset()
	if p.alg.kind != bearerKind {
		c.writeTo(m)
	}
	if p.alg.kind != macKind {
		m.Write(p.secret.Reveal())
	}
	m.Sum(m.sum[:0])
	return m
}

func (c *content) writeTo(h hash.Hash) {
	h.Write(c.pre)
	h.Write(c.body)
	h.Write(c.post)
}

// check verifies one signature with a public key.
func (a *algorithm) check(pub crypto.PublicKey, c content, sig []byte) bool {
	return jose.VerifyBytes(a.jose, pub, c.bytes(), sig) == nil
}

// bytes returns the signed bytes in one piece, copied only where they are not.
func (c *content) bytes() []byte {
	switch {
	case len(c.pre)+len(c.post) == 0:
		return c.body
	case len(c.body)+len(c.post) == 0:
		return c.pre
	}
	return bytes.Join([][]byte{c.pre, c.body, c.post}, nil)
}
