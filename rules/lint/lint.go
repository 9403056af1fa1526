package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/logic"
)

// Finding is one thing that lint has to say.
type Finding struct {
	Code    string
	Level   Level
	Rule    string // id, or "" when it is not of a rule
	Section string // name, or ""
	Clause  string // the text of the clause that it is about, or ""
	File    string // of findings in texts: the file, below the pack's folder; else ""
	Line    int    // 1-based, of File
	Column  int    // 1-based, in characters
	End     int    // first column after it
	Message string // a sentence without a full stop; it quotes no card number
	Hint    string // what to do, or ""
}

// Counterpart is a sender of events: the fields that its events can have, with what an
// issuer usually gathers besides. A name that ends in ".*" stands for a group.
type Counterpart struct {
	Name   string
	Fields []string
}

// Event is an event to look for missing-field hazards on.
type Event struct {
	Name string // for messages: the name of the test case
	*rules.Facts
	Now time.Time
}

// Options of Pack. The zero Options are ready to use: they look for no hazards.
type Options struct {
	Counterparts []Counterpart
	// Greenings returns the names of the facts without which, each alone, an outcome
	// that is not green turns green: engine.FindGreenings. Nil looks for no hazards.
	Greenings func(f *rules.Facts, now time.Time) []string
	// Green tells whether the pack's outcome on an event is green. It must be set with Greenings.
	Green  func(f *rules.Facts, now time.Time) bool
	Events []Event   // in addition to events that are made for each rule
	Now    time.Time // for events that are made, and for shadow rules that end
}

// MaxFindings bounds the findings of one code, inclusive: a pack of ten thousand rules
// can have a hundred million overlaps.
const MaxFindings = 100

// Pack returns what is found in a pack, sorted by rule in the order of the pack, and
// how many findings were left out for MaxFindings. It is deterministic.
func Pack(p *rules.Pack, opt Options) (found []Finding, more int) {
	l := &linter{pack: p, man: p.Manifest(), schema: p.Schema(), opt: opt, count: map[string]int{}}
	for i := range l.man.Rules {
		l.rules = append(l.rules, l.read(i))
	}
	for i := range l.rules {
		l.rule(&l.rules[i])
	}
	l.sections()
	l.pairs()
	l.hazards()
	order := map[string]int{}
	for i := range l.man.Rules {
		order[l.man.Rules[i].ID] = i + 1
	}
	slices.SortStableFunc(l.found, func(a, b Finding) int { return cmp.Compare(order[a.Rule], order[b.Rule]) })
	return l.found, l.more
}

type linter struct {
	pack   *rules.Pack
	man    *rules.Manifest
	schema *rules.Schema
	opt    Options
	rules  []ruleForm
	found  []Finding
	count  map[string]int
	more   int
	tries  int // events made to look for hazards
}

// ruleForm is a rule as sets of events.
type ruleForm struct {
	*rules.Rule
	at     int // its index in the pack
	form   rules.Form
	normal logic.Normal
	fields []int
	hits   region
	dead   bool // it can never hit
	ok     bool // it has a lowered form
}

func (l *linter) read(i int) ruleForm {
	r := ruleForm{Rule: &l.man.Rules[i], at: i, fields: l.pack.Condition(i).Fields()}
	if c, ok := l.pack.Condition(i).(*rules.Lowered); ok {
		r.form, r.normal, r.ok = c.Form(), c.Normal(), true
		r.hits = hits(r.normal, r.missing())
	}
	return r
}

// missing tells whether the rule hits where its condition is unknown.
func (r *ruleForm) missing() bool { return r.OnMissing == rules.HitIt }

func (l *linter) add(code, rule, clause, msg, hint string) {
	if l.count[code]++; l.count[code] > MaxFindings {
		l.more++
		return
	}
	l.found = append(l.found, Finding{Code: code, Level: levelOf(code), Rule: rule, Clause: clause, Message: msg, Hint: hint})
}

func quote(s string) string {
	runes := []rune(strings.Join(strings.Fields(s), " "))
	if len(runes) > 80 {
		runes = append(runes[:77], '.', '.', '.')
	}
	return "`" + string(runes) + "`"
}

// rule says what can be said of one rule alone.
func (l *linter) rule(r *ruleForm) {
	l.unjudgeable(r)
	l.labels(r)
	if r.Shadow && !r.Until.IsZero() && !l.opt.Now.IsZero() && !l.opt.Now.Before(r.Until) {
		l.add("L0601", r.ID, "", "the shadow rule ended on "+r.Until.UTC().Format(time.DateOnly), "make it a rule, give it more time, or remove it")
	}
	if !r.ok {
		return
	}
	g := &groups{linter: l, rule: r}
	if allEmpty(r.hits) {
		r.dead = true
		msg := "the rule can never hit"
		if a, b, ok := g.contradiction(r.form.Root); ok {
			msg += ": " + quote(g.text(a)) + " and " + quote(g.text(b)) + " exclude each other"
			l.add("L0101", r.ID, g.first(a), msg, "correct the condition, or remove the rule")
			return
		}
		l.add("L0101", r.ID, "", msg, "correct the condition, or remove the rule")
		return
	}
	g.walk(r.form.Root)
	l.index(r)
}

func allEmpty(r region) bool {
	return !slices.ContainsFunc(r, func(b box) bool { return b.empty() != yes })
}

// of returns the events on which an expression is true, or is not false.
func (l *linter) of(e *logic.Expr, missing bool) region {
	return hits(logic.Normalize(e, l.typeOf), missing)
}

func (l *linter) typeOf(field int) logic.Type { return l.schema.Field(field).Type }

// sections says which sections never apply.
func (l *linter) sections() {
	var before region
	for i, s := range l.man.Sections {
		c, ok := l.pack.SectionCondition(i).(*rules.Lowered)
		if !ok {
			continue
		}
		own := hits(c.Normal(), false)
		msg := ""
		switch {
		case allEmpty(own):
			msg = fmt.Sprintf("the section %s never applies: its condition is never true", quote(s.Name))
		case covers(own, before, false) == yes:
			msg = fmt.Sprintf("the section %s never applies: the sections before it take all of its events", quote(s.Name))
		}
		if msg != "" {
			l.add("L0108", "", "", msg, "correct its condition, or change the order")
			if n := len(l.found); n > 0 && l.found[n-1].Message == msg {
				l.found[n-1].Section = s.Name
			}
		}
		before = append(before, own...)
	}
}

// unjudgeable names the counterparts whose events can never make the rule hit.
func (l *linter) unjudgeable(r *ruleForm) {
	if len(r.fields) == 0 || r.OnMissing == rules.HitIt || len(l.opt.Counterparts) == 0 {
		return
	}
	var never, missing []string
	for _, cp := range l.opt.Counterparts {
		lacks := cp.lacks(l.schema, r.fields)
		if len(lacks) == len(r.fields) {
			never, missing = append(never, cp.Name), lacks
		}
	}
	switch {
	case len(never) == len(l.opt.Counterparts):
		l.add("L0501", r.ID, "", "no counterpart's events can make the rule hit: nobody supplies "+strings.Join(missing, ", "),
			"gather the facts yourself, or remove the rule")
	case len(never) > 0:
		l.add("L0502", r.ID, "", strings.Join(never, ", ")+": its events can never make the rule hit", "")
	}
}

func (c *Counterpart) lacks(s *rules.Schema, fields []int) (names []string) {
	for _, f := range fields {
		name := s.Field(f).Name
		group, _, _ := strings.Cut(name, ".")
		if !slices.Contains(c.Fields, name) && !slices.Contains(c.Fields, group+".*") {
			names = append(names, name)
		}
	}
	return names
}

// afterwards are words in the names of fields that tell what became of an event.
var afterwards = []string{"fraud", "chargeback", "dispute", "label", "charged_back", "confirmed", "verdict", "ground_truth", "target", "loss"}

func (l *linter) labels(r *ruleForm) {
	for _, f := range r.fields {
		name := l.schema.Field(f).Name
		_, last, dotted := strings.Cut(name, ".")
		if !dotted {
			last = name
		}
		words := strings.Split(last, "_")
		for _, w := range afterwards {
			if last == w || slices.Contains(words, w) || strings.HasPrefix(last, "is_"+w) {
				l.add("L0302", r.ID, "", "the rule reads "+quote(name)+", which sounds like what is known only afterwards",
					"if it is, give the field label: true in the schema")
				break
			}
		}
	}
}
