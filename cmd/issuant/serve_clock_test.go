package main

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/store"
)

// TestServeOutlivesAClockThatJumps: the clock goes an hour ahead, two hours back and
// right again. What is fresh by the clock of the moment is answered once, and no
// message has a second effect, whatever the clock says when it comes again.
func TestServeOutlivesAClockThatJumps(t *testing.T) {
	s := newServed(t, "")
	s.configure("store: " + s.path("issuant.db") + "\n")
	var jump atomic.Int64
	s.clock = func() time.Time { return time.Now().Add(time.Duration(jump.Load())) }
	s.start()
	signed := func(token int, at time.Time) func() *http.Request {
		claims := enginetest.Claims{"exp": json.Number("4102444800"), "iat": at.Unix()}
		return func() *http.Request {
			r, err := s.sender.Request(context.Background(), s.hooks, []byte(body(token)), time.Now(), claims)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
	}
	want := func(when string, r func() *http.Request, status int) {
		t.Helper()
		if got, answer := s.do(r()); got != status {
			t.Errorf("%s: %d %s, not %d", when, got, answer, status)
		}
	}
	start := time.Now()
	first, ahead := signed(1, start), signed(2, start.Add(time.Hour))
	want("the clock is right", first, 200)
	want("a retry", first, 200)
	want("from a clock that is an hour ahead", ahead, 401)
	jump.Store(int64(time.Hour))
	want("an hour ahead, an hour old by now", first, 401)
	want("an hour ahead, and so is the message", ahead, 200)
	jump.Store(-int64(time.Hour))
	want("an hour behind, from ahead", first, 401)
	want("an hour behind, from two hours ahead", ahead, 401)
	jump.Store(0)
	want("right again, retried", first, 401) // its answer was for half a minute of the clock
	want("right again, still from ahead", ahead, 401)
	want("right again, a new message", signed(3, time.Now().Add(5*time.Second)), 200) // within the skew, and later than the first
	if code := s.end(); code != 0 {
		t.Fatal("exit code", code)
	}
	decided := s.decisions()
	if len(decided) != 3 {
		t.Errorf("%d messages had an effect, not 3: %v", len(decided), decided)
	}
}

// decisions verifies the chain and returns how often each event was decided.
func (s *served) decisions() map[string]int {
	s.t.Helper()
	db, err := store.Open(s.t.Context(), s.path("issuant.db"), store.Options{ReadOnly: true})
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Verify(s.t.Context()); err != nil {
		s.t.Error("the chain:", err)
	}
	counts := map[string]int{}
	for line, err := range db.Records(s.t.Context(), 0) {
		if err != nil {
			s.t.Fatal(err)
		}
		var r struct {
			EventID *string `json:"event_id"`
		}
		if err := json.Unmarshal(line.Text, &r); err != nil {
			s.t.Fatal(err)
		}
		if r.EventID != nil {
			if counts[*r.EventID]++; counts[*r.EventID] > 1 {
				s.t.Errorf("%s was decided twice", *r.EventID)
			}
		}
	}
	return counts
}
