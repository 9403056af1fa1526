package logic

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/issuant/issuant/internal/code"
)

// MaxNodes bounds a tree, inclusive; the items of sets count too.
const MaxNodes = 8192

// MaxPattern bounds the pattern of Matches, in bytes, inclusive.
const MaxPattern = 512

// Scope is what a tree may read.
type Scope struct {
	Fields  []Type                    // types by index of the schema
	Lists   int                       // how many lists the pack has
	Pattern func(pattern string) bool // whether a pattern is one; nil takes all up to MaxPattern
}

// ErrTree is wrapped by the errors of Examine.
var ErrTree = code.New(code.PackFile, "logic: malformed tree")

// Summary is what Examine learns of a tree.
type Summary struct {
	Nodes    int
	Fallible bool // judging it may fail: overflow, division by zero, a text that grows too long, or a Foreign node
	Foreign  bool // some node cannot be lowered
	Patterns bool // some node is a Matches: judging it needs a matcher of RE2
	Cost     Cost
}

// Examine reports whether b begins with the binary form of a tree of type Bool that
// reads nothing beyond the scope, each node with operands of the types that its Op
// wants, within MaxNodes; n is how many bytes it takes. Only such trees may be
// decoded, judged or normalised. read, which may be nil, is called with each field
// that the tree reads. b may be anyone's.
func Examine(b []byte, in Scope, read func(field int)) (s Summary, n int, err error) {
	c := &checker{Scope: in, Decoder: Decoder{rest: b}, read: read}
	if t, _ := c.node(false); t != Bool {
		c.fault("a condition is a bool")
	}
	if c.bad != nil {
		return Summary{}, 0, c.bad
	}
	c.summary.Cost.Fixed = c.fixed
	for _, it := range c.items {
		c.summary.Cost.each(it.Field, it.Each)
	}
	return c.summary, len(b) - len(c.rest), nil
}

type checker struct {
	Scope
	Decoder
	read    func(field int)
	summary Summary
	size    int // nodes and items
	fixed   int64
	items   []PerItem
	bad     error
}

func (c *checker) fault(msg string) {
	if c.bad == nil {
		c.bad = fmt.Errorf("%w: %s", ErrTree, msg)
	}
	c.fail()
}

func (c *checker) want(ok bool, msg string) {
	if !ok || c.Bad {
		c.fault(msg)
	}
}

// node examines one node and what is below it. field is that of a Field, else -1.
func (c *checker) node(loop bool) (t Type, field int) {
	op := Op(c.byte())
	t = Type(c.byte())
	s := shapeOf(op)
	c.summary.Nodes++
	c.size++
	c.want(s.known && c.size <= MaxNodes, "a node has no such form, or the tree is too large")
	if c.Bad {
		return 0, -1
	}
	c.fixed = min(c.fixed+s.cost, MaxCost)
	field, args, items := c.leaf(op, t, s.args, loop)
	var types [3]Type
	list := -1
	switch {
	case op == Foreign:
		c.foreign(args)
	case op >= Any:
		types[0], list = c.node(loop)
		types[1] = c.body(list)
	default:
		for i := range args {
			types[i], list = c.node(loop)
		}
	}
	if op == InField {
		c.loop(list, 1)
	}
	c.want(t == s.result || s.result == 0 && t >= String && t <= Strings, "a node is of the wrong type")
	c.want(s.operands == nil || s.operands(t, &types), "an operand is of the wrong type")
	c.want(op != InSet || items&^comparableWith(types[0]) == 0, "an item is of the wrong type")
	c.summary.Fallible = c.summary.Fallible || fallible(op, t, types[0])
	return t, field
}

// leaf reads what a node holds besides its arguments; items are the types of its
// items, bit by bit.
func (c *checker) leaf(op Op, t Type, arity int, loop bool) (field, args int, items uint8) {
	field, args = -1, arity
	switch op {
	case Const:
		c.want(c.constant() == t, "a constant is of the wrong type")
	case Field, Has:
		n := c.index()
		ok := n < len(c.Fields)
		c.want(ok && (op == Has || c.Fields[n] == t), "a field is not in the schema")
		if ok && c.read != nil {
			c.read(n)
		}
		if op == Field {
			field = n
		}
	case Item:
		c.want(loop, "# stands outside a loop")
	case InList:
		c.want(c.index() < c.Lists, "a list is not declared")
	case InSet, InRange:
		n := c.count()
		c.size += n
		for range n {
			items |= 1 << c.constant()
		}
		c.want(op == InSet || n == 2 && items == 1<<Int, "a range has two ints")
	case Matches:
		c.summary.Patterns = true
		p := c.bytes(c.Uvarint())
		c.want(len(p) <= MaxPattern && !c.Bad && (c.Pattern == nil || c.Pattern(string(p))), "a pattern is no regular expression, or too long")
	case Foreign:
		c.bytes(c.Uvarint())
		worst := int64(min(c.Uvarint(), MaxCost+1))
		c.want(worst > 0 && worst <= MaxCost, "a node has no cost")
		c.fixed = min(c.fixed+worst, MaxCost)
		args = c.count()
	}
	return field, args, items
}

// foreign examines the fields that a Foreign node reads: its cost is its own.
func (c *checker) foreign(args int) {
	c.summary.Foreign = true
	fixed, items := c.fixed, len(c.items)
	for range args {
		c.node(false)
	}
	c.fixed, c.items = fixed, c.items[:items]
}

// body examines the condition of a loop, which costs as often as its list has items.
func (c *checker) body(list int) Type {
	fixed, items := c.fixed, len(c.items)
	c.fixed = 0
	t, _ := c.node(true)
	worst := Cost{Fixed: c.fixed, PerItem: c.items[items:]}.Worst()
	c.fixed, c.items = fixed, c.items[:items]
	c.loop(list, 1+worst)
	return t
}

// loop counts n for each item of a list; a list that is not one fact counts as full.
func (c *checker) loop(list int, n int64) {
	if list >= 0 {
		c.items = append(c.items, PerItem{list, n})
		return
	}
	c.fixed = min(c.fixed+min(n, MaxCost/MaxItems)*MaxItems, MaxCost)
}

func fallible(op Op, t, operand Type) bool {
	switch op {
	case Foreign, Add, Subtract, Multiply, Divide, Modulo, Concat:
		return true
	case Negate, Abs:
		return t == Int
	case ToInt:
		return operand == Float
	}
	return false
}

// constant reads a constant and returns its type, or 0 when it is not valid.
func (c *checker) constant() Type {
	switch c.byte() {
	case 1:
		if utf8.Valid(c.bytes(c.Uvarint())) {
			return String
		}
	case 2:
		c.varint()
		return Int
	case 3:
		if b := c.bytes(8); len(b) == 8 {
			v := math.Float64frombits(binary.BigEndian.Uint64(b))
			if !math.IsNaN(v) && !math.IsInf(v, 0) && (v != 0 || !math.Signbit(v)) {
				return Float
			}
		}
	case 4:
		if c.byte() <= 1 {
			return Bool
		}
	case 5:
		if y := time.Unix(0, c.varint()).UTC().Year(); y >= 1700 && y <= 2200 {
			return Time
		}
	}
	return 0
}

func numeric(t Type) bool { return t == Int || t == Float }

// alike reports whether == may stand between values of both types.
func alike(t, u Type) bool { return t != 0 && t != Strings && (t == u || numeric(t) && numeric(u)) }

// comparableWith are the types that == may stand beside, bit by bit.
func comparableWith(t Type) (types uint8) {
	for u := String; u <= Strings; u++ {
		if alike(t, u) && u != Time {
			types |= 1 << u
		}
	}
	return types
}

// shape is how many operands a node has, of which types, what it gives, and what it
// costs; a result of 0 is checked by operands.
type shape struct {
	args     int
	result   Type
	operands func(t Type, of *[3]Type) bool
	cost     int64
	known    bool
}

func all(types ...Type) func(t Type, of *[3]Type) bool {
	want := [3]Type{}
	copy(want[:], types)
	return func(_ Type, of *[3]Type) bool { return *of == want }
}

// number wants operands of the result's own type, Int or Float.
func number(args int) func(t Type, of *[3]Type) bool {
	return func(t Type, of *[3]Type) bool { return numeric(t) && of[0] == t && (args == 1 || of[1] == t) }
}

func numberOperand(_ Type, of *[3]Type) bool { return numeric(of[0]) }

func compared(_ Type, of *[3]Type) bool { return alike(of[0], of[1]) }

func inOrder(_ Type, of *[3]Type) bool { return alike(of[0], of[1]) && of[0] != Bool }

func either(a, b Type) func(t Type, of *[3]Type) bool {
	return func(_ Type, of *[3]Type) bool { return of[0] == a || of[0] == b }
}

func shapeOf(op Op) shape {
	if int(op) < len(shapes) {
		return shapes[op]
	}
	return shape{}
}

var shapes = [Count + 1]shape{
	Const: {}, Field: {}, Item: {result: String}, Foreign: {result: Bool},
	Not: {args: 1, result: Bool, operands: all(Bool)},
	And: {args: 2, result: Bool, operands: all(Bool, Bool)}, Or: {args: 2, result: Bool, operands: all(Bool, Bool)},
	Coalesce: {args: 2, operands: func(t Type, of *[3]Type) bool { return of[0] == t && of[1] == t }},
	Choose:   {args: 3, operands: func(t Type, of *[3]Type) bool { return of[0] == Bool && of[1] == t && of[2] == t }},
	Equal:    {args: 2, result: Bool, operands: compared}, NotEqual: {args: 2, result: Bool, operands: compared},
	Less: {args: 2, result: Bool, operands: inOrder}, LessOrEqual: {args: 2, result: Bool, operands: inOrder},
	Greater: {args: 2, result: Bool, operands: inOrder}, GreaterOrEqual: {args: 2, result: Bool, operands: inOrder},
	InSet: {args: 1, result: Bool}, InRange: {args: 1, result: Bool, operands: all(Int)},
	InList: {args: 1, result: Bool, operands: all(String)}, InField: {args: 2, result: Bool, operands: all(String, Strings)},
	Has:      {result: Bool},
	Contains: {args: 2, result: Bool, operands: all(String, String)}, StartsWith: {args: 2, result: Bool, operands: all(String, String)},
	EndsWith: {args: 2, result: Bool, operands: all(String, String)}, Matches: {args: 1, result: Bool, operands: all(String)},
	Add: {args: 2, operands: number(2)}, Subtract: {args: 2, operands: number(2)}, Multiply: {args: 2, operands: number(2)},
	Divide: {args: 2, result: Float, operands: all(Float, Float)}, Modulo: {args: 2, result: Int, operands: all(Int, Int)},
	Negate: {args: 1, operands: number(1)}, Concat: {args: 2, result: String, operands: all(String, String)},
	Seconds: {args: 2, result: Int, operands: all(Time, Time)},
	Len:     {args: 1, result: Int, operands: either(String, Strings)},
	Lower:   {args: 1, result: String, operands: all(String)}, Upper: {args: 1, result: String, operands: all(String)},
	Trim: {args: 1, result: String, operands: all(String)},
	Abs:  {args: 1, operands: number(1)}, Min: {args: 2, operands: number(2)}, Max: {args: 2, operands: number(2)},
	ToInt: {args: 1, result: Int, operands: numberOperand}, ToFloat: {args: 1, result: Float, operands: numberOperand},
	ToText: {args: 1, result: String, operands: either(Int, Bool)},
	Hour:   {args: 1, result: Int, operands: all(Time)}, Weekday: {args: 1, result: Int, operands: all(Time)},
	Any: {args: 2, result: Bool, operands: all(Strings, Bool)}, All: {args: 2, result: Bool, operands: all(Strings, Bool)},
	None: {args: 2, result: Bool, operands: all(Strings, Bool)}, Count: {args: 2, result: Int, operands: all(Strings, Bool)},
}

func init() {
	for op := range shapes {
		s := &shapes[op]
		switch op := Op(op); {
		case op >= Contains && op <= EndsWith, op == Concat, op >= Len && op <= Trim:
			s.cost = costText
		case op == Matches:
			s.cost = costPattern
		case op >= InSet && op <= InList:
			s.cost = 2
		case op == Foreign: // has a cost of its own
		default:
			s.cost = 1
		}
		s.known = s.args > 0 || op == int(Const) || op == int(Field) || op == int(Item) || op == int(Foreign) || op == int(Has)
	}
}
