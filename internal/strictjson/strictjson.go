// Package strictjson reads JSON the way a security boundary must: RFC 8259 to
// the letter, valid UTF-8 only, no duplicate names, no two names of one object
// that differ only in case, no lone surrogates, nothing after the value, and
// bounds on size, depth and the number of values. It never changes a number:
// numbers are kept as their text.
//
// encoding/json takes the last of two equal names, matches names without regard
// to case and replaces bad UTF-8: two readers of one message may then see two
// messages. Here such a message is refused.
package strictjson

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/issuant/issuant/internal/code"
)

// Bounds used where Limits leaves a zero.
const (
	DefaultMaxBytes  = 1 << 20 // inclusive
	DefaultMaxDepth  = 64      // containers within each other, inclusive
	DefaultMaxValues = 1 << 17 // values of any kind, inclusive
)

// Limits bounds what Parse takes; zero means the default, never "no limit".
type Limits struct {
	MaxBytes  int
	MaxDepth  int
	MaxValues int

	// CaseVariants lets names of one object differ only in case: for objects that
	// hold HTTP header names, whose reader joins them itself, or key ids, which are
	// exact. Equal names stay an error.
	CaseVariants bool
}

// Kind tells what a Value is. The zero Kind is Invalid.
type Kind uint8

const (
	Invalid Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

func (k Kind) String() string {
	return [...]string{"nothing", "null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// Value is one JSON value. Str holds the decoded text of a string and the
// literal of a number. Off is the byte offset of its first character.
type Value struct {
	Kind    Kind
	Bool    bool
	Str     string
	Items   []Value
	Members []Member
	Off     int
}

// Member is one name and value of an object, in the order of the text.
type Member struct {
	Name  string
	Off   int // byte offset of the name's quotation mark
	Value Value
}

// Error tells where a text stops being strict JSON. Its text never quotes the input.
type Error struct {
	Offset  int    // byte offset, 0-based
	Pointer string // RFC 6901 pointer to the value that was being read
	Msg     string
}

func (e *Error) Error() string {
	if e.Pointer == "" {
		return fmt.Sprintf("json: offset %d: %s", e.Offset, e.Msg)
	}
	return fmt.Sprintf("json: offset %d, at %s: %s", e.Offset, strconv.Quote(e.Pointer), e.Msg)
}

// Code returns the code "json".
func (e *Error) Code() uint32 { return uint32(code.JSON) }

// Parse reads exactly one JSON value, with blanks before and after it. The
// result shares no memory with data.
func Parse(data []byte, lim Limits) (Value, error) {
	if lim.MaxBytes == 0 {
		lim.MaxBytes = DefaultMaxBytes
	}
	if lim.MaxDepth == 0 {
		lim.MaxDepth = DefaultMaxDepth
	}
	if lim.MaxValues == 0 {
		lim.MaxValues = DefaultMaxValues
	}
	if len(data) > lim.MaxBytes {
		return Value{}, &Error{Offset: lim.MaxBytes, Msg: fmt.Sprintf("longer than %d bytes", lim.MaxBytes)}
	}
	p := parsers.Get().(*parser)
	defer p.release()
	p.s, p.lim = string(data), lim
	p.chunk = min(strings.Count(p.s, ":"), 64)
	p.blanks()
	v, err := p.value(0)
	if err != nil {
		return Value{}, err
	}
	p.blanks()
	if p.i < len(p.s) {
		return Value{}, p.fail("text after the value")
	}
	return v, nil
}

// parsers keeps the stacks of parsers for reuse; nothing of a text stays in them.
var parsers = sync.Pool{New: func() any { return new(parser) }}

// maxKept bounds the stack that a parser keeps, in members or items.
const maxKept = 256

// release forgets everything but the empty stacks.
func (p *parser) release() {
	members, marks, items, path := p.members, p.marks, p.items, p.path
	*p = parser{}
	if cap(members) <= maxKept && cap(items) <= maxKept {
		clear(members[:cap(members)])
		clear(items[:cap(items)])
		clear(path[:cap(path)])
		p.members, p.marks, p.items, p.path = members[:0], marks[:0], items[:0], path[:0]
	}
	parsers.Put(p)
}

// parser keeps the members and items of all open containers on two stacks; a
// container that closes copies its own into a slab, so that a text costs a
// handful of allocations whatever its shape.
type parser struct {
	s      string
	i      int
	lim    Limits
	values int

	members    []Member
	marks      []uint32 // by member of the stack: see mark
	items      []Value
	memberSlab []Member
	itemSlab   []Value
	chunk      int // members or items to make room for at once

	path []step
}

// step is a name, or the index of an item where the name is not valid.
type step struct {
	name  string
	index int // -1: name counts
}

// pointerEscapes is made once: a Replacer costs some kilobytes, which each step of
// a hostile text's path would cost again.
var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func (p *parser) fail(msg string) error {
	var ptr strings.Builder
	for _, st := range p.path {
		ptr.WriteByte('/')
		if st.index >= 0 {
			ptr.WriteString(strconv.Itoa(st.index))
		} else {
			ptr.WriteString(pointerEscapes.Replace(clip(st.name)))
		}
	}
	return &Error{Offset: p.i, Pointer: ptr.String(), Msg: msg}
}

// clip keeps a hostile name from filling a log.
func clip(name string) string {
	if len(name) > 64 {
		return name[:64] + "..."
	}
	return name
}

func (p *parser) blanks() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

func (p *parser) value(depth int) (v Value, err error) {
	if p.values++; p.values > p.lim.MaxValues {
		return v, p.fail(fmt.Sprintf("more than %d values", p.lim.MaxValues))
	}
	if p.i >= len(p.s) {
		return v, p.fail("text ends where a value should stand")
	}
	v.Off = p.i
	switch c := p.s[p.i]; {
	case c == '"':
		v.Kind = String
		v.Str, err = p.str()
	case c == '{':
		v.Kind = Object
		v.Members, err = p.object(depth + 1)
	case c == '[':
		v.Kind = Array
		v.Items, err = p.array(depth + 1)
	case c == '-' || c >= '0' && c <= '9':
		v.Kind = Number
		v.Str, err = p.number()
	case p.word("true"):
		v.Kind, v.Bool = Bool, true
	case p.word("false"):
		v.Kind = Bool
	case p.word("null"):
		v.Kind = Null
	default:
		err = p.fail("no JSON value starts here")
	}
	return v, err
}

func (p *parser) word(w string) bool {
	if !strings.HasPrefix(p.s[p.i:], w) {
		return false
	}
	p.i += len(w)
	return true
}

// open enters a container; empty reports that it is closed already.
func (p *parser) open(depth int, end byte) (empty bool, err error) {
	if depth > p.lim.MaxDepth {
		return false, p.fail(fmt.Sprintf("deeper than %d containers", p.lim.MaxDepth))
	}
	p.i++
	p.blanks()
	return p.eat(end), nil
}

func (p *parser) object(depth int) ([]Member, error) {
	if empty, err := p.open(depth, '}'); empty || err != nil {
		return nil, err
	}
	base := len(p.members)
	names := nameSet{variants: p.lim.CaseVariants}
	for {
		off := p.i
		name, err := p.name(&names, base)
		if err != nil {
			return nil, err
		}
		mark := names.last
		p.path = append(p.path, step{name, -1})
		v, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		p.path = p.path[:len(p.path)-1]
		p.members = append(p.members, Member{name, off, v})
		p.marks = append(p.marks, mark)
		p.blanks()
		if p.eat('}') {
			done := slab(&p.memberSlab, p.members[base:], p.chunk)
			p.members, p.marks = p.members[:base], p.marks[:base]
			return done, nil
		}
		if !p.eat(',') {
			return nil, p.fail("a comma or } should stand here")
		}
		p.blanks()
	}
}

// name reads a member's name and the colon after it.
func (p *parser) name(names *nameSet, base int) (string, error) {
	off := p.i
	if p.i >= len(p.s) || p.s[p.i] != '"' {
		return "", p.fail("a member's name should stand here")
	}
	name, err := p.str()
	if err != nil {
		return "", err
	}
	if msg := names.add(p.members[base:], p.marks[base:], name); msg != "" {
		p.i = off
		return "", p.fail(msg)
	}
	p.blanks()
	if !p.eat(':') {
		return "", p.fail("a colon should stand here")
	}
	p.blanks()
	return name, nil
}

// slab moves a finished container from the stack to memory of exactly its size.
func slab[T any](free *[]T, done []T, chunk int) []T {
	n := len(done)
	if n > cap(*free)-len(*free) {
		*free = make([]T, 0, max(n, chunk))
	}
	at := len(*free)
	*free = append(*free, done...)
	return (*free)[at : at+n : at+n]
}

// nameSet finds equal and case-equal names: by comparison while an object is
// small, by a map of folded names from then on, so that a hostile object of
// many names costs linear time.
type nameSet struct {
	variants bool // names may differ in case
	last     uint32
	folded   map[string]string
}

const smallObject = 16

// mark is equal for names that are equal without regard to case, and 0 for names
// that are not ASCII; most names differ in it, and need no comparison.
func mark(name string) uint32 {
	h := uint32(2166136261)
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c >= utf8.RuneSelf {
			return 0
		}
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		h = (h ^ uint32(c)) * 16777619
	}
	return h | 1
}

func (n *nameSet) add(members []Member, marks []uint32, name string) string {
	n.last = mark(name)
	if n.folded == nil && len(members) < smallObject {
		for i, m := range marks {
			if m != n.last && m != 0 && n.last != 0 {
				continue
			}
			if have := members[i].Name; have == name {
				return "duplicate name"
			} else if !n.variants && strings.EqualFold(have, name) {
				return "name differs from another only in case"
			}
		}
		return ""
	}
	if n.folded == nil {
		n.folded = make(map[string]string, 2*smallObject)
		for i := range members {
			n.folded[n.key(members[i].Name)] = members[i].Name
		}
	}
	f := n.key(name)
	if have, ok := n.folded[f]; ok {
		if have == name {
			return "duplicate name"
		}
		return "name differs from another only in case"
	}
	n.folded[f] = name
	return ""
}

func (n *nameSet) key(name string) string {
	if n.variants {
		return name
	}
	return Fold(name)
}

// Fold maps a name to the representative of its class under Unicode simple
// folding: two names are equal without case exactly when their folds are equal.
func Fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			if 'a' <= r && r <= 'z' {
				return r - 'a' + 'A'
			}
			return r
		}
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, s)
}

func (p *parser) array(depth int) ([]Value, error) {
	if empty, err := p.open(depth, ']'); empty || err != nil {
		return nil, err
	}
	base := len(p.items)
	for {
		p.path = append(p.path, step{index: len(p.items) - base})
		item, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		p.path = p.path[:len(p.path)-1]
		p.items = append(p.items, item)
		p.blanks()
		if p.eat(']') {
			done := slab(&p.itemSlab, p.items[base:], 0)
			p.items = p.items[:base]
			return done, nil
		}
		if !p.eat(',') {
			return nil, p.fail("a comma or ] should stand here")
		}
		p.blanks()
	}
}

func (p *parser) eat(c byte) bool {
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *parser) number() (string, error) {
	start := p.i
	p.eat('-')
	if !p.eat('0') && p.digits() == 0 {
		return "", p.fail("a digit should stand here")
	}
	if p.eat('.') && p.digits() == 0 {
		return "", p.fail("a digit should stand here")
	}
	if p.eat('e') || p.eat('E') {
		if !p.eat('+') {
			p.eat('-')
		}
		if p.digits() == 0 {
			return "", p.fail("a digit should stand here")
		}
	}
	if p.i-start > 1024 {
		return "", p.fail("number of more than 1024 characters")
	}
	return p.s[start:p.i], nil
}

func (p *parser) digits() int {
	start := p.i
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		p.i++
	}
	return p.i - start
}

func (p *parser) str() (string, error) {
	p.i++
	start := p.i
	for p.i < len(p.s) {
		c := p.s[p.i]
		switch {
		case c == '"':
			s := p.s[start:p.i]
			p.i++
			return s, nil
		case c == '\\':
			return p.escaped(start)
		case c < 0x20:
			return "", p.fail("control character in a string")
		case c < utf8.RuneSelf:
			p.i++
		default:
			if err := p.rune(); err != nil {
				return "", err
			}
		}
	}
	return "", p.fail("string does not end")
}

func (p *parser) rune() error {
	r, size := utf8.DecodeRuneInString(p.s[p.i:])
	if r == utf8.RuneError && size == 1 {
		return p.fail("bytes that are not UTF-8")
	}
	p.i += size
	return nil
}

func (p *parser) escaped(start int) (string, error) {
	var b strings.Builder
	b.WriteString(p.s[start:p.i])
	for p.i < len(p.s) {
		c := p.s[p.i]
		switch {
		case c == '"':
			p.i++
			return b.String(), nil
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			b.WriteRune(r)
		case c < 0x20:
			return "", p.fail("control character in a string")
		default:
			from := p.i
			if err := p.rune(); err != nil {
				return "", err
			}
			b.WriteString(p.s[from:p.i])
		}
	}
	return "", p.fail("string does not end")
}

func (p *parser) escape() (rune, error) {
	if p.i+1 >= len(p.s) {
		return 0, p.fail("string does not end")
	}
	c := p.s[p.i+1]
	if c == 'u' {
		return p.unicodeEscape()
	}
	const from, to = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	at := strings.IndexByte(from, c)
	if at < 0 {
		return 0, p.fail("unknown escape")
	}
	p.i += 2
	return rune(to[at]), nil
}

func (p *parser) unicodeEscape() (rune, error) {
	r, ok := p.hex4(p.i)
	if !ok {
		return 0, p.fail("\\u needs four hexadecimal digits")
	}
	if !utf16.IsSurrogate(r) {
		p.i += 6
		return r, nil
	}
	low, ok := p.hex4(p.i + 6)
	full := utf16.DecodeRune(r, low)
	if !ok || full == utf8.RuneError {
		return 0, p.fail("lone surrogate")
	}
	p.i += 12
	return full, nil
}

func (p *parser) hex4(at int) (rune, bool) {
	if at+6 > len(p.s) || p.s[at] != '\\' || p.s[at+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range []byte(p.s[at+2 : at+6]) {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// Get returns the member of that exact name.
func (v Value) Get(name string) (Value, bool) {
	for i := range v.Members {
		if v.Members[i].Name == name {
			return v.Members[i].Value, true
		}
	}
	return Value{}, false
}

// MisCased returns the first member whose name equals one of the known names
// without regard to case, but not exactly; "" when there is none.
func (v Value) MisCased(known ...string) string {
	for i := range v.Members {
		name := v.Members[i].Name
		if slices.Contains(known, name) {
			continue // the usual case, and much cheaper than folding
		}
		for _, k := range known {
			if strings.EqualFold(name, k) {
				return name
			}
		}
	}
	return ""
}

// Int64 returns the value of an integer literal: no fraction, no exponent,
// not beyond 64 bits, "-0" refused. ok is false for anything else.
func (v Value) Int64() (n int64, ok bool) {
	if v.Kind != Number || strings.ContainsAny(v.Str, ".eE") || v.Str == "-0" {
		return 0, false
	}
	n, err := strconv.ParseInt(v.Str, 10, 64)
	return n, err == nil
}

// Float64 returns the value of a number that is finite in 64 bits.
func (v Value) Float64() (f float64, ok bool) {
	if v.Kind != Number {
		return 0, false
	}
	f, err := strconv.ParseFloat(v.Str, 64)
	return f, err == nil
}
