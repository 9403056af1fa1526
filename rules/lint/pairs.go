package lint

import (
	"fmt"
	"slices"

	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/logic"
)

// maxPairs bounds how many pairs of rules are compared in full: what is beyond is
// said to be undecided.
const maxPairs = 200_000

// pairs looks for rules that others cover, and for overlaps.
func (l *linter) pairs() {
	x := l.meetingPoints()
	left := maxPairs
	for i := range l.rules {
		if l.rules[i].plays() {
			l.covered(i, x, &left)
		}
	}
	l.overlaps(&left)
	if left <= 0 {
		l.add("L0107", "", "", fmt.Sprintf("the pack has too many rules to compare all of them: %d pairs were", maxPairs), "")
	}
}

// plays tells whether a rule can give the outcome a colour on each event that it hits.
func (r *ruleForm) plays() bool {
	return r.ok && !r.dead && !r.Shadow && r.Effect < rules.EffectGreen
}

// proven is where a rule certainly hits: where a clause may fail, unknown is not sure.
func (r *ruleForm) proven() region {
	if r.missing() && slices.ContainsFunc(r.hits, func(b box) bool { return len(b.clauses) > 0 }) {
		return hits(r.normal, false)
	}
	return r.hits
}

// meetings lists the rules that may cover others, by a value that both must take.
type meetings struct {
	slots  []logic.Slot
	points map[logic.Slot]map[any][]int // rules that allow only a few values of a slot
	wide   map[logic.Slot][]int         // rules that allow many
	free   []int                        // rules without a slot that each of their boxes tests
}

// maxPoints bounds the values under which a rule is listed.
const maxPoints = 256

func (l *linter) meetingPoints() *meetings {
	x := &meetings{points: map[logic.Slot]map[any][]int{}, wide: map[logic.Slot][]int{}}
	for j := range l.rules {
		if r := &l.rules[j]; r.plays() && r.Percent >= 100 {
			x.list(j, r.proven())
		}
	}
	for s := range x.points {
		x.slots = append(x.slots, s)
	}
	for s := range x.wide {
		if x.points[s] == nil {
			x.slots = append(x.slots, s)
		}
	}
	slices.SortFunc(x.slots, compareSlots)
	return x
}

func (x *meetings) list(j int, r region) {
	var wide *logic.Slot
	for _, s := range common(r) {
		values, ok := pointsOf(r, s)
		if !ok {
			wide = &s
			continue
		}
		if x.points[s] == nil {
			x.points[s] = map[any][]int{}
		}
		for _, v := range values {
			x.points[s][v] = append(x.points[s][v], j)
		}
		return
	}
	if wide != nil {
		x.wide[*wide] = append(x.wide[*wide], j)
		return
	}
	x.free = append(x.free, j)
}

// common returns the slots that every box tests and that some value, or absence,
// cannot have in any of them: what says nothing of such a slot is not covered.
func common(r region) []logic.Slot {
	if len(r) == 0 {
		return nil
	}
	return slices.DeleteFunc(r[0].slots(), func(s logic.Slot) bool { return r.reaches(s) })
}

// reaches tells whether the boxes together may allow a slot everything.
func (r region) reaches(s logic.Slot) bool {
	var nums logic.Set[int64]
	var texts logic.Set[string]
	absent := false
	for _, b := range r {
		d, ok := b.dims[s]
		if !ok {
			return true
		}
		nums, texts, absent = nums.Or(d.nums), texts.Or(d.texts), absent || d.absent
	}
	if !absent {
		return false
	}
	whole := domain(s, r[0].dims[s].typ)
	return s.Func == logic.ItemsOf || whole.nums.Within(nums) && whole.texts.Within(texts)
}

// pointsOf returns the values that the boxes allow a slot, when they are few.
func pointsOf(r region, s logic.Slot) (values []any, ok bool) {
	for _, b := range r {
		d := b.dims[s]
		if d.absent || d.nums.In || d.texts.In || s.Func == logic.ItemsOf || len(d.nums.Cuts)+len(d.texts.Cuts) > 2*maxPoints {
			return nil, false
		}
		if d.typ == logic.String {
			for i := 0; i < len(d.texts.Cuts); i += 2 {
				if i+1 >= len(d.texts.Cuts) || d.texts.Cuts[i+1] != d.texts.Cuts[i]+"\x00" {
					return nil, false
				}
				values = append(values, d.texts.Cuts[i])
			}
			continue
		}
		for i := 0; i < len(d.nums.Cuts); i += 2 {
			if i+1 >= len(d.nums.Cuts) || d.nums.Cuts[i+1] != d.nums.Cuts[i]+1 {
				return nil, false
			}
			values = append(values, d.nums.Cuts[i])
		}
	}
	return values, true
}

// near returns the rules that may cover one, in order.
func (x *meetings) near(r region) []int {
	list := slices.Clone(x.free)
	for _, b := range r {
		if b.empty() == yes {
			continue
		}
		tested := map[int]bool{}
		for s := range b.dims {
			tested[s.Field] = true
		}
		for _, s := range x.slots {
			if tested[s.Field] {
				list = x.at(list, s, b)
			}
		}
		break // what covers the rule covers its first box
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// at adds the rules that are listed under a slot and may hold the box: one that tests
// another slot of the field says only that the field is there.
func (x *meetings) at(list []int, s logic.Slot, b box) []int {
	list = append(list, x.wide[s]...)
	d, same := b.dims[s]
	if same {
		if v, ok := d.sample(); ok {
			list = append(list, x.points[s][v]...)
		}
		return list
	}
	for _, rules := range x.points[s] {
		list = append(list, rules...)
	}
	return list
}

// sample is some value of a dim, as pointsOf writes it.
func (d dim) sample() (any, bool) {
	if d.typ == logic.String {
		if v := texts(d.texts); len(v) > 0 {
			return v[0], true
		}
		return nil, false
	}
	if n := numbers(d.nums); len(n) > 0 {
		return n[0], true
	}
	return nil, false
}

// covered reports the first rule that hits wherever rule i does, and is as bad.
func (l *linter) covered(i int, x *meetings, left *int) {
	r := &l.rules[i]
	for _, j := range x.near(r.hits) {
		o := &l.rules[j]
		first := l.man.Hit == rules.First
		if j == i || first && j > i || !first && o.Effect > r.Effect {
			continue
		}
		if *left--; *left < 0 {
			return
		}
		if covers(r.hits, o.proven(), r.missing()) != yes {
			continue
		}
		if r.missing() == o.missing() && covers(o.hits, r.proven(), o.missing()) == yes {
			if j < i { // once, at the later one
				l.add("L0105", r.ID, "", "the rule has the same condition as "+o.ID, "join them, or correct one of them")
				return
			}
			continue
		}
		msg := fmt.Sprintf("whenever the rule hits, %s hits too, and is %s", o.ID, o.Effect)
		if first {
			msg = fmt.Sprintf("%s stands above and hits on every event on which the rule would", o.ID)
		}
		l.add("L0104", r.ID, "", msg, "remove the rule, or make "+o.ID+" narrower")
		return
	}
}

// overlaps compares the rules that read the same facts and have different effects.
func (l *linter) overlaps(left *int) {
	same := map[string][]int{}
	var order []string
	for i := range l.rules {
		if !l.rules[i].plays() {
			continue
		}
		sig := fmt.Sprint(l.rules[i].fields)
		if same[sig] == nil {
			order = append(order, sig)
		}
		same[sig] = append(same[sig], i)
	}
	for _, sig := range order {
		list := same[sig]
		for n, j := range list {
			for _, i := range list[:n] {
				if l.rules[i].Effect == l.rules[j].Effect {
					continue
				}
				if *left--; *left < 0 || l.count["L0106"] > MaxFindings && l.count["L0107"] > MaxFindings {
					return
				}
				l.overlap(&l.rules[i], &l.rules[j])
			}
		}
	}
}

func (l *linter) overlap(a, b *ruleForm) {
	both, found := meet(a.hits, b.hits)
	// A worse rule within a milder one is a step, and a milder one within a worse one
	// is covered: reported, or accepted by whoever shadowed it.
	if found == no || covers(a.hits, b.hits, a.missing()) == yes || covers(b.hits, a.hits, b.missing()) == yes {
		return
	}
	if found == undecided {
		l.add("L0107", b.ID, "", fmt.Sprintf("whether the rule overlaps with %s (%s) is undecided: it has clauses that are no tests of one fact", a.ID, a.Effect), "")
		return
	}
	l.add("L0106", b.ID, "", fmt.Sprintf("the rule (%s) overlaps with %s (%s)%s", b.Effect, a.ID, a.Effect, l.example(both)), "")
}

// example writes an event of a box, "" when none can be written down.
func (l *linter) example(b box) string {
	f, ok := l.witness(b, nil)
	if !ok {
		return ""
	}
	text := f.AppendJSON(nil, nil)
	if len(text) > 160 || rules.HoldsPAN(string(text)) {
		return ""
	}
	return ": for example on " + string(text)
}

// witness returns the facts of base, or none, changed to what a box wants. ok is false when a
// field could not be given a value.
func (l *linter) witness(b box, base *rules.Facts) (f *rules.Facts, ok bool) {
	if base == nil {
		base = rules.NewFacts(l.schema)
	}
	f = base.Clone()
	fields := map[int][]logic.Slot{}
	for s := range b.dims {
		fields[s.Field] = append(fields[s.Field], s)
	}
	for i := range l.schema.Len() {
		slots, name := fields[i], l.schema.Field(i).Name
		if len(slots) == 0 {
			continue
		}
		if v := f.At(i); v != nil && b.takes(slots, v) {
			continue // as it is
		}
		v, found := b.value(slots)
		absent := !slices.ContainsFunc(slots, func(s logic.Slot) bool { return !b.dims[s].absent })
		switch {
		case found && l.schema.Field(i).Type == rules.String:
			v = l.familiar(i, slots, b, v)
			fallthrough
		case found:
			if f.Set(name, v) != nil {
				return nil, false
			}
		case absent:
			f.Unset(name)
		default:
			return nil, false
		}
	}
	return f, true
}

// familiar prefers one of the field's known values.
func (l *linter) familiar(field int, slots []logic.Slot, b box, v any) any {
	for _, known := range l.schema.Field(field).Enum {
		if b.takes(slots, known) {
			return known
		}
	}
	return v
}
