package rules

import (
	"math/bits"
	"slices"

	"github.com/issuant/issuant/rules/logic"
)

// index finds the rules that an event makes true, or leaves open, without judging
// the others. It works on the normal forms of the conditions. Conjunctions that test
// the same slots in the same way form a group, in which bitmaps are intersected;
// the others are reached through the most telling of their tests. It is immutable.
type index struct {
	slots  []slotIndex
	groups []group
	few    fewIndex
	always []uint64 // by rule: judged on every event
	rules  int
}

// minGroup is how many conjunctions of one signature are worth a group, maxGroup
// how many one group holds: more make several.
const (
	minGroup = 12
	maxGroup = 1024
)

// conj is a conjunction while the index is built.
type conj struct {
	rule  int32
	open  bool // what it leaves open must be told: unknown is not passed over
	ask   bool // it has clauses that only the tree can judge
	tests []test
}

// test is an atom in terms of cells.
type test struct {
	slot   int32
	list   listTest
	absent Truth // when the slot is absent
	members
}

// listTest is what a test asks of the items of a list.
type listTest uint8

const (
	noList   listTest = iota
	someItem          // is a member
	noItem            // is one
)

// pass judges a test. A list's items are its own business.
func (t *test) pass(st *state) Truth {
	c := st.cells[t.slot]
	if c.region < 0 {
		return t.absent
	}
	if t.list != noList {
		some := false
		for _, item := range st.items[c.point:c.region] {
			some = some || t.has(item)
		}
		return truthWhen(some == (t.list == someItem))
	}
	return truthWhen(t.has(c))
}

func truthWhen(b bool) Truth {
	if b {
		return True
	}
	return False
}

// state is the memory of one look-up; it is used again.
type state struct {
	cells []cell
	items []cell
	hit   []uint64 // by rule: some conjunction is true
	open  []uint64 // by rule: some conjunction is neither true nor false
	ask   []uint64 // by rule: only the tree can judge it
	sets  []set
	union [][]uint64 // by entry of a group: the union over a list's items
}

func (st *state) reset(x *index) {
	words := (x.rules + 63) / 64
	if len(st.cells) != len(x.slots) || len(st.hit) != words {
		*st = state{cells: make([]cell, len(x.slots)), items: st.items, sets: st.sets, union: st.union,
			hit: make([]uint64, words), open: make([]uint64, words), ask: make([]uint64, words)}
	} else {
		clear(st.hit)
		clear(st.open)
	}
	st.items = st.items[:0]
	copy(st.ask, x.always)
}

// builder of an index.
type indexer struct {
	x     *index
	at    map[logic.Slot]int32
	conjs []conj
}

// newIndex indexes the rules of a pack. Rules whose condition is no *Lowered, or has
// a conjunction that no test narrows down, are judged on every event.
func newIndex(m *Manifest, conds []Condition) *index {
	b := &indexer{x: &index{rules: len(conds), always: make([]uint64, (len(conds)+63)/64)}, at: map[logic.Slot]int32{}}
	for i, c := range conds {
		l, ok := c.(*Lowered)
		if !ok || !indexable(l.normal) {
			b.x.always[i>>6] |= 1 << (i & 63)
			continue
		}
		b.learn(m.Schema, l.normal)
	}
	for i := range b.x.slots {
		b.x.slots[i].settle()
	}
	for i, c := range conds {
		if b.x.always[i>>6]&(1<<(i&63)) == 0 {
			b.add(int32(i), c.(*Lowered), sensitive(&m.Rules[i]))
		}
	}
	b.divide()
	return b.x
}

// indexable tells whether every conjunction has a test, or none is needed at all.
func indexable(n logic.Normal) bool {
	return !slices.ContainsFunc(n, func(c logic.Conjunction) bool { return len(c.Atoms) == 0 && len(c.Opaque) > 0 })
}

// sensitive tells whether it matters that a rule is unknown rather than false.
func sensitive(r *Rule) bool {
	return r.OnMissing != Skip || r.Effect == EffectRed && !r.Shadow
}

func (b *indexer) learn(s *Schema, n logic.Normal) {
	for i := range n {
		for k := range n[i].Atoms {
			a := &n[i].Atoms[k]
			at, ok := b.at[a.Slot]
			if !ok {
				at = int32(len(b.x.slots))
				b.at[a.Slot] = at
				b.x.slots = append(b.x.slots, slotIndex{slot: a.Slot, typ: a.Type, field: s.slots[a.Slot.Field].typ, points: map[string]int32{}})
			}
			b.x.slots[at].learn(a)
		}
	}
}

func (b *indexer) add(rule int32, l *Lowered, sensitive bool) {
	for i := range l.normal {
		c := conj{rule: rule, open: sensitive || l.strict, ask: len(l.normal[i].Opaque) > 0}
		never := false
		for k := range l.normal[i].Atoms {
			a := &l.normal[i].Atoms[k]
			t := test{slot: b.at[a.Slot], absent: verdictTruth[a.Absent], members: b.x.slots[b.at[a.Slot]].membersOf(a)}
			if a.Slot.Func == logic.ItemsOf {
				t.list = someItem
				if a.None {
					t.list = noItem
				}
			}
			never = never || !c.open && a.Absent != logic.True && a.Never()
			c.tests = append(c.tests, t)
		}
		if !never {
			b.conjs = append(b.conjs, c)
		}
	}
}

var verdictTruth = [...]Truth{logic.Unknown: Unknown, logic.False: False, logic.True: True}

// divide sorts the conjunctions into groups and the rest.
func (b *indexer) divide() {
	bySignature := map[string][]int{}
	var order []string
	for i := range b.conjs {
		sig := b.conjs[i].signature()
		if len(bySignature[sig]) == 0 {
			order = append(order, sig)
		}
		bySignature[sig] = append(bySignature[sig], i)
	}
	var rest []int
	for _, sig := range order {
		list := bySignature[sig]
		if len(list) < minGroup || sig == "" {
			rest = append(rest, list...)
			continue
		}
		for part := range slices.Chunk(list, maxGroup) {
			b.group(part)
		}
	}
	slices.Sort(rest)
	b.x.few.build(b.x, b.conjs, rest)
}

// signature is equal for conjunctions that can share a group.
func (c *conj) signature() string {
	var sig []byte
	for i := range c.tests {
		t := &c.tests[i]
		mode := byte(t.list)
		if t.absent == Unknown {
			mode |= 4
		}
		sig = append(sig, byte(t.slot), byte(t.slot>>8), mode)
	}
	if len(sig) == 0 {
		return ""
	}
	if c.open {
		sig = append(sig, 1)
	}
	if c.ask {
		sig = append(sig, 2)
	}
	return string(sig)
}

// found notes what a conjunction says of its rule.
func (st *state) found(rule int32, unknown, ask bool) {
	bit := uint64(1) << (rule & 63)
	switch {
	case ask:
		st.ask[rule>>6] |= bit
	case unknown:
		st.open[rule>>6] |= bit
	default:
		st.hit[rule>>6] |= bit
	}
}

// look finds all rules that are true or not known to be false.
func (x *index) look(env *Env, st *state) {
	st.reset(x)
	for i := range x.slots {
		st.cells[i] = x.slots[i].look(env, st)
	}
	for i := range x.groups {
		x.groups[i].look(st)
	}
	x.few.look(st)
}

// each calls f for every rule found, in order.
func (st *state) each(f func(rule int, hit, ask bool)) {
	for w := range st.hit {
		hit, ask := st.hit[w], st.ask[w]
		for all := hit | ask | st.open[w]; all != 0; all &= all - 1 {
			n := bits.TrailingZeros64(all)
			f(w<<6+n, hit>>n&1 == 1, ask>>n&1 == 1)
		}
	}
}
