package webhook

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/strictjson"
)

// declared verifies the schemes whose signature is written as Value, List, Pairs or
// Versions.
type declared struct {
	*common
	plan
}

// plan is a Scheme, parsed.
type plan struct {
	headers    []string // that are read
	marks      []string // parts of the signature's text that are read
	template   []piece
	sig        place
	ts, id     place
	keyID      place
	parts      []part
	single     []string
	json, form bool // the body is read before it is verified
}

// place is a source, with where gather puts its header or the signature its part.
type place struct {
	source
	i int
}

// part is one part of the signed bytes.
type part struct {
	kind   string
	text   string // of a literal
	place  place
	n      int      // of resource
	except []string // of form_values
	border []byte   // the literal behind it, which the value must not hold
}

// piece is one piece of a template: a literal, or a placeholder.
type piece struct{ literal, name string }

// state is what one message needs. It holds bytes that came in, no secret.
type state struct {
	buf         []byte // signed bytes without the body
	sigBuf      []byte
	signatures  [][]byte
	headers     []found
	marks       []string
	doc         *strictjson.Doc
	fields      []field
	ts, id, key string
}

var states = sync.Pool{New: func() any { return new(state) }}

const keepState = 16 << 10 // bytes of a buffer that a state keeps between two messages

func newState(headers, marks int) *state {
	s := states.Get().(*state)
	s.headers = slices.Grow(s.headers[:0], headers)[:headers]
	s.marks = slices.Grow(s.marks[:0], marks)[:marks]
	return s
}

func (s *state) release() {
	if s.doc != nil {
		s.doc.Release()
	}
	clear(s.headers)
	clear(s.marks)
	clear(s.fields)
	clear(s.signatures)
	*s = state{buf: s.buf[:0], sigBuf: s.sigBuf[:0], signatures: s.signatures[:0], headers: s.headers[:0], marks: s.marks[:0], fields: s.fields[:0]}
	if cap(s.buf) > keepState || cap(s.sigBuf) > keepState {
		*s = state{}
	}
	states.Put(s)
}

func (d *declared) coverage() Coverage { return d.scheme.Coverage() }

func (d *declared) open(m *Message, _ *Verifier, r Request, now time.Time) *Error {
	s := newState(len(d.headers), len(d.marks))
	defer s.release()
	if refusal := d.read(s, &r); refusal != nil {
		return refusal
	}
	what, refusal := d.content(s, &r)
	if refusal != nil {
		return refusal
	}
	at := instantOf(now)
	if refusal := d.match(m, s.key, what, s.signatures, &at); refusal != nil {
		return refusal
	}
	if refusal := d.finish(m, s, &at); refusal != nil {
		refusal.keyID = saneKeyID(m.keyID)
		return refusal
	}
	m.hashBody(false)
	m.sign(s, what, s.id)
	return nil
}

// read takes the signature and what stands beside it out of the request.
func (d *declared) read(s *state, r *Request) *Error {
	if refusal := gather(r, d.headers, s.headers); refusal != nil {
		return refusal
	}
	for i, name := range d.headers {
		if s.headers[i].values == 0 && r.Host != "" && equalASCII(name, "host") {
			s.headers[i] = found{r.Host, 1, true}
		}
	}
	if d.sig.kind == "header" && !s.headers[d.sig.i].signed {
		return refuse(ErrNotSigned, "")
	}
	if refusal := d.readBody(s, r.Body); refusal != nil {
		return refusal
	}
	text, refusal := d.value(s, &d.sig)
	if refusal != nil {
		return refusal
	}
	if text == "" {
		return refuse(ErrNotSigned, "")
	}
	if len(text) > MaxTokenBytes {
		return refuse(ErrTooLarge, "signature is longer than 16 KiB")
	}
	if refusal := d.signature(s, text); refusal != nil {
		return refusal
	}
	for _, beside := range []struct {
		place *place
		text  *string
	}{{&d.ts, &s.ts}, {&d.id, &s.id}, {&d.keyID, &s.key}} {
		if beside.place.kind == "" {
			continue
		}
		if *beside.text, refusal = d.value(s, beside.place); refusal != nil {
			return refusal
		}
		if saneKeyID(*beside.text) == "" && beside.place != &d.ts || *beside.text == "" {
			return refuse(ErrMalformed, "timestamp, id or key id is missing, too long or not printable")
		}
	}
	return nil
}

func (d *declared) readBody(s *state, body []byte) *Error {
	if d.form {
		var why string
		if s.fields, why = parseForm(body, s.fields[:0]); why != "" {
			return refuse(ErrMalformed, why)
		}
	}
	if !d.json {
		return nil
	}
	doc, err := strictjson.Read(body, fieldLimits)
	if err != nil {
		return refuse(ErrMalformed, "body is not strict JSON of at most 256 values")
	}
	s.doc = doc
	if d.single != nil {
		if list := at(doc.Root(), d.single); list.Kind() != strictjson.Array || list.Len() != 1 {
			return refuse(ErrMalformed, "body has not exactly one item, and the signature covers one")
		}
	}
	return nil
}

// value returns what stands at a place: "" for a field of the body that is absent.
func (d *declared) value(s *state, p *place) (string, *Error) {
	switch p.kind {
	case "header":
		if s.headers[p.i].values != 1 {
			return "", refuse(ErrMalformed, "a header that the signature needs is missing or occurs more than once")
		}
		return s.headers[p.i].value, nil
	case "signature":
		return s.marks[p.i], nil
	case "form":
		for i := range s.fields {
			if s.fields[i].name == p.name {
				return s.fields[i].value, nil
			}
		}
		return "", nil
	}
	text, ok := scalar(at(s.doc.Root(), p.path))
	if !ok {
		return "", refuse(ErrMalformed, "a signed value of the body is an object or array")
	}
	return text, nil
}

// signature splits the text of a signature and decodes what it holds.
func (d *declared) signature(s *state, text string) *Error {
	s.sigBuf = slices.Grow(s.sigBuf[:0], len(text))
	how := &d.scheme.Signature
	if how.Form == Value {
		return d.templated(s, text)
	}
	entries, known := 0, false
	for entry := range strings.SplitSeq(text, how.Separator) {
		if entries++; entries > 64 {
			return refuse(ErrMalformed, "signature header has more than 64 entries")
		}
		if how.Form == List {
			if how.Separator == "," {
				entry = strings.TrimPrefix(entry, " ") // as lists in headers are often written
			}
			if refusal := d.decode(s, entry); refusal != nil {
				return refusal
			}
			continue
		}
		sep := "="
		if how.Form == Versions {
			sep = ","
		}
		name, value, ok := strings.Cut(entry, sep)
		if !ok || name == "" || value == "" {
			return refuse(ErrMalformed, "signature header has an entry that is not a name and a value")
		}
		if name == how.Label {
			known = true
			if refusal := d.decode(s, value); refusal != nil {
				return refusal
			}
		}
		for i, mark := range d.marks {
			if mark == name && how.Form == Pairs {
				if s.marks[i] != "" {
					return refuse(ErrMalformed, "signature header has a part twice")
				}
				s.marks[i] = value
			}
		}
	}
	if how.Form != List && !known {
		return refuse(ErrAlgorithm, "signature header has no entry of this scheme's version")
	}
	return nil
}

// templated reads a text of the scheme's template.
func (d *declared) templated(s *state, text string) *Error {
	rest := text
	for i, p := range d.template {
		if p.name == "" {
			var ok bool
			if rest, ok = strings.CutPrefix(rest, p.literal); !ok {
				return refuse(ErrMalformed, "signature does not have the form of this scheme")
			}
			continue
		}
		value := rest
		if i+1 < len(d.template) {
			end := strings.Index(rest, d.template[i+1].literal)
			if end < 0 {
				return refuse(ErrMalformed, "signature does not have the form of this scheme")
			}
			value = rest[:end]
		}
		rest = rest[len(value):]
		if p.name == "signature" {
			if refusal := d.decode(s, value); refusal != nil {
				return refusal
			}
			continue
		}
		s.marks[slices.Index(d.marks, p.name)] = value
	}
	if rest != "" {
		return refuse(ErrMalformed, "signature does not have the form of this scheme")
	}
	return nil
}

// decode adds one signature; sigBuf has room for all of them.
func (d *declared) decode(s *state, text string) *Error {
	bound := maxSignatures
	if !d.alg.symmetric() {
		bound = maxPublic
	}
	if len(s.signatures) == bound {
		return refuse(ErrMalformed, "signature header has too many signatures")
	}
	n := len(s.sigBuf)
	var ok bool
	if s.sigBuf, ok = d.scheme.Signature.Encoding.appendDecode(s.sigBuf, text); !ok || text == "" {
		return refuse(ErrMalformed, "signature is not in the encoding of this scheme")
	}
	s.signatures = append(s.signatures, s.sigBuf[n:len(s.sigBuf):len(s.sigBuf)])
	return nil
}

func (e Encoding) appendDecode(dst []byte, text string) ([]byte, bool) {
	var err error
	n := len(dst)
	switch e {
	case Hex:
		dst, err = hex.AppendDecode(dst, []byte(text))
	case Raw:
		dst = append(dst, text...)
	default:
		if strings.ContainsAny(text, "\r\n") { // which package base64 passes over
			return dst, false
		}
		coding := base64.StdEncoding
		if e == Base64URL {
			coding = base64.RawURLEncoding
		}
		dst, err = coding.Strict().AppendDecode(dst, []byte(text))
	}
	return dst, err == nil && len(dst) > n
}

// content puts the signed bytes together.
func (d *declared) content(s *state, r *Request) (what content, refusal *Error) {
	split := -1
	s.buf = s.buf[:0]
	for i := range d.parts {
		p := &d.parts[i]
		if p.kind == "body" {
			split = len(s.buf)
			continue
		}
		start := len(s.buf)
		if refusal := d.append(s, p, r); refusal != nil {
			return content{}, refusal
		}
		if len(p.border) > 0 && bytes.Contains(s.buf[start:], p.border) {
			return content{}, refuse(ErrMalformed, "a signed value holds the separator behind it")
		}
	}
	if split < 0 {
		return content{pre: s.buf}, nil
	}
	return content{s.buf[:split], r.Body, s.buf[split:]}, nil
}

func (d *declared) append(s *state, p *part, r *Request) *Error {
	text := ""
	switch p.kind {
	case "literal":
		text = p.text
	case "timestamp":
		text = s.ts
	case "id":
		text = s.id
	case "key_id":
		text = s.key
	case "method":
		if text = r.Method; !isToken(text) {
			return refuse(ErrMalformed, "the request's method is not known, and the signature covers it")
		}
	case "target", "path", "query", "resource":
		var ok bool
		if text, ok = targetPart(r.Target, p); !ok {
			return refuse(ErrMalformed, "the request's target is not known or too short, and the signature covers it")
		}
	case "form_values":
		for i := range s.fields {
			if !slices.Contains(p.except, s.fields[i].name) {
				s.buf = append(s.buf, s.fields[i].value...)
			}
		}
		return nil
	default: // a value of the request
		var refusal *Error
		if text, refusal = d.value(s, &p.place); refusal != nil {
			return refusal
		}
		if p.kind == "urlpath" && !isPath(text) {
			return refuse(ErrMalformed, "a signed header is not a URL path")
		}
	}
	s.buf = append(s.buf, text...)
	return nil
}

func targetPart(target string, p *part) (text string, ok bool) {
	path, query, ok := splitTarget(target)
	switch {
	case !ok:
		return "", false
	case p.kind == "path":
		return path, true
	case p.kind == "query":
		return query, true
	case p.kind == "resource":
		return resource(path, p.n)
	}
	return target, true
}

// finish checks what the signature vouches for: the timestamp.
func (d *declared) finish(m *Message, s *state, now *instant) *Error {
	if d.ts.kind == "" {
		m.timeless = true
	} else {
		signed, ok := parseTimestamp(s.ts, d.scheme.Timestamp.Unit)
		if !ok {
			return refuse(ErrClaims, "timestamp is not one of this scheme")
		}
		m.iat = signed.Unix()
		if refusal := d.fresh(signed, now); refusal != nil {
			return refusal
		}
	}
	w := canon.NewWriter(make([]byte, 0, 64+len(s.id))).Object()
	if s.id != "" {
		w.Key("id").String(s.id)
	}
	if !m.timeless {
		w.Key("timestamp").Int(m.iat)
	}
	m.claims = w.EndObject().Bytes()
	return nil
}

// parseTimestamp reads a timestamp in the one way in which its unit is written.
func parseTimestamp(text, unit string) (time.Time, bool) {
	switch unit {
	case "", "s", "ms":
		if len(text) > 15 || text == "" || text[0] == '0' && len(text) > 1 || strings.Trim(text, "0123456789") != "" {
			return time.Time{}, false
		}
		n := int64(0)
		for _, c := range []byte(text) {
			n = n*10 + int64(c-'0')
		}
		if unit == "ms" {
			return time.UnixMilli(n), n <= maxNow*1000
		}
		return time.Unix(n, 0), n <= maxNow
	case "http-date":
		t, err := time.Parse(httpDate, text)
		return t, err == nil && t.Format(httpDate) == text && t.Unix() >= 0
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	return t, err == nil && len(text) <= len(time.RFC3339Nano) && !strings.Contains(text, ",") && t.Unix() >= 0 && t.Unix() <= maxNow
}

// httpDate is the one form of RFC 9110 that senders may write.
const httpDate = "Mon, 02 Jan 2006 15:04:05 GMT"

// sign fills the replay key: of the id, else of what was signed.
func (m *Message) sign(s *state, what content, id string) {
	start := len(s.buf)
	text := func(t []byte) {
		s.buf = binary.BigEndian.AppendUint32(s.buf, uint32(len(t)))
		s.buf = append(s.buf, t...)
	}
	text([]byte(m.scheme))
	if id != "" {
		text([]byte("id"))
		text([]byte(id))
	} else {
		text(what.pre)
		text(what.post)
		if m.covers != CoversFields {
			text(m.hash.Sum()[:])
		}
	}
	m.replay, m.hasReplay = sha256.Sum256(s.buf[start:]), true
}
