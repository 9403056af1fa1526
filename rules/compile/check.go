package compile

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/issuant/issuant/rules"
)

// kind is the type of an expression: those of facts, and what has no value of its own.
type kind uint8

const (
	kInvalid kind = kind(0) // already reported
	kString       = kind(rules.String)
	kInt          = kind(rules.Int)
	kFloat        = kind(rules.Float)
	kBool         = kind(rules.Bool)
	kTime         = kind(rules.Time)
	kStrings      = kind(rules.Strings)
	kLiteral kind = 16 + iota // list of literals
	kRange                    // a..b
	kList                     // list("name")
	kNil
)

func (k kind) String() string {
	switch k {
	case kLiteral:
		return "list of literals"
	case kRange:
		return "range"
	case kList:
		return "list"
	case kNil:
		return "nil"
	}
	return rules.Type(k).String()
}

func (k kind) numeric() bool { return k == kInt || k == kFloat }

// typed is what the checker learns of a node.
type typed struct {
	kind  kind
	field int   // index of the field, or -1
	val   any   // value of a constant, or nil
	items []any // of kLiteral
	elem  kind  // of kLiteral: kString, kInt, kFloat (numbers mixed), kBool
	lo    int64 // of kRange
	hi    int64
	list  int // of kList: index of the list
}

// scope is what the conditions of one pack may read.
type scope struct {
	schema *rules.Schema
	params map[string]*rules.Param
	lists  map[string]int
	names  scopeNames
}

// scopeNames are the names that hints are made of.
type scopeNames struct{ fields, params, lists []string }

func newScope(m *rules.Manifest) *scope {
	s := &scope{schema: m.Schema, params: map[string]*rules.Param{}, lists: map[string]int{}}
	for i := range m.Params {
		s.params[m.Params[i].Name] = &m.Params[i]
		s.names.params = append(s.names.params, m.Params[i].Name)
	}
	for i, l := range m.Lists {
		s.lists[l.Name] = i
		s.names.lists = append(s.names.lists, l.Name)
	}
	for i := 0; i < m.Schema.Len(); i++ {
		if f := m.Schema.Field(i); !f.Label {
			s.names.fields = append(s.names.fields, f.Name)
		}
	}
	return s
}

// checker types one condition and reports everything that is wrong with it.
type checker struct {
	*scope
	text     *text
	info     map[ast.Node]*typed
	problems []problem
	elems    []kind // types of # in the predicates around the node
	fields   map[int]bool
	usedP    map[string]bool
	usedL    map[string]bool
	target   ast.Node // right side of in: the only place for a list or a range
}

var invalid = &typed{kind: kInvalid, field: -1}

func (c *checker) fail(n ast.Node, code, msg, hint string) *typed {
	from, to := c.text.spanOf(n)
	c.problems = append(c.problems, problem{code, from, to, msg, hint})
	return invalid
}

// token reports at the node's own token instead of at all of its text.
func (c *checker) token(n ast.Node, code, msg, hint string) *typed {
	loc := n.Location()
	c.problems = append(c.problems, problem{code, loc.From, max(loc.To, loc.From+1), msg, hint})
	return invalid
}

// condition checks the whole; the result must be true or false.
func (c *checker) condition(root ast.Node) {
	t := c.check(root)
	if t.kind != kBool && t.kind != kInvalid {
		hint := ""
		if t.kind.numeric() || t.kind == kString {
			hint = "compare it with something: ==, <, in"
		}
		c.fail(root, "R0412", "a condition must be true or false, this is "+article(t.kind), hint)
	}
}

func article(k kind) string {
	switch k {
	case kInt:
		return "an int"
	case kNil:
		return "nil"
	case kStrings:
		return "a list of strings"
	}
	return "a " + k.String()
}

func (c *checker) check(n ast.Node) *typed {
	if t, ok := c.info[n]; ok {
		return t
	}
	t := c.visit(n)
	c.info[n] = t
	return t
}

func (c *checker) visit(n ast.Node) *typed {
	switch n := n.(type) {
	case *ast.NilNode:
		return &typed{kind: kNil, field: -1}
	case *ast.IntegerNode:
		return constant(kInt, int64(n.Value))
	case *ast.FloatNode:
		return c.float(n)
	case *ast.BoolNode:
		return constant(kBool, n.Value)
	case *ast.StringNode:
		return c.str(n)
	case *ast.IdentifierNode:
		return c.field(n, n.Value)
	case *ast.MemberNode:
		return c.member(n)
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ConditionalNode:
		return c.conditional(n)
	case *ast.CallNode:
		return c.call(n)
	case *ast.BuiltinNode:
		return c.builtin(n)
	case *ast.PointerNode:
		return c.pointer(n)
	case *ast.ArrayNode:
		return c.array(n)
	}
	return c.refuse(n)
}

func constant(k kind, v any) *typed { return &typed{kind: k, field: -1, val: v} }

func of(k kind) *typed { return &typed{kind: k, field: -1} }

func (c *checker) float(n *ast.FloatNode) *typed {
	if math.IsInf(n.Value, 0) || math.IsNaN(n.Value) {
		return c.fail(n, "R0420", "the number is beyond a 64-bit float", "")
	}
	return constant(kFloat, n.Value+0)
}

func (c *checker) str(n *ast.StringNode) *typed {
	if rules.HoldsPAN(n.Value) {
		return c.fail(n, "R0421", "this text looks like a card number", "compare card.ref with a keyed reference, or card.bin and card.last4")
	}
	return constant(kString, n.Value)
}

// refuse reports the forms of expr that conditions do not have.
func (c *checker) refuse(n ast.Node) *typed {
	switch n := n.(type) {
	case *ast.ChainNode:
		return c.fail(n, "R0408", "?. is not needed", "write a plain dot: an absent fact makes its comparison unknown")
	case *ast.SliceNode:
		return c.fail(n, "R0408", "parts of texts and lists cannot be cut out", "use startsWith, endsWith, contains, or any(list, ...)")
	case *ast.MapNode:
		return c.fail(n, "R0408", "conditions have no maps", "")
	case *ast.VariableDeclaratorNode:
		return c.fail(n, "R0408", "conditions have no variables", "write the expression where it is used")
	case *ast.SequenceNode:
		return c.fail(n, "R0408", "a condition is one expression, without ;", "join clauses by and, or")
	case *ast.BytesNode:
		return c.fail(n, "R0408", "conditions have no byte strings", "")
	case *ast.PredicateNode:
		return c.check(n.Node)
	}
	return c.fail(n, "R0408", "conditions do not have this form", "")
}

// field resolves the name of a fact.
func (c *checker) field(n ast.Node, name string) *typed {
	i, ok := c.schema.Lookup(name)
	if !ok {
		return c.unknownField(n, name)
	}
	f := c.schema.Field(i)
	if f.Label {
		return c.fail(n, "R0406", "rules cannot read the label "+quote(name)+": it is known only afterwards", "")
	}
	c.fields[i] = true
	return &typed{kind: kind(f.Type), field: i}
}

func (c *checker) unknownField(n ast.Node, name string) *typed {
	switch {
	case c.schema.IsGroup(name):
		return c.fail(n, "R0407", quote(name)+" is a group of fields, not a value", "name a field of it: "+strings.Join(c.ofGroup(name), ", "))
	case name == "$env":
		return c.fail(n, "R0408", "conditions do not have $env", "")
	case c.params[name] != nil:
		return c.fail(n, "R0402", "unknown field "+quote(name), "to read the parameter, write param(\""+name+"\")")
	case name == "null" || name == "None" || name == "undefined":
		return c.fail(n, "R0417", "conditions have no "+name, "to ask whether a fact is present, use has(field)")
	}
	if _, ok := c.lists[name]; ok {
		return c.fail(n, "R0402", "unknown field "+quote(name), "to read the list, write list(\""+name+"\")")
	}
	hint := ""
	if near := c.nearestField(name); near != "" {
		hint = "did you mean " + quote(near) + "?"
	} else if group, _, dotted := strings.Cut(name, "."); dotted && c.schema.IsGroup(group) {
		hint = "fields of " + quote(group) + ": " + strings.Join(c.ofGroup(group), ", ")
	} else if strings.Contains(name, ".") || !strings.ContainsAny(name, "$") {
		hint = "a text is written between quotation marks"
	}
	return c.fail(n, "R0402", "unknown field "+quote(name), hint)
}

// nearestField finds a misspelt name, and one that lacks its group.
func (c *checker) nearestField(name string) string {
	if near := rules.Nearest(name, c.names.fields); near != "" {
		return near
	}
	var found []string
	for _, f := range c.names.fields {
		if strings.HasSuffix(f, "."+name) {
			found = append(found, f)
		}
	}
	if len(found) > 0 {
		return strings.Join(found, "` or `")
	}
	for _, f := range c.names.fields {
		if _, last, ok := strings.Cut(f, "."); ok && rules.Nearest(name, []string{last}) != "" {
			return f
		}
	}
	return ""
}

func (c *checker) ofGroup(group string) []string {
	var list []string
	for _, f := range c.names.fields {
		if strings.HasPrefix(f, group+".") {
			list = append(list, f)
		}
	}
	if len(list) > 8 {
		list = append(list[:8], "...")
	}
	return list
}

func (c *checker) member(n *ast.MemberNode) *typed {
	name, ok := dotted(n)
	if !ok || c.indexed(n) {
		if id, plain := n.Node.(*ast.IdentifierNode); plain && ok {
			return c.fail(n, "R0408", "fields are read with a dot", "write "+id.Value+"."+n.Property.(*ast.StringNode).Value)
		}
		if _, ok := n.Node.(*ast.PointerNode); ok {
			return c.fail(n, "R0408", "items of a list are texts, they have no fields", "write # for the item")
		}
		c.check(n.Node)
		return c.fail(n, "R0408", "values have no members and lists no index", "use any(list, ...), all(list, ...) or count(list, ...)")
	}
	if strings.Count(name, ".") == 1 {
		return c.field(n, name)
	}
	return c.unknownField(n, name)
}

// dotted returns the name that a chain of members spells.
func dotted(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value, true
	case *ast.MemberNode:
		left, ok := dotted(n.Node)
		prop, isText := n.Property.(*ast.StringNode)
		if ok && isText && !n.Optional {
			return left + "." + prop.Value, true
		}
	}
	return "", false
}

// indexed reports whether a member was written with square brackets.
func (c *checker) indexed(n ast.Node) bool {
	m, ok := n.(*ast.MemberNode)
	if !ok {
		return false
	}
	at := m.Location().From
	return at < len(c.text.runes) && c.text.runes[at] == '[' || c.indexed(m.Node)
}

func (c *checker) pointer(n *ast.PointerNode) *typed {
	switch {
	case n.Name != "":
		return c.fail(n, "R0408", "conditions have no #"+n.Name, "the item is #")
	case len(c.elems) == 0:
		return c.fail(n, "R0418", "# stands for an item within any, all, none and count only", "")
	}
	return of(c.elems[len(c.elems)-1])
}

func (c *checker) unary(n *ast.UnaryNode) *typed {
	t := c.check(n.Node)
	switch {
	case t.kind == kInvalid:
		if n.Operator == "not" || n.Operator == "!" {
			return of(kBool)
		}
		return invalid
	case n.Operator == "not" || n.Operator == "!":
		if t.kind != kBool {
			hint := "not binds closer than ==, < and in: put brackets around the comparison"
			return c.fail(n, "R0410", n.Operator+" wants true or false, this is "+article(t.kind), hint)
		}
		return of(kBool)
	case !t.kind.numeric():
		return c.fail(n, "R0410", n.Operator+" wants a number, this is "+article(t.kind), "")
	case t.val == nil || n.Operator == "+":
		return &typed{kind: t.kind, field: -1, val: t.val}
	}
	return c.negated(n, t)
}

func (c *checker) negated(n ast.Node, t *typed) *typed {
	switch v := t.val.(type) {
	case int64:
		if v == math.MinInt64 {
			return of(kInt) // an overflow when it is judged
		}
		return constant(kInt, -v)
	case float64:
		return constant(kFloat, 0-v)
	}
	return of(t.kind)
}

func (c *checker) conditional(n *ast.ConditionalNode) *typed {
	cond, a, b := c.check(n.Cond), c.check(n.Exp1), c.check(n.Exp2)
	if !n.Ternary {
		return c.fail(n, "R0408", "conditions have no if", "write a ? b : c")
	}
	if cond.kind != kBool && cond.kind != kInvalid {
		c.fail(n.Cond, "R0410", "? wants true or false on its left, this is "+article(cond.kind), "")
	}
	k, ok := c.same(n, a, b, n.Exp1, n.Exp2, "both sides of : must be of one type")
	if !ok {
		return invalid
	}
	return of(k)
}

// same returns the type that two alternatives have in common.
func (c *checker) same(n ast.Node, a, b *typed, an, bn ast.Node, msg string) (kind, bool) {
	switch {
	case a.kind == kNil || b.kind == kNil:
		c.fail(n, "R0417", "conditions have no nil", "leave the fact absent, or use has(field)")
		return 0, false
	case a.kind == kInvalid || b.kind == kInvalid:
		return 0, false
	case a.kind > kStrings || b.kind > kStrings:
		c.fail(n, "R0418", "a list or range can only stand on the right of in", "")
		return 0, false
	case a.kind == b.kind:
		return a.kind, true
	case a.kind.numeric() && b.kind.numeric():
		return kFloat, true
	}
	c.fail(n, "R0410", fmt.Sprintf("%s, not %s and %s", msg, article(a.kind), article(b.kind)), "")
	return 0, false
}

// array types a list of literals.
func (c *checker) array(n *ast.ArrayNode) *typed {
	t := &typed{kind: kLiteral, field: -1}
	if len(n.Nodes) == 0 {
		return c.fail(n, "R0419", "the list is empty", "")
	}
	ok := true
	for _, item := range n.Nodes {
		it := c.check(item)
		switch {
		case it.kind == kInvalid:
			ok = false
			continue
		case it.kind == kNil:
			c.fail(item, "R0417", "conditions have no nil", "use has(field)")
			ok = false
			continue
		case it.val == nil || it.kind > kBool:
			c.fail(item, "R0415", "items of a list must be constants", "compare fields with == and or")
			ok = false
			continue
		case t.elem == 0:
			t.elem = it.kind
		case t.elem != it.kind && t.elem.numeric() && it.kind.numeric():
			t.elem = kFloat
		case t.elem != it.kind:
			c.fail(item, "R0419", fmt.Sprintf("the list mixes %s and %s", article(t.elem), article(it.kind)), "")
			ok = false
		}
		t.items = append(t.items, it.val)
	}
	if !ok {
		return invalid
	}
	if c.target != ast.Node(n) {
		return c.fail(n, "R0418", "a list of literals can only stand on the right of in, and in any, all, none and count", "for lists write \"x\" in list, or any(list, # in [...])")
	}
	return t
}

// missingEnum warns of a text that the field's known values do not hold.
func (c *checker) missingEnum(field *typed, val any, at ast.Node) {
	if field.field < 0 {
		return
	}
	f, s := c.schema.Field(field.field), ""
	s, ok := val.(string)
	if !ok || len(f.Enum) == 0 || slices.Contains(f.Enum, s) {
		return
	}
	hint := "known values: " + strings.Join(f.Enum, ", ")
	if near := rules.Nearest(s, f.Enum); near != "" {
		hint = "did you mean \"" + near + "\"?"
	}
	c.fail(at, "R0450", quote(s)+" is none of the known values of "+quote(f.Name), hint)
}
