package compile

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/issuant/issuant/rules"
)

// functionNames are all functions that conditions have, for hints.
var functionNames = []string{"has", "param", "list", "any", "all", "none", "count", "len", "lower", "upper",
	"trim", "abs", "min", "max", "int", "float", "string", "time", "hour", "weekday"}

// insteadOf tells what to write for functions of expr that conditions do not have.
var insteadOf = map[string]string{
	"filter": "use any(list, ...) or count(list, ...)", "map": "use any(list, ...) or count(list, ...)",
	"find": "use any(list, ...)", "one": "use count(list, ...) == 1", "sum": "", "reduce": "",
	"first": "use any(list, ...)", "last": "use any(list, ...)", "get": "name the field: group.name",
	"hasPrefix": "use x startsWith \"a\"", "hasSuffix": "use x endsWith \"a\"", "indexOf": "use contains",
	"duration": "the difference of two times is an int of seconds", "type": "types are known when the pack is compiled",
	"startswith": "write x startsWith \"a\"", "starts_with": "write x startsWith \"a\"", "StartsWith": "write x startsWith \"a\"",
	"endswith": "write x endsWith \"a\"", "ends_with": "write x endsWith \"a\"", "EndsWith": "write x endsWith \"a\"",
	"includes": "write \"a\" in list, or text contains \"a\"", "Contains": "write x contains \"a\"", "match": "write x matches \"^a\"",
	"length": "use len(x)", "size": "use len(x)", "exists": "use has(field)", "defined": "use has(field)", "isset": "use has(field)",
	"is_null": "use not has(field)", "coalesce": "write (a ?? b)", "if": "write a ? b : c",
	"ceil": "use int(x)", "floor": "use int(x)", "round": "use int(x)",
}

// unstable are functions of expr that read a clock or the machine.
var unstable = map[string]string{
	"now":      "gather the age of things as facts, or compare two times of the event: at - card.issued_at",
	"date":     "write time(\"2026-11-23T10:00:00Z\") for an instant",
	"timezone": "hour(t) and weekday(t) are in UTC",
	"random":   "use percent: N to select a share of the events", "rand": "use percent: N to select a share of the events",
	"env": "",
}

func (c *checker) call(n *ast.CallNode) *typed {
	id, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		for _, a := range n.Arguments {
			c.check(a)
		}
		if m, isMember := n.Callee.(*ast.MemberNode); isMember {
			return c.token(m, "R0408", "values have no methods", "write f(x), not x.f()")
		}
		return c.fail(n, "R0408", "only functions can be called", "")
	}
	switch id.Value {
	case "has":
		return c.has(n)
	case "param":
		return c.param(n)
	case "list":
		return c.list(n)
	case "time":
		return c.time(n)
	case "hour", "weekday":
		if c.arity(n, id.Value, n.Arguments, 1, 1) {
			c.argument(n.Arguments[0], id.Value, kTime)
		}
		return of(kInt)
	}
	return c.unknownFunction(id, id.Value, n.Arguments)
}

func (c *checker) unknownFunction(at ast.Node, name string, args []ast.Node) *typed {
	for _, a := range args {
		if _, predicate := a.(*ast.PredicateNode); !predicate {
			c.check(a)
		}
	}
	if hint, ok := unstable[name]; ok {
		return c.token(at, "R0409", name+"() does not depend on the event alone: a decision must be the same every time", hint)
	}
	if hint, ok := insteadOf[name]; ok {
		return c.token(at, "R0403", "conditions do not have the function "+quote(name), hint)
	}
	hint := "the functions are " + strings.Join(functionNames, ", ")
	if near := rules.Nearest(name, functionNames); near != "" {
		hint = "did you mean " + quote(near) + "?"
	}
	return c.token(at, "R0403", "unknown function "+quote(name), hint)
}

func (c *checker) arity(n ast.Node, name string, args []ast.Node, lo, hi int) bool {
	if len(args) >= lo && len(args) <= hi {
		return true
	}
	for _, a := range args {
		c.check(a)
	}
	want := fmt.Sprintf("%d", lo)
	switch {
	case hi > 100:
		want += " or more"
	case hi > lo:
		want += fmt.Sprintf(" to %d", hi)
	}
	c.fail(n, "R0413", fmt.Sprintf("%s wants %s, not %d", name, plural2(want, lo, hi), len(args)), "")
	return false
}

func plural2(want string, lo, hi int) string {
	if lo == 1 && hi == 1 {
		return want + " argument"
	}
	return want + " arguments"
}

// argument checks one argument against the types that are wanted.
func (c *checker) argument(a ast.Node, name string, want ...kind) *typed {
	t := c.check(a)
	if t.kind == kInvalid {
		return t
	}
	var names []string
	for _, k := range want {
		if t.kind == k {
			return t
		}
		names = append(names, article(k))
	}
	return c.fail(a, "R0414", fmt.Sprintf("%s wants %s, this is %s", name, strings.Join(names, " or "), article(t.kind)), "")
}

func (c *checker) has(n *ast.CallNode) *typed {
	if !c.arity(n, "has", n.Arguments, 1, 1) {
		return of(kBool)
	}
	a := n.Arguments[0]
	if t := c.check(a); t.kind != kInvalid && t.field < 0 {
		hint := ""
		if s, ok := t.val.(string); ok {
			if _, known := c.schema.Lookup(s); known {
				hint = "write has(" + s + ") without quotation marks"
			}
		}
		c.fail(a, "R0414", "has wants a field", hint)
	}
	return of(kBool)
}

// constantName returns the text of the only argument, which must be a literal.
func (c *checker) constantName(n *ast.CallNode, name, example string) (string, bool) {
	if !c.arity(n, name, n.Arguments, 1, 1) {
		return "", false
	}
	lit, ok := n.Arguments[0].(*ast.StringNode)
	if !ok {
		c.fail(n.Arguments[0], "R0415", name+" wants a name in quotation marks", "as in "+name+"("+example+")")
		return "", false
	}
	return lit.Value, true
}

func (c *checker) param(n *ast.CallNode) *typed {
	name, ok := c.constantName(n, "param", `"name"`)
	if !ok {
		return invalid
	}
	p := c.params[name]
	if p == nil {
		hint := "declare it under params in pack.yaml"
		if near := rules.Nearest(name, c.names.params); near != "" {
			hint = "did you mean " + quote(near) + "?"
		}
		return c.fail(n.Arguments[0], "R0404", "unknown parameter "+quote(name), hint)
	}
	c.usedP[name] = true
	return constant(kind(p.Type), p.Value)
}

func (c *checker) list(n *ast.CallNode) *typed {
	name, ok := c.constantName(n, "list", `"name"`)
	if !ok {
		return invalid
	}
	i, ok := c.lists[name]
	if !ok {
		hint := "declare it under lists in pack.yaml"
		if near := rules.Nearest(name, c.names.lists); near != "" {
			hint = "did you mean " + quote(near) + "?"
		}
		return c.fail(n.Arguments[0], "R0405", "unknown list "+quote(name), hint)
	}
	c.usedL[name] = true
	if c.target != ast.Node(n) {
		return c.fail(n, "R0418", "list(...) can only stand on the right of in", "write x in list(\""+name+"\")")
	}
	return &typed{kind: kList, field: -1, list: i}
}

func (c *checker) time(n *ast.CallNode) *typed {
	s, ok := c.constantName(n, "time", `"2026-11-23T10:00:00Z"`)
	if !ok {
		return of(kTime)
	}
	at, ok := rules.ParseTime(s)
	if y := at.Year(); !ok || y < 1700 || y > 2200 {
		return c.fail(n.Arguments[0], "R0420", "not an instant as in RFC 3339, of the years 1700 to 2200", "as in time(\"2026-11-23T10:00:00Z\")")
	}
	return constant(kTime, at)
}

func (c *checker) builtin(n *ast.BuiltinNode) *typed {
	args := n.Arguments
	switch n.Name {
	case "any", "all", "none", "count":
		return c.predicate(n)
	case "len":
		if c.arity(n, n.Name, args, 1, 1) {
			c.argument(args[0], n.Name, kString, kStrings)
		}
		return of(kInt)
	case "lower", "upper", "trim":
		if c.arity(n, n.Name, args, 1, 1) {
			c.argument(args[0], n.Name, kString)
		}
		return of(kString)
	case "abs":
		if !c.arity(n, n.Name, args, 1, 1) {
			return invalid
		}
		return of(c.argument(args[0], n.Name, kInt, kFloat).kind)
	case "min", "max":
		return c.extreme(n)
	case "int":
		if c.arity(n, n.Name, args, 1, 1) {
			c.argument(args[0], n.Name, kInt, kFloat)
		}
		return of(kInt)
	case "float":
		if c.arity(n, n.Name, args, 1, 1) {
			c.argument(args[0], n.Name, kInt, kFloat)
		}
		return of(kFloat)
	case "string":
		if c.arity(n, n.Name, args, 1, 1) {
			c.argument(args[0], n.Name, kString, kInt, kBool)
		}
		return of(kString)
	}
	return c.unknownFunction(n, n.Name, args)
}

func (c *checker) extreme(n *ast.BuiltinNode) *typed {
	if !c.arity(n, n.Name, n.Arguments, 2, 1<<20) {
		return invalid
	}
	k := kInt
	for _, a := range n.Arguments {
		switch c.argument(a, n.Name, kInt, kFloat).kind {
		case kInvalid:
			k = kInvalid
		case kFloat:
			if k != kInvalid {
				k = kFloat
			}
		}
	}
	return of(k)
}

func (c *checker) predicate(n *ast.BuiltinNode) *typed {
	result := of(kBool)
	if n.Name == "count" {
		result = of(kInt)
	}
	if len(n.Arguments) != 2 {
		c.arity(n, n.Name, n.Arguments, 2, 2)
		return result
	}
	outer := c.target
	c.target = n.Arguments[0]
	list := c.check(n.Arguments[0])
	c.target = outer
	elem := kInvalid
	switch list.kind {
	case kStrings:
		elem = kString
	case kLiteral:
		elem = list.elem
	case kInvalid:
	default:
		hint := ""
		if list.kind == kList {
			hint = "write x in list(...), or any(field, # in list(...))"
		}
		c.fail(n.Arguments[0], "R0414", n.Name+" wants a list of strings, this is "+article(list.kind), hint)
	}
	c.elems = append(c.elems, elem)
	outer, c.target = c.target, nil
	body := c.check(n.Arguments[1].(*ast.PredicateNode).Node)
	c.target = outer
	c.elems = c.elems[:len(c.elems)-1]
	if body.kind != kBool && body.kind != kInvalid {
		c.fail(n.Arguments[1], "R0414", n.Name+" wants a condition on #, this is "+article(body.kind), "as in "+n.Name+"(card.codes, # in [\"A\", \"B\"])")
	}
	return result
}
