package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/rules"
)

// memberwise writes a decision with one call a name and a value: what AppendJSON, which
// writes the usual decision in long pieces, is compared with.
func memberwise(d *Decision) string {
	w := canon.NewWriter(nil)
	w.Object().Key("format").Int(DecisionFormat).Key("decision_id").String(d.ID)
	w.Key("pack").Object().Key("id").String(d.PackID).Key("name").String(d.PackName)
	w.Key("version").String(d.PackVersion).EndObject()
	w.Key("event_id").StringOrNull(d.EventID).Key("now").String(d.Now.UTC().Format(time.RFC3339Nano))
	w.Key("outcome").String(d.Outcome.String()).Key("action_code").String(d.ActionCode)
	w.Key("reasons").Strings(d.Reasons).Key("rules")
	memberwiseHits(w, d.Rules)
	w.Key("guards").Array()
	for _, g := range d.Guards {
		w.Object().Key("code").String(g.Code).Key("outcome").String(g.Outcome.String())
		w.Key("action_code").StringOrNull(g.ActionCode).EndObject()
	}
	w.EndArray().Key("floor").String(d.Floor.String()).Key("score").Int(d.Score)
	w.Key("step_up").Strings(d.StepUp).Key("require").Object()
	w.Key("sca").Bool(d.Require.SCA).Key("tenured").Bool(d.Require.Tenured).Key("no_app").Bool(d.Require.NoApp).EndObject()
	w.Key("section").StringOrNull(d.Section).Key("degraded").Array()
	for _, g := range d.Degraded {
		w.Object().Key("code").String(g.Code).Key("rule").StringOrNull(g.Rule).EndObject()
	}
	w.EndArray().Key("missing_facts").Strings(d.MissingFacts).Key("unjudged").Strings(d.Unjudged).Key("shadow")
	memberwiseHits(w, d.Shadow)
	w.Key("cost").Int(d.Cost).Key("lists").Array()
	for _, l := range d.Lists {
		w.Object().Key("name").String(l.Name).Key("digest").String(l.Digest).EndObject()
	}
	return string(w.EndArray().Key("system_error").Bool(d.SystemError).EndObject().Bytes())
}

func memberwiseHits(w *canon.Writer, hits []RuleHit) {
	w.Array()
	for _, h := range hits {
		w.Object().Key("id").String(h.ID).Key("version").String(h.Version)
		w.Key("effect").String(h.Effect.String()).Key("reason").String(h.Reason)
		w.Key("weight").Int(h.Weight).Key("missing").Bool(h.Missing).EndObject()
	}
	w.EndArray()
}

// TestDecisionsAreWrittenAsMemberByMember gives each member a value and none, alone and
// beside the others.
func TestDecisionsAreWrittenAsMemberByMember(t *testing.T) {
	hits := []RuleHit{{"R1", "1", rules.EffectRed, `q"`, -3, true}, {"R2", "2\n", rules.EffectScore, "", 7, false}}
	texts := []string{"a", "é\x00", ""}
	sets := []func(*Decision){
		func(d *Decision) { d.ID, d.PackID, d.PackName, d.PackVersion = "i", "p", `n\`, "v" },
		func(d *Decision) { d.EventID = "e\"1" },
		func(d *Decision) { d.Now = time.Date(2026, 11, 23, 10, 0, 0, 120e6, time.FixedZone("", 3600)) },
		func(d *Decision) { d.Outcome, d.Floor, d.ActionCode = rules.Yellow, rules.Orange, "85" },
		func(d *Decision) { d.Reasons, d.StepUp = texts, texts[:1] },
		func(d *Decision) { d.Rules, d.Shadow = hits, hits[:1] },
		func(d *Decision) { d.Shadow = hits },
		func(d *Decision) { d.Guards = []Guard{{"G", rules.Green, ""}, {"H", rules.Red, "54"}} },
		func(d *Decision) { d.Score, d.Cost = -5, 1<<62 },
		func(d *Decision) { d.Require = rules.Require{SCA: true} },
		func(d *Decision) { d.Require = rules.Require{Tenured: true, NoApp: true} },
		func(d *Decision) { d.Outcome, d.Floor = 9, 9 },
		func(d *Decision) { d.Section = "s" },
		func(d *Decision) { d.Degraded = []Degradation{{"cost", ""}, {"overflow", "R1"}} },
		func(d *Decision) { d.MissingFacts = texts },
		func(d *Decision) { d.Unjudged = texts[:2] },
		func(d *Decision) { d.Lists = []ListDigest{{"a", "0"}, {"b", "1"}} },
		func(d *Decision) { d.SystemError = true },
	}
	check := func(d *Decision) {
		t.Helper()
		if got, want := string(d.AppendJSON(nil)), memberwise(d); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	aloneAndTogether(sets, check)
}

// aloneAndTogether checks a zero T, one with each member set, with each pair, and with all
// up to each.
func aloneAndTogether[T any](sets []func(*T), check func(*T)) {
	all := new(T)
	check(all)
	for i, set := range sets {
		alone := new(T)
		set(alone)
		check(alone)
		set(all)
		check(all)
		for _, other := range sets[:i] {
			pair := new(T)
			set(pair)
			other(pair)
			check(pair)
		}
	}
}

// TestAppendDecisionIsDecideAndAppendJSON in turns, so that nothing of one decision is
// seen in the next.
func TestAppendDecisionIsDecideAndAppendJSON(t *testing.T) {
	e := newPacker().
		rule(rules.Rule{ID: "Y", Effect: rules.EffectYellow, Require: rules.Require{NoApp: true}}, when(is("token.source", "manual"))).
		rule(rules.Rule{ID: "S", Effect: rules.EffectRed, Shadow: true}, when(is("id", "e1"))).engine(t)
	guarded := event(t, "token.source", "manual")
	guarded.Guards = []Guard{{Code: "BNB", Outcome: rules.Red, ActionCode: "54"}}
	long := event(t)
	if err := long.Set("id", strings.Repeat("i", 200)); err != nil {
		t.Fatal(err)
	}
	events := []*Event{event(t), event(t, "token.source", "manual"), guarded, nil, long, {}}
	for i := range 3 * len(events) {
		ev := events[i*5%len(events)]
		got, want := e.AppendDecision([]byte("x"), ev, testNow), e.Decide(ev, testNow).AppendJSON([]byte("x"))
		if string(got) != string(want) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func TestAppendDecisionTakesNoMemory(t *testing.T) {
	e := newPacker().rule(rules.Rule{ID: "Y", Effect: rules.EffectYellow}, when(is("token.source", "manual"))).engine(t)
	ev, buf := event(t, "token.source", "manual"), make([]byte, 0, 4096)
	decide := func() { buf = e.AppendDecision(buf[:0], ev, testNow) }
	decide()
	// The rule is judged by a test's own walk, which takes a piece.
	var run rules.Run
	own := testing.AllocsPerRun(100, func() { e.Pack().RunInto(&run, ev.Facts, testNow) })
	if n := testing.AllocsPerRun(100, decide) - own; n > 0.5 && !underRace {
		t.Errorf("%v pieces", n)
	}
}
