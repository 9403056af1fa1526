//go:build !issuant_verify

package module

import (
	"bytes"
	"time"
	"unsafe"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/internal/word"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/wasm/abi"
)

// pack is a loaded pack with its engine and the memory for one event.
type pack struct {
	engine  *engine.Engine
	decoder *rules.Decoder
	facts   rules.Facts
	event   engine.Event
}

func (m *instance) load(c *call) error {
	if err := m.need(decide); err != nil {
		return err
	}
	if len(m.loaded) >= abi.MaxHandles {
		return ErrHandles
	}
	p, err := rules.Load(c.in, m.compiler())
	if err != nil {
		return err
	}
	l := &pack{}
	if l.engine, err = engine.New(p, engine.Options{}); err != nil {
		return err
	}
	// Only what decides is taken out of an event; the rest is checked as strictly.
	l.decoder, err = rules.NewDecoder(p.Schema(), rules.DecoderOptions{
		Fields: l.engine.Reads(), Reserved: "guards", MaxBytes: engine.MaxEventBytes,
	})
	if err != nil {
		return err
	}
	l.event.Facts = &l.facts
	return m.keep(loaded{pack: l})
}

func (p *pack) describe(w *canon.Writer) {
	live := p.engine.Pack()
	man := live.Manifest()
	w.Key("pack").Object().Key("id").String(live.ID()).Key("name").String(man.Name)
	w.Key("version").String(man.Version).EndObject()
	w.Key("rules").Int(int64(len(man.Rules))).Key("lists").Array()
	for _, l := range live.Lists() {
		w.Object().Key("name").String(l.Name()).Key("digest").String(l.Digest()).EndObject()
	}
	w.EndArray()
}

func (m *instance) decide(c *call) error {
	p, err := m.callee(c.first)
	if err != nil {
		return err
	}
	return m.decideOne(p, c.in)
}

func (m *instance) callee(handle uint32) (*pack, error) {
	if err := m.need(decide); err != nil {
		return nil, err
	}
	return m.pack(handle)
}

func (m *instance) decideOne(p *pack, in []byte) error {
	now, err := m.event(p, in)
	if err == nil {
		m.out = p.engine.AppendDecision(m.out, &p.event, now)
	}
	return err
}

func (m *instance) explain(c *call) error {
	p, err := m.callee(c.first)
	if err != nil {
		return err
	}
	now, err := m.event(p, c.in)
	if err == nil {
		m.out = p.engine.Explain(&p.event, now).AppendJSON(m.out)
	}
	return err
}

func (m *instance) decideBatch(c *call) error {
	p, err := m.callee(c.first)
	if err != nil {
		return err
	}
	rest := bytes.TrimRight(c.in, "\n")
	if bytes.Count(rest, []byte("\n")) >= abi.MaxBatchLines {
		return ErrBatch
	}
	for line := 1; len(rest) > 0; line++ {
		var in []byte
		in, rest, _ = bytes.Cut(rest, []byte("\n"))
		start := len(m.out)
		err := error(ErrTray)
		if len(in) <= abi.MaxEvent {
			err = m.decideOne(p, in)
		}
		if err != nil {
			w := canon.NewWriter(m.out[:start]).Object()
			writeError(w, err)
			m.out = w.Key("line").Int(int64(line)).EndObject().Bytes()
		}
		m.out = append(m.out, '\n')
		if len(m.out) > abi.MaxReply {
			return ErrBatch
		}
	}
	return nil
}

// event reads {"now_ms", "event"} and decodes the event into p. Its texts are views of
// the tray.
func (m *instance) event(p *pack, in []byte) (now time.Time, err error) {
	ms, text, ok := usualEvent(in)
	if !ok {
		ms, text, ok = cutEvent(in)
	}
	if ok {
		err = p.decode(text)
	}
	if !ok || err != nil {
		if ms, text, err = m.splitEvent(in); err != nil {
			return now, err
		}
		if err = p.decode(text); err != nil {
			return now, err
		}
	}
	return instant(ms)
}

func (p *pack) decode(text []byte) error {
	passed, err := p.decoder.Decode(&p.facts, text)
	if len(p.event.Guards) > 0 {
		p.event.Guards = nil
	}
	if err == nil && passed.Reserved != "" {
		p.event.Guards, err = engine.GuardsOf(passed)
	}
	return err
}

// cutEvent finds the two members of an input without reading the event, which stands
// between what the text must begin and end with. What it leaves is the event if, and
// only if, it is one JSON value: the decoder finds out. Anything unusual is not ok,
// and read by splitEvent.
func cutEvent(in []byte) (ms int64, event []byte, ok bool) {
	c := cutter{rest: in}
	if !c.eat('{') {
		return 0, nil, false
	}
	if c.name(`"now_ms"`) {
		ms, ok = c.number()
		if !ok || !c.eat(',') || !c.name(`"event"`) || !c.last('}') {
			return 0, nil, false
		}
		return ms, c.rest, true
	}
	if !c.name(`"event"`) || !c.last('}') {
		return 0, nil, false
	}
	// The other order: the number is read from the end.
	end := len(c.rest)
	for end > 0 && isDigit(c.rest[end-1]) {
		end--
	}
	tail := cutter{rest: c.rest[end:]}
	if ms, ok = tail.number(); !ok || len(tail.rest) > 0 {
		return 0, nil, false
	}
	c.rest = c.rest[:end]
	if !c.last(':') || !c.suffix(`"now_ms"`) || !c.last(',') {
		return 0, nil, false
	}
	return ms, c.rest, true
}

// usualEvent is cutEvent for an input as hosts write it: an instant of thirteen digits, and
// no blank between the pieces.
func usualEvent(in []byte) (ms int64, event []byte, ok bool) {
	const (
		begin, middle = `{"now_ms":`, `,"event":`
		behind        = len(begin) + 13
		from          = behind + len(middle)
	)
	last := len(in) - 1
	if last < from || in[last] != '}' {
		return 0, nil, false
	}
	// Pieces are longer than a word, and of the digits there are more: the second word
	// begins before the first one ends.
	text := view(in)
	wrong := word.Within(text, 0) ^ word.Within(begin, 0) | word.Within(text, len(begin)-8) ^ word.Within(begin, len(begin)-8) |
		word.Within(text, behind) ^ word.Within(middle, 0) | word.Within(text, from-8) ^ word.Within(middle, len(middle)-8)
	first, digits := word.Within(text, len(begin))^zeros, word.Within(text, behind-8)^zeros
	if wrong|word.NoDigits(first)|word.NoDigits(digits) != 0 || first&0xff == 0 {
		return 0, nil, false
	}
	return int64(word.Decimal(first<<24)*1e8 + word.Decimal(digits)), in[from:last], true
}

const zeros = 0x3030303030303030 // digits

func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// eventLimits are those of the decoder, with room for the object around the event.
var eventLimits = strictjson.Limits{
	MaxBytes: abi.MaxEvent, MaxDepth: strictjson.DefaultMaxDepth + 1, MaxValues: strictjson.DefaultMaxValues + 2, CaseVariants: true,
}

// splitEvent is cutEvent by way of the whole tree: it takes every spelling, and says
// what is wrong.
func (m *instance) splitEvent(in []byte) (ms int64, event []byte, err error) {
	o, err := m.whole(in, eventLimits)
	if err != nil {
		return 0, nil, err
	}
	o.only("now_ms", "event")
	e := o.get("event", strictjson.Object, true)
	ms, ok := o.get("now_ms", strictjson.Number, true).Int64()
	if o.err != nil {
		return 0, nil, o.err
	}
	if !ok {
		o.fail("now_ms", "must be an integer of Unix milliseconds")
		return 0, nil, o.err
	}
	return ms, textOf(in, e, o.c), nil
}
