package samsungpay

import (
	"context"
	"time"

	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/crypto/provision/card"
)

// Target is one phone's request to add a card to Samsung Pay: provision.Build builds it
// for a grant whose event has token.requestor samsung_pay. The payload is what the app
// hands to addCard.
type Target struct {
	Pay     *Pay // required: the issuer's networks
	Network card.Network
	CardRef string      // of the card that the phone asks for, as the decision's event has it
	Wallet  card.Wallet // AccountID: WALLET_USER_ID; DeviceID: DEVICE_ID; AppID as agreed
}

// Binding implements provision.Target.
func (t Target) Binding() provision.Binding {
	return provision.Binding{
		Wallet: provision.SamsungPay, Network: t.Network, CardRef: t.CardRef, AccountID: t.Wallet.AccountID, DeviceID: t.Wallet.DeviceID,
	}
}

// UnsafeBuild implements provision.Target; errors are those of Pay.UnsafeBuild.
func (t Target) UnsafeBuild(_ context.Context, c *card.Card, now time.Time) ([]byte, []string, error) {
	if t.Pay == nil {
		return nil, nil, card.NewFieldError(card.ErrNetwork, "network", "no networks are configured")
	}
	payload, err := t.Pay.UnsafeBuild(t.Network, c, &t.Wallet, now)
	return payload, t.Pay.networks.Formats(t.Network), err
}
