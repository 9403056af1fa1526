package engine_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/provision/applepay"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
)

var _ applepay.Nonces = (*engine.LedgerNonces)(nil)

// durable stands for a ledger that outlives the process.
type durable struct{ engine.Ledger }

func (durable) Durable() bool { return true }

// TestALedgerRemembersNonces: once, for as long as it keeps messages, whoever comes when.
func TestALedgerRemembersNonces(t *testing.T) {
	now, ctx := enginetest.Now(), context.Background()
	var lines bytes.Buffer
	journal, err := engine.NewJournal(&lines, engine.JournalOptions{})
	ok(t, journal, err)
	memory, err := engine.NewMemory(engine.MemoryOptions{Keep: time.Hour})
	ok(t, memory, err)
	ledger, err := engine.NewLedger(engine.LedgerOptions{Memory: memory, Journal: journal})
	ok(t, ledger, err)
	nonces, err := engine.NoncesIn(durable{ledger}, "apple")
	ok(t, nonces, err)
	spend := func(key string, after time.Duration) bool {
		first, err := nonces.Spend(ctx, key, now.Add(after+time.Hour), now.Add(after))
		if err != nil {
			t.Errorf("%s: %v", key, err)
		}
		return first
	}
	var firsts atomic.Int64
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			if spend("applepay:9c023092", time.Duration(i%2)*time.Second) {
				firsts.Add(1)
			}
		})
	}
	all.Wait()
	if firsts.Load() != 1 {
		t.Errorf("%d firsts", firsts.Load())
	}
	if spend("applepay:9c023092", 59*time.Minute) || !spend("applepay:00000001", time.Minute) {
		t.Error("a nonce is forgotten, or another is taken for it")
	}
	if text := lines.String(); strings.Count(text, "\n") != 2 || strings.Contains(text, "9c023092") || !strings.Contains(text, `"reasons":["NONCE_SPENT"]`) || !strings.Contains(text, `"counterpart":"apple"`) {
		t.Errorf("records: %s", text)
	}
	if first, err := nonces.Spend(ctx, "x", now.Add(2*time.Hour), now); !errors.Is(err, engine.ErrConfig) || first {
		t.Errorf("longer than the ledger keeps: %v", err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if first, err := nonces.Spend(canceled, "applepay:00000001", now, now); first {
		t.Errorf("a caller that gave up: %v", err)
	}
	for what, make := range map[string]func() (*engine.LedgerNonces, error){
		"no ledger":   func() (*engine.LedgerNonces, error) { return engine.NoncesIn(nil, "apple") },
		"not durable": func() (*engine.LedgerNonces, error) { return engine.NoncesIn(ledger, "apple") },
		"no name":     func() (*engine.LedgerNonces, error) { return engine.NoncesIn(durable{ledger}, "") },
	} {
		if n, err := make(); !errors.Is(err, engine.ErrConfig) || n != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
