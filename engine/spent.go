//go:build !issuant_lean

package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/internal/code"
)

// ReasonGrantSpent is the reason in the record that a grant leaves in a Ledger.
const ReasonGrantSpent = "GRANT_SPENT"

// SpentOptions of SpentIn.
type SpentOptions struct {
	Ledger Ledger // required; it keeps a message for MaxGrantLife at least
	Name   string // in records, as a gate's counterpart; default "provision"
	// StartedAt is when the process started. With a Ledger that is not durable, grants
	// issued before it are refused, since an earlier process may have used them. It is
	// required then, unless UnsafeNoStart.
	StartedAt     time.Time
	UnsafeNoStart bool
}

// LedgerSpent is a provision.Spent in a Ledger: one that is durable and shared by many
// processes, where the ledger is. It is safe for concurrent use.
type LedgerSpent struct{ o SpentOptions }

// SpentIn makes a provision.Spent of a Ledger. A grant is remembered like a message
// whose id is the grant's, and leaves a record with the decision's id, the card's
// reference where the ledger's records have it, and ReasonGrantSpent. An error is an ErrConfig.
func SpentIn(o SpentOptions) (*LedgerSpent, error) {
	switch {
	case o.Ledger == nil:
		return nil, fmt.Errorf("%w: a memory of grants needs a ledger", ErrConfig)
	case o.Ledger.Keep() < MaxGrantLife:
		return nil, fmt.Errorf("%w: the ledger keeps messages for %v; grants are good for %v", ErrConfig, o.Ledger.Keep(), MaxGrantLife)
	case !o.Ledger.Durable() && o.StartedAt.IsZero() && !o.UnsafeNoStart:
		return nil, fmt.Errorf("%w: a ledger that is not durable needs StartedAt", ErrConfig)
	case o.Ledger.Durable():
		o.StartedAt = time.Time{}
	}
	if o.Name == "" {
		o.Name = "provision"
	}
	return &LedgerSpent{o}, nil
}

// Spend implements provision.Spent. Errors are provision.ErrNoGrant, ErrGrantSpent,
// ErrGrantTime for a grant that the ledger cannot vouch for, and those of the ledger.
func (l *LedgerSpent) Spend(ctx context.Context, g *provision.Grant, now time.Time) error {
	if g.ID() == "" {
		return provision.ErrNoGrant
	}
	if g.IssuedAt().Before(l.o.StartedAt) {
		return code.Wrap(provision.ErrGrantTime, "it was issued before the start; decide again")
	}
	s := Sighting{Key: "grant:" + g.ID(), Digest: g.ID(), Route: l.o.Name, IssuedAt: g.IssuedAt()}
	first, _, err := l.o.Ledger.Begin(ctx, s, now)
	if err != nil || !first {
		return spentError(err)
	}
	r := &Record{At: now, Counterpart: l.o.Name, DecisionID: g.DecisionID(), Reasons: []string{ReasonGrantSpent}}
	if l.o.Ledger.Card() == CardRef {
		r.Card = Card{Ref: g.CardRef()}
	}
	// No copy is answered: the answer without a status is none.
	if err := l.o.Ledger.Commit(ctx, Entry{Record: r, Sighting: &s, Until: now}); err != nil {
		return spentError(err)
	}
	return nil
}

// spentError puts a ledger's refusals in the words of grants; nil is a copy that got an answer.
func spentError(err error) error {
	_, taken := errors.AsType[*TakenError](err)
	switch {
	case err == nil || taken || errors.Is(err, ErrReplayed):
		return provision.ErrGrantSpent
	case errors.Is(err, ErrStale):
		return code.Wrap(provision.ErrGrantTime, "the memory cannot vouch for it any more; decide again")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return provision.ErrDeadline
	}
	return err
}
