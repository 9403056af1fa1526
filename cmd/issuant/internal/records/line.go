package records

import (
	"errors"
	"slices"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/strictjson"
)

// Line is what one line of the chain says. What does not apply is zero; members
// that this release does not know stay in Raw.
type Line struct {
	Raw   []byte
	Value strictjson.Value // of Raw

	Seq  uint64
	At   time.Time
	Kind string // "" for a message; else list, approval and the like

	Counterpart, EventID, DecisionID, PackID string
	Outcome, ActionCode, Refusal, KeyID      string
	MessageDigest, Sealed                    string
	Lists                                    []engine.ListDigest
	Rules, Shadow, Reasons, Observed         []string
	Degraded                                 []engine.Degradation
	Card                                     engine.Card
	Micros                                   int64
	Verified                                 bool // Age applies
	Age                                      time.Duration
	Incumbent                                *engine.Incumbent
}

var (
	errNoRecord = errors.New("it is not a record: no JSON object with format and seq")
	errVersion  = errors.New("it is a record of an unknown format")
)

// Parse reads a line; the text is kept as Raw, not copied.
func Parse(text []byte) (*Line, error) {
	v, err := strictjson.Parse(text, strictjson.Limits{MaxBytes: engine.MaxRecordLine})
	if err != nil || v.Kind != strictjson.Object {
		return nil, errNoRecord
	}
	format, hasFormat := v.Get("format")
	if n, ok := format.Int64(); hasFormat && (!ok || n != engine.RecordFormat) {
		return nil, errVersion
	}
	seq, _ := v.Get("seq")
	n, ok := seq.Int64()
	if !hasFormat || !ok || n < 1 {
		return nil, errNoRecord
	}
	l := &Line{Raw: text, Value: v, Seq: uint64(n)}
	l.At, _ = time.Parse(time.RFC3339Nano, l.text("at"))
	for name, to := range map[string]*string{
		"kind": &l.Kind, "counterpart": &l.Counterpart, "event_id": &l.EventID, "decision_id": &l.DecisionID, "pack_id": &l.PackID,
		"outcome": &l.Outcome, "action_code": &l.ActionCode, "refusal": &l.Refusal, "key_id": &l.KeyID,
		"message_digest": &l.MessageDigest, "sealed": &l.Sealed,
	} {
		*to = l.text(name)
	}
	l.Rules, l.Shadow = l.ids("rules"), l.ids("shadow")
	l.Reasons, l.Observed = texts(l.member("reasons")), texts(l.member("observed"))
	for _, g := range l.member("degraded").Items {
		l.Degraded = append(l.Degraded, engine.Degradation{Code: get(g, "code").Str, Rule: get(g, "rule").Str})
	}
	for _, d := range l.member("lists").Items {
		l.Lists = append(l.Lists, engine.ListDigest{Name: get(d, "name").Str, Digest: get(d, "digest").Str})
	}
	card := l.member("card")
	l.Card = engine.Card{Ref: get(card, "ref").Str, BIN: get(card, "bin").Str, Last4: get(card, "last4").Str}
	l.Micros, _ = l.member("micros").Int64()
	if ms, ok := l.member("age_ms").Int64(); ok {
		l.Verified, l.Age = true, time.Duration(ms)*time.Millisecond
	}
	l.Incumbent = incumbent(l.member("incumbent"))
	return l, nil
}

func incumbent(v strictjson.Value) *engine.Incumbent {
	if v.Kind != strictjson.Object {
		return nil
	}
	in := &engine.Incumbent{Failure: get(v, "failure").Str, ActionCode: get(v, "action_code").Str}
	status, _ := get(v, "status").Int64()
	in.Status = int(status)
	approve := get(v, "approve")
	in.Read, in.Approve = approve.Kind == strictjson.Bool, approve.Bool
	in.Micros, _ = get(v, "micros").Int64()
	return in
}

func get(v strictjson.Value, name string) strictjson.Value {
	m, _ := v.Get(name)
	return m
}

func (l *Line) member(name string) strictjson.Value { return get(l.Value, name) }

func (l *Line) text(name string) string {
	if m := l.member(name); m.Kind == strictjson.String {
		return m.Str
	}
	return ""
}

func (l *Line) ids(name string) []string {
	var list []string
	for _, item := range l.member(name).Items {
		list = append(list, get(item, "id").Str)
	}
	return list
}

func texts(v strictjson.Value) []string {
	var list []string
	for _, item := range v.Items {
		list = append(list, item.Str)
	}
	return list
}

// Filter says which lines are wanted; what is empty wants all.
type Filter struct {
	Outcome, Refusal, Rule, Counterpart []string // any of them; a rule that hit, or hit in shadow
}

// Empty reports whether every line is wanted.
func (f *Filter) Empty() bool {
	return len(f.Outcome)+len(f.Refusal)+len(f.Rule)+len(f.Counterpart) == 0
}

// Wants reports whether a line is wanted. Lines that are no messages are wanted by
// an empty filter alone.
func (f *Filter) Wants(l *Line) bool {
	any := func(want []string, have ...string) bool {
		return len(want) == 0 || slices.ContainsFunc(have, func(h string) bool { return slices.Contains(want, h) })
	}
	return f.Empty() || l.Kind == "" && any(f.Outcome, l.Outcome) && any(f.Refusal, l.Refusal) &&
		any(f.Counterpart, l.Counterpart) && any(f.Rule, append(slices.Clone(l.Rules), l.Shadow...)...)
}
