package rules

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
)

// Bounds of a fact, inclusive.
const (
	MaxStringFact = 4096 // bytes
	MaxListFact   = 256  // items
)

// Facts are the facts of one event under one schema; each is present or absent.
// Facts are not safe for concurrent use while they are being changed.
type Facts struct {
	schema *Schema
	vals   []any // nil = absent; else string, int64, float64, bool, time.Time, []string
}

// NewFacts returns facts that are all absent.
func NewFacts(s *Schema) *Facts { return &Facts{schema: s, vals: make([]any, s.Len())} }

// Schema returns the schema of the facts.
func (f *Facts) Schema() *Schema { return f.schema }

// FactError tells which fact cannot be set, or which member of an event cannot
// be read, and why. Its text quotes no value.
type FactError struct {
	Field   string // field name, or member path when there is no such field
	Offset  int    // byte offset in the JSON text, -1 when there is none
	Msg     string
	Suggest string // the known name that is nearest, or ""
}

func (e *FactError) Error() string {
	var b strings.Builder
	b.WriteString("event: ")
	if e.Offset >= 0 {
		fmt.Fprintf(&b, "offset %d: ", e.Offset)
	}
	if e.Field != "" {
		b.WriteString(strconv.Quote(e.Field) + ": ")
	}
	b.WriteString(e.Msg)
	if e.Suggest != "" {
		fmt.Fprintf(&b, ", did you mean %q?", e.Suggest)
	}
	return b.String()
}

// Code returns the code "event".
func (e *FactError) Code() uint32 { return uint32(code.Event) }

// Set sets the fact of that name to v, which must be of the field's Go type (int
// is taken for Int and Float, int64 for Float). Strings are copied by value, lists are copied.
func (f *Facts) Set(name string, v any) error {
	i, ok := f.schema.Lookup(name)
	if !ok {
		return &FactError{Field: name, Offset: -1, Msg: "unknown field", Suggest: Nearest(name, f.schema.Names())}
	}
	checked, msg := coerce(f.schema.fields[i].Type, v)
	if msg != "" {
		return &FactError{Field: name, Offset: -1, Msg: msg}
	}
	f.vals[i] = checked
	return nil
}

func coerce(t Type, v any) (any, string) {
	if n, ok := v.(int); ok {
		v = int64(n)
	}
	switch t {
	case String:
		if s, ok := v.(string); ok {
			return checkString(s)
		}
	case Int:
		if n, ok := v.(int64); ok {
			return n, ""
		}
	case Float:
		if n, ok := v.(int64); ok {
			v = float64(n)
		}
		if x, ok := v.(float64); ok {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return nil, "is not a finite number"
			}
			return x + 0, "" // -0 becomes 0
		}
	case Bool:
		if b, ok := v.(bool); ok {
			return b, ""
		}
	case Time:
		if at, ok := v.(time.Time); ok {
			return checkTime(at)
		}
	case Strings:
		if list, ok := v.([]string); ok {
			return checkStrings(list)
		}
	}
	return nil, "must be of type " + t.String()
}

func checkString(s string) (any, string) {
	if len(s) > MaxStringFact {
		return nil, fmt.Sprintf("is longer than %d bytes", MaxStringFact)
	}
	if !utf8.ValidString(s) {
		return nil, "is not UTF-8"
	}
	return s, ""
}

// checkTime keeps instants in the range in which nanoseconds fit 64 bits, so
// that differences never overflow.
func checkTime(at time.Time) (any, string) {
	if y := at.UTC().Year(); y < 1700 || y > 2200 {
		return nil, "is a time outside the years 1700 to 2200"
	}
	return at.UTC().Round(0), ""
}

func checkStrings(list []string) (any, string) {
	if len(list) > MaxListFact {
		return nil, fmt.Sprintf("has more than %d items", MaxListFact)
	}
	for _, s := range list {
		if _, msg := checkString(s); msg != "" {
			return nil, "has an item that " + msg
		}
	}
	return append(make([]string, 0, len(list)), list...), ""
}

// Unset makes the fact absent. Unknown names are ignored.
func (f *Facts) Unset(name string) {
	if i, ok := f.schema.Lookup(name); ok {
		f.vals[i] = nil
	}
}

// At returns the value of the field of index i: a string, int64, float64, bool,
// time.Time or []string (not to be changed), or nil when it is absent.
func (f *Facts) At(i int) any { return f.vals[i] }

// Has reports whether the fact of that name is present.
func (f *Facts) Has(name string) bool {
	i, ok := f.schema.Lookup(name)
	return ok && f.vals[i] != nil
}

// Get returns the fact of that name, or nil.
func (f *Facts) Get(name string) any {
	if i, ok := f.schema.Lookup(name); ok {
		return f.vals[i]
	}
	return nil
}

// Text returns a String fact, "" when it is absent or of another type.
func (f *Facts) Text(name string) string {
	s, _ := f.Get(name).(string)
	return s
}

// Clone returns an independent copy.
func (f *Facts) Clone() *Facts {
	return &Facts{schema: f.schema, vals: append([]any(nil), f.vals...)}
}

// DecodeFacts reads the facts from a JSON object whose members are the fields of
// the schema, groups nested: {"id": "e1", "card": {"status": "normal"}}. Names
// are exact; an unknown name is an error, null means absent. reserved names
// members of the top level that belong to the caller and are passed over.
func DecodeFacts(s *Schema, v strictjson.Value, reserved ...string) (*Facts, error) {
	if v.Kind != strictjson.Object {
		return nil, &FactError{Offset: v.Off, Msg: "an event is a JSON object, not " + v.Kind.String()}
	}
	f := NewFacts(s)
	for _, m := range v.Members {
		if slices.Contains(reserved, m.Name) {
			continue
		}
		if err := f.decodeMember("", m); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *Facts) decodeMember(prefix string, m strictjson.Member) error {
	name := prefix + m.Name
	if prefix == "" && f.schema.IsGroup(m.Name) {
		if m.Value.Kind == strictjson.Null {
			return nil
		}
		if m.Value.Kind != strictjson.Object {
			return &FactError{Field: name, Offset: m.Value.Off, Msg: "must be an object, not " + m.Value.Kind.String()}
		}
		for _, inner := range m.Value.Members {
			if err := f.decodeMember(name+".", inner); err != nil {
				return err
			}
		}
		return nil
	}
	if prefix == "" && strings.Contains(m.Name, ".") {
		// One fact, one name: "card.status" beside "card": {"status"} would be two.
		return &FactError{Field: name, Offset: m.Off, Msg: "unknown field; fields of a group are nested"}
	}
	i, ok := f.schema.Lookup(name)
	if !ok {
		return &FactError{Field: name, Offset: m.Off, Msg: "unknown field", Suggest: Nearest(name, f.schema.known(prefix == ""))}
	}
	val, msg := fromJSON(f.schema.fields[i].Type, m.Value)
	if msg != "" {
		return &FactError{Field: name, Offset: m.Value.Off, Msg: msg}
	}
	f.vals[i] = val
	return nil
}

func fromJSON(t Type, v strictjson.Value) (any, string) {
	if v.Kind == strictjson.Null {
		return nil, ""
	}
	wrong := "must be " + jsonForm(t) + ", not " + v.Kind.String()
	switch t {
	case String:
		if v.Kind == strictjson.String {
			return checkString(v.Str)
		}
	case Int:
		if n, ok := v.Int64(); ok {
			return n, ""
		}
		if v.Kind == strictjson.Number {
			return nil, "must be an integer without fraction or exponent, within 64 bits"
		}
	case Float:
		if x, ok := v.Float64(); ok {
			return x + 0, ""
		}
		if v.Kind == strictjson.Number {
			return nil, "is beyond a 64-bit float"
		}
	case Bool:
		if v.Kind == strictjson.Bool {
			return v.Bool, ""
		}
	case Time:
		if v.Kind == strictjson.String {
			at, ok := ParseTime(v.Str)
			if !ok {
				return nil, "must be a time as in RFC 3339, for example 2026-11-23T10:00:00Z"
			}
			return checkTime(at)
		}
	case Strings:
		return stringsFromJSON(v, wrong)
	}
	return nil, wrong
}

// ParseTime reads an instant as RFC 3339 writes it: 2026-11-23T10:00:00Z, with or
// without a fraction of a second, or with an offset of hours and minutes. It is
// stricter than time.Parse, which takes one-digit hours, commas and offsets beyond
// a day (golang/go#54580). The result is in UTC.
func ParseTime(s string) (at time.Time, ok bool) {
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || len(s) < len("2006-01-02T15:04:05Z") || s[13] != ':' || strings.Contains(s, ",") {
		return time.Time{}, false
	}
	if s[len(s)-1] != 'Z' {
		offset := s[len(s)-len("+00:00"):]
		if offset[1:3] > "23" || offset[4:] > "59" {
			return time.Time{}, false
		}
	}
	return at.UTC(), true
}

func stringsFromJSON(v strictjson.Value, wrong string) (any, string) {
	if v.Kind != strictjson.Array {
		return nil, wrong
	}
	list := make([]string, 0, len(v.Items))
	for _, item := range v.Items {
		if item.Kind != strictjson.String {
			return nil, "must be an array of strings; an item is " + item.Kind.String()
		}
		list = append(list, item.Str)
	}
	return checkStrings(list)
}

func jsonForm(t Type) string {
	return [...]string{"", "a string", "an integer", "a number", "true or false", "a time in a string", "an array of strings"}[t]
}

// AppendJSON appends the present facts as canonical JSON, in the order of the
// schema, groups nested. Members that the caller adds go through extra, which may be nil.
func (f *Facts) AppendJSON(dst []byte, extra func(*canon.Writer)) []byte {
	w := canon.NewWriter(dst)
	w.Object()
	written := map[string]bool{}
	for i, field := range f.schema.fields {
		group, _, dotted := strings.Cut(field.Name, ".")
		switch {
		case !dotted && f.vals[i] != nil:
			w.Key(field.Name)
			AppendValue(w, f.vals[i])
		case dotted && !written[group]:
			written[group] = true
			f.appendGroup(w, group)
		}
	}
	if extra != nil {
		extra(w)
	}
	w.EndObject()
	return w.Bytes()
}

func (f *Facts) appendGroup(w *canon.Writer, group string) {
	open := false
	for i, field := range f.schema.fields {
		g, name, dotted := strings.Cut(field.Name, ".")
		if !dotted || g != group || f.vals[i] == nil {
			continue
		}
		if !open {
			open = true
			w.Key(group).Object()
		}
		w.Key(name)
		AppendValue(w, f.vals[i])
	}
	if open {
		w.EndObject()
	}
}

// AppendValue writes a value of a fact; nil is null.
func AppendValue(w *canon.Writer, v any) {
	switch v := v.(type) {
	case string:
		w.String(v)
	case int64:
		w.Int(v)
	case float64:
		w.Float(v)
	case bool:
		w.Bool(v)
	case time.Time:
		w.Time(v)
	case []string:
		w.Strings(v)
	default:
		w.Null()
	}
}
