package rules

import (
	"math/bits"
	"slices"
)

// group is a set of conjunctions that test the same slots in the same way. For each
// slot it knows which members pass in each cell; what passes everywhere is true.
type group struct {
	entries []entry
	rules   []int32 // by member
	words   int     // of a bitmap over the members
	open    bool
	ask     bool
}

// entry is one slot of a group.
type entry struct {
	slot    int32
	list    listTest
	unknown bool // an absent slot leaves every member open; else absent tells
	absent  set
	region  []int32 // by region of the slot: its set among sets
	points  []int32 // sorted: points of which some member makes an exception
	sets    []set   // of the points, then of the regions
	dense   []int32 // by point, when most have an exception: 1 + its set, or 0
}

// set is a set of members: a sorted list while they are few, else a bitmap. The zero
// set is empty.
type set struct {
	list []uint16
	bits []uint64
}

func (s *set) empty() bool { return s.list == nil && s.bits == nil }

func (s *set) has(i uint16) bool {
	if s.bits != nil {
		return s.bits[i>>6]>>(i&63)&1 == 1
	}
	_, ok := slices.BinarySearch(s.list, i)
	return ok
}

// newSet keeps a copy of a bitmap in the shorter form.
func newSet(b []uint64) set {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	if n == 0 {
		return set{}
	}
	if n > 4*len(b) {
		return set{bits: slices.Clone(b)}
	}
	s := set{list: make([]uint16, 0, n)}
	eachBit(b, func(i int) { s.list = append(s.list, uint16(i)) })
	return s
}

func eachBit(b []uint64, f func(i int)) {
	for w, x := range b {
		for ; x != 0; x &= x - 1 {
			f(w<<6 + bits.TrailingZeros64(x))
		}
	}
}

// group makes a group of conjunctions with one signature.
func (b *indexer) group(list []int) {
	first := &b.conjs[list[0]]
	g := group{words: (len(list) + 63) / 64, open: first.open, ask: first.ask}
	for _, i := range list {
		g.rules = append(g.rules, b.conjs[i].rule)
	}
	for k := range first.tests {
		tests := make([]*test, len(list))
		for n, i := range list {
			tests[n] = &b.conjs[i].tests[k]
		}
		g.entries = append(g.entries, newEntry(&b.x.slots[first.tests[k].slot], tests, g.words))
	}
	b.x.groups = append(b.x.groups, g)
}

func newEntry(s *slotIndex, tests []*test, words int) entry {
	e := entry{slot: tests[0].slot, list: tests[0].list, unknown: tests[0].absent == Unknown}
	in := make([]uint64, words)
	for i, t := range tests {
		if t.absent == True {
			in[i>>6] |= 1 << (i & 63)
		}
	}
	e.absent = newSet(in)
	clear(in)
	e.sweep(s, tests, in)
	e.except(s, tests, in)
	return e
}

// sweep finds the members of each region: from one to the next only those change
// that have a toggle there.
func (e *entry) sweep(s *slotIndex, tests []*test, in []uint64) {
	changes := map[int32][]int{}
	for i, t := range tests {
		if t.in {
			in[i>>6] |= 1 << (i & 63)
		}
		for _, r := range t.toggles {
			changes[r] = append(changes[r], i)
		}
	}
	e.region = make([]int32, s.regions())
	for r := range e.region {
		for _, i := range changes[int32(r)] {
			in[i>>6] ^= 1 << (i & 63)
		}
		if r == 0 || len(changes[int32(r)]) > 0 {
			e.sets = append(e.sets, newSet(in))
		}
		e.region[r] = int32(len(e.sets) - 1)
	}
}

// except finds the members at each point of which some member makes an exception.
func (e *entry) except(s *slotIndex, tests []*test, in []uint64) {
	at := map[int32][]int{}
	for i, t := range tests {
		for _, p := range t.points {
			if len(at[p]) == 0 {
				e.points = append(e.points, p)
			}
			at[p] = append(at[p], i)
		}
	}
	slices.Sort(e.points)
	sets := make([]set, 0, len(e.points)+len(e.sets))
	for _, p := range e.points {
		clear(in)
		around := &e.sets[e.region[s.places[p]]]
		for _, i := range around.list {
			in[i>>6] |= 1 << (i & 63)
		}
		copy(in, around.bits)
		for _, i := range at[p] {
			in[i>>6] ^= 1 << (i & 63)
		}
		sets = append(sets, newSet(in))
	}
	for r := range e.region {
		e.region[r] += int32(len(sets))
	}
	e.sets = append(sets, e.sets...)
	if len(s.points) <= 4*len(e.points)+64 {
		e.dense = make([]int32, len(s.points))
		for i, p := range e.points {
			e.dense[p] = int32(i) + 1
		}
	}
}

// at returns the members that pass in a cell.
func (e *entry) at(c cell) *set {
	if c.point >= 0 {
		if e.dense != nil {
			if i := e.dense[c.point]; i > 0 {
				return &e.sets[i-1]
			}
		} else if i, ok := slices.BinarySearch(e.points, c.point); ok {
			return &e.sets[i]
		}
	}
	return &e.sets[e.region[c.region]]
}

// look finds the members of the group that an event leaves standing.
func (g *group) look(st *state) {
	unknown := false
	sets := st.sets[:0]
	lead := -1
	for i := range g.entries {
		e := &g.entries[i]
		c := st.cells[e.slot]
		var s set
		switch {
		case c.region >= 0 && e.list == noList:
			s = *e.at(c)
		case c.region >= 0:
			s = e.items(st.items[c.point:c.region], len(sets), g.words, len(g.rules), st)
		case !e.unknown:
			s = e.absent
		case !g.open:
			return
		default:
			unknown = true
			continue
		}
		if s.empty() {
			return
		}
		if s.list != nil && (lead < 0 || len(s.list) < len(sets[lead].list)) {
			lead = len(sets)
		}
		sets = append(sets, s)
	}
	st.sets = sets
	g.intersect(sets, lead, unknown, st)
}

func (g *group) intersect(sets []set, lead int, unknown bool, st *state) {
	if lead >= 0 {
	next:
		for _, i := range sets[lead].list {
			for k := range sets {
				if k != lead && !sets[k].has(i) {
					continue next
				}
			}
			st.found(g.rules[i], unknown, g.ask)
		}
		return
	}
	for w := range g.words {
		x := ^uint64(0)
		if w == g.words-1 && len(g.rules)&63 != 0 {
			x = 1<<(len(g.rules)&63) - 1
		}
		for k := range sets {
			x &= sets[k].bits[w]
		}
		for ; x != 0; x &= x - 1 {
			st.found(g.rules[w<<6+bits.TrailingZeros64(x)], unknown, g.ask)
		}
	}
}

// items returns the members that pass for a list: the union over its items, or what
// is outside of it.
func (e *entry) items(items []cell, k, words, n int, st *state) set {
	for len(st.union) <= k {
		st.union = append(st.union, nil)
	}
	if len(st.union[k]) < words {
		st.union[k] = make([]uint64, words)
	}
	u := st.union[k][:words]
	clear(u)
	any := false
	for _, c := range items {
		s := e.at(c)
		any = any || !s.empty()
		for _, i := range s.list {
			u[i>>6] |= 1 << (i & 63)
		}
		for w, x := range s.bits {
			u[w] |= x
		}
	}
	if e.list == noItem {
		for w := range u {
			u[w] = ^u[w]
		}
		return set{bits: u} // members beyond the last are cut off where sets meet
	}
	if !any {
		return set{}
	}
	return set{bits: u}
}
