package rules

import (
	"math"
	"math/bits"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/issuant/issuant/internal/word"
)

// scanner is one pass over a text. Its methods read from index i on and return the
// index after what they read, or -1 where the text is not one to take; why,
// Decoder.refusal finds out. The index goes from hand to hand, and not through memory,
// where each reader would wait for the one before.
type scanner struct {
	b      string
	ahead  string // b, and what lies behind it where that may be read
	quick  int    // up to where a value may begin that usual reads: 24 bytes before the end of ahead
	left   int    // values that may still come
	d      *Decoder
	f      *Facts
	passed Passed
	wide   bool     // the last text has bytes beyond ASCII
	after  []*guess // by serial: which member to expect next
	learn  bool     // after is the facts' own

	seen [64]uint64 // members that have stood, by serial
}

// work returns the memory that texts with escapes, lists and unknown names need.
func (s *scanner) work() *decodeWork {
	if s.f.work == nil {
		s.f.work = new(decodeWork)
	}
	return s.f.work
}

// view returns bytes as text without copying them: the bytes are the caller's, who
// was told how long they must stay as they are (Decoder.Decode), or the facts' own. A
// copy for each text would be most of what decoding costs.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// whole reads the text, an object. Which facts it leaves present is decided at its end:
// those that stood, are read, and are not null, which fact has marked.
func (s *scanner) whole() bool {
	if !s.value() {
		return false
	}
	top, i := s.d.top, 0
	if s.at(0, '{') && s.at(1, '"') {
		i = s.members(top, 1, top.start, nil, 1)
	} else if i = s.blanks(0); s.at(i, '{') {
		i = s.object(top, i, 1)
	} else {
		return false
	}
	if i != len(s.b) && (i < 0 || s.blanks(i) != len(s.b)) {
		return false
	}
	for w, read := range s.d.read {
		s.f.has[w] = s.seen[w] & read &^ s.f.has[w]
	}
	return true
}

func (s *scanner) at(i int, c byte) bool { return uint(i) < uint(len(s.b)) && s.b[i] == c }

// blanks passes over the blanks before a token: nearly always there are none.
func (s *scanner) blanks(i int) int {
	if uint(i) < uint(len(s.b)) && s.b[i] <= ' ' {
		return s.manyBlanks(i)
	}
	return i
}

func (s *scanner) manyBlanks(i int) int {
	for i < len(s.b) {
		switch s.b[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// value counts one more value, of any kind.
func (s *scanner) value() bool {
	s.left--
	return s.left >= 0
}

// open enters a container, the depth-th within each other; closed reports that it is
// empty.
func (s *scanner) open(i, depth int, end byte) (next int, closed bool) {
	if depth > s.d.lim.MaxDepth {
		return -1, false
	}
	i = s.blanks(i + 1)
	if s.at(i, end) {
		return i + 1, true
	}
	return i, false
}

// more reads what stands after a member or an item: a comma, or the end.
func (s *scanner) more(i int, end byte) (next int, more bool) {
	i = s.blanks(i)
	if s.at(i, ',') {
		return s.blanks(i + 1), true
	}
	if s.at(i, end) {
		return i + 1, false
	}
	return -1, false
}

// object reads an object whose known members are in t; where t is nil, nothing below
// is known.
func (s *scanner) object(t *nameTable, i, depth int) int {
	i, closed := s.open(i, depth, '}')
	if closed || i < 0 {
		return i
	}
	if t != nil {
		return s.members(t, i, t.start, nil, depth)
	}
	var others otherNames
	for more := true; more; {
		_, next := s.named(nil, i, 0, &others)
		if next < 0 || !s.value() {
			return -1
		}
		if i = s.skip(next, depth); i < 0 {
			return -1
		}
		i, more = s.more(i, '}')
	}
	return s.close(i, &others)
}

// members reads the members of t's object from i on, where the one after last begins,
// to the end of the object; of the member named, where it is given, the name has been
// read, and its value begins at i.
func (s *scanner) members(t *nameTable, i int, last uint16, named *member, depth int) int {
	var others otherNames
	for {
		var within *member
		if named == nil {
			i, last, named, within = s.usual(i, last)
		}
		switch {
		case within != nil:
			i, last = s.members(within.group, i, last, named, depth+1), within.serial
		case named == ended:
		case named != nil:
			i, last = s.fact(named, i, depth), named.serial
		default:
			i, last = s.unexpected(t, i, last, depth, &others)
		}
		named = nil
		if s.at(i, ',') {
			i++
			continue
		}
		var more bool
		if i, more = s.more(i, '}'); !more {
			return s.close(i, &others)
		}
	}
}

// ended stands for a member that was read to its end.
var ended = new(member)

// usual reads members as long as they are written as nearly all are: the expected ones,
// without blanks, with a value of a common kind, and a comma after it. It returns where
// the first begins that is not, the one before it, and the group that both are in when
// it was entered here. Where only the value is another, named is its member, and next
// where the value begins; where an object ends here that was not entered here, named is
// ended, and next where its end stands.
//
// It is one loop without calls, in which what is rare leaves the loop, because in a
// WASM module calls and jumps are most of what an event costs. What it takes for a part of
// the text and lies behind it, the others find missing.
func (s *scanner) usual(i int, last uint16) (next int, before uint16, named, within *member) {
	b := s.ahead
	for {
		g := s.after[last]
		form := g.form
		from := i + form.size() // of the value
		if from > s.quick {
			return i, last, nil, within
		}
		miss := ((word.Within(b, i) ^ g.first) | (word.Within(b, from-form.back()) ^ g.last)) << form.cut()
		if form.size() > 16 {
			for k := 8; ; {
				miss |= word.Within(b, i+k) ^ g.middle[k>>4&1]
				if k += 8; k >= form.size()-8 {
					break
				}
			}
		}
		if miss != 0 || s.twice(form.serial()) {
			return i, last, nil, within
		}
		end, x := from, word.Within(b, from) // of the value
		if kind := form.kind(); kind == stringMember {
			// One of two words, without a jump, holds the end of nearly every text.
			marks, next := special(x), word.Within(b, from+8)
			later := special(next)
			if marks == 0 {
				end, x, marks = from+8, next, later
			}
			at := bits.TrailingZeros64(marks) & 56
			end += at >> 3
			if byte(x>>at) != '"' {
				break
			}
			if form.read() {
				s.f.texts[form.column()] = b[from:end]
			}
			end++
		} else if kind == intMember {
			n, size := plainInt(x)
			if size == 0 {
				break
			}
			if form.read() {
				s.f.nums[form.column()] = n
			}
			end += size
		} else if kind == groupMember {
			i, last, within = from-1, form.column(), g.member
			continue
		} else {
			n, size := plainBool(x)
			if size == 0 || kind != boolMember {
				break
			}
			if form.read() {
				s.f.nums[form.column()] = n
			}
			end += size
		}
		x = word.Within(b, end)
		if byte(x) == ',' {
			i, last = end+1, form.serial()
			continue
		}
		if byte(x) != '}' {
			break
		}
		if byte(x>>8) != ',' || within == nil {
			return end, form.serial(), ended, within
		}
		i, last, within = end+2, within.serial, nil
	}
	// The name fits; the value, or what stands after it, is for fact.
	g := s.after[last]
	i += g.form.size()
	if g.form.kind() == stringMember {
		i--
	}
	return i, last, g.member, within
}

// twice notes that a member stands, and reports whether it stood before.
func (s *scanner) twice(serial uint16) bool {
	bit := uint64(1) << (serial & 63)
	seen := &s.seen[serial>>6&63]
	had := *seen & bit
	*seen |= bit
	return had != 0
}

// unexpected reads any member, in any spelling.
func (s *scanner) unexpected(t *nameTable, i int, last uint16, depth int, others *otherNames) (next int, serial uint16) {
	i = s.blanks(i)
	m, i := s.expected(i, last)
	if m == nil {
		m, i = s.named(t, i, last, others)
	}
	switch {
	case i < 0 || !s.value():
		return -1, 0
	case m == nil:
		return s.skip(i, depth), last
	case s.twice(m.serial):
		return -1, 0
	}
	return s.fact(m, i, depth), m.serial
}

// expected reads the name and the colon of the member that is expected after the last
// one; m is nil when another stands there, and next is i.
func (s *scanner) expected(i int, last uint16) (m *member, next int) {
	m = s.after[last].member
	if m == nil {
		return nil, i
	}
	end := i + len(m.quoted)
	if end > len(s.b) || s.b[i:end] != m.quoted {
		return nil, i
	}
	return m, s.blanks(end)
}

// named reads a name and its colon; m is nil for one that t does not know and that may
// be passed over.
func (s *scanner) named(t *nameTable, i int, last uint16, others *otherNames) (m *member, next int) {
	name, ends, next := s.name(i)
	if next < 0 {
		return nil, -1
	}
	hash := ends.hash()
	if t != nil {
		m = t.find(name, ends, hash)
	}
	switch {
	case m == nil:
		if !s.other(t, name, hash, others) {
			return nil, -1
		}
	case s.learn:
		s.after[last] = &s.d.guesses[m.serial]
	}
	return m, next
}

// fact reads the value of a known member.
func (s *scanner) fact(m *member, i, depth int) int {
	i = s.blanks(i)
	if i >= len(s.b) {
		return -1
	}
	if s.b[i] == 'n' && m.kind != reservedMember {
		if m.kind != groupMember {
			s.f.has[m.serial>>6] |= 1 << (m.serial & 63) // null: see whole
		}
		return s.word(i, "null")
	}
	var n int64
	switch m.kind {
	case stringMember:
		text, next := s.text(i)
		if len(text) > MaxStringFact {
			return -1
		}
		if m.read {
			s.f.texts[m.column] = text
		}
		return next
	case stringsMember:
		list, next := s.list(i, depth+1)
		if m.read {
			s.f.lists[m.column] = list
		}
		return next
	case groupMember:
		if s.b[i] != '{' {
			return -1
		}
		return s.object(m.group, i, depth+1)
	case reservedMember:
		next := s.skip(i, depth)
		if next >= 0 {
			s.passed.Reserved, s.passed.Offset = s.b[i:next], i
		}
		return next
	case intMember:
		n, i = s.integer(i)
	case floatMember:
		n, i = s.float(i)
	case boolMember:
		n, i = s.truth(i)
	case timeMember:
		n, i = s.instant(i)
	}
	if m.read {
		s.f.nums[m.column] = n
	}
	return i
}

func (s *scanner) word(i int, w string) int {
	if len(s.b)-i < len(w) || s.b[i:i+len(w)] != w {
		return -1
	}
	return i + len(w)
}

// plainBool reads true or false at the low end of x; size is 0 when none stands there.
func plainBool(x uint64) (n int64, size int) {
	const no, yes = 'f' | 'a'<<8 | 'l'<<16 | 's'<<24 | 'e'<<32, 't' | 'r'<<8 | 'u'<<16 | 'e'<<24
	if uint32(x) == yes {
		return 1, 4
	}
	if x<<24 == no<<24 {
		return 0, 5
	}
	return 0, 0
}

func (s *scanner) truth(i int) (int64, int) {
	if s.b[i] == 't' {
		return 1, s.word(i, "true")
	}
	return 0, s.word(i, "false")
}

// plainInt reads an integer of one to seven digits, followed by something else, at the
// low end of x; size is 0 when none stands there, or one with a leading zero.
func plainInt(x uint64) (n int64, size int) {
	x ^= '0' * ones
	others := word.NoDigits(x)
	size = bits.TrailingZeros64(others) >> 3 & 7
	if x&0xff|others&0x8000 == 0 { // a zero before a digit
		size = 0
	}
	// The digits go to the high end, zeros before them.
	return int64(word.Decimal(x << ((64 - 8*size) & 63))), size
}

// integer reads what Value.Int64 takes; what it leaves standing is then refused as
// something that is no comma.
func (s *scanner) integer(i int) (int64, int) {
	b := s.b
	negative := b[i] == '-'
	if negative {
		i++
	}
	from, u := i, uint64(0)
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		u = u*10 + uint64(b[i]-'0') // 19 digits fit 64 bits
	}
	digits := i - from
	switch {
	case digits == 0 || digits > 19 || digits > 1 && b[from] == '0' || negative && u == 0:
		return 0, -1
	case negative:
		if u > 1<<63 {
			return 0, -1
		}
		return -int64(u), i
	case u > math.MaxInt64:
		return 0, -1
	}
	return int64(u), i
}

func (s *scanner) float(i int) (int64, int) {
	next := s.number(i)
	if next < 0 {
		return 0, -1
	}
	x, err := strconv.ParseFloat(s.b[i:next], 64)
	if err != nil {
		return 0, -1
	}
	return int64(math.Float64bits(x + 0)), next // -0 becomes 0
}

// maxNumber is what strictjson takes, in bytes.
const maxNumber = 1024

func (s *scanner) number(from int) int {
	i := from
	if s.at(i, '-') {
		i++
	}
	if s.at(i, '0') {
		i++
	} else if i = s.digits(i); i < 0 {
		return -1
	}
	if s.at(i, '.') {
		if i = s.digits(i + 1); i < 0 {
			return -1
		}
	}
	if s.at(i, 'e') || s.at(i, 'E') {
		if i++; s.at(i, '+') || s.at(i, '-') {
			i++
		}
		if i = s.digits(i); i < 0 {
			return -1
		}
	}
	if i-from > maxNumber {
		return -1
	}
	return i
}

// digits reads at least one.
func (s *scanner) digits(i int) int {
	from := i
	for i < len(s.b) && s.b[i]-'0' <= 9 {
		i++
	}
	if i == from {
		return -1
	}
	return i
}

func (s *scanner) instant(i int) (int64, int) {
	text, next := s.text(i)
	if n, ok := plainTime(text); ok {
		return n, next
	}
	at, ok := ParseTime(text)
	if next < 0 || !ok || timeFault(at) != "" {
		return 0, -1
	}
	return at.UnixNano(), next
}

// list reads an array of strings.
func (s *scanner) list(i, depth int) ([]string, int) {
	if s.b[i] != '[' {
		return nil, -1
	}
	i, closed := s.open(i, depth, ']')
	if closed || i < 0 {
		return emptyList, i
	}
	w := s.work()
	from := len(w.items)
	// As usual does with members, short items are read where nothing is unusual.
	for i <= s.quick && s.ahead[i] == '"' && len(w.items)-from < MaxListFact {
		x := special(word.Within(s.ahead, i+1))
		end := i + 1 + bits.TrailingZeros64(x)>>3
		next := word.Within(s.ahead, end)
		if x == 0 || byte(next) != '"' || byte(next>>8) != ',' && byte(next>>8) != ']' {
			break
		}
		w.items = append(w.items, s.ahead[i+1:end])
		if i = end + 2; byte(next>>8) == ']' {
			return w.items[from:len(w.items):len(w.items)], i
		}
	}
	i = s.blanks(i)
	for {
		text, next := s.text(i)
		if next < 0 || !s.value() || len(text) > MaxStringFact || len(w.items)-from == MaxListFact {
			return nil, -1
		}
		w.items = append(w.items, text)
		var more bool
		if i, more = s.more(next, ']'); !more {
			return w.items[from:len(w.items):len(w.items)], i
		}
	}
}

var emptyList = []string{}

// skip checks a value of which nothing is kept.
func (s *scanner) skip(i, depth int) int {
	if i >= len(s.b) {
		return -1
	}
	switch s.b[i] {
	case '"':
		_, i = s.text(i)
		return i
	case '{':
		return s.object(nil, i, depth+1)
	case '[':
		return s.array(i, depth+1)
	case 't':
		return s.word(i, "true")
	case 'f':
		return s.word(i, "false")
	case 'n':
		return s.word(i, "null")
	}
	return s.number(i)
}

func (s *scanner) array(i, depth int) int {
	i, closed := s.open(i, depth, ']')
	if closed || i < 0 {
		return i
	}
	for {
		if !s.value() {
			return -1
		}
		if i = s.skip(i, depth); i < 0 {
			return -1
		}
		var more bool
		if i, more = s.more(i, ']'); !more {
			return i
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

// name reads a member's name and the colon after it. Nearly all are plain and of at
// most sixteen bytes: one or two loads give the text, its length and its ends.
func (s *scanner) name(i int) (name string, ends nameEnds, next int) {
	b, from := s.b, i+1
	if from+19 <= len(b) && b[i] == '"' {
		first := word.Load(b, from)
		n := bits.TrailingZeros64(special(first)) >> 3
		last := first & (1<<(8*n&63) - 1)
		if n < 8 {
			first = last
		} else {
			n += bits.TrailingZeros64(special(word.Load(b, from+8))) >> 3
			last = word.Load(b, from+n-8)
		}
		if at := from + n; n < 16 && b[at] == '"' && b[at+1] == ':' && b[at+2] > ' ' {
			s.wide = false
			return b[from:at], nameEnds{first, last}, at + 2
		}
	}
	if name, next = s.text(i); next < 0 {
		return "", nameEnds{}, -1
	}
	if next = s.blanks(next); !s.at(next, ':') {
		return "", nameEnds{}, -1
	}
	return name, endsOf(name), s.blanks(next + 1)
}

// text reads a string, whose quotation mark should stand at i.
func (s *scanner) text(i int) (text string, next int) {
	b, from := s.b, i+1
	if uint(i) >= uint(len(b)) || b[i] != '"' {
		return "", -1
	}
	for i = from; i+8 <= len(b); i += 8 {
		if m := special(word.Load(b, i)); m != 0 {
			i += bits.TrailingZeros64(m) >> 3
			if b[i] != '"' {
				break
			}
			s.wide = false
			return b[from:i], i + 1
		}
	}
	return s.longText(from, i)
}

// longText goes on at i with what text does not know: the last bytes of a body, and
// bytes beyond ASCII, which are checked at the end.
func (s *scanner) longText(from, i int) (text string, next int) {
	b := s.b
	s.wide = false
	for i < len(b) {
		if i+8 <= len(b) {
			x := word.Load(b, i)
			quote, slash := x^'"'*ones, x^'\\'*ones
			if ((x-0x20*ones)&^x|(quote-ones)&^quote|(slash-ones)&^slash)&highs == 0 {
				s.wide = s.wide || x&highs != 0
				i += 8
				continue
			}
		}
		switch c := b[i]; {
		case c == '"':
			if s.wide && !utf8.ValidString(b[from:i]) {
				return "", -1
			}
			return b[from:i], i + 1
		case c == '\\':
			return s.escaped(from, i)
		case c < ' ':
			return "", -1
		case c >= utf8.RuneSelf:
			s.wide = true
		}
		i++
	}
	return "", -1
}
