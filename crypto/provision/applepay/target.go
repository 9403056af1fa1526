package applepay

import (
	"context"
	"time"

	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/crypto/provision/card"
)

// Target is one device's request to add a card to Apple Pay: provision.Build builds it
// for a grant whose event has token.requestor apple_pay. The grant names the nonce and
// is good for one payload, so that Pay can do without a memory of nonces of its own; a
// nonce that comes again under another decision, that memory alone finds.
type Target struct {
	Pay     *Pay // required
	Network card.Network
	CardRef string // of the card that the app asks for, as the decision's event has it
	// DeviceID is by which the issuer's app knows its device; Apple tells none. "" where
	// the decision's event has no device.ref.
	DeviceID string
	Request  *Request // required
}

// Binding implements provision.Target.
func (t Target) Binding() provision.Binding {
	b := provision.Binding{Wallet: provision.ApplePay, Network: t.Network, CardRef: t.CardRef, DeviceID: t.DeviceID}
	if t.Request != nil {
		b.Nonce = t.Request.NonceText()
	}
	return b
}

// UnsafeBuild implements provision.Target; errors are those of Pay.UnsafeBuild.
func (t Target) UnsafeBuild(ctx context.Context, c *card.Card, now time.Time) (*PassData, []string, error) {
	if t.Pay == nil {
		return nil, nil, card.NewFieldError(card.ErrNetwork, "network", "no networks are configured")
	}
	data, err := t.Pay.UnsafeBuild(ctx, t.Network, c, t.Request, now)
	if err != nil {
		return nil, nil, err
	}
	return data, data.Formats, nil
}
