package rules_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

// fixed is a condition of one verdict.
type fixed struct {
	truth rules.Truth
	code  code.Code
	cost  int64
}

func (c fixed) Judge(*rules.Env) (rules.Truth, code.Code) { return c.truth, c.code }
func (c fixed) Cost() int64                               { return c.cost }
func (c fixed) Fields() []int                             { return nil }
func (c fixed) Leaves(*rules.Env) []rules.Leaf            { return nil }

func manifest(list ...rules.Rule) *rules.Manifest {
	for i := range list {
		if list[i].ID == "" {
			list[i].ID = fmt.Sprintf("R%d", i)
		}
		if list[i].Percent == 0 {
			list[i].Percent = 100
		}
	}
	return &rules.Manifest{Name: "p", Version: "1", Schema: rules.EventV1(), OnError: rules.Yellow, MaxCost: 100, Rules: list}
}

func newPack(t *testing.T, m *rules.Manifest, conds ...rules.Condition) *rules.Pack {
	t.Helper()
	p, err := rules.NewPack(m, conds, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRunAppliesOnMissing(t *testing.T) {
	p := newPack(t, manifest(rules.Rule{}, rules.Rule{OnMissing: rules.HitIt}, rules.Rule{OnMissing: rules.ErrorIt}, rules.Rule{}),
		fixed{}, fixed{}, fixed{}, fixed{truth: rules.True})
	v := p.Verdicts(rules.NewFacts(p.Schema()), noon)
	for i, hit := range []bool{false, true, false, true} {
		if v[i].Hit != hit || !v[i].Ran {
			t.Errorf("rule %d: %+v", i, v[i])
		}
	}
}

func TestRunStopsAtMaxCost(t *testing.T) {
	p := newPack(t, manifest(make([]rules.Rule, 4)...),
		fixed{rules.True, 0, 60}, fixed{rules.True, 0, 41}, fixed{rules.True, 0, 1}, fixed{rules.True, 0, 0})
	run := p.Run(rules.NewFacts(p.Schema()), noon)
	verdicts := p.Verdicts(rules.NewFacts(p.Schema()), noon)
	if verdicts[0].Truth != rules.True || run.Cost != 100 || len(run.Notes) < 3 {
		t.Errorf("%+v", run)
	}
	for i := 1; i < 3; i++ {
		if v := verdicts[i]; v.Truth != run.Notes[i].Truth || v.Truth != rules.Error || v.Code != code.Cost || v.Hit {
			t.Errorf("rule %d beyond max_cost: %+v", i, v)
		}
	}
}

func TestShadowRulesEndAndNeverTakeTheBudget(t *testing.T) {
	p := newPack(t, manifest(rules.Rule{Shadow: true}, rules.Rule{}, rules.Rule{Shadow: true, Until: noon}),
		fixed{rules.True, 0, 90}, fixed{rules.True, 0, 50}, fixed{rules.True, 0, 1})
	v := p.Verdicts(rules.NewFacts(p.Schema()), noon)
	if v[0].Code != code.Cost || v[1].Truth != rules.True || v[2].Ran {
		t.Errorf("%+v", v)
	}
	if v := p.Verdicts(rules.NewFacts(p.Schema()), noon.Add(-1)); !v[2].Ran {
		t.Error("a shadow rule ended before its time")
	}
}

func TestPercentSelectsTheSameEventsAlways(t *testing.T) {
	p := newPack(t, manifest(rules.Rule{Percent: 25}, rules.Rule{ID: "other", Percent: 25}), fixed{truth: rules.True}, fixed{truth: rules.True})
	first, both := 0, 0
	for i := range 4000 {
		f := rules.NewFacts(p.Schema())
		if err := f.Set("id", fmt.Sprintf("event-%d", i)); err != nil {
			t.Fatal(err)
		}
		a, b := p.Verdicts(f, noon), p.Verdicts(f, noon.Add(time.Hour))
		if a[0] != b[0] {
			t.Fatal("the selection depends on the clock")
		}
		if a[0].Ran {
			first++
			if a[1].Ran {
				both++
			}
		}
	}
	if first < 900 || first > 1100 || both < 180 || both > 330 {
		t.Errorf("of 4000 events one rule ran on %d, both on %d", first, both)
	}
	if !p.Verdicts(rules.NewFacts(p.Schema()), noon)[0].Ran {
		t.Error("an event without id is not selected")
	}
}

func TestNewPackRefuses(t *testing.T) {
	m := manifest(rules.Rule{})
	if _, err := rules.NewPack(m, nil, nil); !errors.Is(err, rules.ErrPack) || code.Of(err) != code.PackFile {
		t.Errorf("too few conditions: %v", err)
	}
	m.GreenRequires = []string{"no.such"}
	if _, err := rules.NewPack(m, []rules.Condition{fixed{}}, nil); !errors.Is(err, rules.ErrPack) {
		t.Errorf("an unknown fact: %v", err)
	}
	l, err := rules.NewList("deny", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newPack(t, manifest(rules.Rule{}), fixed{}).WithLists(l); !errors.Is(err, rules.ErrPack) {
		t.Errorf("a list that is not declared: %v", err)
	}
}

func TestWithListsLeavesThePackAsItWas(t *testing.T) {
	m := manifest(rules.Rule{})
	m.Lists = []rules.ListDecl{{Name: "deny"}}
	p := newPack(t, m, fixed{})
	l, err := rules.NewList("deny", []rules.ListEntry{{Value: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	q, err := p.WithLists(l)
	if err != nil {
		t.Fatal(err)
	}
	if p.Lists()[0].Len() != 0 || q.Lists()[0].Len() != 1 || p.ID() != q.ID() {
		t.Error("lists changed the pack or its id")
	}
}

func TestGreenRequiresAreFields(t *testing.T) {
	m := manifest(rules.Rule{})
	m.GreenRequires = []string{"card.status", "id"}
	p := newPack(t, m, fixed{})
	var names []string
	for _, i := range p.GreenRequires() {
		names = append(names, p.Schema().Field(i).Name)
	}
	if !slices.Equal(names, m.GreenRequires) {
		t.Errorf("%v", names)
	}
}

// TestIDChangesWithEveryPartOfTheSource also guards the canonical form: what it
// left out would not be part of a pack's identity.
func TestIDChangesWithEveryPartOfTheSource(t *testing.T) {
	change := map[string]func(*rules.Manifest){
		"name": func(m *rules.Manifest) { m.Name = "q" }, "version": func(m *rules.Manifest) { m.Version = "2" },
		"hit": func(m *rules.Manifest) { m.Hit = rules.First }, "default": func(m *rules.Manifest) { m.Default = rules.Green },
		"on_error": func(m *rules.Manifest) { m.OnError = rules.Red }, "green_requires": func(m *rules.Manifest) { m.GreenRequires = []string{"id"} },
		"thresholds": func(m *rules.Manifest) { m.Thresholds = []rules.Threshold{{From: 1}} }, "step_up": func(m *rules.Manifest) { m.StepUp = []string{"app"} },
		"tenured": func(m *rules.Manifest) { m.TenuredDays++ }, "no_step_up": func(m *rules.Manifest) { m.NoStepUp = rules.Green },
		"sections": func(m *rules.Manifest) { m.Sections = []rules.Section{{Name: "s"}} }, "params": func(m *rules.Manifest) { m.Params = []rules.Param{{Name: "p", Type: rules.Int}} },
		"lists": func(m *rules.Manifest) { m.Lists = []rules.ListDecl{{Name: "l"}} }, "max_cost": func(m *rules.Manifest) { m.MaxCost++ },
		"when": func(m *rules.Manifest) { m.Rules[0].When = "true" }, "effect": func(m *rules.Manifest) { m.Rules[0].Effect = rules.EffectTag },
		"weight": func(m *rules.Manifest) { m.Rules[0].Weight = 1 }, "reason": func(m *rules.Manifest) { m.Rules[0].Reason = "X" },
		"action": func(m *rules.Manifest) { m.Rules[0].ActionCode = "14" }, "missing": func(m *rules.Manifest) { m.Rules[0].OnMissing = rules.HitIt },
		"require": func(m *rules.Manifest) { m.Rules[0].Require.NoApp = true }, "shadow": func(m *rules.Manifest) { m.Rules[0].Shadow = true },
		"until": func(m *rules.Manifest) { m.Rules[0].Until = noon }, "percent": func(m *rules.Manifest) { m.Rules[0].Percent = 1 },
		"why": func(m *rules.Manifest) { m.Rules[0].Why = "w" }, "say": func(m *rules.Manifest) { m.Rules[0].Say = "s" },
	}
	ids := map[string]string{manifest(rules.Rule{}).ID(): "unchanged"}
	for name, f := range change {
		m := manifest(rules.Rule{})
		f(m)
		if other, ok := ids[m.ID()]; ok {
			t.Errorf("%s gives the id of %s", name, other)
		}
		ids[m.ID()] = name
	}
	m := manifest(rules.Rule{File: "rules/a.yaml", Line: 7})
	if ids[m.ID()] != "unchanged" {
		t.Error("the place of a rule is part of the id")
	}
}
