package lint

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/logic"
)

// Bounds of the search for hazards.
const (
	maxBases     = 3 // green events that a rule's own event is built on
	maxWitnesses = 4 // events made for one rule and base
	maxTries     = 3000
)

// hazards looks for facts without which an outcome turns green: on the given events,
// and for each rule on events that it hits and that would else be green.
func (l *linter) hazards() {
	if l.opt.Greenings == nil || l.opt.Green == nil {
		return
	}
	seen := map[string]bool{}
	var bases []*rules.Facts
	for _, ev := range l.opt.Events {
		if l.opt.Green(ev.Facts, ev.Now) {
			if len(bases) < maxBases {
				bases = append(bases, ev.Facts)
			}
			continue
		}
		l.hazard(ev.Facts, ev.Now, "on the event of the test "+quote(ev.Name), "", seen)
	}
	if len(bases) == 0 {
		bases = l.blank()
	}
	for i := range l.rules {
		r := &l.rules[i]
		if !r.plays() || r.OnMissing != rules.Skip || r.Effect == rules.EffectRed || l.man.Default != rules.Green {
			continue // a red rule that cannot be judged keeps the outcome from green
		}
		for _, base := range bases {
			l.tried(r, base, seen)
		}
	}
	if l.tries > maxTries {
		l.add("L0202", "", "", fmt.Sprintf("the pack has too many rules to try each for missing facts: %d events were made", maxTries), "")
	}
}

// blank looks for an event to begin with when no given one is green: what green
// requires, what makes the rules false that must be judged and, where that is not
// enough, one more fact.
func (l *linter) blank() []*rules.Facts {
	now := cmp.Or(l.opt.Now, noon)
	f := rules.NewFacts(l.schema)
	for _, i := range l.pack.GreenRequires() {
		_ = f.Set(l.schema.Field(i).Name, plain(l.schema.Field(i))[0])
	}
	for i := range l.rules {
		f = l.quiet(&l.rules[i], f, now)
	}
	if l.opt.Green(f, now) {
		return []*rules.Facts{f}
	}
	for i := range l.schema.Len() {
		field := l.schema.Field(i)
		if len(field.Enum) == 0 && field.Type != rules.Bool {
			continue
		}
		for _, v := range plain(field) {
			trial := f.Clone()
			if trial.Set(field.Name, v) == nil && l.opt.Green(trial, now) {
				return []*rules.Facts{trial}
			}
		}
	}
	return nil
}

// quiet returns facts on which a rule that must be judged is false, as near to f as can be.
func (l *linter) quiet(r *ruleForm, f *rules.Facts, now time.Time) *rules.Facts {
	if !r.ok || r.Shadow || r.Effect != rules.EffectRed && r.OnMissing == rules.Skip {
		return f
	}
	if t, _ := l.pack.Condition(r.at).Judge(l.pack.Env(f, now)); t == rules.False {
		return f
	}
	for _, b := range l.of(logic.Of(logic.Not, logic.Bool, r.form.Root), false) {
		if g, ok := l.witness(b, f); ok && b.empty() != yes {
			return g
		}
	}
	return f
}

// plain returns values that a field may well have.
func plain(f rules.Field) (list []any) {
	for _, v := range f.Enum {
		if f.Type == rules.String {
			list = append(list, v)
		}
	}
	switch f.Type {
	case rules.String:
		return append(list, "x")
	case rules.Int:
		return []any{int64(1)}
	case rules.Float:
		return []any{0.5}
	case rules.Bool:
		return []any{true, false}
	case rules.Time:
		return []any{noon}
	}
	return []any{[]string{}}
}

// tried makes events that the rule hits, as near to base as can be.
func (l *linter) tried(r *ruleForm, base *rules.Facts, seen map[string]bool) {
	tries := 0
	for _, b := range r.hits {
		if b.empty() == yes {
			continue
		}
		if tries++; tries > maxWitnesses {
			return
		}
		f, ok := l.witness(b, base)
		if !ok {
			continue
		}
		if at, ok := l.schema.Lookup("at"); ok && f.At(at) == nil && l.schema.Field(at).Type == rules.Time {
			_ = f.Set("at", noon) // a fact of every real event
		}
		if l.tries++; l.tries > maxTries {
			return
		}
		l.hazard(f, cmp.Or(l.opt.Now, noon), "on an event that "+r.ID+" hits", r.ID, seen)
	}
}

// hazard asks what an event is without each of its facts. Of findings about one fact
// and rule the first is kept; only is the rule that must have hit, or "".
func (l *linter) hazard(f *rules.Facts, now time.Time, where, only string, seen map[string]bool) {
	names := l.opt.Greenings(f, now)
	if len(names) == 0 {
		return
	}
	for _, name := range names {
		field, ok := l.schema.Lookup(name)
		if !ok {
			continue
		}
		for _, i := range l.hitting(f, now, field) {
			r := &l.rules[i]
			if only != "" && r.ID != only || seen[r.ID+" "+name] {
				continue
			}
			seen[r.ID+" "+name] = true
			l.add("L0201", r.ID, "", fmt.Sprintf("without %s this %s turns green, %s", quote(name), r.Effect, where),
				"list the field in green_requires, or write on_missing: hit")
		}
	}
}

// hitting returns the rules that hit, give a colour and read the field.
func (l *linter) hitting(f *rules.Facts, now time.Time, field int) (list []int) {
	env := l.pack.Env(f, now)
	for i := range l.rules {
		r := &l.rules[i]
		if r.Shadow || r.Effect >= rules.EffectGreen && r.Effect != rules.EffectScore || !slices.Contains(r.fields, field) {
			continue
		}
		if t, _ := l.pack.Condition(i).Judge(env); t == rules.True || t == rules.Unknown && r.missing() {
			list = append(list, i)
		}
	}
	return list
}
