package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/issuant/issuant/internal/digest"
)

func newTestMemory(t *testing.T, opt MemoryOptions) *ProcessMemory {
	t.Helper()
	m, err := NewMemory(opt)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func sight(key string, issued time.Time) Sighting {
	return Sighting{Key: key, Digest: "d", Route: "r", IssuedAt: issued}
}

func begin(m *ProcessMemory, s Sighting, now time.Time) (bool, error) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	first, _, err := m.Begin(ctx, s, now)
	return first, err
}

func TestMemoryNeverForgetsSilently(t *testing.T) {
	m := newTestMemory(t, MemoryOptions{Max: 16})
	for i := range 100 {
		issued := testNow.Add(time.Duration(i) * time.Second)
		if first, err := begin(m, sight(fmt.Sprint(i), issued), testNow); !first || err != nil {
			t.Fatalf("%d: %v %v", i, first, err)
		}
	}
	if m.Len() != 16 || !m.Floor().Equal(testNow.Add(83*time.Second)) {
		t.Errorf("%d messages, floor %v", m.Len(), m.Floor())
	}
	for i := range 100 {
		issued := testNow.Add(time.Duration(i) * time.Second)
		if first, _ := begin(m, sight(fmt.Sprint(i), issued), testNow); first {
			t.Errorf("message %d had a second effect", i)
		}
		if first, err := begin(m, sight(fmt.Sprint("new", i), issued), testNow); i < 84 && (first || !errors.Is(err, ErrStale)) {
			t.Errorf("a message issued at or before the floor: %v %v", first, err)
		}
	}
}

func TestMemoryRefusesABurstBeyondItsBound(t *testing.T) {
	m := newTestMemory(t, MemoryOptions{Max: 16})
	taken := 0
	for i := range 40 {
		if first, err := begin(m, sight(fmt.Sprint(i), testNow), testNow); first {
			taken++
		} else if !errors.Is(err, ErrStale) {
			t.Fatal(err)
		}
	}
	if taken != 16 {
		t.Errorf("%d messages of one instant were taken", taken)
	}
	for i := range 40 {
		if first, _ := begin(m, sight(fmt.Sprint(i), testNow), testNow); first {
			t.Errorf("message %d had a second effect", i)
		}
	}
}

func TestMemoryLetsGoOfWhatIsTooOldAnyway(t *testing.T) {
	m := newTestMemory(t, MemoryOptions{Keep: time.Minute})
	begin(m, sight("a", testNow), testNow)
	begin(m, sight("b", testNow.Add(time.Minute)), testNow.Add(time.Minute))
	if m.Len() != 2 {
		t.Error("let go too early")
	}
	begin(m, sight("c", testNow.Add(2*time.Minute)), testNow.Add(time.Minute+1))
	if m.Len() != 2 {
		t.Error("kept too long")
	}
	if first, err := begin(m, sight("a", testNow), testNow); first || !errors.Is(err, ErrStale) {
		t.Errorf("a clock that is set back brings a message to life again: %v", err)
	}
}

func TestMemoryTellsCopiesFromOthers(t *testing.T) {
	m := newTestMemory(t, MemoryOptions{})
	ctx := context.Background()
	s := sight("a", testNow)
	if first, _, err := m.Begin(ctx, s, testNow); !first || err != nil {
		t.Fatal(first, err)
	}
	until := testNow.Add(time.Second)
	if err := m.Finish("a", Reply{Status: 200, Body: []byte("x")}, until); err != nil {
		t.Fatal(err)
	}
	m.Finish("a", Reply{Status: 500}, until)
	m.Forget("a")
	m.Forget("none")
	for _, tc := range []struct {
		change func(*Sighting)
		now    time.Time
		want   error
	}{
		{func(*Sighting) {}, testNow, nil}, {func(*Sighting) {}, until, nil}, {func(*Sighting) {}, until.Add(1), ErrReplayed},
		{func(*Sighting) {}, testNow, ErrReplayed}, // its answer was let go of
		{func(s *Sighting) { s.Digest = "e" }, testNow, ErrReplayed}, {func(s *Sighting) { s.Route = "q" }, testNow, ErrReplayed},
	} {
		c := s
		tc.change(&c)
		first, answer, err := m.Begin(ctx, c, tc.now)
		if first || !errors.Is(err, tc.want) || tc.want == nil && (answer.Status != 200 || string(answer.Body) != "x") {
			t.Errorf("%+v at %v: %v %+v %v", c, tc.now, first, answer, err)
		}
	}
}

// A digest is compared in memory of the memory's own, be it that of a SHA-256 or another text.
func TestMemoryKeepsDigestsOfAnyForm(t *testing.T) {
	sum := digest.Of([]byte("body"))
	texts := []string{"", "d", sum, "e" + sum[1:], sum + "0", "\x00" + sum[1:]}
	for i, have := range texts {
		m := newTestMemory(t, MemoryOptions{})
		borrowed := []byte(have)
		s := Sighting{Key: "a", Digest: unsafe.String(unsafe.SliceData(borrowed), len(borrowed)), Route: "r", IssuedAt: testNow}
		if first, err := begin(m, s, testNow); !first || err != nil {
			t.Fatal(first, err)
		}
		m.Finish("a", Reply{Status: 200}, testNow)
		clear(borrowed)
		for k, other := range texts {
			_, err := begin(m, Sighting{Key: "a", Digest: other, Route: "r", IssuedAt: testNow}, testNow)
			if same := !errors.Is(err, ErrReplayed); same != (i == k) {
				t.Errorf("%q after %q: %v", other, have, err)
			}
		}
	}
}

func TestMemoryGivesWayWhenTheFirstIsForgotten(t *testing.T) {
	m := newTestMemory(t, MemoryOptions{})
	s := sight("a", testNow)
	m.Begin(context.Background(), s, testNow)
	var effects atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			first, answer, err := m.Begin(context.Background(), s, testNow)
			if first {
				effects.Add(1)
				m.Finish("a", Reply{Status: 201}, testNow)
			} else if err != nil || answer.Status != 201 {
				t.Errorf("%+v %v", answer, err)
			}
		})
	}
	m.Forget("a")
	wg.Wait()
	if effects.Load() != 1 {
		t.Errorf("%d effects", effects.Load())
	}
}

func TestMemoryWakesCopiesOfWhatItLetsGo(t *testing.T) {
	m := newTestMemory(t, MemoryOptions{Max: 16})
	s := sight("a", testNow)
	m.Begin(context.Background(), s, testNow)
	got := make(chan error)
	go func() {
		_, _, err := m.Begin(context.Background(), s, testNow)
		got <- err
	}()
	for i := range 16 {
		begin(m, sight(fmt.Sprint(i), testNow.Add(time.Second)), testNow)
	}
	if err := <-got; !errors.Is(err, ErrReplayed) && !errors.Is(err, ErrStale) {
		t.Error(err)
	}
}

func TestNewMemoryRefusesBadBounds(t *testing.T) {
	for _, opt := range []MemoryOptions{{Keep: -1}, {Max: 15}, {Max: -1}} {
		if _, err := NewMemory(opt); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", opt, err)
		}
	}
}
