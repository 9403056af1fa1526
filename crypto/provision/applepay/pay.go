package applepay

import (
	"cmp"
	"context"
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/evecc"
)

// Options of New.
type Options struct {
	Chain    *Chain                   // required
	Networks map[card.Network]Network // what the issuer offers; at least one

	Nonces              Nonces        // required, unless UnsafeNoNonceMemory
	NonceTTL            time.Duration // how long a nonce is remembered: default 1 h, at most 30 days
	UnsafeNoNonceMemory bool          // the caller sees to it that a nonce is used once: a Grant that names it does
}

// Pay builds what Apple Pay takes. It is immutable and safe for concurrent use.
type Pay struct {
	o Options
	// seal is evecc.Seal, but in the test of the known answer.
	seal func(to *ecdh.PublicKey, plaintext []byte) (sealed, ephemeral []byte, err error)
}

// New checks the options: an error wraps ErrOptions.
func New(o Options) (*Pay, error) {
	switch {
	case o.Chain == nil:
		return nil, code.Wrap(ErrOptions, "Chain is missing")
	case len(o.Networks) == 0:
		return nil, code.Wrap(ErrOptions, "no network is configured")
	case (o.Nonces == nil) != o.UnsafeNoNonceMemory:
		return nil, code.Wrap(ErrOptions, "either Nonces or UnsafeNoNonceMemory")
	case o.NonceTTL < 0 || o.NonceTTL > MaxNonceTTL:
		return nil, code.Wrap(ErrOptions, "NonceTTL is negative, or more than 30 days")
	}
	o.NonceTTL = cmp.Or(o.NonceTTL, DefaultNonceTTL)
	o.Networks = maps.Clone(o.Networks)
	for name, n := range o.Networks {
		if name == "" {
			return nil, code.Wrap(ErrOptions, "a network has no name")
		}
		if err := n.check(name); err != nil {
			return nil, err
		}
	}
	return &Pay{o, evecc.Seal}, nil
}

// PassData is what the app puts into its PKAddPaymentPassRequest, and what the issuer
// keeps. It prints as "[pass data]", for the reason that Activation has.
type PassData struct {
	EncryptedPassData  []byte // ciphertext and tag
	EphemeralPublicKey []byte // 65 bytes, an uncompressed point
	ActivationData     []byte // raw: PassKit itself puts Base64 around it

	AuthCode   secret.Text // to know again when the network asks; zero: the network's data has none
	ValidUntil time.Time   // of the activation data; zero: it does not say
	KeyID      string      // that the network knows the activation key by
	Formats    []string    // names for the record; what nobody confirmed begins with "unverified-"
}

const hiddenPassData = "[pass data]"

// Format writes a placeholder, whatever the verb.
func (d PassData) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hiddenPassData) }

// MarshalText returns a placeholder; JSON, XML and slog use it.
func (d PassData) MarshalText() ([]byte, error) { return []byte(hiddenPassData), nil }

// AppendJSON appends what the app needs, as a JSON object with the names of PassKit and
// standard Base64: activationData, encryptedPassData, ephemeralPublicKey. The form is
// ours; Apple defines bytes on the device alone.
func (d *PassData) AppendJSON(dst []byte) []byte {
	text := base64.StdEncoding.EncodeToString
	return canon.NewWriter(dst).Object().
		Key("activationData").String(text(d.ActivationData)).
		Key("encryptedPassData").String(text(d.EncryptedPassData)).
		Key("ephemeralPublicKey").String(text(d.EphemeralPublicKey)).
		EndObject().Bytes()
}

// UnsafeBuild builds, without asking for a Grant, what a card needs to be added to
// Apple Pay. A nonce is used up as soon as all that was sent is found good, and stays
// so when a key or device fails after that: the app then begins anew.
//
// Errors, in the order in which they are found: a *card.FieldError around
// card.ErrNetwork; those of card.Card.Check, and a *card.FieldError for a card number
// shorter than the prefix or a name that the form needs; ErrScheme; a *card.FieldError
// around ErrNonce; those of Chain.Check; ErrNonceSpent, ErrNonceMemory; those of the
// network's activator, or an *ActivationError; ErrFIPS. ErrDeadline is possible from the
// memory of nonces on. None comes with any part of a payload.
func (p *Pay) UnsafeBuild(ctx context.Context, network card.Network, c *card.Card, r *Request, now time.Time) (*PassData, error) {
	n, err := p.network(network)
	if err != nil {
		return nil, err
	}
	if err := n.checkCard(c, now); err != nil {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	to, err := p.o.Chain.key(r.Certificates, now)
	if err != nil {
		return nil, err
	}
	if err := p.spend(ctx, r, now); err != nil {
		return nil, err
	}
	in := &ActivationInput{
		Network: network, Card: c, Nonce: slices.Clone(r.Nonce), NonceText: r.NonceText(), AuthCode: r.AuthCode,
		EncryptPAN: n.Form == UnverifiedEncryptedPAN, Now: now,
	}
	a, err := n.activate(ctx, in)
	if err != nil {
		return nil, err
	}
	plaintext := n.plaintext(c, r, a.EncryptedPAN)
	defer clear(plaintext)
	sealed, ephemeral, err := p.seal(to, plaintext)
	switch {
	case errors.Is(err, evecc.ErrFIPS):
		return nil, ErrFIPS
	case err != nil:
		return nil, refused("no key can be agreed with the leaf's")
	}
	return &PassData{
		EncryptedPassData: sealed, EphemeralPublicKey: ephemeral, ActivationData: a.Data,
		AuthCode: a.AuthCode, ValidUntil: a.ValidUntil, KeyID: a.KeyID,
		Formats: n.formats(),
	}, nil
}

// UnsafeActivate makes, without asking for a Grant, the activation data of a token that
// exists already, for a card that was added by hand and waits for its activation
// (PKPassLibrary.activate): there is neither a nonce nor anything to encrypt. Of ours
// Mastercard's TAV of version 2 alone can do it. tokenRef is Mastercard's
// tokenUniqueReference. Errors are those of UnsafeBuild that fit, and a
// *card.FieldError for a missing or unusable tokenRef.
func (p *Pay) UnsafeActivate(ctx context.Context, network card.Network, c *card.Card, tokenRef string, now time.Time) (*Activation, error) {
	n, err := p.network(network)
	if err != nil {
		return nil, err
	}
	if err := c.Check(now); err != nil {
		return nil, err
	}
	if err := card.Handle("tokenUniqueReference", tokenRef, 64); err != nil {
		return nil, err
	}
	return n.activate(ctx, &ActivationInput{Network: network, Card: c, TokenRef: tokenRef, Now: now})
}

// Formats names what is built for a network, for the record; nil for one that is not
// offered. What nobody has confirmed begins with "unverified-".
func (p *Pay) Formats(network card.Network) []string {
	n, err := p.network(network)
	if err != nil {
		return nil
	}
	return n.formats()
}

func (p *Pay) network(name card.Network) (*Network, error) {
	n, ok := p.o.Networks[name]
	if !ok {
		return nil, card.NewFieldError(card.ErrNetwork, "network", "no builder is configured for it")
	}
	return &n, nil
}

// Open is the receiver's side, for simulators and tests: it returns the JSON of pass
// data that was made for a key on P-256. Every error but ErrFIPS is ErrOpen.
func Open(key *ecdh.PrivateKey, encryptedPassData, ephemeralPublicKey []byte) ([]byte, error) {
	if key == nil {
		return nil, ErrOpen
	}
	plaintext, err := evecc.Open(key, ephemeralPublicKey, encryptedPassData)
	switch {
	case errors.Is(err, evecc.ErrFIPS):
		return nil, ErrFIPS
	case err != nil:
		return nil, ErrOpen
	}
	return plaintext, nil
}
