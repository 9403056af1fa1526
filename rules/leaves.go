package rules

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules/logic"
)

// MaxFlips bounds the candidates of one leaf, inclusive.
const MaxFlips = 12

// clause is what flips of one leaf are made from.
type clause struct {
	fields []int
	consts []any // constants that the leaf compares with, in the order of the text
	lists  []int // lists that it looks into
}

// Leaves judges each leaf of the condition on its own, in the order of the text,
// and proposes flips, each of which was tried: it changes the leaf's verdict.
func (c *Lowered) Leaves(env *Env) []Leaf {
	out := c.JudgeLeaves(env)
	made := c.lowering()
	for i := range out {
		l := &out[i]
		l.Flips = c.flips(made.leaves[i], &made.clauses[i], env, l.Truth)
	}
	return out
}

// JudgeLeaves is Leaves without flips, which take nearly all of its time. Fields and
// texts of the leaves belong to the condition and must not be changed.
func (c *Lowered) JudgeLeaves(env *Env) []Leaf {
	if !env.Facts.schema.Equal(c.scope.schema) {
		return nil
	}
	made := c.explained()
	out := make([]Leaf, len(made.leaves))
	for i, judge := range made.leaves {
		v, why := judge(env, "")
		out[i] = Leaf{Text: made.form.Leaves[i].Text, Fields: made.clauses[i].fields, Truth: v, Code: why}
	}
	return out
}

// gather collects what a leaf reads and compares with.
func gather(e *logic.Expr) (l clause) {
	e.Walk(func(n *logic.Expr) bool {
		switch n.Op {
		case logic.Field, logic.Has:
			l.fields = append(l.fields, n.Field)
		case logic.Const:
			l.consts = append(l.consts, n.Val)
		case logic.InList:
			l.lists = append(l.lists, n.List)
		}
		l.consts = append(l.consts, n.Items...)
		return true
	})
	slices.Sort(l.fields)
	l.fields = slices.Compact(l.fields)
	return l
}

// flips tries the candidates of each field, nearest first, and keeps those that
// change the verdict.
func (c *Lowered) flips(judge truthOf, l *clause, env *Env, now Truth) []Flip {
	var kept []Flip
	trial := env.Facts.Clone()
	altered := *env
	altered.Facts = trial
	for _, field := range l.fields {
		f, was := c.scope.schema.Field(field), env.Facts.At(field)
		for _, v := range c.candidates(l, field, env) {
			if len(kept) >= MaxFlips {
				return kept
			}
			if v == nil {
				trial.Unset(f.Name)
			} else if trial.Set(f.Name, v) != nil {
				continue
			}
			if got, _ := judge(&altered, ""); got != now {
				kept = append(kept, Flip{Field: field, Value: v})
			}
		}
		restore(trial, f.Name, was)
	}
	return kept
}

func restore(f *Facts, name string, v any) {
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
func (c *Lowered) candidates(l *clause, field int, env *Env) []any {
	f, was := c.scope.schema.Field(field), env.Facts.At(field)
	seeds := slices.Clone(l.consts)
	for _, other := range l.fields {
		if v := env.Facts.At(other); other != field && v != nil {
			seeds = append(seeds, v)
		}
	}
	var out []any
	switch f.Type {
	case Bool:
		out = []any{true, false}
	case String:
		out = c.texts(l, f, seeds, env)
	case Strings:
		out = c.textLists(l, was, seeds, env)
	default:
		out = numbers(f.Type, seeds)
		sortByDistance(out, was)
	}
	out = append(out, nil)
	return slices.DeleteFunc(out, func(v any) bool { return sameFact(v, was) })
}

func (c *Lowered) texts(l *clause, f Field, seeds []any, env *Env) []any {
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
func (c *Lowered) listed(l *clause, env *Env) []string {
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
func (c *Lowered) textLists(l *clause, was any, seeds []any, env *Env) []any {
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
		if !slices.Contains(have, s) && len(have) < MaxListFact {
			out = append(out, append(slices.Clone(have), s))
		}
	}
	return append(out, []string{})
}

// sameFact compares two values of facts; nil is an absent one.
func sameFact(a, b any) bool {
	switch x := a.(type) {
	case []string:
		y, ok := b.([]string)
		return ok && (x == nil) == (y == nil) && slices.Equal(x, y)
	case time.Time:
		y, ok := b.(time.Time)
		return ok && x.Equal(y)
	}
	if _, list := b.([]string); list {
		return false
	}
	return a == b
}

// numbers returns the seeds that fit the type, and the values on both sides of them.
func numbers(t Type, seeds []any) []any {
	var out []any
	push := func(v any) {
		if !slices.ContainsFunc(out, func(o any) bool { return sameFact(o, v) }) {
			out = append(out, v)
		}
	}
	for _, seed := range seeds {
		switch {
		case t == Int:
			if i, ok := asInt(seed); ok {
				push(i)
				if i > math.MinInt64 {
					push(i - 1)
				}
				if i < math.MaxInt64 {
					push(i + 1)
				}
			}
		case t == Float:
			if x, ok := asFloat(seed); ok {
				push(x)
				push(math.Nextafter(x, math.Inf(-1)))
				push(math.Nextafter(x, math.Inf(1)))
			}
		case t == Time:
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
		i, why := toInt(v)
		return i, why == code.OK
	}
	return 0, false
}

func sortByDistance(list []any, was any) {
	slices.SortStableFunc(list, func(a, b any) int { return cmp.Compare(apart(a, was), apart(b, was)) })
}

func apart(a, was any) float64 {
	if x, ok := a.(time.Time); ok {
		if y, ok := was.(time.Time); ok {
			return math.Abs(float64(x.Sub(y)))
		}
	}
	x, okX := asFloat(a)
	y, okY := asFloat(was)
	if !okX || !okY {
		return 0
	}
	return math.Abs(x - y)
}

// asFloat converts a number; ints beyond 2^53 are rounded to the nearest float.
func asFloat(v any) (x float64, ok bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}
