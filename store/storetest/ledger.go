package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
)

// Bounds are what a ledger of the suite is opened with.
type Bounds struct {
	Keep time.Duration // 0: the default
	Max  int           // 0: the default
}

// Now is the instant at which the suite's messages are issued.
func Now() time.Time { return enginetest.Now() }

// Sighting returns a message that was issued at that instant.
func Sighting(key string, issued time.Time) engine.Sighting {
	return engine.Sighting{Key: key, Digest: "d-" + key, Route: "r", IssuedAt: issued}
}

// Entry returns what answering that message at the instant now leaves behind;
// copies get the answer for ten seconds.
func Entry(s engine.Sighting, now time.Time, answer string) engine.Entry {
	return engine.Entry{
		Record:   &engine.Record{At: now, Counterpart: "suite", Decided: true, EventID: "event-" + s.Key, DecisionID: "decision-" + s.Key, ActionCode: "00"},
		Sighting: &s,
		Answer:   engine.Reply{Status: 200, ContentType: "text/plain", Body: []byte(answer)},
		Until:    now.Add(10 * time.Second),
	}
}

// RunLedger holds a ledger against the contract of engine.Ledger. open returns a
// new, empty one.
func RunLedger(t *testing.T, open func(*testing.T, Bounds) engine.Ledger) {
	for name, claim := range map[string]func(*testing.T, func(*testing.T, Bounds) engine.Ledger){
		"CopiesGetTheAnswer":              copiesGetTheAnswer,
		"OtherBytesOrRoutesAreReplays":    othersAreReplays,
		"TwinsHaveOneEffect":              twinsHaveOneEffect,
		"AForgottenMessageMayComeAgain":   forgottenComesAgain,
		"ACopyWaitsOnlyAsLongAsItMay":     copyRespectsContext,
		"AFullLedgerNeverForgetsSilently": fullNeverForgets,
		"WhatIsTooOldStaysRefused":        oldStaysRefused,
		"ARecordMayStandAlone":            recordAlone,
		"ForgetComesTooLateAfterCommit":   forgetTooLate,
		"ManyAtOnce":                      manyAtOnce,
	} {
		t.Run(name, func(t *testing.T) { claim(t, open) })
	}
}

// begin asks without waiting for copies.
func begin(l engine.Ledger, s engine.Sighting, now time.Time) (bool, engine.Reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return l.Begin(ctx, s, now)
}

func mustFirst(t *testing.T, l engine.Ledger, s engine.Sighting, now time.Time) {
	t.Helper()
	if first, _, err := begin(l, s, now); !first || err != nil {
		t.Fatalf("%s: first %v, %v", s.Key, first, err)
	}
}

func mustCommit(t *testing.T, l engine.Ledger, e engine.Entry) {
	t.Helper()
	if err := l.Commit(context.Background(), e); err != nil {
		t.Fatal(err)
	}
}

func copiesGetTheAnswer(t *testing.T, open func(*testing.T, Bounds) engine.Ledger) {
	l, s, now := open(t, Bounds{}), Sighting("a", Now()), Now()
	mustFirst(t, l, s, now)
	mustCommit(t, l, Entry(s, now, "x"))
	for _, at := range []time.Time{now, now.Add(-time.Hour), now.Add(10 * time.Second)} {
		if first, got, err := begin(l, s, at); first || err != nil || got.Status != 200 || got.ContentType != "text/plain" || string(got.Body) != "x" {
			t.Errorf("at %v: %v %+v %v", at, first, got, err)
		}
	}
	if first, _, err := begin(l, s, now.Add(10*time.Second+1)); first || !errors.Is(err, engine.ErrReplayed) {
		t.Errorf("after its end: %v %v", first, err)
	}
}

func othersAreReplays(t *testing.T, open func(*testing.T, Bounds) engine.Ledger) {
	l, s := open(t, Bounds{}), Sighting("a", Now())
	mustFirst(t, l, s, Now())
	other, route := s, s
	other.Digest, route.Route = "e", "q"
	for range 2 { // while it is being answered, and afterwards
		for _, c := range []engine.Sighting{other, route} {
			if first, _, err := begin(l, c, Now()); first || !errors.Is(err, engine.ErrReplayed) {
				t.Errorf("%+v: %v %v", c, first, err)
			}
		}
		if l.Commit(context.Background(), Entry(s, Now(), "x")) != nil {
			break
		}
	}
}

func twinsHaveOneEffect(t *testing.T, open func(*testing.T, Bounds) engine.Ledger) {
	l := open(t, Bounds{})
	for round := range 20 {
		s := Sighting(fmt.Sprint("twin", round), Now())
		var effects atomic.Int32
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				first, got, err := begin(l, s, Now())
				if first {
					effects.Add(1)
					err, got.Body = l.Commit(context.Background(), Entry(s, Now(), fmt.Sprint("by ", round))), fmt.Append(nil, "by ", round)
				}
				if err != nil || string(got.Body) != fmt.Sprint("by ", round) {
					t.Errorf("twin %d: %q %v", i, got.Body, err)
				}
			})
		}
		wg.Wait()
		if effects.Load() != 1 {
			t.Fatalf("%d effects", effects.Load())
		}
	}
}

func forgottenComesAgain(t *testing.T, open func(*testing.T, Bounds) engine.Ledger) {
	l, s := open(t, Bounds{}), Sighting("a", Now())
	mustFirst(t, l, s, Now())
	took := make(chan error)
	go func() {
		first, _, err := begin(l, s, Now())
		if err == nil && first {
			err = l.Commit(context.Background(), Entry(s, Now(), "second"))
		}
		took <- err
	}()
	l.Forget("a")
	if err := <-took; err != nil {
		t.Fatal(err)
	}
	if first, got, err := begin(l, s, Now()); first || err != nil || string(got.Body) != "second" {
		t.Errorf("%v %s %v", first, got.Body, err)
	}
	l.Forget("unknown")
}

func copyRespectsContext(t *testing.T, open func(*testing.T, Bounds) engine.Ledger) {
	l, s := open(t, Bounds{}), Sighting("a", Now())
	mustFirst(t, l, s, Now())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if first, _, err := l.Begin(ctx, s, Now()); first || !errors.Is(err, context.Canceled) {
		t.Errorf("%v %v", first, err)
	}
	l.Forget("a")
}

func fullNeverForgets(t *testing.T, open func(*testing.T, Bounds) engine.Ledger) {
	l := open(t, Bounds{Max: 16})
	effects := map[string]int{}
	try := func(i int) error {
		s := Sighting(fmt.Sprint("m", i), Now().Add(time.Duration(i)*time.Second))
		first, _, err := begin(l, s, Now())
		if first {
			effects[s.Key]++
			err = l.Commit(context.Background(), Entry(s, Now(), "x"))
		}
		return err
	}
	for i := range 60 {
		if err := try(i); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	stale := 0
	for i := range 60 {
		if errors.Is(try(i), engine.ErrStale) {
			stale++
		}
	}
	for key, n := range effects {
		if n != 1 {
			t.Errorf("%s had %d effects", key, n)
		}
	}
	if stale != 60-16 {
		t.Errorf("%d messages are stale, want %d", stale, 60-16)
	}
}

func oldStaysRefused(t *testing.T, open func(*testing.T, Bounds) engine.Ledger) {
	l := open(t, Bounds{Keep: time.Minute})
	s := Sighting("a", Now())
	mustFirst(t, l, s, Now())
	mustCommit(t, l, Entry(s, Now(), "x"))
	later := Now().Add(time.Hour) // the clock jumps, and is set back
	next := Sighting("b", later)
	mustFirst(t, l, next, later)
	mustCommit(t, l, Entry(next, later, "y"))
	if first, _, err := begin(l, s, Now()); first || !errors.Is(err, engine.ErrStale) {
		t.Errorf("a message came to life again: %v %v", first, err)
	}
	fresh := Sighting("c", Now().Add(time.Second))
	mustFirst(t, l, fresh, Now().Add(time.Second))
	l.Forget("c")
}

func recordAlone(t *testing.T, open func(*testing.T, Bounds) engine.Ledger) {
	l := open(t, Bounds{})
	mustCommit(t, l, engine.Entry{Record: &engine.Record{At: Now(), Counterpart: "suite", Refusal: "signature"}})
	if l.Keep() <= 0 {
		t.Errorf("it keeps for %v", l.Keep())
	}
}

func forgetTooLate(t *testing.T, open func(*testing.T, Bounds) engine.Ledger) {
	l, s := open(t, Bounds{}), Sighting("a", Now())
	mustFirst(t, l, s, Now())
	mustCommit(t, l, Entry(s, Now(), "x"))
	l.Forget("a")
	if first, got, err := begin(l, s, Now()); first || err != nil || string(got.Body) != "x" {
		t.Errorf("%v %s %v", first, got.Body, err)
	}
}

func manyAtOnce(t *testing.T, open func(*testing.T, Bounds) engine.Ledger) {
	l := open(t, Bounds{})
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 25 {
				s := Sighting(fmt.Sprint("many", g, "/", i), Now())
				first, _, err := begin(l, s, Now())
				if !first || err != nil {
					t.Errorf("%v %v", first, err)
					return
				}
				if err := l.Commit(context.Background(), Entry(s, Now(), s.Key)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	for g := range 16 {
		s := Sighting(fmt.Sprint("many", g, "/", 7), Now())
		if _, got, err := begin(l, s, Now()); err != nil || string(got.Body) != s.Key {
			t.Errorf("%s: %q %v", s.Key, got.Body, err)
		}
	}
}
