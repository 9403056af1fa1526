package rules

import (
	"math/bits"
	"strings"

	"github.com/issuant/issuant/internal/word"
)

// memberKind tells what a member of an event is. The zero kind is an empty entry.
type memberKind uint8

const (
	stringMember   = memberKind(String) // fields, by their type
	intMember      = memberKind(Int)
	floatMember    = memberKind(Float)
	boolMember     = memberKind(Bool)
	timeMember     = memberKind(Time)
	stringsMember  = memberKind(Strings)
	groupMember    = memberKind(16) // an object of fields
	reservedMember = memberKind(17) // the caller's
)

// member is a known name of an object, and what to do with its value.
type member struct {
	ends   nameEnds
	name   string
	quoted string // the name in quotation marks, and the colon
	kind   memberKind
	read   bool   // the fact is stored
	column uint16 // of the fact, by its type
	serial uint16 // among all members of the event, of a field its index: for what must not stand twice
	group  *nameTable
}

// nameEnds are the first and the last eight bytes of a name, little-endian, which
// are the whole name up to sixteen bytes. Of a shorter name than eight bytes, both
// are the name and zeros.
type nameEnds struct{ first, last uint64 }

func endsOf(name string) nameEnds {
	n := len(name)
	if n >= 8 {
		return nameEnds{load8(name), load8(name[n-8:])}
	}
	var x uint64
	for i := n - 1; i >= 0; i-- {
		x = x<<8 | uint64(name[i])
	}
	return nameEnds{x, x}
}

// load8 is one load on machines that have it.
func load8(p string) uint64 { return word.Load(p, 0) }

// hash is equal for ASCII names that are equal without regard to case. It is spread by
// a multiplication afterwards, and is weak on purpose: tables hold our names alone, and
// where a sender's own are compared they are few or sorted.
func (e nameEnds) hash() uint64 {
	const fold = 0x2020202020202020 // the bit in which A and a differ
	return (e.first | fold) + bits.RotateLeft64(e.last|fold, 23)
}

const spread = 0x9e3779b97f4a7c15

// nameTable finds the members of one object: open addressing, at most half full.
type nameTable struct {
	members []member
	factor  uint64
	shift   uint8
	start   uint16 // stands for the member before the first
}

// guess is a member as it is nearly always written: its name, the colon, and what its
// kind of value begins with. Compared are the first and the last eight bytes, and of
// more than sixteen those in the middle, from the eighth and from the sixteenth on.
type guess struct {
	form        form
	first, last uint64
	middle      [2]uint64
	member      *member
}

// form is what the decoder must know at once of a guess and its member, in one word,
// because in a WASM module each load costs as much as ten shifts.
type form uint64

func (f form) size() int        { return int(f & 0xff) }       // of the text
func (f form) cut() int         { return int(f >> 8 & 63) }    // bits beyond a text of less than eight bytes, in first and last
func (f form) back() int        { return 8 - int(f>>11&7) }    // where last begins, before the end
func (f form) kind() memberKind { return memberKind(f >> 16) } // of the member
func (f form) read() bool       { return f>>24&1 != 0 }        // the fact is stored
func (f form) column() uint16   { return uint16(f >> 32) }     // of the fact; of a group, the start of its table
func (f form) serial() uint16   { return uint16(f >> 48) }     // of the member

// maxGuess is how many bytes a guess compares.
const maxGuess = 32

// noGuess fits nothing.
var noGuess = guess{form: 8, last: 1}

func guessOf(m *member) guess {
	text, column := m.quoted, m.column
	switch m.kind {
	case stringMember:
		text += `"`
	case groupMember:
		text += `{"` // and its first member
		column = m.group.start
	}
	n := len(text)
	g := noGuess
	if n <= maxGuess {
		g = guess{first: endsOf(text).first, last: endsOf(text).last}
		g.form = form(n | (64-8*min(n, 8))<<8)
	}
	for k := 8; k < n-8 && n <= maxGuess; k += 8 {
		g.middle[k>>4] = load8(text[k:])
	}
	g.member = m
	g.form |= form(m.kind)<<16 | form(column)<<32 | form(m.serial)<<48
	if m.read {
		g.form |= 1 << 24
	}
	return g
}

// newNameTable tries factors for the one under which the fewest names lie beside
// their place; nearly always all lie there.
func newNameTable(list []member) *nameTable {
	size := 4
	for size < 2*len(list) {
		size *= 2
	}
	best, least := &nameTable{}, -1
	for try := range uint64(32) {
		t := &nameTable{members: make([]member, size), factor: spread + 2*try, shift: uint8(64 - bits.TrailingZeros(uint(size)))}
		far := 0
		for _, m := range list {
			m.ends, m.quoted = endsOf(m.name), `"`+m.name+`":`
			i := t.place(m.ends.hash())
			for ; t.members[i].kind != 0; i = (i + 1) & (size - 1) {
				far++
			}
			t.members[i] = m
		}
		if least < 0 || far < least {
			best, least = t, far
		}
		if far == 0 {
			break
		}
	}
	return best
}

func (t *nameTable) place(hash uint64) int { return int(hash * t.factor >> (t.shift & 63)) }

// find returns the member of that exact name, nil when there is none.
func (t *nameTable) find(name string, ends nameEnds, hash uint64) *member {
	mask := len(t.members) - 1
	for i := t.place(hash); ; i = (i + 1) & mask {
		m := &t.members[i&mask]
		if m.kind == 0 {
			return nil
		}
		if m.ends == ends && len(m.name) == len(name) && (len(name) <= 16 || m.name == name) {
			return m
		}
	}
}

func (t *nameTable) get(name string) *member {
	ends := endsOf(name)
	return t.find(name, ends, ends.hash())
}

// fold returns the member whose name equals that one without regard to case, nil
// when there is none; hash is that of the folded name.
func (t *nameTable) fold(name string, hash uint64) *member {
	for i := t.place(hash); t.members[i].kind != 0; i = (i + 1) & (len(t.members) - 1) {
		if m := &t.members[i]; strings.EqualFold(m.name, name) {
			return m
		}
	}
	return nil
}

// compile makes the tables of all objects.
func (d *Decoder) compile() {
	var top, dots []member
	groups := map[string][]member{}
	var order []string
	serial := uint16(len(d.schema.fields))
	next := func() uint16 { serial++; return serial - 1 }
	for i, f := range d.schema.fields {
		at := d.schema.slots[i]
		m := member{kind: memberKind(at.typ), read: d.read[i>>6]>>(i&63)&1 != 0, column: at.column, serial: uint16(i), name: f.Name}
		group, name, dotted := strings.Cut(f.Name, ".")
		if !dotted {
			top = append(top, m)
			continue
		}
		if groups[group] == nil {
			order = append(order, group)
		}
		dots = append(dots, m)
		m.name = name
		groups[group] = append(groups[group], m)
	}
	for _, group := range order {
		top = append(top, member{kind: groupMember, name: group, serial: next(), group: newNameTable(groups[group])})
	}
	if d.opt.Reserved != "" {
		// What is the caller's is never a fact, whatever the schema says.
		kept := top[:0]
		for _, m := range top {
			if m.name != d.opt.Reserved {
				kept = append(kept, m)
			}
		}
		top = append(kept, member{kind: reservedMember, name: d.opt.Reserved, serial: next()})
	}
	d.top, d.dots = newNameTable(top), newNameTable(dots)
	d.guess(int(serial))
}

// guess prepares the members' names, and expects them in the order of the schema.
func (d *Decoder) guess(serials int) {
	d.guesses = make([]guess, serials)
	d.after = make([]*guess, serials)
	tables := []*nameTable{d.top}
	for i := range d.top.members {
		if g := d.top.members[i].group; g != nil {
			tables = append(tables, g)
		}
	}
	for _, t := range tables {
		t.start = uint16(len(d.after))
		d.after = append(d.after, nil)
	}
	for _, t := range tables {
		last := t.start
		inOrder := make([]*member, serials)
		for i := range t.members {
			if m := &t.members[i]; m.kind != 0 {
				inOrder[m.serial] = m
			}
		}
		for _, m := range inOrder {
			if m == nil {
				continue
			}
			g := &d.guesses[m.serial]
			*g = guessOf(m)
			d.after[last], last = g, m.serial
		}
		d.after[last] = &noGuess
	}
	for i, g := range d.after {
		if g == nil {
			d.after[i] = &noGuess // a member that the reserved one hides
		}
	}
}
