// Package sfv reads the part of Structured Field Values for HTTP (RFC 9651) that
// signatures and digests need: dictionaries of items and of inner lists, with
// integers, strings, tokens, byte sequences and booleans. It is stricter than the
// RFC: a value must be written as the RFC's own serialization writes it, and a name
// that occurs twice is refused instead of overwritten, so that there is one way to
// write a value and two readers cannot see two. Decimals, dates and display strings
// are refused.
package sfv

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// Bounds, inclusive.
const (
	MaxBytes   = 16 << 10 // of a field
	MaxMembers = 32       // of a dictionary
	MaxItems   = 64       // of an inner list
	MaxParams  = 16       // of an item or inner list
)

// Kind tells what an Item is.
type Kind uint8

// The kinds. The zero Kind is none.
const (
	Integer Kind = iota + 1
	String
	Token
	Bytes
	Boolean
)

// Item is a bare value with its parameters.
type Item struct {
	Kind   Kind
	Int    int64  // of an Integer
	Str    string // of a String or Token
	Bytes  []byte // of a byte sequence
	Bool   bool   // of a Boolean
	Params []Param
	Raw    string // as written, parameters included
}

// Param is one parameter; its value has no parameters of its own.
type Param struct {
	Name  string
	Value Item
}

// Member is one member of a dictionary: an item, or an inner list.
type Member struct {
	Name    string
	Item    Item   // the value, when Inner is false; else its Params are those of the list
	Inner   bool   // the value is an inner list
	Items   []Item // of an inner list
	RawList string // of an inner list: as written, from "(" to the last parameter
}

// Get returns the parameter of that name.
func (i *Item) Get(name string) (Item, bool) {
	for _, p := range i.Params {
		if p.Name == name {
			return p.Value, true
		}
	}
	return Item{}, false
}

// Error tells where a field stops being one. Its text quotes nothing of the field.
type Error struct {
	Offset int // of the byte, from 0
	Msg    string
}

func (e *Error) Error() string { return fmt.Sprintf("sfv: byte %d: %s", e.Offset, e.Msg) }

// ParseDictionary reads the value of one field. An empty dictionary is an error:
// such a field is not sent. Errors are *Error.
func ParseDictionary(text string) ([]Member, error) {
	p := &parser{text: text}
	if len(text) > MaxBytes {
		return nil, p.fail("longer than 16 KiB")
	}
	p.blanks(" ")
	var members []Member
	for {
		m, err := p.member()
		if err != nil {
			return nil, err
		}
		for i := range members {
			if members[i].Name == m.Name {
				return nil, p.fail("a name occurs twice")
			}
		}
		if members = append(members, m); len(members) > MaxMembers {
			return nil, p.fail("more than 32 members")
		}
		p.blanks(" \t")
		if p.at == len(text) {
			return members, nil
		}
		if !p.eat(',') {
			return nil, p.fail("a comma or the end is wanted")
		}
		p.blanks(" \t")
	}
}

type parser struct {
	text string
	at   int
}

func (p *parser) fail(msg string) error { return &Error{p.at, msg} }

func (p *parser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *parser) eat(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) blanks(set string) {
	for p.at < len(p.text) && strings.IndexByte(set, p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *parser) member() (m Member, err error) {
	if m.Name, err = p.key(); err != nil {
		return m, err
	}
	start := p.at
	if !p.eat('=') {
		// The short form of the Boolean true.
		m.Item = Item{Kind: Boolean, Bool: true}
		m.Item.Params, err = p.params()
		m.Item.Raw = p.text[start:p.at]
		return m, err
	}
	if p.peek() == '(' {
		m.Inner = true
		return m, p.innerList(&m)
	}
	m.Item, err = p.item()
	if err == nil && m.Item.Kind == Boolean && m.Item.Bool {
		return m, p.fail("true is written without a value")
	}
	return m, err
}

func (p *parser) innerList(m *Member) (err error) {
	start := p.at
	p.at++
	for !p.eat(')') {
		if len(m.Items) > 0 && !p.eat(' ') {
			return p.fail("one blank or ) is wanted")
		}
		item, err := p.item()
		if err != nil {
			return err
		}
		if m.Items = append(m.Items, item); len(m.Items) > MaxItems {
			return p.fail("more than 64 items")
		}
	}
	m.Item.Params, err = p.params()
	m.RawList = p.text[start:p.at]
	return err
}

func (p *parser) item() (i Item, err error) {
	start := p.at
	if i, err = p.bare(); err != nil {
		return i, err
	}
	i.Params, err = p.params()
	i.Raw = p.text[start:p.at]
	return i, err
}

func (p *parser) params() ([]Param, error) {
	var params []Param
	for p.eat(';') {
		name, err := p.key()
		if err != nil {
			return nil, err
		}
		param := Param{name, Item{Kind: Boolean, Bool: true}}
		if p.eat('=') {
			if param.Value, err = p.bare(); err != nil {
				return nil, err
			}
			if param.Value.Kind == Boolean && param.Value.Bool {
				return nil, p.fail("true is written without a value")
			}
		}
		for i := range params {
			if params[i].Name == name {
				return nil, p.fail("a parameter occurs twice")
			}
		}
		if params = append(params, param); len(params) > MaxParams {
			return nil, p.fail("more than 16 parameters")
		}
	}
	return params, nil
}

func (p *parser) key() (string, error) {
	start := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		first := c >= 'a' && c <= 'z' || c == '*'
		if !first && (p.at == start || (c < '0' || c > '9') && c != '_' && c != '-' && c != '.') {
			break
		}
		p.at++
	}
	if p.at == start {
		return "", p.fail("a name in lower case is wanted")
	}
	return p.text[start:p.at], nil
}

func (p *parser) bare() (Item, error) {
	switch c := p.peek(); {
	case c == '"':
		return p.str()
	case c == ':':
		return p.byteSequence()
	case c == '?':
		return p.boolean()
	case c == '-' || c >= '0' && c <= '9':
		return p.integer()
	case c == '*' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
		return p.token(), nil
	}
	return Item{}, p.fail("a value is wanted")
}

// integer reads at most 15 digits, without leading zeros; a decimal is refused.
func (p *parser) integer() (Item, error) {
	start := p.at
	p.eat('-')
	digits := p.at
	for p.peek() >= '0' && p.peek() <= '9' {
		p.at++
	}
	text := p.text[digits:p.at]
	if text == "" || len(text) > 15 || p.peek() == '.' || text[0] == '0' && p.at-start > 1 {
		return Item{}, p.fail("not an integer of at most 15 digits without leading zeros")
	}
	n, err := strconv.ParseInt(p.text[start:p.at], 10, 64)
	if err != nil {
		return Item{}, p.fail("not an integer")
	}
	return Item{Kind: Integer, Int: n}, nil
}

func (p *parser) str() (Item, error) {
	p.at++
	start := p.at
	escaped := false
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == '"':
			s := p.text[start:p.at]
			p.at++
			if escaped {
				s = strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(s)
			}
			return Item{Kind: String, Str: s}, nil
		case c == '\\':
			escaped = true
			p.at++
			if c := p.peek(); c != '"' && c != '\\' {
				return Item{}, p.fail("an escape of another character than \" and \\")
			}
		case c < ' ' || c > '~':
			return Item{}, p.fail("a character that a string cannot have")
		}
		p.at++
	}
	return Item{}, p.fail("a string does not end")
}

func (p *parser) byteSequence() (Item, error) {
	p.at++
	end := strings.IndexByte(p.text[p.at:], ':')
	if end < 0 {
		return Item{}, p.fail("a byte sequence does not end")
	}
	text := p.text[p.at : p.at+end]
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return Item{}, p.fail("a byte sequence is not standard Base64 with padding")
	}
	p.at += end + 1
	return Item{Kind: Bytes, Bytes: b}, nil
}

func (p *parser) boolean() (Item, error) {
	p.at++
	switch {
	case p.eat('1'):
		return Item{Kind: Boolean, Bool: true}, nil
	case p.eat('0'):
		return Item{Kind: Boolean}, nil
	}
	return Item{}, p.fail("a boolean is ?0 or ?1")
}

func (p *parser) token() Item {
	start := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && strings.IndexByte("!#$%&'*+-.^_`|~:/", c) < 0 {
			break
		}
		p.at++
	}
	return Item{Kind: Token, Str: p.text[start:p.at]}
}

// Quote returns s as a string, and false when it holds a character that a string
// cannot have.
func Quote(s string) (string, bool) {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return "", false
		}
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`, true
}

// QuoteBytes returns b as a byte sequence.
func QuoteBytes(b []byte) string { return ":" + base64.StdEncoding.EncodeToString(b) + ":" }
