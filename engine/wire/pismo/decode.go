package pismo

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
)

// Values of the member network_brand
const (
	brandVisa       = "vts"
	brandMastercard = "mdes"
)

// message is what Decode reads of a verified message.
type message struct {
	body    []byte
	account string
	iat     time.Time
	digest  string // hex SHA-256 of body
}

// madeTexts is how many bytes the texts of our own usually have together: the event
// id, two references, and what is put into lower case.
const madeTexts = 256

// digestPrefix is how much of the message digest enters the event id: 128 bits.
const digestPrefix = 32

// decoding is one run of Decode. A text of the sender's reaches a fact only through
// enum, text, canonical or ident, which check it for card numbers, or as a keyed
// reference; pan_test.go plants one in every place.
type decoding struct {
	c       *Codec
	ev      *engine.Event
	found   *found
	lists   *lists
	made    *strings.Builder // texts of our own, behind the body's
	unknown int
}

func (c *Codec) decode(m message) (*engine.Decoded, error) {
	f := founds.Get().(*found)
	defer f.release()
	var texts strings.Builder // of the event, in one piece
	b, ok := f.quickly(m.body, &texts)
	if !ok {
		f.clear()
		var err error
		if b, err = f.slowly(m.body); err != nil {
			return nil, err
		}
	}
	return c.event(m, b, f, &texts), nil
}

// event makes the event of what was found.
func (c *Codec) event(m message, b body, f *found, texts *strings.Builder) *engine.Decoded {
	out := results.Get().(*result)
	out.Room = out
	out.facts.InitIn(&out.columns)
	out.event.Facts, out.Event = &out.facts, &out.event
	out.room = out.few[:]
	d := decoding{c: c, ev: out.Event, found: f, lists: &out.lists, made: texts, unknown: f.survey.unknown}
	d.envelope(m, b)
	d.card(m, b, f.survey.pan())
	d.networkData(b)
	d.findings(b)
	out.UnknownFields = d.unknown
	return &out.Decoded
}

// result is what Decode returns, in one piece of memory.
type result struct {
	engine.Decoded
	event   engine.Event
	facts   rules.Facts
	columns rules.EventRoom
	lists
}

// results is memory for results; nothing of an event stays in it.
var results = sync.Pool{New: func() any { return new(result) }}

// Recycle implements what engine.Codec says of it.
func (c *Codec) Recycle(room any) {
	if r, ok := room.(*result); ok {
		*r = result{}
		results.Put(r)
	}
}

// lists is memory for the short lists that most events have.
type lists struct {
	guards [3]engine.Guard
	few    [6]string
	room   []string // what is left of few, never nil
}

// cut takes a list from the room, into which it was appended if it fitted.
func (l *lists) cut(list []string) []string {
	if len(list) <= len(l.room) {
		l.room = l.room[len(list):]
	}
	return list[:len(list):len(list)]
}

// slowly reads a body with the whole tree: it can say what is wrong, and knows what to
// do with what it does not know.
func (f *found) slowly(data []byte) (b body, err error) {
	doc, err := parse(data)
	if err != nil {
		return b, err
	}
	defer doc.Release()
	root := doc.Root()
	if root.Kind() != strictjson.Object {
		return b, failAt(root.Off(), "", "must be an object, not "+root.Kind().String())
	}
	unknown, err := checkNames(root)
	if err != nil {
		return b, err
	}
	b, network, err := page(root)
	if err != nil {
		return b, err
	}
	f.survey, err = look(network, networkShape(b.brand), f)
	f.survey.unknown += unknown
	return b, err
}

// parse reads the body; the error names no place that the sender named.
func parse(body []byte) (*strictjson.Doc, error) {
	doc, err := strictjson.Read(body, strictjson.Limits{MaxBytes: MaxBody, MaxDepth: MaxDepth, MaxValues: MaxValues})
	if err == nil {
		return doc, nil
	}
	var bad *strictjson.Error
	if !errors.As(err, &bad) {
		return nil, &engine.DecodeError{Offset: -1, Msg: "is not strict JSON"}
	}
	clean := &strictjson.Error{Offset: bad.Offset, Pointer: bodyShape.clipPointer(bad.Pointer), Msg: bad.Msg}
	return nil, &engine.DecodeError{Offset: clean.Offset, Pointer: clean.Pointer, Msg: clean.Msg, Err: clean}
}

func failAt(offset int, pointer, msg string) *engine.DecodeError {
	return &engine.DecodeError{Offset: offset, Pointer: pointer, Msg: msg}
}

// body is what the page's own members say.
type body struct {
	token   string
	brand   string
	codes   []string
	hasList bool // custom_codes is present

	cardID, cardType     string
	program, bin         maybe
	status, stage, combo maybe
	network              bool // original_network_data is an object
}

// maybe is a text that may be absent; null is absent.
type maybe struct {
	text string
	ok   bool
}

// page reads the page's own members; err is the first mistake.
func page(whole strictjson.Cursor) (b body, network strictjson.Cursor, err error) {
	r, root := &fieldReader{}, object{whole, ""}
	b.token = r.id(root, "token_id")
	b.brand = r.required(root, "network_brand")
	card := r.object(root, "card", true)
	b.cardID = r.id(card, "id")
	b.cardType = r.required(card, "type")
	b.status = r.text(card, "status")
	b.stage = r.text(card, "stage")
	b.bin = r.text(card, "bin")
	b.program = r.optionalID(card, "program_id")
	b.combo = r.text(r.object(root, "combo_card", false), "status")
	b.codes, b.hasList = r.list(root, "custom_codes")
	network = r.object(root, "original_network_data", false).Cursor
	b.network = network.Kind() == strictjson.Object
	return b, network, r.err()
}

// object is the body, or a member of it that is an object.
type object struct {
	strictjson.Cursor
	name string // "" = the body
}

// at returns the pointer to a member.
func (o object) at(member string) string {
	if o.name == "" {
		return "/" + member
	}
	return "/" + o.name + "/" + member
}

// fieldReader reads members strictly and keeps the first mistake.
type fieldReader struct{ first *engine.DecodeError }

func (r *fieldReader) err() error {
	if r.first == nil {
		return nil // not a nil pointer in an interface
	}
	return r.first
}

func (r *fieldReader) fail(offset int, pointer, msg string) {
	if r.first == nil {
		r.first = failAt(offset, pointer, msg)
	}
}

// present returns a member that is there and not null.
func present(o object, name string) (strictjson.Cursor, bool) {
	v, ok := o.Get(name)
	return v, ok && v.Kind() != strictjson.Null
}

func (r *fieldReader) member(o object, name string, required bool, kind strictjson.Kind) (strictjson.Cursor, bool) {
	v, ok := present(o, name)
	switch {
	case !ok && required:
		r.fail(o.Off(), o.at(name), "is required and missing")
	case ok && v.Kind() != kind:
		r.fail(v.Off(), o.at(name), "must be "+kind.String()+", not "+v.Kind().String())
		ok = false
	}
	return v, ok
}

func (r *fieldReader) object(o object, name string, required bool) object {
	v, _ := r.member(o, name, required, strictjson.Object)
	return object{v, name}
}

func (r *fieldReader) text(o object, name string) maybe {
	v, ok := r.member(o, name, false, strictjson.String)
	return maybe{v.Str(), ok}
}

func (r *fieldReader) required(o object, name string) string {
	v, ok := r.member(o, name, true, strictjson.String)
	if ok && v.Str() == "" {
		r.fail(v.Off(), o.at(name), "must not be empty")
	}
	return v.Str()
}

// id reads a required id, an integer from 0 to the greatest of 64 bits, and returns
// its digits.
func (r *fieldReader) id(o object, name string) string {
	v, ok := r.member(o, name, true, strictjson.Number)
	if !ok {
		return ""
	}
	n, ok := v.Int64()
	if !ok || n < 0 {
		r.fail(v.Off(), o.at(name), "must be an integer without sign, fraction or exponent, within 63 bits")
	}
	return v.Str() // the one way to write such an integer
}

func (r *fieldReader) optionalID(o object, name string) maybe {
	if _, ok := present(o, name); !ok {
		return maybe{}
	}
	return maybe{r.id(o, name), true}
}

func (r *fieldReader) list(o object, name string) ([]string, bool) {
	v, ok := r.member(o, name, false, strictjson.Array)
	if !ok {
		return nil, false
	}
	n := v.Len()
	if n > MaxCodes {
		r.fail(v.Off(), o.at(name), "has more than "+strconv.Itoa(MaxCodes)+" items")
		return nil, true
	}
	list := make([]string, 0, n)
	for item, ok := v.First(); ok; item, ok = item.Next(v) {
		if item.Kind() != strictjson.String {
			r.fail(item.Off(), o.at(name)+"/"+strconv.Itoa(len(list)), "must be a string, not "+item.Kind().String())
			return nil, true
		}
		list = append(list, item.Str())
	}
	return list, true
}

// envelope sets what names the event.
func (d *decoding) envelope(m message, b body) {
	token := d.ident("pismo token", b.token)
	id := d.make(token, ".", m.digest[:min(digestPrefix, len(m.digest))])
	d.setText(d.c.facts.id, id)
	d.count1(d.ev.SetTime(d.c.facts.at, m.iat))
	d.setText(d.c.facts.kind, "authorize")
	d.setText(d.c.facts.adapter, "pismo")
	d.setInt(d.c.facts.schema, 1)
	d.setText(d.c.facts.tenant, m.account) // checked by the verifier; never account data
	d.setText(d.c.facts.tokenRef, token)
	switch b.brand {
	case brandVisa:
		d.setText(d.c.facts.tokenNetwork, "visa")
	case brandMastercard:
		d.setText(d.c.facts.tokenNetwork, "mastercard")
	default:
		d.enum(d.c.facts.tokenNetwork, "network_brand", maybe{b.brand, true})
	}
}

// card sets the card's facts. Without a card number the reference stands for
// Pismo's own card id, which is unique within an account.
func (d *decoding) card(m message, b body, digits string) {
	if pan, err := secret.ParsePAN(digits); err == nil {
		d.setText(d.c.facts.cardRef, pan.Ref(d.c.cfg.RefKey))
		d.setText(d.c.facts.cardLast4, pan.Last4())
	} else {
		d.setText(d.c.facts.cardRef, d.ref("pismo card", m.account, "\x00", b.cardID))
	}
	if b.program.ok {
		d.setText(d.c.facts.cardProgram, d.ident("pismo program", b.program.text))
	} else {
		d.flag("missing_required:card.program_id")
	}
	d.bin(b)
	d.enum(d.c.facts.cardType, "card.type", maybe{b.cardType, true}, "PLASTIC", "VIRTUAL", "RECURRING", "TEMPORARY")
	d.enum(d.c.facts.cardStatus, "card.status", b.status, cardStatuses...)
	d.enum(d.c.facts.cardStage, "card.stage", b.stage, "unknown", "blocked", "unblocked")
	d.enum(d.c.facts.cardComboStatus, "combo_card.status", b.combo, cardStatuses...)
}

var cardStatuses = []string{"created", "normal", "damaged", "warning", "lost", "unknown"}

// bin takes 4 to 8 digits: the page's own sample has four.
func (d *decoding) bin(b body) {
	switch {
	case b.bin.text == "":
		d.flag("missing_required:card.bin")
	case len(b.bin.text) < 4 || len(b.bin.text) > 8 || !digitsOnly(b.bin.text):
		d.unknown++
		d.flag("unusable:card.bin")
	default:
		d.setText(d.c.facts.cardBin, b.bin.text)
	}
}

// findings raises a guard for each of Pismo's codes and sets the facts that codes
// prove. That a code is absent proves nothing, unless TrustedFindings says so.
func (d *decoding) findings(b body) {
	kept := d.lists.room[:0] // at most MaxCodes
	var proven proof
	for _, code := range b.codes {
		if !shortText(code) {
			d.unknown++
			code = unreadableCode
		}
		again := slices.Contains(kept, code)
		if kept = append(kept, code); again {
			continue
		}
		if g, proves, ok := d.c.guard(code, b.cardType, b.program.text); ok {
			proven |= proves
			d.raise(g)
		}
	}
	if b.hasList {
		d.setList(d.c.facts.cardCodes, d.lists.cut(kept))
	}
	d.proven(b, proven)
}

// unreadableCode stands for a code that cannot be kept: too long, not printable
// ASCII, or digits that read as a card number.
const unreadableCode = "unreadable_code"

func (d *decoding) proven(b body, proven proof) {
	sure := d.c.cfg.TrustedFindings && b.hasList && proven&checkFailed == 0
	if expired := proven&isExpired != 0; expired || sure {
		d.setBool(d.c.facts.cardExpired, expired)
	}
	if mismatch := proven&expiryMismatch != 0; mismatch || sure {
		d.setBool(d.c.facts.cardExpiryMatch, !mismatch)
	}
	switch {
	case proven&cvvFailed != 0:
		d.setText(d.c.facts.verifyCvv, "fail")
	case proven&checkFailed != 0: // Pismo perhaps did not check it, whatever the network saw
		d.ev.Unset("verify.cvv")
	}
}

// flag raises a guard of this codec's own: at least yellow.
func (d *decoding) flag(code string) {
	d.raise(newGuard(code, rules.Yellow, actionChallenge))
}

func (d *decoding) raise(g engine.Guard) {
	if d.ev.Guards == nil {
		d.ev.Guards = d.lists.guards[:0]
	}
	d.ev.Guards = append(d.ev.Guards, g)
}

// make returns the parts as one text. An event has three such texts, which lie in one
// piece of memory.
func (d *decoding) make(parts ...string) string {
	from := d.made.Len()
	for _, part := range parts {
		d.made.WriteString(part)
	}
	return d.made.String()[from:]
}

// ref returns the keyed reference of the parts.
func (d *decoding) ref(domain string, parts ...string) string {
	var room [maxRefValue]byte
	value := room[:0]
	for _, part := range parts {
		value = append(value, part...)
	}
	var ref [maxRefValue]byte
	from := d.made.Len()
	d.made.Write(d.c.cfg.RefKey.AppendRef(ref[:0], domain, value))
	clear(value) // it may be a card number
	return d.made.String()[from:]
}

// maxRefValue is how much of a value needs no memory of its own, in bytes.
const maxRefValue = 128

// enum sets a fact whose values the page lists; another value, an empty text
// among them, is flagged, and kept as data where it can be.
func (d *decoding) enum(fact int, name string, value maybe, known ...string) {
	if !value.ok {
		return
	}
	for _, k := range known {
		if value.text == k {
			d.setText(fact, value.text)
			return
		}
	}
	d.flag("unknown_value:" + name)
	if shortText(value.text) {
		d.setText(fact, value.text)
	} else {
		d.unknown++
	}
}

// ident returns an identifier as it is, or its keyed reference when it reads as a
// card number or is not printable ASCII, in which digits have other forms: an
// identifier is never dropped.
func (d *decoding) ident(domain, text string) string {
	if printable(text) && !hidesPAN(text) {
		return text
	}
	return d.ref(domain, text)
}

// shortText reports whether a text may be kept verbatim: printable ASCII of at
// most MaxText bytes that does not read as a card number.
func shortText(s string) bool {
	if s == "" || len(s) > MaxText {
		return false
	}
	digits := 0
	for i := range len(s) {
		c := s[i]
		if c < 0x20 || c > 0x7e {
			return false
		}
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	return digits < minLoosePAN || !hidesPAN(s)
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// setText and its like set a fact that fits the schema; what does not fit is absent
// and counted.
func (d *decoding) setText(fact int, s string) { d.count1(d.ev.SetString(fact, s)) }

func (d *decoding) setInt(fact int, n int64) { d.count1(d.ev.SetInt(fact, n)) }

func (d *decoding) setBool(fact int, b bool) { d.count1(d.ev.SetBool(fact, b)) }

func (d *decoding) setList(fact int, list []string) { d.count1(d.ev.SetStrings(fact, list)) }

func (d *decoding) count1(ok bool) {
	if !ok {
		d.unknown++
	}
}
