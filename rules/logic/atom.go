package logic

import "slices"

// constant returns the value of a constant, or nil.
func (e *Expr) constant() any {
	if e.Op == Const {
		return e.Val
	}
	return nil
}

// slot finds the slot that an expression of any type but Strings reads; instead is
// what stands for it where it is absent, or nil.
func (n *normalizer) slot(e *Expr) (s Slot, instead any, ok bool) {
	if e.Op == Coalesce {
		s, none, ok := n.slot(e.Args[0])
		v := e.Args[1].constant()
		return s, v, ok && none == nil && v != nil && e.Args[0].Type == e.Args[1].Type
	}
	if e.Op == Field {
		return Slot{Field: e.Field}, nil, n.types(e.Field) != Strings
	}
	f, known := slotFuncs[e.Op]
	if !known || e.Args[0].Op != Field {
		return s, nil, false
	}
	return Slot{Field: e.Args[0].Field, Func: f}, nil, true
}

var slotFuncs = map[Op]Func{Len: LenOf, Lower: LowerOf, Upper: UpperOf, Trim: TrimOf, Hour: HourOf, Weekday: WeekdayOf}

// atom turns a leaf into a test of one slot.
func (n *normalizer) atom(e *Expr) (a Atom, ok bool) {
	switch e.Op {
	case Has:
		a = Atom{Slot: Slot{Field: e.Field}, Type: n.types(e.Field), Absent: False,
			Nums: Everything[int64](), Texts: Everything[string]()}
		if a.Type == Strings { // its length is there when it is
			a.Slot.Func, a.Type = LenOf, Int
		}
		return a, true
	case Field, Coalesce:
		return n.test(e, func(a *Atom) bool { return a.number(Equal, true) })
	case Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual:
		return n.comparison(e)
	case StartsWith:
		prefix, isText := e.Args[1].constant().(string)
		return n.test(e.Args[0], func(a *Atom) bool { a.Texts = prefixed(prefix); return isText })
	case InSet:
		return n.test(e.Args[0], func(a *Atom) bool { return a.members(e.Items) })
	case InRange:
		return n.test(e.Args[0], func(a *Atom) bool {
			a.Nums = from(below(e.Items[0].(int64))).And(from(above(e.Items[1].(int64))).Not())
			return a.Type == Int
		})
	case InList:
		s, instead, ok := n.slot(e.Args[0])
		if !ok || instead != nil || s.Func != Plain {
			return a, false
		}
		s.Func, s.List = ListedIn, e.List
		return Atom{Slot: s, Type: Bool, Nums: Point(int64(1))}, true
	}
	return n.items(e)
}

// test makes an atom on the slot that e reads; fill sets its members.
func (n *normalizer) test(e *Expr, fill func(a *Atom) bool) (a Atom, ok bool) {
	s, instead, ok := n.slot(e)
	if !ok {
		return a, false
	}
	a = Atom{Slot: s, Type: e.Type}
	if !fill(&a) {
		return a, false
	}
	switch v := instead.(type) {
	case nil:
	case string:
		a.Absent = verdict(a.Texts.Contains(v))
	default:
		at, _, ok := cuts(a.Type, v)
		if !ok {
			return a, false
		}
		a.Absent = verdict(a.Nums.Contains(at.at))
	}
	return a, true
}

// turned is the operator when its sides are exchanged.
var turned = map[Op]Op{Equal: Equal, NotEqual: NotEqual, Less: Greater, LessOrEqual: GreaterOrEqual,
	Greater: Less, GreaterOrEqual: LessOrEqual}

func (n *normalizer) comparison(e *Expr) (a Atom, ok bool) {
	op, x, k := e.Op, e.Args[0], e.Args[1].constant()
	if k == nil {
		op, x, k = turned[op], e.Args[1], e.Args[0].constant()
	}
	if k == nil {
		return n.counted(e)
	}
	if x.Op == Count {
		return n.counted(e)
	}
	return n.test(x, func(a *Atom) bool {
		if s, ok := k.(string); ok {
			a.Texts = ordered(op, below(s), above(s))
			return a.Type == String
		}
		return a.number(op, k)
	})
}

func (a *Atom) number(op Op, k any) bool {
	notBelow, beyond, ok := cuts(a.Type, k)
	if ok {
		a.Nums = ordered(op, notBelow, beyond)
	}
	return ok
}

// ordered is the set of values that stand to a constant as op says; the cuts are
// those around the constant.
func ordered[T int64 | string](op Op, notBelow, beyond cut[T]) Set[T] {
	switch op {
	case Less:
		return from(notBelow).Not()
	case LessOrEqual:
		return from(beyond).Not()
	case Greater:
		return from(beyond)
	case GreaterOrEqual:
		return from(notBelow)
	}
	equal := from(notBelow).And(from(beyond).Not())
	if op == NotEqual {
		return equal.Not()
	}
	return equal
}

func (a *Atom) members(items []any) bool {
	if a.Type == String {
		texts, ok := textsOf(items)
		a.Texts = points(texts)
		return ok
	}
	for _, it := range items {
		notBelow, beyond, ok := cuts(a.Type, it)
		if !ok {
			return false
		}
		a.Nums = a.Nums.Or(ordered(Equal, notBelow, beyond))
	}
	return true
}

func textsOf(items []any) (texts []string, ok bool) {
	for _, it := range items {
		s, ok := it.(string)
		if !ok {
			return nil, false
		}
		texts = append(texts, s)
	}
	return texts, true
}

// prefixed is the set of texts that start with prefix.
func prefixed(prefix string) Set[string] {
	end := cut[string]{last: true}
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			end = below(prefix[:i] + string([]byte{prefix[i] + 1}))
			break
		}
	}
	return from(below(prefix)).And(from(end).Not())
}

// items turns a test of a list fact into an atom.
func (n *normalizer) items(e *Expr) (a Atom, ok bool) {
	switch e.Op {
	case InField:
		s, isText := e.Args[0].constant().(string)
		return itemAtom(e.Args[1], Point(s), false, isText)
	case Any, None, All:
		set, ok := itemSet(e.Args[1])
		if e.Op == All {
			set = set.Not()
		}
		return itemAtom(e.Args[0], set, e.Op != Any, ok)
	}
	return a, false
}

func itemAtom(list *Expr, set Set[string], none, ok bool) (Atom, bool) {
	return Atom{Slot: Slot{Field: list.Field, Func: ItemsOf}, Type: String, Texts: set, None: none}, ok && list.Op == Field
}

// counted reads a comparison of a count with 0 or 1 as any or none.
func (n *normalizer) counted(e *Expr) (a Atom, ok bool) {
	op, x, k := e.Op, e.Args[0], e.Args[1].constant()
	if k == nil {
		op, x, k = turned[op], e.Args[1], e.Args[0].constant()
	}
	limit, isInt := k.(int64)
	if !isInt || x.Op != Count {
		return a, false
	}
	set, ok := itemSet(x.Args[1])
	switch {
	case op == Greater && limit == 0, op == GreaterOrEqual && limit == 1, op == NotEqual && limit == 0:
		return itemAtom(x.Args[0], set, false, ok)
	case op == Equal && limit == 0, op == Less && limit == 1, op == LessOrEqual && limit == 0:
		return itemAtom(x.Args[0], set, true, ok)
	}
	return a, false
}

// itemSet returns the texts for which a condition on Item holds, when it reads
// nothing else.
func itemSet(e *Expr) (s Set[string], ok bool) {
	switch e.Op {
	case Const:
		b, ok := e.Val.(bool)
		return Set[string]{In: b}, ok
	case Not:
		s, ok = itemSet(e.Args[0])
		return s.Not(), ok
	case And, Or:
		a, okA := itemSet(e.Args[0])
		b, okB := itemSet(e.Args[1])
		if e.Op == And {
			return a.And(b), okA && okB
		}
		return a.Or(b), okA && okB
	case InSet:
		texts, ok := textsOf(e.Items)
		return points(texts), ok && e.Args[0].Op == Item
	case StartsWith:
		prefix, ok := e.Args[1].constant().(string)
		return prefixed(prefix), ok && e.Args[0].Op == Item
	case Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual:
		op, x, k := e.Op, e.Args[0], e.Args[1].constant()
		if k == nil {
			op, x, k = turned[op], e.Args[1], e.Args[0].constant()
		}
		text, ok := k.(string)
		return ordered(op, below(text), above(text)), ok && x.Op == Item
	}
	return s, false
}

// Slots returns the slots that the atoms of a normal form test, sorted.
func (n Normal) Slots() []Slot {
	var out []Slot
	for _, c := range n {
		for _, a := range c.Atoms {
			out = append(out, a.Slot)
		}
	}
	slices.SortFunc(out, Slot.compare)
	return slices.Compact(out)
}
