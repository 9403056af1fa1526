package engine

import (
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/rules"
)

// DecisionFormat is the version of the JSON form of a Decision.
const DecisionFormat = 1

// AppendJSON appends the decision as canonical JSON. All members stand there
// always, in this order: format, decision_id, pack {id, name, version}, event_id,
// now, outcome, action_code, reasons, rules, guards, floor, score, step_up,
// require, section, degraded, missing_facts, unjudged, shadow, cost, lists,
// system_error. What does not apply is an empty array or null. It holds no fact
// of the event but its id.
func (d *Decision) AppendJSON(dst []byte) []byte {
	w := canon.NewWriter(dst)
	d.write(w)
	return w.Bytes()
}

func (d *Decision) write(w *canon.Writer) {
	w.Object().Key("format").Int(DecisionFormat).Key("decision_id").String(d.ID)
	w.Key("pack").Object().Key("id").String(d.PackID).Key("name").String(d.PackName)
	w.Key("version").String(d.PackVersion).EndObject()
	w.Key("event_id").StringOrNull(d.EventID).Key("now").Time(d.Now)
	w.Key("outcome").String(d.Outcome.String()).Key("action_code").String(d.ActionCode)
	w.Key("reasons").Strings(d.Reasons).Key("rules")
	writeHits(w, d.Rules)
	w.Key("guards").Array()
	for _, g := range d.Guards {
		w.Object().Key("code").String(g.Code).Key("outcome").String(g.Outcome.String())
		w.Key("action_code").StringOrNull(g.ActionCode).EndObject()
	}
	w.EndArray().Key("floor").String(d.Floor.String()).Key("score").Int(d.Score)
	w.Key("step_up").Strings(d.StepUp).Key("require")
	writeRequire(w, d.Require)
	w.Key("section").StringOrNull(d.Section).Key("degraded")
	w.Append(func(b []byte) []byte { return appendDegraded(b, d.Degraded) }).Key("missing_facts").Strings(d.MissingFacts).Key("unjudged").Strings(d.Unjudged).Key("shadow")
	writeHits(w, d.Shadow)
	w.Key("cost").Int(d.Cost).Key("lists")
	w.Append(func(b []byte) []byte { return appendLists(b, d.Lists) }).Key("system_error").Bool(d.SystemError).EndObject()
}

func writeHits(w *canon.Writer, hits []RuleHit) {
	w.Array()
	for _, h := range hits {
		w.Object().Key("id").String(h.ID).Key("version").String(h.Version)
		w.Key("effect").String(h.Effect.String()).Key("reason").String(h.Reason)
		w.Key("weight").Int(h.Weight).Key("missing").Bool(h.Missing).EndObject()
	}
	w.EndArray()
}

func writeRequire(w *canon.Writer, r rules.Require) {
	w.Object().Key("sca").Bool(r.SCA).Key("tenured").Bool(r.Tenured).Key("no_app").Bool(r.NoApp).EndObject()
}
