package module

import (
	"errors"
	"time"
	"unsafe"

	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/internal/word"
	"github.com/issuant/issuant/wasm/abi"
)

// arrival is a request as a host hands it over.
type arrival struct {
	now     time.Time
	scheme  string
	request webhook.Request
}

var arrivalMembers = []string{"now_ms", "scheme", "method", "path", "headers", "body_b64"}

// arrivalLimits bounds the JSON around a request. Header names may differ in case: the
// verifier takes those for one repeated header.
var arrivalLimits = strictjson.Limits{MaxBytes: abi.MaxTray, MaxDepth: 3, MaxValues: 3*abi.MaxHeaders + 16, CaseVariants: true}

// arrive reads a request, in either form, into m.scratch.arrival. What that holds lies in
// the tray, or in scratch memory.
func (m *instance) arrive(in []byte) error {
	if len(in) > 0 && in[0] == abi.FrameMark {
		return m.frame(in)
	}
	o, err := m.whole(in, arrivalLimits)
	if err != nil {
		return err
	}
	o.only(arrivalMembers...)
	a := arrival{now: o.now(), scheme: o.get("scheme", strictjson.String, true).Str()}
	a.request.Method = o.get("method", strictjson.String, false).Str()
	a.request.Target = o.get("path", strictjson.String, false).Str()
	a.request.Header = m.headers(o)
	if cap(m.scratch.body) > keepTray {
		m.scratch.body = nil
	}
	m.scratch.body = o.bytes(m.scratch.body[:0], "body_b64")
	a.request.Body = m.scratch.body
	m.scratch.arrival = a
	return o.err
}

// headers reads an object whose members are a value or a list of values.
func (m *instance) headers(o *object) map[string][]string {
	s := &m.scratch
	if s.header == nil {
		s.header = map[string][]string{}
	}
	clear(s.header)
	clear(s.values)
	s.values = s.values[:0]
	list := o.get("headers", strictjson.Object, true)
	for h, ok := list.First(); ok && o.err == nil; h, ok = h.Next(list) {
		start := len(s.values)
		switch h.Kind() {
		case strictjson.String:
			s.values = append(s.values, h.Str())
		case strictjson.Array:
			for v, ok := h.First(); ok; v, ok = v.Next(h) {
				if v.Kind() != strictjson.String {
					o.fail("headers", "must hold strings or lists of strings")
				}
				s.values = append(s.values, v.Str())
			}
		default:
			o.fail("headers", "must hold strings or lists of strings")
		}
		s.header[h.Name()] = s.values[start:len(s.values):len(s.values)]
	}
	if len(s.values) > abi.MaxHeaders || len(s.header) > abi.MaxHeaders {
		if o.err == nil {
			o.err = errHeaders
		}
	}
	return s.header
}

var errHeaders = badInput("headers have more than 256 values")

// verifying reads a request into m.scratch.arrival, and finds the ring and the verifier of
// its scheme.
func (m *instance) verifying(handle uint32, in []byte) (r *ring, v *webhook.Verifier, err error) {
	if r, err = m.ring(handle); err != nil {
		return nil, nil, err
	}
	if err = m.arrive(in); err != nil {
		return nil, nil, err
	}
	v, err = r.verifier(m.scratch.arrival.scheme)
	return r, v, err
}

// verified opens the request that arrived. The message holds until the next one.
func (m *instance) verified(v *webhook.Verifier) (*webhook.Message, error) {
	a := &m.scratch.arrival
	return m.scratch.message.Open(v, &a.request, a.now)
}

func (m *instance) openRequest(c *call) error {
	_, v, err := m.verifying(c.first, c.in)
	if err != nil {
		return err
	}
	msg, err := m.verified(v)
	if err != nil {
		return refused(err)
	}
	m.out = append(m.scratch.sender.appendMessage(append(m.out, '{'), msg), `,"claims":`...)
	m.out = append(msg.AppendClaims(m.out), '}')
	return nil
}

// sender is what the last message came from, which most messages do, and what is said of
// it.
type sender struct {
	scheme, keyID, account string
	members                []byte
}

func (s *sender) is(msg *webhook.Message) bool {
	return len(s.members) > 0 && oneText(s.keyID, msg.KeyID()) && oneText(s.scheme, msg.Scheme()) && word.Equal(s.account, msg.Account())
}

// oneText tells whether a and b lie in one place, as the names of keys and schemes do: a
// shorter way to see that they are equal.
func oneText(a, b string) bool {
	return len(a) == len(b) && unsafe.StringData(a) == unsafe.StringData(b)
}

func (s *sender) set(msg *webhook.Message) {
	s.scheme, s.keyID, s.account = msg.Scheme(), msg.KeyID(), owned(msg.Account())
	dst := canon.AppendString(append(s.members[:0], `"scheme":`...), s.scheme)
	dst = canon.AppendString(append(dst, `,"key_id":`...), s.keyID)
	dst = append(dst, `,"account":`...)
	if s.account != "" {
		dst = canon.AppendString(dst, s.account)
	} else {
		dst = append(dst, "null"...)
	}
	s.members = append(dst, `,"issued_at":`...)
}

// appendMessage appends members with what a host needs of a verified message: above all
// the replay key, since the module remembers nothing.
func (s *sender) appendMessage(dst []byte, msg *webhook.Message) []byte {
	if !s.is(msg) {
		s.set(msg)
	}
	dst = append(dst, s.members...)
	if at := msg.IssuedAt(); !at.IsZero() {
		dst = canon.AppendInt(dst, at.Unix())
	} else {
		dst = append(dst, "null"...)
	}
	// Names of coverages, digits and colons need no escapes; a replay key begins with the
	// name of a built-in scheme.
	dst = append(append(dst, `,"covers":"`...), msg.Coverage().String()...)
	dst = append(append(dst, `","digest":"`...), msg.Digest()...)
	return append(msg.AppendReplayKey(append(dst, `","replay_key":"`...)), '"')
}

// refusal is a message that was refused, with the key that it claims.
type refusal struct {
	error
	keyID string
}

func (r *refusal) Unwrap() error { return r.error }

func (r *refusal) appendReply(dst []byte) []byte {
	w := canon.NewWriter(dst).Object()
	writeError(w, r.error)
	return w.Key("claimed_key_id").StringOrNull(r.keyID).EndObject().Bytes()
}

func refused(err error) error {
	r := &refusal{error: err}
	if e, ok := errors.AsType[*webhook.Error](err); ok {
		r.keyID = e.KeyID()
	}
	return r
}
