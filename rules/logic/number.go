package logic

import (
	"math"
	"time"
)

// FloatKey maps finite floats to ints so that their order is the same; -0 must
// have become 0 before.
func FloatKey(f float64) int64 {
	n := int64(math.Float64bits(f))
	if n < 0 {
		return n ^ maxInt64
	}
	return n
}

// FloatOf is the inverse of FloatKey.
func FloatOf(key int64) float64 {
	if key < 0 {
		key ^= maxInt64
	}
	return math.Float64frombits(uint64(key))
}

// cuts returns the cuts around the constant v among the values of type t: before
// the values that are not below v, and before those that are above it.
func cuts(t Type, v any) (notBelow, beyond cut[int64], ok bool) {
	switch v := v.(type) {
	case int64:
		switch t {
		case Int:
			return below(v), above(v), true
		case Float:
			notBelow, beyond = floatCuts(v)
			return notBelow, beyond, true
		}
	case float64:
		switch t {
		case Float:
			k := FloatKey(v + 0)
			return below(k), above(k), true
		case Int:
			notBelow, beyond = intCuts(v)
			return notBelow, beyond, true
		}
	case bool:
		if t == Bool {
			if v {
				return below(int64(1)), cut[int64]{last: true}, true
			}
			return below(int64(minInt64)), below(int64(1)), true
		}
	case time.Time:
		if t == Time {
			n := v.UnixNano()
			return below(n), above(n), true
		}
	}
	return notBelow, beyond, false
}

// intCuts places a float among the ints.
func intCuts(f float64) (notBelow, beyond cut[int64]) {
	place := func(f float64) cut[int64] {
		switch {
		case f >= 1<<63:
			return cut[int64]{last: true}
		case f < -1<<63:
			return below(int64(minInt64))
		}
		return below(int64(f))
	}
	notBelow = place(math.Ceil(f))
	if whole := math.Floor(f); whole >= 1<<63 {
		return notBelow, cut[int64]{last: true}
	} else if whole >= -1<<63 {
		return notBelow, above(int64(whole))
	}
	return notBelow, below(int64(minInt64))
}

// floatCuts places an int among the floats: beyond 2^53 not every int is one.
func floatCuts(i int64) (notBelow, beyond cut[int64]) {
	f := float64(i)
	key := FloatKey(f)
	// f is the float nearest to i; it may be a little less or more.
	switch exact := f < 1<<63 && int64(f) == i; {
	case exact:
		return below(key), above(key)
	case f >= 1<<63 || int64(f) > i:
		return below(key), below(key)
	}
	return above(key), above(key)
}
