package rules

// fewIndex holds the conjunctions that no group wants. Each is reached through one
// of its tests, the most telling; those without such a test are tried always.
type fewIndex struct {
	conjs  []conj
	always []int32
	slots  []reach // by slot
}

// reach lists, by cell of a slot, the conjunctions to try.
type reach struct {
	points  [][]int32
	regions [][]int32
	absent  []int32
	used    bool
	list    bool
}

// Bounds of what a conjunction may be listed under.
const (
	maxReachPoints  = 64
	maxReachRegions = 64
)

func (x *fewIndex) build(ix *index, conjs []conj, list []int) {
	x.slots = make([]reach, len(ix.slots))
	for _, i := range list {
		x.add(ix, conjs[i])
	}
}

func (x *fewIndex) add(ix *index, c conj) {
	id := int32(len(x.conjs))
	best, cost := -1, 0
	for i := range c.tests {
		if n, ok := c.tests[i].reachable(ix); ok && (best < 0 || n < cost) {
			best, cost = i, n
		}
	}
	x.conjs = append(x.conjs, c)
	if best < 0 {
		x.always = append(x.always, id)
		return
	}
	t := &c.tests[best]
	r := &x.slots[t.slot]
	if !r.used {
		*r = reach{points: make([][]int32, len(ix.slots[t.slot].places)), regions: make([][]int32, ix.slots[t.slot].regions()), used: true, list: t.list != noList}
	}
	for _, p := range t.points {
		if !t.region(ix.slots[t.slot].places[p]) {
			r.points[p] = append(r.points[p], id)
		}
	}
	for n := range r.regions {
		if t.region(int32(n)) {
			r.regions[n] = append(r.regions[n], id)
		}
	}
	if t.absent == True || t.absent == Unknown && c.open {
		r.absent = append(r.absent, id)
	}
}

// reachable tells whether a conjunction may be listed under a test, and the share of
// the slot's cells, in thousandths, that would lead to it.
func (t *test) reachable(ix *index) (share int, ok bool) {
	s := &ix.slots[t.slot]
	cover := 0
	for r := range s.regions() {
		if t.region(int32(r)) {
			cover++
		}
	}
	if len(t.points) > maxReachPoints || cover > maxReachRegions || t.list == noItem {
		return 0, false
	}
	if cover > 0 { // a region is wide: as many events fall into it as into all others
		return 100 + 1000*cover/s.regions(), true
	}
	return 1000 * len(t.points) / (len(s.places) + 1), true
}

func (x *fewIndex) look(st *lookup) {
	x.tryAll(x.always, st)
	for i := range x.slots {
		r := &x.slots[i]
		if !r.used {
			continue
		}
		c := st.cell(int32(i))
		switch {
		case c == absentCell:
			x.tryAll(r.absent, st)
		case r.list:
			for _, item := range st.itemsOf(int32(i)) {
				x.cell(r, &st.x.slots[i], item, st)
			}
		default:
			x.cell(r, &st.x.slots[i], c, st)
		}
	}
}

func (x *fewIndex) cell(r *reach, s *slotIndex, c int32, st *lookup) {
	point, region := s.place(c)
	x.tryAll(r.regions[region], st)
	if point >= 0 {
		x.tryAll(r.points[point], st)
	}
}

func (x *fewIndex) tryAll(ids []int32, st *lookup) {
	for _, id := range ids {
		x.try(id, st)
	}
}

func (x *fewIndex) try(id int32, st *lookup) {
	c := &x.conjs[id]
	unknown := false
	for i := range c.tests {
		switch c.tests[i].pass(st) {
		case False:
			return
		case Unknown:
			if !c.open {
				return
			}
			unknown = true
		}
	}
	st.found.note(claimOf(c.rule, c.ask), unknown)
}
