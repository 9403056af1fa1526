package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ReasonNonceSpent is the reason in the record that a nonce leaves in a Ledger.
const ReasonNonceSpent = "NONCE_SPENT"

// LedgerNonces is an applepay.Nonces in a Ledger: one that is durable and shared by many
// processes, where the ledger is. It is safe for concurrent use.
type LedgerNonces struct {
	ledger Ledger
	name   string
}

// NoncesIn makes an applepay.Nonces of a durable Ledger; name stands in records, as a
// gate's counterpart does. (In the process alone, applepay.NewNonces is as good.) An
// error is an ErrConfig.
func NoncesIn(l Ledger, name string) (*LedgerNonces, error) {
	if l == nil || !l.Durable() || name == "" {
		return nil, fmt.Errorf("%w: a memory of nonces needs a durable ledger and a name", ErrConfig)
	}
	return &LedgerNonces{l, name}, nil
}

// Spend implements applepay.Nonces. A nonce is remembered like a message that was issued
// at now, so that until must not be further away than the ledger keeps messages: that,
// and what the ledger cannot do or vouch for, is an error.
func (n *LedgerNonces) Spend(ctx context.Context, key string, until, now time.Time) (first bool, err error) {
	if keep := n.ledger.Keep(); until.Sub(now) > keep {
		return false, fmt.Errorf("%w: the ledger keeps messages for %v, less than nonces are to be remembered", ErrConfig, keep)
	}
	s := Sighting{Key: "nonce:" + key, Digest: key, Route: n.name, IssuedAt: now}
	if first, _, err = n.ledger.Begin(ctx, s, now); err == nil && first {
		r := &Record{At: now, Counterpart: n.name, Reasons: []string{ReasonNonceSpent}}
		err = n.ledger.Commit(ctx, Entry{Record: r, Sighting: &s, Until: now})
	}
	if _, taken := errors.AsType[*TakenError](err); taken || errors.Is(err, ErrReplayed) {
		return false, nil
	}
	return first && err == nil, err
}
