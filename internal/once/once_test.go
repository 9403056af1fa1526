package once_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/issuant/issuant/internal/once"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func Example() {
	m := once.New(100)
	ctx := context.Background()
	fmt.Println(m.Spend(ctx, "nonce", now.Add(time.Hour), now))
	fmt.Println(m.Spend(ctx, "nonce", now.Add(time.Hour), now))
	// Output:
	// true <nil>
	// false <nil>
}

func TestAKeyIsKeptUpToItsEndAndLetGoAfterIt(t *testing.T) {
	m, ctx := once.New(10), context.Background()
	spend := func(key string, until, at time.Duration) bool {
		t.Helper()
		first, err := m.Spend(ctx, key, now.Add(until), now.Add(at))
		if err != nil {
			t.Fatal(err)
		}
		return first
	}
	for i, want := range []bool{spend("a", 10, 0), spend("b", 5, 0), spend("c", 20, 0)} {
		if !want {
			t.Errorf("key %d was there", i)
		}
	}
	if spend("a", 10, 10) {
		t.Error("a key is let go of at its end")
	}
	if spend("c", 20, 11) || !spend("a", 30, 11) {
		t.Error("another key was let go of")
	}
	if spend("a", 30, 0) { // a clock that goes back changes nothing
		t.Error("an earlier instant frees a key")
	}
	if m.Len() != 2 {
		t.Errorf("%d keys", m.Len())
	}
}

func TestAFullMemoryRefusesAndForgetsNothing(t *testing.T) {
	m, ctx := once.New(2), context.Background()
	for _, key := range []string{"a", "b"} {
		if first, err := m.Spend(ctx, key, now.Add(time.Hour), now); err != nil || !first {
			t.Fatal(err)
		}
	}
	if first, err := m.Spend(ctx, "c", now.Add(time.Hour), now); !errors.Is(err, once.ErrFull) || first {
		t.Errorf("%v %v", first, err)
	}
	if first, err := m.Spend(ctx, "a", now.Add(time.Hour), now); err != nil || first {
		t.Errorf("a known key in a full memory: %v %v", first, err)
	}
	if first, err := m.Spend(ctx, "c", now.Add(3*time.Hour), now.Add(2*time.Hour)); err != nil || !first {
		t.Errorf("after the others have ended: %v %v", first, err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if first, err := m.Spend(canceled, "d", now, now); !errors.Is(err, context.Canceled) || first {
		t.Errorf("%v %v", first, err)
	}
}

func TestOfManyAtOnceOneIsFirst(t *testing.T) {
	m := once.New(10_000)
	var firsts atomic.Int64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for i := range 100 {
				if first, err := m.Spend(context.Background(), fmt.Sprint(i), now.Add(time.Hour), now); err != nil {
					t.Error(err)
				} else if first {
					firsts.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if firsts.Load() != 100 {
		t.Errorf("%d firsts of 100 keys", firsts.Load())
	}
}
