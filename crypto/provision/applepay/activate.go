package applepay

import (
	"context"
	"time"

	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/crypto/provision/card"
)

// ActivationTarget is one device's request to activate a token that exists already, for
// a card that was added by hand: provision.Build makes its activation data for a grant
// whose event has token.requestor apple_pay, and which names TokenNonce(TokenRef) where
// others name a nonce.
type ActivationTarget struct {
	Pay      *Pay // required
	Network  card.Network
	CardRef  string // of the card behind the token, as the decision's event has it
	DeviceID string // as Target has it
	TokenRef string // required: the network's reference of the token
}

// TokenNonce is what a grant for the activation of an existing token names in the place
// of a nonce, so that it is good for this token alone.
func TokenNonce(tokenRef string) string { return "token:" + tokenRef }

// Binding implements provision.Target.
func (t ActivationTarget) Binding() provision.Binding {
	return provision.Binding{Wallet: provision.ApplePay, Network: t.Network, CardRef: t.CardRef, DeviceID: t.DeviceID, Nonce: TokenNonce(t.TokenRef)}
}

// UnsafeBuild implements provision.Target; errors are those of Pay.UnsafeActivate.
func (t ActivationTarget) UnsafeBuild(ctx context.Context, c *card.Card, now time.Time) (*Activation, []string, error) {
	if t.Pay == nil {
		return nil, nil, card.NewFieldError(card.ErrNetwork, "network", "no networks are configured")
	}
	a, err := t.Pay.UnsafeActivate(ctx, t.Network, c, t.TokenRef, now)
	if err != nil {
		return nil, nil, err
	}
	n, err := t.Pay.network(t.Network)
	if err != nil {
		return nil, nil, err
	}
	return a, n.Activation.Formats(false), nil
}
