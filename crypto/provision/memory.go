package provision

import (
	"context"
	"errors"
	"time"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/once"
)

// MemoryOptions of NewMemory.
type MemoryOptions struct {
	// StartedAt is when the process started. Grants issued before it are refused, since an
	// earlier process may have used them. It is required, unless UnsafeNoStart.
	StartedAt     time.Time
	UnsafeNoStart bool
	Max           int // grants that are remembered; default DefaultMaxSpent
}

// Memory is a Spent in the process, for a place that builds in one process alone. A
// full Memory refuses grants until others have expired; it forgets none that could be
// used again. It is safe for concurrent use.
type Memory struct {
	started time.Time
	spent   *once.Memory
}

// NewMemory returns an empty memory; an error wraps ErrOptions.
func NewMemory(o MemoryOptions) (*Memory, error) {
	if o.Max == 0 {
		o.Max = DefaultMaxSpent
	}
	if o.Max < 0 || o.StartedAt.IsZero() != o.UnsafeNoStart {
		return nil, code.Wrap(ErrOptions, "either StartedAt or UnsafeNoStart, and Max is not negative")
	}
	return &Memory{started: o.StartedAt, spent: once.New(o.Max)}, nil
}

// Spend implements Spent. Errors are ErrNoGrant, ErrGrantSpent, ErrGrantTime for a grant
// from before the start or from a time whose grants are forgotten (the clock was set
// back), ErrMemoryFull and ErrDeadline.
func (m *Memory) Spend(ctx context.Context, g *Grant, now time.Time) error {
	if g.ID() == "" {
		return ErrNoGrant
	}
	if g.IssuedAt().Before(m.started) {
		return code.Wrap(ErrGrantTime, "it was issued before the start; decide again")
	}
	first, err := m.spent.Spend(ctx, g.ID(), g.Expires(), now)
	switch {
	case errors.Is(err, once.ErrFull):
		return ErrMemoryFull
	case errors.Is(err, once.ErrPast):
		return code.Wrap(ErrGrantTime, "grants of its time are forgotten; decide again")
	case err != nil:
		return ErrDeadline
	case !first:
		return ErrGrantSpent
	}
	return nil
}

// Len returns how many grants are remembered.
func (m *Memory) Len() int { return m.spent.Len() }
