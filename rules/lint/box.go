package lint

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/logic"
)

// dim is what a box says of one slot: the values that the slot may have, and whether
// it may be absent. Of the items of a list it says which sets some item must be in, and in which no
// item may be.
type dim struct {
	typ    logic.Type
	nums   logic.Set[int64]
	texts  logic.Set[string]
	some   []logic.Set[string]
	none   logic.Set[string]
	absent bool
}

// clause is a part that the normal form does not look into; it is equal to another of
// the same key.
type clause struct {
	key string
	not bool
}

// box is a set of events: the product of what each slot may be, within the events for
// which its clauses hold.
type box struct {
	dims    map[logic.Slot]dim
	clauses []clause
}

// region is a union of boxes.
type region []box

// hits returns the events on which a condition is true; with missing, also those on
// which it is unknown.
func hits(n logic.Normal, missing bool) region {
	var out region
	for _, c := range n {
		b := box{dims: map[logic.Slot]dim{}}
		for i := range c.Atoms {
			b = b.test(&c.Atoms[i], missing)
		}
		for _, o := range c.Opaque {
			b.clauses = append(b.clauses, clause{key(o.Expr), o.Not})
		}
		out = append(out, b)
	}
	return out
}

// domain is every value that a slot can have, in a test that all of them pass.
func domain(s logic.Slot, t logic.Type) dim {
	d := dim{typ: t, absent: true}
	switch {
	case s.Func == logic.ItemsOf:
	case t == logic.String:
		d.texts = logic.Everything[string]()
	case s.Func == logic.LenOf:
		d.nums = span(0, rules.MaxStringFact)
	case s.Func == logic.HourOf:
		d.nums = span(0, 23)
	case s.Func == logic.WeekdayOf:
		d.nums = span(1, 7)
	case t == logic.Bool:
		d.nums = span(0, 1)
	case t == logic.Float:
		d.nums = span(logic.FloatKey(-math.MaxFloat64), logic.FloatKey(math.MaxFloat64))
	default:
		d.nums = logic.Everything[int64]()
	}
	return d
}

// span is the set from lo to hi, inclusive; hi is not the greatest int.
func span(lo, hi int64) logic.Set[int64] { return logic.Set[int64]{Cuts: []int64{lo, hi + 1}} }

// test narrows a box to what passes an atom.
func (b box) test(a *logic.Atom, missing bool) box {
	d := domain(a.Slot, a.Type)
	d.absent = a.Absent == logic.True || missing && a.Absent == logic.Unknown
	switch {
	case a.Slot.Func == logic.ItemsOf && a.None:
		d.none = a.Texts
	case a.Slot.Func == logic.ItemsOf:
		d.some = []logic.Set[string]{a.Texts}
	case a.Type == logic.String:
		d.texts = a.Texts
	default:
		d.nums = d.nums.And(a.Nums)
	}
	return b.with(a.Slot, d)
}

// with returns the box with one slot narrowed to d too.
func (b box) with(s logic.Slot, d dim) box {
	dims := make(map[logic.Slot]dim, len(b.dims)+1)
	for k, v := range b.dims {
		dims[k] = v
	}
	if have, ok := dims[s]; ok {
		d = have.and(d)
	}
	dims[s] = d
	return box{dims, b.clauses}
}

func (d dim) and(e dim) dim {
	return dim{d.typ, d.nums.And(e.nums), d.texts.And(e.texts), slices.Concat(d.some, e.some), d.none.Or(e.none), d.absent && e.absent}
}

func (b box) and(c box) box {
	out := box{b.dims, slices.Concat(b.clauses, c.clauses)}
	for s, d := range c.dims {
		out = out.with(s, d)
	}
	return out
}

// possible tells whether the slot may be present.
func (d dim) possible(items bool) bool {
	switch {
	case items:
		return !slices.ContainsFunc(d.some, func(s logic.Set[string]) bool { return s.Within(d.none) })
	case d.typ == logic.String:
		return !d.texts.Empty()
	}
	return !d.nums.Empty()
}

// answer is what can be known of a box or of two. The zero answer is undecided.
type answer uint8

const (
	undecided answer = iota
	yes
	no
)

// empty tells whether no event is in the box.
func (b box) empty() answer {
	fields := map[int][]logic.Slot{}
	for s := range b.dims {
		fields[s.Field] = append(fields[s.Field], s)
	}
	known := no
	for _, slots := range fields {
		absent, present := true, true
		for _, s := range slots {
			absent = absent && b.dims[s].absent
			present = present && b.dims[s].possible(s.Func == logic.ItemsOf)
		}
		switch {
		case !absent && !present:
			return yes
		case !absent && len(slots) > 1 && !b.joint(slots):
			known = undecided
		}
	}
	for i, c := range b.clauses {
		if slices.Contains(b.clauses[:i], clause{c.key, !c.not}) {
			return yes // true and not true: unknown or an error at best
		}
		known = undecided
	}
	return known
}

// joint finds a value of a field for which all of its slots are as the box wants.
func (b box) joint(slots []logic.Slot) bool {
	_, ok := b.value(slots)
	return ok
}

// value returns a value of a field that is as the box wants it, nil when the field
// may be absent and need not be anything.
func (b box) value(slots []logic.Slot) (v any, ok bool) {
	slices.SortFunc(slots, func(x, y logic.Slot) int { return int(x.Func) - int(y.Func) })
	for _, s := range slots {
		for _, v := range b.dims[s].candidates(s) {
			if b.takes(slots, v) {
				return v, true
			}
		}
	}
	return nil, false
}

// takes tells whether all slots of a field are as the box wants when it has the value v.
func (b box) takes(slots []logic.Slot, v any) bool {
	for _, s := range slots {
		if s.Func != logic.ListedIn && !b.dims[s].takes(s, v) {
			return false
		}
	}
	return true
}

func (d dim) takes(s logic.Slot, v any) bool {
	text, _ := v.(string)
	list, isList := v.([]string)
	switch s.Func {
	case logic.ItemsOf:
		for _, set := range d.some {
			if !slices.ContainsFunc(list, set.Contains) {
				return false
			}
		}
		return !slices.ContainsFunc(list, d.none.Contains)
	case logic.LenOf:
		if isList {
			return d.nums.Contains(int64(len(list)))
		}
		return d.nums.Contains(int64(len([]rune(text))))
	case logic.LowerOf:
		return d.texts.Contains(strings.ToLower(text))
	case logic.UpperOf:
		return d.texts.Contains(strings.ToUpper(text))
	case logic.TrimOf:
		return d.texts.Contains(strings.TrimSpace(text))
	case logic.HourOf:
		return d.nums.Contains(int64(v.(time.Time).UTC().Hour()))
	case logic.WeekdayOf:
		return d.nums.Contains(int64((int(v.(time.Time).UTC().Weekday())+6)%7 + 1))
	}
	if d.typ == logic.String {
		return d.texts.Contains(text)
	}
	return d.nums.Contains(number(v))
}

// number is the key under which sets hold a value.
func number(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case float64:
		return logic.FloatKey(v)
	case bool:
		if v {
			return 1
		}
	case time.Time:
		return v.UnixNano()
	}
	return 0
}

// noon is where times to try begin.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// candidates returns values of the slot's field that may be as the dim wants, plain
// ones first.
func (d dim) candidates(s logic.Slot) []any {
	switch {
	case s.Func == logic.ItemsOf:
		return []any{d.items()}
	case s.Func == logic.HourOf, s.Func == logic.WeekdayOf:
		var out []any
		for h := range 24 * 7 {
			out = append(out, noon.Add(time.Duration(h)*time.Hour))
		}
		return out
	case s.Func == logic.LenOf:
		return d.lengths()
	case s.Func == logic.ListedIn:
		return []any{"x"}
	case d.typ == logic.String:
		return texts(d.texts)
	}
	var out []any
	for _, n := range numbers(d.nums) {
		switch d.typ {
		case logic.Int:
			out = append(out, n)
		case logic.Float:
			if f := logic.FloatOf(n); !math.IsNaN(f) && !math.IsInf(f, 0) {
				out = append(out, f)
			}
		case logic.Bool:
			out = append(out, n == 1)
		case logic.Time:
			out = append(out, time.Unix(0, n).UTC())
		}
	}
	return out
}

func (d dim) items() []string {
	list := []string{}
	for _, set := range d.some {
		if slices.ContainsFunc(list, set.Contains) {
			continue
		}
		for _, v := range texts(set.And(d.none.Not())) {
			list = append(list, v.(string))
			break
		}
	}
	return list
}

// lengths returns texts and lists of the lengths at the edges of the set.
func (d dim) lengths() []any {
	var out []any
	for _, n := range numbers(d.nums) {
		if n < 0 || n > rules.MaxListFact {
			continue
		}
		out = append(out, strings.Repeat("x", int(n)))
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf("x%d", i)
		}
		out = append(out, list)
	}
	return out
}

// numbers returns members of a set: round ones, and those at its edges.
func numbers(s logic.Set[int64]) []int64 {
	try := []int64{1, 0, 10, 100, 1000, logic.FloatKey(0.5), logic.FloatKey(1), logic.FloatKey(10), noon.UnixNano()}
	for _, c := range s.Cuts {
		try = append(try, c, c-1, c+1)
	}
	return slices.DeleteFunc(try, func(n int64) bool { return !s.Contains(n) })
}

func texts(s logic.Set[string]) []any {
	var out []any
	try := []string{}
	for i, c := range s.Cuts {
		// A single value is a cut and the least text above it.
		if i+1 < len(s.Cuts) && s.Cuts[i+1] == c+"\x00" || !strings.HasSuffix(c, "\x00") {
			try = append(try, c)
		}
		try = append(try, c+"0")
	}
	for _, v := range append(try, "x", "a", "Z", "0", "other", "") {
		if s.Contains(v) && !slices.Contains(out, any(v)) {
			out = append(out, v)
		}
	}
	return out
}

// key is equal for equal trees.
func key(e *logic.Expr) string {
	var b strings.Builder
	writeKey(&b, e)
	return b.String()
}

func writeKey(b *strings.Builder, e *logic.Expr) {
	fmt.Fprintf(b, "(%d %d %d %d %T%v %q %q %p", e.Op, e.Type, e.Field, e.List, e.Val, e.Val, e.Items, e.Text, foreign(e))
	for _, a := range e.Args {
		writeKey(b, a)
	}
	b.WriteByte(')')
}

// foreign keeps trees apart that only the VM knows: their text is their reason, not
// what they ask.
func foreign(e *logic.Expr) *logic.Expr {
	if e.Op == logic.Foreign {
		return e
	}
	return nil
}
