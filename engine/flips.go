package engine

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/rules"
)

// Classes of changes, the smallest first.
const (
	classNumber  = iota // another number or time
	classWord           // another word, truth value or list
	classPresent        // a value for an absent fact
	classRemoval        // a fact becomes absent
)

// candidate is a change that may change the outcome.
type candidate struct {
	field    int
	value    any // nil = absent
	class    int
	distance float64
}

func (s *storyteller) candidate(field int, v any) candidate {
	c := candidate{field: field, value: v}
	switch old := s.ev.At(field); {
	case v == nil:
		c.class, c.distance = classRemoval, 1
	case old == nil:
		c.class, c.distance = classPresent, 1
	default:
		c.class, c.distance = classWord, distance(old, v)
		switch v.(type) {
		case int64, float64, time.Time:
			c.class = classNumber
		}
	}
	return c
}

// distance between two values of one type.
func distance(a, b any) float64 {
	switch a := a.(type) {
	case int64:
		if b, ok := b.(int64); ok {
			return math.Abs(float64(a) - float64(b))
		}
	case float64:
		if b, ok := b.(float64); ok {
			return math.Abs(a - b)
		}
	case time.Time:
		if b, ok := b.(time.Time); ok {
			return math.Abs(a.Sub(b).Hours() / 24)
		}
	case []string:
		if b, ok := b.([]string); ok {
			return itemsThatDiffer(a, b)
		}
	}
	return 1
}

func itemsThatDiffer(a, b []string) float64 {
	n := 0
	for _, s := range a {
		if !slices.Contains(b, s) {
			n++
		}
	}
	for _, s := range b {
		if !slices.Contains(a, s) {
			n++
		}
	}
	return float64(max(n, 1))
}

// flips tries candidates, the smallest first, and keeps for each field and outcome
// the first that leads there.
func (s *storyteller) flips(x *Explanation) {
	type way struct {
		field   int
		outcome rules.Outcome
	}
	found := map[way]bool{}
	perOutcome := map[rules.Outcome]int{}
	x.Complete = true
	for _, c := range s.candidates() {
		if x.Evaluations >= maxFlipEvaluations || int64(x.Evaluations)*max(x.Decision.Cost, 1) >= maxFlipCost {
			x.Complete = false
			return
		}
		x.Evaluations++
		d := s.with(c)
		if d == nil || d.Outcome == x.Decision.Outcome || found[way{c.field, d.Outcome}] || perOutcome[d.Outcome] >= MaxFlips {
			continue
		}
		found[way{c.field, d.Outcome}] = true
		perOutcome[d.Outcome]++
		x.Flips = append(x.Flips, Flip{
			Field: s.pack.Schema().Field(c.field).Name, From: s.fact(c.field, s.ev.At(c.field)), To: s.fact(c.field, c.value),
			Outcome: d.Outcome, Action: d.ActionCode, Distance: c.distance,
		})
	}
}

// with decides with one change; nil when the field cannot take the value.
func (s *storyteller) with(c candidate) *Decision {
	trial := s.ev.Clone()
	name := s.pack.Schema().Field(c.field).Name
	if c.value == nil {
		trial.Unset(name)
	} else if trial.Set(name, c.value) != nil {
		return nil
	}
	return s.decide(trial, s.now, s.late...)
}

// candidates returns all changes worth a trial, each once, the smallest first.
func (s *storyteller) candidates() []candidate {
	c := &collector{storyteller: s, seen: map[string]bool{}}
	env := s.pack.Env(s.ev.Facts, s.now)
	man := s.pack.Manifest()
	for i := range man.Rules {
		if !man.Rules[i].Shadow {
			c.leaves(s.pack.Condition(i).Leaves(env))
			c.removals(s.pack.Condition(i).Fields())
		}
	}
	for i := range man.Sections {
		c.leaves(s.pack.SectionCondition(i).Leaves(env))
		c.removals(s.pack.SectionCondition(i).Fields())
	}
	c.ownFacts()
	for _, name := range man.GreenRequires {
		if i, ok := s.pack.Schema().Lookup(name); ok {
			c.presence(i)
			c.add(i, nil)
		}
	}
	slices.SortStableFunc(c.list, func(a, b candidate) int {
		switch {
		case a.class != b.class:
			return a.class - b.class
		case a.distance != b.distance:
			return compareFloats(a.distance, b.distance)
		}
		return a.field - b.field
	})
	return c.list
}

type collector struct {
	*storyteller
	seen map[string]bool
	list []candidate
}

func (c *collector) add(field int, v any) {
	if field < 0 || c.pack.Schema().Field(field).Label || same(c.ev.At(field), v) {
		return
	}
	key := fmt.Sprintf("%d %T %v", field, v, v)
	if list, ok := v.([]string); ok {
		key = fmt.Sprintf("%d %q", field, list)
	}
	if !c.seen[key] {
		c.seen[key] = true
		c.list = append(c.list, c.candidate(field, v))
	}
}

func same(a, b any) bool {
	if x, ok := a.([]string); ok {
		y, ok := b.([]string)
		return ok && slices.Equal(x, y)
	}
	if x, ok := a.(time.Time); ok {
		y, ok := b.(time.Time)
		return ok && x.Equal(y)
	}
	if _, ok := b.([]string); ok {
		return false
	}
	return a == b
}

func (c *collector) leaves(leaves []rules.Leaf) {
	for _, leaf := range leaves {
		for _, f := range leaf.Flips {
			c.add(f.Field, f.Value)
		}
		for _, f := range leaf.Fields {
			c.presence(f)
		}
	}
}

func (c *collector) removals(fields []int) {
	for _, f := range fields {
		c.add(f, nil)
	}
}

// presence adds plain values for a fact that is absent, and the other known
// values of one that has a list of them.
func (c *collector) presence(field int) {
	f := c.pack.Schema().Field(field)
	if f.Type == rules.String || f.Type == rules.Bool {
		for _, v := range f.Enum {
			c.add(field, v)
		}
		if f.Type == rules.Bool {
			c.add(field, true)
			c.add(field, false)
		}
	}
	if c.ev.At(field) != nil {
		return
	}
	switch f.Type {
	case rules.String:
		if len(f.Enum) == 0 {
			c.add(field, strings.ReplaceAll(f.Name, ".", "-"))
		}
	case rules.Int:
		c.add(field, int64(0))
	case rules.Float:
		c.add(field, 0.0)
	case rules.Time:
		c.add(field, c.now)
	case rules.Strings:
		c.add(field, []string{})
	}
}

// ownFacts adds what the engine itself reads: the card's state, the wallet's
// recommendation, and what makes a step-up method usable.
func (c *collector) ownFacts() {
	for _, own := range []struct {
		field  int
		values []any
	}{
		{c.on.cardStatus, []any{"normal"}}, {c.on.cardStage, []any{"unblocked"}}, {c.on.cardExpired, []any{false}},
		{c.on.walletRecommendation, []any{"approve", "step_up", "decline", nil}},
		{c.on.tokenChannel, []any{"merchant", "wallet", nil}},
	} {
		for _, v := range own.values {
			c.add(own.field, v)
		}
	}
	var channels []string
	for _, m := range c.methods {
		channels = append(channels, m.Channel)
		if m.age >= 0 {
			c.add(m.age, max(c.pack.Manifest().TenuredDays, 0))
			c.add(m.age, nil)
		}
	}
	c.add(c.on.channels, channels)
	c.add(c.on.channels, []string{})
	c.add(c.on.channels, nil)
}
