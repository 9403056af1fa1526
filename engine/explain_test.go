package engine

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
)

func scorePack() *packer {
	return newPacker().
		rule(rules.Rule{ID: "R", Effect: rules.EffectRed, Why: "the score is high", Say: "we could not add your card"}, when(atLeast("network_risk.score", 85))).
		rule(rules.Rule{ID: "Y", Effect: rules.EffectYellow}, when(atLeast("network_risk.score", 60), is("device.ref", "secret-device"))).
		rule(rules.Rule{ID: "S", Effect: rules.EffectRed, Shadow: true}, when(is("id", "e1"))).
		rule(rules.Rule{ID: "U", Effect: rules.EffectTag}, when(is("device.os", "odd"))).
		rule(rules.Rule{ID: "E", Effect: rules.EffectTag}, when(failing("device.type", code.Overflow)))
}

func ids(list []RuleStory) string {
	var out []string
	for _, s := range list {
		out = append(out, s.ID)
	}
	return strings.Join(out, " ")
}

func TestExplainTellsHitsMissesAndFlips(t *testing.T) {
	e := scorePack().engine(t)
	x := e.Explain(event(t, "network_risk.score", 86, "device.ref", "other", "device.type", "x"), testNow)
	if ids(x.Hits) != "R S" || ids(x.NearMisses) != "Y" || ids(x.Unjudged) != "U E" {
		t.Fatalf("hits %q, near misses %q, unjudged %q", ids(x.Hits), ids(x.NearMisses), ids(x.Unjudged))
	}
	hit := x.Hits[0]
	if hit.Why != "the score is high" || hit.Say == "" || hit.Leaves[0].Facts[0] != (FactStory{Field: "network_risk.score", Value: int64(86)}) {
		t.Errorf("%+v", hit)
	}
	if !x.Hits[1].Shadow || x.Unjudged[1].Code != "overflow" {
		t.Errorf("%+v %+v", x.Hits[1], x.Unjudged[1])
	}
	miss := x.NearMisses[0].Leaves[1]
	if miss.Truth != rules.False || miss.Facts[0] != (FactStory{Field: "device.ref", Masked: true}) {
		t.Errorf("a personal fact is shown: %+v", miss)
	}
	if len(x.Flips) == 0 || x.Flips[0].Field != "network_risk.score" || x.Flips[0].To.Value != int64(84) || x.Flips[0].Distance != 2 {
		t.Fatalf("flips %+v", x.Flips)
	}
	if !x.Complete || x.Evaluations == 0 {
		t.Errorf("%d evaluations, complete %v", x.Evaluations, x.Complete)
	}
}

// TestExplainHitsTellsWhatExplainTells compares the quick form with the whole, for the
// starter pack's own way of conditions as for fakes.
func TestExplainHitsTellsWhatExplainTells(t *testing.T) {
	e := scorePack().engine(t)
	for _, ev := range []*Event{event(t, "network_risk.score", 86, "device.ref", "other", "device.type", "x"), event(t, "id", "e1"), event(t)} {
		d, hits := e.ExplainHits(ev, testNow)
		x := e.Explain(ev, testNow)
		if !bytes.Equal(d.AppendJSON(nil), x.Decision.AppendJSON(nil)) || fmt.Sprint(hits) != fmt.Sprint(x.Hits) {
			t.Errorf("%v\n%v", hits, x.Hits)
		}
	}
	if d, hits := e.ExplainHits(nil, testNow); d == nil || len(hits) > 1 {
		t.Errorf("no event: %v, %v", d, hits)
	}
}

func TestExplainProvesItsFlips(t *testing.T) {
	e := scorePack().engine(t)
	for _, ev := range []*Event{
		event(t, "network_risk.score", 20), event(t, "network_risk.score", 99), event(t), event(t, "card.status", "lost"),
		event(t, "card.expired", true, "network_risk.score", 1), event(t, "wallet.recommendation", "decline", "network_risk.score", 1),
	} {
		x := e.Explain(ev, testNow)
		if len(x.Flips) == 0 {
			t.Errorf("no flip for %s", ev.AppendJSON(nil))
		}
		for _, f := range x.Flips {
			trial := ev.Clone()
			if f.To.Masked {
				continue
			}
			if trial.Unset(f.Field); f.To.Value != nil {
				if err := trial.Set(f.Field, f.To.Value); err != nil {
					t.Fatal(err)
				}
			}
			d := e.Decide(trial, testNow)
			if d.Outcome != f.Outcome || d.Outcome == x.Decision.Outcome || d.ActionCode != f.Action {
				t.Errorf("the flip %+v gives %v %s", f, d.Outcome, d.ActionCode)
			}
		}
	}
}

func TestExplainFindsTheSmallestWayToEachOutcome(t *testing.T) {
	p := newPacker().
		rule(yellow("Y"), when(atLeast("network_risk.score", 60))).
		rule(red("R"), when(atLeast("network_risk.score", 85))).
		rule(red("L"), when(is("token.source", "manual")))
	x := p.engine(t).Explain(event(t, "network_risk.score", 84, "token.source", "tap", "token.type", "device"), testNow)
	if len(x.Flips) < 3 || x.Flips[0].Outcome != rules.Red || x.Flips[0].To.Value != int64(85) {
		t.Fatalf("%+v", x.Flips)
	}
	per := map[rules.Outcome]int{}
	for _, f := range x.Flips {
		per[f.Outcome]++
	}
	if per[rules.Green] == 0 || per[rules.Red] > MaxFlips || x.Flips[1].Outcome != rules.Green || x.Flips[1].To.Value != int64(59) {
		t.Errorf("%v %+v", per, x.Flips)
	}
}

func TestExplainFindsTheFactThatGreenWaitsFor(t *testing.T) {
	p := newPacker()
	p.m.GreenRequires = []string{"network_risk.scale"}
	x := p.engine(t).Explain(event(t), testNow)
	for _, f := range x.Flips {
		if f.Field == "network_risk.scale" && f.Outcome == rules.Green && f.From.Value == nil {
			return
		}
	}
	t.Errorf("flips %+v", x.Flips)
}

func TestExplainNamesTheCardInOneForm(t *testing.T) {
	p := newPacker().rule(rules.Rule{ID: "T", Effect: rules.EffectTag},
		when(is("card.ref", "k1:c"), is("card.bin", "411111"), is("card.last4", "1111")))
	ev := event(t, "card.ref", "k1:c", "card.bin", "411111", "card.last4", "1111")
	for form, banned := range map[CardForm][]string{CardRef: {`"411111"`, `"1111"`}, CardBIN: {`"k1:c"`}} {
		e, err := New(p.pack(t), Options{Card: form})
		if err != nil {
			t.Fatal(err)
		}
		text := string(e.Explain(ev, testNow).AppendJSON(nil))
		for _, b := range banned {
			if strings.Contains(text, b) {
				t.Errorf("form %d shows %s", form, b)
			}
		}
	}
}

func TestExplainJSONIsTheSameEachTime(t *testing.T) {
	e := scorePack().engine(t)
	ev := event(t, "network_risk.score", 86, "device.ref", "other", "device.type", "x")
	first := e.Explain(ev, testNow).AppendJSON(nil)
	if _, err := strictjson.Parse(first, strictjson.Limits{}); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if !bytes.Equal(first, e.Explain(ev, testNow).AppendJSON(nil)) {
			t.Fatal("two explanations of one event differ")
		}
	}
	d := e.Decide(ev, testNow).AppendJSON(nil)
	if !bytes.Contains(first, d) {
		t.Error("the explanation is of another decision")
	}
	if bytes.Contains(first, []byte("other")) {
		t.Error("a personal fact is shown")
	}
}

func TestExplainNeverPanics(t *testing.T) {
	e := newPacker().rule(yellow("P"), when(leaf{field: field("id"), test: func(any) bool { panic("mistake") }})).engine(t)
	for _, ev := range []*Event{nil, {}, event(t)} {
		if x := e.Explain(ev, testNow); x == nil || x.Decision == nil || len(x.AppendJSON(nil)) == 0 {
			t.Errorf("%+v", x)
		}
	}
}
