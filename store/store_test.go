package store_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/store"
	"github.com/issuant/issuant/store/storetest"
)

func Example() {
	dir, err := os.MkdirTemp("", "issuant")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	s, err := store.Open(ctx, filepath.Join(dir, "issuant.db"), store.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()

	// What a gate does with a message: ask, decide, commit.
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	message := engine.Sighting{Key: "key of the message", Digest: "digest of its body", Route: "pismo", IssuedAt: now}
	first, _, err := s.Begin(ctx, message, now)
	if err != nil || !first {
		log.Fatal(err)
	}
	err = s.Commit(ctx, engine.Entry{
		Record:   &engine.Record{At: now, Counterpart: "pismo", Decided: true, ActionCode: "00"},
		Sighting: &message,
		Answer:   engine.Reply{Status: 200, ContentType: "application/json", Body: []byte(`{"approve":true}`)},
		Until:    now.Add(30 * time.Second),
	})
	if err != nil {
		log.Fatal(err)
	}
	first, answer, err := s.Begin(ctx, message, now.Add(time.Second)) // a retry
	fmt.Println(first, string(answer.Body), err)
	end, err := s.Verify(ctx)
	fmt.Println(end.Seq, err)
	// Output:
	// false {"approve":true} <nil>
	// 1 <nil>
}

// place is where stores are opened.
type place struct {
	name string
	url  func(testing.TB) string // of a new, empty store
}

func places() []place {
	return []place{
		{"sqlite", func(tb testing.TB) string { return filepath.Join(tb.TempDir(), "state", "issuant.db") }},
		{"postgres", storetest.PostgresURL},
	}
}

func everywhere(t *testing.T, f func(t *testing.T, url string)) {
	for _, p := range places() {
		t.Run(p.name, func(t *testing.T) { f(t, p.url(t)) })
	}
}

func open(tb testing.TB, url string, opt store.Options) store.Store {
	tb.Helper()
	if opt.CommitTimeout == 0 {
		opt.CommitTimeout = time.Minute // a busy machine is no failure
	}
	s, err := store.Open(context.Background(), url, opt)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

func TestEveryLedgerKeepsTheContract(t *testing.T) {
	t.Run("process", func(t *testing.T) {
		storetest.RunLedger(t, func(t *testing.T, b storetest.Bounds) engine.Ledger {
			m, err := engine.NewMemory(engine.MemoryOptions{Keep: b.Keep, Max: b.Max})
			if err != nil {
				t.Fatal(err)
			}
			j, err := engine.NewJournal(&bytes.Buffer{}, engine.JournalOptions{})
			if err != nil {
				t.Fatal(err)
			}
			l, err := engine.NewLedger(engine.LedgerOptions{Memory: m, Journal: j})
			if err != nil {
				t.Fatal(err)
			}
			return l
		})
	})
	for _, p := range places() {
		for _, d := range []store.Durability{store.Batch, store.Always, store.Off} {
			t.Run(p.name+"/"+d.String(), func(t *testing.T) {
				storetest.RunLedger(t, func(t *testing.T, b storetest.Bounds) engine.Ledger {
					s := open(t, p.url(t), store.Options{Keep: b.Keep, Max: b.Max, Durability: d})
					t.Cleanup(func() {
						if _, err := s.Verify(context.Background()); err != nil {
							t.Error(err)
						}
					})
					return s
				})
			})
		}
	}
}
