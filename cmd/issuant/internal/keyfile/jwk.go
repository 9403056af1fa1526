// Package keyfile writes key files: JWK sets with the members that package source
// reads, and PEM. It keeps what it does not know when it changes a set.
package keyfile

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/internal/canon"
)

var b64 = base64.RawURLEncoding

// Set is a JWK set as a file holds it.
type Set struct {
	members map[string]json.RawMessage // but keys
	Keys    []Entry
}

// Entry is one key of a set, by its members.
type Entry map[string]json.RawMessage

// ParseSet reads a set that package source has accepted.
func ParseSet(data []byte) (*Set, error) {
	s := &Set{members: map[string]json.RawMessage{}}
	if err := json.Unmarshal(data, &s.members); err != nil {
		return nil, errors.New("it is not a JWK set")
	}
	if err := json.Unmarshal(s.members["keys"], &s.Keys); err != nil {
		return nil, errors.New("it is not a JWK set; keys of other forms are imported into one: issuant keys import")
	}
	delete(s.members, "keys")
	return s, nil
}

// ID returns the key id.
func (e Entry) ID() string { return e.text("kid") }

func (e Entry) text(name string) string {
	var s string
	_ = json.Unmarshal(e[name], &s)
	return s
}

// Find returns the entry of that id, nil when there is none.
func (s *Set) Find(id string) Entry {
	for _, e := range s.Keys {
		if e.ID() == id {
			return e
		}
	}
	return nil
}

// SetDate writes nbf or exp: whole seconds.
func (e Entry) SetDate(name string, t time.Time) {
	e[name] = json.RawMessage(fmt.Sprint(t.Unix()))
}

// order is how members stand in a file; others follow, sorted.
var order = []string{"kid", "kty", "use", "key_ops", "alg", "scheme", "nbf", "exp", "crv", "x", "y", "n", "e", "d", "p", "q", "dp", "dq", "qi", "k"}

func (e Entry) append(b []byte) []byte {
	w := newObject(b)
	for _, name := range order {
		if v, ok := e[name]; ok {
			w.member(name, v)
		}
	}
	w.rest(e, order)
	return w.end()
}

// Bytes returns the file: format 1, one key a line.
func (s *Set) Bytes() []byte {
	w := newObject(nil)
	w.member("format", json.RawMessage("1"))
	w.rest(s.members, []string{"format", "keys"})
	b := append(w.name("keys"), "[\n"...)
	for i, e := range s.Keys {
		b = e.append(append(b, ' '))
		if i < len(s.Keys)-1 {
			b = append(b, ',')
		}
		b = append(b, '\n')
	}
	return append(b, "]}\n"...)
}

// Public returns the set of the public halves; symmetric keys are left out.
func (s *Set) Public() *Set {
	public := &Set{members: s.members}
	for _, e := range s.Keys {
		if e.text("kty") == "oct" {
			continue
		}
		half := Entry{}
		for name, v := range e {
			half[name] = v
		}
		for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "key_ops"} {
			delete(half, name)
		}
		public.Keys = append(public.Keys, half)
	}
	return public
}

// NewEntry returns the members of a key, with its private half when it has one.
func NewEntry(k *keyring.Key) (Entry, error) {
	e := Entry{}
	set := func(name, v string) {
		if v != "" {
			e[name], _ = json.Marshal(v) // a string always can
		}
	}
	set("kid", k.ID)
	set("alg", k.Alg)
	set("scheme", k.Scheme)
	switch k.Use {
	case keyring.UseVerify, keyring.UseSign:
		set("use", "sig")
	default:
		set("use", "enc")
	}
	if ops := map[keyring.Use]string{keyring.UseSign: `["sign"]`, keyring.UseDecrypt: `["unwrapKey","decrypt"]`}[k.Use]; ops != "" && k.Secret.Len() > 0 {
		e["key_ops"] = json.RawMessage(ops)
	}
	if !k.NotBefore.IsZero() {
		e.SetDate("nbf", k.NotBefore)
	}
	if !k.NotAfter.IsZero() {
		e.SetDate("exp", k.NotAfter.Add(time.Second-1)) // exp is the first instant that is too late
	}
	if n := k.Secret.Len(); n > 0 {
		set("kty", "oct")
		set("k", b64.EncodeToString(k.Secret.Reveal()))
		return e, nil
	}
	pub := k.Public
	if !k.Private.IsZero() {
		pub = k.Private.Public()
	}
	members, err := publicMembers(pub)
	if err != nil {
		return nil, err
	}
	for name, v := range members {
		set(name, v)
	}
	private, err := privateMembers(k.Private.Reveal())
	for name, v := range private {
		set(name, v)
	}
	return e, err
}

func publicMembers(pub crypto.PublicKey) (map[string]string, error) {
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		return map[string]string{"kty": "RSA", "n": b64.EncodeToString(pub.N.Bytes()), "e": b64.EncodeToString(big.NewInt(int64(pub.E)).Bytes())}, nil
	case *ecdsa.PublicKey:
		point, err := pub.Bytes()
		if err != nil {
			return nil, err
		}
		half := (len(point) - 1) / 2
		return map[string]string{"kty": "EC", "crv": pub.Params().Name, "x": b64.EncodeToString(point[1 : 1+half]), "y": b64.EncodeToString(point[1+half:])}, nil
	case ed25519.PublicKey:
		return map[string]string{"kty": "OKP", "crv": "Ed25519", "x": b64.EncodeToString(pub)}, nil
	}
	return nil, errors.New("a JWK set holds RSA, ECDSA and Ed25519 keys")
}

func privateMembers(key any) (map[string]string, error) {
	switch key := key.(type) {
	case nil:
		return nil, nil
	case *rsa.PrivateKey:
		if len(key.Primes) != 2 {
			return nil, errors.New("the RSA key has more than two primes")
		}
		return map[string]string{"d": b64.EncodeToString(key.D.Bytes()), "p": b64.EncodeToString(key.Primes[0].Bytes()), "q": b64.EncodeToString(key.Primes[1].Bytes())}, nil
	case *ecdsa.PrivateKey:
		d, err := key.Bytes()
		return map[string]string{"d": b64.EncodeToString(d)}, err
	case ed25519.PrivateKey:
		return map[string]string{"d": b64.EncodeToString(key.Seed())}, nil
	case *ecdh.PrivateKey:
		return nil, errors.New("a JWK set holds RSA, ECDSA and Ed25519 keys")
	}
	return nil, errors.New("the private key is in a device")
}

// Thumbprint returns the JWK thumbprint of a public key (RFC 7638): the SHA-256 of its
// required members, in base64url. "" for a kind that has none here.
func Thumbprint(pub crypto.PublicKey) string {
	m, err := publicMembers(pub)
	if err != nil {
		return ""
	}
	w := canon.NewWriter(nil).Object()
	for _, name := range []string{"crv", "e", "kty", "n", "x", "y"} {
		if v, ok := m[name]; ok {
			w.Key(name).String(v)
		}
	}
	sum := sha256.Sum256(w.EndObject().Bytes())
	return b64.EncodeToString(sum[:])
}

// object writes members as they are.
type object struct {
	b    []byte
	next string
}

func newObject(b []byte) *object { return &object{append(b, '{'), ""} }

func (o *object) name(name string) []byte {
	quoted, _ := json.Marshal(name)
	o.b = append(append(append(o.b, o.next...), quoted...), ':')
	o.next = ","
	return o.b
}

func (o *object) member(name string, v json.RawMessage) { o.b = append(o.name(name), v...) }

// rest writes the members that have not been written.
func (o *object) rest(m map[string]json.RawMessage, done []string) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(done, name) {
			o.member(name, m[name])
		}
	}
}

func (o *object) end() []byte { return append(o.b, '}') }
