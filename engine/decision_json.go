package engine

import (
	"strconv"

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
//
// Names are written together with what stands around them, and members that say
// nothing in most decisions in one piece: two thirds of the bytes are such.
func (d *Decision) AppendJSON(dst []byte) []byte {
	b := canon.AppendString(append(dst, decisionBegin...), d.ID)
	b = canon.AppendString(append(b, `,"pack":{"id":`...), d.PackID)
	b = canon.AppendString(append(b, `,"name":`...), d.PackName)
	b = canon.AppendString(append(b, `,"version":`...), d.PackVersion)
	b = appendOrNull(append(b, `},"event_id":`...), d.EventID)
	b = canon.AppendTime(append(b, `,"now":`...), d.Now)
	b = appendOutcome(append(b, `,"outcome":`...), d.Outcome)
	b = canon.AppendString(append(b, `,"action_code":`...), d.ActionCode)
	b = appendStrings(append(b, `,"reasons":`...), d.Reasons)
	b = appendHits(append(b, `,"rules":`...), d.Rules)
	b = appendGuards(append(b, `,"guards":`...), d.Guards)
	b = appendOutcome(append(b, `,"floor":`...), d.Floor)
	b = strconv.AppendInt(append(b, `,"score":`...), d.Score, 10)
	b = appendStrings(append(b, `,"step_up":`...), d.StepUp)
	b = appendRequire(b, d.Require)
	b = d.appendShortfalls(b)
	b = strconv.AppendInt(append(b, `,"cost":`...), d.Cost, 10)
	b = appendLists(append(b, `,"lists":`...), d.Lists)
	if d.SystemError {
		return append(b, `,"system_error":true}`...)
	}
	return append(b, `,"system_error":false}`...)
}

// decisionBegin has the format in it, which is one digit.
const decisionBegin = `{"format":` + string('0'+rune(DecisionFormat)) + `,"decision_id":`

// appendShortfalls appends the members section to shadow.
func (d *Decision) appendShortfalls(b []byte) []byte {
	if d.Section == "" && len(d.Degraded)+len(d.MissingFacts)+len(d.Unjudged)+len(d.Shadow) == 0 {
		return append(b, `,"section":null,"degraded":[],"missing_facts":[],"unjudged":[],"shadow":[]`...)
	}
	b = appendOrNull(append(b, `,"section":`...), d.Section)
	b = appendDegraded(append(b, `,"degraded":`...), d.Degraded)
	b = appendStrings(append(b, `,"missing_facts":`...), d.MissingFacts)
	b = appendStrings(append(b, `,"unjudged":`...), d.Unjudged)
	return appendHits(append(b, `,"shadow":`...), d.Shadow)
}

// appendRequire appends the member require.
func appendRequire(b []byte, r rules.Require) []byte {
	if r == (rules.Require{}) {
		return append(b, `,"require":{"sca":false,"tenured":false,"no_app":false}`...)
	}
	b = strconv.AppendBool(append(b, `,"require":{"sca":`...), r.SCA)
	b = strconv.AppendBool(append(b, `,"tenured":`...), r.Tenured)
	return append(strconv.AppendBool(append(b, `,"no_app":`...), r.NoApp), '}')
}

func appendHits(b []byte, hits []RuleHit) []byte {
	b = append(b, '[')
	for i := range hits {
		h := &hits[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = canon.AppendString(append(b, `{"id":`...), h.ID)
		b = canon.AppendString(append(b, `,"version":`...), h.Version)
		b = canon.AppendString(append(b, `,"effect":`...), h.Effect.String())
		b = canon.AppendString(append(b, `,"reason":`...), h.Reason)
		b = strconv.AppendInt(append(b, `,"weight":`...), h.Weight, 10)
		b = append(strconv.AppendBool(append(b, `,"missing":`...), h.Missing), '}')
	}
	return append(b, ']')
}

func appendGuards(b []byte, guards []Guard) []byte {
	b = append(b, '[')
	for i := range guards {
		g := &guards[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = canon.AppendString(append(b, `{"code":`...), g.Code)
		b = appendOutcome(append(b, `,"outcome":`...), g.Outcome)
		b = append(appendOrNull(append(b, `,"action_code":`...), g.ActionCode), '}')
	}
	return append(b, ']')
}

// appendOutcome appends a colour, whose names stand for themselves.
func appendOutcome(b []byte, o rules.Outcome) []byte {
	return append(append(append(b, '"'), o.String()...), '"')
}
