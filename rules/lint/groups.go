package lint

import (
	"slices"
	"strings"

	"github.com/issuant/issuant/rules/logic"
)

// groups looks at what and, or join within one condition.
type groups struct {
	*linter
	rule *ruleForm
}

// flat returns the operands of a chain of one operator.
func flat(e *logic.Expr, op logic.Op) []*logic.Expr {
	if e.Op != op {
		return []*logic.Expr{e}
	}
	return append(flat(e.Args[0], op), flat(e.Args[1], op)...)
}

// chain puts operands together again.
func chain(op logic.Op, list []*logic.Expr) *logic.Expr {
	e := list[0]
	for _, x := range list[1:] {
		e = logic.Of(op, logic.Bool, e, x)
	}
	return e
}

// leaves returns the texts of the leaves of a part, in the order of the condition.
func (g *groups) leaves(e *logic.Expr) []string {
	var out []string
	for _, same := range []func(a, b *logic.Expr) bool{
		func(a, b *logic.Expr) bool { return a == b },
		func(a, b *logic.Expr) bool { return key(a) == key(b) }, // in a pack that was loaded
	} {
		for _, leaf := range g.rule.form.Leaves {
			if !e.Walk(func(n *logic.Expr) bool { return !same(n, leaf.Expr) }) {
				out = append(out, leaf.Text)
			}
		}
		if len(out) > 0 {
			break
		}
	}
	return out
}

// text is a part in words: that of its leaf, or of its leaves.
func (g *groups) text(e *logic.Expr) string {
	word := " ... "
	switch e.Op {
	case logic.And:
		word = " and "
	case logic.Or:
		word = " or "
	case logic.Not:
		return "not (" + g.text(e.Args[0]) + ")"
	}
	return strings.Join(g.leaves(e), word)
}

// first is the first leaf of a part: where a finding about it is shown.
func (g *groups) first(e *logic.Expr) string {
	if list := g.leaves(e); len(list) > 0 {
		return list[0]
	}
	return ""
}

// never tells whether a part is true on no event.
func (g *groups) never(e *logic.Expr) bool { return allEmpty(g.of(e, false)) }

// contradiction finds two parts of a chain of and that exclude each other.
func (g *groups) contradiction(e *logic.Expr) (a, b *logic.Expr, ok bool) {
	if e.Op == logic.And {
		parts := flat(e, logic.And)
		for i, x := range parts {
			for _, y := range parts[:i] {
				if !g.never(x) && !g.never(y) && g.never(logic.Of(logic.And, logic.Bool, y, x)) {
					return y, x, true
				}
			}
		}
	}
	for _, x := range e.Args {
		if x.Type != logic.Bool {
			continue
		}
		if a, b, ok = g.contradiction(x); ok {
			return a, b, ok
		}
	}
	return nil, nil, false
}

// walk reports parts that are never true, and parts that add nothing.
func (g *groups) walk(e *logic.Expr) {
	switch e.Op {
	case logic.And, logic.Or:
		parts := flat(e, e.Op)
		if e.Op == logic.And && g.never(e) && !slices.ContainsFunc(parts, g.never) {
			g.exclude(e)
			return
		}
		for _, p := range parts {
			g.walk(p)
		}
		if e.Op == logic.Or && g.never(logic.Of(logic.Not, logic.Bool, e)) {
			g.add("L0103", g.rule.ID, g.first(e), quote(g.text(e))+" is true for every value", "to ask whether the facts are there, write has(...)")
			return
		}
		g.superfluous(e.Op, parts)
	case logic.Not:
		g.walk(e.Args[0])
	default:
		g.leaf(e)
	}
}

func (g *groups) exclude(e *logic.Expr) {
	msg := quote(g.text(e)) + " is never true"
	at := g.first(e)
	if a, b, ok := g.contradiction(e); ok {
		msg = quote(g.text(a)) + " and " + quote(g.text(b)) + " exclude each other, so that this alternative is never true"
		at = g.first(a)
	}
	g.add("L0102", g.rule.ID, at, msg, "correct or remove it")
}

func (g *groups) leaf(e *logic.Expr) {
	text := g.first(e)
	switch {
	case text == "" || e.Op == logic.Const && e.Val == any(true):
	case g.never(e):
		g.add("L0102", g.rule.ID, text, quote(text)+" is never true", "correct or remove the clause")
	case g.never(logic.Of(logic.Not, logic.Bool, e)) && e.Op != logic.Field:
		g.add("L0103", g.rule.ID, text, quote(text)+" is true for every value", "to ask whether the fact is there, write has(...)")
	}
}

// superfluous finds parts without which the chain is true, and not false, on the same
// events: absence counts too.
func (g *groups) superfluous(op logic.Op, parts []*logic.Expr) {
	left := slices.Clone(parts)
	for i := len(left) - 1; i >= 0 && len(left) > 1; i-- {
		part := left[i]
		rest := slices.Delete(slices.Clone(left), i, i+1)
		if op == logic.Or && g.never(part) {
			continue // reported
		}
		others := chain(op, rest)
		wide, narrow := part, others // and: what the others allow, the part allows too
		if op == logic.Or {
			wide, narrow = others, part
		}
		if !g.inside(narrow, wide, false) || !g.inside(narrow, wide, true) || g.never(others) {
			continue
		}
		word := "whenever the rest is true, so is this clause"
		if op == logic.Or {
			word = "whenever this clause is true, so is another one"
		}
		g.add("L0103", g.rule.ID, g.first(part), quote(g.text(part))+" adds nothing: "+word, "remove it, or correct one of them")
		left = rest
	}
}

func (g *groups) inside(narrow, wide *logic.Expr, missing bool) bool {
	a, b := logic.Normalize(narrow, g.typeOf), logic.Normalize(wide, g.typeOf)
	return covers(hits(a, missing), hits(b, missing), missing) == yes
}
