package googlepay

import (
	"context"
	"time"

	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/crypto/provision/card"
)

// Target is one phone's request to add a card to Google Pay: provision.Build builds it
// for a grant whose event has token.requestor google_pay.
type Target struct {
	Pay     *Pay // required: the issuer's networks
	Network card.Network
	CardRef string      // of the card that the phone asks for, as the decision's event has it
	Wallet  card.Wallet // AccountID: getActiveWalletId; DeviceID: getStableHardwareId; AppID as agreed

	// Object, where given, also builds Google's own object, for the session that
	// Google's SDK told (serverSessionId).
	Object          *UnverifiedCard
	ServerSessionID string
}

// Payload is what the app hands to Google's SDK.
type Payload struct {
	OpaquePaymentCard       []byte // the network's
	GoogleOpaquePaymentCard []byte // Google's own; nil unless Target.Object was given
}

// Binding implements provision.Target.
func (t Target) Binding() provision.Binding {
	return provision.Binding{
		Wallet: provision.GooglePay, Network: t.Network, CardRef: t.CardRef, AccountID: t.Wallet.AccountID, DeviceID: t.Wallet.DeviceID,
	}
}

// UnsafeBuild implements provision.Target. Both objects are built, or none. Errors are
// those of Pay.UnsafeBuild and UnverifiedCard.UnsafeBuild.
func (t Target) UnsafeBuild(_ context.Context, c *card.Card, now time.Time) (*Payload, []string, error) {
	if t.Pay == nil {
		return nil, nil, card.NewFieldError(card.ErrNetwork, "network", "no networks are configured")
	}
	opc, err := t.Pay.UnsafeBuild(t.Network, c, &t.Wallet, now)
	if err != nil {
		return nil, nil, err
	}
	out, formats := &Payload{OpaquePaymentCard: opc}, t.Pay.networks.Formats(t.Network)
	if t.Object == nil {
		return out, formats, nil
	}
	if out.GoogleOpaquePaymentCard, err = t.Object.UnsafeBuild(c, t.ServerSessionID, now); err != nil {
		return nil, nil, err
	}
	return out, append(formats, "unverified-google-payment-card"), nil
}
