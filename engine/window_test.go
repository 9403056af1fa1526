package engine

import (
	"errors"
	"fmt"
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/issuant/issuant/rules"
)

func newTestWindow(t testing.TB, opt WindowOptions) *Window {
	t.Helper()
	w, err := NewWindow(opt)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// past is an attempt some time before testNow.
func past(t testing.TB, id string, ago time.Duration, change ...any) *Event {
	t.Helper()
	e := NewEvent(rules.EventV1())
	all := append([]any{
		"id", id, "at", testNow.Add(-ago), "kind", "authorize", "card.ref", "c", "card.bin", "411111", "device.ref", "d",
		"holder.ref", "h", "token.requestor_id", "q",
	}, change...)
	for i := 0; i < len(all); i += 2 {
		if e.Unset(all[i].(string)); all[i+1] != nil {
			if err := e.Set(all[i].(string), all[i+1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	return e
}

// vel returns the facts that the window sets, by their names without group.
func vel(e *Event) map[string]any {
	out := map[string]any{}
	for i := range e.Schema().Len() {
		if name, ok := strings.CutPrefix(e.Schema().Field(i).Name, "vel."); ok && e.At(i) != nil {
			out[name] = e.At(i)
		}
	}
	return out
}

func observeAll(t testing.TB, w *Window, events ...*Event) {
	t.Helper()
	for _, e := range events {
		if err := w.Observe(e, e.Get("at").(time.Time)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWindowCountsWhatItsDefinitionsSay(t *testing.T) {
	w := newTestWindow(t, WindowOptions{TrustedComplete: true})
	guarded := past(t, "g", 3*time.Minute, "card.ref", "c3", "holder.ref", nil)
	guarded.Guards = []Guard{{Code: "PFT", Outcome: rules.Red, ActionCode: "05"}}
	warned := past(t, "y", 4*time.Minute, "card.ref", "c4", "token.requestor_id", "other")
	warned.Guards = []Guard{{Code: "BNB", Outcome: rules.Yellow}}
	observeAll(t, w, guarded, warned,
		past(t, "1", time.Minute, "verify.cvv", "fail"),
		past(t, "2", 2*time.Hour, "device.ref", "d2", "holder.ref", "h2"),
		past(t, "3", 2*time.Hour+1, "device.ref", "d2"),
		past(t, "4", 25*time.Hour, "verify.cvv", "fail"),
		past(t, "5", 31*day, "device.ref", "d5"),
		past(t, "6", 32*day, "device.ref", "d5"),
		past(t, "7", 5*time.Minute, "kind", "notification", "verify.cvv", "fail"),
		past(t, "8", 6*time.Minute, "card.ref", "c8", "holder.ref", "h8", "card.bin", "522222", "wallet.recommendation", "decline"),
	)
	ev := past(t, "now", 0)
	w.Fill(ev, testNow)
	want := map[string]any{
		"attempts_card_1h": int64(1), "attempts_card_24h": int64(3), "attempts_card_device_72h": int64(2), "devices_card_30d": int64(2),
		"cards_device_24h": int64(4), "names_device_30d": int64(2), "readds_card_30d": int64(2), "readds_card_180d": int64(3),
		"cvv_fail_card_24h": int64(1), "declines_device_24h": int64(3), "cards_requestor_10m": int64(3), "decline_rate_bin_10m": 2.0 / 3,
	}
	if got := vel(ev); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestWindowIsHalfOpenAndLeavesTheEventOut(t *testing.T) {
	for _, tc := range []struct {
		id   string
		ago  time.Duration
		want int64
	}{{"a", time.Hour, 1}, {"a", time.Hour + 1, 0}, {"a", 1, 1}, {"a", 0, 0}, {"a", -1, 0}, {"now", time.Minute, 0}} {
		w := newTestWindow(t, WindowOptions{TrustedComplete: true})
		if err := w.Observe(past(t, tc.id, tc.ago), testNow.Add(-time.Hour*2)); err != nil {
			t.Fatal(err)
		}
		ev := past(t, "now", 0)
		w.Fill(ev, testNow)
		if got := ev.Get("vel.attempts_card_1h"); got != tc.want {
			t.Errorf("event %s, %v ago: %v, want %d", tc.id, tc.ago, got, tc.want)
		}
	}
}

func TestWindowLetsNoLateEventLeak(t *testing.T) {
	w := newTestWindow(t, WindowOptions{TrustedComplete: true})
	w.Observe(past(t, "late", 30*time.Minute), testNow.Add(1))
	for at, want := range map[time.Time]int64{testNow: 0, testNow.Add(1): 1} {
		ev := past(t, "now", 0)
		w.Fill(ev, at)
		if got := ev.Get("vel.attempts_card_1h"); got != want {
			t.Errorf("at %v: %v, want %d", at, got, want)
		}
	}
}

func TestWindowTakesCorrections(t *testing.T) {
	w := newTestWindow(t, WindowOptions{TrustedComplete: true})
	w.Observe(past(t, "a", 30*time.Minute, "verify.cvv", "fail"), testNow.Add(-30*time.Minute))
	w.Observe(past(t, "a", 30*time.Minute, "verify.cvv", "match"), testNow.Add(-10*time.Minute))
	for ago, want := range map[time.Duration]int64{11 * time.Minute: 1, 10 * time.Minute: 0, 0: 0} {
		ev := past(t, "now", 0)
		w.Fill(ev, testNow.Add(-ago))
		if got := ev.Get("vel.cvv_fail_card_24h"); got != want || ev.Get("vel.attempts_card_24h") != int64(1) {
			t.Errorf("%v ago: %v failures of %v attempts, want %d of 1", ago, got, ev.Get("vel.attempts_card_24h"), want)
		}
	}
}

func TestWindowLeavesOutWhatItCannotTell(t *testing.T) {
	fill := func(opt WindowOptions, change ...any) string {
		w := newTestWindow(t, opt)
		ev := past(t, "now", 0, change...)
		w.Fill(ev, testNow)
		var names []string
		for name := range vel(ev) {
			names = append(names, name)
		}
		slices.Sort(names)
		return strings.Join(names, " ")
	}
	all := fill(WindowOptions{TrustedComplete: true})
	if strings.Count(all, " ") != 11 {
		t.Errorf("complete: %s", all)
	}
	for name, tc := range map[string]struct{ got, want string }{
		"zero options":  {fill(WindowOptions{}), ""},
		"since an hour": {fill(WindowOptions{CompleteSince: testNow.Add(-time.Hour)}), "attempts_card_1h cards_requestor_10m decline_rate_bin_10m"},
		"just short":    {fill(WindowOptions{CompleteSince: testNow.Add(-time.Hour + 1)}), "cards_requestor_10m decline_rate_bin_10m"},
		"no card":       {fill(WindowOptions{TrustedComplete: true}, "card.ref", nil), "cards_device_24h cards_requestor_10m decline_rate_bin_10m declines_device_24h names_device_30d"},
		"no device": {fill(WindowOptions{TrustedComplete: true}, "device.ref", nil, "card.bin", nil, "token.requestor_id", nil),
			"attempts_card_1h attempts_card_24h cvv_fail_card_24h devices_card_30d readds_card_180d readds_card_30d"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %q, want %q", name, tc.got, tc.want)
		}
	}
	w := newTestWindow(t, WindowOptions{})
	ev := past(t, "now", 0, "vel.attempts_card_1h", 7)
	w.Fill(ev, testNow)
	w.Fill(nil, testNow)
	w.Fill(&Event{}, testNow)
	if ev.Get("vel.attempts_card_1h") != int64(7) {
		t.Error("a fact of another source was taken away")
	}
	for _, e := range []*Event{nil, {}, NewEvent(rules.EventV1())} {
		if err := w.Observe(e, testNow); !errors.Is(err, ErrObserve) {
			t.Errorf("%v", err)
		}
	}
	if _, err := NewWindow(WindowOptions{Max: -1}); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
}

func TestWindowIsBounded(t *testing.T) {
	w := newTestWindow(t, WindowOptions{TrustedComplete: true, Max: 100})
	for i := range 1000 {
		observeAll(t, w, past(t, fmt.Sprint(i), time.Duration(1000-i)*time.Minute, "card.ref", fmt.Sprint("c", i)))
	}
	if w.Len() != 100 || len(w.versions) != 100 || len(w.index) != 103 {
		t.Errorf("%d events, %d ids, %d keys", w.Len(), len(w.versions), len(w.index))
	}
	ev := past(t, "now", 0)
	w.Fill(ev, testNow)
	if got := vel(ev); len(got) != 3 || got["cards_requestor_10m"] != int64(10) {
		t.Errorf("windows that reach back to what is gone: %v", got)
	}
	w = newTestWindow(t, WindowOptions{TrustedComplete: true})
	observeAll(t, w, past(t, "old", 200*day), past(t, "new", 0), past(t, "older", 300*day))
	if w.Len() != 1 || len(w.versions) != 1 {
		t.Errorf("%d events, %d ids after 181 days", w.Len(), len(w.versions))
	}
	ev = past(t, "now", 0)
	w.Fill(ev, testNow.Add(time.Hour))
	if got := ev.Get("vel.readds_card_180d"); got != int64(0) {
		t.Errorf("the longest window: %v", got)
	}
}

// seen is one observation of the oracle's history.
type seen struct {
	ev       *Event
	observed time.Time
}

// oracle counts by walking the whole history, as the definitions read.
func oracle(history []seen, ev *Event, at time.Time) map[string]any {
	latest := map[string]seen{}
	for _, s := range history {
		id := s.ev.Text("id")
		if have, ok := latest[id]; !s.observed.After(at) && (!ok || !s.observed.Before(have.observed)) {
			latest[id] = s
		}
	}
	within := func(length time.Duration, fields ...string) (out []*Event) {
		for id, s := range latest {
			when := s.ev.Get("at").(time.Time)
			if id == ev.Text("id") || when.Before(at.Add(-length)) || !when.Before(at) || s.ev.Text("kind") == "notification" {
				continue
			}
			match := true
			for _, f := range fields {
				match = match && ev.Has(f) && s.ev.Get(f) == ev.Get(f)
			}
			if match {
				out = append(out, s.ev)
			}
		}
		return out
	}
	distinct := func(list []*Event, field string) int64 {
		set := map[any]bool{}
		for _, e := range list {
			if e.Has(field) {
				set[e.Get(field)] = true
			}
		}
		return int64(len(set))
	}
	count := func(list []*Event, is func(*Event) bool) (n int64) {
		for _, e := range list {
			if is(e) {
				n++
			}
		}
		return n
	}
	readds := func(list []*Event) int64 {
		return count(list, func(e *Event) bool { return e.Has("device.ref") }) - distinct(list, "device.ref")
	}
	cvv := func(e *Event) bool { return e.Text("verify.cvv") == "fail" }
	failed := func(e *Event) bool { return cvv(e) || e.Get("card.expiry_match") == false }
	out := map[string]any{}
	if ev.Has("card.ref") {
		out["attempts_card_1h"] = int64(len(within(time.Hour, "card.ref")))
		out["attempts_card_24h"] = int64(len(within(day, "card.ref")))
		out["devices_card_30d"] = distinct(within(30*day, "card.ref"), "device.ref")
		out["readds_card_30d"], out["readds_card_180d"] = readds(within(30*day, "card.ref")), readds(within(180*day, "card.ref"))
		out["cvv_fail_card_24h"] = count(within(day, "card.ref"), cvv)
		if ev.Has("device.ref") {
			out["attempts_card_device_72h"] = int64(len(within(3*day, "card.ref", "device.ref")))
		}
	}
	if ev.Has("device.ref") {
		out["cards_device_24h"] = distinct(within(day, "device.ref"), "card.ref")
		out["names_device_30d"] = distinct(within(30*day, "device.ref"), "holder.ref")
		out["declines_device_24h"] = count(within(day, "device.ref"), failed)
	}
	if ev.Has("token.requestor_id") {
		out["cards_requestor_10m"] = distinct(within(10*time.Minute, "token.requestor_id"), "card.ref")
	}
	if ev.Has("card.bin") {
		list := within(10*time.Minute, "card.bin")
		out["decline_rate_bin_10m"] = 0.0
		if len(list) > 0 {
			out["decline_rate_bin_10m"] = float64(count(list, failed)) / float64(len(list))
		}
	}
	return out
}

func TestWindowAgreesWithTheOracle(t *testing.T) {
	spans := []time.Duration{2 * time.Minute, 10 * time.Minute, time.Hour, day, 3 * day, 30 * day, 170 * day}
	for seed := range int64(60) {
		r := rand.New(rand.NewSource(seed))
		span := func() time.Duration {
			d := spans[r.Intn(len(spans))]
			if r.Intn(4) == 0 {
				return d // on the edge
			}
			return time.Duration(r.Int63n(int64(d)))
		}
		pick := func(name string, n int) any {
			if r.Intn(8) == 0 {
				return nil
			}
			return fmt.Sprint(name, r.Intn(n))
		}
		random := func(id string, ago time.Duration) *Event {
			return past(t, id, ago, "card.ref", pick("c", 3), "device.ref", pick("d", 3), "holder.ref", pick("h", 3),
				"card.bin", pick("b", 2), "token.requestor_id", pick("q", 2), "verify.cvv", []any{"match", "fail", nil}[r.Intn(3)],
				"card.expiry_match", []any{true, false, nil}[r.Intn(3)], "kind", []any{"authorize", "check_eligibility", "notification", nil}[r.Intn(4)])
		}
		w := newTestWindow(t, WindowOptions{TrustedComplete: true})
		var history []seen
		for i := range 120 {
			ago := span()
			s := seen{random(fmt.Sprint("e", r.Intn(90)), ago), testNow.Add(-ago).Add(time.Duration(r.Int63n(int64(time.Hour))))}
			if i%3 == 0 {
				s.observed = testNow.Add(-ago)
			}
			history = append(history, s)
			if err := w.Observe(s.ev, s.observed); err != nil {
				t.Fatal(err)
			}
		}
		for range 30 {
			at := testNow.Add(-time.Duration(r.Int63n(int64(day))))
			if r.Intn(2) == 0 {
				at = testNow
			}
			ev := random(fmt.Sprint("e", r.Intn(120)), 0)
			want := oracle(history, ev, at)
			w.Fill(ev, at)
			if got := vel(ev); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d, at %v:\ngot  %v\nwant %v", seed, at, got, want)
			}
		}
	}
}

func TestWindowIsSafeForConcurrentUse(t *testing.T) {
	w := newTestWindow(t, WindowOptions{TrustedComplete: true, Max: 50})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				w.Observe(past(t, fmt.Sprint(g, i), time.Duration(i)*time.Second), testNow)
				w.Fill(past(t, "now", 0), testNow)
			}
		})
	}
	wg.Wait()
	if w.Len() != 50 {
		t.Errorf("%d events", w.Len())
	}
}
