package rules

import (
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules/logic"
)

// A tree becomes one closure a node, typed by its value. A closure returns the
// value and a code: OK, absent, or why there is none. it is the text that # stands
// for. Times are nanoseconds since 1970.
type (
	truthOf        func(env *Env, it string) (Truth, code.Code)
	valueOf[T any] func(env *Env, it string) (T, code.Code)
)

// absent marks a value that is not there; every fault has a larger number.
const absent code.Code = 1

// MaxText bounds the texts that conditions build, in bytes, inclusive.
const MaxText = 1 << 16

// failed joins what two operands say of themselves: a fault wins over absence, and
// of two faults the one of the lower code, so that their order does not matter.
func failed(a, b code.Code) code.Code {
	if a <= absent || b <= absent {
		return max(a, b)
	}
	return min(a, b)
}

// noTruth is the verdict on something that has no value.
func noTruth(c code.Code) (Truth, code.Code) {
	if c == absent {
		return Unknown, code.OK
	}
	return Error, c
}

// codeOf is the inverse of noTruth; Unknown is absent.
func codeOf(t Truth, c code.Code) code.Code {
	switch t {
	case Unknown:
		return absent
	case Error:
		return c
	}
	return code.OK
}

func truthFrom(b bool) (Truth, code.Code) {
	if b {
		return True, code.OK
	}
	return False, code.OK
}

var opposite = [...]Truth{Unknown: Unknown, False: True, True: False, Error: Error}

// builder makes closures from a tree that a logic.Examiner has passed.
type builder struct {
	schema *Schema
	match  matchers
}

func (b builder) truth(e *logic.Expr) truthOf {
	switch e.Op {
	case logic.Const:
		t, _ := truthFrom(e.Val.(bool))
		return func(*Env, string) (Truth, code.Code) { return t, code.OK }
	case logic.Field:
		field := e.Field
		return func(env *Env, _ string) (Truth, code.Code) {
			v, ok := env.Facts.BoolAt(field)
			if !ok {
				return Unknown, code.OK
			}
			return truthFrom(v)
		}
	case logic.Has:
		field := e.Field
		return func(env *Env, _ string) (Truth, code.Code) { return truthFrom(env.Facts.Present(field)) }
	case logic.Not:
		f := b.truth(e.Args[0])
		return func(env *Env, it string) (Truth, code.Code) {
			t, c := f(env, it)
			return opposite[t], c
		}
	case logic.And:
		return decided(b.truth(e.Args[0]), b.truth(e.Args[1]), False)
	case logic.Or:
		return decided(b.truth(e.Args[0]), b.truth(e.Args[1]), True)
	case logic.Coalesce:
		return coalesced(b.truth(e.Args[0]), b.truth(e.Args[1]))
	case logic.Choose:
		return chosen(b.truth(e.Args[0]), b.truth(e.Args[1]), b.truth(e.Args[2]))
	case logic.Any, logic.All, logic.None:
		return b.loop(e)
	}
	return b.leaf(e)
}

// decided is Kleene's and for decisive False, or for decisive True: what decides
// the whole wins over an error, an error over unknown.
func decided(a, b truthOf, decisive Truth) truthOf {
	return func(env *Env, it string) (Truth, code.Code) {
		x, cx := a(env, it)
		if x == decisive {
			return x, code.OK
		}
		y, cy := b(env, it)
		return decide(x, cx, y, cy, decisive)
	}
}

func decide(x Truth, cx code.Code, y Truth, cy code.Code, decisive Truth) (Truth, code.Code) {
	switch {
	case x == decisive || y == decisive:
		return decisive, code.OK
	case x == Error || y == Error:
		return Error, failed(cx, cy)
	case x == Unknown || y == Unknown:
		return Unknown, code.OK
	}
	return x, code.OK
}

func coalesced(a, b truthOf) truthOf {
	return func(env *Env, it string) (Truth, code.Code) {
		if t, c := a(env, it); t != Unknown {
			return t, c
		}
		return b(env, it)
	}
}

func chosen(cond, a, b truthOf) truthOf {
	return func(env *Env, it string) (Truth, code.Code) {
		switch t, c := cond(env, it); t {
		case True:
			return a(env, it)
		case False:
			return b(env, it)
		default:
			return t, c
		}
	}
}

// loop is any, all or none; every item may decide what others left open.
func (b builder) loop(e *logic.Expr) truthOf {
	list, body := b.list(e.Args[0]), b.truth(e.Args[1])
	decisive, end := True, False
	if e.Op == logic.All {
		decisive, end = False, True
	}
	none := e.Op == logic.None
	return func(env *Env, it string) (Truth, code.Code) {
		items, c := list(env, it)
		if c != code.OK {
			return noTruth(c)
		}
		t, c := end, code.OK
		for _, item := range items {
			u, cu := body(env, item)
			if t, c = decide(t, c, u, cu, decisive); t == decisive {
				break
			}
		}
		if none {
			t = opposite[t]
		}
		return t, c
	}
}

// leaf is a Bool that compares values.
func (b builder) leaf(e *logic.Expr) truthOf {
	switch e.Op {
	case logic.Equal, logic.NotEqual, logic.Less, logic.LessOrEqual, logic.Greater, logic.GreaterOrEqual:
		return b.comparison(e)
	case logic.InSet:
		return b.inSet(e)
	case logic.InRange:
		lo, hi := e.Items[0].(int64), e.Items[1].(int64)
		return holds(b.number(e.Args[0]), func(_ *Env, n int64) bool { return n >= lo && n <= hi })
	case logic.InList:
		list := e.List
		return holds(b.text(e.Args[0]), func(env *Env, s string) bool {
			return list < len(env.Lists) && env.Lists[list].Contains(s, env.Now)
		})
	case logic.InField:
		return related(b.text(e.Args[0]), b.list(e.Args[1]), func(s string, list []string) bool { return slices.Contains(list, s) })
	case logic.Contains:
		return related(b.text(e.Args[0]), b.text(e.Args[1]), strings.Contains)
	case logic.StartsWith:
		return related(b.text(e.Args[0]), b.text(e.Args[1]), strings.HasPrefix)
	case logic.EndsWith:
		return related(b.text(e.Args[0]), b.text(e.Args[1]), strings.HasSuffix)
	case logic.Matches:
		if match := b.match[e.Text]; match != nil {
			return holds(b.text(e.Args[0]), func(_ *Env, s string) bool { return match(s) })
		}
	}
	return func(*Env, string) (Truth, code.Code) { return Error, code.NotLowered }
}

// holds is a test of one value, related a test of two.
func holds[T any](f valueOf[T], test func(*Env, T) bool) truthOf {
	return func(env *Env, it string) (Truth, code.Code) {
		v, c := f(env, it)
		if c != code.OK {
			return noTruth(c)
		}
		return truthFrom(test(env, v))
	}
}

func related[T, U any](f valueOf[T], g valueOf[U], test func(T, U) bool) truthOf {
	return func(env *Env, it string) (Truth, code.Code) {
		v, c := f(env, it)
		w, d := g(env, it)
		if c|d != code.OK {
			return noTruth(failed(c, d))
		}
		return truthFrom(test(v, w))
	}
}

func (b builder) comparison(e *logic.Expr) truthOf {
	x, y := e.Args[0], e.Args[1]
	switch {
	case x.Type == logic.Bool:
		same := e.Op == logic.Equal
		return related(asValue(b.truth(x)), asValue(b.truth(y)), func(v, w bool) bool { return (v == w) == same })
	case x.Type == logic.String:
		if k, ok := y.Val.(string); ok && (e.Op == logic.Equal || e.Op == logic.NotEqual) {
			same := e.Op == logic.Equal
			return holds(b.text(x), func(_ *Env, s string) bool { return (s == k) == same })
		}
		return related(b.text(x), b.text(y), stands(e.Op, strings.Compare))
	case x.Type == logic.Float && y.Type == logic.Float:
		return related(b.float(x), b.float(y), stands(e.Op, order[float64]))
	case x.Type == logic.Float:
		return related(b.float(x), b.number(y), stands(e.Op, func(v float64, w int64) int { return -compareMixed(w, v) }))
	case y.Type == logic.Float:
		return related(b.number(x), b.float(y), stands(e.Op, compareMixed))
	}
	return related(b.number(x), b.number(y), stands(e.Op, order[int64]))
}

// asValue reads a truth as an operand.
func asValue(f truthOf) valueOf[bool] {
	return func(env *Env, it string) (bool, code.Code) {
		t, c := f(env, it)
		return t == True, codeOf(t, c)
	}
}

// stands turns an order into a comparison.
func stands[T, U any](op logic.Op, order func(T, U) int) func(T, U) bool {
	switch op {
	case logic.Equal:
		return func(v T, w U) bool { return order(v, w) == 0 }
	case logic.NotEqual:
		return func(v T, w U) bool { return order(v, w) != 0 }
	case logic.Less:
		return func(v T, w U) bool { return order(v, w) < 0 }
	case logic.LessOrEqual:
		return func(v T, w U) bool { return order(v, w) <= 0 }
	case logic.Greater:
		return func(v T, w U) bool { return order(v, w) > 0 }
	}
	return func(v T, w U) bool { return order(v, w) >= 0 }
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

// compareMixed compares exactly, without rounding; f is finite.
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

func (b builder) inSet(e *logic.Expr) truthOf {
	x := e.Args[0]
	switch x.Type {
	case logic.String:
		member := memberOfTexts(e.Items)
		return holds(b.text(x), func(_ *Env, s string) bool { return member(s) })
	case logic.Bool:
		return holds(asValue(b.truth(x)), func(_ *Env, v bool) bool { return slices.Contains(e.Items, any(v)) })
	case logic.Float:
		return holds(b.float(x), func(_ *Env, v float64) bool {
			return slices.ContainsFunc(e.Items, func(k any) bool { return compareNumber(v, k) == 0 })
		})
	}
	return holds(b.number(x), func(_ *Env, n int64) bool {
		return slices.ContainsFunc(e.Items, func(k any) bool {
			if i, ok := k.(int64); ok {
				return i == n
			}
			return compareMixed(n, k.(float64)) == 0
		})
	})
}

func compareNumber(v float64, k any) int {
	if i, ok := k.(int64); ok {
		return -compareMixed(i, v)
	}
	return order(v, k.(float64))
}

// memberOfTexts compares with each of a few texts, which is cheaper than a hash.
func memberOfTexts(items []any) func(s string) bool {
	texts := make(map[string]struct{}, len(items))
	var few []string
	for _, it := range items {
		texts[it.(string)] = struct{}{}
		few = append(few, it.(string))
	}
	if len(texts) > 8 {
		return func(s string) bool { _, ok := texts[s]; return ok }
	}
	return func(s string) bool { return slices.Contains(few, s) }
}

// constantOf and fromFact are values without operands.
func constantOf[T any](v T) valueOf[T] {
	return func(*Env, string) (T, code.Code) { return v, code.OK }
}

func fromFact[T any](field int, at func(*Facts, int) (T, bool)) valueOf[T] {
	return func(env *Env, _ string) (T, code.Code) {
		v, ok := at(env.Facts, field)
		if !ok {
			return v, absent
		}
		return v, code.OK
	}
}

// valueCoalesced and valueChosen are ?? and ? : of values.
func valueCoalesced[T any](f, g valueOf[T]) valueOf[T] {
	return func(env *Env, it string) (T, code.Code) {
		if v, c := f(env, it); c != absent {
			return v, c
		}
		return g(env, it)
	}
}

func valueChosen[T any](cond truthOf, f, g valueOf[T]) valueOf[T] {
	return func(env *Env, it string) (v T, c code.Code) {
		switch t, why := cond(env, it); t {
		case True:
			return f(env, it)
		case False:
			return g(env, it)
		default:
			return v, codeOf(t, why)
		}
	}
}

// mapped is a function of one value, combined of two; f says why it has none.
func mapped[T, U any](x valueOf[T], f func(T) (U, code.Code)) valueOf[U] {
	return func(env *Env, it string) (u U, c code.Code) {
		v, c := x(env, it)
		if c != code.OK {
			return u, c
		}
		return f(v)
	}
}

func combined[T, U any](x, y valueOf[T], f func(a, b T) (U, code.Code)) valueOf[U] {
	return func(env *Env, it string) (u U, c code.Code) {
		v, c := x(env, it)
		w, d := y(env, it)
		if c|d != code.OK {
			return u, failed(c, d)
		}
		return f(v, w)
	}
}

// general has the forms that values of every type have; ok is false for others.
func general[T any](b builder, e *logic.Expr, self func(*logic.Expr) valueOf[T], at func(*Facts, int) (T, bool)) (f valueOf[T], ok bool) {
	switch e.Op {
	case logic.Field:
		return fromFact(e.Field, at), true
	case logic.Coalesce:
		return valueCoalesced(self(e.Args[0]), self(e.Args[1])), true
	case logic.Choose:
		return valueChosen(b.truth(e.Args[0]), self(e.Args[1]), self(e.Args[2])), true
	}
	return nil, false
}

// impossible is for nodes that a logic.Examiner lets through for no type.
func impossible[T any]() valueOf[T] {
	return func(*Env, string) (v T, c code.Code) { return v, code.Internal }
}

func (b builder) list(e *logic.Expr) valueOf[[]string] {
	if f, ok := general(b, e, b.list, (*Facts).StringsAt); ok {
		return f
	}
	return impossible[[]string]()
}

func (b builder) text(e *logic.Expr) valueOf[string] {
	if f, ok := general(b, e, b.text, (*Facts).StringAt); ok {
		return f
	}
	pure := func(f func(string) string) valueOf[string] {
		return mapped(b.text(e.Args[0]), func(s string) (string, code.Code) { return f(s), code.OK })
	}
	switch e.Op {
	case logic.Const:
		return constantOf(e.Val.(string))
	case logic.Item:
		return func(_ *Env, it string) (string, code.Code) { return it, code.OK }
	case logic.Lower:
		return pure(strings.ToLower)
	case logic.Upper:
		return pure(strings.ToUpper)
	case logic.Trim:
		return pure(strings.TrimSpace)
	case logic.Concat:
		return combined(b.text(e.Args[0]), b.text(e.Args[1]), concat)
	case logic.ToText:
		if e.Args[0].Type == logic.Bool {
			return mapped(asValue(b.truth(e.Args[0])), func(v bool) (string, code.Code) { return strconv.FormatBool(v), code.OK })
		}
		return mapped(b.number(e.Args[0]), func(n int64) (string, code.Code) { return strconv.FormatInt(n, 10), code.OK })
	}
	return impossible[string]()
}

func concat(a, b string) (string, code.Code) {
	if len(a)+len(b) > MaxText {
		return "", code.Limit
	}
	return a + b, code.OK
}

// numberAt reads an Int or a Time.
func numberAt(f *Facts, i int) (int64, bool) {
	if !f.Present(i) {
		return 0, false
	}
	return f.num(i), true
}

// number is a value of type Int, or Time.
func (b builder) number(e *logic.Expr) valueOf[int64] {
	if f, ok := general(b, e, b.number, numberAt); ok {
		return f
	}
	two := func(f func(x, y int64) (int64, code.Code)) valueOf[int64] {
		return combined(b.number(e.Args[0]), b.number(e.Args[1]), f)
	}
	switch e.Op {
	case logic.Const:
		if at, ok := e.Val.(time.Time); ok {
			return constantOf(at.UnixNano())
		}
		return constantOf(e.Val.(int64))
	case logic.Add:
		return two(addInt)
	case logic.Subtract:
		return two(subtractInt)
	case logic.Multiply:
		return two(multiplyInt)
	case logic.Modulo:
		return two(remainder)
	case logic.Seconds:
		return two(seconds)
	case logic.Min:
		return two(func(x, y int64) (int64, code.Code) { return min(x, y), code.OK })
	case logic.Max:
		return two(func(x, y int64) (int64, code.Code) { return max(x, y), code.OK })
	}
	return b.measure(e)
}

// measure is an Int that is made of one operand.
func (b builder) measure(e *logic.Expr) valueOf[int64] {
	x := e.Args[0]
	switch e.Op {
	case logic.Negate:
		return mapped(b.number(x), negate)
	case logic.Abs:
		return mapped(b.number(x), func(n int64) (int64, code.Code) {
			if n < 0 {
				return negate(n)
			}
			return n, code.OK
		})
	case logic.Len:
		if x.Type == logic.Strings {
			return mapped(b.list(x), func(list []string) (int64, code.Code) { return int64(len(list)), code.OK })
		}
		return mapped(b.text(x), func(s string) (int64, code.Code) { return int64(utf8.RuneCountInString(s)), code.OK })
	case logic.ToInt:
		if x.Type == logic.Float {
			return mapped(b.float(x), toInt)
		}
		return b.number(x)
	case logic.Hour:
		return mapped(b.number(x), func(n int64) (int64, code.Code) { return hour(n), code.OK })
	case logic.Weekday:
		return mapped(b.number(x), func(n int64) (int64, code.Code) { return weekday(n), code.OK })
	case logic.Count:
		return b.count(e)
	}
	return impossible[int64]()
}

func (b builder) count(e *logic.Expr) valueOf[int64] {
	list, body := b.list(e.Args[0]), b.truth(e.Args[1])
	return func(env *Env, it string) (int64, code.Code) {
		items, c := list(env, it)
		if c != code.OK {
			return 0, c
		}
		n := int64(0)
		for _, item := range items {
			t, why := body(env, item)
			c = failed(c, codeOf(t, why))
			if t == True {
				n++
			}
		}
		return n, c
	}
}

func (b builder) float(e *logic.Expr) valueOf[float64] {
	if f, ok := general(b, e, b.float, (*Facts).FloatAt); ok {
		return f
	}
	two := func(f func(x, y float64) (float64, code.Code)) valueOf[float64] {
		return combined(b.float(e.Args[0]), b.float(e.Args[1]), f)
	}
	switch e.Op {
	case logic.Const:
		return constantOf(e.Val.(float64))
	case logic.ToFloat:
		if e.Args[0].Type == logic.Float {
			return b.float(e.Args[0])
		}
		return mapped(b.number(e.Args[0]), func(n int64) (float64, code.Code) { return float64(n), code.OK })
	case logic.Add:
		return two(func(x, y float64) (float64, code.Code) { return finite(x + y) })
	case logic.Subtract:
		return two(func(x, y float64) (float64, code.Code) { return finite(x - y) })
	case logic.Multiply:
		return two(func(x, y float64) (float64, code.Code) { return finite(x * y) })
	case logic.Divide:
		return two(divide)
	case logic.Min:
		return two(func(x, y float64) (float64, code.Code) { return min(x, y), code.OK })
	case logic.Max:
		return two(func(x, y float64) (float64, code.Code) { return max(x, y), code.OK })
	case logic.Negate:
		return mapped(b.float(e.Args[0]), func(x float64) (float64, code.Code) { return 0 - x, code.OK })
	case logic.Abs:
		return mapped(b.float(e.Args[0]), func(x float64) (float64, code.Code) { return math.Abs(x), code.OK })
	}
	return impossible[float64]()
}

// The functions below are the arithmetic of conditions: exact or a fault.

func addInt(x, y int64) (int64, code.Code) {
	sum := x + y
	if (sum > x) != (y > 0) {
		return 0, code.Overflow
	}
	return sum, code.OK
}

func subtractInt(x, y int64) (int64, code.Code) {
	diff := x - y
	if (diff < x) != (y > 0) {
		return 0, code.Overflow
	}
	return diff, code.OK
}

func multiplyInt(x, y int64) (int64, code.Code) {
	hi, lo := bits.Mul64(magnitude(x), magnitude(y))
	negative := (x < 0) != (y < 0)
	switch {
	case hi != 0, !negative && lo > math.MaxInt64, negative && lo > 1<<63:
		return 0, code.Overflow
	case negative:
		return -int64(lo), code.OK
	}
	return int64(lo), code.OK
}

func magnitude(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

func remainder(x, y int64) (int64, code.Code) {
	switch y {
	case 0:
		return 0, code.DivideByZero
	case -1:
		return 0, code.OK
	}
	return x % y, code.OK
}

func negate(x int64) (int64, code.Code) {
	if x == math.MinInt64 {
		return 0, code.Overflow
	}
	return -x, code.OK
}

// seconds saturates where nanoseconds overflow, as time.Time.Sub does.
func seconds(x, y int64) (int64, code.Code) {
	diff, c := subtractInt(x, y)
	if c != code.OK {
		diff = math.MaxInt64
		if x < y {
			diff = math.MinInt64
		}
	}
	return diff / int64(time.Second), code.OK
}

// finite is the result of float arithmetic: never NaN, infinite or negative zero.
func finite(f float64) (float64, code.Code) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, code.NotANumber
	}
	return f + 0, code.OK
}

func divide(x, y float64) (float64, code.Code) {
	if y == 0 {
		return 0, code.DivideByZero
	}
	return finite(x / y)
}

func toInt(x float64) (int64, code.Code) {
	if x >= 1<<63 || x < -1<<63 {
		return 0, code.Overflow
	}
	return int64(x), code.OK
}

func hour(nanos int64) int64 { return int64(time.Unix(0, nanos).UTC().Hour()) }

// weekday counts as ISO 8601 does: Monday is 1, Sunday 7.
func weekday(nanos int64) int64 { return int64((int(time.Unix(0, nanos).UTC().Weekday())+6)%7 + 1) }
