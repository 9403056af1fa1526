package webhook

import (
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/issuant/issuant/internal/accel"
	"github.com/issuant/issuant/internal/digest"
)

// Verifier opens the messages of one route. It is immutable and safe for
// concurrent use; a constructor such as NewPismo makes one. The zero Verifier
// refuses everything.
type Verifier struct {
	scheme  scheme
	pismo   *pismo // scheme where it is Pismo's, which takes a Scratch's memory; else nil
	name    string
	route   string
	header  string // name, without regard to case
	bearer  bool   // "Bearer " may stand before the token
	maxBody int
}

// scheme is what differs between counterparts, behind the size of the body.
type scheme interface {
	// open checks the signature, and everything that it vouches for against the
	// message's other parts; it fills keyID, account, iat, exp and claims.
	open(m *Message, v *Verifier, r Request, now time.Time) *Error
	// coverage tells how much of the body is signed.
	coverage() Coverage
}

// Open returns the message if, and only if, it is genuine, fresh and meant for
// this route at the instant now. Every error is an *Error; the first refusal that
// applies wins, in the order of the sentinels ErrTooLarge to ErrBodyHash.
//
// Open keeps body and returns it from Message.Body; it keeps nothing of header. It does not panic, whatever the input.
// For a scheme that covers method or target too, use OpenRequest.
func (v *Verifier) Open(header map[string][]string, body []byte, now time.Time) (*Message, error) {
	return v.OpenRequest(Request{Header: header, Body: body}, now)
}

// OpenRequest is Open for a request of which the method and target are known too.
func (v *Verifier) OpenRequest(r Request, now time.Time) (*Message, error) {
	m := new(Message)
	if refusal := v.open(m, &r, nil, now); refusal != nil {
		return nil, refusal
	}
	return m, nil
}

// Scratch is memory for messages of which the caller has one at a time: opening the next
// one overwrites the last one. The zero Scratch is ready for use; it must not be copied
// after that, and is not safe for concurrent use.
type Scratch struct {
	message Message
	token   [usualToken]byte
}

// Open is v.OpenRequest(*r, now) whose Message lies in s, and holds until s is used again.
func (s *Scratch) Open(v *Verifier, r *Request, now time.Time) (*Message, error) {
	s.message = Message{}
	if refusal := v.open(&s.message, r, s, now); refusal != nil {
		return nil, refusal
	}
	return &s.message, nil
}

// open fills in m, which is zero, and may keep what it decodes in s where that is not nil.
func (v *Verifier) open(m *Message, r *Request, s *Scratch, now time.Time) *Error {
	if v == nil || v.scheme == nil {
		return refuse(ErrKeyUnknown, "verifier was not made by a constructor")
	}
	if len(r.Body) > v.maxBody {
		return refuse(ErrTooLarge, "body is larger than this route takes")
	}
	m.scheme, m.route, m.body, m.covers = v.name, v.route, r.Body, v.scheme.coverage()
	if v.pismo == nil {
		return v.scheme.open(m, v, *r, now)
	}
	if s == nil {
		return v.pismo.openPooled(m, v, r, now)
	}
	return v.pismo.openIn(m, v, r, s.token[:0], now, false)
}

// MaxBody returns how many bytes of a body the caller has to read at most: one
// more tells that it is too large.
func (v *Verifier) MaxBody() int { return v.maxBody }

// Scheme returns the name of the scheme: "pismo", or another of Presets or your own.
func (v *Verifier) Scheme() string { return v.name }

// Header returns the name of the header that carries the signature; "" when it
// stands in the body.
func (v *Verifier) Header() string { return v.header }

// Coverage returns how much of the body a signature of the scheme vouches for.
func (v *Verifier) Coverage() Coverage { return v.scheme.coverage() }

// hashBody fills in the body's hash and its digits, and its padded standard Base64 where
// that is wanted.
func (m *Message) hashBody(b64 bool) {
	if accel.Linked && accel.SHA256Text(m.body, &m.hash) {
		return
	}
	sum := sha256.Sum256(m.body)
	*m.hash.Sum() = sum
	digest.Text(m.hash.Hex(), &sum)
	if b64 {
		base64.StdEncoding.Encode(m.hash.Base64()[:], sum[:])
	}
}
