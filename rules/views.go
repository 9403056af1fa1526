package rules

import (
	"math"
	"strings"
	"unicode/utf8"

	"github.com/issuant/issuant/rules/logic"
)

// slotView is what a look-up reads of a slot; two of them lie in 64 bytes.
type slotView struct {
	below  int64  // the number before the first that near has a cell of
	from   uint32 // where its part of index.near, or of index.entries, begins
	size   uint32 // of the part, which of entries is a power of two
	points int32
	field  uint16
	column uint16
	sight  sight
	cuts   bool // there are several regions
}

// sight is how a slot's value is come by.
type sight uint8

const (
	seenByFunc sight = iota
	seenAsText
	seenAsNumber
	seenAsFloat
)

// makeViews moves what look-ups read of the slots into memory of the index.
func (x *index) makeViews() {
	near, entries := 0, 0
	for i := range x.slots {
		near += len(x.slots[i].near)
		entries += len(x.slots[i].table.entries)
	}
	x.views, x.near, x.entries = make([]slotView, len(x.slots)), make([]uint16, 0, near), make([]textEntry, 0, entries)
	for i := range x.slots {
		s := &x.slots[i]
		v := slotView{below: s.below, points: s.points, field: s.field, column: s.column, sight: s.sight, cuts: s.regions() > 1}
		if s.typ == String {
			v.from, v.size = uint32(len(x.entries)), uint32(len(s.table.entries))
			x.entries = append(x.entries, s.table.entries...)
		} else {
			v.from, v.size = uint32(len(x.near)), uint32(len(s.near))
			x.near = append(x.near, s.near...)
		}
		s.near, s.table.entries = nil, nil
		x.views[i] = v
	}
}

// see looks up the cell of a slot. What textCell and numCell do is written out, since a
// call would take as long.
func (st *lookup) see(slot int32) int32 {
	x, c := st.x, absentCell
	v := &x.views[slot]
	if st.has[v.field>>6&(MaxFields/64-1)]>>(v.field&63)&1 != 0 {
		switch v.sight {
		case seenAsText:
			text := st.texts[v.column]
			if e, _, _ := entryOf(x.entries, v.from, v.size-1, &x.slots[slot].table.texts, text); e.size != 0 {
				c = firstCell + e.number
			} else {
				c = x.outside(slot, text)
			}
		case seenAsNumber:
			n := st.nums[v.column]
			if v.size > 0 {
				c = int32(x.near[v.near(n)])
			} else {
				c = x.numCell(slot, n)
			}
		case seenAsFloat:
			c = x.numCell(slot, logic.FloatKey(math.Float64frombits(uint64(st.nums[v.column]))))
		default:
			c = st.derive(slot, &x.slots[slot])
		}
	}
	st.cells[slot] = c
	return c
}

// near is where index.near has the cell of a number: what lies beyond is in that of the
// first or the last.
func (v *slotView) near(n int64) uint32 {
	return v.from + uint32(min(max(n, v.below), v.below+int64(v.size)-1)-v.below)
}

// numCell is the cell of a number.
func (x *index) numCell(slot int32, n int64) int32 {
	if v := &x.views[slot]; v.size > 0 {
		return int32(x.near[v.near(n)])
	}
	return firstCell + regionOf(x.slots[slot].nums, n)
}

// textCell is the cell of a text.
func (x *index) textCell(slot int32, text string) int32 {
	v := &x.views[slot]
	if e, _, _ := entryOf(x.entries, v.from, v.size-1, &x.slots[slot].table.texts, text); e.size != 0 {
		return firstCell + e.number
	}
	return x.outside(slot, text)
}

// outside is the cell of a text that is none of the points.
func (x *index) outside(slot int32, text string) int32 {
	c := firstCell + x.views[slot].points
	if x.views[slot].cuts {
		c += x.slots[slot].textRegion(text)
	}
	return c
}

// derive looks up the cell of a function of a fact.
func (st *lookup) derive(slot int32, s *slotIndex) int32 {
	f, text, n := st.env.Facts, "", 0
	if s.of == String {
		text = f.texts[s.column]
	}
	switch s.slot.Func {
	case logic.ItemsOf:
		from := int32(len(st.items))
		for _, item := range f.lists[s.column] {
			st.items = append(st.items, st.x.textCell(slot, item))
		}
		st.ranges[slot] = [2]int32{from, int32(len(st.items))}
		return firstCell
	case logic.ListedIn:
		if l := s.slot.List; l < len(st.env.Lists) && st.env.Lists[l].Contains(text, st.env.Now) {
			n = 1
		}
	case logic.LenOf:
		if n = utf8.RuneCountInString(text); s.of == Strings {
			n = len(f.lists[s.column])
		}
	case logic.LowerOf:
		return st.x.textCell(slot, strings.ToLower(text))
	case logic.UpperOf:
		return st.x.textCell(slot, strings.ToUpper(text))
	case logic.TrimOf:
		return st.x.textCell(slot, strings.TrimSpace(text))
	case logic.HourOf:
		n = int(hour(f.nums[s.column]))
	default:
		n = int(weekday(f.nums[s.column]))
	}
	return st.x.numCell(slot, int64(n))
}
