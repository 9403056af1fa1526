package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Verifier opens the messages of one route. It is immutable and safe for
// concurrent use; a constructor such as NewPismo makes one. The zero Verifier
// refuses everything.
type Verifier struct {
	scheme  scheme
	name    string
	route   string
	header  string // name, without regard to case
	bearer  bool   // "Bearer " may stand before the token
	maxBody int
}

// scheme is what differs between counterparts, behind size and header.
type scheme interface {
	// open checks everything of the token against the message's other parts; it
	// fills keyID, account, iat, exp and claims.
	open(m *Message, token string, now time.Time) *Error
}

// Open returns the message if, and only if, it is genuine, fresh and meant for
// this route at the instant now. Every error is an *Error; the first refusal that
// applies wins, in the order of the sentinels ErrTooLarge to ErrBodyHash.
//
// Open keeps body and returns it from Message.Body; it keeps nothing of header. It does not panic, whatever the input.
func (v *Verifier) Open(header map[string][]string, body []byte, now time.Time) (*Message, error) {
	if v == nil || v.scheme == nil {
		return nil, refuse(ErrKeyUnknown, "verifier was not made by a constructor")
	}
	if len(body) > v.maxBody {
		return nil, refuse(ErrTooLarge, "body is larger than this route takes")
	}
	token, refusal := v.token(header)
	if refusal != nil {
		return nil, refusal
	}
	m := &Message{scheme: v.name, route: v.route, body: body}
	if refusal := v.scheme.open(m, token, now); refusal != nil {
		return nil, refusal
	}
	return m, nil
}

// MaxBody returns how many bytes of a body the caller has to read at most: one
// more tells that it is too large.
func (v *Verifier) MaxBody() int { return v.maxBody }

// Scheme returns the name of the scheme: "pismo".
func (v *Verifier) Scheme() string { return v.name }

// Header returns the name of the header that carries the signature.
func (v *Verifier) Header() string { return v.header }

func (m *Message) hashBody() {
	m.bodyHash = sha256.Sum256(m.body)
	m.digest = hex.EncodeToString(m.bodyHash[:])
}
