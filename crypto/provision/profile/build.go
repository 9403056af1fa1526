package profile

import (
	"crypto/fips140"
	"crypto/rand"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
)

// Scheme is what a key's scheme may name beside the profile's own name; a key without
// a scheme is taken too.
const Scheme = "provision"

// PGP signs with the issuer's key and encrypts to a wallet's, in OpenPGP: a binary
// message. The module googlepay/openpgp has one.
type PGP interface {
	Seal(plaintext []byte, now time.Time) ([]byte, error)
}

// Options say with what a format is built.
type Options struct {
	Keys       keyring.Lookup // of the ids that the profile's keys have; required where it has keys
	PGP        PGP            // required where a step is pgp
	Unverified bool           // take a layout that no vectors have confirmed
}

// Inputs are what a payload is built from. What the layout does not read may be zero.
// Inputs print as "[inputs]".
type Inputs struct {
	Card                  *card.Card
	Wallet                *card.Wallet
	Nonce, NonceSignature []byte      // as bytes; written in lower-case hex
	AuthCode              secret.Text // the issuer's, for later matching
	TokenRef, Session     string
}

// Format writes a placeholder, whatever the verb.
func (in Inputs) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[inputs]") }

// MarshalText returns a placeholder; JSON, XML and slog use it.
func (in Inputs) MarshalText() ([]byte, error) { return []byte("[inputs]"), nil }

// Format builds payloads of one layout. It is immutable and safe for concurrent use
// when its keys are; New makes one.
type Format struct {
	plan *plan
	o    Options
}

// New checks a profile against what it is built with: an error wraps ErrProfile,
// ErrUnverified, ErrKey (no such key, or of another kind) or ErrFIPS. Whether a key is
// in date is looked at for each payload.
func New(p Profile, o Options) (*Format, error) {
	f, err := newFormat(p, o)
	if err != nil {
		return nil, err
	}
	if !p.Verified() && !o.Unverified {
		return nil, code.Wrap(ErrUnverified, "confirm "+p.Name+" with vectors of the network (issuant provision conform), or ask for it as unverified")
	}
	return f, nil
}

func newFormat(p Profile, o Options) (*Format, error) {
	pl, err := parse(p)
	if err != nil {
		return nil, err
	}
	f := &Format{pl, o}
	for role := range pl.Keys {
		if _, err := f.key(role, nil); err != nil {
			return nil, err
		}
	}
	for i := range pl.steps {
		s := &pl.steps[i]
		if s.PGP != "" && o.PGP == nil {
			return nil, code.Wrap(ErrKey, "step "+s.Name+" needs OpenPGP keys")
		}
		if fips140.Enforced() && (s.PGP != "" || s.Encrypt != nil && s.Encrypt.Cipher != "aes-cbc") {
			return nil, ErrFIPS
		}
	}
	return f, nil
}

// Name returns the name under which a payload is recorded: Profile.Format.
func (f *Format) Name() string { return f.plan.Profile.Format() }

// Needs reports whether the layout reads an input, as a piece names it: "nonce".
func (f *Format) Needs(input string) bool { return f.plan.needs[input] }

// Expires returns until when a payload of now is valid, as its "until" pieces say.
func (f *Format) Expires(now time.Time) time.Time { return now.Add(f.plan.validity()) }

// UnsafeBuild returns a payload, for which nobody has shown a grant: package provision
// asks for one. Its errors are a *card.FieldError for an input that is missing or not
// usable, and errors that wrap ErrKey or ErrProfile; none comes with any part of a
// payload, and none holds a value.
func (f *Format) UnsafeBuild(in Inputs, now time.Time) ([]byte, error) {
	r := &run{f: f, in: &in, now: now, draws: drawn{}}
	defer r.wipe()
	return r.all()
}

// Dated reports whether the layout writes until when a payload is valid.
func (f *Format) Dated() bool { return f.plan.dated }

// Builder returns the format as a network's builder, for layouts that read a card and a
// wallet alone. Its method Formats() []string returns Name, for records.
func (f *Format) Builder() card.Builder { return builder{f} }

type builder struct{ *Format }

// Formats names what is built.
func (b builder) Formats() []string { return []string{b.Name()} }

// UnsafeBuild implements card.Builder.
func (b builder) UnsafeBuild(c *card.Card, w *card.Wallet, now time.Time) ([]byte, error) {
	return b.Format.UnsafeBuild(Inputs{Card: c, Wallet: w}, now)
}

// key returns the key of a role, which has to be in date at now; nil now: not looked at.
func (f *Format) key(role string, now *time.Time) (*keyring.Key, error) {
	want := f.plan.Keys[role]
	id := want.ID
	if id == "" {
		id = role
	}
	bad := func(what string) error { return code.Wrap(ErrKey, fmt.Sprintf("%s (%q): %s", role, clip(id), what)) }
	if f.o.Keys == nil {
		return nil, bad("there are no keys")
	}
	k, ok := f.o.Keys.Lookup(id)
	if !ok {
		return nil, bad("no key of this id")
	}
	use := keyring.UseEncrypt
	if want.Kind == KindRSASign || want.Kind == KindHMAC {
		use = keyring.UseSign
	}
	at := k.NotBefore
	if now != nil {
		at = *now
	}
	scheme := k.Scheme
	if scheme != "" && scheme != f.plan.Name {
		scheme = Scheme
	}
	if wrong := k.Usable(use, k.Alg, scheme, at); wrong != "" {
		return nil, bad(wrong)
	}
	if wrong := fits(want.Kind, k); wrong != "" {
		return nil, bad(wrong)
	}
	return k, nil
}

// fits looks at what a key is made of.
func fits(kind string, k *keyring.Key) string {
	var err error
	switch kind {
	case KindTDES:
		_, err = k.TDES()
	case KindAES:
		_, err = k.AEAD()
	case KindAESOfText:
		if k.Secret.Len() == 0 {
			return "it is no secret in memory"
		}
	case KindHMAC:
		_, err = k.MACer()
	case KindRSASign:
		if _, err = k.Signer(); err == nil {
			return rsaKind(k)
		}
	default:
		return rsaKind(k)
	}
	if err != nil {
		return "it is of another kind than " + kind
	}
	return ""
}

// draws is where randomness comes from.
type draws interface {
	// random returns the bytes of a random value.
	random(name string, r Random) ([]byte, error)
	// opaque returns the bytes of a step that cannot be foretold; ok is false where
	// the step has to do its work.
	opaque(step string) (b []byte, ok bool)
}

// drawn draws from the system.
type drawn struct{}

func (drawn) opaque(string) ([]byte, bool) { return nil, false }

func (drawn) random(_ string, r Random) ([]byte, error) {
	b := make([]byte, r.Bytes)
	span := int64(r.Most) - int64(r.Least) + 1
	switch {
	case r.Of != "":
		span = int64(len(r.Of))
	case r.Most == 0:
		_, err := rand.Read(b)
		return b, err
	}
	for i := range b {
		n, err := rand.Int(rand.Reader, big.NewInt(span))
		if err != nil {
			return nil, err
		}
		if b[i] = r.Least + byte(n.Int64()); r.Of != "" {
			b[i] = r.Of[n.Int64()]
		}
	}
	return b, nil
}
