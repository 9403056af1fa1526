package rules

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// group is a set of conjunctions that test the same slots in the same way. For each
// slot it knows which members pass in each cell; what passes everywhere is true.
type group struct {
	entries []entry
	claims  []claim
	words   int      // of a bitmap over the members
	open    []uint64 // members that must be told when they are unknown; nil when there is none
}

// entry is one slot of a group: which members pass in each of its cells.
type entry struct {
	slot    int32
	list    listTest
	unknown bool // an absent slot leaves every member open; else absent tells
	lists   []uint16
	words   []uint64
	absent  span
	regions []span // by region of the slot
	points  []int32
	at      []span // of points, which are sorted: those of which some member makes an exception
}

// span is a set of members as a part of an entry's lists, or of its words.
type span struct {
	from uint32
	n    int32 // how many of lists; 0: the empty set; bitmap: a bitmap in words
}

const bitmap = -1

// listed is what a span stands for: a sorted list while the members are few, else a bitmap.
type listed struct {
	list []uint16
	bits []uint64
}

// open returns the members of a span that is not empty.
func (e *entry) open(s span, words int) listed {
	if s.n == bitmap {
		return listed{bits: e.words[s.from : int(s.from)+words]}
	}
	return listed{list: e.lists[s.from : int(s.from)+int(s.n)]}
}

// keep adds a bitmap in the shorter form.
func (e *entry) keep(b []uint64) span {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	if n > 2*len(b) {
		s := span{uint32(len(e.words)), bitmap}
		e.words = append(e.words, b...)
		return s
	}
	s := span{uint32(len(e.lists)), int32(n)}
	eachBit(b, func(i int) { e.lists = append(e.lists, uint16(i)) })
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
	g := group{words: (len(list) + 63) / 64}
	for n, i := range list {
		c := &b.conjs[i]
		g.claims = append(g.claims, claimOf(c.rule, c.ask))
		if c.open {
			if g.open == nil {
				g.open = make([]uint64, g.words)
			}
			g.open[n>>6] |= 1 << (n & 63)
		}
	}
	for k := range first.tests {
		tests := make([]*test, len(list))
		for n, i := range list {
			tests[n] = &b.conjs[i].tests[k]
		}
		g.entries = append(g.entries, newEntry(&b.x.slots[first.tests[k].slot], tests, g.words))
	}
	g.entries = ordered(g.entries, b.x, g.words)
	b.x.groups = append(b.x.groups, g)
}

// ordered sorts entries. Where one lets no member pass, the others are not looked at,
// and neither are their slots: those come first that do so most cheaply.
func ordered(entries []entry, x *index, words int) []entry {
	type weighed struct {
		entry
		refusals, width float64
	}
	list := make([]weighed, len(entries))
	for i, e := range entries {
		list[i] = weighed{e, e.refusals(x), e.width(words)}
	}
	slices.SortStableFunc(list, func(p, q weighed) int {
		return cmp.Or(cmp.Compare(q.refusals, p.refusals), cmp.Compare(p.width, q.width))
	})
	for i := range list {
		entries[i] = list[i].entry
	}
	return entries
}

func newEntry(s *slotIndex, tests []*test, words int) entry {
	e := entry{slot: tests[0].slot, list: tests[0].list, unknown: tests[0].absent == Unknown}
	in := make([]uint64, words)
	for i, t := range tests {
		if t.absent == True {
			in[i>>6] |= 1 << (i & 63)
		}
	}
	e.absent = e.keep(in)
	clear(in)
	e.sweep(s, tests, in)
	e.except(s, tests, in)
	e.lists, e.words = slices.Clip(e.lists), slices.Clip(e.words)
	return e
}

// width is how many members pass in a cell, on average.
func (e *entry) width(words int) float64 {
	sum, n := 0, 0
	for _, list := range [...][]span{e.regions, e.at} {
		for _, s := range list {
			if n++; s.n == bitmap {
				for _, w := range e.open(s, words).bits {
					sum += bits.OnesCount64(w)
				}
			} else {
				sum += int(s.n)
			}
		}
	}
	if e.list == noItem {
		return math.Inf(1)
	}
	return float64(sum) / float64(n)
}

// refusals is how many of the slot's cells let no member pass, as a share, by what it
// costs to find the cell: a text is looked up in about the time of three numbers.
func (e *entry) refusals(x *index) float64 {
	s := &x.slots[e.slot]
	if e.list == noItem {
		return -1
	}
	empty := 0
	for _, r := range e.regions {
		if r.n == 0 {
			empty++
		}
	}
	for p := range s.places {
		if e.find(s, firstCell+int32(p)).n == 0 {
			empty++
		}
	}
	share := float64(empty) / float64(len(e.regions)+len(s.places))
	if s.typ == String {
		return share / 3
	}
	return share
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
	e.regions = make([]span, s.regions())
	for r := range e.regions {
		changed := changes[int32(r)]
		for _, i := range changed {
			in[i>>6] ^= 1 << (i & 63)
		}
		if r == 0 || len(changed) > 0 {
			e.regions[r] = e.keep(in)
		} else {
			e.regions[r] = e.regions[r-1]
		}
	}
}

// except finds the members at each point of which some member makes an exception.
func (e *entry) except(s *slotIndex, tests []*test, in []uint64) {
	by := map[int32][]int{}
	for i, t := range tests {
		for _, p := range t.points {
			if len(by[p]) == 0 {
				e.points = append(e.points, p)
			}
			by[p] = append(by[p], i)
		}
	}
	slices.Sort(e.points)
	for _, p := range e.points {
		clear(in)
		around := e.open(e.regions[s.places[p]], len(in))
		for _, i := range around.list {
			in[i>>6] |= 1 << (i & 63)
		}
		copy(in, around.bits)
		for _, i := range by[p] {
			in[i>>6] ^= 1 << (i & 63)
		}
		e.at = append(e.at, e.keep(in))
	}
}

// find returns the members that pass in a cell of a value.
func (e *entry) find(s *slotIndex, c int32) span {
	point, region := s.place(c)
	if point >= 0 {
		if i, ok := slices.BinarySearch(e.points, point); ok {
			return e.at[i]
		}
	}
	return e.regions[region]
}
