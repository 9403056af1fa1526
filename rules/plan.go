package rules

import (
	"math/bits"
	"slices"
)

// plan is what look-ups read of the groups: few pieces of memory, each in the order in
// which it is read.
type plan struct {
	heads  []head  // by group
	probes []probe // of one group after another
	tables []set   // by cell, of one probe after another
	loose  []looseTable
	claims []claim // of one group after another
	sets
	deepest int // most probes of a group
}

// head is a group.
type head struct {
	all      set
	first    probe  // a copy of the first of its probes
	from, to uint32 // of these
	claims   uint32 // where its claims begin
	open     uint32 // where the bitmap begins of those that must be told when they are unknown, if there are any
}

// probe is a slot of a group, and which members pass in each of its cells.
type probe struct {
	slot  int32
	table uint32 // where its table begins, or, if loose, its number
	list  listTest
	loose bool
	plain bool // neither a list nor loose
}

// looseTable is the table of a probe where one by cell would be too large.
type looseTable struct {
	points  []int32 // sorted: those at which not the same pass as around them
	at      []set   // of the points
	regions []set
	absent  set
}

// find is the set of a cell.
func (t *looseTable) find(s *slotIndex, c int32) set {
	if c == absentCell {
		return t.absent
	}
	point, region := s.place(c)
	if point >= 0 {
		if i, ok := slices.BinarySearch(t.points, point); ok {
			return t.at[i]
		}
	}
	return t.regions[region]
}

// spread appends the table by cell.
func (t *looseTable) spread(dst []set, s *slotIndex) []set {
	from := len(dst)
	dst = append(dst, set{}, t.absent)
	for _, region := range s.places {
		dst = append(dst, t.regions[region])
	}
	for i, p := range t.points {
		dst[from+int(firstCell+p)] = t.at[i]
	}
	return append(dst, t.regions...)
}

// find is the set of a cell in the table of a probe.
func (pl *plan) find(p *probe, c int32, slots []slotIndex) set {
	if p.loose {
		return pl.loose[p.table].find(&slots[p.slot], c)
	}
	return pl.tables[p.table+uint32(c)]
}

// lookAll finds the members of all groups that an event leaves standing. Most groups have
// none that pass for their first slot.
func (pl *plan) lookAll(st *lookup) {
	cells, tables := st.cells, pl.tables
	for i := range pl.heads {
		h := &pl.heads[i]
		if first := &h.first; first.plain {
			c := cells[first.slot]
			if c == unseen {
				c = st.see(first.slot)
			}
			if s := &tables[first.table+uint32(c)]; s.blocks == 0 && s.at != unknownAt {
				continue
			}
		}
		pl.look(h, st)
	}
}

// look finds the members of a group that an event leaves standing. Where a slot lets no
// member pass that those before let pass, the others are not looked at.
func (pl *plan) look(h *head, st *lookup) {
	kept, cells, n, left, open, lists := st.kept, st.cells, 0, h.all.blocks, false, 0
	probes := pl.probes[h.from:h.to]
	for i := range probes {
		p := &probes[i]
		c := cells[p.slot]
		if c == unseen {
			c = st.see(p.slot)
		}
		var s set
		switch {
		case p.plain:
			s = pl.tables[p.table+uint32(c)]
		case p.list != noList && c != absentCell:
			if left &= pl.unite(p, lists, st); left == 0 {
				return
			}
			lists++
			continue
		default:
			s = pl.find(p, c, st.x.slots)
		}
		if left&s.blocks == 0 {
			if s != unknown {
				return
			}
			open = true
			continue
		}
		if left &= s.blocks; s.at&everyone == 0 || s.single() {
			kept[n] = s
			n++
		}
	}
	if n == 0 {
		kept[0], n = h.all, 1
	}
	pl.tell(h, kept[:n], lists, left, open, st)
}

// union is what a list asks of members: a part of lookup.unions.
type union struct {
	from, to int
	list     listTest
}

// unite gathers the sets of a list's items, after those of as many lists as there were in
// the group before, and returns the blocks that may have members that pass.
func (pl *plan) unite(p *probe, before int, st *lookup) (blocks uint64) {
	if st.united = st.united[:before]; before == 0 {
		st.unions = st.unions[:0]
	}
	u := union{from: len(st.unions), list: p.list}
	for _, c := range st.itemsOf(p.slot) {
		if s := pl.find(p, c, st.x.slots); s.blocks != 0 {
			blocks |= s.blocks
			st.unions = append(st.unions, s)
		}
	}
	u.to = len(st.unions)
	st.united = append(st.united, u)
	if p.list == noItem {
		return ^uint64(0)
	}
	return blocks
}

// tell notes the members, in the blocks that are left, that are in all sets and pass for
// the lists: if open, they are unknown, and those are told that must be.
func (pl *plan) tell(h *head, kept []set, lists int, left uint64, open bool, st *lookup) {
	for ; left != 0; left &= left - 1 {
		i, block := uint32(bits.TrailingZeros64(left)), left&-left
		m := ^uint64(0)
		if open {
			m = pl.words[h.open+i]
		}
		for _, s := range kept {
			m &= pl.word(s, block)
		}
		if m != 0 && lists > 0 {
			m &= pl.united(st.united[:lists], block, st)
		}
		for ; m != 0; m &= m - 1 {
			st.found.note(pl.claims[h.claims+i<<6+uint32(bits.TrailingZeros64(m))], open)
		}
	}
}

// united returns the members of a block that pass for all lists.
func (pl *plan) united(lists []union, block uint64, st *lookup) uint64 {
	pass := ^uint64(0)
	for _, u := range lists {
		some := uint64(0)
		for _, s := range st.unions[u.from:u.to] {
			some |= pl.word(s, block)
		}
		if u.list == noItem {
			some = ^some
		}
		pass &= some
	}
	return pass
}

// makePlan makes the plan of the groups; ok is false when they name members that they
// do not have, or when their sets would take more than most words.
func (x *index) makePlan(most int) (ok bool) {
	p := planner{plan: &x.plan, slots: x.slots, most: most}
	for i := range x.groups {
		p.group(&x.groups[i])
	}
	return !p.bad
}

// planner makes a plan.
type planner struct {
	*plan
	slots []slotIndex
	most  int
	bad   bool

	// Of the group under way:
	g *group
	h head

	regions, at []set // of the probe under way
}

func (p *planner) group(g *group) {
	all := make([]uint64, g.words)
	for i := range g.claims {
		all[i>>6] |= 1 << (i & 63)
	}
	p.g = g
	p.h = head{all: p.keep(all), from: uint32(len(p.probes)), claims: uint32(len(p.claims)), open: uint32(len(p.words))}
	p.words = append(p.words, g.open...)
	p.claims = append(p.claims, g.claims...)
	for i := range g.entries {
		p.probe(&g.entries[i])
	}
	p.h.first, p.h.to = p.probes[p.h.from], uint32(len(p.probes))
	p.heads = append(p.heads, p.h)
	p.deepest = max(p.deepest, len(g.entries))
}

func (p *planner) probe(e *entry) {
	t := looseTable{points: e.points, absent: p.absent(e), regions: p.regions[:0], at: p.at[:0]}
	for r, s := range e.regions {
		if r > 0 && s == e.regions[r-1] {
			t.regions = append(t.regions, t.regions[r-1])
		} else {
			t.regions = append(t.regions, p.set(e, s))
		}
	}
	for _, s := range e.at {
		t.at = append(t.at, p.set(e, s))
	}
	s, to := &p.slots[e.slot], probe{slot: e.slot, list: e.list}
	p.regions, p.at = t.regions, t.at
	if to.loose = len(s.places) > 4*(len(e.points)+len(e.regions))+64; to.loose {
		t.regions, t.at = slices.Clone(t.regions), slices.Clone(t.at)
		to.table, p.loose = uint32(len(p.loose)), append(p.loose, t)
	} else {
		to.table, p.tables = uint32(len(p.tables)), t.spread(p.tables, s)
	}
	to.plain = to.list == noList && !to.loose
	p.probes = append(p.probes, to)
}

// absent is the set of an absent value.
func (p *planner) absent(e *entry) set {
	switch {
	case !e.unknown:
		return p.set(e, e.absent)
	case p.g.open != nil:
		return unknown
	}
	return set{}
}

// set keeps the members of a span.
func (p *planner) set(e *entry, found span) (s set) {
	if p.bad = p.bad || len(p.words) > p.most; p.bad || found.n == 0 {
		return set{}
	}
	members := e.open(found, p.g.words)
	if members.bits != nil {
		s = p.keep(members.bits)
	} else if s = p.keepList(members.list); !ascending(members.list) {
		p.bad = true
	}
	if s.blocks&^p.h.all.blocks != 0 {
		p.bad = true
		return set{}
	}
	last := p.h.all.blocks &^ (p.h.all.blocks >> 1)
	p.bad = p.bad || p.word(s, last)&^p.word(p.h.all, last) != 0
	if s.blocks == p.h.all.blocks && !s.single() && p.size(s) == len(p.g.claims) {
		s.at |= everyone
	}
	return s
}

// size is how many members a set has.
func (m *sets) size(s set) (n int) {
	for b := s.blocks; b != 0; b &= b - 1 {
		n += bits.OnesCount64(m.word(s, b&-b))
	}
	return n
}
