package store_test

import (
	"errors"
	"fmt"
	"math/rand"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/store"
	"github.com/issuant/issuant/store/storetest"
)

// entryEvent is an event with the references of entry(i).
func entryEvent(i int64) *engine.Event {
	return enginetest.With(engine.NewEvent(rules.EventV1()), "id", "question", "card.ref", fmt.Sprintf("k1:%064d", i%5000),
		"device.ref", fmt.Sprintf("k1:%064d", i%7000), "token.requestor_id", "40010030273", "card.bin", "411111")
}

func velocities(ev *engine.Event) map[string]any {
	out := map[string]any{}
	for i := range ev.Schema().Len() {
		if name := ev.Schema().Field(i).Name; strings.HasPrefix(name, "vel.") && ev.At(i) != nil {
			out[name] = ev.At(i)
		}
	}
	return out
}

// TestAStoreCountsAsAWindowDoes: over the life of several processes, with
// corrections and late observations, packed and unpacked.
func TestAStoreCountsAsAWindowDoes(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		now := storetest.Now()
		opt := store.Options{CompleteSince: now.AddDate(-1, 0, 0), MaxWaiting: 10000}
		w, err := engine.NewWindow(engine.WindowOptions{CompleteSince: opt.CompleteSince})
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewSource(1))
		s := open(t, url, opt)
		n := int64(0)
		batch := func(size int) {
			var wg sync.WaitGroup
			for range size {
				n++
				e := entry(n, now.Add(time.Duration(n)*time.Millisecond))
				o := e.Observed
				o.ID, o.Card, o.Device = fmt.Sprint("e", r.Intn(100000)), fmt.Sprintf("k1:%064d", r.Intn(20)), fmt.Sprintf("k1:%064d", r.Intn(20))
				o.At = o.Observed.Add(-time.Duration(r.Int63n(int64(24 * time.Hour))))
				o.Failure = r.Intn(3) == 0
				w.Add(*o)
				wg.Go(func() {
					if err := s.Commit(bg, e); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		check := func(when string) {
			t.Helper()
			for i := range int64(20) {
				mine, want := entryEvent(i), entryEvent(i)
				at := now.Add(time.Duration(n) * time.Millisecond)
				w.Fill(want, at)
				if err := s.Fill(bg, mine, at); err != nil || !reflect.DeepEqual(velocities(mine), velocities(want)) || len(velocities(mine)) < 10 {
					t.Fatalf("%s, card %d: %v\ngot  %v\nwant %v", when, i, err, velocities(mine), velocities(want))
				}
			}
		}
		batch(300)
		check("unpacked")
		for range (store.LooseRows + 3*store.PackRows) / 500 {
			batch(500)
		}
		store.Maintain(s)
		check("packed")
		if store.Count(s, "segments") < 2 || store.Count(s, "observations") > store.LooseRows+store.PackRows {
			t.Errorf("%d segments, %d observations", store.Count(s, "segments"), store.Count(s, "observations"))
		}
		s.Close()
		s = open(t, url, store.Options{})
		check("after a restart")
		batch(100)
		check("and afterwards")
	})
}

func TestProcessesShareWhatTheyCount(t *testing.T) {
	url := storetest.PostgresURL(t)
	now := storetest.Now()
	opt := store.Options{CompleteSince: now.AddDate(-1, 0, 0), CommitTimeout: time.Minute}
	a, b := open(t, url, opt), open(t, url, opt)
	idle := open(t, url, opt) // follows only after much was packed
	stores := []store.Store{a, b}
	count := func(s store.Store, at time.Time) any {
		t.Helper()
		ev := entryEvent(1)
		if err := s.Fill(bg, ev, at); err != nil {
			t.Fatal(err)
		}
		return ev.Get("vel.attempts_card_24h")
	}
	for i := range int64(40) {
		e := entry(i, now.Add(time.Duration(i)*time.Second))
		e.Observed.Card = entry(1, now).Observed.Card
		if err := stores[i%2].Commit(bg, e); err != nil {
			t.Fatal(err)
		}
		for k, s := range stores {
			if got := count(s, now.Add(time.Hour)); got != i+1 {
				t.Fatalf("after %d commits process %d counts %v", i+1, k, got)
			}
		}
	}
	var wg sync.WaitGroup
	for g := range int64(50) {
		wg.Go(func() {
			for i := range int64((store.LooseRows + 4*store.PackRows) / 50) {
				e := entry(1000+g*1000+i, now.Add(time.Minute))
				if err := stores[g%2].Commit(bg, e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	store.Maintain(a)
	store.Maintain(b)
	if store.Count(a, "segments") == 0 {
		t.Error("nothing was packed")
	}
	want := count(a, now.Add(time.Hour))
	if got := count(idle, now.Add(time.Hour)); got != want {
		t.Errorf("one that followed late counts %v, want %v", got, want)
	}
}

// TestADatabaseThatWasSetBackIsNotCountedWith: as after a fail-over to a replica
// that had not followed.
func TestADatabaseThatWasSetBackIsNotCountedWith(t *testing.T) {
	url := storetest.PostgresURL(t)
	s := open(t, url, store.Options{CompleteSince: storetest.Now().AddDate(-1, 0, 0)})
	for i := range int64(5) {
		put(t, s, i, storetest.Now())
	}
	ev := entryEvent(1)
	if err := s.Fill(bg, ev, storetest.Now().Add(time.Hour)); err != nil || !ev.Has("vel.attempts_card_24h") {
		t.Fatal(err)
	}
	for _, sql := range []string{`DELETE FROM observations WHERE seq > 3`, `DELETE FROM records WHERE seq > 3`, `UPDATE head SET seq = 3`} {
		if err := store.Run(s, sql); err != nil {
			t.Fatal(err)
		}
	}
	ev = entryEvent(1)
	if err := s.Fill(bg, ev, storetest.Now().Add(time.Hour)); !errors.Is(err, store.ErrDamaged) || ev.Has("vel.attempts_card_24h") {
		t.Errorf("%v, %v attempts", err, ev.Get("vel.attempts_card_24h"))
	}
}
