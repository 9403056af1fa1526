package webhook

import (
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/internal/canon"
)

// httpSignature verifies the Signature header of draft-cavage-http-signatures as
// Cybersource uses it: keyid, algorithm, headers and signature, each once.
type httpSignature struct{ *common }

func (v *httpSignature) coverage() Coverage { return v.scheme.Coverage() }

var signatureField = []string{"Signature"}

// cavage are the members of the header.
type cavage struct{ keyid, algorithm, headers, signature string }

func (v *httpSignature) open(m *Message, _ *Verifier, r Request, now time.Time) *Error {
	s := newState(1, 0)
	defer s.release()
	if refusal := gather(&r, signatureField, s.headers); refusal != nil {
		return refusal
	}
	switch {
	case !s.headers[0].signed:
		return refuse(ErrNotSigned, "")
	case s.headers[0].values != 1:
		return refuse(ErrMalformed, "header occurs more than once")
	}
	c, ok := parseCavage(s.headers[0].value)
	if !ok {
		return refuse(ErrMalformed, "Signature is not keyid, algorithm, headers and signature, each once and quoted")
	}
	names := strings.Split(c.headers, " ")
	if refusal := v.base(s, &r, names); refusal != nil {
		return refusal
	}
	var sig []byte
	if sig, ok = v.scheme.Signature.Encoding.appendDecode(nil, c.signature); !ok {
		return refuse(ErrMalformed, "signature is not in the encoding of this scheme")
	}
	if a := lowerASCII(c.algorithm); a != string(v.alg.name) && a != strings.ReplaceAll(string(v.alg.name), "-", "") {
		return refuse(ErrAlgorithm, "")
	}
	at, what := instantOf(now), content{pre: s.buf}
	if refusal := v.match(m, c.keyid, what, [][]byte{sig}, &at); refusal != nil {
		return refusal
	}
	if refusal := v.covered(m, &r, names, &at); refusal != nil {
		refusal.keyID = saneKeyID(c.keyid)
		return refusal
	}
	w := canon.NewWriter(nil).Object().Key("headers").Array()
	for _, name := range names {
		w.String(name)
	}
	m.claims = w.EndArray().Key("timestamp").Int(m.iat).EndObject().Bytes()
	m.sign(s, what, "")
	return nil
}

// parseCavage reads name="value" pairs with a comma, and blanks, between them.
func parseCavage(text string) (c cavage, ok bool) {
	members := map[string]*string{"keyid": &c.keyid, "algorithm": &c.algorithm, "headers": &c.headers, "signature": &c.signature}
	for rest := text; ; {
		name, tail, ok := strings.Cut(rest, `="`)
		value, tail, ok2 := strings.Cut(tail, `"`)
		if !ok || !ok2 || members[name] == nil || *members[name] != "" || value == "" {
			return c, false
		}
		*members[name] = value
		tail = strings.TrimLeft(tail, " ")
		if tail == "" {
			return c, c.keyid != "" && c.algorithm != "" && c.headers != "" && c.signature != ""
		}
		if rest, ok = strings.CutPrefix(tail, ","); !ok {
			return c, false
		}
		rest = strings.TrimLeft(rest, " ")
	}
}

// base writes the lines that are signed into s.buf.
func (v *httpSignature) base(s *state, r *Request, names []string) *Error {
	if len(names) > maxParts {
		return refuse(ErrMalformed, "signature covers more than 64 headers")
	}
	s.buf = s.buf[:0]
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return refuse(ErrMalformed, "a header is covered twice")
		}
		if i > 0 {
			s.buf = append(s.buf, '\n')
		}
		s.buf = append(append(s.buf, name...), ": "...)
		if name == "request-target" || name == "(request-target)" {
			if _, _, ok := splitTarget(r.Target); !ok || !isToken(r.Method) || strings.ContainsAny(r.Target, " \r\n") {
				return refuse(ErrMalformed, "the request's method or target is not known, and the signature covers it")
			}
			s.buf = append(append(append(s.buf, lowerASCII(r.Method)...), ' '), r.Target...)
			continue
		}
		var refusal *Error
		if s.buf, refusal = fieldValue(s.buf, r, name); refusal != nil {
			return refusal
		}
	}
	return nil
}

// covered checks what the signature had to cover, the date, and the body's digest.
func (v *httpSignature) covered(m *Message, r *Request, names []string, now *instant) *Error {
	if !coversAll(names, v.scheme.Covered, len(m.body) == 0) {
		return refuse(ErrClaims, "signature does not cover all that this scheme wants covered")
	}
	_, dates := cutPart(v.scheme.Timestamp.From)
	for name := range strings.SplitSeq(dates, "|") {
		if !slices.Contains(names, name) {
			continue
		}
		values := r.values(name)
		signed, ok := parseTimestamp(values[0], v.scheme.Timestamp.Unit)
		if len(values) != 1 || !ok {
			return refuse(ErrClaims, "date is not one of this scheme")
		}
		m.iat = signed.Unix()
		if refusal := v.fresh(signed, now); refusal != nil {
			return refusal
		}
		break
	}
	m.hashBody(false)
	if !slices.Contains(names, "digest") {
		return nil
	}
	digest, ok := strings.CutPrefix(strings.Join(r.values("digest"), ", "), "SHA-256=")
	want := base64.StdEncoding.AppendEncode(nil, m.hash.Sum()[:])
	switch {
	case !ok:
		return refuse(ErrClaims, "Digest is not SHA-256=, in Base64")
	case subtle.ConstantTimeCompare(want, []byte(digest)) != 1:
		return refuse(ErrBodyHash, "")
	}
	return nil
}
