package provision

import (
	"context"
	"slices"
	"time"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/grant"
)

// Binding is what a payload is asked for, and what its grant must be made for.
type Binding struct {
	Wallet    Wallet
	Network   card.Network
	CardRef   string
	AccountID string // of the wallet; "" where the wallet tells none
	DeviceID  string // "" where the wallet tells none
	Nonce     string // of Apple Pay, lower-case hexadecimal digits; "" for the others
}

// Target is one phone's request for a payload of type P: applepay.Target,
// googlepay.Target, samsungpay.Target, or that of another wallet or of an online
// service. Its methods are called by Build, one after another. An implementation does
// not keep the card, and gives nothing of use beside an error.
type Target[P any] interface {
	// Binding returns what the payload is asked for. It is the same at each call.
	Binding() Binding
	// UnsafeBuild builds without asking for a grant, and names the formats of what it
	// built, for the record: what nobody has confirmed begins with "unverified-".
	UnsafeBuild(ctx context.Context, c *card.Card, now time.Time) (payload P, formats []string, err error)
}

// Build builds one payload for a grant. In this order it
//
//  1. looks at the grant: ErrNoGrant, ErrGrantTime;
//  2. compares the target with what was decided on: ErrGrantBound;
//  3. spends the grant, in p.Spent and in this process: ErrGrantSpent, or what p.Spent returns;
//  4. asks p.Cards for the card of the grant's reference: a *SourceError, ErrPANSource;
//  5. lets the target build: its own errors, or ErrDeadline when ctx has ended.
//
// From 3 on the grant is spent, whatever comes of it: a failure on the way to a payload
// cannot be told from a payload that somebody keeps. Whoever wants another try decides
// again. What is refused before leaves the grant as it was.
//
// The Record is never nil. A panic of a port or target becomes ErrInternal, and what was
// panicked with is dropped, since it may hold a card number.
func Build[P any](ctx context.Context, g *Grant, t Target[P], p Ports, now time.Time) (payload P, r *Record, err error) {
	b, err := describe(t)
	r = newRecord(g, &b, now)
	if err == nil {
		payload, err = build(ctx, g, t, &b, &p, r, now)
	}
	if err != nil {
		r.refused(err)
	}
	return payload, r, err
}

// UnsafeBuild builds without a grant: nobody has decided that this card may go to this
// phone. The record says so. It is for tools and tests, and for an issuer who proves
// the decision in another way. Errors are those of the target, and ErrInternal.
func UnsafeBuild[P any](ctx context.Context, c *card.Card, t Target[P], now time.Time) (payload P, r *Record, err error) {
	b, err := describe(t)
	r = newRecord(nil, &b, now)
	r.Unsafe = true
	if err == nil {
		payload, r.Formats, err = safely(ctx, c, t, now)
	}
	if err != nil {
		r.refused(err)
	}
	return payload, r, err
}

func describe[P any](t Target[P]) (b Binding, err error) {
	defer func() {
		if recover() != nil {
			b, err = Binding{}, ErrInternal
		}
	}()
	if t == nil {
		return b, code.Wrap(ErrOptions, "there is no target")
	}
	return t.Binding(), nil
}

func build[P any](ctx context.Context, g *Grant, t Target[P], b *Binding, p *Ports, r *Record, now time.Time) (payload P, err error) {
	var none P
	if err := p.check(); err != nil {
		return none, err
	}
	claims, ok := grant.Of(g)
	if !ok {
		return none, ErrNoGrant
	}
	if err := inTime(&claims, now); err != nil {
		return none, err
	}
	if err := bound(&claims, b); err != nil {
		return none, err
	}
	if err := spend(ctx, g, p, now); err != nil {
		return none, err
	}
	r.Spent = true
	c, err := find(ctx, &claims, p)
	if err != nil {
		return none, err
	}
	if ctx.Err() != nil {
		return none, ErrDeadline
	}
	payload, r.Formats, err = safely(ctx, c, t, now)
	return payload, err
}

// bound compares what is asked for with what was granted.
func bound(c *grant.Claims, b *Binding) error {
	for _, m := range [...]struct{ name, want, got string }{
		{"card", c.CardRef, b.CardRef},
		{"network", c.Network, string(b.Network)},
		{"wallet", c.Wallet, string(b.Wallet)},
		{"account", c.Account, grant.Bind(c.DecisionID, "account", b.AccountID)},
		{"device", c.Device, grant.Bind(c.DecisionID, "device", b.DeviceID)},
		{"nonce", c.Nonce, grant.Bind(c.DecisionID, "nonce", b.Nonce)},
	} {
		if m.want != m.got {
			return code.Wrap(ErrGrantBound, "another "+m.name)
		}
	}
	return nil
}

// spend asks the memory first: while that fails, the grant stays good. The mark in this
// process is for a memory that forgets.
func spend(ctx context.Context, g *Grant, p *Ports, now time.Time) (err error) {
	defer func() {
		if recover() != nil {
			err = ErrInternal
		}
	}()
	if grant.Taken(g) {
		return ErrGrantSpent
	}
	if err := p.Spent.Spend(ctx, g, now); err != nil {
		return err
	}
	if !grant.Take(g) {
		return ErrGrantSpent
	}
	return nil
}

// find asks for the card, and holds it against the grant's reference.
func find(ctx context.Context, claims *grant.Claims, p *Ports) (c *card.Card, err error) {
	defer func() {
		if recover() != nil {
			c, err = nil, ErrInternal
		}
	}()
	c, err = p.Cards.Card(ctx, claims.CardRef)
	switch {
	case err != nil:
		return nil, &SourceError{err}
	case c == nil || c.PAN.IsZero():
		return nil, code.Wrap(ErrPANSource, "it gave no card number")
	case p.Refs != nil && !refers(p.Refs, c, claims.CardRef):
		return nil, code.Wrap(ErrPANSource, "it gave another card than the reference names")
	}
	return c, nil
}

func refers(keys *secret.RefKeys, c *card.Card, ref string) bool {
	digits := []byte(c.PAN.Reveal())
	defer clear(digits)
	return slices.Contains(keys.All("pan", digits), ref)
}

// safely builds, and gives nothing but nil beside an error.
func safely[P any](ctx context.Context, c *card.Card, t Target[P], now time.Time) (payload P, formats []string, err error) {
	var none P
	defer func() {
		if recover() != nil {
			payload, formats, err = none, nil, ErrInternal
		}
	}()
	if payload, formats, err = t.UnsafeBuild(ctx, c, now); err != nil {
		return none, nil, err
	}
	return payload, formats, nil
}
