package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/engine"
)

// Keeper is what the server keeps its memory in.
type Keeper interface {
	engine.Ledger
	// Fill counts the velocity facts of ev at the instant at.
	Fill(ctx context.Context, ev *engine.Event, at time.Time) error
	// Head returns the end of the chain of records.
	Head(ctx context.Context) (engine.Chain, error)
	// Health tells why nothing can be kept, nil when it can.
	Health(ctx context.Context) error
	// Close commits what waits.
	Close() error
}

// cardForm is the form in which records name cards.
func cardForm(c *config.Config) engine.CardForm {
	if c.Card == "bin" {
		return engine.CardBIN
	}
	return engine.CardRef
}

// keep is for how long messages must be remembered: for the counterpart that accepts
// the oldest ones.
func keep(c *config.Config) time.Duration {
	longest := engine.DefaultKeep
	for _, p := range c.Counterparts {
		longest = max(longest, p.MaxAge+2*p.Skew)
	}
	return longest
}

// memoryKeeper forgets everything when the process ends.
type memoryKeeper struct {
	*engine.ProcessLedger
	memory  *engine.ProcessMemory
	journal *engine.Journal
	window  *engine.Window
}

// newMemoryKeeper counts as complete what comes from start on.
func newMemoryKeeper(c *config.Config, start time.Time) (*memoryKeeper, error) {
	memory, err := engine.NewMemory(engine.MemoryOptions{Keep: keep(c)})
	if err != nil {
		return nil, err
	}
	journal, err := engine.NewJournal(io.Discard, engine.JournalOptions{Card: cardForm(c)})
	if err != nil {
		return nil, err
	}
	window, err := engine.NewWindow(engine.WindowOptions{CompleteSince: start})
	if err != nil {
		return nil, err
	}
	ledger, err := engine.NewLedger(engine.LedgerOptions{Memory: memory, Journal: journal, Window: window})
	if err != nil {
		return nil, err
	}
	return &memoryKeeper{ledger, memory, journal, window}, nil
}

// Fill implements Keeper.
func (k *memoryKeeper) Fill(_ context.Context, ev *engine.Event, at time.Time) error {
	k.window.Fill(ev, at)
	return nil
}

// Head implements Keeper.
func (k *memoryKeeper) Head(context.Context) (engine.Chain, error) { return k.journal.Chain(), nil }

// Health implements Keeper.
func (k *memoryKeeper) Health(context.Context) error { return k.journal.Err() }

// Close implements Keeper.
func (k *memoryKeeper) Close() error { return nil }

// openKeeper opens what the configuration names as its store.
func openKeeper(_ context.Context, c *config.Config, start time.Time) (Keeper, error) {
	if c.Store == config.MemoryStore {
		return newMemoryKeeper(c, start)
	}
	return nil, fmt.Errorf("store %q: this build keeps records in memory alone", c.Store)
}

// Misconfigured tells whether a store was not opened because of its URL, its options
// or the permissions of its file, which are the operator's to change.
func Misconfigured(err error) bool { return errors.Is(err, engine.ErrConfig) }
