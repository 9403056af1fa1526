package rules

import (
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
	points map[string]int32
	places []int32 // by point: its region
	texts  []string
	nums   []int64
}

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
	s.places = make([]int32, len(s.points))
	for text, p := range s.points {
		s.places[p] = regionOf(s.texts, text)
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
	c := cell{point: -1}
	if p, ok := s.points[v]; ok {
		return cell{p, s.places[p]}
	}
	if len(s.texts) > 0 {
		c.region = regionOf(s.texts, v)
	}
	return c
}

func (s *slotIndex) numCell(v int64) cell { return cell{-1, regionOf(s.nums, v)} }

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
		for _, item := range f.list(s.slot.Field) {
			st.items = append(st.items, s.textCell(item))
		}
		c.region = int32(len(st.items))
		return c
	case logic.ListedIn:
		n := int64(0)
		if l := s.slot.List; l < len(env.Lists) && env.Lists[l].Contains(f.text(s.slot.Field), env.Now) {
			n = 1
		}
		return s.numCell(n)
	}
	return s.derived(f)
}

func (s *slotIndex) plain(f *Facts) cell {
	switch s.typ {
	case String:
		return s.textCell(f.text(s.slot.Field))
	case Float:
		v, _ := f.FloatAt(s.slot.Field)
		return s.numCell(logic.FloatKey(v))
	}
	return s.numCell(f.num(s.slot.Field))
}

// derived is a function of a fact.
func (s *slotIndex) derived(f *Facts) cell {
	i := s.slot.Field
	switch s.slot.Func {
	case logic.LenOf:
		if s.field == Strings {
			return s.numCell(int64(len(f.list(i))))
		}
		return s.numCell(int64(utf8.RuneCountInString(f.text(i))))
	case logic.LowerOf:
		return s.textCell(strings.ToLower(f.text(i)))
	case logic.UpperOf:
		return s.textCell(strings.ToUpper(f.text(i)))
	case logic.TrimOf:
		return s.textCell(strings.TrimSpace(f.text(i)))
	case logic.HourOf:
		return s.numCell(hour(f.num(i)))
	}
	return s.numCell(weekday(f.num(i)))
}

// text returns the present String fact of index i.
func (f *Facts) text(i int) string { return f.texts[f.schema.slots[i].column] }

// list returns the present Strings fact of index i.
func (f *Facts) list(i int) []string { return f.lists[f.schema.slots[i].column] }
