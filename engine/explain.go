package engine

import (
	"math"
	"slices"
	"time"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

// Explanation tells why a decision is what it is, and what would change it.
// Personal facts, and those that would name the card in a second form, are masked.
type Explanation struct {
	Decision   *Decision
	Hits       []RuleStory // rules that hit, shadow rules too, in their order
	NearMisses []RuleStory // rules that did not hit and have exactly one false leaf, the nearest first
	Unjudged   []RuleStory // rules without verdict: a fact is absent, or something failed
	// Flips are one-field changes, each proven to change the outcome by deciding
	// again: for each outcome that can be reached the smallest of each field, at most
	// MaxFlips; the smallest of all comes first. Another number or time is smaller
	// than another word, truth value or list, that is smaller than a value for an
	// absent fact, and that than a fact's removal; then the distance counts
	// (numbers: their difference; times: days; lists: items that differ; else 1),
	// then the order of fields.
	Flips       []Flip
	Evaluations int  // decisions that the search took
	Complete    bool // false: the search stopped at its bound
}

// RuleStory is one rule with the leaves of its condition.
type RuleStory struct {
	RuleHit
	Shadow bool
	When   string
	Why    string // for the agent
	Say    string // neutral, for the cardholder; may be empty
	Truth  rules.Truth
	Code   string // why Truth is Error, else ""
	Leaves []LeafStory
}

// LeafStory is one comparison of a condition with the facts that it read.
type LeafStory struct {
	Text  string
	Truth rules.Truth
	Code  string // why Truth is Error, else ""
	Facts []FactStory
}

// FactStory is a fact as it may be shown.
type FactStory struct {
	Field  string
	Value  any  // nil when absent or masked
	Masked bool // it is present and must not be shown
}

// Flip is a change of one field that changes the outcome.
type Flip struct {
	Field    string
	From, To FactStory
	Outcome  rules.Outcome // with the change
	Action   string        // action code with the change
	Distance float64
}

// Explain decides like Decide and tells why. It takes up to a thousand times as
// long. Like Decide it never panics, and the same input gives the same bytes.
func (e *Engine) Explain(ev *Event, now time.Time) *Explanation {
	return e.live.Load().explain(ev, now)
}

// ExplainLate is Explain for what DecideLate decided.
func (e *Engine) ExplainLate(ev *Event, now time.Time) *Explanation {
	return e.live.Load().explain(ev, now, Degradation{Code: code.Deadline.String()})
}

// ExplainHits decides like Decide and tells of the rules that hit, shadow rules too,
// with the leaves and facts that decided: Explanation.Hits without what takes Explain
// its time. It costs about as much again as the decision for each rule that hit, so
// that it can be on for every event. Like Decide it never panics.
func (e *Engine) ExplainHits(ev *Event, now time.Time) (d *Decision, hits []RuleStory) {
	l := e.live.Load()
	d = l.decide(ev, now)
	defer func() {
		if recover() != nil {
			hits = nil
		}
	}()
	ev, _ = l.fit(ev)
	s := &storyteller{loaded: l, ev: ev, now: now, masked: l.masked}
	env := l.pack.Env(ev.Facts, now)
	j := joiners.Get().(*joiner)
	l.pack.RunInto(&j.run, ev.Facts, now)
	for _, n := range j.run.Notes {
		if n.Hit {
			hits = append(hits, s.rule(n.Rule, n.Verdict, judgedLeaves(l.pack.Condition(n.Rule), env)))
		}
	}
	joiners.Put(j)
	return d, hits
}

func judgedLeaves(c rules.Condition, env *rules.Env) []rules.Leaf {
	if quick, ok := c.(interface {
		JudgeLeaves(env *rules.Env) []rules.Leaf
	}); ok {
		return quick.JudgeLeaves(env)
	}
	return c.Leaves(env)
}

func (l *loaded) explain(ev *Event, now time.Time, late ...Degradation) (x *Explanation) {
	defer func() {
		if recover() != nil {
			x = &Explanation{Decision: l.decide(ev, now, late...)}
		}
	}()
	decision := l.decide(ev, now, late...)
	ev, _ = l.fit(ev)
	s := &storyteller{loaded: l, ev: ev, now: now, late: late, masked: l.masked}
	x = &Explanation{Decision: decision}
	s.tell(x)
	s.flips(x)
	return x
}

// maskedFields tells which fields must not be shown, by index.
func maskedFields(s *rules.Schema, card CardForm) []bool {
	other := []string{"card.bin", "card.last4"}
	if card == CardBIN {
		other = []string{"card.ref"}
	}
	masked := make([]bool, s.Len())
	for i := range masked {
		f := s.Field(i)
		masked[i] = f.Personal || slices.Contains(other, f.Name)
	}
	return masked
}

type storyteller struct {
	*loaded
	ev     *Event
	now    time.Time
	late   []Degradation
	masked []bool
}

func (s *storyteller) fact(field int, v any) FactStory {
	f := FactStory{Field: s.pack.Schema().Field(field).Name, Value: v}
	if v != nil && s.masked[field] {
		f.Value, f.Masked = nil, true
	}
	return f
}

// tell sorts the rules into hits, near misses and those without verdict.
func (s *storyteller) tell(x *Explanation) {
	env := s.pack.Env(s.ev.Facts, s.now)
	verdicts := s.pack.Verdicts(s.ev.Facts, s.now)
	type miss struct {
		story    RuleStory
		distance float64
	}
	var misses []miss
	for i := range s.pack.Manifest().Rules {
		v := verdicts[i]
		if !v.Ran {
			continue
		}
		leaves := s.pack.Condition(i).Leaves(env)
		story := s.rule(i, v, leaves)
		switch {
		case v.Hit:
			x.Hits = append(x.Hits, story)
		case v.Truth != rules.False:
			x.Unjudged = append(x.Unjudged, story)
		default:
			if leaf, one := onlyFalse(leaves); one {
				misses = append(misses, miss{story, s.leafDistance(leaf)})
			}
		}
	}
	slices.SortStableFunc(misses, func(a, b miss) int { return compareFloats(a.distance, b.distance) })
	for _, m := range misses {
		x.NearMisses = append(x.NearMisses, m.story)
	}
}

func (s *storyteller) rule(i int, v rules.Verdict, leaves []rules.Leaf) RuleStory {
	r := &s.pack.Manifest().Rules[i]
	story := RuleStory{
		RuleHit: RuleHit{r.ID, r.Version, r.Effect, r.Reason, r.Weight, v.Hit && v.Truth == rules.Unknown},
		Shadow:  r.Shadow, When: r.When, Why: r.Why, Say: r.Say, Truth: v.Truth, Code: codeName(v.Code),
	}
	for _, leaf := range leaves {
		l := LeafStory{Text: leaf.Text, Truth: leaf.Truth, Code: codeName(leaf.Code)}
		for _, f := range leaf.Fields {
			l.Facts = append(l.Facts, s.fact(f, s.ev.At(f)))
		}
		story.Leaves = append(story.Leaves, l)
	}
	return story
}

func codeName(c code.Code) string {
	if c == code.OK {
		return ""
	}
	return c.String()
}

func onlyFalse(leaves []rules.Leaf) (leaf rules.Leaf, one bool) {
	n := 0
	for _, l := range leaves {
		if l.Truth == rules.False {
			leaf = l
			n++
		}
	}
	return leaf, n == 1
}

// leafDistance is the least distance by which a leaf may turn.
func (s *storyteller) leafDistance(leaf rules.Leaf) float64 {
	least := math.Inf(1)
	for _, f := range leaf.Flips {
		c := s.candidate(f.Field, f.Value)
		least = min(least, float64(c.class)*1e18+c.distance)
	}
	return least
}

func compareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
