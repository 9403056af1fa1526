package server

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/store"
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
		longest = max(longest, p.OldestAge()+2*p.Skew)
	}
	if p := c.Provision; p != nil {
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
func openKeeper(ctx context.Context, c *config.Config, start time.Time) (Keeper, error) {
	if c.Store == config.MemoryStore {
		return newMemoryKeeper(c, start)
	}
	opt, err := storeOptions(c)
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, c.Store, opt)
}

func storeOptions(c *config.Config) (store.Options, error) {
	durability, err := store.ParseDurability(c.Durability)
	return store.Options{Durability: durability, Keep: keep(c), Retain: c.Retain, Card: cardForm(c)}, err
}

// storeFault places what is wrong with the URL, the options or the file of a store;
// false when the store itself failed.
func storeFault(c *config.Config, err error) ([]config.Fault, bool) {
	if !errors.Is(err, store.ErrConfig) {
		return nil, false
	}
	msg := strings.TrimPrefix(err.Error(), store.ErrConfig.Error()+": ")
	return []config.Fault{{Place: c.Place("store"), Key: "store", Msg: msg}}, true
}

// checkStore looks at the file of a store that is there already; what is elsewhere is
// not asked.
func checkStore(c *config.Config) []config.Fault {
	path := strings.TrimPrefix(c.Store, "sqlite:")
	if c.Store == config.MemoryStore || strings.Contains(c.Store, "://") {
		return nil
	}
	if _, err := os.Stat(path); err != nil {
		return nil // it will be made
	}
	opt, err := storeOptions(c)
	if err != nil {
		return []config.Fault{{Place: c.Place("durability"), Key: "durability", Msg: err.Error()}}
	}
	opt.ReadOnly = true
	ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
	defer cancel()
	k, err := store.Open(ctx, c.Store, opt)
	if err == nil {
		_ = k.Close() // it was only read
		return nil
	}
	if faults, ok := storeFault(c, err); ok {
		return faults
	}
	return []config.Fault{{Place: c.Place("store"), Key: "store", Msg: err.Error()}}
}

// openTimeout bounds the opening of a store.
const openTimeout = 30 * time.Second
