//go:build !issuant_lean

package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/grant"
	"github.com/issuant/issuant/rules"
)

// GranterOptions set up a Granter. The zero GranterOptions grant on green decisions
// alone, and compare ids with the event's references as they stand.
type GranterOptions struct {
	Life time.Duration // after the decision, in which its payload is to be built; default and at most MaxGrantLife
	Skew time.Duration // by which the clocks of those who prove step-ups may differ: default DefaultSkew, at most MaxSkew
	// Refs made device.ref and wallet.account_ref of the events, in DeviceRefDomain and
	// AccountRefDomain. nil: these facts are the ids themselves.
	Refs *secret.RefKeys
	// StepUps name who proves step-ups. None: a yellow or orange decision permits nothing.
	StepUps []StepUpRoute
}

// StepUpRoute names whose word counts for which methods: the service that sends text
// messages cannot prove what was done in the app.
type StepUpRoute struct {
	Route   string   // of the webhook.Verifier, not ""
	Methods []string // channels, as in Decision.StepUp; at least one
}

// Granter makes grants of decisions. A Grant is the one thing that provision.Build
// builds a wallet payload for, and a Granter the one thing that makes it. It is
// immutable and safe for concurrent use, reads no clock and remembers nothing: that a
// grant is used once is for those to remember who spend it.
type Granter struct{ o GranterOptions }

// NewGranter checks the options; every error is an ErrConfig.
func NewGranter(o GranterOptions) (*Granter, error) {
	bad := func(text string) (*Granter, error) { return nil, fmt.Errorf("%w: %s", ErrConfig, text) }
	if o.Life == 0 {
		o.Life = MaxGrantLife
	}
	if o.Skew == 0 {
		o.Skew = DefaultSkew
	}
	if o.Life < time.Second || o.Life > MaxGrantLife {
		return bad("a grant is good for 1 s to 5 min")
	}
	if o.Skew < 0 || o.Skew > MaxSkew {
		return bad("Skew is not between 0 and 10 min")
	}
	routes := map[string]bool{}
	o.StepUps = slices.Clone(o.StepUps)
	for i, r := range o.StepUps {
		if r.Route == "" || routes[r.Route] || len(r.Methods) == 0 || slices.Contains(r.Methods, "") {
			return bad("routes that prove step-ups have names that differ, and methods")
		}
		routes[r.Route] = true
		o.StepUps[i].Methods = slices.Clone(r.Methods)
	}
	return &Granter{o}, nil
}

// GrantRequest is what the phone says of itself, and how the cardholder answered.
type GrantRequest struct {
	AccountID string // of the wallet: required for Google Pay and Samsung Pay, "" for Apple Pay
	DeviceID  string // required for Google Pay and Samsung Pay; for Apple Pay where the event has device.ref
	Nonce     string // of Apple Pay, in lower-case hexadecimal digits as applepay has it, or applepay.TokenNonce of a token that exists; "" for the others
	// StepUp proves that the cardholder passed the step-up of a yellow or orange
	// decision: a message under GranterOptions.StepUps whose body is a StepUpResult. It
	// is not looked at when the decision is green.
	StepUp *webhook.Message
}

// Grant permits one payload for the card, network and wallet of a decision on an event
// of kind provision: card.ref, token.network and token.requestor (apple_pay,
// google_pay, samsung_pay); the event has an id. The decision is green and nothing
// failed, or it is yellow or orange and r.StepUp proves that a method of its StepUp was
// passed. It must be Decide's own, and counts as it was made: what the caller changed
// in it, or put together by hand, counts for nothing.
//
// The ids of r must be those that were decided on: where the event has device.ref or
// wallet.account_ref, the id is given too, and the other way round.
//
// A grant is good from now on, until Life after the decision: a step-up that takes
// longer wants a new decision, since the facts of the old one have aged. All grants of
// one decision have one id, so that one payload comes of it. Errors are
// ErrNotGranted, ErrStepUpProof and ErrGrantFacts.
func (g *Granter) Grant(d *Decision, r GrantRequest, now time.Time) (*provision.Grant, error) {
	p, err := g.granted(d, now)
	if err != nil {
		return nil, err
	}
	method := ""
	if p.outcome != rules.Green {
		if method, err = g.proven(p, r.StepUp, now); err != nil {
			return nil, err
		}
	}
	if err := g.same(p, &r); err != nil {
		return nil, err
	}
	made, err := grant.New(grant.Claims{
		ID: grant.IDOf(p.id), DecisionID: p.id, CardRef: p.cardRef, Network: p.network, Wallet: p.wallet,
		Account: grant.Bind(p.id, "account", r.AccountID), Device: grant.Bind(p.id, "device", r.DeviceID),
		Nonce: grant.Bind(p.id, "nonce", r.Nonce), Method: method,
		IssuedAt: now.UTC().Truncate(time.Second), Expires: p.now.Add(g.o.Life).Truncate(time.Second),
	})
	if err != nil {
		return nil, code.Wrap(ErrGrantFacts, err.Error())
	}
	return made, nil
}

// granted returns what was decided, if it may be granted upon at all.
func (g *Granter) granted(d *Decision, now time.Time) (*provisioning, error) {
	switch {
	case d == nil || d.provision == nil:
		return nil, code.Wrap(ErrNotGranted, "it is not an engine's decision on an event of kind provision")
	case d.provision.outcome == rules.Red || d.provision.failed:
		return nil, code.Wrap(ErrNotGranted, "it is red")
	case d.provision.outcome == rules.Green && d.provision.degraded:
		return nil, code.Wrap(ErrNotGranted, "something failed while it was made")
	case d.provision.eventID == "":
		return nil, code.Wrap(ErrNotGranted, "the event has no id, which a decision needs to be told from others")
	case rules.LooksLikePAN(d.provision.cardRef):
		return nil, code.Wrap(ErrNotGranted, "card.ref is a card number")
	}
	p := d.provision
	if now.Before(p.now) {
		return nil, code.Wrap(ErrNotGranted, "it was made later than now; compare the clocks")
	}
	// In whole seconds, as a grant counts.
	if !now.Truncate(time.Second).Before(p.now.Add(g.o.Life).Truncate(time.Second)) {
		return nil, code.Wrap(ErrNotGranted, "it is too old; decide again")
	}
	return p, nil
}

// same compares what the phone says with what was decided on.
func (g *Granter) same(p *provisioning, r *GrantRequest) error {
	for _, id := range []struct{ name, domain, id, fact string }{
		{"device.ref", DeviceRefDomain, r.DeviceID, p.device},
		{"wallet.account_ref", AccountRefDomain, r.AccountID, p.account},
	} {
		if id.id == "" && id.fact == "" {
			continue
		}
		if id.id == "" || id.fact == "" || !slices.Contains(g.refs(id.domain, id.id), id.fact) {
			return code.Wrap(ErrGrantFacts, id.name+" of the event is not that of the request")
		}
	}
	return nil
}

func (g *Granter) refs(domain, id string) []string {
	if g.o.Refs == nil {
		return []string{id}
	}
	return g.o.Refs.All(domain, []byte(id))
}

// proven returns the method of the step-up that m proves.
func (g *Granter) proven(p *provisioning, m *webhook.Message, now time.Time) (method string, err error) {
	bad := func(text string) (string, error) { return "", code.Wrap(ErrStepUpProof, text) }
	if m == nil {
		return bad("the decision is " + p.outcome.String() + " and asks for one of: " + strings.Join(p.stepUp, ", "))
	}
	i := slices.IndexFunc(g.o.StepUps, func(s StepUpRoute) bool { return s.Route == m.Route() })
	switch {
	case i < 0:
		return bad("the message came on a route that proves no step-ups")
	case m.Coverage() != webhook.CoversBody:
		return bad("the signature does not cover the message's body")
	case m.IssuedAt().IsZero():
		return bad("the message does not tell when it was issued")
	case m.IssuedAt().Before(p.now.Add(-g.o.Skew)):
		return bad("the message was issued before the decision")
	case m.IssuedAt().After(now.Add(g.o.Skew)):
		return bad("the message was issued later than now")
	}
	result, err := ParseStepUpResult(m.Body())
	switch {
	case err != nil:
		return "", err
	case result.DecisionID != p.id:
		return bad("the message is about another decision")
	case result.CardRef != p.cardRef:
		return bad("the message is about another card")
	case !slices.Contains(g.o.StepUps[i].Methods, result.Method):
		return bad("the route does not prove that method")
	case !slices.Contains(p.stepUp, result.Method):
		return bad("the decision does not allow that method; it asks for one of: " + strings.Join(p.stepUp, ", "))
	}
	return result.Method, nil
}
