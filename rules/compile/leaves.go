package compile

import (
	"cmp"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

// MaxFlips bounds the candidates of one leaf, inclusive.
const MaxFlips = 12

// leaf is a clause of a condition that and, or and not do not divide further.
type leaf struct {
	text   string
	prog   *vm.Program
	fields []int
	consts []any // constants that the leaf compares with, in the order of the text
	lists  []int // lists that it looks into
}

// Leaves judges each leaf of the condition on its own, in the order of the text,
// and proposes flips, each of which was tried: it changes the leaf's verdict.
func (c *condition) Leaves(env *rules.Env) []rules.Leaf {
	if !env.Facts.Schema().Equal(c.schema) {
		return nil
	}
	c.once.Do(func() { c.collect(c.root) })
	out := make([]rules.Leaf, 0, len(c.leaves))
	for i := range c.leaves {
		l := &c.leaves[i]
		v, why := c.judgeLeaf(l, env)
		out = append(out, rules.Leaf{Text: l.text, Fields: slices.Clone(l.fields), Truth: v, Code: why,
			Flips: c.flips(l, env, v)})
	}
	return out
}

func (c *condition) judgeLeaf(l *leaf, env *rules.Env) (rules.Truth, code.Code) {
	if l.prog == nil {
		return rules.Error, code.Internal
	}
	return truth(c.run(l.prog, env))
}

func (c *condition) collect(n ast.Node) {
	switch n := n.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			if b, ok := n.Node.(*ast.BinaryNode); ok && b.Operator == "in" && c.isNotIn(n, b) {
				c.add(n) // x not in y is one clause
				return
			}
			c.collect(n.Node)
			return
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&", "or", "||":
			c.collect(n.Left)
			c.collect(n.Right)
			return
		}
	}
	c.add(n)
}

// isNotIn tells x not in y from not (x in y) by the place of its not.
func (c *condition) isNotIn(u *ast.UnaryNode, b *ast.BinaryNode) bool {
	from, _ := c.text.spanOf(b.Left)
	return u.Location().From > from
}

func (c *condition) add(n ast.Node) {
	l := leaf{text: c.text.cut(n)}
	l.prog, _ = program(n, c.info) // nil cannot be: the whole was compiled
	c.gather(n, &l)
	slices.Sort(l.fields)
	l.fields = slices.Compact(l.fields)
	c.leaves = append(c.leaves, l)
}

func (c *condition) gather(n ast.Node, l *leaf) {
	if t := c.info[n]; t != nil {
		switch {
		case t.field >= 0:
			l.fields = append(l.fields, t.field)
			return
		case t.val != nil:
			l.consts = append(l.consts, t.val)
			return
		case t.kind == kLiteral:
			l.consts = append(l.consts, t.items...)
			return
		case t.kind == kRange:
			l.consts = append(l.consts, t.lo, t.hi)
			return
		case t.kind == kList:
			l.lists = append(l.lists, t.list)
			return
		}
	}
	for _, child := range children(n) {
		c.gather(child, l)
	}
}

// flips tries the candidates of each field, nearest first, and keeps those that
// change the verdict.
func (c *condition) flips(l *leaf, env *rules.Env, now rules.Truth) []rules.Flip {
	var kept []rules.Flip
	trial := env.Facts.Clone()
	altered := *env
	altered.Facts = trial
	for _, field := range l.fields {
		f, was := c.schema.Field(field), env.Facts.At(field)
		for _, v := range c.candidates(l, field, env) {
			if len(kept) >= MaxFlips {
				return kept
			}
			if v == nil {
				trial.Unset(f.Name)
			} else if trial.Set(f.Name, v) != nil {
				continue
			}
			if got, _ := c.judgeLeaf(l, &altered); got != now {
				kept = append(kept, rules.Flip{Field: field, Value: v})
			}
		}
		restore(trial, f.Name, was)
	}
	return kept
}

func restore(f *rules.Facts, name string, v any) {
	if v == nil {
		f.Unset(name)
		return
	}
	if err := f.Set(name, v); err != nil {
		f.Unset(name)
	}
}

// candidates returns other values of a field, nearest first: the constants of the
// leaf and their neighbours, the values of other fields of its type, the field's
// known values, entries of the lists, and absence last.
func (c *condition) candidates(l *leaf, field int, env *rules.Env) []any {
	f, was := c.schema.Field(field), env.Facts.At(field)
	seeds := slices.Clone(l.consts)
	for _, other := range l.fields {
		if v := env.Facts.At(other); other != field && v != nil {
			seeds = append(seeds, v)
		}
	}
	var out []any
	switch f.Type {
	case rules.Bool:
		out = []any{true, false}
	case rules.String:
		out = c.texts(l, f, seeds, env)
	case rules.Strings:
		out = c.textLists(l, was, seeds, env)
	default:
		out = numbers(f.Type, seeds)
		sortByDistance(out, was)
	}
	out = append(out, nil)
	return slices.DeleteFunc(out, func(v any) bool { return reflect.DeepEqual(v, was) })
}

func (c *condition) texts(l *leaf, f rules.Field, seeds []any, env *rules.Env) []any {
	var out []any
	push := func(s string) {
		if !slices.Contains(out, any(s)) {
			out = append(out, s)
		}
	}
	for _, v := range seeds {
		if s, ok := v.(string); ok {
			push(s)
		}
	}
	for _, s := range c.listed(l, env) {
		push(s)
	}
	for _, s := range f.Enum {
		push(s)
	}
	return out
}

// listed returns the first values of each list that the leaf looks into.
func (c *condition) listed(l *leaf, env *rules.Env) []string {
	var out []string
	for _, i := range l.lists {
		if i >= len(env.Lists) || env.Lists[i].Len() > maxListForFlips {
			continue
		}
		n := 0
		for _, e := range env.Lists[i].Entries() {
			if n < 2 && env.Lists[i].Contains(e.Value, env.Now) {
				out = append(out, e.Value)
				n++
			}
		}
	}
	return out
}

// maxListForFlips keeps an explanation from sorting a list of a million entries.
const maxListForFlips = 10_000

// textLists adds one item, or removes one, or all.
func (c *condition) textLists(l *leaf, was any, seeds []any, env *rules.Env) []any {
	have, _ := was.([]string)
	var out []any
	for i := range min(len(have), 2*MaxFlips) {
		out = append(out, slices.Delete(slices.Clone(have), i, i+1))
	}
	add := c.listed(l, env)
	for _, v := range seeds {
		if s, ok := v.(string); ok {
			add = append(add, s)
		}
	}
	for _, s := range add {
		if !slices.Contains(have, s) && len(have) < rules.MaxListFact {
			out = append(out, append(slices.Clone(have), s))
		}
	}
	return append(out, []string{})
}

// numbers returns the seeds that fit the type, and the values on both sides of them.
func numbers(t rules.Type, seeds []any) []any {
	var out []any
	push := func(v any) {
		if !slices.ContainsFunc(out, func(o any) bool { return reflect.DeepEqual(o, v) }) {
			out = append(out, v)
		}
	}
	for _, seed := range seeds {
		switch {
		case t == rules.Int:
			if i, ok := asInt(seed); ok {
				push(i)
				if i > math.MinInt64 {
					push(i - 1)
				}
				if i < math.MaxInt64 {
					push(i + 1)
				}
			}
		case t == rules.Float:
			switch seed.(type) {
			case int64, float64:
				x := asFloat(seed)
				push(x)
				push(math.Nextafter(x, math.Inf(-1)))
				push(math.Nextafter(x, math.Inf(1)))
			}
		case t == rules.Time:
			if at, ok := seed.(time.Time); ok {
				push(at)
				push(at.Add(-time.Second))
				push(at.Add(time.Second))
			}
		}
	}
	return out
}

func asInt(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case float64:
		if i, ok := toInt(v).(int64); ok {
			return i, true
		}
	}
	return 0, false
}

func sortByDistance(list []any, was any) {
	slices.SortStableFunc(list, func(a, b any) int { return cmp.Compare(distance(a, was), distance(b, was)) })
}

func distance(a, was any) float64 {
	switch x := a.(type) {
	case int64, float64:
		switch was.(type) {
		case int64, float64:
			return math.Abs(asFloat(x) - asFloat(was))
		}
	case time.Time:
		if y, ok := was.(time.Time); ok {
			return math.Abs(float64(x.Sub(y)))
		}
	}
	return 0
}
