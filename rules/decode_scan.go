package rules

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// scanner is one pass over a text. Its methods report false where the text is not
// one to take; why, Decoder.refusal finds out.
type scanner struct {
	b      []byte
	i      int
	left   int // values that may still come
	d      *Decoder
	f      *Facts
	passed Passed
	wide   bool // the last text has bytes beyond ASCII

	seen [(2*MaxFields + 64) / 64]uint64 // members that have stood, by serial
}

// work returns the memory that texts with escapes, lists and unknown names need.
func (s *scanner) work() *decodeWork {
	if s.f.work == nil {
		s.f.work = new(decodeWork)
	}
	return s.f.work
}

// view returns bytes as text without copying them: the bytes are the caller's, who
// was told how long they must stay as they are (Decoder.Decode), or nobody's any
// more (DecodeNew). A copy for each text would be most of what decoding costs.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func (s *scanner) whole() bool {
	s.blanks()
	if !s.at('{') || !s.value() || !s.object(s.d.top, 1) {
		return false
	}
	s.blanks()
	return s.i == len(s.b)
}

func (s *scanner) at(c byte) bool { return s.i < len(s.b) && s.b[s.i] == c }

func (s *scanner) eat(c byte) bool {
	if s.at(c) {
		s.i++
		return true
	}
	return false
}

// blanks passes over the blanks before a token: nearly always there are none.
func (s *scanner) blanks() {
	if s.i < len(s.b) && s.b[s.i] <= ' ' {
		s.manyBlanks()
	}
}

func (s *scanner) manyBlanks() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// value counts one more value, of any kind.
func (s *scanner) value() bool {
	s.left--
	return s.left >= 0
}

// open enters a container, the depth-th within each other; closed reports that it is
// empty.
func (s *scanner) open(depth int, end byte) (closed, ok bool) {
	if depth > s.d.lim.MaxDepth {
		return false, false
	}
	s.i++
	s.blanks()
	return s.eat(end), true
}

// more reads what stands after a member or an item: a comma, or the end.
func (s *scanner) more(end byte) (more, ok bool) {
	if s.i+1 < len(s.b) && s.b[s.i] == ',' && s.b[s.i+1] > ' ' {
		s.i++
		return true, true
	}
	return s.moreOrBlank(end)
}

func (s *scanner) moreOrBlank(end byte) (more, ok bool) {
	s.blanks()
	if s.eat(',') {
		s.blanks()
		return true, true
	}
	return false, s.eat(end)
}

// object reads an object whose known members are in t; where t is nil, nothing below
// is known.
func (s *scanner) object(t *nameTable, depth int) bool {
	closed, ok := s.open(depth, '}')
	if closed || !ok {
		return ok
	}
	var others otherNames
	for {
		name, ends, ok := s.name()
		if !ok || !s.value() {
			return false
		}
		hash := ends.hash()
		var m *member
		if t != nil {
			m = t.find(name, ends, hash)
		}
		if m != nil {
			ok = s.member(m, depth)
		} else {
			ok = s.other(t, name, hash, &others) && s.skip(depth)
		}
		if !ok {
			return false
		}
		if more, ok := s.more('}'); !more {
			return ok && (others.count == 0 || s.close(&others))
		}
	}
}

// member reads the value of a known member.
func (s *scanner) member(m *member, depth int) (ok bool) {
	bit := uint64(1) << (m.serial & 63)
	if seen := &s.seen[m.serial>>6]; s.i >= len(s.b) || *seen&bit != 0 {
		return false
	} else {
		*seen |= bit
	}
	if s.b[s.i] == 'n' && m.kind != reservedMember {
		return s.word("null")
	}
	var n int64
	switch m.kind {
	case stringMember:
		text, ok := s.text()
		if ok && m.read {
			s.f.texts[m.column] = text
			s.f.has[m.field>>6] |= 1 << (m.field & 63)
		}
		return ok && len(text) <= MaxStringFact
	case intMember:
		n, ok = s.integer()
	case floatMember:
		n, ok = s.float()
	case boolMember:
		n, ok = s.truth()
	case timeMember:
		n, ok = s.instant()
	case stringsMember:
		list, ok := s.list(depth + 1)
		if ok && m.read {
			s.f.lists[m.column] = list
			s.f.has[m.field>>6] |= 1 << (m.field & 63)
		}
		return ok
	case groupMember:
		return s.b[s.i] == '{' && s.object(m.group, depth+1)
	case reservedMember:
		from := s.i
		ok = s.skip(depth)
		s.passed.Reserved, s.passed.Offset = view(s.b[from:s.i]), from
		return ok
	}
	if ok && m.read {
		s.f.nums[m.column] = n
		s.f.has[m.field>>6] |= 1 << (m.field & 63)
	}
	return ok
}

func (s *scanner) truth() (int64, bool) {
	if s.word("true") {
		return 1, true
	}
	return 0, s.word("false")
}

func (s *scanner) word(w string) bool {
	if len(s.b)-s.i < len(w) || string(s.b[s.i:s.i+len(w)]) != w {
		return false
	}
	s.i += len(w)
	return true
}

// integer reads what Value.Int64 takes; what it leaves standing is then refused as
// something that is no comma.
func (s *scanner) integer() (int64, bool) {
	negative := s.eat('-')
	from, u := s.i, uint64(0)
	for ; s.i < len(s.b) && s.b[s.i]-'0' <= 9; s.i++ {
		u = u*10 + uint64(s.b[s.i]-'0') // 19 digits fit 64 bits
	}
	digits := s.i - from
	switch {
	case digits == 0 || digits > 19 || digits > 1 && s.b[from] == '0' || negative && u == 0:
		return 0, false
	case negative:
		return -int64(u), u <= 1<<63
	}
	return int64(u), u <= math.MaxInt64
}

func (s *scanner) float() (int64, bool) {
	from := s.i
	if !s.number() {
		return 0, false
	}
	x, err := strconv.ParseFloat(view(s.b[from:s.i]), 64)
	return int64(math.Float64bits(x + 0)), err == nil // -0 becomes 0
}

// maxNumber is what strictjson takes, in bytes.
const maxNumber = 1024

func (s *scanner) number() bool {
	from := s.i
	s.eat('-')
	if !s.eat('0') && !s.digits() {
		return false
	}
	if s.eat('.') && !s.digits() {
		return false
	}
	if s.eat('e') || s.eat('E') {
		if !s.eat('+') {
			s.eat('-')
		}
		if !s.digits() {
			return false
		}
	}
	return s.i-from <= maxNumber
}

func (s *scanner) digits() bool {
	from := s.i
	for s.i < len(s.b) && s.b[s.i]-'0' <= 9 {
		s.i++
	}
	return s.i > from
}

func (s *scanner) instant() (int64, bool) {
	text, ok := s.text()
	if !ok {
		return 0, false
	}
	at, ok := ParseTime(text)
	return at.UnixNano(), ok && timeFault(at) == ""
}

// list reads an array of strings.
func (s *scanner) list(depth int) ([]string, bool) {
	if !s.at('[') {
		return nil, false
	}
	closed, ok := s.open(depth, ']')
	if closed || !ok {
		return emptyList, ok
	}
	w := s.work()
	from := len(w.items)
	for {
		text, ok := s.text()
		if !ok || !s.value() || len(text) > MaxStringFact || len(w.items)-from == MaxListFact {
			return nil, false
		}
		w.items = append(w.items, text)
		more, ok := s.more(']')
		if !ok {
			return nil, false
		}
		if !more {
			return w.items[from:len(w.items):len(w.items)], true
		}
	}
}

var emptyList = []string{}

// skip checks a value of which nothing is kept.
func (s *scanner) skip(depth int) bool {
	if s.i >= len(s.b) {
		return false
	}
	switch c := s.b[s.i]; c {
	case '"':
		return s.skipText()
	case '{':
		return s.object(nil, depth+1)
	case '[':
		return s.array(depth + 1)
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	return s.number()
}

func (s *scanner) skipText() bool {
	_, ok := s.text()
	return ok
}

func (s *scanner) array(depth int) bool {
	closed, ok := s.open(depth, ']')
	if closed || !ok {
		return ok
	}
	for {
		if !s.value() || !s.skip(depth) {
			return false
		}
		more, ok := s.more(']')
		if !more || !ok {
			return ok
		}
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special marks, in the high bits, the bytes of x that end the plain part of a
// string: quotation marks, backslashes, control characters, bytes beyond ASCII. The
// lowest mark is right; those above it may be too many.
func special(x uint64) uint64 {
	return (x | (x - 0x20*ones) | ((x ^ '"'*ones) - ones) | ((x ^ '\\'*ones) - ones)) & highs
}

// name reads a member's name and the colon after it. Nearly all are short and plain:
// one load gives the text, its length and its ends.
func (s *scanner) name() (name string, ends nameEnds, ok bool) {
	b, from := s.b, s.i+1
	if from+10 <= len(b) && b[from-1] == '"' {
		x := binary.LittleEndian.Uint64(b[from:])
		n := bits.TrailingZeros64(special(x)) >> 3
		if at := from + n; n < 8 && b[at] == '"' && b[at+1] == ':' && b[at+2] > ' ' {
			x &= 1<<(8*n&63) - 1
			s.i, s.wide = at+2, false
			return view(b[from:at]), nameEnds{x, x}, true
		}
	}
	if name, ok = s.text(); !ok {
		return "", nameEnds{}, false
	}
	s.blanks()
	ok = s.eat(':')
	s.blanks()
	return name, endsOf(name), ok
}

// text reads a string. It stands at its quotation mark, or there is none.
func (s *scanner) text() (string, bool) {
	if !s.at('"') {
		return "", false
	}
	from := s.i + 1
	i := from
	for ; i+8 <= len(s.b); i += 8 {
		if m := special(binary.LittleEndian.Uint64(s.b[i:])); m != 0 {
			i += bits.TrailingZeros64(m) >> 3
			if s.b[i] == '"' {
				s.i, s.wide = i+1, false
				return view(s.b[from:i]), true
			}
			break
		}
	}
	return s.longText(from, i)
}

// longText goes on at i with what text does not know: the last bytes of a body, and
// bytes beyond ASCII, which are checked at the end.
func (s *scanner) longText(from, i int) (string, bool) {
	s.wide = false
	for i < len(s.b) {
		if i+8 <= len(s.b) {
			x := binary.LittleEndian.Uint64(s.b[i:])
			quote, slash := x^'"'*ones, x^'\\'*ones
			if ((x-0x20*ones)&^x|(quote-ones)&^quote|(slash-ones)&^slash)&highs == 0 {
				s.wide = s.wide || x&highs != 0
				i += 8
				continue
			}
		}
		switch c := s.b[i]; {
		case c == '"':
			s.i = i + 1
			return view(s.b[from:i]), !s.wide || utf8.Valid(s.b[from:i])
		case c == '\\':
			return s.escaped(from, i)
		case c < ' ':
			return "", false
		case c >= utf8.RuneSelf:
			s.wide = true
		}
		i++
	}
	return "", false
}
