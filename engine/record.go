package engine

import (
	"strconv"
	"time"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/rules"
)

// RecordFormat is the version of the JSON form of a Record.
const RecordFormat = 1

// CardForm tells how records name a card. One form is chosen once for records,
// explanations, metrics and stores: the reference together with BIN and last four
// digits can be searched back to the card number.
type CardForm uint8

const (
	CardRef CardForm = iota // the keyed reference; the default
	CardBIN                 // BIN and last four digits
)

// Record is what is kept of one message: what came, what was decided, what left.
// It holds no personal data and no account data.
type Record struct {
	At            time.Time
	Counterpart   string // name of the gate
	EventID       string
	DecisionID    string // "" when nothing was decided
	PackID        string
	Lists         []ListDigest
	Decided       bool          // Outcome and ActionCode apply
	Outcome       rules.Outcome //
	ActionCode    string
	Rules         []RuleHit
	Reasons       []string
	Degraded      []Degradation
	Shadow        []RuleHit
	Cost          int64
	KeyID         string // as the message claims it; "" when it names none that can be shown
	MessageDigest string // lower-case hexadecimal SHA-256 of the body; "" when there was no body to digest
	Refusal       string // stable name of the code, "" when the message was decided
	Micros        int64  // time it took, microseconds; enters nothing else
	UnknownFields int    // members of the body that the codec does not know
	Card          Card

	Verified bool          // the message was opened: Age applies
	Age      time.Duration // how long before At its sender says it was issued; negative when its clock is ahead
	Observed []string      // checks that it failed and that are observed only, see webhook.Check
	// Incumbent is what the system that is still in charge answered to the same
	// message; nil when there was none to ask.
	Incumbent *Incumbent
	// Sealed is what it takes to decide again, sealed to an auditor; "" when nothing
	// was decided or nobody asked for it. See GateOptions.SealEvidence.
	Sealed string

	written *written // nil for a Record that was put together by hand
}

// Card names the card of a record: by Ref, or by BIN and Last4, never by both.
type Card struct{ Ref, BIN, Last4 string }

// CardOf returns the card of the event in that form; a value that is not of the
// shape that its name promises is left out.
func CardOf(ev *Event, form CardForm) Card {
	if ev == nil || ev.Facts == nil {
		return Card{}
	}
	if form != CardBIN {
		ref := ev.Text("card.ref")
		if rules.LooksLikePAN(ref) {
			ref = ""
		}
		return Card{Ref: ref}
	}
	var c Card
	if bin := ev.Text("card.bin"); digits(bin, 4, 8) {
		c.BIN = bin
	}
	if last := ev.Text("card.last4"); digits(last, 4, 4) {
		c.Last4 = last
	}
	return c
}

func digits(s string, least, most int) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) >= least && len(s) <= most
}

// decided copies a decision into the record.
func (r *Record) decided(d *Decision) {
	r.Decided, r.EventID, r.DecisionID, r.PackID = true, d.EventID, d.ID, d.PackID
	r.Outcome, r.ActionCode, r.Rules, r.Reasons = d.Outcome, d.ActionCode, d.Rules, d.Reasons
	r.Degraded, r.Shadow, r.Cost, r.Lists, r.written = d.Degraded, d.Shadow, d.Cost, d.Lists, d.written
}

// appendLine appends the record as one canonical JSON object, without newline. Its
// members, always all, in this order: format, seq, prev, at, counterpart,
// event_id, decision_id, pack_id, lists, outcome, action_code, rules, reasons,
// degraded, shadow, cost, key_id, message_digest, refusal, micros,
// unknown_fields, card, age_ms, observed, incumbent, sealed.
//
// The names are written together with what stands around them: a record is written
// for each message, and half of its bytes are names. A few short functions do it, since
// code that runs once a message is read anew from afar each time.
func (r *Record) appendLine(dst []byte, seq uint64, prev string) []byte {
	b := strconv.AppendUint(append(dst, recordBegin...), seq, 10)
	b = appendText(b, `,"prev":`, prev)
	b = canon.AppendTime(append(b, `,"at":`...), r.At)
	b = canon.AppendString(append(b, `,"counterpart":`...), r.Counterpart)
	b = appendText(b, `,"event_id":`, r.EventID)
	b = appendText(b, `,"decision_id":`, r.DecisionID)
	if w := r.written; w.has(r.PackID, r.Lists) {
		b = append(b, w.record...)
	} else {
		b = appendLists(append(appendText(b, `,"pack_id":`, r.PackID), `,"lists":`...), r.Lists)
	}
	outcome := `,"outcome":null,"action_code":`
	if r.Decided {
		outcome = outcomeMember(r.Outcome)
	}
	b = appendText(b, outcome, r.ActionCode)
	b = appendRuleIDs(append(b, `,"rules":`...), r.Rules)
	b = appendStrings(append(b, `,"reasons":`...), r.Reasons)
	before := `,"degraded":[],"shadow":[],"cost":`
	if len(r.Degraded)+len(r.Shadow) > 0 {
		b = appendDegraded(append(b, `,"degraded":`...), r.Degraded)
		b, before = appendRuleIDs(append(b, `,"shadow":`...), r.Shadow), `,"cost":`
	}
	b = appendNumber(b, before, r.Cost)
	b = appendText(b, `,"key_id":`, r.KeyID)
	b = appendText(b, `,"message_digest":`, r.MessageDigest)
	b = appendText(b, `,"refusal":`, r.Refusal)
	b = appendNumber(b, `,"micros":`, r.Micros)
	b = appendNumber(b, `,"unknown_fields":`, int64(r.UnknownFields))
	b = appendCard(append(b, `,"card":`...), r.Card)
	if r.Verified {
		b = appendNumber(b, `,"age_ms":`, r.Age.Milliseconds())
	} else {
		b = append(b, `,"age_ms":null`...)
	}
	if len(r.Observed) == 0 && r.Incumbent == nil && r.Sealed == "" {
		return append(b, `,"observed":[],"incumbent":null,"sealed":null}`...)
	}
	b = appendStrings(append(b, `,"observed":`...), r.Observed)
	b = r.Incumbent.append(append(b, `,"incumbent":`...))
	return append(appendText(b, `,"sealed":`, r.Sealed), '}')
}

// appendText appends what stands before a text, and the text, or null for the empty one.
//
//go:noinline
func appendText(b []byte, before, s string) []byte { return appendOrNull(append(b, before...), s) }

// appendNumber appends what stands before a number, and the number.
//
//go:noinline
func appendNumber(b []byte, before string, n int64) []byte {
	return strconv.AppendInt(append(b, before...), n, 10)
}

// recordBegin has the format in it, which is one digit.
const recordBegin = `{"format":` + string('0'+rune(RecordFormat)) + `,"seq":`

// appendOrNull writes null for the empty string.
func appendOrNull(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return canon.AppendString(b, s)
}

func appendStrings(b []byte, list []string) []byte {
	if len(list) == 0 {
		return append(b, "[]"...)
	}
	for i, s := range list {
		b = canon.AppendString(append(b, opener(i)), s)
	}
	return append(b, ']')
}

// opener stands before the element i of an array.
func opener(i int) byte {
	if i == 0 {
		return '['
	}
	return ','
}

func appendRuleIDs(b []byte, hits []RuleHit) []byte {
	if len(hits) == 0 {
		return append(b, "[]"...)
	}
	for i := range hits {
		b = appendPair(append(b, opener(i)), `{"id":`, hits[i].ID, `,"version":`, hits[i].Version)
	}
	return append(b, ']')
}

func appendDegraded(b []byte, list []Degradation) []byte {
	if len(list) == 0 {
		return append(b, "[]"...)
	}
	for i := range list {
		b = canon.AppendString(append(append(b, opener(i)), `{"code":`...), list[i].Code)
		b = append(appendText(b, `,"rule":`, list[i].Rule), '}')
	}
	return append(b, ']')
}

func appendLists(b []byte, lists []ListDigest) []byte {
	if len(lists) == 0 {
		return append(b, "[]"...)
	}
	for i := range lists {
		b = appendPair(append(b, opener(i)), `{"name":`, lists[i].Name, `,"digest":`, lists[i].Digest)
	}
	return append(b, ']')
}

// appendPair appends an object of two texts.
func appendPair(b []byte, before, s, between, t string) []byte {
	b = canon.AppendString(append(b, before...), s)
	return append(canon.AppendString(append(b, between...), t), '}')
}

func appendCard(b []byte, c Card) []byte {
	switch {
	case c.Ref != "":
		return append(canon.AppendString(append(b, `{"ref":`...), c.Ref), '}')
	case c.BIN != "" || c.Last4 != "":
		b = appendOrNull(append(b, `{"bin":`...), c.BIN)
		return append(appendOrNull(append(b, `,"last4":`...), c.Last4), '}')
	}
	return append(b, "null"...)
}
