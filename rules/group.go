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

// entry is one slot of a group: which members pass in each of its cells. A look-up
// reads one span, and for cells in which none passes no more than that.
type entry struct {
	slot    int32
	list    listTest
	unknown bool   // an absent slot leaves every member open; else absent tells
	cells   []span // by cell; nil where that would be too large a table
	lists   []uint16
	words   []uint64

	// What cells is made of:
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

const (
	bitmap  = -1
	unknown = -2 // all that must be told when they are unknown
)

// set is a set of members: a sorted list while they are few, else a bitmap.
type set struct {
	list []uint16
	bits []uint64
}

// open returns the members of a span that is not empty.
func (e *entry) open(s span, words int) set {
	if s.n == bitmap {
		return set{bits: e.words[s.from : int(s.from)+words]}
	}
	return set{list: e.lists[s.from : int(s.from)+int(s.n)]}
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
	for i := range g.entries {
		e := &g.entries[i]
		e.fill(&b.x.slots[e.slot], g.open != nil)
	}
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

// fill makes the table by cells, where it is not much larger than what it is made of.
// open tells whether the group has members that must be told when they are unknown.
func (e *entry) fill(s *slotIndex, open bool) {
	if len(s.places) > 4*(len(e.points)+len(e.regions))+64 {
		return
	}
	e.cells = make([]span, s.cells())
	e.cells[absentCell] = e.missing(open)
	for c := firstCell; c < int32(len(e.cells)); c++ {
		_, region := s.place(c)
		e.cells[c] = e.regions[region]
	}
	for i, p := range e.points {
		e.cells[firstCell+p] = e.at[i]
	}
}

// missing is the span of an absent value.
func (e *entry) missing(open bool) span {
	switch {
	case !e.unknown:
		return e.absent
	case open:
		return span{n: unknown}
	}
	return span{}
}

// find returns the members that pass in a cell of a value.
func (e *entry) find(s *slotIndex, c int32) span {
	if e.cells != nil {
		return e.cells[c]
	}
	point, region := s.place(c)
	if point >= 0 {
		if i, ok := slices.BinarySearch(e.points, point); ok {
			return e.at[i]
		}
	}
	return e.regions[region]
}

// look finds the members of the group that an event leaves standing.
func (g *group) look(st *lookup) {
	open, begun := false, false
	var left set
	for i := range g.entries {
		e := &g.entries[i]
		c := st.cell(e.slot)
		s, found := set{}, span{}
		if e.list != noList && c != absentCell {
			s = e.items(st, g.words)
		} else if found = e.lookAt(st, c, g.open != nil); found.n == 0 {
			return
		} else if found.n == unknown {
			open = true
			continue
		} else {
			s = e.open(found, g.words)
		}
		if begun {
			s = st.meet(left, s)
		}
		if begun, left = true, s; len(s.list)+len(s.bits) == 0 {
			return
		}
	}
	g.tell(left, open, begun, st)
}

// lookAt is find, for an absent value too.
func (e *entry) lookAt(st *lookup, c int32, open bool) span {
	switch {
	case e.cells != nil:
		return e.cells[c]
	case c == absentCell:
		return e.missing(open)
	}
	return e.find(&st.slots[e.slot], c)
}

// tell notes members that passed everywhere, or that are unknown and must be told: all
// of those if no entry has begun to tell members apart.
func (g *group) tell(left set, open, begun bool, st *lookup) {
	if !begun {
		left.bits = g.open
	}
	for _, i := range left.list {
		if !open || g.open[i>>6]>>(i&63)&1 != 0 {
			st.found.note(g.claims[i], open)
		}
	}
	for w, x := range left.bits {
		if rest := len(g.claims) - w<<6; rest < 64 { // beyond are no members
			x &= 1<<rest - 1
		}
		if open {
			x &= g.open[w]
		}
		for ; x != 0; x &= x - 1 {
			st.found.note(g.claims[w<<6+bits.TrailingZeros64(x)], open)
		}
	}
}

// meet returns the members of both of two sets, in memory that the first may have been
// returned in; neither a list nor a bitmap when there is none.
func (st *state) meet(s, t set) set {
	switch {
	case s.bits == nil:
		return set{list: t.among(s.list, st.kept)}
	case t.bits == nil:
		return set{list: s.among(t.list, st.kept)}
	}
	both, some := st.met[:len(s.bits)], uint64(0)
	for w, x := range s.bits {
		x &= t.bits[w]
		both[w] = x
		some |= x
	}
	if some == 0 {
		return set{}
	}
	return set{bits: both}
}

// among writes those of a list that are in the set to dst, which may be the list's own
// memory. It does so without a branch on each of them, which nothing could foretell.
func (s *set) among(list, dst []uint16) []uint16 {
	n := 0
	if s.bits != nil {
		for _, i := range list {
			dst[n] = i
			n += int(s.bits[i>>6] >> (i & 63) & 1)
		}
		return dst[:n]
	}
	rest := s.list
	for _, i := range list {
		at, ok := slices.BinarySearch(rest, i)
		if rest = rest[at:]; ok {
			dst[n] = i
			n++
		}
	}
	return dst[:n]
}

// items returns the members that pass for a list: the union over its items, or what is
// outside of it; neither a list nor a bitmap when there is none.
func (e *entry) items(st *lookup, words int) set {
	st.union, st.spare = st.spare, st.union // the other may be what is left so far
	u, some := st.union[:words], false
	clear(u)
	for _, c := range st.itemsOf(e.slot) {
		found := e.lookAt(st, c, false)
		if found.n == 0 {
			continue
		}
		some = true
		s := e.open(found, words)
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
		some = true
	}
	if !some {
		return set{}
	}
	return set{bits: u}
}
