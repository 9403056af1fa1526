package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
)

type want struct {
	outcome rules.Outcome
	action  string
	reasons string
	stepUp  string
	system  bool
}

func check(t *testing.T, name string, d *Decision, w want) {
	t.Helper()
	got := want{d.Outcome, d.ActionCode, strings.Join(d.Reasons, " "), strings.Join(d.StepUp, " "), d.SystemError}
	if got != w {
		t.Errorf("%s: got %+v, want %+v", name, got, w)
	}
}

func yellow(id string) rules.Rule { return rules.Rule{ID: id, Effect: rules.EffectYellow} }
func red(id string) rules.Rule    { return rules.Rule{ID: id, Effect: rules.EffectRed} }
func orange(id string) rules.Rule { return rules.Rule{ID: id, Effect: rules.EffectOrange} }

func TestDecideJoinsTheWorst(t *testing.T) {
	base := func() *packer {
		return newPacker().
			rule(yellow("Y"), when(is("token.source", "manual"))).
			rule(orange("O"), when(is("device.os", "odd"))).
			rule(rules.Rule{ID: "R", Effect: rules.EffectRed, ActionCode: "N7"}, when(is("verify.cvv", "fail"))).
			rule(rules.Rule{ID: "G", Effect: rules.EffectGreen}, when(is("session.sca", true)))
	}
	known := []any{"verify.cvv", "match"}
	for _, tc := range []struct {
		name   string
		change []any
		want   want
	}{
		{"nothing hits", known, want{rules.Green, "00", "DEFAULT", "", false}},
		{"green explains", append([]any{"session.sca", true}, known...), want{rules.Green, "00", "REASON_G", "", false}},
		{"green lowers nothing", append([]any{"session.sca", true, "token.source", "manual"}, known...), want{rules.Yellow, "85", "REASON_Y", "app sms call", false}},
		{"orange beats yellow", append([]any{"device.os", "odd", "token.source", "manual"}, known...), want{rules.Orange, "85", "REASON_O", "app sms call", false}},
		{"red beats all", []any{"verify.cvv", "fail", "device.os", "odd"}, want{rules.Red, "N7", "REASON_R", "", false}},
		{"an unjudged red rule keeps from green", nil, want{rules.Yellow, "85", "UNJUDGED", "app sms call", false}},
		{"lost", append([]any{"card.status", "lost"}, known...), want{rules.Red, "05", "card_status:lost", "", false}},
		{"damaged", append([]any{"card.status", "damaged"}, known...), want{rules.Red, "05", "card_status:damaged", "", false}},
		{"unknown status", append([]any{"card.status", "unknown"}, known...), want{rules.Red, "05", "card_status:unknown", "", false}},
		{"warning is for rules", append([]any{"card.status", "warning"}, known...), want{rules.Green, "00", "DEFAULT", "", false}},
		{"created is for rules", append([]any{"card.status", "created"}, known...), want{rules.Green, "00", "DEFAULT", "", false}},
		{"blocked", append([]any{"card.stage", "blocked"}, known...), want{rules.Red, "05", "card_stage:blocked", "", false}},
		{"expired wins over cvv", []any{"card.expired", true, "verify.cvv", "fail"}, want{rules.Red, "54", "card_expired REASON_R", "", false}},
		{"not expired", append([]any{"card.expired", false}, known...), want{rules.Green, "00", "DEFAULT", "", false}},
	} {
		check(t, tc.name, base().engine(t).Decide(event(t, tc.change...), testNow), tc.want)
	}
}

func TestDecideHoldsTheWalletFloorUnderEveryPolicy(t *testing.T) {
	for _, policy := range []rules.HitPolicy{rules.Worst, rules.Score, rules.First} {
		p := newPacker().rule(rules.Rule{ID: "G", Effect: rules.EffectGreen}, when(is("id", "e1")))
		p.m.Hit = policy
		e := p.engine(t)
		for _, tc := range []struct {
			rec, channel any
			want         rules.Outcome
		}{
			{"approve", "wallet", rules.Green}, {"approve", nil, rules.Green}, {"decline", "wallet", rules.Red},
			{"decline", "merchant", rules.Red}, {"step_up", "wallet", rules.Yellow}, {"step_up", "merchant", rules.Yellow},
			{nil, "wallet", rules.Yellow}, {nil, nil, rules.Yellow}, {nil, "merchant", rules.Green},
			{"none", "wallet", rules.Yellow}, {"none", "merchant", rules.Green}, {"later", "wallet", rules.Yellow},
			{"later", nil, rules.Yellow}, {"later", "odd", rules.Yellow},
		} {
			d := e.Decide(event(t, "wallet.recommendation", tc.rec, "token.channel", tc.channel), testNow)
			if d.Outcome != tc.want || d.Floor != tc.want {
				t.Errorf("%v, recommendation %v, channel %v: outcome %v, floor %v, want %v", policy, tc.rec, tc.channel, d.Outcome, d.Floor, tc.want)
			}
		}
	}
}

func TestDecideTakesTheFirstActionCode(t *testing.T) {
	p := newPacker().rule(rules.Rule{ID: "R", Effect: rules.EffectRed, ActionCode: "N7"}, when(is("verify.cvv", "fail")))
	for _, tc := range []struct {
		guards []Guard
		want   string
	}{
		{nil, "N7"}, {[]Guard{{"PFT", rules.Red, "05"}}, "N7"}, {[]Guard{{"CED", rules.Red, "54"}}, "54"},
		{[]Guard{{"CED", rules.Red, "54"}, {"VNM", rules.Red, "14"}}, "14"}, {[]Guard{{"OP1", rules.Yellow, "14"}}, "N7"},
		{[]Guard{{"X", rules.Red, "77"}}, "N7"},
	} {
		ev := event(t, "verify.cvv", "fail")
		ev.Guards = tc.guards
		if d := p.engine(t).Decide(ev, testNow); d.ActionCode != tc.want || d.Outcome != rules.Red {
			t.Errorf("guards %v: %v %s, want %s", tc.guards, d.Outcome, d.ActionCode, tc.want)
		}
	}
	ev := event(t, "verify.cvv", "match")
	ev.Guards = []Guard{{Code: "X", Outcome: rules.Red, ActionCode: "77"}}
	if d := p.engine(t).Decide(ev, testNow); d.ActionCode != "05" {
		t.Errorf("an action code that nobody knows leaves as %s", d.ActionCode)
	}
}

func TestDecideJoinsErrorsAsOnError(t *testing.T) {
	overflow := when(failing("device.type", code.Overflow))
	broken := []any{"device.type", "x"}
	p := newPacker().rule(yellow("Y"), overflow)
	check(t, "error", p.engine(t).Decide(event(t, broken...), testNow), want{rules.Yellow, "85", "DEGRADED", "app sms call", false})
	check(t, "no method left", p.engine(t).Decide(event(t, append([]any{"holder.channels", []string{}}, broken...)...), testNow),
		want{rules.Yellow, "85", "DEGRADED", "call", false})
	e, err := New(p.pack(t), Options{Methods: []Method{{Channel: "sms", AgeFact: "holder.phone_changed_days"}}})
	if err != nil {
		t.Fatal(err)
	}
	check(t, "system error", e.Decide(event(t, append([]any{"holder.channels", []string{"app"}}, broken...)...), testNow),
		want{rules.Red, "96", "DEGRADED NO_METHOD_LEFT", "", true})
	p.m.OnError = rules.Red
	check(t, "on_error red", p.engine(t).Decide(event(t, broken...), testNow), want{rules.Red, "05", "DEGRADED", "", false})
	p.m.OnError = rules.Green // no compiler lets this through
	check(t, "on_error is never green", p.engine(t).Decide(event(t, broken...), testNow), want{rules.Yellow, "85", "DEGRADED", "app sms call", false})
	p = newPacker().rule(yellow("Y"), overflow).rule(red("R"), when(is("verify.cvv", "fail")))
	check(t, "never replaces a worse colour", p.engine(t).Decide(event(t, append([]any{"verify.cvv", "fail"}, broken...)...), testNow),
		want{rules.Red, "05", "REASON_R", "", false})
}

func TestDecideTreatsMissingFactsAsTheRuleSays(t *testing.T) {
	for _, tc := range []struct {
		on   rules.OnMissing
		want want
	}{
		{rules.Skip, want{rules.Green, "00", "DEFAULT", "", false}},
		{rules.HitIt, want{rules.Orange, "85", "REASON_O", "app sms call", false}},
		{rules.ErrorIt, want{rules.Yellow, "85", "DEGRADED", "app sms call", false}},
	} {
		p := newPacker().rule(rules.Rule{ID: "O", Effect: rules.EffectOrange, OnMissing: tc.on}, when(is("device.os", "odd")))
		d := p.engine(t).Decide(event(t), testNow)
		check(t, tc.on.String(), d, tc.want)
		if tc.on == rules.HitIt && !d.Rules[0].Missing {
			t.Error("a hit for want of a fact does not say so")
		}
	}
	p := newPacker()
	p.m.GreenRequires = []string{"device.country", "id", "card.bin"}
	d := p.engine(t).Decide(event(t), testNow)
	check(t, "green_requires", d, want{rules.Yellow, "85", "MISSING_FACTS", "app sms call", false})
	if !reflect.DeepEqual(d.MissingFacts, []string{"device.country", "card.bin"}) {
		t.Errorf("missing facts: %v", d.MissingFacts)
	}
}

func TestDecideSumsScores(t *testing.T) {
	p := newPacker().
		rule(rules.Rule{ID: "A", Effect: rules.EffectScore, Weight: 30}, when(is("device.os", "odd"))).
		rule(rules.Rule{ID: "B", Effect: rules.EffectScore, Weight: 40}, when(is("token.source", "manual"))).
		rule(red("R"), when(is("verify.cvv", "fail")))
	p.m.Hit = rules.Score
	p.m.Thresholds = []rules.Threshold{{From: 30, Outcome: rules.Yellow}, {From: 70, Outcome: rules.Red}}
	for _, tc := range []struct {
		os, source, cvv string
		score           int64
		want            want
	}{
		{"ok", "tap", "match", 0, want{rules.Green, "00", "DEFAULT", "", false}},
		{"odd", "tap", "match", 30, want{rules.Yellow, "85", "REASON_A SCORE", "app sms call", false}},
		{"odd", "manual", "match", 70, want{rules.Red, "05", "REASON_A REASON_B SCORE", "", false}},
		{"ok", "tap", "fail", 0, want{rules.Red, "05", "REASON_R", "", false}},
	} {
		d := p.engine(t).Decide(event(t, "device.os", tc.os, "token.source", tc.source, "verify.cvv", tc.cvv), testNow)
		check(t, tc.os+tc.source+tc.cvv, d, tc.want)
		if d.Score != tc.score {
			t.Errorf("score %d, want %d", d.Score, tc.score)
		}
	}
}

func TestDecideNeverGainsByAHigherScore(t *testing.T) {
	p := newPacker().rule(rules.Rule{ID: "A", Effect: rules.EffectScore, Weight: 90}, when(is("id", "e1")))
	p.m.Hit = rules.Score
	p.m.Thresholds = []rules.Threshold{{From: 30, Outcome: rules.Orange}, {From: 70, Outcome: rules.Yellow}} // no compiler lets this through
	if d := p.engine(t).Decide(event(t), testNow); d.Outcome != rules.Orange {
		t.Errorf("%v", d.Outcome)
	}
}

func TestDecideCountsTheFirstHitAlone(t *testing.T) {
	p := newPacker().
		rule(rules.Rule{ID: "S", Effect: rules.EffectRed, Shadow: true}, when(is("id", "e1"))).
		rule(rules.Rule{ID: "T", Effect: rules.EffectTag}, when(is("id", "e1"))).
		rule(yellow("Y"), when(is("token.source", "manual"))).
		rule(red("R"), when(is("id", "e1")))
	p.m.Hit = rules.First
	d := p.engine(t).Decide(event(t, "token.source", "manual"), testNow)
	check(t, "first", d, want{rules.Yellow, "85", "REASON_Y", "app sms call", false})
	if len(d.Rules) != 2 || d.Rules[0].ID != "T" || d.Rules[1].ID != "Y" {
		t.Errorf("rules that count: %v", d.Rules)
	}
	if len(d.Shadow) != 1 || d.Shadow[0].ID != "S" {
		t.Errorf("shadow: %v", d.Shadow)
	}
	p.m.Default = rules.Orange
	check(t, "the default joins", p.engine(t).Decide(event(t, "token.source", "manual"), testNow),
		want{rules.Orange, "85", "DEFAULT", "app sms call", false})
}

func TestDecideLetsNoShadowRuleMatter(t *testing.T) {
	p := newPacker().rule(yellow("Y"), when(is("token.source", "manual")))
	plain := p.engine(t).Decide(event(t), testNow)
	p.rule(rules.Rule{ID: "S1", Effect: rules.EffectRed, Shadow: true}, when(failing("id", code.Overflow)))
	p.rule(rules.Rule{ID: "S2", Effect: rules.EffectRed, Shadow: true}, when(is("device.os", "odd")))
	p.rule(rules.Rule{ID: "S3", Effect: rules.EffectRed, Shadow: true}, cond{leaves: []leaf{is("id", "e1")}, cost: 1 << 40})
	d := p.engine(t).Decide(event(t), testNow)
	if d.Outcome != plain.Outcome || len(d.Degraded) != 0 || len(d.Unjudged) != 0 {
		t.Errorf("shadow rules changed the decision: %+v", d)
	}
}

func TestDecideChoosesStepUpMethods(t *testing.T) {
	hit := is("token.source", "manual")
	for _, tc := range []struct {
		name   string
		rule   rules.Rule
		change []any
		want   want
	}{
		{"the rule's order first", rules.Rule{Effect: rules.EffectYellow, StepUp: []string{"call", "app"}}, nil, want{rules.Yellow, "85", "REASON_X", "call app sms", false}},
		{"by what the holder has", rules.Rule{Effect: rules.EffectYellow}, []any{"holder.channels", []string{"sms"}}, want{rules.Yellow, "85", "REASON_X", "sms call", false}},
		{"holder unknown", rules.Rule{Effect: rules.EffectYellow}, []any{"holder.channels", nil}, want{rules.Yellow, "85", "REASON_X", "app sms call", false}},
		{"sca", rules.Rule{Effect: rules.EffectYellow, Require: rules.Require{SCA: true}}, nil, want{rules.Yellow, "85", "REASON_X", "app", false}},
		{"no_app", rules.Rule{Effect: rules.EffectYellow, Require: rules.Require{NoApp: true}}, nil, want{rules.Yellow, "85", "REASON_X", "sms call", false}},
		{"tenured", rules.Rule{Effect: rules.EffectYellow, Require: rules.Require{Tenured: true}}, []any{"holder.phone_changed_days", 29}, want{rules.Yellow, "85", "REASON_X", "app call", false}},
		{"tenured from 30 days on", rules.Rule{Effect: rules.EffectYellow, Require: rules.Require{Tenured: true}}, []any{"holder.phone_changed_days", 30}, want{rules.Yellow, "85", "REASON_X", "app sms call", false}},
		{"orange is tenured", rules.Rule{Effect: rules.EffectOrange}, []any{"holder.phone_changed_days", nil, "holder.creds_reset_days", 3}, want{rules.Orange, "85", "REASON_X", "call", false}},
		{"none left is red", rules.Rule{Effect: rules.EffectYellow, Require: rules.Require{SCA: true, NoApp: true}}, nil, want{rules.Red, "05", "REASON_X NO_METHOD_LEFT", "", false}},
	} {
		tc.rule.ID, tc.rule.Reason = "X", "REASON_X"
		p := newPacker().rule(tc.rule, when(hit))
		d := p.engine(t).Decide(event(t, append([]any{"token.source", "manual"}, tc.change...)...), testNow)
		check(t, tc.name, d, tc.want)
	}
}

func TestDecideJoinsRequireOverAllHits(t *testing.T) {
	p := newPacker().
		rule(rules.Rule{ID: "G", Effect: rules.EffectTag, Require: rules.Require{NoApp: true}}, when(is("id", "e1"))).
		rule(yellow("Y"), when(is("token.source", "manual")))
	d := p.engine(t).Decide(event(t, "token.source", "manual"), testNow)
	check(t, "a tag's require", d, want{rules.Yellow, "85", "REASON_Y", "sms call", false})
}

func TestDecideInSectionsWithoutStepUp(t *testing.T) {
	build := func(no rules.Outcome) *packer {
		return newPacker().section(rules.Section{Name: "cof", NoStepUp: no}, when(is("token.type", "cof"))).
			rule(yellow("Y"), when(is("token.source", "manual"))).
			rule(orange("O"), when(is("device.os", "odd"))).
			rule(rules.Rule{ID: "M", Effect: rules.EffectYellow, OnMissing: rules.HitIt}, when(is("device.type", "x"))).
			rule(yellow("E"), when(failing("device.language", code.Overflow)))
	}
	cof := []any{"token.type", "cof", "token.channel", "merchant", "device.type", "y"}
	for _, tc := range []struct {
		name   string
		no     rules.Outcome
		change []any
		want   want
	}{
		{"green stays", rules.Red, nil, want{rules.Green, "00", "DEFAULT", "", false}},
		{"yellow to red", rules.Red, []any{"token.source", "manual"}, want{rules.Red, "05", "REASON_Y NO_STEP_UP", "", false}},
		{"yellow to green", rules.Green, []any{"token.source", "manual"}, want{rules.Green, "00", "REASON_Y NO_STEP_UP", "", false}},
		{"orange to red", rules.Green, []any{"device.os", "odd"}, want{rules.Red, "05", "REASON_O NO_STEP_UP", "", false}},
		{"a hit for want of a fact is not green", rules.Green, []any{"device.type", nil}, want{rules.Red, "05", "REASON_M NO_STEP_UP", "", false}},
		{"a floor is not green", rules.Green, []any{"wallet.recommendation", "step_up"}, want{rules.Red, "05", "WALLET_FLOOR NO_STEP_UP", "", false}},
		{"an error is not green", rules.Green, []any{"device.language", "de"}, want{rules.Red, "96", "DEGRADED NO_STEP_UP", "", true}},
		{"no section, no change", rules.Green, []any{"token.type", "device", "token.source", "manual"}, want{rules.Yellow, "85", "REASON_Y", "app sms call", false}},
		{"section unknown, no change", rules.Green, []any{"token.type", nil, "token.source", "manual"}, want{rules.Yellow, "85", "REASON_Y", "app sms call", false}},
	} {
		d := build(tc.no).engine(t).Decide(event(t, append(append([]any(nil), cof...), tc.change...)...), testNow)
		check(t, tc.name, d, tc.want)
	}
	ev := event(t, cof...)
	ev.Guards = []Guard{{Code: "BNB", Outcome: rules.Yellow, ActionCode: "85"}}
	check(t, "a guard is not green", build(rules.Green).engine(t).Decide(ev, testNow), want{rules.Red, "05", "BNB NO_STEP_UP", "", false})
}

func TestDecideDoesNotLetAnUnjudgedSectionTurnGreen(t *testing.T) {
	p := newPacker().
		section(rules.Section{Name: "a", NoStepUp: rules.Red}, when(is("token.type", "ecom"))).
		section(rules.Section{Name: "b", NoStepUp: rules.Green}, when(is("token.channel", "merchant"))).
		rule(yellow("Y"), when(is("token.source", "manual")))
	change := []any{"token.channel", "merchant", "token.source", "manual"}
	if d := p.engine(t).Decide(event(t, append(change, "token.type", "ecom")...), testNow); d.Outcome != rules.Red || d.Section != "a" {
		t.Fatalf("section a: %v %q", d.Outcome, d.Section)
	}
	if d := p.engine(t).Decide(event(t, append(change, "token.type", "cof")...), testNow); d.Outcome != rules.Green || d.Section != "b" {
		t.Fatalf("section b: %v %q", d.Outcome, d.Section)
	}
	if d := p.engine(t).Decide(event(t, append(change, "token.type", nil)...), testNow); d.Outcome != rules.Red {
		t.Errorf("without token.type: %v", d.Outcome)
	}
	p = newPacker().section(rules.Section{Name: "a", NoStepUp: rules.Red}, when(failing("token.type", code.Overflow)))
	check(t, "a section that fails", p.engine(t).Decide(event(t, "token.type", "x"), testNow),
		want{rules.Red, "96", "DEGRADED NO_STEP_UP", "", true})
}

func TestDecideIsBoundedInItsFindings(t *testing.T) {
	ev := event(t)
	for i := range 50_000 {
		ev.Guards = append(ev.Guards, Guard{Code: fmt.Sprint("X", i), Outcome: rules.Yellow, ActionCode: "85"})
	}
	ev.Guards = append(ev.Guards, Guard{Code: "PFT", Outcome: rules.Red, ActionCode: "05"}, Guard{Code: "VNM", Outcome: rules.Red, ActionCode: "14"})
	d := newPacker().engine(t).Decide(ev, testNow)
	if d.Outcome != rules.Red || d.ActionCode != "14" || len(d.Guards) != MaxGuards+1 || len(d.AppendJSON(nil)) > 1<<16 {
		t.Errorf("%v %s, %d guards", d.Outcome, d.ActionCode, len(d.Guards))
	}
	ev.Guards = ev.Guards[:50_000]
	if d := newPacker().engine(t).Decide(ev, testNow); d.Outcome != rules.Yellow || len(d.Reasons) != MaxReasons {
		t.Errorf("%v, %d reasons", d.Outcome, len(d.Reasons))
	}
}

func TestDecideNeverPanics(t *testing.T) {
	e := newPacker().engine(t)
	other, err := rules.NewSchema("other", 1, []rules.Field{{Name: "id", Type: rules.Int}})
	if err != nil {
		t.Fatal(err)
	}
	odd := NewEvent(other)
	odd.Set("id", 5)
	for name, ev := range map[string]*Event{"nil": nil, "no facts": {}, "another schema": odd} {
		d := e.Decide(ev, testNow)
		if d == nil || d.Outcome == rules.Green || len(d.Degraded) == 0 {
			t.Errorf("%s: %+v", name, d)
		}
	}
	e = newPacker().rule(yellow("P"), when(leaf{field: field("id"), test: func(any) bool { panic("mistake") }})).engine(t)
	d := e.Decide(event(t), testNow)
	if d.Outcome != rules.Red || !d.SystemError || d.ActionCode != "96" || d.Degraded[0].Code != "internal" {
		t.Errorf("a condition that panics: %+v", d)
	}
	if e.Decide(event(t), time.Time{}) == nil {
		t.Error("zero time")
	}
}

func TestDecideTakesOverEventsOfAnEqualSchema(t *testing.T) {
	twin, err := rules.NewSchema("event", 1, fieldsOf(rules.EventV1()))
	if err != nil {
		t.Fatal(err)
	}
	p := newPacker().rule(yellow("Y"), when(is("token.source", "manual")))
	ev, err := ParseEvent(twin, event(t, "token.source", "manual").AppendJSON(nil))
	if err != nil {
		t.Fatal(err)
	}
	a := p.engine(t).Decide(ev, testNow).AppendJSON(nil)
	b := p.engine(t).Decide(event(t, "token.source", "manual"), testNow).AppendJSON(nil)
	if string(a) != string(b) {
		t.Errorf("differ:\n%s\n%s", a, b)
	}
}

func TestDecideSaysWhatItCannotTakeOver(t *testing.T) {
	more := append(fieldsOf(rules.EventV1()), rules.Field{Name: "extra.fact", Type: rules.Int})
	twin, err := rules.NewSchema("event", 1, more)
	if err != nil {
		t.Fatal(err)
	}
	ev, err := ParseEvent(twin, event(t).AppendJSON(nil))
	if err != nil {
		t.Fatal(err)
	}
	e := newPacker().engine(t)
	if d := e.Decide(ev, testNow); d.Outcome != rules.Green {
		t.Errorf("nothing was lost, but %v %v", d.Outcome, d.Degraded)
	}
	if err := ev.Set("extra.fact", 1); err != nil {
		t.Fatal(err)
	}
	if d := e.Decide(ev, testNow); d.Outcome != rules.Yellow || d.Degraded[0].Code != "event" {
		t.Errorf("a fact was lost in silence: %v %v", d.Outcome, d.Degraded)
	}
}

func fieldsOf(s *rules.Schema) []rules.Field {
	var out []rules.Field
	for i := range s.Len() {
		out = append(out, s.Field(i))
	}
	return out
}

func TestDecideLateJoinsTheDeadline(t *testing.T) {
	d := newPacker().engine(t).DecideLate(event(t), testNow)
	if d.Outcome != rules.Yellow || d.Degraded[0].Code != "deadline" {
		t.Errorf("%+v", d)
	}
}

func TestDecisionMasksFindingCodes(t *testing.T) {
	ev := event(t)
	ev.Guards = []Guard{
		{Code: "note 4111 1111 1111 1111 end", Outcome: rules.Yellow},
		{Code: strings.Repeat("é", 500), Outcome: rules.Yellow},
	}
	d := newPacker().engine(t).Decide(ev, testNow)
	if d.Guards[0].Code != "note [masked] end" || len(d.Guards[1].Code) > 70 {
		t.Errorf("%q", d.Guards)
	}
	if ev.Guards[0].Code == d.Guards[0].Code {
		t.Error("the event was changed")
	}
}

func TestDecisionJSON(t *testing.T) {
	p := newPacker().
		rule(rules.Rule{ID: "Y", Effect: rules.EffectYellow, Require: rules.Require{NoApp: true}}, when(is("token.source", "manual"))).
		rule(rules.Rule{ID: "S", Effect: rules.EffectRed, Shadow: true}, when(is("id", "e1")))
	ev := event(t, "token.source", "manual")
	ev.Guards = []Guard{{Code: "BNB", Outcome: rules.Yellow, ActionCode: "85"}}
	d := p.engine(t).Decide(ev, testNow)
	got := string(d.AppendJSON([]byte("x")))
	want := `x{"format":1,"decision_id":"` + d.ID + `","pack":{"id":"` + d.PackID + `","name":"hand","version":"1"},` +
		`"event_id":"e1","now":"2026-11-23T10:00:00Z","outcome":"yellow","action_code":"85","reasons":["BNB","REASON_Y"],` +
		`"rules":[{"id":"Y","version":"1","effect":"yellow","reason":"REASON_Y","weight":0,"missing":false}],` +
		`"guards":[{"code":"BNB","outcome":"yellow","action_code":"85"}],"floor":"green","score":0,"step_up":["sms","call"],` +
		`"require":{"sca":false,"tenured":false,"no_app":true},"section":null,"degraded":[],"missing_facts":[],"unjudged":[],` +
		`"shadow":[{"id":"S","version":"1","effect":"red","reason":"REASON_S","weight":0,"missing":false}],"cost":2,"lists":[],"system_error":false}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, err := strictjson.Parse([]byte(got[1:]), strictjson.Limits{}); err != nil {
		t.Error(err)
	}
}

func idOf(packID, eventID string, now time.Time) string {
	begin := newIDBegin(packID)
	return new(identifier).write(new([64]byte), &begin, eventID, now)
}

// TestResumedHashesAreThoseOfTheWhole: the way of WASM and the native one give one id.
func TestResumedHashesAreThoseOfTheWhole(t *testing.T) {
	m := new(identifier)
	for _, pack := range []string{strings.Repeat("0123456789abcdef", 4), strings.Repeat("p", 60), strings.Repeat("p", 200), strings.Repeat("p", 59), "p"} {
		begin := newIDBegin(pack)
		if begin.keepState(); (begin.state == nil) != (len(pack) < 60) {
			t.Errorf("state after a pack id of %d: %t", len(pack), begin.state != nil)
		}
		for n := range 300 {
			id := strings.Repeat("e", n)
			got := m.write(new([64]byte), &begin, id, testNow)
			text := fmt.Sprintf(`["%s","%s","2026-11-23T10:00:00Z"]`, pack, id)
			if sum := sha256.Sum256([]byte(text)); got != hex.EncodeToString(sum[:]) || got != idOf(pack, id, testNow) {
				t.Fatalf("event id of %d bytes: %s", n, got)
			}
		}
	}
	if m.clear(); m.text != [192]byte{} {
		t.Error("an event's id stays in memory")
	}
}

func TestDecisionIDTellsItsPartsApart(t *testing.T) {
	seen := map[string]bool{}
	for _, pack := range []string{"a", "a\",\"b", "ab"} {
		for _, id := range []string{"", "b", "b\",\""} {
			for _, now := range []time.Time{testNow, testNow.Add(1)} {
				seen[idOf(pack, id, now)] = true
			}
		}
	}
	if len(seen) != 18 {
		t.Errorf("%d ids of 18 triples", len(seen))
	}
	if idOf("a", "b", testNow.In(time.FixedZone("x", 3600)).UTC()) != idOf("a", "b", testNow) {
		t.Error("the zone matters")
	}
}

func TestSwapRefusesAnotherSchema(t *testing.T) {
	e := newPacker().engine(t)
	for _, name := range []string{"event", "other"} {
		s, err := rules.NewSchema(name, 2, []rules.Field{{Name: "id", Type: rules.String}})
		if err != nil {
			t.Fatal(err)
		}
		p := newPacker()
		p.m.Schema = s
		if err := e.Swap(p.pack(t)); code.Of(err) != code.Config {
			t.Errorf("%s/v2: %v", name, err)
		}
	}
	if e.Swap(nil) == nil {
		t.Error("a nil pack was taken")
	}
	if _, err := New(nil, Options{}); code.Of(err) != code.Config {
		t.Error(err)
	}
	for _, m := range [][]Method{{{}}, {{Channel: "sms"}, {Channel: "sms"}}, make([]Method, 17)} {
		if _, err := New(newPacker().pack(t), Options{Methods: m}); code.Of(err) != code.Config {
			t.Errorf("methods %v: %v", m, err)
		}
	}
}

func TestDecideUnderConcurrentSwap(t *testing.T) {
	a := newPacker()
	b := newPacker().rule(yellow("Y"), when(is("id", "e1")))
	packA, packB := a.pack(t), b.pack(t)
	e, err := New(packA, Options{})
	if err != nil {
		t.Fatal(err)
	}
	wants := map[string]string{}
	for _, p := range []*rules.Pack{packA, packB} {
		single, _ := New(p, Options{})
		wants[p.ID()] = string(single.Decide(event(t), testNow).AppendJSON(nil))
	}
	ev := event(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				d := e.Decide(ev, testNow)
				if string(d.AppendJSON(nil)) != wants[d.PackID] {
					t.Error("a decision mixes two packs")
					return
				}
			}
		})
	}
	for i := range 500 {
		if err := e.Swap([]*rules.Pack{packA, packB}[i%2]); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
}
