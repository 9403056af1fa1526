package strictjson

import (
	"slices"
	"strconv"
	"strings"

	"github.com/issuant/issuant/internal/word"
)

// Doc is one text that was read: its values in the order of the text, as offsets
// into one copy of it. A Doc is reused by calling Parse again, after which its
// cursors are void; the strings that it gave out stay valid, since they lie in the
// copy. The zero Doc is ready to use. It is not safe for concurrent use, but to read.
type Doc struct {
	text  string
	nodes []node
	extra []string // texts that were written with escapes, decoded

	members, items int // of all containers together

	loose bool // the text is not canonical

	// While a text is read: the names of all open objects, so that equal ones are
	// found without a map, and the way to the value that is being read.
	names []seen
	path  []step
}

// node is one value. The values within a container follow it; next is the index of
// the node after the last of them.
type node struct {
	name, str span
	off       uint32 // first character of the value
	nameOff   uint32 // quotation mark of the name
	next      uint32
	kind      Kind
	truth     bool
}

// span is a part of the text; where to is 0, it is the decoded text extra[from-1],
// and the zero span is no text.
type span struct{ from, to uint32 }

// keepNodes bounds what a Doc keeps between two texts, in nodes.
const keepNodes = 4096

func (d *Doc) reset(text string) {
	d.text, d.members, d.items, d.loose = text, 0, 0, false
	if cap(d.nodes) > keepNodes || cap(d.names) > keepNodes || cap(d.path) > keepNodes {
		d.nodes, d.names, d.path = nil, nil, nil
	}
	d.nodes, d.names, d.path = d.nodes[:0], d.names[:0], d.path[:0]
	clear(d.extra)
	d.extra = d.extra[:0]
}

func (d *Doc) get(s span) string {
	if s.to != 0 {
		return d.text[s.from:s.to]
	}
	if s.from != 0 {
		return d.extra[s.from-1]
	}
	return ""
}

// Canonical reports whether the text is, byte for byte, what package canon writes of its
// values with the members of each object in the order of their names: no blanks, no
// escapes, names ascending by their bytes. It may be false for a text that is so all the
// same: one with an escape that must be.
func (d *Doc) Canonical() bool { return len(d.nodes) > 0 && !d.loose }

// Root returns the value of the whole text.
func (d *Doc) Root() Cursor {
	if len(d.nodes) == 0 {
		return Cursor{}
	}
	return Cursor{d, 0}
}

// Cursor is one value of a Doc. The zero Cursor is of kind Invalid: nothing.
type Cursor struct {
	d *Doc
	i uint32
}

func (c Cursor) node() *node { return &c.d.nodes[c.i] }

// Kind returns the kind of the value, Invalid for the zero Cursor.
func (c Cursor) Kind() Kind {
	if c.d == nil {
		return Invalid
	}
	return c.node().kind
}

// Bool returns the value of a boolean, false for anything else.
func (c Cursor) Bool() bool { return c.d != nil && c.node().truth }

// Str returns the decoded text of a string or the literal of a number, else "".
func (c Cursor) Str() string {
	if k := c.Kind(); k != String && k != Number {
		return ""
	}
	return c.d.get(c.node().str)
}

// Name returns the name under which a member of an object stands.
func (c Cursor) Name() string { return c.d.get(c.node().name) }

// Off returns the byte offset of the first character, NameOff that of the name's
// quotation mark.
func (c Cursor) Off() int {
	if c.d == nil {
		return 0
	}
	return int(c.node().off)
}

// NameOff returns the byte offset of the quotation mark of a member's name.
func (c Cursor) NameOff() int { return int(c.node().nameOff) }

// First returns the first member or item of a container; ok is false when there is
// none.
func (c Cursor) First() (first Cursor, ok bool) {
	if k := c.Kind(); (k != Object && k != Array) || c.node().next == c.i+1 {
		return Cursor{}, false
	}
	return Cursor{c.d, c.i + 1}, true
}

// Next returns the value after c in the container in; ok is false after the last.
func (c Cursor) Next(in Cursor) (next Cursor, ok bool) {
	n := c.node().next
	return Cursor{c.d, n}, n < in.node().next
}

// Len returns how many members or items a container has.
func (c Cursor) Len() int {
	n := 0
	for v, ok := c.First(); ok; v, ok = v.Next(c) {
		n++
	}
	return n
}

// Get returns the member of that exact name.
func (c Cursor) Get(name string) (Cursor, bool) {
	if c.Kind() != Object {
		return Cursor{}, false
	}
	nodes := c.d.nodes
	for i, end := c.i+1, nodes[c.i].next; i < end; i = nodes[i].next {
		n := nodes[i].name
		switch {
		case n.to == 0:
			if c.d.get(n) == name {
				return Cursor{c.d, i}, true
			}
		case n.to-n.from != uint32(len(name)) || name != "" && c.d.text[n.to-1] != name[len(name)-1]: // nearly always
		case c.d.text[n.from:n.to] == name:
			return Cursor{c.d, i}, true
		}
	}
	return Cursor{}, false
}

// MisCased reports whether the name of a member equals one of the known names
// without regard to case, but not exactly.
func (c Cursor) MisCased(known []string) bool {
	for m, ok := c.First(); ok; m, ok = m.Next(c) {
		if name := m.Name(); !slices.Contains(known, name) && slices.ContainsFunc(known, func(k string) bool {
			return strings.EqualFold(name, k)
		}) {
			return true
		}
	}
	return false
}

// Int64 is Value.Int64.
func (c Cursor) Int64() (n int64, ok bool) {
	if c.Kind() != Number {
		return 0, false
	}
	return ParseInt(c.Str())
}

// ParseInt returns the value of a number's literal as Value.Int64 does.
func ParseInt(s string) (n int64, ok bool) {
	if len(s) <= maxPlainNumber && s != "" && s[0] != '-' {
		i := 0
		if len(s) >= 8 {
			x := word.Load(s, 0) - '0'*ones
			if word.NoDigits(x) != 0 {
				return 0, false
			}
			n, i = int64(word.Decimal(x)), 8
		}
		for ; i < len(s); i++ { // a literal of JSON has no zero before other digits
			c := s[i] - '0'
			if c > 9 {
				return 0, false
			}
			n = n*10 + int64(c)
		}
		return n, true
	}
	if strings.ContainsAny(s, ".eE") || s == "-0" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// Value returns the value as a tree that shares no memory with the Doc but its text.
func (c Cursor) Value() Value {
	if c.d == nil {
		return Value{}
	}
	b := builder{d: c.d, members: make([]Member, 0, c.d.members), items: make([]Value, 0, c.d.items)}
	v, _ := b.value(c.i)
	return v
}

// builder makes trees; all members lie in one piece of memory, and so do all items.
type builder struct {
	d       *Doc
	members []Member
	items   []Value
}

func (b *builder) value(i uint32) (v Value, next uint32) {
	n := &b.d.nodes[i]
	v = Value{Kind: n.kind, Bool: n.truth, Off: int(n.off)}
	switch n.kind {
	case String, Number:
		v.Str = b.d.get(n.str)
	case Object:
		v.Members = b.object(i, n.next)
	case Array:
		v.Items = b.array(i, n.next)
	}
	return v, n.next
}

func (b *builder) object(i, end uint32) []Member {
	from := len(b.members)
	for k := i + 1; k < end; k = b.d.nodes[k].next {
		n := &b.d.nodes[k]
		b.members = append(b.members, Member{Name: b.d.get(n.name), Off: int(n.nameOff)})
	}
	own := b.members[from:len(b.members):len(b.members)]
	k := i + 1
	for m := range own {
		own[m].Value, k = b.value(k)
	}
	return own
}

func (b *builder) array(i, end uint32) []Value {
	from := len(b.items)
	for k := i + 1; k < end; k = b.d.nodes[k].next {
		b.items = append(b.items, Value{})
	}
	own := b.items[from:len(b.items):len(b.items)]
	k := i + 1
	for m := range own {
		own[m], k = b.value(k)
	}
	return own
}
