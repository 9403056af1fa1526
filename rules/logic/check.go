package logic

import (
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/issuant/issuant/internal/code"
)

// MaxNodes bounds a tree that Check lets through, inclusive; the items of sets count too.
const MaxNodes = 8192

// Scope is what a tree may read.
type Scope struct {
	Fields []Type // types by index of the schema
	Lists  int    // how many lists the pack has
}

// ErrTree is returned by Check.
var ErrTree = code.New(code.PackFile, "logic: malformed tree")

// Check reports whether e is a tree of type Bool that reads nothing beyond the
// scope, each node with operands of the types that its Op wants, within
// MaxNodes. Only such trees may be judged or normalised.
func Check(e *Expr, in Scope) error {
	c := &checker{Scope: in}
	c.check(e, false)
	if c.bad == nil && e.Type != Bool {
		c.fail("a condition is a bool")
	}
	return c.bad
}

type checker struct {
	Scope
	nodes int
	bad   error
}

func (c *checker) fail(msg string) {
	if c.bad == nil {
		c.bad = fmt.Errorf("%w: %s", ErrTree, msg)
	}
}

func (c *checker) want(ok bool, msg string) {
	if !ok {
		c.fail(msg)
	}
}

func (c *checker) check(e *Expr, loop bool) {
	if e == nil {
		c.fail("a node is missing")
		return
	}
	c.nodes += 1 + len(e.Items)
	if c.nodes > MaxNodes {
		c.fail("it is too large")
		return
	}
	s, known := shapes[e.Op]
	if !known || len(e.Args) != s.args && e.Op != Foreign {
		c.fail("a node has no such form")
		return
	}
	for i, a := range e.Args {
		c.check(a, loop || i == 1 && e.Op >= Any)
	}
	if c.bad != nil {
		return
	}
	c.want(e.Type == s.result || s.result == 0 && e.Type >= String && e.Type <= Strings, "a node is of the wrong type")
	c.want(s.operands == nil || s.operands(e), "an operand is of the wrong type")
	c.leaf(e, loop)
}

func (c *checker) leaf(e *Expr, loop bool) {
	switch e.Op {
	case Const:
		c.want(typeOf(e.Val) == e.Type, "a constant is of the wrong type")
	case Field, Has:
		ok := e.Field >= 0 && e.Field < len(c.Fields)
		c.want(ok && (e.Op == Has || c.Fields[e.Field] == e.Type), "a field is not in the schema")
	case Item:
		c.want(loop, "# stands outside a loop")
	case InList:
		c.want(e.List >= 0 && e.List < c.Lists, "a list is not declared")
	case InSet:
		for _, it := range e.Items {
			c.want(comparable2(typeOf(it), e.Args[0].Type), "an item is of the wrong type")
		}
	case InRange:
		c.want(len(e.Items) == 2 && typeOf(e.Items[0]) == Int && typeOf(e.Items[1]) == Int, "a range has two ints")
	case Foreign:
		c.want(e.Worst > 0, "a node has no cost")
	}
}

// typeOf returns the type of a valid constant, or 0.
func typeOf(v any) Type {
	switch v := v.(type) {
	case string:
		if utf8.ValidString(v) {
			return String
		}
	case int64:
		return Int
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) && (v != 0 || !math.Signbit(v)) {
			return Float
		}
	case bool:
		return Bool
	case time.Time:
		if y := v.UTC().Year(); y >= 1700 && y <= 2200 {
			return Time
		}
	}
	return 0
}

func numeric(t Type) bool { return t == Int || t == Float }

// comparable2 reports whether == may stand between values of both types.
func comparable2(t, u Type) bool {
	return t != 0 && t != Strings && (t == u || numeric(t) && numeric(u))
}

// shape is how many operands a node has, of which types, and what it gives; a
// result of 0 is checked by operands.
type shape struct {
	args     int
	result   Type
	operands func(e *Expr) bool
}

func all(types ...Type) func(e *Expr) bool {
	return func(e *Expr) bool {
		for i, t := range types {
			if e.Args[i].Type != t {
				return false
			}
		}
		return true
	}
}

func same(types ...Type) func(e *Expr) bool {
	return func(e *Expr) bool {
		ok := false
		for _, t := range types {
			ok = ok || e.Type == t
		}
		for _, a := range e.Args {
			ok = ok && a.Type == e.Type
		}
		return ok
	}
}

func ofNumber(e *Expr) bool { return numeric(e.Args[0].Type) }

func compared(e *Expr) bool { return comparable2(e.Args[0].Type, e.Args[1].Type) }

func ordered2(e *Expr) bool { return compared(e) && e.Args[0].Type != Bool }

var shapes = map[Op]shape{
	Const: {}, Field: {}, Item: {result: String}, Foreign: {result: Bool},
	Not: {1, Bool, all(Bool)}, And: {2, Bool, all(Bool, Bool)}, Or: {2, Bool, all(Bool, Bool)},
	Coalesce: {2, 0, func(e *Expr) bool { return e.Args[0].Type == e.Type && e.Args[1].Type == e.Type }},
	Choose: {3, 0, func(e *Expr) bool {
		return e.Args[0].Type == Bool && e.Args[1].Type == e.Type && e.Args[2].Type == e.Type
	}},
	Equal: {2, Bool, compared}, NotEqual: {2, Bool, compared}, Less: {2, Bool, ordered2},
	LessOrEqual: {2, Bool, ordered2}, Greater: {2, Bool, ordered2}, GreaterOrEqual: {2, Bool, ordered2},
	InSet: {1, Bool, nil}, InRange: {1, Bool, all(Int)}, InList: {1, Bool, all(String)},
	InField: {2, Bool, all(String, Strings)}, Has: {0, Bool, nil},
	Contains: {2, Bool, all(String, String)}, StartsWith: {2, Bool, all(String, String)}, EndsWith: {2, Bool, all(String, String)},
	Add: {2, 0, same(Int, Float)}, Subtract: {2, 0, same(Int, Float)}, Multiply: {2, 0, same(Int, Float)},
	Divide: {2, Float, all(Float, Float)}, Modulo: {2, Int, all(Int, Int)}, Negate: {1, 0, same(Int, Float)},
	Concat: {2, String, all(String, String)}, Seconds: {2, Int, all(Time, Time)},
	Len:   {1, Int, func(e *Expr) bool { return e.Args[0].Type == String || e.Args[0].Type == Strings }},
	Lower: {1, String, all(String)}, Upper: {1, String, all(String)}, Trim: {1, String, all(String)},
	Abs: {1, 0, same(Int, Float)}, Min: {2, 0, same(Int, Float)}, Max: {2, 0, same(Int, Float)},
	ToInt: {1, Int, ofNumber}, ToFloat: {1, Float, ofNumber},
	ToText: {1, String, func(e *Expr) bool { return e.Args[0].Type == Int || e.Args[0].Type == Bool }},
	Hour:   {1, Int, all(Time)}, Weekday: {1, Int, all(Time)},
	Any: {2, Bool, all(Strings, Bool)}, All: {2, Bool, all(Strings, Bool)}, None: {2, Bool, all(Strings, Bool)},
	Count: {2, Int, all(Strings, Bool)},
}
