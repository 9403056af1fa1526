package rules

import (
	"fmt"
	"math"
	"runtime"
	"unsafe"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
)

// DecoderOptions says what a Decoder reads and what it takes. The zero value is
// strict: it reads every field, and refuses names that the schema does not have.
type DecoderOptions struct {
	// Fields are the names of the fields that are stored, in any order; nil means
	// all. The others are checked as strictly and stay absent, so that no text is
	// refused or taken for what a pack reads. See Pack.Reads.
	Fields []string

	// Reserved is a member of the top level that belongs to the caller: checked as
	// JSON, set apart in Passed, and never a fact. "" means none.
	Reserved string

	// SkipUnknown passes over members that the schema does not have, checks them as
	// JSON and counts them in Passed. A name that differs from a known one only in
	// case is refused all the same, and so is "group.name" written as one name.
	SkipUnknown bool

	MaxBytes  int // of a text, inclusive; 0 means 1 MiB (strictjson.DefaultMaxBytes)
	MaxDepth  int // containers within each other, at most 1024, inclusive; 0 means 64
	MaxValues int // values of any kind, inclusive; 0 means 131,072
}

// Decoder reads events in their JSON form straight into Facts: one pass, no tree,
// nothing allocated. It takes and refuses exactly what DecodeFacts over a strict
// parse takes and refuses, with the same errors. It is immutable and safe for
// concurrent use.
type Decoder struct {
	schema *Schema
	top    *nameTable
	dots   *nameTable // "group.name" as one name, which is never passed over: one fact has one name
	skip   bool
	opt    DecoderOptions
	lim    strictjson.Limits

	read    []uint64 // bit by index: the fields that are stored
	guesses []guess  // by serial
	after   []*guess // by serial, and start of a table: which member to expect next
}

// Passed is what a Decoder saw beside facts.
type Passed struct {
	Unknown  int    // members passed over, those of the top level and of groups; see SkipUnknown
	Reserved string // JSON text of the reserved member's value, "" when there is none; a view of the body
	Offset   int    // byte offset of Reserved in the body
}

// ErrDecoder is wrapped by the errors of NewDecoder.
var ErrDecoder = code.New(code.Decoder, "rules: a decoder cannot be made of these options")

// errDisagree would be our mistake: the two ways to read a text differ. The text is
// refused, so that the mistake decides nothing.
var errDisagree = code.New(code.Internal, "rules: the decoder refuses an event that its specification takes")

// maxDecoderDepth bounds the recursion of a Decoder.
const maxDecoderDepth = 1024

// NewDecoder compiles a decoder for the schema's events. The options are copied.
func NewDecoder(s *Schema, opt DecoderOptions) (*Decoder, error) {
	d := &Decoder{schema: s, skip: opt.SkipUnknown, opt: opt, lim: strictjson.Limits{MaxBytes: opt.MaxBytes, MaxDepth: opt.MaxDepth, MaxValues: opt.MaxValues}}
	for _, bound := range []struct {
		name         string
		value        *int
		normal, most int
	}{
		{"MaxBytes", &d.lim.MaxBytes, strictjson.DefaultMaxBytes, math.MaxInt32},
		{"MaxDepth", &d.lim.MaxDepth, strictjson.DefaultMaxDepth, maxDecoderDepth},
		{"MaxValues", &d.lim.MaxValues, strictjson.DefaultMaxValues, math.MaxInt32},
	} {
		if *bound.value < 0 || *bound.value > bound.most {
			return nil, fmt.Errorf("%w: %s is 0 (%d) or up to %d", ErrDecoder, bound.name, bound.normal, bound.most)
		}
		if *bound.value == 0 {
			*bound.value = bound.normal
		}
	}
	if opt.Reserved != "" && !validName(opt.Reserved) {
		return nil, fmt.Errorf("%w: the reserved name %q is not a word of lower-case letters, digits and _", ErrDecoder, opt.Reserved)
	}
	d.read = make([]uint64, (s.Len()+63)/64)
	for i := range s.fields {
		if opt.Fields == nil {
			d.read[i>>6] |= 1 << (i & 63)
		}
	}
	for _, name := range opt.Fields {
		i, ok := s.Lookup(name)
		if !ok {
			return nil, fmt.Errorf("%w: field %q is not in schema %s", ErrDecoder, name, s.name)
		}
		d.read[i>>6] |= 1 << (i & 63)
	}
	d.opt.Fields = nil
	d.compile()
	return d, nil
}

// EventDecoder returns the decoder of the schema's events in their own JSON form:
// all fields, the member "guards" set apart, everything else at its strictest. It is
// compiled at the first call.
func (s *Schema) EventDecoder() *Decoder {
	s.once.Do(func() {
		d, err := NewDecoder(s, DecoderOptions{Reserved: "guards"})
		if err != nil {
			panic(err) // these options fit every schema
		}
		s.events = d
	})
	return s.events
}

// Reads returns the names of the fields that a run of the pack reads, in the order
// of the schema: those of conditions, of green_requires, and "id", which percent
// selects by.
func (p *Pack) Reads() []string {
	read := make([]bool, p.Schema().Len())
	for _, conds := range [][]Condition{p.rules, p.sections} {
		for _, c := range conds {
			for _, i := range c.Fields() {
				read[i] = true
			}
		}
	}
	for _, i := range p.greens {
		read[i] = true
	}
	if p.idField >= 0 {
		read[p.idField] = true
	}
	return p.Schema().marked(read)
}

// marked returns the names of the fields that are marked, by index.
func (s *Schema) marked(by []bool) []string {
	names := []string{}
	for i, yes := range by {
		if yes {
			names = append(names, s.fields[i].Name)
		}
	}
	return names
}

// Schema returns the schema of the facts that the decoder fills.
func (d *Decoder) Schema() *Schema { return d.schema }

// Decode reads one event into dst, whatever dst held, and allocates nothing once dst
// has served for events of that size. After an error, a *FactError or the error of
// the JSON text, all facts of dst are absent.
//
// The texts in dst are views: of body where a text stands there without escapes, else
// of memory that dst uses again. They hold until body is changed or dst is decoded
// into again, and so does whatever took a text from them, such as the event id of a
// decision. What is kept longer, above all what an engine.Window observes, is made by
// DecodeNew or Facts.Clone. Decode does not change body.
func (d *Decoder) Decode(dst *Facts, body []byte) (Passed, error) {
	dst.reset(d.schema)
	if dst.work == nil {
		dst.work = new(decodeWork)
	}
	if w := dst.work; w.decoder != d {
		w.decoder, w.after = d, append(w.after[:0], d.after...)
	}
	s := scanner{b: view(body), ahead: view(body), d: d, f: dst, after: dst.work.after, learn: true}
	if readsAhead && cap(body)-len(body) >= aheadBytes {
		s.ahead = view(body[:len(body)+aheadBytes])
	}
	dst.borrowed = true
	return s.run()
}

// aheadBytes are what usual reads beyond the beginning of a value, at most.
const aheadBytes = 24

// readsAhead: in WASM, where nothing runs at the same time, the memory behind a text may be
// read, so that the last members need not be read in another way than the others. What
// stands there makes no difference.
var readsAhead = runtime.GOARCH == "wasm"

func (s *scanner) run() (Passed, error) {
	s.left, s.quick = s.d.lim.MaxValues, min(len(s.ahead)-aheadBytes, len(s.b))
	if (len(s.b)+1)/2 > s.left || s.d.lim.MaxDepth < 2 {
		s.quick = -1 // values must be counted: each takes two bytes, with a comma, colon or bracket
	}
	if len(s.b) > s.d.lim.MaxBytes || !s.whole() {
		s.f.reset(s.d.schema)
		return Passed{}, s.d.refusal(unsafe.Slice(unsafe.StringData(s.b), len(s.b)))
	}
	return s.passed, nil
}

// DecodeNew is Decode into new facts, which hold text and are bound by no such rule.
func (d *Decoder) DecodeNew(text string) (*Facts, Passed, error) {
	f := NewFacts(d.schema)
	s := scanner{b: text, ahead: text, d: d, f: f, after: d.after}
	passed, err := s.run()
	if err != nil {
		return nil, Passed{}, err
	}
	f.work = nil // nothing will overwrite the memory that was used: the facts own their texts
	return f, passed, nil
}

// refusal reads the text again by way of the tree, which is slower and can say what
// is wrong and where. So there is one place for the texts of errors, and one order:
// what is no JSON is refused as that, whatever its facts.
func (d *Decoder) refusal(body []byte) error {
	v, err := strictjson.Parse(body, d.lim)
	if err != nil {
		return err
	}
	if d.skip && v.Kind == strictjson.Object {
		if v, err = d.onlyKnown("", v); err != nil {
			return err
		}
	}
	var reserved []string
	if d.opt.Reserved != "" {
		reserved = []string{d.opt.Reserved}
	}
	if _, err := DecodeFacts(d.schema, v, reserved...); err != nil {
		return err
	}
	return errDisagree
}

// onlyKnown returns an object without the members that may be passed over.
func (d *Decoder) onlyKnown(prefix string, v strictjson.Value) (strictjson.Value, error) {
	table, dots := d.top, d.dots
	if prefix != "" {
		table, dots = d.top.get(prefix[:len(prefix)-1]).group, nil
	}
	out := v
	out.Members = nil
	for _, m := range v.Members {
		e := table.get(m.Name)
		if e == nil {
			hash := foldedHash(m.Name, nil)
			if near := table.fold(m.Name, hash); near != nil {
				return v, &FactError{Field: prefix + m.Name, Offset: m.Off, Msg: "unknown field; it differs from a known one only in case", Suggest: prefix + near.name}
			}
			if dots != nil && dots.fold(m.Name, hash) != nil {
				out.Members = append(out.Members, m)
			}
			continue
		}
		if e.kind == groupMember && m.Value.Kind == strictjson.Object {
			var err error
			if m.Value, err = d.onlyKnown(m.Name+".", m.Value); err != nil {
				return v, err
			}
		}
		out.Members = append(out.Members, m)
	}
	return out, nil
}

// decodeWork is memory that facts use for decoding, again and again.
type decodeWork struct {
	text  []byte   // texts that were written with escapes, decoded
	items []string // items of lists
	names []seenName

	decoder *Decoder // that read the last event
	after   []*guess // its expectations, as they came true
}

// What facts keep between two events, at most.
const (
	keepText  = 64 << 10 // bytes
	keepNames = 4096
)

// reset makes all facts of f absent, under s, and keeps its memory.
func (f *Facts) reset(s *Schema) {
	if f.schema != s {
		work := f.work
		f.Init(s)
		f.work = work
	}
	f.has = [len(f.has)]uint64{}
	clear(f.texts)
	clear(f.lists)
	f.borrowed = false
	if w := f.work; w != nil {
		clear(w.items)
		w.items, w.text, w.names = w.items[:0], w.text[:0], w.names[:0]
		if cap(w.text) > keepText || cap(w.names) > keepNames || cap(w.items) > keepNames {
			f.work = nil
		}
	}
}
