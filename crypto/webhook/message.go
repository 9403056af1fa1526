package webhook

import (
	"crypto/sha256"
	"math/bits"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/issuant/issuant/internal/accel"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/digest"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/internal/word"
)

// Message is a verified webhook. Only Verifier.Open makes one, and no method
// changes it; it is safe for concurrent use.
type Message struct {
	scheme, route  string
	keyID, account string
	iat, exp       int64
	body           []byte
	hash           accel.Texts // of body; its Base64 is there for Pismo alone
	claims         []byte      // the payload, strict JSON within claimsLimits
	canonical      bool        // and it is what ClaimsJSON returns
	observed       []string
	covers         Coverage
	replay         [sha256.Size]byte // of ReplayKey, where hasReplay; else it is made of account, iat and body hash
	hasReplay      bool
	timeless       bool // the scheme has no timestamp
}

// Body returns the body as received: the very bytes that were given to Open, not a
// copy. They must not be changed as long as the Message is in use. Coverage tells
// whether the signature vouches for them.
func (m *Message) Body() []byte { return m.body }

// Coverage tells how much of the body the signature vouches for: CoversBody every
// byte, CoversFields some values alone, CoversNothing none, so that the body is worth
// what the connection is worth that it came on.
func (m *Message) Coverage() Coverage { return m.covers }

// Scheme returns the name of the scheme that verified the message: "pismo".
func (m *Message) Scheme() string { return m.scheme }

// Route returns the name of the route that the Verifier was made for, "" when it has none.
func (m *Message) Route() string { return m.route }

// KeyID returns the id of the key that signed.
func (m *Message) KeyID() string { return m.keyID }

// Account returns the account that a Pismo message is for, as digits; "" when the
// message names none, which only UnsafeAnyAccount lets through, and in other schemes.
func (m *Message) Account() string { return m.account }

// IssuedAt returns when the message was signed (the claim iat, the scheme's
// timestamp), in whole seconds and UTC; the zero time for a scheme that does not tell.
func (m *Message) IssuedAt() time.Time {
	if m.timeless {
		return time.Time{}
	}
	return time.Unix(m.iat, 0).UTC()
}

// Expires returns the claim exp, in UTC; the zero time for a message that has none. A
// sender may set it as far ahead as it likes; what lies beyond the year 9999 is given as its last second.
func (m *Message) Expires() time.Time {
	if m.exp == 0 && m.hasReplay {
		return time.Time{}
	}
	return time.Unix(min(m.exp, maxNow), 0).UTC()
}

// Claim returns the canonical JSON text of one claim; names match exactly.
func (m *Message) Claim(name string) (text string, ok bool) {
	v, ok := m.claimsValue().Get(name)
	if !ok {
		return "", false
	}
	w := canon.NewWriter(nil)
	writeValue(w, v)
	return string(w.Bytes()), true
}

// claimsLimits bounds a payload.
var claimsLimits = strictjson.Limits{MaxBytes: MaxTokenBytes, MaxDepth: maxClaimsDepth, MaxValues: maxClaimsValues}

// claimsValue reads the claims again: nothing on the way of a message needs the
// whole tree.
func (m *Message) claimsValue() strictjson.Value {
	v, err := strictjson.Parse(m.claims, claimsLimits)
	if err != nil {
		return strictjson.Value{} // a Message that Open did not make
	}
	return v
}

// ClaimsJSON returns all claims as one canonical JSON object: members sorted by
// the bytes of their names at every level, no blanks, numbers as they were sent.
// The caller owns the slice.
func (m *Message) ClaimsJSON() []byte { return m.AppendClaims(nil) }

// AppendClaims appends what ClaimsJSON returns.
func (m *Message) AppendClaims(dst []byte) []byte {
	if m.canonical {
		return append(dst, m.claims...)
	}
	w := canon.NewWriter(dst)
	writeValue(w, m.claimsValue())
	return w.Bytes()
}

// Digest returns the SHA-256 of the body in hex. It lies in the message's memory, so that
// who keeps digests alone clones them.
func (m *Message) Digest() string {
	text := m.hash.Hex()
	return unsafe.String(&text[0], len(text))
}

// ReplayKey returns what is the same for every copy of this message, and for no
// other: the name of the scheme, a colon, and the hex of a SHA-256. For Pismo that is over
// counterpart, account, iat and body hash; for other schemes over the message's id
// where it has a signed one, else over the signed bytes, and over the body too where
// they leave it out. It does not cover the signature's bytes, which may have many
// forms, nor the route: a copy on another route has the same key.
func (m *Message) ReplayKey() string {
	var buf [128]byte // of any built-in scheme
	return string(m.AppendReplayKey(buf[:0]))
}

// AppendReplayKey appends what ReplayKey returns.
func (m *Message) AppendReplayKey(dst []byte) []byte {
	dst = append(append(dst, m.scheme...), ':')
	if m.hasReplay {
		return digest.Append(dst, &m.replay)
	}
	var room [160]byte // of Pismo's name, and an account of digits
	b := room[:]
	if size := 4 + len(m.scheme) + 4 + len(m.account) + 8 + sha256.Size; size <= len(b) {
		b = b[:size]
	} else {
		b = make([]byte, size)
	}
	at := putText(b, putText(b, 0, m.scheme), m.account)
	word.Store(b, at, bits.ReverseBytes64(uint64(m.iat)))
	copy(b[at+8:], m.hash.Sum()[:])
	var t accel.Texts
	if accel.Linked && accel.SHA256Text(b, &t) {
		return append(dst, t.Hex()[:]...)
	}
	sum := sha256.Sum256(b)
	return digest.Append(dst, &sum)
}

// putText writes a text into b from at on, behind its length, so that no two lists of texts
// give the same bytes, and returns where it ends.
func putText(b []byte, at int, s string) int {
	word.Store4(b, at, bits.ReverseBytes32(uint32(len(s))))
	return at + 4 + copy(b[at+4:], s)
}

func writeValue(w *canon.Writer, v strictjson.Value) {
	switch v.Kind {
	case strictjson.Bool:
		w.Bool(v.Bool)
	case strictjson.Number:
		w.Raw([]byte(v.Str))
	case strictjson.String:
		w.String(v.Str)
	case strictjson.Array:
		w.Array()
		for _, item := range v.Items {
			writeValue(w, item)
		}
		w.EndArray()
	case strictjson.Object:
		members := slices.Clone(v.Members)
		slices.SortFunc(members, func(a, b strictjson.Member) int { return strings.Compare(a.Name, b.Name) })
		w.Object()
		for _, m := range members {
			w.Key(m.Name)
			writeValue(w, m.Value)
		}
		w.EndObject()
	default:
		w.Null()
	}
}
