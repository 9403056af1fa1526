package rules

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/issuant/issuant/rules/logic"
)

// The index divides the values of a slot into cells that no condition tells apart:
// the texts that conditions name (points), and the regions between the places where
// ranges begin or end (cuts). An event's value is looked up once; after that every
// condition tests small numbers.
//
// Numbers have regions only: a single number is a range of one.

// cell is what is known of a value: its point, or -1, and its region. An absent value
// has region -1. Of a list, point and region bound its items among state.items.
type cell struct{ point, region int32 }

// slotIndex finds the cell of a value.
type slotIndex struct {
	slot   logic.Slot
	typ    Type // of the value; String of an item
	field  Type // of the field
	column uint16
	points map[string]int32 // while the index is built
	table  textTable        // the points
	places []int32          // by point: its region
	texts  []string
	nums   []int64
	near   []int32 // regions of the numbers from least on, where they lie close together
	least  int64
}

// maxNear is how many numbers are worth a table in the place of a search.
const maxNear = 2048

// regions is how many there are.
func (s *slotIndex) regions() int { return len(s.texts) + len(s.nums) + 1 }

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

func (m *members) has(c cell) bool {
	return m.region(c.region) != (c.point >= 0 && has32(m.points, c.point))
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
		if _, ok := s.points[p]; !ok {
			s.points[p] = int32(len(s.points))
		}
	}, func(c string) { s.texts = append(s.texts, c) })
}

func (s *slotIndex) settle() {
	slices.Sort(s.nums)
	s.nums = slices.Compact(s.nums)
	slices.Sort(s.texts)
	s.texts = slices.Compact(s.texts)
	points := make([]string, len(s.points))
	for text, p := range s.points {
		points[p] = text
	}
	s.fill(points)
}

// fill makes what look-ups need from the points and cuts.
func (s *slotIndex) fill(points []string) {
	s.places = make([]int32, len(points))
	if len(s.texts) > 0 {
		for p, text := range points {
			s.places[p] = regionOf(s.texts, text)
		}
	}
	s.table = newTextTable(points)
	if n := len(s.nums); n > 2 && uint64(s.nums[n-1])-uint64(s.nums[0]) < maxNear {
		s.least = s.nums[0]
		s.near = make([]int32, s.nums[n-1]-s.nums[0]+1)
		for i, region := 0, 0; i < len(s.near); i++ {
			for region < n && s.nums[region] <= s.least+int64(i) {
				region++
			}
			s.near[i] = int32(region)
		}
	}
}

// regionOf counts the cuts at or below v.
func regionOf[T int64 | string](cuts []T, v T) int32 {
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
	split(a.Texts, func(p string) { m.points = append(m.points, s.points[p]) },
		func(c string) { m.toggles = append(m.toggles, regionOf(s.texts, c)) })
	slices.Sort(m.points)
	return m
}

func (s *slotIndex) textCell(v string) cell {
	p := s.table.number(v)
	switch {
	case len(s.texts) == 0:
		return cell{p, 0}
	case p >= 0:
		return cell{p, s.places[p]}
	}
	return cell{-1, regionOf(s.texts, v)}
}

func (s *slotIndex) numCell(v int64) cell {
	if len(s.near) > 0 {
		switch i := uint64(v) - uint64(s.least); {
		case i < uint64(len(s.near)):
			return cell{-1, s.near[i]}
		case v < s.least:
			return cell{-1, 0}
		}
		return cell{-1, int32(len(s.nums))}
	}
	return cell{-1, regionOf(s.nums, v)}
}

var absentCell = cell{-1, -1}

// look returns the cell of the slot's value in an event.
func (s *slotIndex) look(env *Env, st *state) cell {
	f := env.Facts
	if !f.Present(s.slot.Field) {
		return absentCell
	}
	switch s.slot.Func {
	case logic.Plain:
		return s.plain(f)
	case logic.ItemsOf:
		c := cell{point: int32(len(st.items))}
		for _, item := range f.lists[s.column] {
			st.items = append(st.items, s.textCell(item))
		}
		c.region = int32(len(st.items))
		return c
	case logic.ListedIn:
		n := int64(0)
		if l := s.slot.List; l < len(env.Lists) && env.Lists[l].Contains(f.texts[s.column], env.Now) {
			n = 1
		}
		return s.numCell(n)
	}
	return s.derived(f)
}

func (s *slotIndex) plain(f *Facts) cell {
	switch s.typ {
	case String:
		return s.textCell(f.texts[s.column])
	case Float:
		return s.numCell(logic.FloatKey(math.Float64frombits(uint64(f.nums[s.column]))))
	}
	return s.numCell(f.nums[s.column])
}

// derived is a function of a fact.
func (s *slotIndex) derived(f *Facts) cell {
	switch s.slot.Func {
	case logic.LenOf:
		if s.field == Strings {
			return s.numCell(int64(len(f.lists[s.column])))
		}
		return s.numCell(int64(utf8.RuneCountInString(f.texts[s.column])))
	case logic.LowerOf:
		return s.textCell(strings.ToLower(f.texts[s.column]))
	case logic.UpperOf:
		return s.textCell(strings.ToUpper(f.texts[s.column]))
	case logic.TrimOf:
		return s.textCell(strings.TrimSpace(f.texts[s.column]))
	case logic.HourOf:
		return s.numCell(hour(f.nums[s.column]))
	}
	return s.numCell(weekday(f.nums[s.column]))
}
