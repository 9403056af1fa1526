package rules

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules/logic"
)

// Type is the type of a fact. The zero Type is invalid.
type Type = logic.Type

const (
	String  = logic.String  // UTF-8 text; Go string
	Int     = logic.Int     // 64-bit integer; Go int64
	Float   = logic.Float   // finite 64-bit float; Go float64
	Bool    = logic.Bool    // Go bool
	Time    = logic.Time    // instant, nanosecond precision, RFC 3339 in JSON; Go time.Time in UTC
	Strings = logic.Strings // list of strings, at most MaxListFact; Go []string
)

// ParseType reads a type's name; the zero Type stands for "no such type".
func ParseType(s string) Type {
	for t := String; t <= Strings; t++ {
		if s == t.String() {
			return t
		}
	}
	return 0
}

// Field declares one fact.
type Field struct {
	Name     string   // "group.name" or "name"; lower-case letters, digits and _
	Type     Type     //
	Enum     []string // known values of a String field, for editors and hints; others are still data
	Personal bool     // personal data: masked in explanations and logs
	Label    bool     // known only afterwards (fraud labels): visible to reports, never to rules
	Doc      string   // one line
}

// Schema is an immutable, ordered set of fields. It is safe for concurrent use.
type Schema struct {
	name    string
	version int
	fields  []Field
	index   map[string]int
	groups  map[string]bool

	types  []Type                 // by field
	labels [MaxFields / 64]uint64 // bit by field
	slots  []slot                 // by field; small, since every read of a fact looks here
	texts  int                    // how many fields are texts
	lists  int                    // how many are lists

	once   sync.Once
	events *Decoder // see EventDecoder
}

// slot is the place of a fact among the texts, the lists or the numbers of Facts.
type slot struct {
	typ    Type
	column uint16
}

// ErrSchema is wrapped by every error of NewSchema.
var ErrSchema = code.New(code.Compile, "rules: bad schema")

// MaxFields bounds the fields of a schema, inclusive.
const MaxFields = 1024

// NewSchema returns a schema of at most MaxFields fields. The slice is copied.
func NewSchema(name string, version int, fields []Field) (*Schema, error) {
	s := &Schema{name: name, version: version, index: make(map[string]int, len(fields)), groups: map[string]bool{}}
	if name == "" || version < 1 {
		return nil, fmt.Errorf("%w: it needs a name and a version of at least 1", ErrSchema)
	}
	if len(fields) == 0 || len(fields) > MaxFields {
		return nil, fmt.Errorf("%w: it needs 1 to %d fields", ErrSchema, MaxFields)
	}
	for _, f := range fields {
		if err := s.add(f); err != nil {
			return nil, err
		}
	}
	for _, f := range s.fields {
		if s.groups[f.Name] {
			return nil, fmt.Errorf("%w: %q is both a field and a group", ErrSchema, f.Name)
		}
	}
	return s, nil
}

func (s *Schema) add(f Field) error {
	if !validFieldName(f.Name) {
		return fmt.Errorf("%w: field name %q is not name or group.name in lower-case letters, digits and _", ErrSchema, f.Name)
	}
	if f.Type.String() == "invalid" {
		return fmt.Errorf("%w: field %s has no valid type", ErrSchema, f.Name)
	}
	if _, dup := s.index[f.Name]; dup {
		return fmt.Errorf("%w: field %s stands twice", ErrSchema, f.Name)
	}
	if g, _, ok := strings.Cut(f.Name, "."); ok {
		s.groups[g] = true
	}
	f.Enum = append([]string(nil), f.Enum...)
	s.index[f.Name] = len(s.fields)
	s.fields = append(s.fields, f)
	s.types = append(s.types, f.Type)
	if i := len(s.fields) - 1; f.Label {
		s.labels[i>>6] |= 1 << (i & 63)
	}
	switch f.Type {
	case String:
		s.slots = append(s.slots, slot{f.Type, uint16(s.texts)})
		s.texts++
	case Strings:
		s.slots = append(s.slots, slot{f.Type, uint16(s.lists)})
		s.lists++
	default:
		s.slots = append(s.slots, slot{f.Type, uint16(len(s.fields) - 1 - s.texts - s.lists)})
	}
	return nil
}

func validFieldName(name string) bool {
	group, rest, dotted := strings.Cut(name, ".")
	return validName(group) && (!dotted || validName(rest))
}

func validName(s string) bool {
	if s == "" || len(s) > 64 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// Name returns the schema's name, Version its major version.
func (s *Schema) Name() string { return s.name }

// Version returns the schema's major version, at least 1.
func (s *Schema) Version() int { return s.version }

// Len returns the number of fields; indices run from 0 to Len()-1.
func (s *Schema) Len() int { return len(s.fields) }

// Field returns the field of index i; its Enum must not be changed.
func (s *Schema) Field(i int) Field { return s.fields[i] }

// Lookup returns the index of the field of that exact name.
func (s *Schema) Lookup(name string) (int, bool) {
	i, ok := s.index[name]
	return i, ok
}

// IsGroup reports whether some field's name starts with name and a dot.
func (s *Schema) IsGroup(name string) bool { return s.groups[name] }

// Names returns all field names, sorted.
func (s *Schema) Names() []string {
	names := make([]string, 0, len(s.fields))
	for _, f := range s.fields {
		names = append(names, f.Name)
	}
	sort.Strings(names)
	return names
}

// known returns the names that a member may have meant: fields, and at the top of
// an event groups too.
func (s *Schema) known(top bool) []string {
	names := s.Names()
	if top {
		for g := range s.groups {
			names = append(names, g)
		}
	}
	return names // Nearest sorts: the order of the map does not show
}

// appendCanonical writes the schema as it enters Pack.ID.
func (s *Schema) appendCanonical(w *canon.Writer) {
	w.Object().Key("name").String(s.name).Key("version").Int(int64(s.version)).Key("fields").Array()
	for _, f := range s.fields {
		w.Object().Key("name").String(f.Name).Key("type").String(f.Type.String())
		if len(f.Enum) > 0 {
			w.Key("enum").Strings(f.Enum)
		}
		if f.Personal {
			w.Key("personal").Bool(true)
		}
		if f.Label {
			w.Key("label").Bool(true)
		}
		w.EndObject()
	}
	w.EndArray().EndObject()
}

// Equal reports whether t has the same name, version and fields, documentation aside.
func (s *Schema) Equal(t *Schema) bool {
	if s == t {
		return true
	}
	if s == nil || t == nil || s.name != t.name || s.version != t.version || len(s.fields) != len(t.fields) {
		return false
	}
	for i, f := range s.fields {
		g := t.fields[i]
		if f.Name != g.Name || f.Type != g.Type || f.Personal != g.Personal || f.Label != g.Label || !slices.Equal(f.Enum, g.Enum) {
			return false
		}
	}
	return true
}
