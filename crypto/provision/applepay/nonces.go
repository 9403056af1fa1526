package applepay

import (
	"context"
	"time"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/once"
)

// Nonces remembers which nonces were used, so that one request makes one payload. It is
// safe for concurrent use. NewNonces has one that lives in the process; engine.NoncesIn
// makes one of a durable ledger, which outlives it.
type Nonces interface {
	// Spend inserts key, atomically and once: first is true for the call that did, and
	// false for every other one while now is not after until. It must not forget
	// earlier: a memory that is full or fails returns an error, and nothing is built.
	Spend(ctx context.Context, key string, until, now time.Time) (first bool, err error)
}

// NewNonces returns a memory in the process, of at most max nonces (0: DefaultMaxNonces).
// Several processes, and one that starts again, need one that they share.
func NewNonces(max int) (Nonces, error) {
	if max < 0 {
		return nil, code.Wrap(ErrOptions, "a memory has room for at least one nonce")
	}
	if max == 0 {
		max = DefaultMaxNonces
	}
	return once.New(max), nil
}

// spend uses the request's nonce up. It is remembered by itself, not by card: the same
// nonce for another card is no other request.
func (p *Pay) spend(ctx context.Context, r *Request, now time.Time) error {
	if ctx.Err() != nil {
		return late(ctx)
	}
	if p.o.Nonces == nil {
		return nil
	}
	first, err := p.o.Nonces.Spend(ctx, "applepay:"+r.NonceText(), now.Add(p.o.NonceTTL), now)
	switch {
	case err != nil && ctx.Err() != nil:
		return late(ctx)
	case err != nil:
		return ErrNonceMemory
	case !first:
		return ErrNonceSpent
	}
	return nil
}
