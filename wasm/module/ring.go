package module

import (
	"fmt"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/jwk"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/internal/word"
	"github.com/issuant/issuant/wasm/abi"
)

// RingFormat is the version of the ring document.
const RingFormat = 1

// ErrRoute is a scheme that the ring is not set up for.
var ErrRoute = code.New(code.UnknownRoute, "module: the ring has no such scheme; name it in the ring's schemes")

// ring is a loaded ring document.
type ring struct {
	keys    *keyring.Ring
	schemes []route
	answering
	sealing
	wallets *wallets
}

// route is the verifier of one scheme.
type route struct {
	name     string
	verifier *webhook.Verifier
}

var ringLimits = strictjson.Limits{MaxBytes: abi.MaxRing, MaxDepth: 8, MaxValues: 1 << 14, CaseVariants: true}

func (m *instance) newRing(c *call) error {
	if len(m.loaded) >= abi.MaxHandles {
		return ErrHandles
	}
	o, err := m.whole(c.in, ringLimits)
	if err != nil {
		return err
	}
	o.only("format", "keys", "schemes", "pismo", "recipients", "provision")
	if o.int("format", 1<<16) != RingFormat && o.err == nil {
		return badInput("the ring's format must be %d", RingFormat)
	}
	r := &ring{}
	r.readKeys(m, o)
	r.readSchemes(m, o)
	if p := o.get("pismo", strictjson.Object, false); p.Kind() == strictjson.Object && o.err == nil {
		o.err = m.need(decide)
		if o.err == nil {
			o.err = r.readPismo(&object{c: p, what: "pismo."})
		}
	}
	if _, ok := o.c.Get("recipients"); ok && o.err == nil {
		if o.err = m.need(full); o.err == nil {
			r.readRecipients(o)
		}
	}
	if p := o.get("provision", strictjson.Object, false); p.Kind() == strictjson.Object {
		if o.err = m.need(full); o.err == nil {
			in := &object{c: p, what: "provision."}
			r.readProvision(in)
			o.take(in)
		}
	}
	if o.err != nil {
		r.wipe()
		return o.err
	}
	return m.keep(loaded{ring: r})
}

// readKeys reads a JWK set's list of keys. Those that cannot be used stay in the ring
// and are told of in the reply, as in key files.
func (r *ring) readKeys(m *instance, o *object) {
	list := o.get("keys", strictjson.Array, true)
	if o.err != nil {
		return
	}
	if list.Len() > abi.MaxKeys {
		o.fail("keys", "has more than 256 keys")
		return
	}
	wanted := []keyring.Use{keyring.UseVerify}
	if m.flavour >= full {
		wanted = append(wanted, keyring.UseSign, keyring.UseEncrypt, keyring.UseDecrypt)
	}
	keys := make([]keyring.Key, 0, list.Len())
	for item, ok := list.First(); ok; item, ok = item.Next(list) {
		kid, _ := item.Get("kid")
		if kid.Kind() != strictjson.String || kid.Str() == "" || len(kid.Str()) > keyring.MaxIDBytes {
			o.fail("keys", "holds a key without a kid of 1 to 256 bytes")
			break
		}
		keys = append(keys, readKey(m.flavour, owned(kid.Str()), item, wanted))
	}
	if o.err == nil {
		r.keys, o.err = keyring.NewRing(keys...)
	}
}

// readKey reads one key. Curves are for the full flavour, in whatever build.
func readKey(flavour int, id string, item strictjson.Cursor, wanted []keyring.Use) keyring.Key {
	if kty, _ := item.Get("kty"); flavour < full && (kty.Str() == "EC" || kty.Str() == "OKP") {
		return keyring.Key{ID: id, Refused: "kty is EC or OKP, for which this flavour holds no curves"}
	}
	k := jwk.Read(id, item.Value(), wanted)
	k.Alg, k.Scheme = owned(k.Alg), owned(k.Scheme)
	return k
}

// hasCurves tells whether a signature algorithm, by its name in RFC 7518 or that of a
// scheme, wants elliptic curves.
func hasCurves(name string) bool {
	return strings.HasPrefix(name, "ES") || strings.HasPrefix(name, "Ed") || strings.HasPrefix(name, "e")
}

var schemeMembers = []string{
	"header", "accounts", "unsafe_any_account", "subjects", "issuer", "skew_ms", "max_age_ms", "max_body", "origin", "unsafe_uncovered_body",
}

func (r *ring) readSchemes(m *instance, o *object) {
	list := o.get("schemes", strictjson.Object, false)
	if o.err == nil && list.Len() > abi.MaxSchemes {
		o.fail("schemes", "has more than 64 schemes")
	}
	for s, ok := list.First(); ok && o.err == nil; s, ok = s.Next(list) {
		name := owned(s.Name())
		preset, ok := webhook.Preset(name)
		if !ok {
			o.fail("schemes", "has a name that is none of a built-in scheme")
			return
		}
		if m.flavour < full && hasCurves(string(preset.Algorithm)) {
			o.err = fmt.Errorf("%w: schemes.%s", jose.ErrAbsent, preset.Name)
			return
		}
		v, err := r.newVerifier(preset, &object{c: s, what: "schemes." + preset.Name + "."})
		if o.err = err; err == nil {
			r.schemes = append(r.schemes, route{preset.Name, v})
		}
	}
}

func (r *ring) newVerifier(s webhook.Scheme, o *object) (*webhook.Verifier, error) {
	o.only(schemeMembers...)
	skew := time.Duration(o.int("skew_ms", webhook.MaxSkew.Milliseconds())) * time.Millisecond
	maxAge := time.Duration(o.int("max_age_ms", webhook.MaxMaxAge.Milliseconds())) * time.Millisecond
	body := int(o.int("max_body", abi.MaxBody))
	header, accounts, anyAccount := o.text("header", false), o.texts("accounts"), o.bool("unsafe_any_account")
	subjects, issuer := o.texts("subjects"), o.text("issuer", false)
	origin, uncovered := o.text("origin", false), o.bool("unsafe_uncovered_body")
	if o.err != nil {
		return nil, o.err
	}
	if s.Name == webhook.PismoScheme {
		if origin != "" || uncovered {
			o.fail("", "has origin or unsafe_uncovered_body, which are for other schemes")
			return nil, o.err
		}
		return webhook.NewPismo(webhook.PismoOptions{
			Keys: r.keys, Header: header, Accounts: accounts, UnsafeAnyAccount: anyAccount, Subjects: subjects, Issuer: issuer,
			Skew: skew, MaxAge: maxAge, MaxBody: body,
		})
	}
	if header != "" || accounts != nil || anyAccount || subjects != nil || issuer != "" {
		o.fail("", "has header, accounts, unsafe_any_account, subjects or issuer, which are for pismo")
		return nil, o.err
	}
	return webhook.New(webhook.Options{
		Scheme: s, Keys: r.keys, Skew: skew, MaxAge: maxAge, MaxBody: body, Origin: origin, UnsafeUncoveredBody: uncovered,
	})
}

func (r *ring) verifier(scheme string) (*webhook.Verifier, error) {
	for i := range r.schemes {
		if word.Equal(r.schemes[i].name, scheme) {
			return r.schemes[i].verifier, nil
		}
	}
	return nil, ErrRoute
}

// describe writes what became of the document: never a secret.
func (r *ring) describe(w *canon.Writer) {
	w.Key("keys").Int(int64(r.keys.Len())).Key("refused").Array()
	for _, k := range r.keys.All() {
		if k.Refused != "" {
			w.Object().Key("key_id").String(k.ID).Key("why").String(k.Refused).EndObject()
		}
	}
	w.EndArray().Key("schemes").Array()
	for i := range r.schemes {
		w.String(r.schemes[i].name)
	}
	w.EndArray()
}

// wipe overwrites the secrets that the ring holds itself. Copies that a verifier has
// made of them are let go of, and overwritten when their memory is used again.
func (r *ring) wipe() {
	for _, k := range r.keys.All() {
		k.Secret.Wipe()
	}
	*r = ring{keys: new(keyring.Ring)}
}
