package rules

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/issuant/issuant/internal/code"
)

// Env is what a condition is judged on.
type Env struct {
	Facts *Facts
	Now   time.Time
	Lists []*List // by index of Manifest.Lists
}

// Condition is a compiled condition. Implementations are immutable, safe for
// concurrent use, pure, and never panic.
type Condition interface {
	// Judge returns the verdict; the code is OK unless the verdict is Error.
	Judge(env *Env) (Truth, code.Code)
	// Cost is the static worst case of the counted cost of one Judge.
	Cost() int64
	// Fields returns the indices of the fields that the condition reads, sorted.
	Fields() []int
	// Leaves judges each leaf comparison on its own, in the order of the text.
	Leaves(env *Env) []Leaf
}

// Direct is what a Condition may have besides: a form of Judge that cannot fail, for
// facts of the schema for which the condition was compiled; nil where there is none.
type Direct interface{ Direct() func(env *Env) Truth }

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

// Run is the result of judging a pack on the facts of one event.
type Run struct {
	Verdicts []Verdict // by rule, in the order of Manifest.Rules
	Sections []Verdict // by section; Ran is false for those after the first that is true
	Section  int       // index of the first section that is true, or -1
	Cost     int64     // counted cost

	env Env
}

// Pack is a compiled pack with its lists. It is immutable and safe for concurrent use.
type Pack struct {
	manifest *Manifest
	id       string
	rules    []Condition
	sections []Condition
	quick    []func(*Env) Truth // by rule: its Direct form, or nil
	modes    []mode             // by rule: what Run asks of each, kept out of the large Rule
	costs    []int64            // by rule
	shadows  bool               // some rule is a shadow rule
	lists    []*List
	greens   []int
	idField  int
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
	p := &Pack{manifest: m, id: m.ID(), rules: rules, sections: sections, idField: -1}
	for i := range m.Rules {
		r := &m.Rules[i]
		p.modes = append(p.modes, mode{shadow: r.Shadow, until: !r.Until.IsZero(), share: r.Percent < 100, hitMissing: r.OnMissing == HitIt})
		p.costs = append(p.costs, rules[i].Cost())
		var quick func(*Env) Truth
		if d, ok := rules[i].(Direct); ok {
			quick = d.Direct()
		}
		p.quick = append(p.quick, quick)
		p.shadows = p.shadows || r.Shadow
	}
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

// Run judges every section and rule on f, which must have the pack's schema. What
// would take the counted cost beyond max_cost is an Error of code Cost, and so is
// everything after it, whatever it would have cost. Sections come first and shadow
// rules last, so that no shadow rule can take the budget of one that counts.
func (p *Pack) Run(f *Facts, now time.Time) Run {
	var run Run
	p.RunInto(&run, f, now)
	return run
}

// RunInto is Run into memory that is used again: whatever run held is overwritten.
func (p *Pack) RunInto(run *Run, f *Facts, now time.Time) {
	run.Section, run.Cost = -1, 0
	run.Verdicts = emptied(run.Verdicts, len(p.rules))
	run.Sections = emptied(run.Sections, len(p.sections))
	run.env = Env{Facts: f, Now: now, Lists: p.lists}
	p.runSections(&run.env, run)
	p.runRules(&run.env, run, false)
	if p.shadows {
		p.runRules(&run.env, run, true)
	}
	run.env = Env{} // keeps nothing alive
}

func emptied(v []Verdict, n int) []Verdict {
	if cap(v) < n {
		return make([]Verdict, n)
	}
	v = v[:n]
	clear(v)
	return v
}

// mode is what Run needs of a rule besides its condition.
type mode struct{ shadow, until, share, hitMissing bool }

func (p *Pack) runSections(env *Env, run *Run) {
	for i, cond := range p.sections {
		v := &run.Sections[i]
		v.Ran = true
		v.Truth, v.Code = p.judge(cond, nil, cond.Cost(), env, &run.Cost)
		if v.Hit = v.Truth == True; v.Hit {
			run.Section = i
			return
		}
	}
}

func (p *Pack) runRules(env *Env, run *Run, shadow bool) {
	same := env.Facts.schema == p.manifest.Schema
	for i, cond := range p.rules {
		m := p.modes[i]
		if m.shadow != shadow || m.shadow && m.until && !env.Now.Before(p.manifest.Rules[i].Until) ||
			m.share && !p.selected(&p.manifest.Rules[i], env.Facts) {
			continue
		}
		v := &run.Verdicts[i]
		v.Ran = true
		quick := p.quick[i]
		if !same {
			quick = nil
		}
		v.Truth, v.Code = p.judge(cond, quick, p.costs[i], env, &run.Cost)
		v.Hit = v.Truth == True || v.Truth == Unknown && m.hitMissing
	}
}

// judge runs a condition, by its Direct form when quick is not nil, within the budget.
func (p *Pack) judge(cond Condition, quick func(*Env) Truth, worst int64, env *Env, cost *int64) (Truth, code.Code) {
	next := *cost + worst
	if next > p.manifest.MaxCost {
		*cost = p.manifest.MaxCost
		return Error, code.Cost
	}
	*cost = next
	if quick != nil {
		return quick(env), code.OK
	}
	return cond.Judge(env)
}

// selected decides a percentage by the hash of event id and rule id, so that it
// is the same in every run and every runtime. An event without id is selected.
func (p *Pack) selected(r *Rule, f *Facts) bool {
	if r.Percent >= 100 || p.idField < 0 {
		return true
	}
	id, ok := f.StringAt(p.idField)
	if !ok {
		return true
	}
	sum := sha256.Sum256([]byte(id + "\x00" + r.ID))
	return binary.BigEndian.Uint64(sum[:8])%100 < uint64(r.Percent)
}
