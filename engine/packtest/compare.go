package packtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules/compile"
)

// differ collects expectations that were not met.
type differ []string

func (d *differ) miss(what, got, want string) {
	*d = append(*d, fmt.Sprintf("%s: got %s, want %s", what, got, want))
}

// compare returns one line for each expectation that got does not meet, in the
// order of the format's description.
func compare(want *compile.Expect, got *engine.Decision) []string {
	var d differ
	if want.Outcome != nil && *want.Outcome != got.Outcome {
		d.miss("outcome", got.Outcome.String()+because(got), want.Outcome.String())
	}
	if want.ActionCode != "" && want.ActionCode != got.ActionCode {
		d.miss("action_code", got.ActionCode, want.ActionCode)
	}
	d.among("rules", ids(got.Rules), want.Rules, want.NotRules)
	d.among("shadow", ids(got.Shadow), want.Shadow, nil)
	d.exact("reasons", got.Reasons, want.Reasons)
	d.exact("step_up", got.StepUp, want.StepUp)
	d.exact("degraded", degraded(got), want.Degraded)
	d.exact("missing_facts", got.MissingFacts, want.Missing)
	if want.Score != nil && *want.Score != got.Score {
		d.miss("score", strconv.FormatInt(got.Score, 10), strconv.FormatInt(*want.Score, 10))
	}
	if want.Section != nil && *want.Section != got.Section {
		d.miss("section", orNone(got.Section), orNone(*want.Section))
	}
	return d
}

// because tells what an unexpected outcome rests on, since that is what the
// author asks next.
func because(got *engine.Decision) string {
	return " (" + strings.Join(got.Reasons, ", ") + ")"
}

func (d *differ) among(what string, got, in, out []string) {
	for _, id := range in {
		if !slices.Contains(got, id) {
			d.miss(what, list(got), id+" among them")
		}
	}
	for _, id := range out {
		if slices.Contains(got, id) {
			d.miss(what, list(got), id+" not among them")
		}
	}
}

// exact compares a list that must be the same; nil expects nothing.
func (d *differ) exact(what string, got, want []string) {
	if want != nil && !slices.Equal(got, want) {
		d.miss(what, list(got), list(want))
	}
}

func ids(hits []engine.RuleHit) []string {
	out := make([]string, len(hits))
	for i, h := range hits {
		out[i] = h.ID
	}
	return out
}

func degraded(got *engine.Decision) []string {
	codes := make([]string, len(got.Degraded))
	for i, g := range got.Degraded {
		codes[i] = g.Code
	}
	slices.Sort(codes)
	return codes
}

func list(items []string) string { return orNone(strings.Join(items, ", ")) }

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
