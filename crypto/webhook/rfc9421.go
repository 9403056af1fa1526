package webhook

import (
	"crypto/sha512"
	"crypto/subtle"
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/sfv"
)

// messageSignature verifies HTTP Message Signatures (RFC 9421) of requests. Taken are
// fields as a whole and the derived components of a request; refused are component
// parameters other than the name of @query-param, values of responses and of
// related requests, trailers, and parameters of a signature that the RFC does not
// define. A field must be written in its canonical form.
type messageSignature struct {
	*common
	origin string // "" takes https and the Host header
}

func (v *messageSignature) coverage() Coverage { return v.scheme.Coverage() }

var signatureFields = []string{"Signature", "Signature-Input"}

func (v *messageSignature) open(m *Message, _ *Verifier, r Request, now time.Time) *Error {
	s := newState(len(signatureFields), 0)
	defer s.release()
	if refusal := gather(&r, signatureFields, s.headers); refusal != nil {
		return refusal
	}
	if !s.headers[0].signed {
		return refuse(ErrNotSigned, "")
	}
	if s.headers[0].values != 1 || s.headers[1].values != 1 {
		return refuse(ErrMalformed, "Signature or Signature-Input is missing or occurs more than once")
	}
	signatures, err1 := sfv.ParseDictionary(s.headers[0].value)
	inputs, err2 := sfv.ParseDictionary(s.headers[1].value)
	if err1 != nil || err2 != nil || len(signatures) != len(inputs) || len(inputs) > maxPublic {
		return refuse(ErrMalformed, "Signature and Signature-Input are not two dictionaries of the same 1 to 4 labels")
	}
	at := instantOf(now)
	// Codes ascend in the order of refusals, so the greatest is that of the signature
	// that came furthest.
	furthest := refuse(ErrMalformed, "no signature has the label of this scheme")
	for i := range inputs {
		if label := v.scheme.Signature.Label; label != "" && inputs[i].Name != label {
			continue
		}
		refusal := v.one(m, s, &r, &inputs[i], signatures, &at)
		if refusal == nil {
			return nil
		}
		if refusal.Code() >= furthest.Code() {
			furthest = refusal
		}
	}
	return furthest
}

// one verifies the signature of one label.
func (v *messageSignature) one(m *Message, s *state, r *Request, input *sfv.Member, signatures []sfv.Member, now *instant) *Error {
	i := slices.IndexFunc(signatures, func(sig sfv.Member) bool { return sig.Name == input.Name })
	if i < 0 || !input.Inner || signatures[i].Inner || signatures[i].Item.Kind != sfv.Bytes || len(signatures[i].Item.Params) > 0 {
		return refuse(ErrMalformed, "a label has no signature, or what is signed is not an inner list")
	}
	p, refusal := readParams(input)
	if refusal != nil {
		return refusal
	}
	if refusal := v.base(s, r, input); refusal != nil {
		return refusal
	}
	if p.alg != "" && v.alg.kind != byKeyKind && p.alg != string(v.alg.name) {
		return refuse(ErrAlgorithm, "")
	}
	what := content{pre: s.buf}
	if refusal := v.verify(m, p, what, signatures[i].Item.Bytes, now); refusal != nil {
		refusal.keyID = saneKeyID(p.keyID)
		return refusal
	}
	m.hashBody(false)
	if refusal := v.covered(m, p, r, input, now); refusal != nil {
		refusal.keyID = saneKeyID(p.keyID)
		return refusal
	}
	m.claims = p.claims(input)
	m.sign(s, what, "")
	return nil
}

// signatureParams are the parameters of one signature.
type signatureParams struct {
	keyID, alg, nonce, tag string
	created, expires       int64
	hasCreated, hasExpires bool
}

func readParams(input *sfv.Member) (p signatureParams, refusal *Error) {
	for _, param := range input.Item.Params {
		texts := map[string]*string{"keyid": &p.keyID, "alg": &p.alg, "nonce": &p.nonce, "tag": &p.tag}
		dates := map[string]*int64{"created": &p.created, "expires": &p.expires}
		switch {
		case texts[param.Name] != nil && param.Value.Kind == sfv.String:
			*texts[param.Name] = param.Value.Str
		case dates[param.Name] != nil && param.Value.Kind == sfv.Integer && param.Value.Int > 0 && param.Value.Int <= maxNow:
			*dates[param.Name] = param.Value.Int
			p.hasCreated = p.hasCreated || param.Name == "created"
			p.hasExpires = p.hasExpires || param.Name == "expires"
		default:
			return p, refuse(ErrMalformed, "a signature parameter is unknown, or of another type")
		}
	}
	return p, nil
}

// verify finds the key and holds the algorithm against it.
func (v *messageSignature) verify(m *Message, p signatureParams, what content, signature []byte, now *instant) *Error {
	if p.keyID == "" {
		return refuse(ErrKeyUnknown, "signature names no key")
	}
	key, refusal := v.named(p.keyID, now)
	switch {
	case refusal != nil:
		return refusal
	case p.alg != "" && p.alg != string(key.alg.name):
		return refuse(ErrAlgorithm, "")
	case !key.matches(what, [][]byte{signature}):
		return refuse(ErrSignature, "")
	}
	m.keyID = key.key.ID
	return nil
}

// covered checks what the signature had to cover, its dates, and the body's digest.
func (v *messageSignature) covered(m *Message, p signatureParams, r *Request, input *sfv.Member, now *instant) *Error {
	if !p.hasCreated {
		return refuse(ErrClaims, "signature has no parameter created")
	}
	names := make([]string, len(input.Items))
	for i := range input.Items {
		names[i] = input.Items[i].Str
	}
	if !coversAll(names, v.scheme.Covered, false) {
		return refuse(ErrClaims, "signature does not cover all that this scheme wants covered")
	}
	m.iat, m.exp = p.created, p.expires
	if refusal := v.fresh(time.Unix(p.created, 0), now); refusal != nil {
		return refusal
	}
	if p.hasExpires && !now.t.Add(-v.skew).Before(time.Unix(p.expires, 0)) {
		return refuse(ErrStale, "signature has expired")
	}
	if slices.Contains(names, "content-digest") {
		return checkContentDigest(m, strings.Join(r.values("content-digest"), ", "))
	}
	return nil
}

// coversAll reports whether one of each set of alternatives is among the names. A
// digest may be left out where there is no body.
func coversAll(names, wanted []string, emptyBody bool) bool {
	for _, alternatives := range wanted {
		if emptyBody && alternatives == "digest" {
			continue
		}
		if !slices.ContainsFunc(names, func(name string) bool { return slices.Contains(strings.Split(alternatives, "|"), name) }) {
			return false
		}
	}
	return true
}

// checkContentDigest holds a field of RFC 9530 against the body: every digest of
// SHA-256 or SHA-512, and there must be one.
func checkContentDigest(m *Message, text string) *Error {
	digests, err := sfv.ParseDictionary(text)
	if err != nil {
		return refuse(ErrClaims, "Content-Digest is not a dictionary of byte sequences")
	}
	known := false
	for _, d := range digests {
		var want []byte
		switch d.Name {
		case "sha-256":
			want = m.hash.Sum()[:]
		case "sha-512":
			sum := sha512.Sum512(m.body)
			want = sum[:]
		default:
			continue
		}
		known = true
		if d.Inner || d.Item.Kind != sfv.Bytes {
			return refuse(ErrClaims, "Content-Digest is not a dictionary of byte sequences")
		}
		if subtle.ConstantTimeCompare(want, d.Item.Bytes) != 1 {
			return refuse(ErrBodyHash, "")
		}
	}
	if !known {
		return refuse(ErrClaims, "Content-Digest has neither sha-256 nor sha-512")
	}
	return nil
}

// base writes the signature base into s.buf (RFC 9421 section 2.5).
func (v *messageSignature) base(s *state, r *Request, input *sfv.Member) *Error {
	s.buf = s.buf[:0]
	for i := range input.Items {
		item := &input.Items[i]
		if item.Kind != sfv.String || slices.ContainsFunc(input.Items[:i], func(o sfv.Item) bool { return o.Raw == item.Raw }) {
			return refuse(ErrMalformed, "a component is not a string, or is covered twice")
		}
		s.buf = append(append(s.buf, item.Raw...), ": "...)
		var refusal *Error
		if s.buf, refusal = v.component(s.buf, r, item); refusal != nil {
			return refusal
		}
		s.buf = append(s.buf, '\n')
	}
	s.buf = append(append(s.buf, `"@signature-params": `...), input.RawList...)
	return nil
}

func (v *messageSignature) component(dst []byte, r *Request, item *sfv.Item) ([]byte, *Error) {
	if item.Str == "@query-param" {
		return queryParam(dst, r.Target, item)
	}
	if len(item.Params) > 0 {
		return dst, refuse(ErrMalformed, "a component has a parameter that is not taken here")
	}
	if !strings.HasPrefix(item.Str, "@") {
		return fieldValue(dst, r, item.Str)
	}
	path, query, ok := splitTarget(r.Target)
	if strings.ContainsFunc(r.Target, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		ok = false
	}
	authority, known := v.authority(r)
	text := ""
	switch item.Str {
	case "@method":
		text, ok = r.Method, isToken(r.Method)
	case "@authority":
		text, ok = authority, known
	case "@scheme":
		text, ok = "https", true
	case "@target-uri":
		text, ok = "https://"+authority+r.Target, ok && known
	case "@request-target":
		text = r.Target
	case "@path":
		text = path
	case "@query":
		text = "?" + query
	default:
		ok = false
	}
	if !ok {
		return dst, refuse(ErrMalformed, "a derived component is unknown, or the request does not tell it")
	}
	return append(dst, text...), nil
}

// authority returns the host as the sender addressed it, in lower case and without
// the default port.
func (v *messageSignature) authority(r *Request) (string, bool) {
	if v.origin != "" {
		return strings.TrimSuffix(strings.TrimPrefix(v.origin, "https://"), ":443"), true
	}
	hosts := r.values("host")
	if len(hosts) != 1 {
		return "", false
	}
	host := strings.TrimSuffix(lowerASCII(hosts[0]), ":443")
	return host, isAuthority(host)
}

// fieldValue appends the values of a field, each without the blanks around it, with a
// comma and a blank between them.
func fieldValue(dst []byte, r *Request, name string) ([]byte, *Error) {
	if !isToken(name) || lowerASCII(name) != name {
		return dst, refuse(ErrMalformed, "a covered field has no name in lower case")
	}
	values := r.values(name)
	if len(values) == 0 {
		return dst, refuse(ErrMalformed, "a covered field is missing")
	}
	for i, value := range values {
		if len(value) > MaxTokenBytes || len(dst) > maxBase {
			return dst, refuse(ErrTooLarge, "header is longer than 16 KiB")
		}
		if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
			return dst, refuse(ErrMalformed, "a covered field has a control character")
		}
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, strings.Trim(value, " \t")...)
	}
	return dst, nil
}

// queryParam appends the value of one parameter of the query, which must occur once
// (RFC 9421 section 2.2.8).
func queryParam(dst []byte, target string, item *sfv.Item) ([]byte, *Error) {
	bad := refuse(ErrMalformed, "a covered query parameter is missing, occurs twice or cannot be read")
	name, ok := item.Get("name")
	if !ok || len(item.Params) != 1 || name.Kind != sfv.String {
		return dst, bad
	}
	_, query, ok := splitTarget(target)
	if !ok || query == "" {
		return dst, bad
	}
	found := 0
	value := ""
	for pair := range strings.SplitSeq(query, "&") {
		n, v, _ := strings.Cut(pair, "=")
		n, ok1 := unescape(n)
		v, ok2 := unescape(strings.ReplaceAll(v, "=", "%3D"))
		if !ok1 || !ok2 {
			return dst, bad
		}
		if percentEncode(n) == name.Str {
			value, found = v, found+1
		}
	}
	if found != 1 {
		return dst, bad
	}
	return append(dst, percentEncode(value)...), nil
}

// percentEncode encodes as the RFC wants values of @query-param: everything but
// letters, digits and "*-._", a blank as %20.
func percentEncode(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		l := lowerByte(c)
		if l >= 'a' && l <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("*-._", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

func (p *signatureParams) claims(input *sfv.Member) []byte {
	w := canon.NewWriter(nil).Object().Key("components").Array()
	for i := range input.Items {
		w.String(input.Items[i].Raw)
	}
	w.EndArray().Key("created").Int(p.created)
	if p.hasExpires {
		w.Key("expires").Int(p.expires)
	}
	w.Key("keyid").String(p.keyID)
	if p.nonce != "" {
		w.Key("nonce").String(p.nonce)
	}
	if p.tag != "" {
		w.Key("tag").String(p.tag)
	}
	return w.EndObject().Bytes()
}
