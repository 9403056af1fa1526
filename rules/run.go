package rules

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"time"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules/logic"
)

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
	run.Section, run.Notes = -1, run.Notes[:0]
	run.Sections = emptied(run.Sections, len(p.sections))
	run.env = Env{Facts: f, Now: now, Lists: p.lists}
	if f.schema != p.schema {
		p.runOneByOne(run)
	} else if run.Cost = p.counted(f); run.Cost > p.maxCost {
		p.runOneByOne(run)
	} else {
		p.runIndexed(run)
	}
	run.env = Env{} // keeps nothing alive
}

// counted is the cost of judging all conditions on facts of the pack's schema.
func (p *Pack) counted(f *Facts) int64 {
	sum := p.cost
	for i := range p.perItem {
		if it := &p.perItem[i]; f.has[it.field>>6&(MaxFields/64-1)]>>(it.field&63)&1 != 0 {
			sum = min(sum+it.each*int64(len(f.lists[it.column])), logic.MaxCost)
		}
	}
	return sum
}

func emptied(v []Verdict, n int) []Verdict {
	if cap(v) < n {
		return make([]Verdict, n)
	}
	v = v[:n]
	clear(v)
	return v
}

// Verdicts judges every rule on its own, without the index: what Run does not note
// is here too. It takes as long as all rules together, and serves explanations.
func (p *Pack) Verdicts(f *Facts, now time.Time) []Verdict {
	run := Run{Section: -1, Sections: make([]Verdict, len(p.sections)), env: Env{Facts: f, Now: now, Lists: p.lists}}
	return p.verdicts(&run)
}

// mode is what Run needs of a rule besides its condition.
type mode struct {
	shadow, until, share, hitMissing bool
	sensitive                        bool
	strict                           bool // it may fail: where it is not true the tree must be asked
	picky                            bool // it does not run on every event
}

func modeOf(r *Rule, c Condition) mode {
	l, ok := c.(*Lowered)
	return mode{shadow: r.Shadow, until: !r.Until.IsZero(), share: r.Percent < 100, picky: r.Percent < 100 || !r.Until.IsZero(),
		hitMissing: r.OnMissing == HitIt, sensitive: sensitive(r), strict: !ok || l.fallible}
}

// says tells whether a verdict is one that Run notes.
func (m *mode) says(v Verdict) bool {
	return v.Ran && (v.Hit || v.Truth == Error || v.Truth == Unknown && m.sensitive)
}

// runs tells whether a rule is judged at all: a shadow rule may have ended, and a
// share of the events may be selected.
func (p *Pack) runs(i int, env *Env) bool {
	m := p.modes[i]
	return !(m.shadow && m.until && !env.Now.Before(p.manifest.Rules[i].Until)) &&
		!(m.share && !p.selected(&p.manifest.Rules[i], env.Facts))
}

// runIndexed judges what the index finds. The whole is within the budget.
func (p *Pack) runIndexed(run *Run) {
	env := &run.env
	for i, cond := range p.sections {
		v := &run.Sections[i]
		v.Ran = true
		if v.Truth, v.Code = judge(cond, env); v.Truth == True {
			v.Hit, run.Section = true, i
			break
		}
	}
	p.index.look(env, &run.state)
	p.note(run)
}

// note notes what the index has found, in the order of the rules, and forgets it.
func (p *Pack) note(run *Run) {
	found, notes := &run.state.found, run.Notes
	plain := !found.rare && p.picky == nil
	for d, words := range found.dirty {
		found.dirty[d] = 0
		for ; words != 0; words &= words - 1 {
			w := d<<6 + bits.TrailingZeros64(words)
			if !plain {
				notes = p.noteWord(notes, w, found, &run.env)
				continue
			}
			for hits := found.hits[w]; hits != 0; hits &= hits - 1 {
				notes = append(notes, Note{w<<6 + bits.TrailingZeros64(hits), Verdict{Truth: True, Hit: true, Ran: true}})
			}
			found.hits[w] = 0
		}
	}
	run.Notes, found.rare = notes, false
}

// noteWord notes word w of what was found.
func (p *Pack) noteWord(notes []Note, w int, found *findings, env *Env) []Note {
	hits, all, asks := found.take(w)
	plain := hits
	if p.picky != nil {
		plain &^= p.picky[w]
	}
	for ; all != 0; all &= all - 1 {
		n := bits.TrailingZeros64(all)
		i, v := w<<6+n, Verdict{Truth: True, Hit: true, Ran: true}
		if plain>>n&1 != 0 || p.settle(&v, i, hits>>n&1 != 0, asks>>n&1 != 0, env) {
			notes = append(notes, Note{i, v})
		}
	}
	return notes
}

// settle completes the verdict on a rule that is true, if hit, or else open; says tells
// whether it is to be noted.
func (p *Pack) settle(v *Verdict, i int, hit, ask bool, env *Env) (says bool) {
	m := &p.modes[i]
	if m.picky && !p.runs(i, env) {
		return false
	}
	if hit {
		return true
	}
	if v.Truth = Unknown; m.strict || ask {
		v.Truth, v.Code = judge(p.rules[i], env)
	}
	v.Hit = v.Truth == True || v.Truth == Unknown && m.hitMissing
	return m.says(*v)
}

func judge(c Condition, env *Env) (Truth, code.Code) {
	if l, ok := c.(*Lowered); ok && l.scope.schema == env.Facts.schema {
		return l.judge(env)
	}
	return c.Judge(env)
}

// runOneByOne judges rule after rule until the budget is spent.
func (p *Pack) runOneByOne(run *Run) {
	for i, v := range p.verdicts(run) {
		if p.modes[i].says(v) {
			run.Notes = append(run.Notes, Note{i, v})
		}
	}
}

func (p *Pack) verdicts(run *Run) []Verdict {
	run.Cost = 0
	for i, cond := range p.sections {
		v := &run.Sections[i]
		v.Ran = true
		v.Truth, v.Code = p.within(run, cond)
		if v.Truth == True && run.Section < 0 {
			v.Hit, run.Section = true, i
		}
	}
	if run.Section >= 0 { // those after it count for the cost alone
		clear(run.Sections[run.Section+1:])
	}
	out := make([]Verdict, len(p.rules))
	for _, shadow := range [...]bool{false, true} {
		for i, cond := range p.rules {
			if p.modes[i].shadow != shadow {
				continue
			}
			v := &out[i]
			v.Truth, v.Code = p.within(run, cond)
			v.Hit = v.Truth == True || v.Truth == Unknown && p.modes[i].hitMissing
			if v.Ran = p.runs(i, &run.env); !v.Ran {
				*v = Verdict{}
			}
		}
	}
	return out
}

// within judges a condition if the budget allows.
func (p *Pack) within(run *Run, cond Condition) (Truth, code.Code) {
	next := run.Cost + countedBy(cond, run.env.Facts)
	if next > p.manifest.MaxCost {
		run.Cost = p.manifest.MaxCost
		return Error, code.Cost
	}
	run.Cost = next
	return judge(cond, &run.env)
}

func countedBy(c Condition, f *Facts) int64 {
	if l, ok := c.(*Lowered); ok && l.scope.schema.Equal(f.schema) {
		return l.Counted(f)
	}
	return c.Cost()
}

// flatten is the cost of all conditions of a pack: it is counted for every event,
// whether the index needs to judge a condition or not, so that it does not depend
// on how conditions are judged.
func flatten(groups ...[]Condition) (sum logic.Cost) {
	for _, conds := range groups {
		for _, cond := range conds {
			if l, ok := cond.(*Lowered); ok {
				sum.Add(l.cost)
			} else {
				sum.Add(logic.Cost{Fixed: cond.Cost()})
			}
		}
	}
	return sum
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
