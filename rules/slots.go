package rules

import (
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/issuant/issuant/internal/word"
	"github.com/issuant/issuant/rules/logic"
)

// The index divides the values of a slot into cells that no condition tells apart:
// the texts that conditions name (points), and the regions between the places where
// ranges begin or end (cuts). An event's value is looked up once; after that every
// condition tests small numbers.
//
// Numbers have regions only: a single number is a range of one.

// A cell is a number: those of the points first, in the order of their numbers, and
// those of the regions after them. Of a list the cells of its items are kept, in
// state.items.
const (
	unseen     int32 = iota // the value has not been looked up
	absentCell              // there is no value
	firstCell               // of the values; of a list: it is there
)

// slotIndex is what is known of the values of a slot. What a look-up reads of it is its
// view, and what is too rare for that.
type slotIndex struct {
	sight  sight
	field  uint16
	column uint16
	points int32     // how many
	below  int64     // the number before the first of near
	near   []uint16  // cells of the numbers from below on, where they lie close together; see makeViews
	table  textTable // the points; see makeViews
	keys   []uint64  // of texts: see prefix
	texts  []string  // cuts
	nums   []int64   // cuts
	places []int32   // by point: its region
	typ    Type      // of the value; String of an item
	of     Type      // of the field
	slot   logic.Slot
	known  map[string]int32 // the points, while the index is built
}

// newSlotIndex begins an index of a slot whose values are of type t, over facts of s.
func newSlotIndex(slot logic.Slot, t Type, s *Schema) slotIndex {
	at := s.slots[slot.Field]
	x := slotIndex{slot: slot, typ: t, of: at.typ, field: uint16(slot.Field), column: at.column}
	switch {
	case slot.Func != logic.Plain:
	case t == String:
		x.sight = seenAsText
	case t == Float:
		x.sight = seenAsFloat
	default:
		x.sight = seenAsNumber
	}
	return x
}

// maxNear is how many numbers are worth a table in the place of a search.
const maxNear = 2048

// regions is how many there are.
func (s *slotIndex) regions() int { return len(s.texts) + len(s.nums) + 1 }

// cells is how many cells there are, with those that stand for no value.
func (s *slotIndex) cells() int { return int(firstCell+s.points) + s.regions() }

// place is the point of a cell of a value, or -1, and its region.
func (s *slotIndex) place(c int32) (point, region int32) {
	if c -= firstCell; c >= s.points {
		return -1, c - s.points
	}
	return c, s.places[c]
}

// inRegion is the cell of what is in a region, and at none of the points.
func (s *slotIndex) inRegion(r int32) int32 { return firstCell + s.points + r }

// members is a set of cells: all regions from a toggle on change sides, in tells the
// side of region 0, and the points listed are on the other side than their region.
type members struct {
	in      bool
	toggles []int32
	points  []int32
}

func (m *members) region(r int32) bool {
	in := m.in
	for _, t := range m.toggles {
		if r < t {
			break
		}
		in = !in
	}
	return in
}

// has tells whether a cell of a slot's values is one of them.
func (m *members) has(s *slotIndex, c int32) bool {
	point, region := s.place(c)
	return m.region(region) != (point >= 0 && has32(m.points, point))
}

// has32 searches a sorted list.
func has32(list []int32, v int32) bool {
	if len(list) <= 8 {
		return slices.Contains(list, v)
	}
	_, ok := slices.BinarySearch(list, v)
	return ok
}

// split tells points from ranges: a text alone is a cut before it and one right after.
func split(set logic.Set[string], point func(string), cut func(string)) {
	for i := 0; i < len(set.Cuts); i++ {
		c := set.Cuts[i]
		if i+1 < len(set.Cuts) && len(set.Cuts[i+1]) == len(c)+1 && set.Cuts[i+1][len(c)] == 0 && strings.HasPrefix(set.Cuts[i+1], c) {
			point(c)
			i++
			continue
		}
		cut(c)
	}
}

// learn takes the cells that an atom tells apart; settle ends the learning.
func (s *slotIndex) learn(a *logic.Atom) {
	if a.Type != String {
		s.nums = append(s.nums, a.Nums.Cuts...)
		return
	}
	split(a.Texts, func(p string) {
		if _, ok := s.known[p]; !ok {
			s.known[p] = int32(len(s.known))
		}
	}, func(c string) { s.texts = append(s.texts, c) })
}

func (s *slotIndex) settle() {
	slices.Sort(s.nums)
	s.nums = slices.Compact(s.nums)
	slices.Sort(s.texts)
	s.texts = slices.Compact(s.texts)
	points := make([]string, len(s.known))
	for text, p := range s.known {
		points[p] = text
	}
	s.fill(points)
}

// fill makes what look-ups need from the points and cuts.
func (s *slotIndex) fill(points []string) {
	s.points = int32(len(points))
	s.places = make([]int32, len(points))
	s.keys = make([]uint64, len(s.texts))
	for i, text := range s.texts {
		s.keys[i] = prefix(text)
	}
	for p, text := range points {
		s.places[p] = s.textRegion(text)
	}
	s.table = newTextTable(points)
	s.fillNear()
}

// fillNear makes the table of the numbers from the one before the first cut to the last
// cut: what lies beyond is in the cell of the one or of the other.
func (s *slotIndex) fillNear() {
	n := len(s.nums)
	if n == 0 || s.nums[0] == math.MinInt64 || uint64(s.nums[n-1])-uint64(s.nums[0]) >= maxNear {
		return
	}
	s.below = s.nums[0] - 1
	s.near = make([]uint16, s.nums[n-1]-s.below+1)
	region := 0
	for i := range s.near {
		for region < n && s.nums[region] <= s.below+int64(i) {
			region++
		}
		s.near[i] = uint16(s.inRegion(int32(region)))
	}
}

// regionOf counts the cuts at or below v.
func regionOf(cuts []int64, v int64) int32 {
	if len(cuts) <= 6 {
		n := 0
		for n < len(cuts) && cuts[n] <= v {
			n++
		}
		return int32(n)
	}
	lo, hi := 0, len(cuts)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); cuts[mid] <= v {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return int32(lo)
}

// membersOf translates an atom's set into cells.
func (s *slotIndex) membersOf(a *logic.Atom) (m members) {
	if a.Type != String {
		m.in = a.Nums.In
		for _, c := range a.Nums.Cuts {
			m.toggles = append(m.toggles, regionOf(s.nums, c))
		}
		return m
	}
	m.in = a.Texts.In
	split(a.Texts, func(p string) { m.points = append(m.points, s.known[p]) },
		func(c string) { m.toggles = append(m.toggles, s.textRegion(c)) })
	slices.Sort(m.points)
	return m
}

// prefix is the first eight bytes of a text, as a number: texts are in the order of
// their prefixes, but for those that share one.
func prefix(s string) (key uint64) {
	if len(s) >= 8 {
		return bits.ReverseBytes64(word.Load(s, 0))
	}
	for i := range len(s) {
		key |= uint64(s[i]) << (56 - 8*i)
	}
	return key
}

// textRegion counts the cuts at or below v.
func (s *slotIndex) textRegion(v string) int32 {
	key := prefix(v)
	lo, hi := 0, len(s.keys)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if k := s.keys[mid]; k < key || k == key && s.texts[mid] <= v {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return int32(lo)
}
