package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/store"
	"github.com/issuant/issuant/store/storetest"
)

// entry is as large as what a decided Pismo webhook leaves behind.
func entry(i int64, now time.Time) engine.Entry {
	s := engine.Sighting{
		Key:    fmt.Sprintf("pismo\x0098665386|%d|%064d", now.Unix(), i),
		Digest: fmt.Sprintf("%064d", i), Route: "pismo", IssuedAt: now,
	}
	rec := &engine.Record{
		At: now, Counterpart: "pismo", EventID: fmt.Sprintf("pismo/98665386/%d", i), DecisionID: fmt.Sprintf("%064d", i),
		PackID: fmt.Sprintf("%064d", 7), Decided: true, Outcome: rules.Yellow, ActionCode: "85", KeyID: fmt.Sprintf("%040d", 3),
		Rules:   []engine.RuleHit{{ID: "Y05_manual_entry", Version: "1"}, {ID: "Y14_cannot_assess", Version: "1"}},
		Reasons: []string{"MANUAL_ENTRY", "CANNOT_ASSESS"}, MessageDigest: s.Digest, Cost: 131, Micros: 250,
		Card: engine.Card{Ref: fmt.Sprintf("k1:%064d", i%5000)},
	}
	return engine.Entry{
		Record: rec, Sighting: &s, Until: now.Add(30 * time.Second),
		Answer: engine.Reply{Status: 200, ContentType: "application/json", Body: []byte(`{"approve":true,"action_code":"85","step_up_methods":[{"method":"OTPCALL","value":"+551130039500"},{"method":"OTPSMS","value":null}]}`)},
		Observed: &engine.Observation{
			ID: rec.EventID, Card: rec.Card.Ref, Device: fmt.Sprintf("k1:%064d", i%7000), Requestor: "40010030273", BIN: "411111",
			At: now, Observed: now, Attempt: true,
		},
	}
}

func BenchmarkCommit(b *testing.B) {
	for _, p := range places() {
		for _, d := range []store.Durability{store.Off, store.Batch, store.Always} {
			for _, senders := range []int{1, 16, 64} {
				b.Run(fmt.Sprintf("db=%s/durability=%s/senders=%d", p.name, d, senders), func(b *testing.B) { benchCommit(b, p.url(b), d, senders) })
			}
		}
	}
}

func benchCommit(b *testing.B, url string, d store.Durability, senders int) {
	s := open(b, url, store.Options{Durability: d, MaxWaiting: 4096, CommitTimeout: time.Minute})
	var n atomic.Int64
	now := enginetest.Now()
	b.SetParallelism(max(senders/2, 1))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			e := entry(i, now.Add(time.Duration(i)*time.Millisecond))
			first, _, err := s.Begin(context.Background(), *e.Sighting, e.Record.At)
			if err != nil || !first {
				b.Error(first, err)
				return
			}
			if err := s.Commit(context.Background(), e); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.StopTimer()
	st := s.Stats()
	b.ReportMetric(st.Batch.Sum/float64(max(st.Batch.Count, 1)), "entries/commit")
	b.ReportMetric(st.CommitTime.Sum/float64(max(st.CommitTime.Count, 1))*1e6, "us/commit")
	b.ReportMetric(float64(st.Bytes)/float64(max(st.Entries, 1)), "B/line")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	if size := size(url); size > 0 {
		s.Close()
		b.ReportMetric(size/float64(b.N), "B/entry")
	}
}

// size returns the bytes of an SQLite store.
func size(url string) float64 {
	var n int64
	for _, end := range []string{"", "-wal"} {
		if info, err := os.Stat(url + end); err == nil && filepath.IsAbs(url) {
			n += info.Size()
		}
	}
	return float64(n)
}

func BenchmarkFill(b *testing.B) {
	for _, p := range places() {
		b.Run("db="+p.name, func(b *testing.B) {
			s := open(b, p.url(b), store.Options{CompleteSince: storetest.Now().AddDate(-1, 0, 0)})
			ev := enginetest.CleanPush()
			for b.Loop() {
				if err := s.Fill(context.Background(), ev, storetest.Now()); err != nil || !ev.Has("vel.attempts_card_1h") {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOpen opens a store from which the window is filled again.
func BenchmarkOpen(b *testing.B) {
	const events = 1_000_000
	for _, p := range places() {
		b.Run(fmt.Sprintf("db=%s/events=%d", p.name, events), func(b *testing.B) {
			now := storetest.Now()
			url := p.url(b)
			s := open(b, url, store.Options{CommitTimeout: time.Minute, CompleteSince: now.AddDate(-1, 0, 0)})
			err := store.Seed(s, events, func(i int) *engine.Observation {
				o := entry(int64(i), now.Add(time.Duration(i-events)*15*time.Second)).Observed // half a year
				o.Card, o.Device = fmt.Sprintf("k1:%064d", i%300_000), fmt.Sprintf("k1:%064d", i%400_000)
				return o
			})
			if err != nil {
				b.Fatal(err)
			}
			s.Close()
			for b.Loop() {
				b.StopTimer()
				before := heap()
				b.StartTimer()
				s := open(b, url, store.Options{})
				b.StopTimer()
				if got := s.Stats().Window; got != events {
					b.Fatalf("%d events", got)
				}
				b.ReportMetric((heap()-before)/events, "heapB/event")
				s.Close()
				b.StartTimer()
			}
		})
	}
}

func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
