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
	"github.com/issuant/issuant/internal/word"
	"github.com/issuant/issuant/rules/logic"
)

// Bounds of a fact, inclusive.
const (
	MaxStringFact = 4096           // bytes
	MaxListFact   = logic.MaxItems // items
)

// Facts are the facts of one event under one schema; each is present or absent.
// Facts are not safe for concurrent use while they are being changed.
//
// A fact is read and set by the name of its field, or, without a look-up and
// without memory of its own, by the index that Schema.Lookup gives.
type Facts struct {
	schema *Schema
	// The values, by slot.column: texts of String fields, lists of Strings fields, and
	// numbers of all others: an int, a bool (0 or 1), the bits of a float, the
	// nanoseconds since 1970 of a time.
	texts []string
	nums  []int64
	has   [MaxFields / 64]uint64 // bit by index; what rules read first lies together so
	lists [][]string

	work     *decodeWork // of Decoder.Decode, nil when nothing needed it
	borrowed bool        // texts and lists lie in memory that others will change
}

// NewFacts returns facts that are all absent.
func NewFacts(s *Schema) *Facts {
	f := new(Facts)
	f.Init(s)
	return f
}

// Init makes f, whatever it held, facts under s that are all absent: for facts that
// are part of a larger piece of memory. A Facts must not be copied.
func (f *Facts) Init(s *Schema) {
	*f = Facts{schema: s, texts: make([]string, s.texts), nums: make([]int64, s.Len()-s.texts-s.lists), lists: make([][]string, s.lists)}
}

// EventRoom is memory for facts under EventV1, as a part of a larger piece of memory.
type EventRoom struct {
	texts [42]string
	nums  [44]int64
	lists [4][]string
}

// InitIn is Init(EventV1()) in room, which must hold nothing and belongs to f from then on.
func (f *Facts) InitIn(room *EventRoom) {
	*f = Facts{schema: EventV1(), texts: room.texts[:], nums: room.nums[:], lists: room.lists[:]}
}

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
	return f.set(i, v)
}

func (f *Facts) set(i int, v any) error {
	checked, msg := coerce(f.schema.fields[i].Type, v)
	if msg != "" {
		return &FactError{Field: f.schema.fields[i].Name, Offset: -1, Msg: msg}
	}
	f.put(i, checked)
	return nil
}

// put stores a value that coerce or fromJSON returned; nil makes the fact absent.
func (f *Facts) put(i int, v any) {
	switch v := v.(type) {
	case string:
		f.putText(i, v)
	case int64:
		f.putNum(i, v)
	case float64:
		f.putNum(i, int64(math.Float64bits(v)))
	case bool:
		f.putBool(i, v)
	case time.Time:
		f.putNum(i, v.UnixNano())
	case []string:
		f.putStrings(i, v)
	default:
		f.drop(i)
	}
}

func (f *Facts) putText(i int, s string) {
	f.texts[f.schema.slots[i].column] = s
	f.has[i>>6] |= 1 << (i & 63)
}

func (f *Facts) putNum(i int, n int64) {
	f.nums[f.schema.slots[i].column] = n
	f.has[i>>6] |= 1 << (i & 63)
}

func (f *Facts) drop(i int) {
	f.has[i>>6] &^= 1 << (i & 63)
	switch at := f.schema.slots[i]; at.typ {
	case String:
		f.texts[at.column] = ""
	case Strings:
		f.lists[at.column] = nil
	}
}

func (f *Facts) putBool(i int, v bool) {
	n := int64(0)
	if v {
		n = 1
	}
	f.putNum(i, n)
}

func (f *Facts) putStrings(i int, list []string) {
	f.lists[f.schema.slots[i].column] = list
	f.has[i>>6] |= 1 << (i & 63)
}

func (f *Facts) num(i int) int64 { return f.nums[f.schema.slots[i].column] }

// of reports whether the field of index i has that type.
func (f *Facts) of(i int, t Type) bool { return f.schema.slots[i].typ == t }

// SetString sets the String field of index i; ok is false, and nothing is changed,
// when the field is of another type or the text does not fit: longer than
// MaxStringFact bytes or not UTF-8.
func (f *Facts) SetString(i int, s string) (ok bool) {
	if !f.of(i, String) || textFault(s) != "" {
		return false
	}
	f.putText(i, s)
	return true
}

// SetInt sets the Int field of index i; ok is false when the field is of another type.
func (f *Facts) SetInt(i int, n int64) (ok bool) {
	if !f.of(i, Int) {
		return false
	}
	f.putNum(i, n)
	return true
}

// SetBool sets the Bool field of index i; ok is false when the field is of another type.
func (f *Facts) SetBool(i int, b bool) (ok bool) {
	if !f.of(i, Bool) {
		return false
	}
	f.putBool(i, b)
	return true
}

// SetFloat sets the Float field of index i; ok is false when the field is of another
// type or x is not finite.
func (f *Facts) SetFloat(i int, x float64) (ok bool) {
	if !f.of(i, Float) || floatFault(x) != "" {
		return false
	}
	f.putNum(i, int64(math.Float64bits(x+0)))
	return true
}

// SetTime sets the Time field of index i; ok is false when the field is of another
// type or the instant is outside the years 1700 to 2200.
func (f *Facts) SetTime(i int, at time.Time) (ok bool) {
	if !f.of(i, Time) || timeFault(at) != "" {
		return false
	}
	f.putNum(i, at.UnixNano())
	return true
}

// SetStrings sets the Strings field of index i to list, which belongs to f from then
// on; ok is false when the field is of another type or the list does not fit.
func (f *Facts) SetStrings(i int, list []string) (ok bool) {
	if !f.of(i, Strings) || listFault(list) != "" {
		return false
	}
	f.putStrings(i, list)
	return true
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
			if msg := floatFault(x); msg != "" {
				return nil, msg
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
	if msg := textFault(s); msg != "" {
		return nil, msg
	}
	return s, ""
}

// textFault says why a text is no String fact, "" when it is one.
func textFault(s string) string {
	switch {
	case len(s) > MaxStringFact:
		return fmt.Sprintf("is longer than %d bytes", MaxStringFact)
	case !word.ASCII(s) && !utf8.ValidString(s):
		return "is not UTF-8"
	}
	return ""
}

// checkTime keeps instants in the range in which nanoseconds fit 64 bits, so
// that differences never overflow.
func checkTime(at time.Time) (any, string) {
	if msg := timeFault(at); msg != "" {
		return nil, msg
	}
	return at.UTC().Round(0), ""
}

// timeFault says why an instant is no Time fact, "" when it is one.
func timeFault(at time.Time) string {
	if y := at.UTC().Year(); y < 1700 || y > 2200 {
		return "is a time outside the years 1700 to 2200"
	}
	return ""
}

// floatFault says why a number is no Float fact, "" when it is one.
func floatFault(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "is not a finite number"
	}
	return ""
}

func checkStrings(list []string) (any, string) {
	if msg := listFault(list); msg != "" {
		return nil, msg
	}
	return append(make([]string, 0, len(list)), list...), ""
}

// listFault says why a list is no Strings fact, "" when it is one.
func listFault(list []string) string {
	if len(list) > MaxListFact {
		return fmt.Sprintf("has more than %d items", MaxListFact)
	}
	for _, s := range list {
		if msg := textFault(s); msg != "" {
			return "has an item that " + msg
		}
	}
	return ""
}

// Unset makes the fact absent. Unknown names are ignored.
func (f *Facts) Unset(name string) {
	if i, ok := f.schema.Lookup(name); ok {
		f.drop(i)
	}
}

// Present reports whether the fact of the field of index i is present.
func (f *Facts) Present(i int) bool { return f.has[i>>6]&(1<<(i&63)) != 0 }

// At returns the value of the field of index i: a string, int64, float64, bool,
// time.Time or []string (not to be changed), or nil when it is absent.
func (f *Facts) At(i int) any {
	if !f.Present(i) {
		return nil
	}
	switch f.schema.slots[i].typ {
	case String:
		return f.texts[f.schema.slots[i].column]
	case Int:
		return f.num(i)
	case Float:
		return math.Float64frombits(uint64(f.num(i)))
	case Bool:
		return f.num(i) != 0
	case Time:
		return time.Unix(0, f.num(i)).UTC()
	case Strings:
		return f.lists[f.schema.slots[i].column]
	}
	return nil
}

// StringAt returns the String fact of index i; ok is false when it is absent or of
// another type. The other typed readers do likewise.
func (f *Facts) StringAt(i int) (s string, ok bool) {
	at := f.schema.slots[i]
	if !f.Present(i) || at.typ != String {
		return "", false
	}
	return f.texts[at.column], true
}

// IntAt returns an Int fact.
func (f *Facts) IntAt(i int) (n int64, ok bool) {
	if !f.Present(i) || !f.of(i, Int) {
		return 0, false
	}
	return f.num(i), true
}

// FloatAt returns a Float fact.
func (f *Facts) FloatAt(i int) (x float64, ok bool) {
	if !f.Present(i) || !f.of(i, Float) {
		return 0, false
	}
	return math.Float64frombits(uint64(f.num(i))), true
}

// BoolAt returns a Bool fact.
func (f *Facts) BoolAt(i int) (b, ok bool) {
	if !f.Present(i) || !f.of(i, Bool) {
		return false, false
	}
	return f.num(i) != 0, true
}

// StringsAt returns a Strings fact, which must not be changed.
func (f *Facts) StringsAt(i int) (list []string, ok bool) {
	if !f.Present(i) || !f.of(i, Strings) {
		return nil, false
	}
	return f.lists[f.schema.slots[i].column], true
}

// Has reports whether the fact of that name is present.
func (f *Facts) Has(name string) bool {
	i, ok := f.schema.Lookup(name)
	return ok && f.Present(i)
}

// Get returns the fact of that name, or nil.
func (f *Facts) Get(name string) any {
	if i, ok := f.schema.Lookup(name); ok {
		return f.At(i)
	}
	return nil
}

// Text returns a String fact, "" when it is absent or of another type.
func (f *Facts) Text(name string) string {
	if i, ok := f.schema.Lookup(name); ok {
		s, _ := f.StringAt(i)
		return s
	}
	return ""
}

// Clone returns an independent copy.
func (f *Facts) Clone() *Facts {
	g := &Facts{schema: f.schema, has: f.has, texts: slices.Clone(f.texts), nums: slices.Clone(f.nums), lists: slices.Clone(f.lists)}
	for i, list := range g.lists {
		g.lists[i] = slices.Clone(list)
	}
	if f.borrowed {
		g.own()
	}
	return g
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
	f.put(i, val)
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
	if n, ok := plainTime(s); ok {
		return time.Unix(0, n).UTC(), true
	}
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

// plainTime reads most instants that ParseTime takes, within the bounds of a fact, to
// the nanoseconds since 1970: those in UTC, with a fraction of up to nine digits. It is
// there because decoders and adapters read one or two of an event, and time.Parse
// costs more than ten other facts.
func plainTime(s string) (n int64, ok bool) {
	const digit, mark = 0x80 - 10, 0x80 - 1 // what takes all but a digit, and all but a zero, beyond 7 bits
	if len(s) < len("2006-01-02T15:04:05Z") || len(s) > len("2006-01-02T15:04:05.999999999Z") || s[len(s)-1] != 'Z' {
		return 0, false
	}
	date := word.Load(s, 0) ^ word.Load("0000-00-", 0)
	clock := word.Load(s, 8) ^ word.Load("00T00:00", 0)
	second := word.Load(s, 11) ^ word.Load("00:00:00", 0)
	const d2, d4 = digit | digit<<8, digit | digit<<8 | digit<<16 | digit<<24
	faults := date | (date + (d4 | mark<<32 | d2<<40 | mark<<56)) |
		clock | (clock + (d2 | mark<<16 | d2<<24 | mark<<40 | d2<<48)) |
		second | (second + (d2 | mark<<16 | d2<<24 | mark<<40 | d2<<48))
	y, m, d := twoDigits(date)*100+twoDigits(date>>16), twoDigits(date>>40), twoDigits(clock)
	hour, minute, sec := twoDigits(second), twoDigits(second>>24), twoDigits(second>>48)
	if faults&highs != 0 || y < 1700 || y > 2200 || m-1 > 11 || d-1 >= daysOf(y, m) || hour > 23 || minute > 59 || sec > 59 {
		return 0, false
	}
	fraction, ok := nanoseconds(s[len("2006-01-02T15:04:05") : len(s)-1])
	n = ((daysBefore(y, m)+int64(d-1))*24+int64(hour))*3600 + int64(minute*60+sec)
	return n*1e9 + fraction, ok
}

// twoDigits is the number of the two digits whose values are the low bytes of x.
func twoDigits(x uint64) uint { return uint(x&15*10 + x>>8&15) }

// daysOf returns how many days a month has.
func daysOf(year, month uint) uint {
	if month == 2 {
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 30 + (month+month>>3)&1
}

// daysBefore returns how many days lie between the start of 1970 and that of a month
// of the Gregorian calendar.
func daysBefore(year, month uint) int64 {
	if month < 3 { // years begin with March, so that the odd day is their last
		year, month = year-1, month+12
	}
	return int64(year*365+year/4-year/100+year/400+(153*(month-3)+2)/5) - 719_468
}

// nanoseconds reads a fraction of a second, a point and up to nine digits; "" is none.
func nanoseconds(s string) (n int64, ok bool) {
	if s == "" {
		return 0, true
	}
	if s[0] != '.' || len(s) == 1 {
		return 0, false
	}
	for i := 1; i <= 9; i++ {
		n *= 10
		if i < len(s) {
			if s[i]-'0' > 9 {
				return 0, false
			}
			n += int64(s[i] - '0')
		}
	}
	return n, true
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
		case !dotted && f.Present(i):
			w.Key(field.Name)
			AppendValue(w, f.At(i))
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
		if !dotted || g != group || !f.Present(i) {
			continue
		}
		if !open {
			open = true
			w.Key(group).Object()
		}
		w.Key(name)
		AppendValue(w, f.At(i))
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
