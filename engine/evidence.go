package engine

import (
	"fmt"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
)

// EvidenceFormat is the version of the JSON form of Evidence.
const EvidenceFormat = 1

// maxEvidence bounds the JSON text of Evidence, in bytes: the event, and some more
// for the methods.
const maxEvidence = MaxEventBytes + 64<<10

// Evidence is what it takes, beside the pack with its lists and the instant, to
// make a decision again. It holds personal data: it leaves the process sealed, in
// Record.Sealed, or not at all.
type Evidence struct {
	Event   *Event   // as it was decided
	Methods []Method // that the engine offered
	Late    bool     // the deadline had passed: Engine.DecideLate decided
}

// AppendJSON appends the evidence as one canonical JSON object with the members
// format, schema (name and major version of the event's schema: "event/v1"), late,
// methods (channel, sca, age_fact) and event.
func (v *Evidence) AppendJSON(dst []byte) []byte {
	w := canon.NewWriter(dst).Object().Key("format").Int(EvidenceFormat)
	w.Key("schema").String(schemaName(v.Event.Schema())).Key("late").Bool(v.Late).Key("methods").Array()
	for _, m := range v.Methods {
		w.Object().Key("channel").String(m.Channel).Key("sca").Bool(m.SCA).Key("age_fact").StringOrNull(m.AgeFact).EndObject()
	}
	return w.EndArray().Key("event").Raw(v.Event.AppendJSON(nil)).EndObject().Bytes()
}

func schemaName(s *rules.Schema) string { return fmt.Sprintf("%s/v%d", s.Name(), s.Version()) }

// ErrEvidence is wrapped by the errors of ParseEvidence that are not those of a
// JSON text or of an event.
var ErrEvidence = code.New(code.Version, "engine: evidence is of an unknown format or schema")

// ParseEvidence reads what AppendJSON wrote. Of the schemas, the first with the
// name and major version that the evidence names reads the event.
func ParseEvidence(data []byte, schemas ...*rules.Schema) (*Evidence, error) {
	v, err := strictjson.Parse(data, strictjson.Limits{MaxBytes: maxEvidence})
	if err != nil {
		return nil, err
	}
	format, _ := v.Get("format")
	if n, ok := format.Int64(); !ok || n != EvidenceFormat {
		return nil, fmt.Errorf("%w: its format is not %d", ErrEvidence, EvidenceFormat)
	}
	name, _ := v.Get("schema")
	event, _ := v.Get("event")
	late, _ := v.Get("late")
	list, _ := v.Get("methods")
	if late.Kind != strictjson.Bool || list.Kind != strictjson.Array || len(list.Items) > MaxMethods {
		return nil, fmt.Errorf("%w: late or methods are missing", ErrEvidence)
	}
	out := &Evidence{Late: late.Bool, Methods: []Method{}}
	for _, item := range list.Items {
		channel, _ := item.Get("channel")
		sca, _ := item.Get("sca")
		age, _ := item.Get("age_fact")
		if channel.Kind != strictjson.String || sca.Kind != strictjson.Bool {
			return nil, fmt.Errorf("%w: a method is not whole", ErrEvidence)
		}
		out.Methods = append(out.Methods, Method{Channel: channel.Str, SCA: sca.Bool, AgeFact: age.Str})
	}
	for _, s := range schemas {
		if name.Kind == strictjson.String && name.Str == schemaName(s) {
			out.Event, err = EventFromValue(s, event)
			return out, err
		}
	}
	return nil, fmt.Errorf("%w: no schema has the name that it gives", ErrEvidence)
}

// sealEvidence fills Record.Sealed, where it is asked for. An auditor's record that
// cannot be sealed is a record that cannot be written: no answer may leave.
func (g *Gate) sealEvidence(r *Record, c *Call) (err error) {
	if g.opt.SealEvidence == nil {
		return nil
	}
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("%w: the evidence broke while it was sealed", ErrRecord)
		}
	}()
	evidence := Evidence{Event: c.Event, Methods: g.opt.Engine.methods, Late: c.late}
	text := evidence.AppendJSON(nil)
	if len(text) > maxEvidence {
		return fmt.Errorf("%w: the evidence is longer than %d bytes", ErrRecord, maxEvidence)
	}
	sealed, err := g.opt.SealEvidence(r.DecisionID, text)
	if err == nil && sealed == "" {
		err = fmt.Errorf("%w: nothing came of it", ErrInternal)
	}
	if err != nil {
		return fmt.Errorf("%w: the evidence cannot be sealed: %w", ErrRecord, err)
	}
	r.Sealed = sealed
	return nil
}
