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
		r := engine.NewRecaller(e)
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
			got, want := r.AppendDecision([]byte("x"), ev, now), e.Decide(ev, now).AppendJSON([]byte("x"))
			if !bytes.Equal(got, want) {
				t.Fatalf("seed %d: %s\ngot  %s\nwant %s", seed, ev.AppendJSON(nil), got, want)
			}
			all++
		}
		found += r.Found
	}
	if found < all/5 {
		t.Errorf("only %d of %d texts were there: the test proves little", found, all)
	}
	t.Logf("%d of %d", found, all)
}

func TestKeptTextsStandForFitEventsAlone(t *testing.T) {
	e := compiled(t, "name: p\nversion: 1.0.0\ndefault: green\n", []string{alwaysError})
	r := engine.NewRecaller(e)
	for _, ev := range []*engine.Event{nil, {}, enginetest.CleanPush(), nil} {
		got, want := r.AppendDecision(nil, ev, enginetest.Now()), e.Decide(ev, enginetest.Now()).AppendJSON(nil)
		if !bytes.Equal(got, want) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
