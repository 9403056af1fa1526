package googlepay

import (
	"time"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/internal/networks"
	"github.com/issuant/issuant/crypto/provision/mastercard"
	"github.com/issuant/issuant/crypto/provision/visa"
	"github.com/issuant/issuant/internal/code"
)

// ErrOptions is what the errors of the constructors wrap.
var ErrOptions = code.New(code.Config, "googlepay: options are not usable")

// VisaRequestorID is the token requestor id of Google Pay at Visa, as two public
// sources have it. It is no default: give it, or another, in Options.
const VisaRequestorID = "40010075001"

// Options are the networks that an issuer offers in Google Pay; at least one.
type Options struct {
	Visa            *visa.Payload
	VisaRequestorID string // required with Visa: 11 digits, from onboarding
	Mastercard      *mastercard.Payload
	Others          map[card.Network]card.Builder // networks whose format is not public; Visa or Mastercard in the place of what is built in, by who has a private description
}

// Pay builds the networks' opaque payment cards. It is immutable and safe for
// concurrent use.
type Pay struct{ networks card.Networks }

// New checks the options: an error wraps ErrOptions.
func New(o Options) (*Pay, error) {
	n, wrong := networks.New(networks.Options{
		Visa: o.Visa, VisaRequestorID: o.VisaRequestorID, Mastercard: o.Mastercard, MastercardBase64: true, Others: o.Others,
	})
	if wrong != "" {
		return nil, code.Wrap(ErrOptions, wrong)
	}
	return &Pay{n}, nil
}

// UnsafeBuild returns the opaque payment card of a network, as the bytes that the app hands
// to Google's SDK: Visa's compact JWE, Mastercard's JSON in Base64. Processors that
// want one more Base64 around it add that themselves. Of the wallet, AccountID is
// getActiveWalletId, DeviceID getStableHardwareId; RequestorID is not read, it stands
// in Options.
//
// It asks for no Grant: provision.Build does, and is what an issuer calls.
//
// Errors are those of the network's builder, and a *card.FieldError around
// card.ErrNetwork; none comes with any part of a payload.
func (p *Pay) UnsafeBuild(network card.Network, c *card.Card, w *card.Wallet, now time.Time) ([]byte, error) {
	return p.networks.UnsafeBuild(network, c, w, now)
}
