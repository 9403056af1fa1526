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
	b = appendPack(b, d.PackID, d.PackName, d.PackVersion)
	b = appendOrNull(b, d.EventID)
	return d.appendTail(canon.AppendTime(append(b, `,"now":`...), d.Now))
}

// appendPack appends the member pack, and the next one's name.
func appendPack(b []byte, id, name, version string) []byte {
	b = canon.AppendString(append(b, `,"pack":{"id":`...), id)
	b = canon.AppendString(append(b, `,"name":`...), name)
	b = canon.AppendString(append(b, `,"version":`...), version)
	return append(b, `},"event_id":`...)
}

// packMember is what stands between the digits of an id and the event id.
func packMember(p *rules.Pack) string {
	man := p.Manifest()
	return string(appendPack([]byte{'"'}, p.ID(), man.Name, man.Version))
}

// appendHead appends the members of a decision that was just made up to now, from the
// texts that its id was made of.
func (l *loaded) appendHead(b []byte, d *Decision, ids *identifier) []byte {
	b = append(append(b, decisionBegin+`"`...), d.ID...)
	b = append(b, l.said...)
	if d.EventID == "" {
		b = append(b, `null,"now":`...)
	} else {
		b = append(append(b, ids.event...), `,"now":`...)
	}
	return append(b, ids.now...)
}

// written are texts that all decisions of a pack, and their records, have in common: half
// of a usual record.
type written struct {
	packID string
	names  []ListDigest
	record string // the members pack_id and lists of a record
	lists  string // the end of it: the lists alone
}

func writtenOf(d *Decision) *written {
	b := append(appendText(nil, `,"pack_id":`, d.PackID), `,"lists":`...)
	n := len(b)
	record := string(appendLists(b, d.Lists))
	return &written{d.PackID, d.Lists, record, record[n:]}
}

// has tells whether w says this, and nobody has put other lists in their place.
func (w *written) has(packID string, lists []ListDigest) bool {
	return w != nil && packID == w.packID && len(lists) == len(w.names) && (len(lists) == 0 || &lists[0] == &w.names[0])
}

// appendTail appends the members from outcome on.
func (d *Decision) appendTail(b []byte) []byte {
	return d.appendRest(canon.AppendInt(d.appendVerdict(b), d.Cost))
}

// appendVerdict appends the members from outcome to the name of the cost.
func (d *Decision) appendVerdict(b []byte) []byte {
	b = append(b, outcomeMember(d.Outcome)...)
	b = canon.AppendString(b, d.ActionCode)
	b = appendStrings(append(b, `,"reasons":`...), d.Reasons)
	b = appendHits(append(b, `,"rules":`...), d.Rules)
	if len(d.Guards) == 0 && d.Floor == rules.Green && d.Score == 0 {
		b = append(b, `,"guards":[],"floor":"green","score":0,"step_up":`...)
	} else {
		b = d.appendFindings(b)
	}
	b = appendStrings(b, d.StepUp)
	if d.Require == (rules.Require{}) && d.Section == "" && len(d.Degraded)+len(d.MissingFacts)+len(d.Unjudged)+len(d.Shadow) == 0 {
		b = append(b, `,"require":{"sca":false,"tenured":false,"no_app":false},"section":null,"degraded":[],"missing_facts":[],"unjudged":[],"shadow":[],"cost":`...)
	} else {
		b = d.appendShortfalls(b)
	}
	return b
}

// appendRest appends what stands behind the cost.
func (d *Decision) appendRest(b []byte) []byte {
	b = append(b, `,"lists":`...)
	if w := d.written; w.has(d.PackID, d.Lists) {
		b = append(b, w.lists...)
	} else {
		b = appendLists(b, d.Lists)
	}
	if d.SystemError {
		return append(b, `,"system_error":true}`...)
	}
	return append(b, `,"system_error":false}`...)
}

// decisionBegin has the format in it, which is one digit.
const decisionBegin = `{"format":` + string('0'+rune(DecisionFormat)) + `,"decision_id":`

// outcomeMember is the member outcome of a decision or a record, and the next one's name.
func outcomeMember(o rules.Outcome) string {
	switch o {
	case rules.Green:
		return `,"outcome":"green","action_code":`
	case rules.Yellow:
		return `,"outcome":"yellow","action_code":`
	case rules.Orange:
		return `,"outcome":"orange","action_code":`
	}
	return `,"outcome":"red","action_code":`
}

// appendFindings appends the members guards, floor and score, and the next one's name.
func (d *Decision) appendFindings(b []byte) []byte {
	b = append(b, `,"guards":[`...)
	for i := range d.Guards {
		g := &d.Guards[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = canon.AppendString(append(b, `{"code":`...), g.Code)
		b = canon.AppendString(append(b, `,"outcome":`...), g.Outcome.String())
		b = append(appendOrNull(append(b, `,"action_code":`...), g.ActionCode), '}')
	}
	b = canon.AppendString(append(b, `],"floor":`...), d.Floor.String())
	b = strconv.AppendInt(append(b, `,"score":`...), d.Score, 10)
	return append(b, `,"step_up":`...)
}

// appendShortfalls appends the members require to shadow, and the next one's name.
func (d *Decision) appendShortfalls(b []byte) []byte {
	b = strconv.AppendBool(append(b, `,"require":{"sca":`...), d.Require.SCA)
	b = strconv.AppendBool(append(b, `,"tenured":`...), d.Require.Tenured)
	b = strconv.AppendBool(append(b, `,"no_app":`...), d.Require.NoApp)
	b = appendOrNull(append(b, `},"section":`...), d.Section)
	b = appendDegraded(append(b, `,"degraded":`...), d.Degraded)
	b = appendStrings(append(b, `,"missing_facts":`...), d.MissingFacts)
	b = appendStrings(append(b, `,"unjudged":`...), d.Unjudged)
	b = appendHits(append(b, `,"shadow":`...), d.Shadow)
	return append(b, `,"cost":`...)
}

func appendHits(b []byte, hits []RuleHit) []byte {
	if len(hits) == 0 {
		return append(b, "[]"...)
	}
	for i := range hits {
		h := &hits[i]
		b = canon.AppendString(append(append(b, opener(i)), `{"id":`...), h.ID)
		b = canon.AppendString(append(b, `,"version":`...), h.Version)
		b = canon.AppendString(append(b, `,"effect":`...), h.Effect.String())
		b = canon.AppendString(append(b, `,"reason":`...), h.Reason)
		b = strconv.AppendInt(append(b, `,"weight":`...), h.Weight, 10)
		b = append(strconv.AppendBool(append(b, `,"missing":`...), h.Missing), '}')
	}
	return append(b, ']')
}
