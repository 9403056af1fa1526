package applepay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/mastercard"
	"github.com/issuant/issuant/crypto/provision/visa"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
)

// Activator makes activation data: the one-time value by which a network knows that the
// issuer meant this card. Apple and iOS do not read it. Mastercard and Visa make ours;
// whoever holds the specification of another network, or has the value made by a
// hardware module or a processor, implements it. An implementation is safe for
// concurrent use, keeps nothing of its input, and returns nothing but nil beside an
// error. Its errors become an *ActivationError, with their text hidden; a bare
// *card.FieldError is passed on.
type Activator interface {
	Activate(ctx context.Context, in *ActivationInput) (*Activation, error)
	// Formats names what it makes, for the record: what nobody has confirmed begins
	// with "unverified-". encryptPAN says that an encrypted card number is wanted too.
	Formats(encryptPAN bool) []string
}

// NewActivator makes an Activator of a function. Its formats stand in records as they
// are given here: 1 to 8 names of lower-case letters, digits, "-" and "_". An error wraps
// ErrOptions.
func NewActivator(f func(ctx context.Context, in *ActivationInput) (*Activation, error), formats ...string) (Activator, error) {
	if f == nil || len(formats) == 0 || len(formats) > maxFormats {
		return nil, code.Wrap(ErrOptions, "an activator is a function and 1 to 8 names of formats")
	}
	for _, name := range formats {
		if name == "" || len(name) > maxMemberText || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return nil, code.Wrap(ErrOptions, "the name of a format is 1 to 64 lower-case letters, digits, - and _")
		}
	}
	formats = slices.Clone(formats)
	return &activator{activate: f, formats: func(bool) []string { return slices.Clone(formats) }}, nil
}

// activator keeps what it has in functions, where no printer finds a key.
type activator struct {
	activate func(ctx context.Context, in *ActivationInput) (*Activation, error)
	formats  func(encryptPAN bool) []string
	own      bool // its errors are those of our builders
}

func (a *activator) Activate(ctx context.Context, in *ActivationInput) (*Activation, error) {
	return a.activate(ctx, in)
}

func (a *activator) Formats(encryptPAN bool) []string { return a.formats(encryptPAN) }

// ActivationInput is what an Activator may need. It prints as "[activation input]".
type ActivationInput struct {
	Network    card.Network
	Card       *card.Card
	Nonce      []byte      // nil when an existing token is activated
	NonceText  string      // the text of the nonce in the payload: lower-case hexadecimal digits
	TokenRef   string      // the network's reference of an existing token, "" when a card is added
	AuthCode   secret.Text // given by the issuer; zero: to be drawn, where the network has one
	EncryptPAN bool        // EncryptedPAN is wanted
	Now        time.Time
}

// Activation is what an Activator gives. It prints as "[activation]": whoever has the
// public key of a TAV can search the card number in it.
type Activation struct {
	Data         []byte      // the raw value: no Base64 around it, which PassKit adds itself
	AuthCode     secret.Text // for the issuer to know it again when the network asks; zero: none
	ValidUntil   time.Time   // zero: the value does not say
	KeyID        string      // that the network knows the key by; "": none
	EncryptedPAN []byte      // JSON value for encryptedPrimaryAccountNumber; nil unless it was asked for
}

const (
	hiddenInput      = "[activation input]"
	hiddenActivation = "[activation]"
)

// Format writes a placeholder, whatever the verb.
func (in ActivationInput) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hiddenInput) }

// MarshalText returns a placeholder; JSON, XML and slog use it.
func (in ActivationInput) MarshalText() ([]byte, error) { return []byte(hiddenInput), nil }

// Format writes a placeholder, whatever the verb.
func (a Activation) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hiddenActivation) }

// MarshalText returns a placeholder; JSON, XML and slog use it.
func (a Activation) MarshalText() ([]byte, error) { return []byte(hiddenActivation), nil }

// activate calls the network's activator and looks at what it gives.
func (n *Network) activate(ctx context.Context, in *ActivationInput) (*Activation, error) {
	a, err := n.Activation.Activate(ctx, in)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, late(ctx)
	case err != nil && n.speaks(err):
		return nil, err
	case err != nil:
		return nil, activationFailed(err)
	case a == nil || len(a.Data) == 0 || len(a.Data) > MaxActivationData:
		return nil, activationFailed(errors.New("it gave no activation data, or too much"))
	case in.EncryptPAN != (a.EncryptedPAN != nil):
		return nil, activationFailed(errors.New("it gave an encrypted card number that was not wanted, or none that was"))
	}
	if in.EncryptPAN {
		if _, err := strictjson.Parse(a.EncryptedPAN, strictjson.Limits{MaxBytes: MaxEncryptedPAN, MaxDepth: 4, MaxValues: 64}); err != nil {
			return nil, activationFailed(errors.New("its encrypted card number is not strict JSON"))
		}
	}
	return a, nil
}

// speaks reports whether an error's text may be passed on: that of our own builders, which
// hold no values, and a bare *card.FieldError, whose fields are not for values.
func (n *Network) speaks(err error) bool {
	if a, ok := n.Activation.(*activator); ok && a.own {
		return true
	}
	_, bare := err.(*card.FieldError)
	return bare
}

// Nesting is how Mastercard's encryptedPayload stands in encryptedPrimaryAccountNumber.
// The zero Nesting is none.
type Nesting uint8

// The two readings of one sample; which of them Apple takes is not public.
const (
	UnverifiedNestObject Nesting = iota + 1 // as a JSON object
	UnverifiedNestBase64                    // as a text: Base64 of the object
)

// MastercardOptions say how Mastercard's activation data is made.
type MastercardOptions struct {
	TAV *mastercard.TAV // required
	// Of UnverifiedEncryptedPAN alone: what encrypts the card number, its own TAV and
	// shape left aside, and how the result is nested.
	EncryptedPAN *mastercard.Payload
	Nesting      Nesting
}

// Mastercard returns the activator for Mastercard: a TAV as raw JSON. With version 2 it
// also activates an existing token. An error wraps ErrOptions or ErrUnverified.
func Mastercard(o MastercardOptions) (Activator, error) {
	switch {
	case o.TAV == nil:
		return nil, code.Wrap(ErrOptions, "TAV is missing")
	case o.EncryptedPAN == nil && o.Nesting != 0:
		return nil, code.Wrap(ErrOptions, "Nesting without EncryptedPAN")
	case o.EncryptedPAN != nil && o.Nesting != UnverifiedNestObject && o.Nesting != UnverifiedNestBase64:
		return nil, code.Wrap(ErrUnverified, "choose how the encrypted card number is nested, as agreed with Mastercard")
	}
	return &activator{o.activate, o.formats, true}, nil
}

func (o *MastercardOptions) formats(encryptPAN bool) []string {
	names := []string{o.TAV.Format().String()}
	switch {
	case encryptPAN && o.Nesting == UnverifiedNestObject:
		names = append(names, "unverified-mastercard-pan-object")
	case encryptPAN && o.Nesting == UnverifiedNestBase64:
		names = append(names, "unverified-mastercard-pan-base64")
	}
	return names
}

func (o *MastercardOptions) activate(_ context.Context, in *ActivationInput) (*Activation, error) {
	data, err := o.TAV.UnsafeBuild(in.Card, in.TokenRef, in.Now)
	if err != nil {
		return nil, err
	}
	a := &Activation{Data: data, ValidUntil: o.TAV.ValidUntil(in.Now), KeyID: o.TAV.KeyAlias()}
	if !in.EncryptPAN || o.EncryptedPAN == nil {
		return a, nil
	}
	sealed, err := o.EncryptedPAN.UnsafeSealCard(in.Card, in.Now)
	if err != nil {
		return nil, err
	}
	if o.Nesting == UnverifiedNestBase64 {
		sealed = canon.AppendString(nil, mastercard.Encode(sealed))
	}
	a.EncryptedPAN = sealed
	return a, nil
}

// VisaOptions say how Visa's activation data is made.
type VisaOptions struct {
	MBPAC *visa.MBPAC // required
	MBPAD *visa.MBPAD // of UnverifiedEncryptedPAN alone
}

// Visa returns the activator for Visa: the raw text of an MBPAC with the request's
// nonce and an authentication code, which is drawn unless the request has one. An
// existing token cannot be activated with it, since there is no nonce then. An error
// wraps ErrOptions.
func Visa(o VisaOptions) (Activator, error) {
	if o.MBPAC == nil {
		return nil, code.Wrap(ErrOptions, "MBPAC is missing")
	}
	return &activator{o.activate, o.formats, true}, nil
}

func (o *VisaOptions) formats(encryptPAN bool) []string {
	if encryptPAN && o.MBPAD != nil {
		return []string{"unverified-visa-mbpac-1", "unverified-visa-mbpad-1"}
	}
	return []string{"unverified-visa-mbpac-1"}
}

func (o *VisaOptions) activate(_ context.Context, in *ActivationInput) (*Activation, error) {
	if in.NonceText == "" {
		return nil, card.NewFieldError(ErrNonce, "nonce", "Visa's activation data needs one, and there is none where an existing token is activated")
	}
	authCode := in.AuthCode
	if authCode == (secret.Text{}) {
		authCode = visa.NewAuthCode()
	}
	data, err := o.MBPAC.UnsafeBuild(in.NonceText, authCode, in.Now)
	if err != nil {
		return nil, err
	}
	a := &Activation{Data: data, AuthCode: authCode, KeyID: o.MBPAC.KeySetID()}
	if !in.EncryptPAN || o.MBPAD == nil {
		return a, nil
	}
	text, err := o.MBPAD.UnsafeBuild(in.Card, in.Now)
	if err != nil {
		return nil, err
	}
	a.EncryptedPAN = canon.AppendString(nil, mastercard.Encode(text))
	return a, nil
}

// UnsafeStatic returns an activator that gives the same data each time: for tests, and
// for a sandbox that does not look. A one-time value it is not.
func UnsafeStatic(data []byte) Activator {
	own := slices.Clone(data)
	return &activator{
		activate: func(_ context.Context, in *ActivationInput) (*Activation, error) {
			return &Activation{Data: slices.Clone(own), AuthCode: in.AuthCode}, nil
		},
		formats: func(bool) []string { return []string{"unverified-static"} },
	}
}
