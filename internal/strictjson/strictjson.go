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
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/word"
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
	d, err := Read(data, lim)
	if err != nil {
		return Value{}, err
	}
	defer d.Release()
	return d.Root().Value(), nil
}

// docs keeps the tapes of Read for reuse; nothing of a text stays in them.
var docs = sync.Pool{New: func() any { return new(Doc) }}

// Read is Doc.Parse into a Doc that was used before. The caller releases it.
func Read(data []byte, lim Limits) (*Doc, error) { return reused(data, lim, (*Doc).Parse) }

// ReadView is Read without a copy: see ParseView.
func ReadView(data []byte, lim Limits) (*Doc, error) { return reused(data, lim, (*Doc).ParseView) }

func reused(data []byte, lim Limits, parse func(*Doc, []byte, Limits) error) (*Doc, error) {
	d := docs.Get().(*Doc)
	if err := parse(d, data, lim); err != nil {
		d.Release()
		return nil, err
	}
	return d, nil
}

// Release gives d back to Read; its cursors are void from then on.
func (d *Doc) Release() {
	d.reset("")
	docs.Put(d)
}

// Parse reads exactly one JSON value, with blanks before and after it, in the
// place of what d held. d shares no memory with data. After an error d is empty.
func (d *Doc) Parse(data []byte, lim Limits) error { return d.parse(data, lim, false) }

// ParseView is Parse without a copy: the texts of the document are parts of data, which
// must not be changed while the document, or a text from it, is in use.
func (d *Doc) ParseView(data []byte, lim Limits) error { return d.parse(data, lim, true) }

func (d *Doc) parse(data []byte, lim Limits, view bool) error {
	lim = lim.orDefault()
	d.reset("")
	if len(data) > lim.MaxBytes || len(data) > math.MaxInt32 {
		return &Error{Offset: lim.MaxBytes, Msg: fmt.Sprintf("longer than %d bytes", lim.MaxBytes)}
	}
	if view {
		d.reset(unsafe.String(unsafe.SliceData(data), len(data)))
	} else {
		d.reset(string(data))
	}
	p := parser{Doc: d, s: d.text, lim: lim}
	err := p.whole()
	if err != nil {
		d.reset("")
	}
	return err
}

func (lim Limits) orDefault() Limits {
	lim.MaxBytes = cmp.Or(lim.MaxBytes, DefaultMaxBytes)
	lim.MaxDepth = cmp.Or(lim.MaxDepth, DefaultMaxDepth)
	lim.MaxValues = cmp.Or(lim.MaxValues, DefaultMaxValues)
	return lim
}

func (p *parser) whole() error {
	p.blanks()
	if err := p.value(0, span{}, 0); err != nil {
		return err
	}
	p.blanks()
	if p.i < len(p.s) {
		return p.fail("text after the value")
	}
	return nil
}

// parser appends the values of a text to the tape of its Doc.
type parser struct {
	*Doc
	s   string
	i   int
	lim Limits

	plain bool // the last string was ASCII without escapes
}

// seen is a name of an open object, and its mark.
type seen struct {
	name span
	mark uint32
}

// step is a name, or the index of an item where it is not negative.
type step struct {
	name  span
	index int32
}

// pointerEscapes is made once: a Replacer costs some kilobytes, which each step of
// a hostile text's path would cost again.
var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

func (p *parser) fail(msg string) error {
	var ptr strings.Builder
	for _, st := range p.path {
		ptr.WriteByte('/')
		if st.index >= 0 {
			ptr.WriteString(strconv.Itoa(int(st.index)))
		} else {
			ptr.WriteString(pointerEscapes.Replace(clip(p.get(st.name))))
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
	if p.i < len(p.s) && p.s[p.i] <= ' ' {
		p.skipBlanks()
	}
}

func (p *parser) skipBlanks() {
	p.loose = true
	for p.i < len(p.s) && p.s[p.i] <= ' ' {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// value reads one value, which has that name in its object.
func (p *parser) value(depth int, name span, nameOff int) (err error) {
	if len(p.nodes) >= p.lim.MaxValues {
		return p.fail(fmt.Sprintf("more than %d values", p.lim.MaxValues))
	}
	if p.i >= len(p.s) {
		return p.fail("text ends where a value should stand")
	}
	at := len(p.nodes)
	p.nodes = append(p.nodes, node{name: name, off: uint32(p.i), nameOff: uint32(nameOff)})
	kind, truth, str := Invalid, false, span{}
	switch c := p.s[p.i]; {
	case c == '"':
		kind = String
		str, err = p.str()
	case c == '{':
		kind = Object
		err = p.object(depth + 1)
	case c == '[':
		kind = Array
		err = p.array(depth + 1)
	case c == '-' || c >= '0' && c <= '9':
		kind = Number
		str, err = p.number()
	case p.word("true"):
		kind, truth = Bool, true
	case p.word("false"):
		kind = Bool
	case p.word("null"):
		kind = Null
	default:
		err = p.fail("no JSON value starts here")
	}
	n := &p.nodes[at]
	n.kind, n.truth, n.str, n.next = kind, truth, str, uint32(len(p.nodes))
	return err
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

func (p *parser) object(depth int) error {
	if empty, err := p.open(depth, '}'); empty || err != nil {
		return err
	}
	base := len(p.names)
	var folded *nameTree
	for {
		if folded == nil && p.plainMembers(base) {
			p.names = p.names[:base]
			return nil
		}
		off := p.i
		name, err := p.name(base, &folded)
		if err != nil {
			return err
		}
		p.members++
		p.path = append(p.path, step{name, -1})
		if err := p.value(depth, name, off); err != nil {
			return err
		}
		p.path = p.path[:len(p.path)-1]
		p.blanks()
		if p.eat('}') {
			p.names = p.names[:base]
			return nil
		}
		if !p.eat(',') {
			return p.fail("a comma or } should stand here")
		}
		p.blanks()
	}
}

// plainMembers reads members as most texts have them: a name and a string without escapes
// and of ASCII, or an integer without sign, and no blanks. It stops before one that is not,
// or not right, which object reads then; closed says that it came to the object's end.
// In WASM, where a call costs as much as thirty characters, it is what makes texts fast.
func (p *parser) plainMembers(base int) (closed bool) {
	s, i := p.s, p.i
	for len(p.names)-base < smallObject && len(p.nodes) < p.lim.MaxValues && i < len(s) && s[i] == '"' {
		end := plainEnd(s, i+1)
		if end+2 >= len(s) || s[end] != '"' || s[end+1] != ':' {
			break
		}
		m := mark(s[i+1:end], true)
		at, n := end+2, node{name: span{uint32(i + 1), uint32(end)}, nameOff: uint32(i), off: uint32(end + 2)}
		if at = plainValue(s, at, &n); at == 0 || p.marked(base, m) {
			break
		}
		n.next = uint32(len(p.nodes) + 1)
		p.nodes, p.names = append(p.nodes, n), append(p.names, seen{n.name, m})
		p.members++
		p.compareOrder(base)
		if s[at] == '}' {
			p.i = at + 1
			return true
		}
		i = at + 1
	}
	if p.i != i {
		p.i = i
		p.blanks()
	}
	return false
}

// plainValue reads a string or an integer that plainMembers takes, up to the comma or
// brace behind it; end is 0 for anything else.
func plainValue(s string, i int, n *node) (end int) {
	switch c := s[i]; {
	case c == '"':
		end = plainEnd(s, i+1)
		if end >= len(s) || s[end] != '"' {
			return 0
		}
		n.kind, n.str = String, span{uint32(i + 1), uint32(end)}
		end++
	case c >= '1' && c <= '9':
		end = i + 1
		for end < len(s) && s[end] >= '0' && s[end] <= '9' {
			end++
		}
		if end-i > maxPlainNumber {
			return 0
		}
		n.kind, n.str = Number, span{uint32(i), uint32(end)}
	}
	if end >= len(s) || s[end] != ',' && s[end] != '}' {
		return 0
	}
	return end
}

// maxPlainNumber is up to how many digits plainValue takes.
const maxPlainNumber = 18

// marked reports whether a name of the open object may be the one of that mark.
func (p *parser) marked(base int, m uint32) bool {
	for _, other := range p.names[base:] {
		if other.mark == m || other.mark == 0 {
			return true
		}
	}
	return false
}

// name reads a member's name and the colon after it.
func (p *parser) name(base int, folded **nameTree) (span, error) {
	off := p.i
	if p.i >= len(p.s) || p.s[p.i] != '"' {
		return span{}, p.fail("a member's name should stand here")
	}
	name, err := p.str()
	if err != nil {
		return span{}, err
	}
	if msg := p.addName(base, name, p.plain, folded); msg != "" {
		p.i = off
		return span{}, p.fail(msg)
	}
	p.blanks()
	if !p.eat(':') {
		return span{}, p.fail("a colon should stand here")
	}
	p.blanks()
	return name, nil
}

// smallObject is up to how many names are compared one by one; from then on a tree
// of folded names finds equal ones, so that a hostile object of many names costs
// little more than linear time.
const smallObject = 16

// mark is equal for names that are equal without regard to case, and 0 for names
// that are not ASCII; most names differ in it, and need no comparison.
func mark(name string, ascii bool) uint32 {
	if !ascii {
		return 0
	}
	n := len(name)
	if n == 0 {
		return 1
	}
	const fold = 0x20 // the bit in which A and a differ
	return uint32(n&0xff|1)<<24 | uint32(name[0]|fold)<<16 | uint32(name[n/2]|fold)<<8 | uint32(name[n-1]|fold)
}

// compareOrder notes where the name that was read last does not stand behind the one
// before it.
func (p *parser) compareOrder(base int) {
	if last := len(p.names) - 1; !p.loose && last > base {
		p.loose = p.get(p.names[last-1].name) >= p.get(p.names[last].name)
	}
}

// addName adds a name to those of its object and says what is wrong with it.
func (p *parser) addName(base int, name span, ascii bool, folded **nameTree) string {
	text := p.get(name)
	m := mark(text, ascii)
	own := p.names[base:]
	p.names = append(p.names, seen{name, m})
	p.compareOrder(base)
	if *folded == nil && len(own) < smallObject {
		for _, other := range own {
			if other.mark != m && other.mark != 0 && m != 0 {
				continue
			}
			if msg := p.clash(p.get(other.name), text); msg != "" {
				return msg
			}
		}
		return ""
	}
	if *folded == nil {
		*folded = &nameTree{}
		for _, other := range own {
			(*folded).add(p.key(p.get(other.name)), other.name)
		}
	}
	if have, ok := (*folded).add(p.key(text), name); ok {
		return p.clash(p.get(have), text)
	}
	return ""
}

func (p *parser) clash(have, name string) string {
	if have == name {
		return "duplicate name"
	} else if !p.lim.CaseVariants && strings.EqualFold(have, name) {
		return "name differs from another only in case"
	}
	return ""
}

func (p *parser) key(name string) string {
	if p.lim.CaseVariants {
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

func (p *parser) array(depth int) error {
	if empty, err := p.open(depth, ']'); empty || err != nil {
		return err
	}
	for index := int32(0); ; index++ {
		p.items++
		p.path = append(p.path, step{index: index})
		if err := p.value(depth, span{}, 0); err != nil {
			return err
		}
		p.path = p.path[:len(p.path)-1]
		p.blanks()
		if p.eat(']') {
			return nil
		}
		if !p.eat(',') {
			return p.fail("a comma or ] should stand here")
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

func (p *parser) number() (span, error) {
	start := p.i
	p.eat('-')
	if !p.eat('0') && p.digits() == 0 {
		return span{}, p.fail("a digit should stand here")
	}
	if p.eat('.') && p.digits() == 0 {
		return span{}, p.fail("a digit should stand here")
	}
	if p.eat('e') || p.eat('E') {
		if !p.eat('+') {
			p.eat('-')
		}
		if p.digits() == 0 {
			return span{}, p.fail("a digit should stand here")
		}
	}
	if p.i-start > 1024 {
		return span{}, p.fail("number of more than 1024 characters")
	}
	return span{uint32(start), uint32(p.i)}, nil
}

func (p *parser) digits() int {
	start := p.i
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		p.i++
	}
	return p.i - start
}

// asIs are the bytes that stand for themselves in a string.
var asIs = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// One bit in each of eight bytes: the lowest, the highest.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plainEnd returns the index of the first byte from i on that does not stand for
// itself. Eight at once: a subtraction that borrows, or a byte beyond ASCII, sets
// the highest bit of a byte; it may do so where all stand for themselves.
func plainEnd(s string, i int) int {
	for ; i+8 <= len(s); i += 8 {
		x := word.Load(s, i)
		m := (x | (x - 0x20*ones) | ((x ^ '"'*ones) - ones) | ((x ^ '\\'*ones) - ones)) & highs
		if m != 0 {
			i += bits.TrailingZeros64(m) >> 3 // the lowest mark is right
			break
		}
	}
	for i < len(s) && asIs[s[i]] {
		i++
	}
	return i
}

func (p *parser) str() (span, error) {
	start := p.i + 1
	p.plain = true
	for i := start; ; {
		i = plainEnd(p.s, i)
		p.i = i
		switch {
		case i >= len(p.s):
			return span{}, p.fail("string does not end")
		case p.s[i] == '"':
			p.i++
			return span{uint32(start), uint32(i)}, nil
		case p.s[i] == '\\':
			return p.escaped(start)
		case p.s[i] < 0x20:
			return span{}, p.fail("control character in a string")
		}
		p.plain = false
		if err := p.rune(); err != nil {
			return span{}, err
		}
		i = p.i
	}
}

func (p *parser) rune() error {
	r, size := utf8.DecodeRuneInString(p.s[p.i:])
	if r == utf8.RuneError && size == 1 {
		return p.fail("bytes that are not UTF-8")
	}
	p.i += size
	return nil
}

func (p *parser) escaped(start int) (span, error) {
	var b strings.Builder
	p.plain, p.loose = false, true
	b.WriteString(p.s[start:p.i])
	for p.i < len(p.s) {
		c := p.s[p.i]
		switch {
		case c == '"':
			p.i++
			p.extra = append(p.extra, b.String())
			return span{from: uint32(len(p.extra))}, nil
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return span{}, err
			}
			b.WriteRune(r)
		case c < 0x20:
			return span{}, p.fail("control character in a string")
		default:
			from := p.i
			if err := p.rune(); err != nil {
				return span{}, err
			}
			b.WriteString(p.s[from:p.i])
		}
	}
	return span{}, p.fail("string does not end")
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
	if v.Kind != Number {
		return 0, false
	}
	return ParseInt(v.Str)
}

// Float64 returns the value of a number that is finite in 64 bits.
func (v Value) Float64() (f float64, ok bool) {
	if v.Kind != Number {
		return 0, false
	}
	f, err := strconv.ParseFloat(v.Str, 64)
	return f, err == nil
}

// Text returns the string member of an object that is wrapped around something else,
// as in {"encData":"..."}. Other members are let through, but not the same name in
// another case; ok is false for whatever is no such object.
func Text(data []byte, name string, lim Limits) (text string, ok bool) {
	v, err := Parse(data, lim)
	if err != nil || v.Kind != Object || v.MisCased(name) != "" {
		return "", false
	}
	m, ok := v.Get(name)
	return m.Str, ok && m.Kind == String
}
