package packtest

import (
	"time"

	"github.com/issuant/issuant/rules"
)

// Coverage tells which outcomes of which leaves of which rules the cases saw. A
// leaf is one comparison, membership test, function call or bare boolean of a
// condition; it has two outcomes, true and false.
type Coverage struct {
	Rules []RuleCoverage // in the order of the pack
	pack  *rules.Pack
}

// RuleCoverage is the coverage of one rule.
type RuleCoverage struct {
	ID     string
	File   string
	Line   int
	Hits   int // cases in which it hit
	Leaves []LeafCoverage
}

// LeafCoverage counts the cases in which a leaf was true, false, or neither:
// unknown or an error, which are no outcomes to be covered.
type LeafCoverage struct {
	Text                 string // as it stands in the source
	True, False, Neither int
}

func newCoverage(pack *rules.Pack) *Coverage {
	c := &Coverage{pack: pack}
	env := pack.Env(rules.NewFacts(pack.Schema()), time.Time{})
	for i := range pack.Manifest().Rules {
		r := &pack.Manifest().Rules[i]
		rc := RuleCoverage{ID: r.ID, File: r.File, Line: r.Line}
		for _, leaf := range pack.Condition(i).Leaves(env) {
			rc.Leaves = append(rc.Leaves, LeafCoverage{Text: leaf.Text})
		}
		c.Rules = append(c.Rules, rc)
	}
	return c
}

// see counts what one event shows. Every rule is judged, also one that a
// percentage or a shadow's end would leave out.
func (c *Coverage) see(f *rules.Facts, now time.Time) {
	env := c.pack.Env(f, now)
	for i := range c.Rules {
		cond := c.pack.Condition(i)
		truth, _ := cond.Judge(env)
		if truth == rules.True || truth == rules.Unknown && c.pack.Manifest().Rules[i].OnMissing == rules.HitIt {
			c.Rules[i].Hits++
		}
		for k, leaf := range cond.Leaves(env) {
			c.Rules[i].Leaves[k].count(leaf.Truth)
		}
	}
}

func (l *LeafCoverage) count(t rules.Truth) {
	switch t {
	case rules.True:
		l.True++
	case rules.False:
		l.False++
	default:
		l.Neither++
	}
}

// Seen returns how many of the leaf outcomes, two for each leaf, were seen.
func (r *RuleCoverage) Seen() (seen, total int) {
	for _, l := range r.Leaves {
		if l.True > 0 {
			seen++
		}
		if l.False > 0 {
			seen++
		}
	}
	return seen, 2 * len(r.Leaves)
}

// Seen returns how many of the leaf outcomes of all rules were seen.
func (c *Coverage) Seen() (seen, total int) {
	for i := range c.Rules {
		s, t := c.Rules[i].Seen()
		seen, total = seen+s, total+t
	}
	return seen, total
}

// Percent returns the share of leaf outcomes that were seen, 0 to 100, rounded
// down to a tenth, so that 100 means all. A pack without leaves has 100.
func (c *Coverage) Percent() float64 {
	seen, total := c.Seen()
	if total == 0 {
		return 100
	}
	return float64(seen*1000/total) / 10
}
