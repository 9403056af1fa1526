package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/store"
	"github.com/issuant/issuant/store/storetest"
)

// try answers message i and returns what Begin or Commit says.
func try(s engine.Ledger, i int64) error {
	e := entry(i, storetest.Now())
	first, _, err := s.Begin(bg, *e.Sighting, storetest.Now())
	if err == nil && first {
		err = s.Commit(bg, e)
	}
	return err
}

func TestAFullDiskLosesNothingAndPasses(t *testing.T) {
	s := open(t, places()[0].url(t), store.Options{})
	put(t, s, 0, storetest.Now())
	if err := store.Setup(s, "PRAGMA max_page_count = 40"); err != nil {
		t.Fatal(err)
	}
	acknowledged, refused := int64(1), int64(0)
	for i := int64(1); refused < 20; i++ {
		switch err := try(s, i); {
		case err == nil:
			acknowledged++
		case errors.Is(err, engine.ErrRecord):
			refused++
		default:
			t.Fatal(err)
		}
		if i > 1000 {
			t.Fatal("the disk is never full")
		}
	}
	if err := s.Health(bg); code.Of(err) != code.Store || s.Stats().LastError == "" {
		t.Errorf("a full disk counts as healthy: %v", err)
	}
	if got := s.Stats(); got.Failures < 20 {
		t.Errorf("%d failures", got.Failures)
	}
	if err := store.Setup(s, "PRAGMA max_page_count = 1073741823"); err != nil {
		t.Fatal(err)
	}
	for i := range 20 + acknowledged { // what was refused comes again
		if err := try(s, i); err != nil && !errors.Is(err, engine.ErrReplayed) {
			t.Errorf("message %d, when there is room again: %v", i, err)
		}
	}
	if err := s.Health(bg); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
	verify(t, s, uint64(20+acknowledged))
}

func TestAReadOnlyDiskRefusesAndPasses(t *testing.T) {
	s := open(t, places()[0].url(t), store.Options{})
	put(t, s, 0, storetest.Now())
	if err := store.Setup(s, "PRAGMA query_only = 1"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := try(s, 1); !errors.Is(err, engine.ErrRecord) {
			t.Errorf("%v", err)
		}
	}
	if err := s.Health(bg); code.Of(err) != code.Store {
		t.Errorf("health: %v", err)
	}
	if err := store.Setup(s, "PRAGMA query_only = 0"); err != nil {
		t.Fatal(err)
	}
	if err := try(s, 1); err != nil {
		t.Error(err)
	}
	verify(t, s, 2)
}

func TestADatabaseThatGoesAwayComesBack(t *testing.T) {
	server := storetest.StartPostgres(t)
	s := open(t, server.URL(t), store.Options{CommitTimeout: 5 * time.Second})
	put(t, s, 0, storetest.Now())
	for round := range int64(2) {
		server.Stop()
		for i := range int64(3) {
			if err := try(s, 10*round+i+1); !errors.Is(err, engine.ErrRecord) {
				t.Errorf("without a database: %v", err)
			}
		}
		if err := s.Health(bg); code.Of(err) != code.Store {
			t.Errorf("health: %v", err)
		}
		if err := s.Fill(bg, entryEvent(1), storetest.Now()); code.Of(err) != code.Store {
			t.Errorf("fill: %v", err)
		}
		server.Start(t)
		for i := range int64(3) {
			if err := try(s, 10*round+i+1); err != nil {
				t.Errorf("with the database again: %v", err)
			}
		}
		if err := s.Health(bg); err != nil {
			t.Errorf("health: %v", err)
		}
	}
	verify(t, s, 7)
}

func TestTooManyThatWaitAreTurnedAway(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		s := open(t, url, store.Options{MaxWaiting: 4, CommitTimeout: time.Minute})
		release := store.Hold(s)
		results := make(chan error, 10)
		var wg sync.WaitGroup
		for i := range int64(4) {
			wg.Go(func() { results <- try(s, i) })
		}
		for s.Stats().Waiting < 4 {
			time.Sleep(time.Millisecond)
		}
		if err := try(s, 100); !errors.Is(err, engine.ErrBusy) || code.Of(err) != code.Busy {
			t.Errorf("%v", err)
		}
		release()
		wg.Wait()
		for range 4 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if err := try(s, 100); err != nil {
			t.Errorf("the one that was turned away, again: %v", err)
		}
		if got := s.Stats(); got.Busy != 1 || got.Batch.Count == 0 {
			t.Errorf("%+v", got)
		}
		verify(t, s, 5)
	})
}

func TestACommitThatCannotWaitIsWithdrawn(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		s := open(t, url, store.Options{CommitTimeout: time.Minute})
		release := store.Hold(s)
		e := entry(1, storetest.Now())
		if first, _, err := s.Begin(bg, *e.Sighting, storetest.Now()); !first || err != nil {
			t.Fatal(first, err)
		}
		ctx, cancel := context.WithCancel(bg)
		cancel()
		if err := s.Commit(ctx, e); !errors.Is(err, engine.ErrRecord) {
			t.Errorf("%v", err)
		}
		release()
		put(t, s, 1, storetest.Now()) // nothing was written, so it is the first again
		verify(t, s, 1)
	})
}

func TestHealthTellsOfACommitThatHangs(t *testing.T) {
	s := open(t, places()[0].url(t), store.Options{})
	release := store.Hold(s)
	ctx, cancel := context.WithTimeout(bg, 50*time.Millisecond)
	defer cancel()
	if err := s.Health(ctx); code.Of(err) != code.Store {
		t.Errorf("%v", err)
	}
	release()
	if err := s.Health(bg); err != nil {
		t.Error(err)
	}
}

// TestTwoProcessesAnswerOnce: the same messages come to two stores on one database
// at the same time.
func TestTwoProcessesAnswerOnce(t *testing.T) {
	url := storetest.PostgresURL(t)
	opt := store.Options{CommitTimeout: time.Minute}
	stores := []store.Store{open(t, url, opt), open(t, url, opt)}
	const messages, copies = 100, 4
	answers := make([]sync.Map, messages)
	committed, taken := make([]int, len(stores)*copies), make([]int, len(stores)*copies)
	var wg sync.WaitGroup
	for g := range len(stores) * copies {
		wg.Go(func() {
			for i := range int64(messages) {
				e := entry(i, storetest.Now())
				e.Answer.Body = fmt.Appendf(nil, "by %d", g)
				first, got, err := stores[g%2].Begin(bg, *e.Sighting, storetest.Now())
				if err == nil && first {
					got = e.Answer
					err = stores[g%2].Commit(bg, e)
					var beaten *engine.TakenError
					switch {
					case errors.As(err, &beaten):
						taken[g]++
						got, err = beaten.Answer, nil
					case err == nil:
						committed[g]++
					}
				}
				if err != nil {
					t.Error(err)
				}
				answers[i].Store(string(got.Body), true)
			}
		})
	}
	wg.Wait()
	sum, beaten := 0, 0
	for g := range committed {
		sum, beaten = sum+committed[g], beaten+taken[g]
	}
	if sum != messages {
		t.Errorf("%d effects of %d messages", sum, messages)
	}
	t.Logf("%d times both processes had decided", beaten)
	for i := range answers {
		n := 0
		answers[i].Range(func(any, any) bool { n++; return true })
		if n != 1 {
			t.Errorf("message %d was answered in %d ways", i, n)
		}
	}
	verify(t, stores[0], messages)
}

func TestTheSecondProcessGetsWhatTheFirstAnswered(t *testing.T) {
	url := storetest.PostgresURL(t)
	a, b := open(t, url, store.Options{}), open(t, url, store.Options{})
	e, late, other := entry(1, storetest.Now()), entry(1, storetest.Now()), entry(1, storetest.Now())
	for _, s := range []store.Store{a, b} { // both are the first, each in its own process
		if first, _, err := s.Begin(bg, *e.Sighting, storetest.Now()); !first || err != nil {
			t.Fatal(first, err)
		}
	}
	if err := a.Commit(bg, e); err != nil {
		t.Fatal(err)
	}
	late.Answer.Body = []byte("another answer")
	var beaten *engine.TakenError
	if err := b.Commit(bg, late); !errors.As(err, &beaten) || !bytes.Equal(beaten.Answer.Body, e.Answer.Body) || beaten.Answer.Status != 200 {
		t.Errorf("%v", err)
	}
	if _, got, err := b.Begin(bg, *e.Sighting, storetest.Now()); err != nil || !bytes.Equal(got.Body, e.Answer.Body) {
		t.Errorf("%q %v", got.Body, err)
	}
	other.Sighting.Digest = "others"
	if err := b.Commit(bg, other); !errors.Is(err, engine.ErrReplayed) {
		t.Errorf("other bytes: %v", err)
	}
	tooLate := entry(1, storetest.Now())
	tooLate.Record.At = e.Until.Add(1)
	if err := b.Commit(bg, tooLate); !errors.Is(err, engine.ErrReplayed) {
		t.Errorf("too late: %v", err)
	}
	verify(t, b, 1)
}

func TestStartsAtTheSameTimeAreSafe(t *testing.T) {
	url := storetest.PostgresURL(t)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			s, err := store.Open(bg, url, store.Options{MaxConns: 2})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if err := s.Health(bg); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
