package logic

import (
	"cmp"
	"slices"
)

// Set is a set of values of an ordered type, as the places where membership
// changes: a value is a member when an odd number of Cuts is at or below it, the
// other way round with In. The zero Set is empty.
//
// Numbers are sets of int64: ints themselves, bools as 0 and 1, times as
// nanoseconds since 1970, floats as FloatKey.
type Set[T cmp.Ordered] struct {
	In   bool // the least values are members
	Cuts []T  // ascending, each once; the least value of T is never one
}

// Everything returns the set of all values.
func Everything[T cmp.Ordered]() Set[T] { return Set[T]{In: true} }

// Contains reports whether v is a member.
func (s Set[T]) Contains(v T) bool {
	n, found := slices.BinarySearch(s.Cuts, v)
	if found {
		n++
	}
	return s.In != (n&1 == 1)
}

// Empty reports whether the set has no member.
func (s Set[T]) Empty() bool { return !s.In && len(s.Cuts) == 0 }

// Full reports whether every value is a member.
func (s Set[T]) Full() bool { return s.In && len(s.Cuts) == 0 }

// Not returns the complement.
func (s Set[T]) Not() Set[T] { return Set[T]{!s.In, s.Cuts} }

// Equal reports whether both sets have the same members.
func (s Set[T]) Equal(t Set[T]) bool { return s.In == t.In && slices.Equal(s.Cuts, t.Cuts) }

// Or returns the union.
func (s Set[T]) Or(t Set[T]) Set[T] { return s.merge(t, func(a, b bool) bool { return a || b }) }

// And returns the intersection.
func (s Set[T]) And(t Set[T]) Set[T] { return s.merge(t, func(a, b bool) bool { return a && b }) }

// Within reports whether every member of s is one of t.
func (s Set[T]) Within(t Set[T]) bool { return s.And(t.Not()).Empty() }

func (s Set[T]) merge(t Set[T], op func(a, b bool) bool) Set[T] {
	a, b := s.In, t.In
	out := Set[T]{In: op(a, b), Cuts: make([]T, 0, len(s.Cuts)+len(t.Cuts))}
	in := out.In
	for i, j := 0, 0; i < len(s.Cuts) || j < len(t.Cuts); {
		var at T
		fromS := j == len(t.Cuts) || i < len(s.Cuts) && s.Cuts[i] <= t.Cuts[j]
		fromT := i == len(s.Cuts) || j < len(t.Cuts) && t.Cuts[j] <= s.Cuts[i]
		if fromS {
			at, a = s.Cuts[i], !a
			i++
		}
		if fromT {
			at, b = t.Cuts[j], !b
			j++
		}
		if now := op(a, b); now != in {
			out.Cuts, in = append(out.Cuts, at), now
		}
	}
	return out
}

// Point returns the set of v alone.
func Point[T cmp.Ordered](v T) Set[T] {
	return from(below(v)).And(from(above(v)).Not())
}

// cut is a place between values: before the value at, or beyond all values.
type cut[T cmp.Ordered] struct {
	at   T
	last bool
}

func below[T cmp.Ordered](v T) cut[T] { return cut[T]{at: v} }

func above[T cmp.Ordered](v T) cut[T] {
	switch v := any(v).(type) {
	case int64:
		if v == maxInt64 {
			return cut[T]{last: true}
		}
		return cut[T]{at: any(v + 1).(T)}
	case string:
		return cut[T]{at: any(v + "\x00").(T)}
	}
	return cut[T]{last: true}
}

const (
	maxInt64 = 1<<63 - 1
	minInt64 = -1 << 63
)

// from returns the set of all values beyond the cut.
func from[T cmp.Ordered](c cut[T]) Set[T] {
	if c.last {
		return Set[T]{}
	}
	if least(c.at) {
		return Everything[T]()
	}
	return Set[T]{Cuts: []T{c.at}}
}

func least[T cmp.Ordered](v T) bool {
	switch v := any(v).(type) {
	case int64:
		return v == minInt64
	case string:
		return v == ""
	}
	return false
}

// points returns the union of single values, in less time than Or needs.
func points[T cmp.Ordered](values []T) Set[T] {
	slices.Sort(values)
	values = slices.Compact(values)
	s := Set[T]{Cuts: make([]T, 0, 2*len(values))}
	put := func(c cut[T]) {
		if n := len(s.Cuts); n > 0 && s.Cuts[n-1] == c.at {
			s.Cuts = s.Cuts[:n-1]
			return
		}
		s.Cuts = append(s.Cuts, c.at)
	}
	for _, v := range values {
		if least(v) {
			s.In = true
		} else {
			put(below(v))
		}
		if c := above(v); !c.last {
			put(c)
		}
	}
	return s
}
