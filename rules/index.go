package rules

import (
	"math"
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
	always []int32 // rules that are judged on every event
	words  int     // of a bitmap over the rules

	// Made from the above when the index is complete:
	plan    plan       // of the groups
	views   []slotView // of the slots
	near    []uint16
	entries []textEntry
	boards  []board // instead of few and, where they hold them too, of groups
	whole   bool    // they do
}

// minGroup is how many conjunctions of one signature are worth a group. A group holds
// at most maxGroup of them, and fewer where its bitmaps would take more than
// maxGroupBytes: then there are several.
const (
	minGroup      = 12
	maxGroupBytes = 4 << 20
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
func (t *test) pass(st *lookup) Truth {
	c := st.cell(t.slot)
	if c == absentCell {
		return t.absent
	}
	s := &st.x.slots[t.slot]
	if t.list != noList {
		some := false
		for _, item := range st.itemsOf(t.slot) {
			some = some || t.has(s, item)
		}
		return truthWhen(some == (t.list == someItem))
	}
	return truthWhen(t.has(s, c))
}

func truthWhen(b bool) Truth {
	if b {
		return True
	}
	return False
}

// claim is what a conjunction that stands says: a rule is true, or its tree must be asked.
type claim int32

func claimOf(rule int32, ask bool) claim {
	if ask {
		return claim(rule<<1 | 1)
	}
	return claim(rule << 1)
}

func (c claim) rule() int32 { return int32(c >> 1) }
func (c claim) ask() bool   { return c&1 != 0 }

// state is the memory of one look-up; it is used again.
type state struct {
	cells  []int32    // by slot
	ranges [][2]int32 // by slot, of a list: which of the items are its
	items  []int32    // cells
	found  findings

	// Of a group under way:
	kept   []set   // members have to be in all of them
	unions []set   // of the items of lists
	united []union // parts of unions
}

// findings says of the rules, each a bit, which of them an event found.
type findings struct {
	hits  []uint64 // a conjunction is true
	open  []uint64 // one is neither true nor false
	asks  []uint64 // only the tree can judge
	dirty []uint64 // bit by word of the three: there is something in it
	rare  bool     // there is something in open or asks
}

// reset makes the state fit an index; each leaves it clean otherwise.
func (st *state) reset(x *index) {
	if len(st.cells) != len(x.slots) || len(st.found.hits) != x.words || len(st.kept) <= x.plan.deepest {
		n := x.words
		*st = state{cells: make([]int32, len(x.slots)), ranges: make([][2]int32, len(x.slots)), kept: make([]set, x.plan.deepest+1)}
		words := make([]uint64, 3*n+(n+63)/64)
		st.found = findings{hits: words[:n:n], open: words[n : 2*n : 2*n], asks: words[2*n : 3*n : 3*n], dirty: words[3*n:]}
	}
	clear(st.cells)
	st.items = st.items[:0]
}

// note keeps what a conjunction says of its rule.
func (f *findings) note(c claim, unknown bool) {
	w, bit := uint32(c)>>7, uint64(1)<<(uint32(c)>>1&63)
	f.dirty[w>>6] |= 1 << (w & 63)
	switch {
	case !unknown && !c.ask():
		f.hits[w] |= bit
		return
	case c.ask():
		f.asks[w] |= bit
	default:
		f.open[w] |= bit
	}
	f.rare = true
}

// take returns word w of the findings: the rules that are true, and all, and forgets them.
func (f *findings) take(w int) (hits, all, asks uint64) {
	hits, f.hits[w] = f.hits[w], 0
	if !f.rare {
		return hits, hits, 0
	}
	asks, all = f.asks[w], hits|f.asks[w]|f.open[w]
	f.asks[w], f.open[w] = 0, 0
	return hits, all, asks
}

// lookup is one look-up under way. It lies on the stack, with what is read most.
type lookup struct {
	*state
	x     *index
	has   *[MaxFields / 64]uint64
	texts []string
	nums  []int64
	env   *Env
}

// cell returns the cell of a slot, which is looked up when it is first asked for.
func (st *lookup) cell(slot int32) int32 {
	if c := st.cells[slot]; c != unseen {
		return c
	}
	return st.see(slot)
}

// itemsOf returns the cells of a list, which is there.
func (st *lookup) itemsOf(slot int32) []int32 {
	r := st.ranges[slot]
	return st.items[r[0]:r[1]]
}

// indexer builds an index.
type indexer struct {
	x     *index
	at    map[logic.Slot]int32
	conjs []conj
}

// newIndex indexes the rules of a pack. Rules whose condition is no *Lowered, or has
// a conjunction that no test narrows down, are judged on every event.
func newIndex(m *Manifest, conds []Condition) *index {
	b := &indexer{x: &index{words: (len(conds) + 63) / 64}, at: map[logic.Slot]int32{}}
	always := make([]bool, len(conds))
	for i, c := range conds {
		l, ok := c.(*Lowered)
		if !ok || !indexable(l.Normal()) {
			always[i] = true
			b.x.always = append(b.x.always, int32(i))
			continue
		}
		b.learn(m.Schema, l.Normal())
	}
	for i := range b.x.slots {
		b.x.slots[i].settle()
	}
	for i, c := range conds {
		if !always[i] {
			b.add(int32(i), c.(*Lowered), sensitive(&m.Rules[i]))
		}
	}
	b.divide()
	b.x.complete(math.MaxInt)
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
				b.x.slots = append(b.x.slots, newSlotIndex(a.Slot, a.Type, s))
				b.x.slots[at].known = map[string]int32{}
			}
			b.x.slots[at].learn(a)
		}
	}
}

func (b *indexer) add(rule int32, l *Lowered, sensitive bool) {
	normal := l.Normal()
	for i := range normal {
		c := conj{rule: rule, open: sensitive || l.fallible, ask: len(normal[i].Opaque) > 0}
		never := false
		for k := range normal[i].Atoms {
			a := &normal[i].Atoms[k]
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
		b.cluster(list)
		for part := range slices.Chunk(list, b.groupSize(list)) {
			b.group(part)
		}
	}
	slices.Sort(rest)
	b.x.few.build(b.x, b.conjs, rest)
}

// groupSize is how many of the conjunctions one group takes: a bitmap for each place
// where a range of theirs begins or ends must be affordable.
func (b *indexer) groupSize(list []int) int {
	toggles := 0
	for _, i := range list {
		for k := range b.conjs[i].tests {
			toggles += len(b.conjs[i].tests[k].toggles)
		}
	}
	size := min(len(list), maxGroup)
	for size > 1024 && toggles*size/len(list)*(size/8) > maxGroupBytes {
		size = (size + 1) / 2
	}
	return size
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
	return string(sig)
}

// complete makes what look-ups need besides; ok is false when the groups are not sound,
// or when their sets would take more than most words.
func (x *index) complete(most int) (ok bool) {
	if !x.makePlan(most) {
		return false
	}
	x.makeBoards()
	x.makeViews()
	return true
}

// look finds all rules that are true or not known to be false.
func (x *index) look(env *Env, memory *state) {
	f := env.Facts
	st := &lookup{state: memory, x: x, has: &f.has, texts: f.texts, nums: f.nums, env: env}
	st.reset(x)
	for _, rule := range x.always {
		st.found.note(claimOf(rule, true), false)
	}
	for i := range x.boards {
		x.boards[i].look(st)
	}
	if x.whole {
		return
	}
	x.plan.lookAll(st)
	if len(x.boards) == 0 && len(x.few.conjs) > 0 {
		x.few.look(st)
	}
}
