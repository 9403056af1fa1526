package lint

import (
	"slices"

	"github.com/issuant/issuant/rules/logic"
)

// maxSteps bounds one question of cover; beyond it the answer is undecided.
const maxSteps = 4000

// coverer answers one question.
type coverer struct{ steps int }

// covers tells whether every event of a is one of b. Clauses that the normal form does
// not look into count as what they are called, nothing more: yes is proven, no is
// proven where neither side has any.
func covers(a, b region, missingA bool) answer {
	known := yes
	for _, x := range a {
		if x.empty() == yes {
			continue
		}
		c := &coverer{}
		var usable []box
		exact := len(x.clauses) == 0
		for _, y := range b {
			if y.given(x, missingA) {
				usable = append(usable, y)
			} else {
				exact = false
			}
		}
		switch c.within(x, usable) {
		case yes:
		case no:
			if exact {
				return no
			}
			known = undecided
		default:
			known = undecided
		}
	}
	return known
}

// given tells whether the clauses of b hold wherever those of a do.
func (b box) given(a box, missing bool) bool {
	for _, c := range b.clauses {
		if missing || !slices.Contains(a.clauses, c) {
			return false
		}
	}
	return true
}

// within takes the boxes away from a, one after the other, and tells whether nothing is left.
func (c *coverer) within(a box, boxes []box) answer {
	if c.steps++; c.steps > maxSteps {
		return undecided
	}
	if a.empty() == yes {
		return yes
	}
	if len(boxes) == 0 {
		if a.empty() == no {
			return no
		}
		return undecided
	}
	b, rest := boxes[0], boxes[1:]
	if a.and(box{dims: b.dims}).empty() == yes {
		return c.within(a, rest)
	}
	known := yes
	for _, s := range b.slots() {
		for _, part := range b.dims[s].parts() {
			outside := a.outside(s, part)
			switch c.within(outside, rest) {
			case no:
				return no
			case undecided:
				known = undecided
			}
			a = a.with(s, part)
		}
	}
	return known
}

func (b box) slots() []logic.Slot {
	list := make([]logic.Slot, 0, len(b.dims))
	for s := range b.dims {
		list = append(list, s)
	}
	slices.SortFunc(list, compareSlots)
	return list
}

func compareSlots(a, b logic.Slot) int {
	if a.Field != b.Field {
		return a.Field - b.Field
	}
	if a.Func != b.Func {
		return int(a.Func) - int(b.Func)
	}
	return a.List - b.List
}

// parts cuts a dim into tests whose opposite is a dim too; together they are the dim.
func (d dim) parts() []dim {
	if len(d.some) == 0 {
		return []dim{d}
	}
	var out []dim
	for _, s := range d.some {
		out = append(out, dim{typ: d.typ, texts: d.texts, some: []logic.Set[string]{s}, absent: d.absent})
	}
	if !d.none.Empty() {
		out = append(out, dim{typ: d.typ, texts: d.texts, none: d.none, absent: d.absent})
	}
	return out
}

// outside is the part of a that does not pass one test of a slot.
func (b box) outside(s logic.Slot, d dim) box {
	not := domain(s, d.typ)
	not.absent = !d.absent
	switch {
	case s.Func == logic.ItemsOf && len(d.some) > 0:
		not.none = d.some[0]
	case s.Func == logic.ItemsOf && d.none.Empty():
		not.some = []logic.Set[string]{{}} // whatever is present passes: what is left is absent
	case s.Func == logic.ItemsOf:
		not.some = []logic.Set[string]{d.none}
	case d.typ == logic.String:
		not.texts = d.texts.Not()
	default:
		not.nums = not.nums.And(d.nums.Not())
	}
	return b.with(s, not)
}

// meet returns a box of events that are in both regions, and whether there are any.
func meet(a, b region) (box, answer) {
	known := no
	for _, x := range a {
		for _, y := range b {
			both := x.and(y)
			switch both.empty() {
			case no:
				return both, yes
			case undecided:
				known = undecided
			}
		}
	}
	return box{}, known
}
