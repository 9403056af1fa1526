package engine

import (
	"fmt"
	"math/rand"
	"testing"
	"time"
)

// TestSumsAgreeWithWalking: what is summed up second by second is what a walk over
// the attempts counts, whatever came late, was corrected or was let go.
func TestSumsAgreeWithWalking(t *testing.T) {
	seeds := int64(200)
	if testing.Short() {
		seeds = 20
	}
	summed := 0
	for seed := range seeds {
		r := rand.New(rand.NewSource(seed))
		w := newTestWindow(t, WindowOptions{TrustedComplete: true, Max: []int{0, 60}[r.Intn(2)]})
		span := []time.Duration{3 * time.Second, time.Minute, 25 * time.Minute}[r.Intn(3)]
		step := []time.Duration{1, 250 * time.Millisecond, time.Second}[r.Intn(3)]
		instant := func() time.Time {
			return testNow.Add(-time.Duration(r.Int63n(int64(span)))).Truncate(step)
		}
		for range 150 {
			at := instant()
			o := Observation{
				ID: fmt.Sprint("e", r.Intn(100)), Card: []string{"", "c1", "c2", "c3", "c4"}[r.Intn(5)], Requestor: []string{"q1", "q2"}[r.Intn(2)],
				BIN: []string{"b1", "b2", ""}[r.Intn(3)], At: at, Observed: at, Attempt: r.Intn(10) > 0, Failure: r.Intn(3) == 0,
			}
			if r.Intn(3) == 0 {
				o.Observed = instant().Add(time.Minute)
			}
			w.Add(o)
			if r.Intn(30) == 0 {
				w.Forget(instant())
			}
			summed += compareSums(t, w, r, instant())
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if summed < 1000 {
		t.Errorf("only %d windows were summed", summed)
	}
}

func compareSums(t *testing.T, w *Window, r *rand.Rand, at time.Time) (summed int) {
	t.Helper()
	for k, b := range w.index {
		if b.sums == nil {
			continue
		}
		q := &question{id: []string{"", fmt.Sprint("e", r.Intn(100))}[r.Intn(2)], at: nano(at)}
		length := []time.Duration{time.Second, 10 * time.Minute}[r.Intn(2)]
		want := newTally()
		q.each(b, length, func(o *observation) { want.add(o, nil, nil) })
		got, ok := w.reckon(b, q, length)
		if !ok {
			continue
		}
		summed++
		cards := got.moreCards
		if k.field != byRequestor {
			cards = int64(len(want.cards))
		}
		if got.attempts != want.attempts || got.failures != want.failures || cards != int64(len(want.cards)) {
			t.Errorf("%v at %v over %v, for %q: %d attempts, %d failures, %d cards; want %d, %d, %d",
				k, at, length, q.id, got.attempts, got.failures, cards, want.attempts, want.failures, len(want.cards))
		}
	}
	return summed
}

// TestSumsForgetOldCorrections: beyond the bound a window is walked, not guessed.
func TestSumsForgetOldCorrections(t *testing.T) {
	w := newTestWindow(t, WindowOptions{TrustedComplete: true})
	for i := range maxCorrected + 100 {
		at := testNow.Add(time.Duration(i) * time.Millisecond)
		w.Add(Observation{ID: fmt.Sprint(i), Card: "c", Requestor: "q", At: at, Observed: at, Attempt: true})
		w.Add(Observation{ID: fmt.Sprint(i), Card: "d", Requestor: "q", At: at, Observed: at.Add(time.Hour), Attempt: true})
	}
	b := w.index[windowKey{byRequestor, "q"}]
	if len(w.corrected) != maxCorrected {
		t.Errorf("%d corrections", len(w.corrected))
	}
	if _, ok := w.reckon(b, &question{at: nano(testNow.Add(time.Hour))}, 10*time.Minute); ok {
		t.Error("summed what was forgotten")
	}
	end := testNow.Add(time.Hour + time.Minute)
	if got, ok := w.reckon(b, &question{at: nano(end)}, 2*time.Hour); !ok || got.moreCards != 1 || got.attempts != maxCorrected+100 {
		t.Errorf("%v %+v", ok, got)
	}
}

func BenchmarkWindowFill(b *testing.B) {
	for _, n := range []int{1_000, 300_000} {
		b.Run(fmt.Sprintf("attempts=%d/minutes=10", n), func(b *testing.B) {
			w := newTestWindow(b, WindowOptions{TrustedComplete: true})
			for i := range n {
				at := testNow.Add(-time.Duration(i) * 10 * time.Minute / time.Duration(n))
				w.Add(Observation{ID: fmt.Sprint(i), Card: fmt.Sprint("c", i), Device: fmt.Sprint("d", i), Requestor: "q", BIN: "411111", At: at, Observed: at, Attempt: true})
			}
			ev := past(b, "now", 0)
			b.ReportAllocs()
			for b.Loop() {
				w.Fill(ev, testNow)
			}
			if got := ev.Get("vel.cards_requestor_10m"); got != int64(n-1) {
				b.Fatalf("%v cards", got)
			}
		})
	}
}
