package webhook

import (
	"cmp"
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/internal/accel"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/internal/word"
)

// Names of the Pismo scheme. The header X-Pismo-Sign stands on Pismo's page about
// third-party wallets, Authorization on its page about verifying webhooks.
const (
	PismoScheme  = "pismo"
	PismoHeader  = "X-Pismo-Sign"
	PismoIssuer  = "api.pismo.io"
	PismoSubject = "api-cards-tokenization"
)

// PismoOptions sets up the verifier for webhooks of the Pismo platform. What is
// zero takes the strict default; nothing means "off".
//
// Source of the format: developers.pismo.io, "Third-party wallets" (the token and
// its claims were read there: high confidence) and "Verifying webhook requests"
// (header Authorization; body-hash over the raw body: confirmed by text, not by a
// published vector).
type PismoOptions struct {
	Keys             keyring.Lookup // required: who may sign; keyring.Ring, keyring.Live or source.HTTPS
	Header           string         // X-Pismo-Sign (default) or another header; before a token in Authorization "Bearer " may stand
	Accounts         []string       // account-id values that are ours, as digits: all tenants of Pismo may share its keys
	UnsafeAnyAccount bool           // accept every account, and none; excludes Accounts
	Subjects         []string       // acceptable sub; default: api-cards-tokenization
	Issuer           string         // acceptable iss; default: api.pismo.io
	Skew             time.Duration  // how far clocks may differ: default 60 s, at most 10 min
	MaxAge           time.Duration  // how old iat may be: default 5 min, at most 24 h
	MaxBody          int            // bytes, inclusive: default 256 KiB, at most 64 MiB
	Route            string         // name of the route, for Message.Route
	UnsafeObserve    []Check        // checks that do not refuse: Message.Observed names those that a message failed
	ObserveMaxAge    time.Duration  // how old iat may be while CheckMaxAge is observed: default and at most 24 h, at least MaxAge
}

type pismo struct {
	keys         keyring.Lookup
	accounts     []string // empty: any
	subjects     []string
	issuer       string
	skew, maxAge time.Duration
	headers      jose.Headers
	observe      observation
}

// NewPismo returns a verifier for RS256 tokens of the Pismo platform. An error
// wraps ErrOptions: no keys, neither accounts nor UnsafeAnyAccount or both, an account that is
// not digits, an empty subject, a header that is no header name, a bound that is negative or too large.
func NewPismo(o PismoOptions) (*Verifier, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	observe, err := o.observation()
	if err != nil {
		return nil, err
	}
	p := &pismo{
		observe:  observe,
		keys:     o.Keys,
		accounts: slices.Clone(o.Accounts),
		subjects: slices.Clone(o.Subjects),
		issuer:   cmp.Or(o.Issuer, PismoIssuer),
		skew:     cmp.Or(o.Skew, DefaultSkew),
		maxAge:   cmp.Or(o.MaxAge, DefaultMaxAge),
	}
	if len(p.subjects) == 0 {
		p.subjects = []string{PismoSubject}
	}
	header := cmp.Or(o.Header, PismoHeader)
	return &Verifier{
		scheme:  p,
		pismo:   p,
		name:    PismoScheme,
		route:   o.Route,
		header:  header,
		bearer:  equalASCII(header, "Authorization"),
		maxBody: cmp.Or(o.MaxBody, DefaultMaxBody),
	}, nil
}

func (o *PismoOptions) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrOptions}, args...)...)
	}
	switch {
	case o.Keys == nil:
		return bad("Keys is missing")
	case len(o.Accounts) == 0 && !o.UnsafeAnyAccount:
		return bad("Accounts is missing; all tenants of Pismo may share its keys (UnsafeAnyAccount accepts them all)")
	case len(o.Accounts) > 0 && o.UnsafeAnyAccount:
		return bad("Accounts and UnsafeAnyAccount exclude each other")
	case slices.Contains(o.Subjects, ""):
		return bad("a subject is empty")
	case o.Header != "" && !isToken(o.Header):
		return bad("Header is not a header name")
	}
	if err := checkBounds(o.Skew, o.MaxAge, o.MaxBody); err != nil {
		return err
	}
	for _, a := range o.Accounts {
		if !isAccount(a) {
			return bad("account %q is not 1 to %d digits", a, maxAccountDigits)
		}
	}
	return nil
}

// isToken reports whether s is a field name of RFC 9110.
func isToken(s string) bool {
	for i := range len(s) {
		c := lowerByte(s[i])
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

func isAccount(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) > 0 && len(s) <= maxAccountDigits
}

func (p *pismo) coverage() Coverage { return CoversBody }

func (p *pismo) open(m *Message, v *Verifier, r Request, now time.Time) *Error {
	return p.openPooled(m, v, &r, now)
}

// openPooled is openIn with memory that is used again: of a token with a good signature
// the payload is kept, in a copy, of any other nothing.
func (p *pismo) openPooled(m *Message, v *Verifier, r *Request, now time.Time) *Error {
	memory := tokenMemory.Get().(*[usualToken]byte)
	defer tokenMemory.Put(memory)
	return p.openIn(m, v, r, memory[:0], now, true)
}

// tokenMemory is memory in which tokens are decoded.
var tokenMemory = sync.Pool{New: func() any { return new([usualToken]byte) }}

// usualToken is more than most tokens have to decode, in bytes; what does not fit gets
// memory of its own.
const usualToken = 2048

// openIn decodes the token in memory; where that is borrowed m gets a copy of the payload.
func (p *pismo) openIn(m *Message, v *Verifier, r *Request, memory []byte, now time.Time, borrowed bool) *Error {
	token, refusal := v.token(r)
	if refusal != nil {
		return refusal
	}
	if accel.Linked {
		if payload := p.askHost(m, token, memory, now); payload != nil {
			if refusal = p.admit(m, payload, now); refusal != nil {
				refusal.keyID = saneKeyID(m.keyID)
			}
			return refusal
		}
	}
	var jws jose.JWS
	jws.Use(memory)
	if err := p.headers.ParseInto(&jws, token); err != nil {
		return fromJOSE(err)
	}
	payload, refusal := p.verify(m, &jws, now)
	if refusal == nil {
		if borrowed {
			payload = slices.Clone(payload)
		}
		refusal = p.admit(m, payload, now)
	}
	if refusal != nil {
		refusal.keyID = saneKeyID(jws.KeyID)
	}
	return refusal
}

// askHost has the host of an accelerated module verify a token whose header was verified
// before, in one call. Where anything is not as it should be payload is nil: the long way
// says what.
func (p *pismo) askHost(m *Message, token string, memory []byte, now time.Time) (payload []byte) {
	id, ok := p.headers.Last(token, jose.RS256)
	if !ok {
		return nil
	}
	key, ok := p.keys.Lookup(id)
	if !ok || key == nil || key.Usable(keyring.UseVerify, jose.RS256, PismoScheme, now) != "" {
		return nil
	}
	pub, ok := key.Public.(*rsa.PublicKey)
	if !ok {
		return nil
	}
	m.keyID = key.ID
	return accel.VerifyJWS(memory, pub, crypto.SHA256, false, token)
}

// verify checks the signature, and returns the payload.
func (p *pismo) verify(m *Message, jws *jose.JWS, now time.Time) (payload []byte, refusal *Error) {
	if jws.Alg != jose.RS256 {
		return nil, refuse(ErrAlgorithm, "it must be RS256")
	}
	if jws.KeyID == "" {
		return nil, refuse(ErrKeyUnknown, "token names none")
	}
	key, ok := p.keys.Lookup(jws.KeyID)
	if !ok || key == nil {
		return nil, refuse(ErrKeyUnknown, "")
	}
	if why := key.Usable(keyring.UseVerify, jose.RS256, PismoScheme, now); why != "" {
		return nil, refuse(ErrKeyRefused, why)
	}
	// NewRing has looked at the strength already; another Lookup may not have.
	if pub, ok := key.Public.(*rsa.PublicKey); !ok {
		return nil, refuse(ErrKeyRefused, "key is not an RSA key")
	} else if err := keyring.CheckRSA(pub); err != nil {
		return nil, refuse(ErrKeyRefused, err.Error())
	}
	payload, err := jws.VerifyRS256(key.Public)
	if err != nil {
		return nil, fromJOSE(err)
	}
	p.headers.Keep(jws)
	m.keyID = key.ID
	return payload, nil
}

// admit checks what a payload says whose signature holds.
func (p *pismo) admit(m *Message, payload []byte, now time.Time) *Error {
	c, refusal := p.claims(m, payload)
	if refusal != nil {
		return refusal
	}
	if refusal := p.fresh(m, c, now); refusal != nil {
		return refusal
	}
	return checkBodyHash(m, c.bodyHash)
}

// checkBodyHash compares with the padded standard Base64 of the body's SHA-256.
func checkBodyHash(m *Message, claimed string) *Error {
	m.hashBody(true)
	if want := m.hash.Base64(); !word.Same(accel.Text(want[:]), claimed) {
		return refuse(ErrBodyHash, "")
	}
	return nil
}

// pismoClaims are the claims that are compared with the clock and the body; the
// others are checked where they are read.
type pismoClaims struct {
	iat, exp, nbf int64
	hasNBF        bool
	bodyHash      string
}

// The claims that are read, as indices into pismoNames.
const (
	claimExp = iota
	claimIat
	claimNbf
	claimIss
	claimSub
	claimAud
	claimJti
	claimKid
	claimAccount
	claimBodyHash
)

// pismoNames are the claims that are read: one that is written in another case is
// refused, since another reader may take it for the real one.
var pismoNames = [...]string{"exp", "iat", "nbf", "iss", "sub", "aud", "jti", "kid", "account-id", "body-hash"}

// claim is one that is read: the text of a string or the literal of a number, "" for
// anything else; the zero claim is one that is missing.
type claim struct {
	kind strictjson.Kind
	text string
}

func (c *claim) int64() (n int64, ok bool) {
	if c.kind != strictjson.Number {
		return 0, false
	}
	return strictjson.ParseInt(c.text)
}

// pismoMembers are the claims of a payload, by index.
type pismoMembers [len(pismoNames)]claim

// read finds the claims in a payload, and tells whether it is canonical; why says what is
// wrong with it. Their texts are parts of the payload.
func (c *pismoMembers) read(payload []byte) (canonical bool, why string) {
	var room [12]strictjson.Pair
	if pairs, ok := strictjson.Flat(room[:0], payload); ok {
		for i := range pairs { // their names are in one case already
			if k := pismoName(pairs[i].Name); k >= 0 {
				c[k] = claim{pairs[i].Kind, pairs[i].Text}
			}
		}
		return true, ""
	}
	doc, err := strictjson.ReadView(payload, claimsLimits)
	if err != nil {
		return false, "payload is not a strict JSON object"
	}
	defer doc.Release()
	root := doc.Root()
	if root.Kind() != strictjson.Object {
		return false, "payload is not a strict JSON object"
	}
	for m, more := root.First(); more; m, more = m.Next(root) {
		name := m.Name()
		if i := pismoName(name); i >= 0 {
			c[i] = claim{m.Kind(), m.Str()}
		} else if slices.ContainsFunc(pismoNames[:], func(known string) bool { return strings.EqualFold(name, known) }) {
			return false, "a known claim is written in another case"
		}
	}
	return doc.Canonical(), ""
}

// pismoName is the index of a name in pismoNames, -1 for any other.
func pismoName(name string) int {
	switch len(name) {
	case 3:
		switch uint32(name[0])<<16 | uint32(name[1])<<8 | uint32(name[2]) {
		case 'e'<<16 | 'x'<<8 | 'p':
			return claimExp
		case 'i'<<16 | 'a'<<8 | 't':
			return claimIat
		case 'n'<<16 | 'b'<<8 | 'f':
			return claimNbf
		case 'i'<<16 | 's'<<8 | 's':
			return claimIss
		case 's'<<16 | 'u'<<8 | 'b':
			return claimSub
		case 'a'<<16 | 'u'<<8 | 'd':
			return claimAud
		case 'j'<<16 | 't'<<8 | 'i':
			return claimJti
		case 'k'<<16 | 'i'<<8 | 'd':
			return claimKid
		}
	case len("body-hash"):
		if word.Equal(name, "body-hash") {
			return claimBodyHash
		}
	case len("account-id"):
		if word.Equal(name, "account-id") {
			return claimAccount
		}
	}
	return -1
}

// claims reads the payload, whose signature holds already: whatever is wrong with
// it now is ErrClaims.
func (p *pismo) claims(m *Message, payload []byte) (c pismoClaims, refusal *Error) {
	var v pismoMembers
	canonical, why := v.read(payload)
	if why != "" {
		return c, refuse(ErrClaims, why)
	}
	var ok bool
	if c.iat, ok = v[claimIat].int64(); !ok {
		return c, refuse(ErrClaims, "iat is missing or not an integer")
	}
	if c.exp, ok = v[claimExp].int64(); !ok {
		return c, refuse(ErrClaims, "exp is missing or not an integer")
	}
	if v[claimNbf].kind != strictjson.Invalid {
		if c.nbf, c.hasNBF = v[claimNbf].int64(); !c.hasNBF {
			return c, refuse(ErrClaims, "nbf is not an integer")
		}
	}
	if v[claimBodyHash].kind != strictjson.String {
		return c, refuse(ErrClaims, "body-hash is missing or not a string")
	}
	c.bodyHash = v[claimBodyHash].text
	m.iat, m.exp, m.claims, m.canonical = c.iat, c.exp, payload, canonical
	return c, p.parties(m, &v)
}

// parties checks who sent the message, for whom, and under which key.
func (p *pismo) parties(m *Message, v *pismoMembers) *Error {
	if iss := &v[claimIss]; iss.kind != strictjson.String || !word.Equal(iss.text, p.issuer) {
		return refuse(ErrClaims, "iss is not the issuer of this route")
	}
	sub := &v[claimSub]
	switch {
	case sub.kind == strictjson.String && has(p.subjects, sub.text):
	case sub.kind == strictjson.String && p.observe.subject:
		m.saw(CheckSubject)
	default:
		return refuse(ErrClaims, "sub is not a subject of this route")
	}
	kid := &v[claimKid]
	if kid.kind != strictjson.Invalid && (kid.kind != strictjson.String || !word.Equal(kid.text, m.keyID)) {
		return refuse(ErrClaims, "kid is not the one of the header")
	}
	return p.account(m, &v[claimAccount])
}

// has is slices.Contains by word.Equal.
func has(list []string, s string) bool {
	for i := range list {
		if word.Equal(list[i], s) {
			return true
		}
	}
	return false
}

func (p *pismo) account(m *Message, id *claim) *Error {
	if id.kind == strictjson.Invalid {
		switch {
		case p.observe.account:
			m.saw(CheckAccount)
		case len(p.accounts) > 0:
			return refuse(ErrClaims, "account-id is missing")
		}
		return nil
	}
	ours := has(p.accounts, id.text) // and digits, as all of them
	if id.kind != strictjson.String && id.kind != strictjson.Number || !ours && !isAccount(id.text) {
		return refuse(ErrClaims, "account-id is neither a non-negative integer nor digits")
	}
	if len(p.accounts) > 0 && !ours {
		if !p.observe.account {
			return refuse(ErrClaims, "account-id is none of this route")
		}
		m.saw(CheckAccount)
	}
	m.account = id.text
	return nil
}

// fresh holds the claims against the clock. The claims are only compared, never
// added to, so that no value of a sender can overflow.
func (p *pismo) fresh(m *Message, c pismoClaims, now time.Time) *Error {
	if s := now.Unix(); s < minNow || s > maxNow {
		return refuse(ErrStale, "clock of the check is not set")
	}
	latest, _ := shifted(now, p.skew)
	earliest, _ := shifted(now, -p.skew)
	switch {
	case c.exp <= earliest:
		return refuse(ErrStale, "exp has passed")
	case c.iat > latest:
		return refuse(ErrStale, "iat lies ahead")
	case c.iatBefore(shifted(now, -p.skew-p.acceptedAge())):
		return refuse(ErrStale, "iat is too long ago")
	case c.hasNBF && c.nbf > latest:
		return refuse(ErrStale, "nbf lies ahead")
	case p.observe.maxAge && c.iatBefore(shifted(now, -p.skew-p.maxAge)):
		m.saw(CheckMaxAge)
	}
	return nil
}

// shifted is now.Add(d) in Unix seconds, rounded down, and the nanoseconds above them. It
// is for an instant of four digits of the year and a d of some days, which cannot overflow.
func shifted(now time.Time, d time.Duration) (seconds, nanos int64) {
	n := int64(now.Nanosecond()) + int64(d)
	seconds, nanos = n/1e9, n%1e9
	if nanos < 0 {
		seconds, nanos = seconds-1, nanos+1e9
	}
	return now.Unix() + seconds, nanos
}

// iatBefore reports whether iat, in whole seconds, lies before an instant.
func (c *pismoClaims) iatBefore(seconds, nanos int64) bool {
	return c.iat < seconds || c.iat == seconds && nanos > 0
}

// acceptedAge is how old a message may be to be opened.
func (p *pismo) acceptedAge() time.Duration {
	if p.observe.maxAge {
		return p.observe.bound
	}
	return p.maxAge
}

// fromJOSE turns an error of package jose into the refusal of the same name.
func fromJOSE(err error) *Error {
	detail := ""
	if e, ok := errors.AsType[*jose.Error](err); ok {
		detail = e.Detail()
	}
	switch {
	case errors.Is(err, jose.ErrTooLarge):
		return refuse(ErrTooLarge, detail)
	case errors.Is(err, jose.ErrAlgorithm):
		return refuse(ErrAlgorithm, detail)
	case errors.Is(err, jose.ErrKey):
		return refuse(ErrKeyRefused, "key is of another kind, or weak")
	case errors.Is(err, jose.ErrSignature):
		return refuse(ErrSignature, detail)
	}
	return refuse(ErrMalformed, detail)
}
