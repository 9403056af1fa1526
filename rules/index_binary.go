package rules

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/issuant/issuant/internal/word"
	"github.com/issuant/issuant/rules/logic"
)

// The binary form of an index, so that a pack need not be indexed anew when it is
// loaded. Numbers are uvarints unless something else is said; a bool is a number.
//
//	slots: how many, then each: field, function, list, type, texts: the points, texts: the
//	       cuts, numbers: the cuts (varints)
//	groups: how many, then each: rules: how many (at most 4,096), then each: rule, ask; open:
//	       a bool, then as many words; entries: how many, then each: slot, list test, unknown, lists,
//	       words: how many, and 8 bytes of each, big-endian; spans: of the absent, of each
//	       region; points, and the span of each
//	few: conjunctions: how many, then each: rule, open, ask, tests: how many, then each:
//	       slot, list test, absent, in, toggles, points; numbers: those tried always;
//	       of each slot: used, and if so numbers: of the absent, of each point, of each region
//	always: numbers
//
// A list of numbers is how many they are and then each; a span is 0 for the empty set, 1
// for a bitmap, or one more than how many of the lists; then, unless empty, where it begins.

type indexWriter struct{ b []byte }

func (w *indexWriter) num(n int) { w.b = binary.AppendUvarint(w.b, uint64(n)) }

func (w *indexWriter) bool(v bool) {
	n := 0
	if v {
		n = 1
	}
	w.num(n)
}

func (w *indexWriter) texts(list []string) {
	w.num(len(list))
	for _, s := range list {
		w.num(len(s))
		w.b = append(w.b, s...)
	}
}

func writeNums[T int32 | uint16](w *indexWriter, list []T) {
	w.num(len(list))
	for _, n := range list {
		w.num(int(n))
	}
}

func (w *indexWriter) words(bits []uint64) {
	for _, x := range bits {
		w.b = binary.BigEndian.AppendUint64(w.b, x)
	}
}

func (w *indexWriter) span(s span) {
	switch {
	case s.n == 0:
		w.num(0)
		return
	case s.n == bitmap:
		w.num(1)
	default:
		w.num(int(s.n) + 1)
	}
	w.num(int(s.from))
}

// append appends the binary form of x. Equal packs give equal bytes.
func (x *index) append(dst []byte) []byte {
	w := &indexWriter{dst}
	w.num(len(x.slots))
	for i := range x.slots {
		w.slot(&x.slots[i])
	}
	w.num(len(x.groups))
	for i := range x.groups {
		w.group(&x.groups[i])
	}
	w.few(&x.few)
	writeNums(w, x.always)
	return w.b
}

func (w *indexWriter) slot(s *slotIndex) {
	w.num(s.slot.Field)
	w.num(int(s.slot.Func))
	w.num(s.slot.List)
	w.num(int(s.typ))
	w.texts(s.table.texts)
	w.texts(s.texts)
	w.num(len(s.nums))
	for _, n := range s.nums {
		w.b = binary.AppendVarint(w.b, n)
	}
}

func (w *indexWriter) group(g *group) {
	w.num(len(g.claims))
	for _, c := range g.claims {
		w.num(int(c.rule()))
		w.bool(c.ask())
	}
	w.bool(g.open != nil)
	w.words(g.open)
	w.num(len(g.entries))
	for i := range g.entries {
		e := &g.entries[i]
		w.num(int(e.slot))
		w.num(int(e.list))
		w.bool(e.unknown)
		writeNums(w, e.lists)
		w.num(len(e.words))
		w.words(e.words)
		w.span(e.absent)
		for _, s := range e.regions {
			w.span(s)
		}
		writeNums(w, e.points)
		for _, s := range e.at {
			w.span(s)
		}
	}
}

func (w *indexWriter) few(x *fewIndex) {
	w.num(len(x.conjs))
	for i := range x.conjs {
		c := &x.conjs[i]
		w.num(int(c.rule))
		w.bool(c.open)
		w.bool(c.ask)
		w.num(len(c.tests))
		for k := range c.tests {
			t := &c.tests[k]
			w.num(int(t.slot))
			w.num(int(t.list))
			w.num(int(t.absent))
			w.bool(t.in)
			writeNums(w, t.toggles)
			writeNums(w, t.points)
		}
	}
	writeNums(w, x.always)
	for i := range x.slots {
		r := &x.slots[i]
		w.bool(r.used)
		if r.used {
			writeNums(w, r.absent)
			for _, list := range r.points {
				writeNums(w, list)
			}
			for _, list := range r.regions {
				writeNums(w, list)
			}
		}
	}
}

// indexReader reads an index from bytes that may be anyone's: whatever it says, a
// look-up stays within its bounds.
type indexReader struct {
	*logic.Decoder
	x     *index
	s     *Schema
	lists int
	rules int
}

// readIndex reads the index of a pack with that many rules; ok is false when the
// bytes are none.
func readIndex(text string, s *Schema, lists, rules int) (x *index, ok bool) {
	r := &indexReader{Decoder: logic.NewDecoder(text), x: &index{words: (rules + 63) / 64}, s: s, lists: lists, rules: rules}
	for range r.count() {
		if r.Bad {
			break
		}
		r.x.slots = append(r.x.slots, slotIndex{})
		r.slot(&r.x.slots[len(r.x.slots)-1])
	}
	if r.Bad {
		return nil, false
	}
	r.x.groups = make([]group, r.count())
	for i := range r.x.groups {
		r.group(&r.x.groups[i])
	}
	r.few(&r.x.few)
	r.x.always = readNums[int32](r, rules)
	if r.want(r.Left() == 0); r.Bad {
		return nil, false
	}
	return r.x, r.x.complete(len(text))
}

func (r *indexReader) want(ok bool) { r.Bad = r.Bad || !ok }

// below reads a number under a limit.
func (r *indexReader) below(limit int) int {
	n := r.Uvarint()
	if n >= uint64(max(limit, 0)) || r.Bad {
		r.Bad = true
		return 0
	}
	return int(n)
}

func (r *indexReader) bool() bool { return r.below(2) == 1 }

// count reads how many things follow; each takes at least a byte.
func (r *indexReader) count() int { return r.below(r.Left() + 1) }

func readNums[T int32 | uint16](r *indexReader, limit int) []T {
	n := r.count()
	if n == 0 || r.Bad {
		return nil
	}
	list := make([]T, n)
	for i := range list {
		list[i] = T(r.below(limit))
	}
	return list
}

func (r *indexReader) texts() []string {
	n := r.count()
	if n == 0 || r.Bad {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = r.Text()
	}
	return list
}

func (r *indexReader) words(n int) []uint64 {
	b := r.Skip(uint64(n) * 8)
	if r.Bad {
		return nil
	}
	words := make([]uint64, n)
	for i := range words {
		words[i] = bits.ReverseBytes64(word.Load(b, 8*i))
	}
	return words
}

func ascending[T int32 | uint16 | int64 | string](list []T) bool {
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			return false
		}
	}
	return true
}

func (r *indexReader) slot(s *slotIndex) {
	slot := logic.Slot{Field: r.below(r.s.Len()), Func: logic.Func(r.below(int(logic.ItemsOf) + 1)), List: r.below(MaxLists)}
	*s = newSlotIndex(slot, Type(r.below(int(Strings))), r.s)
	r.want(s.typ == slotType(slot.Func, s.of) && (slot.List == 0 || slot.List < r.lists))
	points := r.texts()
	s.texts = r.texts()
	for range r.count() {
		s.nums = append(s.nums, r.Varint())
	}
	r.want(ascending(s.texts) && ascending(s.nums))
	r.want(s.typ == String && len(s.nums) == 0 || s.typ != String && len(s.texts)+len(points) == 0)
	if !r.Bad {
		s.fill(points)
	}
}

// slotType is the type of what a function makes of a field, or 0 when it takes none
// of that type.
func slotType(f logic.Func, field Type) Type {
	switch {
	case f == logic.Plain && field != Strings:
		return field
	case f == logic.LenOf && (field == String || field == Strings):
		return Int
	case f >= logic.LowerOf && f <= logic.TrimOf && field == String:
		return String
	case (f == logic.HourOf || f == logic.WeekdayOf) && field == Time:
		return Int
	case f == logic.ListedIn && field == String:
		return Bool
	case f == logic.ItemsOf && field == Strings:
		return String
	}
	return 0
}

// test reads which slot something tests, and what it asks of a list's items.
func (r *indexReader) test() (slot int32, list listTest) {
	slot, list = int32(r.below(len(r.x.slots))), listTest(r.below(int(noItem)+1))
	if !r.Bad {
		r.want((r.x.slots[slot].slot.Func == logic.ItemsOf) == (list != noList))
	}
	return slot, list
}

func (r *indexReader) group(g *group) {
	n := r.below(maxGroup + 1)
	g.words = (n + 63) / 64
	g.claims = make([]claim, n)
	for i := range g.claims {
		g.claims[i] = claimOf(int32(r.below(r.rules)), r.bool())
	}
	if r.bool() {
		g.open = r.words(g.words)
	}
	entries := r.count()
	r.want(n > 0 && entries > 0)
	if r.Bad {
		return
	}
	g.entries = make([]entry, entries)
	for i := range g.entries {
		r.entry(&g.entries[i], g)
	}
}

func (r *indexReader) entry(e *entry, g *group) {
	n, words := len(g.claims), g.words
	e.slot, e.list = r.test()
	e.unknown = r.bool()
	e.lists = readNums[uint16](r, n)
	e.words = r.words(r.below(r.Left()/8 + 1))
	if r.Bad {
		return
	}
	s := &r.x.slots[e.slot]
	e.absent = r.span(e, words)
	e.regions = r.spans(e, s.regions(), words)
	e.points = readNums[int32](r, len(s.places))
	e.at = r.spans(e, len(e.points), words)
	r.want(ascending(e.points))
}

// span reads a span that lies within an entry's lists or words.
func (r *indexReader) span(e *entry, words int) (s span) {
	switch n := r.below(len(e.lists) + 2); n {
	case 0:
		return span{}
	case 1:
		s = span{uint32(r.below(len(e.words) + 1)), bitmap}
		r.want(int(s.from)+words <= len(e.words))
	default:
		s = span{uint32(r.below(len(e.lists) + 1)), int32(n - 1)}
		r.want(int(s.from)+n-1 <= len(e.lists) && n-1 <= 2*words)
	}
	return s
}

func (r *indexReader) spans(e *entry, n, words int) []span {
	if n > r.Left() {
		r.Bad = true
	}
	if r.Bad {
		return nil
	}
	list := make([]span, n)
	for i := range list {
		list[i] = r.span(e, words)
	}
	return list
}

func (r *indexReader) few(x *fewIndex) {
	n := r.count()
	if r.Bad {
		return
	}
	x.conjs = make([]conj, n)
	for i := range x.conjs {
		c := &x.conjs[i]
		*c = conj{rule: int32(r.below(r.rules)), open: r.bool(), ask: r.bool()}
		tests := r.count()
		if r.Bad {
			return
		}
		c.tests = make([]test, tests)
		for k := range c.tests {
			r.few1(&c.tests[k])
		}
	}
	x.always = readNums[int32](r, n)
	x.slots = make([]reach, len(r.x.slots))
	for i := range x.slots {
		r.reach(&x.slots[i], &r.x.slots[i], n)
	}
}

func (r *indexReader) few1(t *test) {
	t.slot, t.list = r.test()
	t.absent = Truth(r.below(int(Error)))
	t.in = r.bool()
	t.toggles = readNums[int32](r, math.MaxInt32)
	t.points = readNums[int32](r, math.MaxInt32)
	r.want(slices.IsSorted(t.toggles) && slices.IsSorted(t.points))
}

func (r *indexReader) reach(x *reach, s *slotIndex, conjs int) {
	if x.used = r.bool(); !x.used || r.Bad {
		return
	}
	x.list = s.slot.Func == logic.ItemsOf
	x.absent = readNums[int32](r, conjs)
	x.points = make([][]int32, len(s.places))
	for i := range x.points {
		x.points[i] = readNums[int32](r, conjs)
	}
	x.regions = make([][]int32, s.regions())
	for i := range x.regions {
		x.regions[i] = readNums[int32](r, conjs)
	}
}
