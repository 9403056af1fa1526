package engine

import (
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
	r.Degraded, r.Shadow, r.Cost, r.Lists = d.Degraded, d.Shadow, d.Cost, d.Lists
}

// appendLine appends the record as one canonical JSON object, without newline. Its
// members, always all, in this order: format, seq, prev, at, counterpart,
// event_id, decision_id, pack_id, lists, outcome, action_code, rules, reasons,
// degraded, shadow, cost, key_id, message_digest, refusal, micros,
// unknown_fields, card, age_ms, observed, incumbent, sealed.
func (r *Record) appendLine(dst []byte, seq uint64, prev string) []byte {
	w := canon.NewWriter(dst)
	w.Object().Key("format").Int(RecordFormat).Key("seq").Uint(seq).Key("prev").String(prev)
	w.Key("at").Time(r.At).Key("counterpart").String(r.Counterpart)
	w.Key("event_id").StringOrNull(r.EventID).Key("decision_id").StringOrNull(r.DecisionID)
	w.Key("pack_id").StringOrNull(r.PackID).Key("lists")
	writeLists(w, r.Lists)
	if w.Key("outcome"); r.Decided {
		w.String(r.Outcome.String())
	} else {
		w.Null()
	}
	w.Key("action_code").StringOrNull(r.ActionCode).Key("rules")
	writeRuleIDs(w, r.Rules)
	w.Key("reasons").Strings(r.Reasons).Key("degraded")
	writeDegraded(w, r.Degraded)
	w.Key("shadow")
	writeRuleIDs(w, r.Shadow)
	w.Key("cost").Int(r.Cost).Key("key_id").StringOrNull(r.KeyID)
	w.Key("message_digest").StringOrNull(r.MessageDigest).Key("refusal").StringOrNull(r.Refusal)
	w.Key("micros").Int(r.Micros).Key("unknown_fields").Int(int64(r.UnknownFields)).Key("card")
	writeCard(w, r.Card)
	if w.Key("age_ms"); r.Verified {
		w.Int(r.Age.Milliseconds())
	} else {
		w.Null()
	}
	w.Key("observed").Strings(r.Observed).Key("incumbent")
	writeIncumbent(w, r.Incumbent)
	w.Key("sealed").StringOrNull(r.Sealed).EndObject()
	return w.Bytes()
}

func writeRuleIDs(w *canon.Writer, hits []RuleHit) {
	w.Array()
	for _, h := range hits {
		w.Object().Key("id").String(h.ID).Key("version").String(h.Version).EndObject()
	}
	w.EndArray()
}

func writeCard(w *canon.Writer, c Card) {
	switch {
	case c.Ref != "":
		w.Object().Key("ref").String(c.Ref).EndObject()
	case c.BIN != "" || c.Last4 != "":
		w.Object().Key("bin").StringOrNull(c.BIN).Key("last4").StringOrNull(c.Last4).EndObject()
	default:
		w.Null()
	}
}
