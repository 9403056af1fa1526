package compile

import (
	"math"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

// A value on the VM's stack is a string, int64, float64, bool, time.Time or
// []string; nil stands for absent (unknown, where a truth is wanted), *fault for
// an error. Every function below is total: it never fails and never panics.
//
// The arithmetic stands in package rules too, for trees, and that is meant: the VM is
// what the differential test holds the trees against, and shared code would hold
// against itself.

// fault is the value of an expression whose arithmetic failed.
type fault struct{ code code.Code }

var (
	faultOverflow = &fault{code.Overflow}
	faultDivide   = &fault{code.DivideByZero}
	faultNumber   = &fault{code.NotANumber}
	faultLimit    = &fault{code.Limit}
	faultInternal = &fault{code.Internal}
)

// function is the form in which expr's VM calls a Go function.
type function = func(args ...any) (any, error)

// failed returns the fault among two values: of two, the one of the lower code, so
// that the order of operands does not matter.
func failed(a, b any) *fault {
	f, ok := a.(*fault)
	g, also := b.(*fault)
	switch {
	case ok && also && g.code < f.code, !ok:
		return g
	}
	return f
}

// strict1 and strict2 give a function the rule that absent in means absent out and
// that an error wins over absent.
func strict1(f func(a any) any) function {
	return func(args ...any) (any, error) {
		a := args[0]
		if a == nil {
			return nil, nil
		}
		if _, bad := a.(*fault); bad {
			return a, nil
		}
		return f(a), nil
	}
}

func strict2(f func(a, b any) any) function {
	return func(args ...any) (any, error) {
		a, b := args[0], args[1]
		if bad := failed(a, b); bad != nil {
			return bad, nil
		}
		if a == nil || b == nil {
			return nil, nil
		}
		return f(a, b), nil
	}
}

// and, or and not are Kleene's, with errors: what decides the whole wins over an
// error, an error wins over unknown.
func and(args ...any) (any, error) { return conjunction(args[0], args[1], false), nil }

func or(args ...any) (any, error) { return conjunction(args[0], args[1], true), nil }

// conjunction is and for decisive false, or for decisive true.
func conjunction(a, b any, decisive bool) any {
	x, okA := a.(bool)
	y, okB := b.(bool)
	switch {
	case okA && x == decisive, okB && y == decisive:
		return decisive
	}
	if bad := failed(a, b); bad != nil {
		return bad
	}
	if okA && okB {
		return !decisive
	}
	return nil
}

func not(a any) any {
	b, ok := a.(bool)
	if !ok {
		return faultInternal
	}
	return !b
}

func coalesce(args ...any) (any, error) {
	if args[0] == nil {
		return args[1], nil
	}
	return args[0], nil
}

// pick is the choice c ? a : b.
func pick(args ...any) (any, error) {
	switch c := args[0].(type) {
	case bool:
		if c {
			return args[1], nil
		}
		return args[2], nil
	case *fault:
		return c, nil
	}
	return nil, nil
}

// compare orders two numbers, strings or times; an int and a float are compared
// as what they are, without rounding.
func compare(a, b any) int {
	switch x := a.(type) {
	case int64:
		switch y := b.(type) {
		case int64:
			return order(x, y)
		case float64:
			return compareMixed(x, y)
		}
	case float64:
		switch y := b.(type) {
		case float64:
			return order(x, y)
		case int64:
			return -compareMixed(y, x)
		}
	case string:
		y, _ := b.(string)
		return strings.Compare(x, y)
	case time.Time:
		y, _ := b.(time.Time)
		return x.Compare(y)
	}
	return 0
}

func order[T int64 | float64](x, y T) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// compareMixed compares exactly; f is finite.
func compareMixed(i int64, f float64) int {
	switch {
	case f >= 1<<63:
		return -1
	case f < -1<<63:
		return 1
	}
	whole := math.Trunc(f)
	if c := order(i, int64(whole)); c != 0 {
		return c
	}
	return order(whole, f)
}

func equal(a, b any) any {
	switch x := a.(type) {
	case string:
		y, ok := b.(string)
		return ok && x == y
	case bool:
		y, ok := b.(bool)
		return ok && x == y
	}
	return compare(a, b) == 0
}

func unequal(a, b any) any        { return !equal(a, b).(bool) }
func less(a, b any) any           { return compare(a, b) < 0 }
func lessOrEqual(a, b any) any    { return compare(a, b) <= 0 }
func greater(a, b any) any        { return compare(a, b) > 0 }
func greaterOrEqual(a, b any) any { return compare(a, b) >= 0 }

// memberIn is x in list for a list of strings.
func memberIn(a, b any) any {
	x, _ := a.(string)
	list, _ := b.([]string)
	for _, s := range list {
		if s == x {
			return true
		}
	}
	return false
}

// textSet is the constant list of strings on the right of in.
type textSet map[string]struct{}

func textsOf(items []any) textSet {
	texts := textSet{}
	for _, it := range items {
		if s, ok := it.(string); ok {
			texts[s] = struct{}{}
		}
	}
	return texts
}

// memberOf returns x in items for constants.
func memberOf(items []any) func(a any) any {
	if texts := textsOf(items); len(texts) > 0 {
		return func(a any) any {
			s, _ := a.(string)
			_, ok := texts[s]
			return ok
		}
	}
	return func(a any) any {
		for _, it := range items {
			if equal(a, it).(bool) {
				return true
			}
		}
		return false
	}
}

func inRange(lo, hi int64) func(a any) any {
	return func(a any) any {
		x, _ := a.(int64)
		return x >= lo && x <= hi
	}
}

// listed is x in list("name"); the environment is the second argument.
func listed(i int) function {
	return func(args ...any) (any, error) {
		switch x := args[0].(type) {
		case string:
			env := args[1].(*rules.Env)
			return i < len(env.Lists) && env.Lists[i].Contains(x, env.Now), nil
		case *fault:
			return x, nil
		}
		return nil, nil
	}
}

func addInt(a, b any) any {
	x, y := a.(int64), b.(int64)
	sum := x + y
	if (sum > x) != (y > 0) {
		return faultOverflow
	}
	return sum
}

func subtractInt(a, b any) any {
	x, y := a.(int64), b.(int64)
	diff := x - y
	if (diff < x) != (y > 0) {
		return faultOverflow
	}
	return diff
}

func multiplyInt(a, b any) any {
	x, y := a.(int64), b.(int64)
	hi, lo := bits.Mul64(magnitude(x), magnitude(y))
	negative := (x < 0) != (y < 0)
	switch {
	case hi != 0, !negative && lo > math.MaxInt64, negative && lo > 1<<63:
		return faultOverflow
	case negative:
		return -int64(lo)
	}
	return int64(lo)
}

func magnitude(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

func remainder(a, b any) any {
	x, y := a.(int64), b.(int64)
	if y == 0 {
		return faultDivide
	}
	if y == -1 {
		return int64(0)
	}
	return x % y
}

// asFloat converts a number; ints beyond 2^53 are rounded to the nearest float.
func asFloat(a any) float64 {
	if i, ok := a.(int64); ok {
		return float64(i)
	}
	f, _ := a.(float64)
	return f
}

// finite is the result of float arithmetic: never NaN, infinite or negative zero.
func finite(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return faultNumber
	}
	return f + 0
}

func addFloat(a, b any) any      { return finite(asFloat(a) + asFloat(b)) }
func subtractFloat(a, b any) any { return finite(asFloat(a) - asFloat(b)) }
func multiplyFloat(a, b any) any { return finite(asFloat(a) * asFloat(b)) }

func divide(a, b any) any {
	y := asFloat(b)
	if y == 0 {
		return faultDivide
	}
	return finite(asFloat(a) / y)
}

func concat(a, b any) any {
	x, y := a.(string), b.(string)
	if len(x)+len(y) > rules.MaxText {
		return faultLimit
	}
	return x + y
}

// seconds is the difference of two times in whole seconds, towards zero.
func seconds(a, b any) any {
	return int64(a.(time.Time).Sub(b.(time.Time)) / time.Second)
}

func negate(a any) any {
	switch x := a.(type) {
	case int64:
		if x == math.MinInt64 {
			return faultOverflow
		}
		return -x
	case float64:
		return 0 - x
	}
	return faultInternal
}

func absolute(a any) any {
	switch x := a.(type) {
	case int64:
		if x < 0 {
			return negate(x)
		}
		return x
	case float64:
		return math.Abs(x)
	}
	return faultInternal
}

func toFloat(a any) any { return asFloat(a) }

func toInt(a any) any {
	switch x := a.(type) {
	case int64:
		return x
	case float64:
		if x >= 1<<63 || x < -1<<63 {
			return faultOverflow
		}
		return int64(x)
	}
	return faultInternal
}

func toText(a any) any {
	switch x := a.(type) {
	case int64:
		return strconv.FormatInt(x, 10)
	case bool:
		return strconv.FormatBool(x)
	}
	return a
}

func smaller(a, b any) any {
	if compare(b, a) < 0 {
		return b
	}
	return a
}

func larger(a, b any) any {
	if compare(b, a) > 0 {
		return b
	}
	return a
}

func length(a any) any {
	if list, ok := a.([]string); ok {
		return int64(len(list))
	}
	s, _ := a.(string)
	return int64(utf8.RuneCountInString(s))
}

func lower(a any) any { return strings.ToLower(a.(string)) }
func upper(a any) any { return strings.ToUpper(a.(string)) }
func trim(a any) any  { return strings.TrimSpace(a.(string)) }

func contains(a, b any) any   { return strings.Contains(a.(string), b.(string)) }
func startsWith(a, b any) any { return strings.HasPrefix(a.(string), b.(string)) }
func endsWith(a, b any) any   { return strings.HasSuffix(a.(string), b.(string)) }

func matching(re *regexp.Regexp) func(a any) any {
	return func(a any) any { return re.MatchString(a.(string)) }
}

func hour(a any) any { return int64(a.(time.Time).UTC().Hour()) }

// weekday counts as ISO 8601 does: Monday is 1, Sunday 7.
func weekday(a any) any { return int64((int(a.(time.Time).UTC().Weekday())+6)%7 + 1) }

// load reads a fact from the environment, which is the only argument.
func load(field int) function {
	return func(args ...any) (any, error) { return args[0].(*rules.Env).Facts.At(field), nil }
}

func present(field int) function {
	return func(args ...any) (any, error) { return args[0].(*rules.Env).Facts.Present(field), nil }
}

// items gives a loop something to run over: nothing, when the list is absent.
func items(args ...any) (any, error) {
	list, _ := args[0].([]string)
	return list, nil
}

// overList is the result of a loop over a list: that of an absent list is absent.
func overList(args ...any) (any, error) {
	switch list := args[0].(type) {
	case nil, *fault:
		return list, nil
	}
	return args[1], nil
}

// tally is one step of count: an error wins over unknown, unknown over the number.
func tally(args ...any) (any, error) {
	n, p := args[0], args[1]
	if bad := failed(n, p); bad != nil {
		return bad, nil
	}
	if n == nil || p == nil {
		return nil, nil
	}
	if p == true {
		return n.(int64) + 1, nil
	}
	return n, nil
}
