package webhook

import (
	"cmp"
	"crypto/fips140"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/keyring"
)

// Options sets up the verifier of a Scheme. What is zero takes the strict default;
// nothing means "off".
type Options struct {
	Scheme  Scheme         // required: Preset, or one of your own
	Keys    keyring.Lookup // required; for schemes whose messages name no key, a keyring.Ring, or what has a method Ring() *keyring.Ring
	Skew    time.Duration  // how far clocks may differ: default that of the scheme, 60 s; at most 10 min
	MaxAge  time.Duration  // how old a message may be: default that of the scheme, 5 min; at most 24 h
	MaxBody int            // bytes, inclusive: default 256 KiB, or 24 KiB where the body is read before it is verified; at most 64 MiB
	Route   string         // name of the route, for Message.Route
	Origin  string         // RFC9421: "https://host" or "https://host:port" as the sender addresses us; default https and the Host header

	// UnsafeUncoveredBody is wanted for a scheme that does not sign the body, by whoever
	// knows what its connection is worth: the body of any message that somebody
	// who has seen a fresh signature sends is accepted.
	UnsafeUncoveredBody bool
}

// New returns a verifier for a declared scheme. An error wraps ErrOptions: no keys,
// a scheme that Scheme.Check refuses, a bound that is negative or too large, an
// uncovered body without UnsafeUncoveredBody, a hash that FIPS mode forbids. For
// PismoScheme use NewPismo.
func New(o Options) (*Verifier, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := o.Scheme.clone()
	plan, err := s.compile()
	if err != nil {
		return nil, err
	}
	c := &common{
		scheme: s, alg: algorithmOf(s.Algorithm), keys: o.Keys,
		skew:   cmp.Or(o.Skew, s.Timestamp.Skew, DefaultSkew),
		maxAge: cmp.Or(o.MaxAge, s.Timestamp.MaxAge, DefaultMaxAge),
	}
	v := &Verifier{name: s.Name, route: o.Route, maxBody: cmp.Or(o.MaxBody, DefaultMaxBody), header: plan.header()}
	v.bearer = equalASCII(v.header, "Authorization") && s.Signature.Form == Compact
	switch s.Signature.Form {
	case RFC9421:
		v.header, v.scheme = signatureFields[0], &messageSignature{common: c, origin: o.Origin}
	case HTTPSignature:
		v.header, v.scheme = signatureField[0], &httpSignature{common: c}
	case Compact:
		v.scheme = &compact{common: c, plan: plan}
	default:
		v.scheme = &declared{common: c, plan: plan}
		if plan.json || plan.form {
			v.maxBody = cmp.Or(o.MaxBody, defaultFieldBody)
		}
	}
	if s.timeless() {
		v.scheme = timeless{v.scheme}
	}
	return v, nil
}

// timeless hides the window of a scheme that has no timestamp.
type timeless struct{ scheme }

func (s *Scheme) timeless() bool {
	switch s.Signature.Form {
	case Compact, RFC9421:
		return false
	}
	return s.Timestamp.From == ""
}

func (o *Options) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrOptions}, args...)...)
	}
	if err := o.Scheme.Check(); err != nil {
		return err
	}
	switch {
	case o.Keys == nil:
		return bad("Keys is missing")
	case o.Scheme.Name == PismoScheme:
		return bad("NewPismo makes the verifier of this scheme")
	case o.Scheme.Key.ID == "" && !isRing(o.Keys):
		return bad("messages of this scheme name no key, so Keys must be a keyring.Ring or have a method Ring")
	case o.Origin != "" && o.Scheme.Signature.Form != RFC9421:
		return bad("Origin is for schemes of the form rfc9421")
	case o.Origin != "" && !isOrigin(o.Origin):
		return bad("Origin is not https://host or https://host:port in lower case")
	case o.Scheme.Coverage() == CoversNothing && !o.UnsafeUncoveredBody:
		return bad("scheme %q does not sign the body; UnsafeUncoveredBody takes it all the same", o.Scheme.Name)
	case o.Scheme.absent():
		return fmt.Errorf("%w: scheme %q: %w", jose.ErrAbsent, o.Scheme.Name, ErrOptions)
	case o.Scheme.Algorithm == HMACSHA1 && fips140.Enforced():
		return bad("FIPS mode forbids SHA-1")
	}
	return checkBounds(o.Skew, o.MaxAge, o.MaxBody)
}

// absent reports whether this build does not hold the scheme's algorithm.
func (s *Scheme) absent() bool {
	name := string(s.Algorithm) // of a compact token
	if alg := algorithmOf(s.Algorithm); alg != nil {
		name = alg.jose
	}
	return errors.Is(jose.Linked(name), jose.ErrAbsent)
}

// checkBounds checks what verifiers of all schemes bound.
func checkBounds(skew, maxAge time.Duration, maxBody int) error {
	switch {
	case skew < 0 || skew > MaxSkew:
		return fmt.Errorf("%w: Skew is not between 0 and %v", ErrOptions, MaxSkew)
	case maxAge < 0 || maxAge > MaxMaxAge:
		return fmt.Errorf("%w: MaxAge is not between 0 and %v", ErrOptions, MaxMaxAge)
	case maxBody < 0 || maxBody > MaxMaxBody:
		return fmt.Errorf("%w: MaxBody is not between 0 and %d bytes", ErrOptions, MaxMaxBody)
	}
	return nil
}

func isRing(keys keyring.Lookup) bool {
	switch keys.(type) {
	case *keyring.Ring, interface{ Ring() *keyring.Ring }:
		return true
	}
	return false
}

// Check returns nil for a scheme that New can make a verifier of, else an error that
// wraps ErrOptions and names the member that is wrong.
func (s *Scheme) Check() error {
	c := s.clone() // compile fills in defaults
	_, err := c.compile()
	return err
}

// compiler turns a Scheme into a plan; why is the first thing that is wrong.
type compiler struct {
	s    *Scheme
	plan plan
	why  string
}

func (c *compiler) fail(format string, args ...any) {
	if c.why == "" {
		c.why = fmt.Sprintf(format, args...)
	}
}

func (s *Scheme) compile() (plan, error) {
	c := &compiler{s: s}
	c.names()
	c.signature()
	switch s.Signature.Form {
	case RFC9421, HTTPSignature:
		c.components()
	case Compact:
		c.compact()
	default:
		c.beside()
		c.signed()
	}
	if c.why != "" {
		return plan{}, fmt.Errorf("%w: scheme %q: %s", ErrOptions, s.Name, c.why)
	}
	return c.plan, nil
}

func (c *compiler) names() {
	s := c.s
	if !isWords(s.Name) || len(s.Name) > 64 {
		c.fail("name is not words of a-z and 0-9 joined by hyphens, 64 bytes at most")
	}
	for _, text := range []string{s.Title, s.Evidence} {
		if len(text) > 256 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd }) {
			c.fail("title or evidence is longer than 256 bytes or has control characters")
		}
	}
	switch s.Key.Text {
	case "", "hex", "base64", "whsec":
	default:
		c.fail("key text is not hex, base64 or whsec")
	}
	if s.Timestamp.Skew < 0 || s.Timestamp.Skew > MaxSkew || s.Timestamp.MaxAge < 0 || s.Timestamp.MaxAge > MaxMaxAge {
		c.fail("skew is not between 0 and %v, or max age not between 0 and %v", MaxSkew, MaxMaxAge)
	}
	if s.Claims != nil && s.Signature.Form != Compact {
		c.fail("claims are for signatures of the form compact")
	}
	if len(s.Covered) > 0 && s.Signature.Form != RFC9421 && s.Signature.Form != HTTPSignature {
		c.fail("covered is for signatures of the form rfc9421 or http-signature; the others have signed")
	}
}

func isWords(s string) bool {
	for word := range strings.SplitSeq(s, "-") {
		if word == "" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return false
		}
	}
	return true
}

// signature checks form, algorithm and encoding, and fills in their defaults.
func (c *compiler) signature() {
	sig := &c.s.Signature
	sig.Form, sig.Encoding = cmp.Or(sig.Form, Value), cmp.Or(sig.Encoding, Hex)
	switch sig.Form {
	case Value, List, Pairs, Versions, Compact, HTTPSignature, RFC9421:
	default:
		c.fail("signature form is not value, list, pairs, versions, compact, http-signature or rfc9421")
	}
	switch sig.Encoding {
	case Hex, Base64, Base64URL, Raw:
	default:
		c.fail("signature encoding is not hex, base64, base64url or raw")
	}
	alg := algorithmOf(c.s.Algorithm)
	switch {
	case sig.Form == Compact && !isCompactAlgorithm(c.s.Algorithm):
		c.fail("algorithm of a compact token is not one of RFC 7518: HS256, RS256, PS256, ES256, EdDSA and the like")
	case sig.Form != Compact && alg == nil:
		c.fail("algorithm is not one that is known")
	case c.s.Algorithm == ByKey && sig.Form != RFC9421:
		c.fail("algorithm by-key is for signatures of the form rfc9421")
	case sig.Form == RFC9421 && (c.s.Algorithm == SHA256Suffix || c.s.Algorithm == Bearer || c.s.Algorithm == HMACSHA1):
		c.fail("algorithm is not one of RFC 9421")
	case (c.s.Algorithm == Bearer) != (sig.Encoding == Raw):
		c.fail("encoding raw and algorithm bearer go together")
	case c.s.Algorithm == Bearer && (sig.Form != Value || len(c.s.Signed) > 0):
		c.fail("algorithm bearer has the form value and signs nothing")
	}
	if listed := sig.Form == List || sig.Form == Pairs || sig.Form == Versions; !listed {
		if sig.Separator != "" {
			c.fail("signature separator is for the forms list, pairs and versions")
		}
	} else if sig.Separator = cmp.Or(sig.Separator, ","); sig.Separator != "," && sig.Separator != " " && sig.Separator != ";" && sig.Separator != ", " {
		c.fail("signature separator is not a comma, a blank, a comma and a blank, or a semicolon")
	}
	if labelled := sig.Form == Pairs || sig.Form == Versions; labelled && !isToken(sig.Label) || sig.Label != "" && !labelled && sig.Form != RFC9421 {
		c.fail("signature label is missing, or stands where the form has none")
	}
	if sig.Form == Versions && sig.Separator == "," {
		c.fail("signature separator of the form versions is not a comma, which stands within its entries")
	}
	if fixed := sig.Form == RFC9421 || sig.Form == HTTPSignature; fixed {
		if sig.From != "" || sig.Template != "" {
			c.fail("signature from and template are fixed by the form %s", sig.Form)
		}
		return
	}
	if c.templates(); c.why == "" {
		c.plan.sig = c.place("signature from", sig.From, false)
	}
}

// templates reads the template of the form Value.
func (c *compiler) templates() {
	sig := &c.s.Signature
	if sig.Form != Value {
		if sig.Template != "" {
			c.fail("signature template is for the form value")
		}
		return
	}
	seen := map[string]bool{}
	rest := cmp.Or(sig.Template, "{signature}")
	for rest != "" {
		literal, tail, ok := strings.Cut(rest, "{")
		if literal != "" {
			c.plan.template = append(c.plan.template, piece{literal: literal})
		}
		if !ok {
			break
		}
		name, tail, ok := strings.Cut(tail, "}")
		if !ok || !isToken(name) || seen[name] || literal == "" && len(c.plan.template) > 0 {
			c.fail("signature template has a placeholder that is not closed, has no name, stands twice, or follows another at once")
			return
		}
		seen[name] = true
		c.plan.template = append(c.plan.template, piece{name: name})
		if name != "signature" {
			c.plan.marks = append(c.plan.marks, name)
		}
		rest = tail
	}
	if !seen["signature"] || len(c.plan.template) > 16 {
		c.fail("signature template has no {signature}, or more than 16 pieces")
	}
}

// place parses a source and books what it needs.
func (c *compiler) place(what, text string, marks bool) place {
	if text == "" {
		c.fail("%s is missing", what)
		return place{}
	}
	src, why := parseSource(text)
	if why != "" {
		c.fail("%s: %s", what, why)
		return place{}
	}
	p := place{source: src}
	switch src.kind {
	case "header":
		if p.i = slices.IndexFunc(c.plan.headers, func(h string) bool { return equalASCII(h, src.name) }); p.i < 0 {
			p.i = len(c.plan.headers)
			c.plan.headers = append(c.plan.headers, src.name)
		}
	case "signature":
		if !marks {
			c.fail("%s: a source signature: cannot stand here", what)
		}
		if p.i = slices.Index(c.plan.marks, src.name); p.i < 0 {
			if c.s.Signature.Form != Pairs || src.name == c.s.Signature.Label {
				c.fail("%s: the signature has no part %q", what, src.name)
			}
			p.i = len(c.plan.marks)
			c.plan.marks = append(c.plan.marks, src.name)
		}
	case "json":
		c.plan.json = true
	case "form":
		c.plan.form = true
	}
	if c.plan.json && c.plan.form {
		c.fail("%s: a body is not a form and JSON at once", what)
	}
	return p
}

// beside reads what stands beside the signature: timestamp, id and key id.
func (c *compiler) beside() {
	s := c.s
	if s.Timestamp.From != "" {
		c.plan.ts = c.place("timestamp from", s.Timestamp.From, true)
	}
	if !slices.Contains([]string{"", "s", "ms", "http-date", "rfc3339"}, s.Timestamp.Unit) {
		c.fail("timestamp unit is not s, ms, http-date or rfc3339")
	}
	if s.ID != "" {
		c.plan.id = c.place("id", s.ID, true)
	}
	if s.Key.ID != "" {
		c.plan.keyID = c.place("key id", s.Key.ID, true)
	}
	if s.Single != "" {
		var ok bool
		if c.plan.single, ok = parsePointer(s.Single); !ok {
			c.fail("single is not a JSON Pointer")
		}
		c.plan.json = true
	}
}

func (c *compiler) signed() {
	s := c.s
	if len(s.Signed) == 0 && s.Algorithm != Bearer || len(s.Signed) > maxParts {
		c.fail("signed has no part, or more than %d", maxParts)
	}
	count := map[string]int{}
	for i, text := range s.Signed {
		p := c.part(text)
		if count[text]++; p.kind == "body" && count[text] > 1 {
			c.fail("signed has the body twice")
		}
		if p.kind == "literal" && i > 0 && c.plan.parts[i-1].kind != "literal" && c.plan.parts[i-1].kind != "body" {
			c.plan.parts[i-1].border = []byte(p.text)
		}
		c.plan.parts = append(c.plan.parts, p)
	}
	// A timestamp or id that is not signed is whatever a stranger writes.
	covered := func(name, from string) bool {
		return count[name]+count[from]+count["path:"+from] > 0 || strings.HasPrefix(from, "form:") && c.formSigned(from)
	}
	if s.Timestamp.From != "" && !covered("timestamp", s.Timestamp.From) {
		c.fail("timestamp is not among the signed parts, so that anybody could write it")
	}
	if s.ID != "" && !covered("id", s.ID) {
		c.fail("id is not among the signed parts, so that anybody could write it")
	}
}

// formSigned reports whether form_values takes in a field.
func (c *compiler) formSigned(from string) bool {
	name := strings.TrimPrefix(from, "form:")
	return slices.ContainsFunc(c.plan.parts, func(p part) bool { return p.kind == "form_values" && !slices.Contains(p.except, name) })
}

func (c *compiler) part(text string) part {
	kind, argument := cutPart(text)
	p := part{kind: kind}
	switch kind {
	case "body", "method", "target", "path", "query", "timestamp", "id", "key_id":
		if kind == "path" && argument != "" {
			p.kind = "urlpath"
			p.place = c.place("signed part "+text, argument, false)
			return p
		}
		missing := kind == "timestamp" && c.s.Timestamp.From == "" || kind == "id" && c.s.ID == "" || kind == "key_id" && c.s.Key.ID == ""
		if text != kind || missing {
			c.fail("signed part %q takes no argument, or the scheme has none", text)
		}
	case "literal":
		if p.text = argument; p.text == "" {
			c.fail("signed part literal: is empty")
		}
	case "resource":
		n, err := strconv.Atoi(argument)
		if err != nil || n < 0 || n > 16 {
			c.fail("signed part resource: wants a number of segments from 0 to 16")
		}
		p.n = n
	case "form_values":
		c.plan.form = true
		p.except = strings.Split(argument, ",")
		if name, ok := strings.CutPrefix(c.s.Signature.From, "form:"); ok && !slices.Contains(p.except, name) {
			c.fail("signed part form_values holds the signature itself")
		}
	default:
		p.place = c.place("signed part "+text, text, false)
	}
	return p
}

// components checks Covered, and that no part of other forms is set.
func (c *compiler) components() {
	s := c.s
	if len(s.Signed) > 0 || s.Single != "" || s.ID != "" {
		c.fail("signed, single and id are not for the form %s, whose messages name what they cover", s.Signature.Form)
	}
	if s.Key.ID != "signature:keyid" {
		c.fail("key id of the form %s is signature:keyid", s.Signature.Form)
	}
	if len(s.Covered) > maxParts {
		c.fail("covered has more than %d components", maxParts)
	}
	for _, alternatives := range s.Covered {
		for name := range strings.SplitSeq(alternatives, "|") {
			if name == "" || lowerASCII(name) != name || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-@()") != "" {
				c.fail("covered has a component that is not a name in lower case")
			}
		}
	}
	if s.Signature.Form == RFC9421 {
		if s.Timestamp.From != "" || s.Timestamp.Unit != "" {
			c.fail("timestamp of the form rfc9421 is its own parameter created")
		}
		return
	}
	if kind, name := cutPart(s.Timestamp.From); kind != "header" || s.Timestamp.Unit != "http-date" || !slices.Contains(s.Covered, name) {
		c.fail("timestamp of the form http-signature is an http-date in a header that is covered")
	}
}

func (c *compiler) compact() {
	s := c.s
	if len(s.Signed) > 0 || s.Single != "" || s.ID != "" || s.Timestamp.From != "" || s.Timestamp.Unit != "" {
		c.fail("signed, single, id and timestamp are not for the form compact, whose payload holds them")
	}
	if s.Key.ID != "" && s.Key.ID != "signature:kid" {
		c.fail("key id of the form compact is signature:kid")
	}
	if c.plan.sig.kind != "" && c.plan.sig.kind != "header" {
		c.fail("signature of the form compact stands in a header")
	}
	if s.Claims == nil {
		c.fail("claims are missing")
	}
}

// header returns the name of the header that the signature stands in.
func (p *plan) header() string {
	if p.sig.kind == "header" {
		return p.sig.name
	}
	return ""
}

func isOrigin(s string) bool {
	host, ok := strings.CutPrefix(s, "https://")
	return ok && isAuthority(host)
}

// isAuthority reports whether s is a host, with or without a port, as @authority
// has it.
func isAuthority(s string) bool {
	return s != "" && len(s) <= 512 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-._:[]") == ""
}
