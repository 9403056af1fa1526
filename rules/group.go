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
	rules   []groupRule
	words   int      // of a bitmap over the members
	open    []uint64 // members that must be told when they are unknown; nil when there is none
}

type groupRule struct {
	rule int32
	ask  bool
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
	g := group{words: (len(list) + 63) / 64}
	for n, i := range list {
		c := &b.conjs[i]
		g.rules = append(g.rules, groupRule{c.rule, c.ask})
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
	// The entry that most often lets few members pass comes first: where it lets none
	// pass, the others are not looked at.
	slices.SortStableFunc(g.entries, func(a, b entry) int { return cmp.Compare(a.width(), b.width()) })
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

// width is how many members pass in a cell, on average.
func (e *entry) width() float64 {
	sum := 0
	for i := range e.sets {
		sum += e.sets[i].size()
	}
	if e.list == noItem {
		return math.Inf(1)
	}
	return float64(sum) / float64(len(e.sets))
}

func (s *set) size() int {
	n := len(s.list)
	for _, w := range s.bits {
		n += bits.OnesCount64(w)
	}
	return n
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
	e.fill(s)
}

// fill makes the table by points, where most points of the slot are exceptions.
func (e *entry) fill(s *slotIndex) {
	if len(s.places) <= 4*len(e.points)+64 {
		e.dense = make([]int32, len(s.places))
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
		var s *set
		switch {
		case c.region >= 0 && e.list == noList:
			s = e.at(c)
		case c.region >= 0:
			s = e.items(st.items[c.point:c.region], st.unionAt(i, g.words))
		case !e.unknown:
			s = &e.absent
		case g.open == nil:
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
	if lead >= 0 {
		g.probe(sets, lead, unknown, st)
	} else {
		g.intersect(sets, unknown, st)
	}
}

// tell notes a member that passed everywhere, or that is unknown and must be told.
func (g *group) tell(i int, unknown bool, st *state) {
	if unknown && g.open[i>>6]>>(i&63)&1 == 0 {
		return
	}
	st.note(g.rules[i].rule, unknown, g.rules[i].ask)
}

// probe looks for the members of one short list in the other sets.
func (g *group) probe(sets []*set, lead int, unknown bool, st *state) {
next:
	for _, i := range sets[lead].list {
		for k, s := range sets {
			if k != lead && !s.has(i) {
				continue next
			}
		}
		g.tell(int(i), unknown, st)
	}
}

// intersect meets bitmaps.
func (g *group) intersect(sets []*set, unknown bool, st *state) {
	for w := range g.words {
		x := ^uint64(0)
		if w == g.words-1 && len(g.rules)&63 != 0 {
			x = 1<<(len(g.rules)&63) - 1
		}
		for _, s := range sets {
			x &= s.bits[w]
		}
		for ; x != 0; x &= x - 1 {
			g.tell(w<<6+bits.TrailingZeros64(x), unknown, st)
		}
	}
}

// union is memory for the members that pass for a list.
type union struct {
	set
	mem []uint64
}

func (st *state) unionAt(k, words int) *union {
	for len(st.union) <= k {
		st.union = append(st.union, union{})
	}
	u := &st.union[k]
	if len(u.mem) < words {
		u.mem = make([]uint64, words)
	}
	u.bits = u.mem[:words]
	return u
}

// items returns the members that pass for a list: the union over its items, or what
// is outside of it.
func (e *entry) items(items []cell, u *union) *set {
	clear(u.bits)
	some := false
	for _, c := range items {
		s := e.at(c)
		some = some || !s.empty()
		for _, i := range s.list {
			u.bits[i>>6] |= 1 << (i & 63)
		}
		for w, x := range s.bits {
			u.bits[w] |= x
		}
	}
	switch {
	case e.list == noItem: // members beyond the last are cut off where sets meet
		for w := range u.bits {
			u.bits[w] = ^u.bits[w]
		}
	case !some:
		u.bits = nil
	}
	return &u.set
}
