// Package networks is what Google Pay and Samsung Pay have in common: a builder for
// each network.
package networks

import (
	"time"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/mastercard"
	"github.com/issuant/issuant/crypto/provision/visa"
)

// Options are those of the wallets' packages.
type Options struct {
	Visa             *visa.Payload
	VisaRequestorID  string
	Mastercard       *mastercard.Payload
	MastercardBase64 bool
	Others           map[card.Network]card.Builder
}

// New returns the builders, or what is wrong with the options.
func New(o Options) (n card.Networks, wrong string) {
	n = card.Networks{}
	for network, b := range o.Others {
		switch {
		case b == nil || network == "":
			return nil, "Others names no network, or no builder"
		case network == card.Visa && o.Visa != nil, network == card.Mastercard && o.Mastercard != nil:
			return nil, "Others names a network that has a payload of its own"
		}
		n[network] = b
	}
	if o.Visa != nil {
		if (&card.Wallet{RequestorID: o.VisaRequestorID}).CheckRequestor("") != nil {
			return nil, "VisaRequestorID is not 11 digits"
		}
		n[card.Visa] = ofVisa{o.Visa, o.VisaRequestorID}
	}
	if o.Mastercard != nil {
		n[card.Mastercard] = ofMastercard{o.Mastercard, o.MastercardBase64}
	}
	if len(n) == 0 {
		return nil, "no network is configured"
	}
	return n, ""
}

type ofVisa struct {
	*visa.Payload
	requestorID string
}

// UnsafeBuild implements card.Builder.
func (v ofVisa) UnsafeBuild(c *card.Card, w *card.Wallet, now time.Time) ([]byte, error) {
	var own card.Wallet
	if w != nil {
		own = *w
	}
	own.RequestorID = v.requestorID
	token, err := v.Payload.UnsafeBuild(c, &own, now)
	return []byte(token), err
}

type ofMastercard struct {
	*mastercard.Payload
	base64 bool
}

// UnsafeBuild implements card.Builder.
func (m ofMastercard) UnsafeBuild(c *card.Card, _ *card.Wallet, now time.Time) ([]byte, error) {
	payload, err := m.Payload.UnsafeBuild(c, now)
	if err == nil && m.base64 {
		payload = []byte(mastercard.Encode(payload))
	}
	return payload, err
}
