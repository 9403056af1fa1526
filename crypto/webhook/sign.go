//go:build !issuant_lean

package webhook

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/sfv"
)

// SignerOptions sets up the sending side of a Scheme.
type SignerOptions struct {
	Scheme Scheme            // required
	KeyID  string            // id of the key, where messages name one
	Secret secret.Bytes      // for algorithms with a shared secret, in the forms that a ring takes
	Key    keyring.Private   // for the others
	Origin string            // RFC9421: as in Options
	Covers []string          // RFC9421: components in order, such as "@method" or `"@query-param";name="id"`; default @method, @path, @query, content-digest
	Claims map[string]string // Compact: claims beside iat, exp, iss and the body's hash
	Life   time.Duration     // Compact: from iat to exp, in whole seconds; default 5 s, at most 24 h
}

// Signer signs requests as a counterpart does: for tests, and for calls to whoever
// verifies with the same scheme. It is immutable and safe for concurrent use.
type Signer struct {
	o    SignerOptions
	plan plan
	key  *prepared
}

// NewSigner returns a signer. An error wraps ErrOptions: a scheme that Scheme.Check
// refuses, a key that is missing, weak or of another kind, a component that cannot be covered.
func NewSigner(o SignerOptions) (*Signer, error) {
	s := o.Scheme.clone()
	plan, err := s.compile()
	if err != nil {
		return nil, err
	}
	o.Scheme, o.Covers, o.Claims = s, slices.Clone(o.Covers), maps.Clone(o.Claims)
	if len(o.Covers) == 0 {
		o.Covers = []string{"@method", "@path", "@query", "content-digest"}
	}
	o.Life = cmp.Or(o.Life, 5*time.Second)
	bad := func(text string) (*Signer, error) { return nil, fmt.Errorf("%w: %s", ErrOptions, text) }
	key := keyring.Key{ID: cmp.Or(o.KeyID, "signer"), Use: keyring.UseVerify, Secret: o.Secret}
	if !o.Key.IsZero() {
		key.Public = o.Key.Public()
	}
	g := &Signer{o: o, plan: plan}
	switch {
	case o.Life < time.Second || o.Life > MaxMaxAge:
		return bad("Life is not between 1 s and 24 h")
	case s.Key.ID != "" && saneKeyID(o.KeyID) == "":
		return bad("KeyID is missing, longer than 256 bytes, or not printable")
	case s.Signature.Form == HTTPSignature && strings.Contains(o.KeyID, `"`):
		return bad("KeyID has a quotation mark")
	case o.Origin != "" && !isOrigin(o.Origin):
		return bad("Origin is not https://host or https://host:port in lower case")
	case o.Key.IsZero() == (o.Secret.Len() == 0):
		return bad("one of Secret and Key is wanted")
	case s.Signature.Form == Compact:
		var material any = o.Secret
		if !o.Key.IsZero() {
			material = key.Public
		}
		if err := jose.CheckKey(string(s.Algorithm), material); err != nil {
			return bad(err.Error())
		}
		return g, nil
	}
	g.key = prepare(&key, algorithmOf(s.Algorithm), s.Key.Text)
	if g.key.alg == nil || g.key.weak != "" {
		return bad("key is of another kind, or weak")
	}
	return g, nil
}

// material is the key as package jose signs with it.
func (g *Signer) material() any {
	if g.o.Key.IsZero() {
		return g.o.Secret
	}
	return g.o.Key.Reveal()
}

// Sign returns a copy of the request with its signature, and what belongs to it
// (timestamp, id, key id, digest), added; r itself is not changed. A header of the
// same name is replaced. Headers that the scheme signs and does not define, such as
// Host, must be in r. A signature inside the body is put where the body has an empty
// JSON string for it, or behind the fields of a form.
//
// id is the message's id, "" for schemes without one. An error wraps ErrOptions: r
// lacks what the scheme signs. What a crypto.Signer returns is passed on.
func (g *Signer) Sign(r Request, id string, now time.Time) (Request, error) {
	r.Header = maps.Clone(r.Header)
	if r.Header == nil {
		r.Header = map[string][]string{}
	}
	if !instantOf(now).set {
		return Request{}, fmt.Errorf("%w: the clock is not set", ErrOptions)
	}
	switch g.o.Scheme.Signature.Form {
	case RFC9421:
		return g.signMessage(r, now)
	case HTTPSignature:
		return g.signHTTP(r, now)
	case Compact:
		return g.signCompact(r, now)
	}
	return g.signDeclared(r, id, now)
}

// set replaces a header, whatever the case of its name.
func set(header map[string][]string, name, value string) {
	maps.DeleteFunc(header, func(have string, _ []string) bool { return equalASCII(have, name) })
	header[name] = []string{value}
}

// signature returns the signature of the content.
func (g *Signer) signature(what content) ([]byte, error) {
	if !g.key.alg.symmetric() {
		return jose.SignBytes(g.key.alg.jose, g.material(), what.bytes())
	}
	if g.key.alg.kind == bearerKind {
		return bytes.Clone(g.key.secret.Reveal()), nil
	}
	m := g.key.mac(what)
	defer g.key.macs.Put(m)
	return bytes.Clone(m.sum[:g.key.alg.size]), nil
}

func (e Encoding) encode(b []byte) string {
	switch e {
	case Base64:
		return base64.StdEncoding.EncodeToString(b)
	case Base64URL:
		return base64.RawURLEncoding.EncodeToString(b)
	case Raw:
		return string(b)
	}
	return hex.EncodeToString(b)
}

func formatTimestamp(t time.Time, unit string) string {
	switch unit {
	case "ms":
		return strconv.FormatInt(t.UnixMilli(), 10)
	case "http-date":
		return t.UTC().Format(httpDate)
	case "rfc3339":
		return t.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return strconv.FormatInt(t.Unix(), 10)
}

func (g *Signer) signDeclared(r Request, id string, now time.Time) (Request, error) {
	d := &declared{&common{scheme: g.o.Scheme, alg: g.key.alg}, g.plan}
	s := newState(len(d.headers), len(d.marks))
	defer s.release()
	for _, beside := range []struct {
		place *place
		text  *string
		value string
	}{{&d.ts, &s.ts, formatTimestamp(now, d.scheme.Timestamp.Unit)}, {&d.id, &s.id, id}, {&d.keyID, &s.key, g.o.KeyID}} {
		switch beside.place.kind {
		case "header":
			set(r.Header, beside.place.name, beside.value)
		case "signature":
			s.marks[beside.place.i] = beside.value
		default: // none, or in the body already
			continue
		}
		if *beside.text = beside.value; saneKeyID(beside.value) == "" && beside.place != &d.ts {
			return Request{}, fmt.Errorf("%w: the message's id is missing, longer than 256 bytes, or not printable", ErrOptions)
		}
	}
	if refusal := gather(&r, d.headers, s.headers); refusal != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrOptions, refusal)
	}
	if refusal := d.readBody(s, r.Body); refusal != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrOptions, refusal)
	}
	for text, p := range map[*string]*place{&s.ts: &d.ts, &s.id: &d.id, &s.key: &d.keyID} {
		if p.kind == "json" || p.kind == "form" {
			var refusal *Error
			if *text, refusal = d.value(s, p); refusal != nil {
				return Request{}, fmt.Errorf("%w: %w", ErrOptions, refusal)
			}
		}
	}
	what, refusal := d.content(s, &r)
	if refusal != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrOptions, refusal)
	}
	sig, err := g.signature(what)
	if err != nil {
		return Request{}, err
	}
	return d.place(s, r, d.write(s, d.scheme.Signature.Encoding.encode(sig)))
}

// write puts the text of a signature together.
func (d *declared) write(s *state, sig string) string {
	how := &d.scheme.Signature
	switch how.Form {
	case List:
		return sig
	case Versions:
		return how.Label + "," + sig
	case Pairs:
		var b strings.Builder
		for i, mark := range d.marks {
			b.WriteString(mark + "=" + s.marks[i] + how.Separator)
		}
		return b.String() + how.Label + "=" + sig
	}
	var b strings.Builder
	for _, p := range d.template {
		switch p.name {
		case "":
			b.WriteString(p.literal)
		case "signature":
			b.WriteString(sig)
		default:
			b.WriteString(s.marks[slices.Index(d.marks, p.name)])
		}
	}
	return b.String()
}

// place puts the text of a signature where it belongs.
func (d *declared) place(s *state, r Request, text string) (Request, error) {
	switch d.sig.kind {
	case "header":
		set(r.Header, d.sig.name, text)
	case "form":
		if slices.ContainsFunc(s.fields, func(f field) bool { return f.name == d.sig.name }) {
			return Request{}, fmt.Errorf("%w: the form has a signature already", ErrOptions)
		}
		pair := d.sig.name + "=" + percentEncode(text)
		if len(r.Body) > 0 {
			pair = "&" + pair
		}
		r.Body = append(bytes.Clone(r.Body), pair...)
	case "json":
		value := at(s.doc.Root(), d.sig.path)
		if i := value.Off(); bytes.HasPrefix(r.Body[i:], []byte(`""`)) {
			r.Body = slices.Concat(r.Body[:i], canon.AppendString(nil, text), r.Body[i+2:])
			break
		}
		return Request{}, fmt.Errorf("%w: the body has no empty string for the signature", ErrOptions)
	}
	return r, nil
}

func (g *Signer) signCompact(r Request, now time.Time) (Request, error) {
	claims := g.o.Scheme.Claims
	texts := maps.Clone(g.o.Claims)
	if texts == nil {
		texts = map[string]string{}
	}
	if claims.Issuer != "" {
		texts["iss"] = claims.Issuer
	}
	if claims.BodyHash != "" {
		sum := sha256.Sum256(r.Body)
		texts[claims.BodyHash] = base64.StdEncoding.EncodeToString(sum[:])
	}
	w := canon.NewWriter(nil).Object().Key("iat").Int(now.Unix()).Key("exp").Int(now.Add(g.o.Life).Unix())
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		w.Key(name).String(texts[name])
	}
	header := jose.Header{jose.Text("typ", "JWT")}
	if g.o.KeyID != "" {
		header = append(jose.Header{jose.Text("kid", g.o.KeyID)}, header...)
	}
	token, err := jose.Sign(string(g.o.Scheme.Algorithm), g.material(), header, w.EndObject().Bytes())
	if err != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	if equalASCII(g.plan.sig.name, "Authorization") {
		token = "Bearer " + token
	}
	set(r.Header, g.plan.sig.name, token)
	return r, nil
}

func (g *Signer) signMessage(r Request, now time.Time) (Request, error) {
	label := cmp.Or(g.o.Scheme.Signature.Label, "sig1")
	keyID, ok := sfv.Quote(g.o.KeyID)
	if !ok {
		return Request{}, fmt.Errorf("%w: KeyID cannot stand in a header", ErrOptions)
	}
	items := make([]string, len(g.o.Covers))
	for i, c := range g.o.Covers {
		if items[i] = c; !strings.HasPrefix(c, `"`) {
			items[i] = `"` + c + `"`
		}
		if items[i] == `"content-digest"` && r.values("content-digest") == nil {
			sum := sha256.Sum256(r.Body)
			set(r.Header, "Content-Digest", "sha-256="+sfv.QuoteBytes(sum[:]))
		}
	}
	input := label + "=(" + strings.Join(items, " ") + ");created=" + strconv.FormatInt(now.Unix(), 10) +
		";keyid=" + keyID + `;alg="` + string(g.key.alg.name) + `"`
	members, err := sfv.ParseDictionary(input)
	if err != nil || len(members) != 1 {
		return Request{}, fmt.Errorf("%w: a component cannot be covered", ErrOptions)
	}
	s := newState(0, 0)
	defer s.release()
	v := &messageSignature{&common{scheme: g.o.Scheme, alg: g.key.alg}, g.o.Origin}
	if refusal := v.base(s, &r, &members[0]); refusal != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrOptions, refusal)
	}
	sig, err := g.signature(content{pre: s.buf})
	if err != nil {
		return Request{}, err
	}
	set(r.Header, "Signature-Input", input)
	set(r.Header, "Signature", label+"="+sfv.QuoteBytes(sig))
	return r, nil
}

func (g *Signer) signHTTP(r Request, now time.Time) (Request, error) {
	_, dates := cutPart(g.o.Scheme.Timestamp.From)
	date, _, _ := strings.Cut(dates, "|")
	set(r.Header, date, formatTimestamp(now, g.o.Scheme.Timestamp.Unit))
	var names []string
	for _, alternatives := range g.o.Scheme.Covered {
		name, _, _ := strings.Cut(alternatives, "|")
		if name == "digest" {
			if len(r.Body) == 0 {
				continue
			}
			sum := sha256.Sum256(r.Body)
			set(r.Header, "Digest", "SHA-256="+base64.StdEncoding.EncodeToString(sum[:]))
		}
		names = append(names, name)
	}
	s := newState(0, 0)
	defer s.release()
	v := &httpSignature{&common{scheme: g.o.Scheme, alg: g.key.alg}}
	if refusal := v.base(s, &r, names); refusal != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrOptions, refusal)
	}
	sig, err := g.signature(content{pre: s.buf})
	if err != nil {
		return Request{}, err
	}
	algorithm := string(g.key.alg.name)
	if g.key.alg.name == HMACSHA256 {
		algorithm = "HmacSHA256" // as Cybersource writes it
	}
	set(r.Header, "Signature", fmt.Sprintf(`keyid="%s", algorithm="%s", headers="%s", signature="%s"`,
		g.o.KeyID, algorithm, strings.Join(names, " "), g.o.Scheme.Signature.Encoding.encode(sig)))
	return r, nil
}
