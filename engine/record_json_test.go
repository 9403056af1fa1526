package engine

import (
	"testing"
	"time"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/rules"
)

// memberwiseLine writes a record with one call a name and a value: what AppendLine, which
// writes the usual record in long pieces, is compared with.
func memberwiseLine(r *Record, at Chain) string {
	w := canon.NewWriter(nil)
	w.Object().Key("format").Int(RecordFormat).Key("seq").Uint(at.Seq + 1).Key("prev").String(at.Prev())
	w.Key("at").String(r.At.UTC().Format(time.RFC3339Nano)).Key("counterpart").String(r.Counterpart)
	w.Key("event_id").StringOrNull(r.EventID).Key("decision_id").StringOrNull(r.DecisionID)
	w.Key("pack_id").StringOrNull(r.PackID).Key("lists").Array()
	for _, l := range r.Lists {
		w.Object().Key("name").String(l.Name).Key("digest").String(l.Digest).EndObject()
	}
	if w.EndArray().Key("outcome"); r.Decided {
		w.String(r.Outcome.String())
	} else {
		w.Null()
	}
	w.Key("action_code").StringOrNull(r.ActionCode).Key("rules")
	memberwiseIDs(w, r.Rules)
	w.Key("reasons").Strings(r.Reasons).Key("degraded").Array()
	for _, g := range r.Degraded {
		w.Object().Key("code").String(g.Code).Key("rule").StringOrNull(g.Rule).EndObject()
	}
	w.EndArray().Key("shadow")
	memberwiseIDs(w, r.Shadow)
	w.Key("cost").Int(r.Cost).Key("key_id").StringOrNull(r.KeyID).Key("message_digest").StringOrNull(r.MessageDigest)
	w.Key("refusal").StringOrNull(r.Refusal).Key("micros").Int(r.Micros).Key("unknown_fields").Int(int64(r.UnknownFields)).Key("card")
	switch c := r.Card; {
	case c.Ref != "":
		w.Object().Key("ref").String(c.Ref).EndObject()
	case c != Card{}:
		w.Object().Key("bin").StringOrNull(c.BIN).Key("last4").StringOrNull(c.Last4).EndObject()
	default:
		w.Null()
	}
	if w.Key("age_ms"); r.Verified {
		w.Int(r.Age.Milliseconds())
	} else {
		w.Null()
	}
	w.Key("observed").Strings(r.Observed).Key("incumbent").Append(r.Incumbent.append)
	return string(w.Key("sealed").StringOrNull(r.Sealed).EndObject().Bytes())
}

func memberwiseIDs(w *canon.Writer, hits []RuleHit) {
	w.Array()
	for _, h := range hits {
		w.Object().Key("id").String(h.ID).Key("version").String(h.Version).EndObject()
	}
	w.EndArray()
}

// TestRecordsAreWrittenAsMemberByMember gives each member a value and none, alone and
// beside the others.
func TestRecordsAreWrittenAsMemberByMember(t *testing.T) {
	hits := []RuleHit{{ID: "R1", Version: "1"}, {ID: "R2", Version: "2\n"}}
	texts := []string{"a", "é\x00", ""}
	sets := []func(*Record){
		func(r *Record) { r.At = time.Date(2026, 11, 23, 10, 0, 0, 1, time.FixedZone("", 3600)) },
		func(r *Record) { r.Counterpart, r.EventID, r.DecisionID, r.PackID = "c", "e\"", "d", "p" },
		func(r *Record) { r.Lists = []ListDigest{{"a", "0"}, {"b", "1"}} },
		func(r *Record) { r.Decided, r.Outcome, r.ActionCode = true, rules.Yellow, "85" },
		func(r *Record) { r.Rules, r.Reasons = hits, texts },
		func(r *Record) { r.Degraded = []Degradation{{"cost", ""}, {"overflow", "R1"}} },
		func(r *Record) { r.Shadow = hits[:1] },
		func(r *Record) { r.Cost, r.Micros, r.UnknownFields = 5, 7, 9 },
		func(r *Record) { r.KeyID, r.MessageDigest = "k\\", "m" },
		func(r *Record) { r.Refusal = "stale" },
		func(r *Record) { r.Card = Card{Ref: "k1:x"} },
		func(r *Record) { r.Card = Card{Last4: "1234"} },
		func(r *Record) { r.Verified, r.Age = true, -1500*time.Millisecond },
		func(r *Record) { r.Observed = texts[:1] },
		func(r *Record) {
			r.Incumbent = &Incumbent{Status: 200, Read: true, Approve: true, ActionCode: "00", Micros: 3}
		},
		func(r *Record) { r.Sealed = "s" },
	}
	check := func(r *Record) {
		t.Helper()
		for _, at := range []Chain{{}, {Seq: 41, Hash: zeroHash[1:] + "f"}} {
			got, err := r.AppendLine([]byte("x"), at)
			if want := "x" + memberwiseLine(r, at); err != nil || string(got) != want {
				t.Errorf("%v, got\n%s\nwant\n%s", err, got, want)
			}
		}
	}
	aloneAndTogether(sets, check)
}

// TestWhatThePackSaysIsWrittenAsMemberByMember: texts that are written once for a pack
// stand in records and decisions as long as nobody has put others in their place.
func TestWhatThePackSaysIsWrittenAsMemberByMember(t *testing.T) {
	e := newPacker().engine(t)
	if err := e.SwapKill(killList(t, KillBIN, rules.ListEntry{Value: "411111"}), killList(t, KillCard, rules.ListEntry{Value: "k1:x"})); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*Decision){
		"as it is":       func(*Decision) {},
		"no lists":       func(d *Decision) { d.Lists = nil },
		"one list less":  func(d *Decision) { d.Lists = d.Lists[1:] },
		"one at the end": func(d *Decision) { d.Lists = d.Lists[:1] },
		"others":         func(d *Decision) { d.Lists = []ListDigest{{"a", "0"}, {"b", "1"}} },
		"another pack":   func(d *Decision) { d.PackID = "p" },
	} {
		d := e.Decide(event(t), testNow)
		if len(d.Lists) != 2 {
			t.Fatal(d.Lists)
		}
		change(d)
		if got, want := string(d.AppendJSON(nil)), memberwise(d); got != want {
			t.Errorf("%s: decision\n%s\nwant\n%s", what, got, want)
		}
		r := new(Record)
		r.decided(d)
		if got, err := r.AppendLine(nil, Chain{}); err != nil || string(got) != memberwiseLine(r, Chain{}) {
			t.Errorf("%s: record\n%s, %v\nwant\n%s", what, got, err, memberwiseLine(r, Chain{}))
		}
	}
}
