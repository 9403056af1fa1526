package lint

import (
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/logic"
)

// Indexed tells whether the index of a pack finds a rule with this condition; why and
// instead say in words why it does not and what to write instead, and clause is the text of
// the clause that stands in the way. A rule is found when each of its alternatives has
// a test of one fact.
func Indexed(c rules.Condition) (ok bool, clause, why, instead string) {
	l, lowered := c.(*rules.Lowered)
	if !lowered {
		return false, "", "its condition has no lowered form", ""
	}
	for _, conj := range l.Normal() {
		if len(conj.Atoms) == 0 && len(conj.Opaque) > 0 {
			e := conj.Opaque[0].Expr
			why, instead = reason(e)
			return false, leafOf(l.Form(), e), why, instead
		}
	}
	return true, "", "", ""
}

// leafOf returns the text of the leaf that holds an expression, or that it holds.
func leafOf(f rules.Form, e *logic.Expr) string {
	for _, leaf := range f.Leaves {
		if holds(leaf.Expr, e) || holds(e, leaf.Expr) {
			return leaf.Text
		}
	}
	return ""
}

// holds compares nodes by what they say: those of a pack that was loaded are not shared.
func holds(outer, inner *logic.Expr) bool {
	want := key(inner)
	return !outer.Walk(func(n *logic.Expr) bool { return n != inner && key(n) != want })
}

// index reports what keeps a rule out of the index, and what runs on the VM.
func (l *linter) index(r *ruleForm) {
	ok, clause, why, instead := Indexed(l.pack.Condition(r.at))
	if !ok {
		l.add("L0401", r.ID, clause, "not indexed, because "+why, instead)
	}
	if f := r.form.Root.Foreign(); f != nil && (ok || leafOf(r.form, f) != clause) {
		why, instead := reason(f)
		l.add("L0402", r.ID, leafOf(r.form, f), why, instead)
	}
}

// Advice that several reasons share.
const (
	anchor = "join it by and with a test of one fact: token.network == \"visa\" and ..."
	gather = "gather the result as a fact of its own, or " + anchor
)

// reason says why a clause is no test of one fact, and what to write instead.
func reason(e *logic.Expr) (why, instead string) {
	if f := e.Foreign(); f != nil {
		return f.Text, "write any, all or none; or " + anchor
	}
	switch e.Op {
	case logic.And, logic.Or, logic.Not:
		return "its alternatives multiply beyond the normal form's bound", "split the rule into several"
	case logic.Contains, logic.EndsWith:
		return "contains and endsWith look within a text, where an index has no order to follow", "use startsWith, ==, in, or a list; or " + anchor
	case logic.Matches:
		return "matches follows a pattern through a text, where an index has no order to follow", "write startsWith, ==, in, or a list where the pattern allows it; or " + anchor
	case logic.InField:
		return "a value that is no constant is looked for in a list", "write \"CONSTANT\" in list; or " + anchor
	case logic.Choose:
		return "a choice (c ? a : b) is judged as a whole", "write (c and a) or (not c and b)"
	case logic.Any, logic.All, logic.None, logic.Count:
		return "the items of a list are tested by more than their own value", "write any(list, # in [...]) or none(list, # startsWith \"...\"); or " + anchor
	case logic.Coalesce:
		return "?? has something other than a constant on its right", "write a constant behind ??; or " + anchor
	}
	return comparisonReason(e)
}

func comparisonReason(e *logic.Expr) (why, instead string) {
	fields := map[int]bool{}
	e.Fields(func(f int) { fields[f] = true })
	arithmetic := !e.Walk(func(n *logic.Expr) bool { return n.Op < logic.Add || n.Op > logic.Seconds })
	counts := !e.Walk(func(n *logic.Expr) bool { return n.Op != logic.Count })
	switch {
	case len(fields) > 1:
		return "a clause compares or combines facts with each other", gather
	case counts:
		return "a count is compared with more than 0 or 1", "write any(...) for at least one, none(...) for none; or " + anchor
	case arithmetic:
		return "a clause computes with the fact before it compares", "bring the constants to the other side: x > 5 for x - 5 > 0; or " + anchor
	case e.Op == logic.InList:
		return "a list is asked for a value that is not the fact itself", "write fact in list(\"...\"); or " + anchor
	}
	return "the clause is no test of one fact against constants", anchor
}
