package rules

import (
	"cmp"
	"slices"
)

// Members of a group are numbered so that those that pass in the same cells stand next to
// each other: then the sets of members have few blocks, and have few in common.

// extent is where a test passes among the cells of its slot: from the first to the last,
// points before regions; what lies between may fail.
type extent struct{ first, last int }

func (t *test) extent(s *slotIndex) extent {
	regions := s.regions()
	first, last := 0, regions-1
	if !t.in {
		if len(t.toggles) == 0 {
			if len(t.points) == 0 {
				return extent{}
			}
			return extent{int(t.points[0]), int(t.points[len(t.points)-1])}
		}
		first = int(t.toggles[0])
	}
	if n := len(t.toggles); n > 0 && (n%2 == 1) == t.in {
		last = int(t.toggles[n-1]) - 1
	}
	return extent{int(s.points) + first, int(s.points) + last}
}

// share is how large a part of the cells of their kind an extent is.
func (e extent) share(s *slotIndex) float64 {
	if n := int(s.points); e.first < n {
		return float64(e.last-e.first+1) / float64(n)
	}
	return float64(e.last-e.first+1) / float64(s.regions())
}

// cluster sorts conjunctions of one signature by where their tests pass: by the tests
// that pass in the smallest part of their slot first.
func (b *indexer) cluster(list []int) {
	tests := len(b.conjs[list[0]].tests)
	extents := make([]extent, len(list)*tests)
	shares := make([]float64, tests)
	order := make([]int, tests)
	for k := range tests {
		order[k] = k
		for n, i := range list {
			t := &b.conjs[i].tests[k]
			s := &b.x.slots[t.slot]
			extents[n*tests+k] = t.extent(s)
			shares[k] += extents[n*tests+k].share(s)
		}
	}
	slices.SortStableFunc(order, func(p, q int) int { return cmp.Compare(shares[p], shares[q]) })
	at := make([]int, len(list))
	for n := range at {
		at[n] = n
	}
	slices.SortFunc(at, func(p, q int) int {
		for _, k := range order {
			e, f := extents[p*tests+k], extents[q*tests+k]
			if c := cmp.Or(cmp.Compare(e.first, f.first), cmp.Compare(e.last, f.last)); c != 0 {
				return c
			}
		}
		return cmp.Compare(p, q)
	})
	sorted := make([]int, len(list))
	for n, from := range at {
		sorted[n] = list[from]
	}
	copy(list, sorted)
}
