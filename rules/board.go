package rules

import (
	"math/bits"
	"slices"
)

// board judges up to boardSize conjunctions at once, of whatever signatures: for each
// slot that some of them test it knows who is left in each cell. What is left after the
// last slot is true or unknown.
type board struct {
	columns []column
	claims  []claim
	all     row
}

// row is a set of members of a board. It is no array, since Go keeps those in memory.
type row struct{ low, high uint64 }

func (r *row) add(i int) {
	if i < 64 {
		r.low |= 1 << i
	} else {
		r.high |= 1 << (i - 64)
	}
}

func (r row) has(i int) bool {
	if i < 64 {
		return r.low>>i&1 != 0
	}
	return r.high>>(i-64)&1 != 0
}

func (r row) or(s row) row { return row{r.low | s.low, r.high | s.high} }

// Bounds of boards: members of one, how many there may be, and the bytes of its rows.
const (
	boardSize     = 128
	maxBoards     = 2
	maxBoardBytes = 256 << 10
)

// column is what the members of a board ask of a slot, once.
type column struct {
	slot    int32
	list    listTest
	rows    []row // by cell: who does not fail there; of items, who tests it and has it
	unknown row   // who is unknown when the slot is absent; none of them fails
	free    row   // who does not test the slot
}

// look finds the members that an event leaves standing.
func (b *board) look(st *lookup) {
	left, open := b.all, row{}
	cells := st.cells
	for i := range b.columns {
		c := &b.columns[i]
		cell := cells[c.slot]
		if cell == unseen {
			cell = st.see(c.slot)
		}
		r := c.rows[cell]
		if cell == absentCell {
			open = open.or(c.unknown)
		} else if c.list != noList {
			r = c.items(st)
		}
		left.low &= r.low
		left.high &= r.high
		if left.low|left.high == 0 {
			return
		}
	}
	st.found.noteAll(b.claims, left.low, open.low)
	if len(b.claims) > 64 {
		st.found.noteAll(b.claims[64:], left.high, open.high)
	}
}

// noteAll notes those of up to 64 claims whose bit is set in left.
func (f *findings) noteAll(claims []claim, left, open uint64) {
	for ; left != 0; left &= left - 1 {
		n := bits.TrailingZeros64(left)
		f.note(claims[n], open>>n&1 != 0)
	}
}

// items is who does not fail for the items of a list.
func (c *column) items(st *lookup) row {
	some := row{}
	for _, item := range st.itemsOf(c.slot) {
		some = some.or(c.rows[item])
	}
	if c.list == noItem {
		return row{^some.low, ^some.high}
	}
	return some.or(c.free)
}

// makeBoards puts all conjunctions on a board, when they are few enough for one, or
// those that are in no group on some.
func (x *index) makeBoards() {
	all := len(x.few.conjs)
	for i := range x.groups {
		all += len(x.groups[i].claims)
	}
	if all <= boardSize {
		b := boarder{x: x}
		for i := range x.groups {
			b.group(&x.groups[i])
		}
		b.few(x.few.conjs)
		x.whole = b.done()
		return
	}
	if len(x.few.conjs) > maxBoards*boardSize {
		return
	}
	for conjs := range slices.Chunk(x.few.conjs, boardSize) {
		b := boarder{x: x}
		if b.few(conjs); !b.done() {
			x.boards = nil
			return
		}
	}
}

// boarder makes a board.
type boarder struct {
	x *index
	board
	tested []row // by column: who tests the slot
	nth    map[columnKey]int
	bytes  int
}

// columnKey tells columns apart: a conjunction may test a slot more than once.
type columnKey struct {
	slot int32
	list listTest
	nth  int
}

// column returns the column for a test of members that have tested the slot in the same
// way nth times before, or nil when that would make the board too large.
func (b *boarder) column(slot int32, list listTest, nth int) (c *column, tested *row) {
	key := columnKey{slot, list, nth}
	i, ok := b.nth[key]
	if !ok {
		cells := b.x.slots[slot].cells()
		if b.bytes += cells * boardSize / 8; b.bytes > maxBoardBytes {
			return nil, nil
		}
		if b.nth == nil {
			b.nth = map[columnKey]int{}
		}
		i = len(b.columns)
		b.nth[key] = i
		b.columns = append(b.columns, column{slot: slot, list: list, rows: make([]row, cells)})
		b.tested = append(b.tested, row{})
	}
	return &b.columns[i], &b.tested[i]
}

// group adds the members of a group.
func (b *boarder) group(g *group) {
	base := len(b.claims)
	b.claims = append(b.claims, g.claims...)
	for k := range g.entries {
		e := &g.entries[k]
		nth := 0
		for _, before := range g.entries[:k] {
			if before.slot == e.slot && before.list == e.list {
				nth++
			}
		}
		c, tested := b.column(e.slot, e.list, nth)
		if c == nil {
			return
		}
		s := &b.x.slots[e.slot]
		for cell := firstCell; cell < int32(len(c.rows)); cell++ {
			b.pass(&c.rows[cell], e, e.find(s, cell), base, g.words)
		}
		for i := range g.claims {
			tested.add(base + i)
			if e.unknown && g.open != nil && g.open[i>>6]>>(i&63)&1 != 0 {
				c.rows[absentCell].add(base + i)
				c.unknown.add(base + i)
			}
		}
		if !e.unknown {
			b.pass(&c.rows[absentCell], e, e.absent, base, g.words)
		}
	}
}

// pass adds the members of a span.
func (b *boarder) pass(r *row, e *entry, found span, base, words int) {
	if found.n == 0 {
		return
	}
	s := e.open(found, words)
	for _, i := range s.list {
		r.add(base + int(i))
	}
	eachBit(s.bits, func(i int) {
		if base+i < len(b.claims) { // a file may say otherwise
			r.add(base + i)
		}
	})
}

// few adds conjunctions.
func (b *boarder) few(conjs []conj) {
	for i := range conjs {
		m := len(b.claims)
		b.claims = append(b.claims, claimOf(conjs[i].rule, conjs[i].ask))
		for k := range conjs[i].tests {
			t := &conjs[i].tests[k]
			nth := 0
			for _, before := range conjs[i].tests[:k] {
				if before.slot == t.slot && before.list == t.list {
					nth++
				}
			}
			c, tested := b.column(t.slot, t.list, nth)
			if c == nil {
				return
			}
			tested.add(m)
			s := &b.x.slots[t.slot]
			for cell := firstCell; cell < int32(len(c.rows)); cell++ {
				if t.has(s, cell) {
					c.rows[cell].add(m)
				}
			}
			if t.absent == True || t.absent == Unknown && conjs[i].open {
				c.rows[absentCell].add(m)
			}
			if t.absent == Unknown && conjs[i].open {
				c.unknown.add(m)
			}
		}
	}
}

// done completes the board; ok is false when it would be too large.
func (b *boarder) done() (ok bool) {
	if b.bytes > maxBoardBytes {
		return false
	}
	for i := range b.claims {
		b.all.add(i)
	}
	for i := range b.columns {
		c, tested := &b.columns[i], b.tested[i]
		c.free = row{^tested.low, ^tested.high}
		for cell := range c.rows {
			if c.list == noList || int32(cell) == absentCell {
				c.rows[cell] = c.rows[cell].or(c.free)
			}
		}
	}
	b.order()
	b.x.boards = append(b.x.boards, b.board)
	return true
}

// order sorts the columns: a look-up ends where nobody is left. The next one is always
// the one that rules out most of who is still likely to be there, by what it costs to
// find the cell: a text is looked up in about the time of three numbers.
func (b *boarder) order() {
	const likely = 1 << 16
	var chance [boardSize]int
	for m := range b.claims {
		chance[m] = likely
	}
	fails := make([][boardSize]int, len(b.columns))
	for i := range b.columns {
		fails[i] = b.columns[i].fails(likely)
	}
	for next := range b.columns {
		best, most := next, -1
		for i := next; i < len(b.columns); i++ {
			out := 0
			for m, f := range fails[i] {
				out += chance[m] * f / likely
			}
			if b.x.slots[b.columns[i].slot].typ == String {
				out /= 3
			}
			if out > most {
				best, most = i, out
			}
		}
		b.columns[next], b.columns[best] = b.columns[best], b.columns[next]
		fails[next], fails[best] = fails[best], fails[next]
		for m, f := range fails[next] {
			chance[m] -= chance[m] * f / likely
		}
	}
}

// fails is how many of the slot's cells rule out each member, as a share of whole.
func (c *column) fails(whole int) (share [boardSize]int) {
	for _, r := range c.rows[firstCell:] {
		r = r.or(c.free)
		for m := range share {
			if !r.has(m) {
				share[m]++
			}
		}
	}
	for m := range share {
		share[m] = share[m] * whole / len(c.rows)
	}
	return share
}
