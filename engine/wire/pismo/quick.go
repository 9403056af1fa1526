package pismo

import (
	"math/bits"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/internal/word"
)

// quick reads a body in one pass, without a tree: what senders really send, in which
// every name is known, no text has escapes, and nothing is wrong. What is not such a
// body is read again with the whole tree, which finds out what is wrong, counts what
// is unknown, and looks for a card number everywhere. So quick takes nothing
// that the tree would refuse, and says the same of what it takes; FuzzDecode
// compares the two.
//
// Its methods read from index i on and return the index after what they read, or -1
// where the body is not one for quick.
type quick struct {
	*found
	text string
	left int // values that may still come
}

// The texts of what it finds are parts of texts, to which it copies the body, and which has
// room for madeTexts behind it.
func (f *found) quickly(data []byte, texts *strings.Builder) (b body, ok bool) {
	if len(data) > MaxBody {
		return body{}, false
	}
	texts.Grow(len(data) + madeTexts)
	texts.Write(data)
	q := quick{found: f, text: texts.String(), left: MaxValues - 1}
	i := q.blanks(0)
	if !q.at(i, '{') {
		return body{}, false
	}
	if i = q.object(bodyShape, i); i < 0 || q.blanks(i) != len(data) {
		return body{}, false
	}
	return f.page()
}

func (q *quick) at(i int, c byte) bool { return uint(i) < uint(len(q.text)) && q.text[i] == c }

func (q *quick) blanks(i int) int {
	for uint(i) < uint(len(q.text)) && q.text[i] <= ' ' {
		switch q.text[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// object reads an object of that shape, which begins at i. How deep it lies needs no
// bound: it is as deep as the shapes are.
func (q *quick) object(sh *shape, i int) int {
	if i = q.blanks(i + 1); q.at(i, '}') {
		return i + 1
	}
	guess := &sh.first
	for seen := uint64(0); ; {
		e, next := q.name(sh, guess, i)
		if e == nil || !e.known || seen&e.once != 0 {
			return -1
		}
		seen |= e.once
		guess = &e.after
		if i = q.member(e, q.blanks(next)); i < 0 {
			return -1
		}
		if i = q.blanks(i); q.at(i, '}') {
			return i + 1
		}
		if !q.at(i, ',') {
			return -1
		}
		i = q.blanks(i + 1)
	}
}

// name reads the name of a member and the colon. Where the name stands that is guessed,
// comparing is all.
func (q *quick) name(sh *shape, guess *int32, i int) (e *entry, next int) {
	if n := int(atomic.LoadInt32(guess)) - 1; n >= 0 {
		e = &sh.table[n]
		if next = i + len(e.begin); next <= len(q.text) && q.text[i:next] == e.begin {
			return e, next
		}
	}
	name, next := q.string(i)
	if next < 0 {
		return nil, -1
	}
	n := sh.find(name)
	if next = q.blanks(next); n < 0 || !q.at(next, ':') {
		return nil, -1
	}
	atomic.StoreInt32(guess, int32(n)+1)
	return &sh.table[n], next + 1
}

// member reads the value of a member.
func (q *quick) member(e *entry, i int) int {
	if q.left--; q.left < 0 || i >= len(q.text) {
		return -1
	}
	switch q.text[i] {
	case '"':
		text, next := q.string(i)
		return q.scalar(e, strictjson.String, text, next)
	case '{':
		child := e.child
		if e.slot == slotNetwork {
			child = networkShape(q.values[slotBrand].text) // the page has the brand before it
		}
		if child == nil {
			return -1
		}
		q.set(e.slot, value{kind: strictjson.Object})
		return q.object(child, i)
	case '[':
		return q.array(e, i)
	case 'n':
		return q.word(e, i, "null", strictjson.Null)
	case 't':
		return q.word(e, i, "true", strictjson.Bool)
	case 'f':
		return q.word(e, i, "false", strictjson.Bool)
	}
	next := q.number(i)
	if next < 0 {
		return -1
	}
	return q.scalar(e, strictjson.Number, q.text[i:next], next)
}

func (q *quick) scalar(e *entry, kind strictjson.Kind, text string, next int) int {
	q.set(e.slot, value{text: text, kind: kind})
	if e.pan {
		q.survey.visit(text, e.name, true)
	}
	return next
}

func (q *quick) word(e *entry, i int, w string, kind strictjson.Kind) int {
	if len(q.text)-i < len(w) || q.text[i:i+len(w)] != w {
		return -1
	}
	q.set(e.slot, value{kind: kind})
	return i + len(w)
}

// array reads a list of texts and numbers.
func (q *quick) array(e *entry, i int) int {
	if e.pan || e.child != nil {
		return -1 // what lies in such a list is looked at
	}
	v := value{kind: strictjson.Array, from: int32(len(q.items))}
	for i = q.blanks(i + 1); !q.at(i, ']'); {
		if i = q.item(e, &v, i); i < 0 {
			return -1
		}
		if i = q.blanks(i); q.at(i, ']') {
			break
		}
		if !q.at(i, ',') {
			return -1
		}
		if i = q.blanks(i + 1); q.at(i, ']') {
			return -1
		}
	}
	v.to = int32(len(q.items))
	q.set(e.slot, v)
	return i + 1
}

func (q *quick) item(e *entry, v *value, i int) (next int) {
	if q.left--; q.left < 0 {
		return -1
	}
	if !q.at(i, '"') {
		v.odd++
		return q.number(i)
	}
	text, next := q.string(i)
	if e.slot != 0 && next >= 0 {
		q.items = append(q.items, text)
	}
	return next
}

// longestNumber is more than a number has that anybody reads; a longer one may be
// longer than strict JSON takes.
const longestNumber = 64

func (q *quick) number(from int) int {
	i := from
	if q.at(i, '-') {
		i++
	}
	if q.at(i, '0') {
		i++
	} else if i = q.digits(i); i < 0 {
		return -1
	}
	if q.at(i, '.') {
		if i = q.digits(i + 1); i < 0 {
			return -1
		}
	}
	if q.at(i, 'e') || q.at(i, 'E') {
		if i++; q.at(i, '+') || q.at(i, '-') {
			i++
		}
		if i = q.digits(i); i < 0 {
			return -1
		}
	}
	if i-from > longestNumber {
		return -1
	}
	return i
}

// digits reads at least one.
func (q *quick) digits(i int) int {
	from := i
	for i < len(q.text) && q.text[i]-'0' <= 9 {
		i++
	}
	if i == from {
		return -1
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// string reads a text whose quotation mark should stand at i. Eight bytes at once: a
// subtraction that borrows, or a byte beyond ASCII, sets the highest bit of a byte;
// the lowest such mark is right, those above it may be too many.
func (q *quick) string(i int) (text string, next int) {
	b, from := q.text, i+1
	if uint(i) >= uint(len(b)) || b[i] != '"' {
		return "", -1
	}
	wide := false
	for i = from; i < len(b); {
		if i+8 <= len(b) {
			x := word.Load(b, i)
			m := (x | (x - 0x20*ones) | ((x ^ '"'*ones) - ones) | ((x ^ '\\'*ones) - ones)) & highs
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) >> 3
		}
		switch c := b[i]; {
		case c == '"':
			if wide && !utf8.ValidString(b[from:i]) {
				return "", -1
			}
			return b[from:i], i + 1
		case c == '\\' || c < ' ':
			return "", -1
		case c >= utf8.RuneSelf:
			wide = true
		}
		i++
	}
	return "", -1
}

// page reads what the page's own members say; ok is false where something is missing
// or of the wrong kind.
func (f *found) page() (b body, ok bool) {
	at := func(s slot) *value { return &f.values[s] }
	none := func(s slot) bool { return at(s).kind <= strictjson.Null }
	id := func(s slot) bool { return at(s).kind == strictjson.Number && plainID(at(s).text) }
	name := func(s slot) bool { return at(s).kind == strictjson.String && at(s).text != "" }
	maybeText := func(s slot) maybe { return maybe{at(s).text, at(s).kind == strictjson.String} }
	if !id(slotToken) || !name(slotBrand) || at(slotCard).kind != strictjson.Object ||
		!id(slotCardID) || !name(slotCardType) || !none(slotProgram) && !id(slotProgram) {
		return body{}, false
	}
	for _, s := range [...]slot{slotBIN, slotStatus, slotStage, slotComboStatus} {
		if !none(s) && at(s).kind != strictjson.String {
			return body{}, false
		}
	}
	for _, s := range [...]slot{slotCombo, slotNetwork} {
		if !none(s) && at(s).kind != strictjson.Object {
			return body{}, false
		}
	}
	codes := at(slotCodes)
	if !none(slotCodes) && (codes.kind != strictjson.Array || codes.odd > 0 || codes.to-codes.from > MaxCodes) {
		return body{}, false
	}
	return body{
		token: at(slotToken).text, brand: at(slotBrand).text,
		codes: f.items[codes.from:codes.to], hasList: !none(slotCodes),
		cardID: at(slotCardID).text, cardType: at(slotCardType).text,
		program: maybe{at(slotProgram).text, !none(slotProgram)}, bin: maybeText(slotBIN),
		status: maybeText(slotStatus), stage: maybeText(slotStage), combo: maybeText(slotComboStatus),
		network: !none(slotNetwork),
	}, true
}

// plainID reports whether the literal is an integer within 63 bits without further
// thought.
func plainID(s string) bool { return len(s) <= 18 && digitsOnly(s) }
