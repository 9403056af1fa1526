package logic

import (
	"cmp"
	"slices"
)

// Verdict is a truth value. The zero Verdict is Unknown.
type Verdict uint8

const (
	Unknown Verdict = iota
	False
	True
)

func verdict(b bool) Verdict {
	if b {
		return True
	}
	return False
}

func (v Verdict) not() Verdict { return [...]Verdict{Unknown, True, False}[v] }

func (v Verdict) and(w Verdict) Verdict {
	switch {
	case v == False || w == False:
		return False
	case v == True && w == True:
		return True
	}
	return Unknown
}

// Func is what a Slot makes of its field.
type Func uint8

const (
	Plain     Func = iota // the value itself
	LenOf                 // Int
	LowerOf               // String, as the two that follow
	UpperOf               //
	TrimOf                //
	HourOf                // Int, as the one that follows
	WeekdayOf             //
	ListedIn              // Bool: whether the String is a member of the list of index Slot.List
	ItemsOf               // the items of Strings
)

// Slot is a value that is computed once for an event and that atoms test: a fact,
// or a function of a fact that cannot fail. It is absent when the fact is.
type Slot struct {
	Field int
	Func  Func
	List  int // of ListedIn
}

func (s Slot) compare(t Slot) int {
	return cmp.Or(cmp.Compare(s.Field, t.Field), cmp.Compare(s.Func, t.Func), cmp.Compare(s.List, t.List))
}

// Atom is a test of one slot: whether its value is a member of a set.
type Atom struct {
	Slot   Slot
	Type   Type // of the slot's value; String for ItemsOf
	Nums   Set[int64]
	Texts  Set[string] // of the types String and, for ItemsOf, of an item
	Absent Verdict     // when the slot is absent
	// None turns a test of ItemsOf round: true when no item is a member of Texts,
	// where it is otherwise true when some item is.
	None bool
}

// Not returns the opposite test.
func (a Atom) Not() Atom {
	a.Absent = a.Absent.not()
	switch {
	case a.Slot.Func == ItemsOf:
		a.None = !a.None
	case a.Type == String:
		a.Texts = a.Texts.Not()
	default:
		a.Nums = a.Nums.Not()
	}
	return a
}

// Never reports whether no value passes, and Always whether every value does; both
// say nothing of absent ones.
func (a Atom) Never() bool {
	switch {
	case a.Slot.Func == ItemsOf:
		return a.Texts.Empty() && !a.None
	case a.Type == String:
		return a.Texts.Empty()
	}
	return a.Nums.Empty()
}

// Always is the opposite of Never.
func (a Atom) Always() bool { return a.Not().Never() }

func (a Atom) and(b Atom) (Atom, bool) {
	if a.Slot != b.Slot {
		return a, false
	}
	if a.Slot.Func == ItemsOf {
		if !a.None || !b.None {
			return a, false
		}
		a.Texts = a.Texts.Or(b.Texts)
		return a, true
	}
	a.Absent = a.Absent.and(b.Absent)
	if a.Type == String {
		a.Texts = a.Texts.And(b.Texts)
	} else {
		a.Nums = a.Nums.And(b.Nums)
	}
	return a, true
}

func (a Atom) or(b Atom) (Atom, bool) {
	c, ok := a.Not().and(b.Not())
	return c.Not(), ok
}

// Opaque is a clause that the normal form does not look into: it is judged as a
// whole, by its tree.
type Opaque struct {
	Expr *Expr
	Not  bool // the clause is the opposite of Expr
}

// Conjunction is true when all its parts are. An empty one is always true.
type Conjunction struct {
	Atoms  []Atom // by slot
	Opaque []Opaque
}

// Normal is a condition in disjunctive normal form: true when some conjunction is,
// false when each has a false part. Without Opaque clauses it is otherwise unknown;
// with them the tree must be asked, since a clause may fail.
type Normal []Conjunction

// MaxConjunctions bounds a normal form. A part of a condition that would exceed it
// becomes an Opaque clause.
const MaxConjunctions = 64

// Normalize returns the normal form of a tree of type Bool: not is pushed down to
// the leaves, tests of one slot are joined. types gives the type of each field.
func Normalize(e *Expr, types func(field int) Type) Normal {
	n := &normalizer{types}
	return n.of(e, false)
}

type normalizer struct{ types func(field int) Type }

func opaque(e *Expr, not bool) Normal {
	return Normal{{Opaque: []Opaque{{e, not}}}}
}

func one(a Atom, not bool) Normal {
	if not {
		a = a.Not()
	}
	return Normal{{Atoms: []Atom{a}}}
}

// constant is the form of true, which has one empty conjunction, or false, which has none.
func constant(b bool) Normal {
	if b {
		return Normal{{}}
	}
	return Normal{}
}

func (n *normalizer) of(e *Expr, not bool) Normal {
	switch e.Op {
	case Const:
		return constant(e.Val.(bool) != not)
	case Not:
		return n.of(e.Args[0], !not)
	case And, Or:
		a, b := n.of(e.Args[0], not), n.of(e.Args[1], not)
		joined, ok := or(a, b), true
		if (e.Op == And) != not {
			joined, ok = and(a, b)
		}
		if !ok || len(joined) > MaxConjunctions {
			return opaque(e, not)
		}
		return joined
	case Equal, NotEqual:
		if b, ok := e.Args[1].constant().(bool); ok && e.Args[0].Type == Bool {
			return n.of(e.Args[0], not != (b != (e.Op == Equal)))
		}
	}
	if a, ok := n.atom(e); ok {
		return one(a, not)
	}
	return opaque(e, not)
}

func or(a, b Normal) Normal {
	out := slices.Clone(a)
	for _, c := range b {
		if i, joined, ok := alternative(out, c); ok {
			out[i] = joined
		} else {
			out = append(out, c)
		}
	}
	return out
}

// alternative joins a conjunction of one atom with one of the others.
func alternative(among Normal, c Conjunction) (i int, joined Conjunction, ok bool) {
	if len(c.Atoms) != 1 || len(c.Opaque) > 0 {
		return 0, c, false
	}
	for i, d := range among {
		if len(d.Atoms) != 1 || len(d.Opaque) > 0 {
			continue
		}
		if a, ok := d.Atoms[0].or(c.Atoms[0]); ok {
			return i, Conjunction{Atoms: []Atom{a}}, true
		}
	}
	return 0, c, false
}

func and(a, b Normal) (Normal, bool) {
	if len(a)*len(b) > MaxConjunctions {
		return nil, false
	}
	out := make(Normal, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			if c := both(x, y); !c.impossible() {
				out = append(out, c)
			}
		}
	}
	return out, true
}

func both(x, y Conjunction) Conjunction {
	c := Conjunction{Atoms: slices.Clone(x.Atoms), Opaque: slices.Concat(x.Opaque, y.Opaque)}
	for _, b := range y.Atoms {
		c.add(b)
	}
	slices.SortStableFunc(c.Atoms, func(a, b Atom) int { return a.Slot.compare(b.Slot) })
	return c
}

func (c *Conjunction) add(b Atom) {
	for i, a := range c.Atoms {
		if j, ok := a.and(b); ok {
			c.Atoms[i] = j
			return
		}
	}
	c.Atoms = append(c.Atoms, b)
}

// impossible reports whether some part is false whatever the event: then the
// conjunction adds nothing to the whole.
func (c *Conjunction) impossible() bool {
	return slices.ContainsFunc(c.Atoms, func(a Atom) bool { return a.Absent == False && a.Never() })
}
