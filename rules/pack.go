package rules

import (
	"fmt"
	"time"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules/logic"
)

// Env is what a condition is judged on.
type Env struct {
	Facts *Facts
	Now   time.Time
	Lists []*List // by index of Manifest.Lists
}

// Leaf is one comparison, membership test, function call or bare boolean that a
// condition is made of.
type Leaf struct {
	Text   string // as it stands in the source
	Fields []int  // the fields it reads
	Truth  Truth
	Code   code.Code // why Truth is Error
	Flips  []Flip    // one-field changes that may turn the leaf, smallest first
}

// Flip is a candidate change of one field; a nil Value makes it absent.
type Flip struct {
	Field int
	Value any
}

// Verdict is the result for one rule.
type Verdict struct {
	Truth Truth
	Code  code.Code // why Truth is Error
	Hit   bool      // Truth is True, or Unknown under on_missing: hit
	Ran   bool      // false: not selected by percent, or a shadow rule past its until
}

// Note is a rule with something to say: it hit, it failed, or it is unknown and that
// matters, since its on_missing is not skip or it is red.
type Note struct {
	Rule int // index into Manifest.Rules
	Verdict
}

// Run is the result of judging a pack on the facts of one event.
type Run struct {
	Notes    []Note    // in the order of the rules; all others are false, unknown and skipped, or did not run
	Sections []Verdict // by section; Ran is false for those after the first that is true
	Section  int       // index of the first section that is true, or -1
	Cost     int64     // counted cost

	env   Env
	state state
}

// Pack is a compiled pack with its lists. It is immutable and safe for concurrent use.
type Pack struct {
	// What Run reads on every event lies together.
	index    *index
	schema   *Schema
	maxCost  int64
	cost     int64      // of all conditions, but for
	perItem  []itemCost // by list
	sections []Condition
	lists    []*List
	picky    []uint64 // bit by rule: see mode; nil when there is none

	manifest *Manifest
	id       string
	rules    []Condition
	modes    []mode // by rule: what Run asks of each, kept out of the large Rule
	greens   []int
	idField  int
}

// itemCost is what each item of a fact that is a list costs.
type itemCost struct {
	field, column uint16
	each          int64
}

// ErrPack is wrapped by the errors of NewPack and WithLists.
var ErrPack = code.New(code.PackFile, "rules: bad pack")

// NewPack puts a pack together from its manifest and its compiled conditions, one
// for each rule and section. It is for compilers; users call compile.FS or Load.
// The manifest must not be changed afterwards. Lists that are declared but not
// given are empty.
func NewPack(m *Manifest, rules, sections []Condition, lists ...*List) (*Pack, error) {
	if len(rules) != len(m.Rules) || len(sections) != len(m.Sections) {
		return nil, fmt.Errorf("%w: it needs one condition for each rule and section", ErrPack)
	}
	return newPack(m, rules, sections, newIndex(m, rules), lists)
}

func newPack(m *Manifest, rules, sections []Condition, x *index, lists []*List) (*Pack, error) {
	p := &Pack{manifest: m, id: m.ID(), rules: rules, modes: make([]mode, len(rules)), sections: sections, idField: -1}
	for i := range m.Rules {
		p.modes[i] = modeOf(&m.Rules[i], rules[i])
		if p.modes[i].picky {
			if p.picky == nil {
				p.picky = make([]uint64, x.words)
			}
			p.picky[i>>6] |= 1 << (i & 63)
		}
	}
	p.index, p.schema, p.maxCost = x, m.Schema, m.MaxCost
	p.price(flatten(rules, sections))
	for _, name := range m.GreenRequires {
		i, ok := m.Schema.Lookup(name)
		if !ok {
			return nil, fmt.Errorf("%w: green_requires names the unknown field %q", ErrPack, name)
		}
		p.greens = append(p.greens, i)
	}
	if i, ok := m.Schema.Lookup("id"); ok {
		p.idField = i
	}
	p.lists = make([]*List, len(m.Lists))
	for i, d := range m.Lists {
		empty, err := NewList(d.Name, nil)
		if err != nil {
			return nil, err
		}
		p.lists[i] = empty
	}
	return p.WithLists(lists...)
}

// price keeps the cost of all conditions as Run counts it.
func (p *Pack) price(c logic.Cost) {
	p.cost = c.Fixed
	for _, it := range c.PerItem {
		if at := p.schema.slots[it.Field]; at.typ == Strings {
			p.perItem = append(p.perItem, itemCost{uint16(it.Field), at.column, it.Each})
		}
	}
}

// WithLists returns the pack with the given lists in place of those of the same
// name; conditions are not compiled again.
func (p *Pack) WithLists(lists ...*List) (*Pack, error) {
	q := *p
	q.lists = append([]*List(nil), p.lists...)
	for _, l := range lists {
		found := false
		for i, d := range p.manifest.Lists {
			if d.Name == l.Name() {
				q.lists[i], found = l, true
			}
		}
		if !found {
			return nil, fmt.Errorf("%w: list %q is not declared", ErrPack, l.Name())
		}
	}
	return &q, nil
}

// Manifest returns the source form; it must not be changed.
func (p *Pack) Manifest() *Manifest { return p.manifest }

// ID returns the digest of the source: see Manifest.ID.
func (p *Pack) ID() string { return p.id }

// Schema returns the schema whose facts the pack judges.
func (p *Pack) Schema() *Schema { return p.manifest.Schema }

// Lists returns the lists in the order of their declarations; the slice must not be changed.
func (p *Pack) Lists() []*List { return p.lists }

// Condition returns the compiled condition of rule i.
func (p *Pack) Condition(i int) Condition { return p.rules[i] }

// SectionCondition returns the compiled condition of section i.
func (p *Pack) SectionCondition(i int) Condition { return p.sections[i] }

// Env returns what conditions of this pack are judged on.
func (p *Pack) Env(f *Facts, now time.Time) *Env {
	return &Env{Facts: f, Now: now, Lists: p.lists}
}

// GreenRequires returns the indices of the green_requires facts, which must not be changed.
func (p *Pack) GreenRequires() []int { return p.greens }
