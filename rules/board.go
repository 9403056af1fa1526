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
	unknown []row // by column: who is unknown when the slot is absent; none of them fails
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

// Bounds of boards.
const (
	boardSize    = 128 // members
	maxBoards    = 2
	maxColumns   = 64
	maxBoardRows = 1 << 14
)

// column is what the members of a board ask of a slot, once.
type column struct {
	rows []row // by cell: who does not fail there; of items, who tests it and has it
	free row   // who does not test the slot
	slot int32
	list listTest
}

// look finds the members that an event leaves standing. Slots that none of those who are
// left tests are not looked up.
func (b *board) look(st *lookup) {
	left, open := b.all, row{}
	cells, columns := st.cells, b.columns
	for i := range columns {
		c := &columns[i]
		if left.low&^c.free.low|left.high&^c.free.high == 0 {
			continue
		}
		cell := cells[c.slot]
		if cell == unseen {
			cell = st.see(c.slot)
		}
		r := c.rows[cell]
		if cell == absentCell {
			open = open.or(b.unknown[i])
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

// boarder makes a board. Until it is done, the free of a column are those who test it.
type boarder struct {
	x *index
	board
	wide []wideColumn // what columns and unknown are made of
	rows int
}

type wideColumn struct {
	column
	unknown row
}

// column returns the column for a test by member m, which may have tested the slot
// before; nil when that would make the board too large.
func (b *boarder) column(slot int32, list listTest, m int) *wideColumn {
	for i := range b.wide {
		if c := &b.wide[i]; c.slot == slot && c.list == list && !c.free.has(m) {
			return c
		}
	}
	cells := b.x.slots[slot].cells()
	if b.rows += cells; b.rows > maxBoardRows || len(b.wide) == maxColumns {
		b.rows = maxBoardRows + 1
		return nil
	}
	b.wide = append(b.wide, wideColumn{column: column{slot: slot, list: list, rows: make([]row, cells)}})
	return &b.wide[len(b.wide)-1]
}

// group adds the members of a group.
func (b *boarder) group(g *group) {
	base := len(b.claims)
	b.claims = append(b.claims, g.claims...)
	for k := range g.entries {
		e := &g.entries[k]
		c := b.column(e.slot, e.list, base)
		if c == nil {
			return
		}
		for cell := firstCell; cell < int32(len(c.rows)); cell++ {
			e.each(e.find(&b.x.slots[e.slot], cell), g.words, base, &c.rows[cell])
		}
		if !e.unknown {
			e.each(e.absent, g.words, base, &c.rows[absentCell])
		}
		for i := range g.claims {
			c.free.add(base + i)
			if e.unknown && g.open != nil && g.open[i>>6]>>(i&63)&1 != 0 {
				c.rows[absentCell].add(base + i)
				c.unknown.add(base + i)
			}
		}
	}
}

// each adds the members of a span to a row, in which the group begins at base.
func (e *entry) each(found span, words, base int, to *row) {
	if found.n == 0 {
		return
	}
	s := e.open(found, words)
	for _, i := range s.list {
		to.add(base + int(i))
	}
	for w, x := range s.bits {
		for ; x != 0; x &= x - 1 {
			to.add(base + w<<6 + bits.TrailingZeros64(x))
		}
	}
}

// few adds conjunctions.
func (b *boarder) few(conjs []conj) {
	for i := range conjs {
		m := len(b.claims)
		b.claims = append(b.claims, claimOf(conjs[i].rule, conjs[i].ask))
		for k := range conjs[i].tests {
			t := &conjs[i].tests[k]
			c := b.column(t.slot, t.list, m)
			if c == nil {
				return
			}
			c.free.add(m)
			for cell := firstCell; cell < int32(len(c.rows)); cell++ {
				if t.has(&b.x.slots[t.slot], cell) {
					c.rows[cell].add(m)
				}
			}
			unknown := t.absent == Unknown && conjs[i].open
			if unknown {
				c.unknown.add(m)
			}
			if unknown || t.absent == True {
				c.rows[absentCell].add(m)
			}
		}
	}
}

// done completes the board; ok is false when it would be too large.
func (b *boarder) done() (ok bool) {
	if b.rows > maxBoardRows {
		return false
	}
	for i := range b.claims {
		b.all.add(i)
	}
	for i := range b.wide {
		c := &b.wide[i]
		c.free = row{^c.free.low, ^c.free.high}
		for cell := range c.rows {
			if c.list == noList || int32(cell) == absentCell {
				c.rows[cell] = c.rows[cell].or(c.free)
			}
		}
	}
	b.order()
	for _, c := range b.wide {
		b.columns, b.unknown = append(b.columns, c.column), append(b.unknown, c.unknown)
	}
	b.x.boards = append(b.x.boards, b.board)
	return true
}

// order sorts the columns: a look-up ends where nobody is left. The next one is always
// the one that rules out most of who is still likely to be there, by what it costs to
// find the cell: a text is looked up in about the time of three numbers.
func (b *boarder) order() {
	const likely = 1 << 16
	chance := [boardSize]int{}
	for m := range b.claims {
		chance[m] = likely
	}
	fails := make([][boardSize]int, len(b.wide))
	for i := range fails {
		b.wide[i].fails(&fails[i], likely)
	}
	for next := range fails {
		best, most := next, -1
		for i := next; i < len(fails); i++ {
			out := 0
			for m := range chance {
				out += chance[m] * fails[i][m] / likely
			}
			if b.x.slots[b.wide[i].slot].typ == String {
				out /= 3
			}
			if out > most {
				best, most = i, out
			}
		}
		b.wide[next], b.wide[best] = b.wide[best], b.wide[next]
		fails[next], fails[best] = fails[best], fails[next]
		for m := range chance {
			chance[m] -= chance[m] * fails[next][m] / likely
		}
	}
}

// fails is how many of the slot's cells rule out each member, as a share of whole.
func (c *wideColumn) fails(share *[boardSize]int, whole int) {
	for m := range share {
		n := 0
		for _, r := range c.rows[firstCell:] {
			if !r.has(m) && !c.free.has(m) {
				n++
			}
		}
		share[m] = n * whole / len(c.rows)
	}
}
