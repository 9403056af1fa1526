package engine_test

import (
	"bytes"
	"fmt"
	"math/rand"
	"testing"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
)

// TestKeptTextsAreThoseOfTheDecisions: a module that keeps texts of decisions says what an
// engine says that joins and writes each.
func TestKeptTextsAreThoseOfTheDecisions(t *testing.T) {
	found, all := 0, 0
	for seed := range int64(150) {
		g := generator{rand.New(rand.NewSource(seed))}
		var list []string
		for i := range 1 + g.Intn(6) {
			list = append(list, g.rule(fmt.Sprint("R", i), seed%2 == 1))
		}
		e := compiled(t, g.head(seed%2 == 1, seed%3 == 0), list)
		e.Recall()
		var events []*engine.Event
		for range 30 {
			ev := g.event()
			if g.Intn(4) > 0 {
				ev.Guards = nil
				enginetest.With(ev, "card.status", "normal")
				enginetest.With(ev, "card.stage", "unblocked")
				enginetest.With(ev, "card.expired", false)
				enginetest.With(ev, "wallet.recommendation", g.of("approve", "decline", "none", "other"))
				enginetest.With(ev, "kind", g.of("authorize", "provision"))
			}
			events = append(events, ev)
		}
		for range 200 {
			ev, now := events[g.Intn(len(events))], enginetest.Now().Add(time.Duration(g.Intn(5000))*time.Millisecond)
			var got []byte
			if e.Recalls(func() { got = e.AppendDecision([]byte("x"), ev, now) }) {
				found++
			}
			want := e.Decide(ev, now).AppendJSON([]byte("x"))
			if !bytes.Equal(got, want) {
				t.Fatalf("seed %d: %s\ngot  %s\nwant %s", seed, ev.AppendJSON(nil), got, want)
			}
			all++
		}
	}
	if found < all/5 {
		t.Errorf("only %d of %d texts were there: the test proves little", found, all)
	}
	t.Logf("%d of %d", found, all)
}

// TestKeptTextsStandForFitEventsAlone: what cannot be judged by the pack's schema goes the
// long way, and leaves the short one open.
func TestKeptTextsStandForFitEventsAlone(t *testing.T) {
	e := compiled(t, "name: p\nversion: 1.0.0\ndefault: green\n", []string{"- id: R\n  effect: red\n  when: verify.cvv == \"fail\"\n  why: x\n"})
	e.Recall()
	clean := enginetest.CleanPush()
	for i, ev := range []*engine.Event{clean, nil, {}, clean, clean} {
		var got []byte
		recalled := e.Recalls(func() { got = e.AppendDecision(nil, ev, enginetest.Now()) })
		if want := e.Decide(ev, enginetest.Now()).AppendJSON(nil); !bytes.Equal(got, want) || i > 2 && !recalled {
			t.Errorf("%d, recalled %v:\ngot  %s\nwant %s", i, recalled, got, want)
		}
	}
}
