package webhook

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestShiftedIsAdd holds it to package time, around whole seconds and before 1970 too.
func TestShiftedIsAdd(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		now := time.Unix(rng.Int64N(maxNow-minNow)+minNow, rng.Int64N(3)*499_999_999+rng.Int64N(2))
		if rng.IntN(10) == 0 {
			now = time.Unix(0, rng.Int64N(2))
		}
		d := time.Duration(rng.Int64N(4)-2)*MaxMaxAge + time.Duration(rng.Int64N(5)-2)*(time.Second-1)
		want := now.Add(d)
		if s, n := shifted(now, d); s != want.Unix() || n != int64(want.Nanosecond()) {
			t.Fatalf("%v and %v: %d %d, want %d %d", now, d, s, n, want.Unix(), want.Nanosecond())
		}
	}
}

func TestPismoNamesAreFoundExactly(t *testing.T) {
	for i, name := range pismoNames {
		if got := pismoName(name); got != i {
			t.Errorf("%s is %d, want %d", name, got, i)
		}
		for k := range name {
			for bit := range 8 {
				other := []byte(name)
				other[k] ^= 1 << bit
				if got := pismoName(string(other)); got == i {
					t.Errorf("%q is %s", other, name)
				}
			}
			if got := pismoName(name[:k]); got >= 0 {
				t.Errorf("%q is %d", name[:k], got)
			}
		}
	}
}
