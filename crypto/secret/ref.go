package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"strings"
	"sync"

	"github.com/issuant/issuant/internal/digest"
)

// MinRefKeyBytes is the least length of a reference key.
const MinRefKeyBytes = 32

const maxRefKeyID = 16

// RefKey makes references: the same value under the same key always gives the
// same reference, and without the key nobody can search it back. (A plain hash of
// a PAN can be searched back in minutes.) The zero RefKey makes no references.
// Safe for concurrent use.
type RefKey struct {
	id   string
	key  Bytes
	macs *sync.Pool // of *mac: the key is expanded once, not for each reference
}

// mac is an HMAC and memory for its input and output.
type mac struct {
	hash.Hash
	buf []byte
}

// NewRefKey copies key. The id, 1 to 16 of a-z 0-9 _ -, is public: it stands in
// every reference, so that a reference outlives a rotation. The error is ErrRefKey.
func NewRefKey(id string, key []byte) (RefKey, error) {
	if id == "" || len(id) > maxRefKeyID || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" || len(key) < MinRefKeyBytes {
		return RefKey{}, ErrRefKey
	}
	kept := NewBytes(key)
	return RefKey{id, kept, &sync.Pool{New: func() any { return &mac{Hash: hmac.New(sha256.New, kept.Reveal())} }}}, nil
}

// ID returns the public id of the key.
func (k RefKey) ID() string { return k.id }

// Ref returns "id:" and the hex of HMAC-SHA-256(key, domain, 0x00, value). The
// domain ("pan", "device") keeps equal values of different kinds apart; it must
// not contain a zero byte. The zero key and an empty value give "".
func (k RefKey) Ref(domain string, value []byte) string {
	var ref [maxRefKeyID + 1 + 2*sha256.Size]byte
	return string(k.AppendRef(ref[:0], domain, value))
}

// AppendRef appends what Ref returns to dst.
func (k RefKey) AppendRef(dst []byte, domain string, value []byte) []byte {
	if k.key.Len() == 0 || len(value) == 0 {
		return dst
	}
	m := k.macs.Get().(*mac)
	m.Reset()
	m.buf = append(append(append(m.buf[:0], domain...), 0), value...)
	m.Write(m.buf)
	clear(m.buf) // it may hold a card number
	m.buf = m.Sum(m.buf[:0])
	dst = digest.Append(append(append(dst, k.id...), ':'), (*[sha256.Size]byte)(m.buf))
	k.macs.Put(m)
	return dst
}

// Ref returns the reference of the card number under k, in the domain "pan".
func (p PAN) Ref(k RefKey) string { return k.Ref("pan", p.b.bytes()) }

// RefKeys is a current key and those before it, for rotation: new references
// are made with the current key, look-ups try All. It is immutable.
type RefKeys struct{ keys []RefKey }

// NewRefKeys takes the current key and the older ones, newest first. The error is
// ErrRefKeys when an id occurs twice, ErrRefKey when a key is zero.
func NewRefKeys(current RefKey, older ...RefKey) (*RefKeys, error) {
	keys := append([]RefKey{current}, older...)
	for i, k := range keys {
		if k.key.Len() == 0 {
			return nil, ErrRefKey
		}
		for _, before := range keys[:i] {
			if before.id == k.id {
				return nil, ErrRefKeys
			}
		}
	}
	return &RefKeys{keys}, nil
}

// Current returns the key that makes new references.
func (r *RefKeys) Current() RefKey { return r.keys[0] }

// All returns the references of one value under every key, the current first.
func (r *RefKeys) All(domain string, value []byte) []string {
	refs := make([]string, len(r.keys))
	for i, k := range r.keys {
		refs[i] = k.Ref(domain, value)
	}
	return refs
}
