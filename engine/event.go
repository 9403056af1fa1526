package engine

import (
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
)

// Guard is a finding of a counterpart or of a codec that no pack can loosen: it
// joins in under every hit policy, outside max_cost.
type Guard struct {
	Code       string        // the finding, for example EXPCRD or missing_required:card.bin
	Outcome    rules.Outcome // at least this bad
	ActionCode string        // of a red guard: 14, 54, N7 or 05
}

// Event is what an engine decides on: facts under a schema, and the guards that
// its codec raised. It holds no account data.
type Event struct {
	*rules.Facts
	Guards []Guard
}

// NewEvent returns an event of schema s without facts.
func NewEvent(s *rules.Schema) *Event { return &Event{Facts: rules.NewFacts(s)} }

// Clone returns an independent copy.
func (e *Event) Clone() *Event {
	return &Event{Facts: e.Facts.Clone(), Guards: append([]Guard(nil), e.Guards...)}
}

// ParseEvent reads an event in its JSON form: the fields of the schema, groups
// nested, and an optional member "guards". The text is read strictly; an unknown
// name is an error. The event shares no memory with data.
func ParseEvent(s *rules.Schema, data []byte) (*Event, error) {
	if len(data) > MaxEventBytes {
		data = data[:MaxEventBytes+1] // too long all the same, and not copied whole
	}
	facts, passed, err := s.EventDecoder().DecodeNew(string(data))
	if err != nil {
		return nil, err
	}
	e := &Event{Facts: facts}
	if e.Guards, err = GuardsOf(passed); err != nil {
		return nil, err
	}
	return e, nil
}

// GuardsOf reads the guards that a decoder with the reserved member "guards" has set
// apart, for those who decode with one of their own: see ParseEvent. The guards share
// no memory with the text. The error is a *rules.FactError.
func GuardsOf(passed rules.Passed) ([]Guard, error) {
	if passed.Reserved == "" {
		return nil, nil
	}
	v, err := strictjson.Parse([]byte(passed.Reserved), strictjson.Limits{MaxBytes: MaxEventBytes})
	if err != nil {
		return nil, err // never: it was checked with the whole
	}
	return decodeGuards(v, passed.Offset)
}

// EventFromValue is ParseEvent for a text that was parsed already.
func EventFromValue(s *rules.Schema, v strictjson.Value) (*Event, error) {
	facts, err := rules.DecodeFacts(s, v, "guards")
	if err != nil {
		return nil, err
	}
	e := &Event{Facts: facts}
	if g, ok := v.Get("guards"); ok {
		if e.Guards, err = decodeGuards(g, 0); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// decodeGuards reads the member "guards", whose text was cut from an event at base.
func decodeGuards(v strictjson.Value, base int) ([]Guard, error) {
	bad := func(v strictjson.Value, msg string) error {
		return &rules.FactError{Field: "guards", Offset: base + v.Off, Msg: msg}
	}
	if v.Kind != strictjson.Array {
		return nil, bad(v, "must be an array")
	}
	var guards []Guard
	for _, item := range v.Items {
		var g Guard
		for _, m := range item.Members {
			var err error
			switch {
			case m.Value.Kind != strictjson.String:
				err = bad(m.Value, "members of a guard are strings")
			case m.Name == "code":
				g.Code = m.Value.Str
			case m.Name == "outcome":
				if g.Outcome, err = rules.ParseOutcome(m.Value.Str); err != nil {
					err = bad(m.Value, "the outcome of a guard is green, yellow, orange or red")
				}
			case m.Name == "action_code":
				g.ActionCode = m.Value.Str
			default:
				err = bad(m.Value, "a guard has the members code, outcome and action_code")
			}
			if err != nil {
				return nil, err
			}
		}
		if item.Kind != strictjson.Object || g.Code == "" {
			return nil, bad(item, "a guard is an object with a code")
		}
		guards = append(guards, g)
	}
	return guards, nil
}

// AppendJSON appends the canonical JSON form that ParseEvent reads.
func (e *Event) AppendJSON(dst []byte) []byte {
	return e.Facts.AppendJSON(dst, func(w *canon.Writer) {
		if len(e.Guards) == 0 {
			return
		}
		w.Key("guards").Array()
		for _, g := range e.Guards {
			w.Object().Key("code").String(g.Code).Key("outcome").String(g.Outcome.String())
			if g.ActionCode != "" {
				w.Key("action_code").String(g.ActionCode)
			}
			w.EndObject()
		}
		w.EndArray()
	})
}
