package logic

import (
	"fmt"
	"math"
	"math/bits"
	"time"
	"unicode/utf8"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/word"
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

// Examiner examines trees in their binary form, one after another, without memory for
// each: a pack of ten thousand rules has as many. It is not safe for concurrent use.
type Examiner struct {
	Scope
	Reads []uint64 // bit by field: what trees read since the caller last cleared it

	// Truths tells of each node of the last tree whether it is a Bool outside of loops,
	// which can be judged on its own: bit by number, from 1 on, a node before its arguments.
	Truths []uint64

	text    string
	bad     error
	summary Summary
	size    int // nodes and items
	fixed   int64
	items   []PerItem // of the tree under way
	kept    []PerItem // memory for the costs of trees to come
}

// NewExaminer returns an examiner of trees that read what is in the scope.
func NewExaminer(in Scope) *Examiner {
	return &Examiner{Scope: in, Reads: make([]uint64, (len(in.Fields)+63)/64)}
}

// Examine reports whether text begins with the binary form of a tree of type Bool that
// reads nothing beyond the scope, each node with operands of the types that its Op
// wants, within MaxNodes; n is how many bytes it takes. Only such trees may be
// decoded, judged or normalised. The text may be anyone's. The error wraps ErrTree.
func (c *Examiner) Examine(text string) (s Summary, n int, err error) {
	c.text, c.bad, c.summary, c.size, c.fixed, c.items = text, nil, Summary{}, 0, 0, c.items[:0]
	c.Truths = append(c.Truths[:0], 0)
	n, t, _ := c.node(0, false)
	if t != Bool {
		c.fault("a condition is a bool")
	}
	if c.bad != nil {
		return Summary{}, 0, c.bad
	}
	c.summary.Cost = Cost{c.fixed, c.perItem()}
	return c.summary, n, nil
}

// perItem returns the costs by item of the tree, in memory that trees share.
func (c *Examiner) perItem() []PerItem {
	if len(c.items) == 0 {
		return nil
	}
	if cap(c.kept)-len(c.kept) < len(c.items) {
		c.kept = make([]PerItem, 0, max(len(c.items), min(2*cap(c.kept), 1024)))
	}
	at := len(c.kept)
	cost := Cost{PerItem: c.kept[at:]}
	for _, it := range c.items {
		cost.each(it.Field, it.Each)
	}
	end := at + len(cost.PerItem)
	c.kept = c.kept[:end]
	return c.kept[at:end:end]
}

// fault keeps the first fault, and returns the end of the text, where nothing is read.
func (c *Examiner) fault(msg string) (end int) {
	if c.bad == nil {
		c.bad = fmt.Errorf("%w: %s", ErrTree, msg)
	}
	return len(c.text)
}

const tooShort = "it ends too early, or a number is not in its shortest form"

// number reads a uvarint.
func (c *Examiner) number(at int) (v uint64, next int) {
	if v, next = Uvarint(c.text, at); next == 0 {
		next = c.fault(tooShort)
	}
	return v, next
}

// skip passes n bytes over.
func (c *Examiner) skip(at int, n uint64) (next int) {
	if n > uint64(len(c.text)-at) {
		return c.fault(tooShort)
	}
	return at + int(n)
}

// count reads a number of things that need at least one byte each.
func (c *Examiner) count(at int) (n, next int) {
	v, at := c.number(at)
	if v > uint64(len(c.text)-at) || v > MaxNodes {
		return 0, c.fault(tooShort)
	}
	return int(v), at
}

// node examines the node at a place and what is below it, and returns where that ends.
// field is that of a Field, else -1.
func (c *Examiner) node(at int, loop bool) (next int, t Type, field int) {
	if at+2 > len(c.text) {
		return c.fault(tooShort), 0, -1
	}
	op, t := Op(c.text[at]), Type(c.text[at+1])
	c.summary.Nodes++
	c.size++
	if int(op) >= len(shapes) || !shapes[op].known || c.size > MaxNodes {
		return c.fault("a node has no such form, or the tree is too large"), 0, -1
	}
	c.note(t == Bool && !loop)
	s := &shapes[op]
	at, c.fixed = at+2, min(c.fixed+s.cost, MaxCost)
	switch op {
	case Const:
		var is Type
		if is, at = c.constant(at); is != t {
			at = c.fault("a constant is of the wrong type")
		}
		return at, t, -1
	case Field:
		if field, at = c.fact(at); field < 0 || c.Fields[field] != t {
			return c.fault("a field is not in the schema"), 0, -1
		}
		return at, t, field
	}
	args, items := s.args, uint8(0)
	if s.holds {
		at, args, items = c.held(at, op, loop)
	}
	var of operands
	list := -1
	switch {
	case op == Foreign:
		at = c.foreign(at, args)
	case op >= Any:
		var first, second Type
		at, first, list = c.node(at, loop)
		at, second = c.body(at, list)
		of = operands(first) | operands(second)<<8
	default:
		for i := range args {
			var arg Type
			at, arg, list = c.node(at, loop)
			of |= operands(arg) << (8 * i)
		}
	}
	if op == InField {
		c.loop(list, 1)
	}
	switch {
	case t != s.result && (s.result != 0 || t < String || t > Strings):
		at = c.fault("a node is of the wrong type")
	case s.want != 0 && of != s.want || s.wants != nil && !s.wants(t, of):
		at = c.fault("an operand is of the wrong type")
	case op == InSet && items&^comparableWith(of.at(0)) != 0:
		at = c.fault("an item is of the wrong type")
	}
	c.summary.Fallible = c.summary.Fallible || s.fallible && fallible(op, t, of.at(0))
	return at, t, -1
}

// note keeps of the node that was reached whether it can be judged on its own.
func (c *Examiner) note(truth bool) {
	n := c.summary.Nodes
	if n>>6 == len(c.Truths) {
		c.Truths = append(c.Truths, 0)
	}
	if truth {
		c.Truths[n>>6] |= 1 << (n & 63)
	}
}

// fact reads the number of a field, -1 when there is none such.
func (c *Examiner) fact(at int) (field, next int) {
	v, at := c.number(at)
	if v >= uint64(len(c.Fields)) || c.bad != nil {
		return -1, at
	}
	c.Reads[v>>6] |= 1 << (v & 63)
	return int(v), at
}

// held reads what a node other than a Const or Field holds besides its arguments; items
// are the types of its items, bit by bit.
func (c *Examiner) held(at int, op Op, loop bool) (next, args int, items uint8) {
	var v uint64
	args = shapes[op].args
	switch op {
	case Has:
		var field int
		if field, at = c.fact(at); field < 0 {
			at = c.fault("a field is not in the schema")
		}
	case Item:
		if !loop {
			at = c.fault("# stands outside a loop")
		}
	case InList:
		if v, at = c.number(at); v >= uint64(c.Lists) {
			at = c.fault("a list is not declared")
		}
	case InSet, InRange:
		var n int
		n, at = c.count(at)
		c.size += n
		for i := 0; i < n && c.bad == nil; i++ {
			var t Type
			t, at = c.constant(at)
			items |= 1 << t
		}
		if op == InRange && (n != 2 || items != 1<<Int) {
			at = c.fault("a range has two ints")
		}
	case Matches:
		c.summary.Patterns = true
		v, at = c.number(at)
		end := c.skip(at, v)
		if v > MaxPattern || c.bad != nil || c.Pattern != nil && !c.Pattern(c.text[at:end]) {
			return c.fault("a pattern is no regular expression, or too long"), 0, 0
		}
		at = end
	case Foreign:
		v, at = c.number(at)
		at = c.skip(at, v)
		if v, at = c.number(at); v == 0 || v > MaxCost {
			return c.fault("a node has no cost"), 0, 0
		}
		c.fixed = min(c.fixed+int64(v), MaxCost)
		args, at = c.count(at)
	}
	return at, args, items
}

// foreign examines the fields that a Foreign node reads: its cost is its own.
func (c *Examiner) foreign(at, args int) (next int) {
	c.summary.Foreign = true
	fixed, items := c.fixed, len(c.items)
	for i := 0; i < args && c.bad == nil; i++ {
		at, _, _ = c.node(at, false)
	}
	c.fixed, c.items = fixed, c.items[:items]
	return at
}

// body examines the condition of a loop, which costs as often as its list has items.
func (c *Examiner) body(at, list int) (next int, t Type) {
	fixed, items := c.fixed, len(c.items)
	c.fixed = 0
	at, t, _ = c.node(at, true)
	worst := Cost{Fixed: c.fixed, PerItem: c.items[items:]}.Worst()
	c.fixed, c.items = fixed, c.items[:items]
	c.loop(list, 1+worst)
	return at, t
}

// loop counts n for each item of a list; a list that is not one fact counts as full.
func (c *Examiner) loop(list int, n int64) {
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
func (c *Examiner) constant(at int) (t Type, next int) {
	if at >= len(c.text) {
		return 0, c.fault(tooShort)
	}
	kind, at := c.text[at], at+1
	switch kind {
	case 1:
		n, at := c.number(at)
		end := c.skip(at, n)
		if c.bad == nil && utf8.ValidString(c.text[at:end]) {
			return String, end
		}
	case 2:
		_, at = c.number(at)
		return Int, at
	case 3:
		if end := c.skip(at, 8); c.bad == nil {
			v := math.Float64frombits(bits.ReverseBytes64(word.Load(c.text, at)))
			if !math.IsNaN(v) && !math.IsInf(v, 0) && (v != 0 || !math.Signbit(v)) {
				return Float, end
			}
		}
	case 4:
		if at < len(c.text) && c.text[at] <= 1 {
			return Bool, at + 1
		}
	case 5:
		v, at := c.number(at)
		if y := time.Unix(0, int64(v>>1)^-int64(v&1)).UTC().Year(); y >= 1700 && y <= 2200 {
			return Time, at
		}
	}
	return 0, c.fault("a constant is malformed")
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

// operands are the types of a node's operands, a byte each.
type operands uint32

func operandsOf(types ...Type) (of operands) {
	for i, t := range types {
		of |= operands(t) << (8 * i)
	}
	return of
}

func (of operands) at(i int) Type { return Type(of >> (8 * i)) }

// shape is how many operands a node has, of which types, what it gives, and what it
// costs; a result of 0 is checked by wants.
type shape struct {
	args     int
	result   Type
	want     operands // exactly these
	wants    func(t Type, of operands) bool
	cost     int64
	known    bool
	holds    bool // something besides its operands
	fallible bool // see fallible
}

// number wants operands of the result's own type, Int or Float.
func number(args int) func(t Type, of operands) bool {
	return func(t Type, of operands) bool {
		return numeric(t) && of.at(0) == t && (args == 1 || of.at(1) == t)
	}
}

func numberOperand(_ Type, of operands) bool { return numeric(of.at(0)) }

func compared(_ Type, of operands) bool { return alike(of.at(0), of.at(1)) }

func inOrder(_ Type, of operands) bool { return alike(of.at(0), of.at(1)) && of.at(0) != Bool }

func either(a, b Type) func(t Type, of operands) bool {
	return func(_ Type, of operands) bool { return of.at(0) == a || of.at(0) == b }
}

func shapeOf(op Op) shape {
	if int(op) < len(shapes) {
		return shapes[op]
	}
	return shape{}
}

var shapes = [Count + 1]shape{
	Const: {}, Field: {}, Item: {result: String}, Foreign: {result: Bool},
	Not: {args: 1, result: Bool, want: operandsOf(Bool)},
	And: {args: 2, result: Bool, want: operandsOf(Bool, Bool)}, Or: {args: 2, result: Bool, want: operandsOf(Bool, Bool)},
	Coalesce: {args: 2, wants: func(t Type, of operands) bool { return of.at(0) == t && of.at(1) == t }},
	Choose:   {args: 3, wants: func(t Type, of operands) bool { return of == operandsOf(Bool, t, t) }},
	Equal:    {args: 2, result: Bool, wants: compared}, NotEqual: {args: 2, result: Bool, wants: compared},
	Less: {args: 2, result: Bool, wants: inOrder}, LessOrEqual: {args: 2, result: Bool, wants: inOrder},
	Greater: {args: 2, result: Bool, wants: inOrder}, GreaterOrEqual: {args: 2, result: Bool, wants: inOrder},
	InSet: {args: 1, result: Bool}, InRange: {args: 1, result: Bool, want: operandsOf(Int)},
	InList: {args: 1, result: Bool, want: operandsOf(String)}, InField: {args: 2, result: Bool, want: operandsOf(String, Strings)},
	Has:      {result: Bool},
	Contains: {args: 2, result: Bool, want: operandsOf(String, String)}, StartsWith: {args: 2, result: Bool, want: operandsOf(String, String)},
	EndsWith: {args: 2, result: Bool, want: operandsOf(String, String)}, Matches: {args: 1, result: Bool, want: operandsOf(String)},
	Add: {args: 2, wants: number(2)}, Subtract: {args: 2, wants: number(2)}, Multiply: {args: 2, wants: number(2)},
	Divide: {args: 2, result: Float, want: operandsOf(Float, Float)}, Modulo: {args: 2, result: Int, want: operandsOf(Int, Int)},
	Negate: {args: 1, wants: number(1)}, Concat: {args: 2, result: String, want: operandsOf(String, String)},
	Seconds: {args: 2, result: Int, want: operandsOf(Time, Time)},
	Len:     {args: 1, result: Int, wants: either(String, Strings)},
	Lower:   {args: 1, result: String, want: operandsOf(String)}, Upper: {args: 1, result: String, want: operandsOf(String)},
	Trim: {args: 1, result: String, want: operandsOf(String)},
	Abs:  {args: 1, wants: number(1)}, Min: {args: 2, wants: number(2)}, Max: {args: 2, wants: number(2)},
	ToInt: {args: 1, result: Int, wants: numberOperand}, ToFloat: {args: 1, result: Float, wants: numberOperand},
	ToText: {args: 1, result: String, wants: either(Int, Bool)},
	Hour:   {args: 1, result: Int, want: operandsOf(Time)}, Weekday: {args: 1, result: Int, want: operandsOf(Time)},
	Any: {args: 2, result: Bool, want: operandsOf(Strings, Bool)}, All: {args: 2, result: Bool, want: operandsOf(Strings, Bool)},
	None: {args: 2, result: Bool, want: operandsOf(Strings, Bool)}, Count: {args: 2, result: Int, want: operandsOf(Strings, Bool)},
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
		s.holds = op <= int(Foreign) || op >= int(InSet) && op <= int(InList) || op == int(Has) || op == int(Matches)
		s.fallible = op == int(Foreign) || op >= int(Add) && op <= int(Concat) || op == int(Abs) || op == int(ToInt)
		s.known = s.args > 0 || op == int(Const) || op == int(Field) || op == int(Item) || op == int(Foreign) || op == int(Has)
	}
}
