package compile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/parser/lexer"
)

// text is the text of one condition, cut into characters and tokens.
type text struct {
	src    string
	runes  []rune
	tokens []lexer.Token
	pairs  []pair // brackets that belong together, by character
}

type pair struct{ open, close int }

// problem is a finding within a condition; from and to are characters of its text.
type problem struct {
	code      string
	from, to  int
	msg, hint string
}

// parseCondition returns the expression tree of a condition, or the one problem
// that keeps it from having one: expr's parser stops at the first.
func parseCondition(src string) (t *text, root ast.Node, p *problem) {
	t = &text{src: src, runes: []rune(src)}
	if len(src) > MaxConditionBytes {
		return t, nil, t.whole("R0112", fmt.Sprintf("max_condition_bytes: the condition has more than %d bytes", MaxConditionBytes))
	}
	if strings.TrimSpace(src) == "" {
		return t, nil, t.whole("R0401", "the condition is empty")
	}
	// expr's lexer and parser are given a stranger's text: what they panic with is
	// a syntax error, never ours to pass on.
	defer func() {
		if recover() != nil {
			root, p = nil, t.whole("R0401", "the condition cannot be parsed")
		}
	}()
	if p = t.lex(); p != nil {
		return t, nil, p
	}
	if p = t.nesting(); p != nil {
		return t, nil, p
	}
	if p = t.foreign(); p != nil {
		return t, nil, p
	}
	tree, err := parser.Parse(src)
	if err != nil {
		return t, nil, t.syntax(err)
	}
	if n := treeSize(tree.Node, map[ast.Node]int64{}); n > MaxConditionNodes {
		return t, nil, t.whole("R0112", fmt.Sprintf("max_condition_nodes: the condition has more than %d nodes", MaxConditionNodes))
	}
	return t, tree.Node, nil
}

func (t *text) whole(code, msg string) *problem {
	return &problem{code, 0, min(len(t.runes), 40), msg, ""}
}

func (t *text) lex() *problem {
	tokens, err := lexer.Lex(file.NewSource(t.src))
	if err != nil {
		return t.syntax(err)
	}
	t.tokens = tokens
	var open []int
	for _, tok := range tokens {
		if tok.Kind != lexer.Bracket {
			continue
		}
		if strings.Contains("([{", tok.Value) {
			open = append(open, tok.From)
		} else if n := len(open); n > 0 {
			t.pairs = append(t.pairs, pair{open[n-1], tok.From})
			open = open[:n-1]
		}
	}
	return nil
}

// nesting bounds the recursion of the parser and of everything after it, before
// the parser sees the text: brackets, signs in a row, choices and powers.
func (t *text) nesting() *problem {
	depth, signs, choices := 0, 0, 0
	operand := false // the token before is the end of one, so that a sign is none
	for _, tok := range t.tokens {
		opens := tok.Kind == lexer.Bracket && strings.Contains("([{", tok.Value)
		switch {
		case opens:
			depth++
		case tok.Kind == lexer.Bracket:
			depth--
		}
		switch tok.Value {
		case "not", "!", "-", "+":
			if !operand {
				signs++
			}
		case "?", "??", "?:", "if", "let", "**", "^":
			choices++
		}
		operand = tok.Kind != lexer.Operator && !opens || tok.Value == "#"
		if operand {
			signs = 0
		}
		if depth+signs > MaxConditionDepth || choices > MaxConditionDepth {
			return &problem{"R0112", tok.From, tok.To,
				fmt.Sprintf("max_condition_depth: the condition nests deeper than %d", MaxConditionDepth), ""}
		}
	}
	return nil
}

// foreign reports what the parser takes and leaves no trace of in the tree.
func (t *text) foreign() *problem {
	for _, tok := range t.tokens {
		switch {
		case tok.Kind == lexer.Operator && tok.Value == "|":
			return &problem{"R0408", tok.From, tok.To, "conditions have no pipes", "write f(x), not x | f(); for either of two clauses write or"}
		case tok.Kind == lexer.Operator && tok.Value == "::":
			return &problem{"R0408", tok.From, tok.To, "conditions do not have ::", ""}
		}
	}
	return nil
}

// treeSize counts the nodes of the tree; an operand that a chain of comparisons
// shares counts as often as it is used, since it is judged as often.
func treeSize(n ast.Node, memo map[ast.Node]int64) int64 {
	if n == nil {
		return 0
	}
	if size, ok := memo[n]; ok {
		return size
	}
	size := int64(1)
	for _, c := range children(n) {
		size = min(size+treeSize(c, memo), 1<<40)
	}
	memo[n] = size
	return size
}

func children(n ast.Node) []ast.Node {
	switch n := n.(type) {
	case *ast.UnaryNode:
		return []ast.Node{n.Node}
	case *ast.BinaryNode:
		return []ast.Node{n.Left, n.Right}
	case *ast.ChainNode:
		return []ast.Node{n.Node}
	case *ast.MemberNode:
		return []ast.Node{n.Node, n.Property}
	case *ast.SliceNode:
		return nonNil(n.Node, n.From, n.To)
	case *ast.CallNode:
		return append([]ast.Node{n.Callee}, n.Arguments...)
	case *ast.BuiltinNode:
		return n.Arguments
	case *ast.PredicateNode:
		return []ast.Node{n.Node}
	case *ast.ConditionalNode:
		return []ast.Node{n.Cond, n.Exp1, n.Exp2}
	case *ast.VariableDeclaratorNode:
		return []ast.Node{n.Value, n.Expr}
	case *ast.SequenceNode:
		return n.Nodes
	case *ast.ArrayNode:
		return n.Nodes
	case *ast.MapNode:
		return n.Pairs
	case *ast.PairNode:
		return []ast.Node{n.Key, n.Value}
	}
	return nil
}

func nonNil(nodes ...ast.Node) []ast.Node {
	var list []ast.Node
	for _, n := range nodes {
		if n != nil {
			list = append(list, n)
		}
	}
	return list
}

// syntax turns an error of expr's lexer or parser into a problem.
func (t *text) syntax(err error) *problem {
	var e *file.Error
	if !errors.As(err, &e) {
		return t.whole("R0401", "the condition cannot be parsed")
	}
	p := &problem{code: "R0401", from: e.From, to: max(e.To, e.From+1), msg: "syntax: " + printable(e.Message)}
	t.explain(p, e.Message)
	p.from = min(p.from, len(t.runes))
	return p
}

var strayTokens = map[string]string{
	"=":   "to compare, write ==",
	"===": "to compare, write ==",
	"<>":  "to compare, write !=",
	"#":   "# stands for an item within any, all, none and count only",
	"&":   "write and",
	"AND": "write and", "OR": "write or", "NOT": "write not", "IN": "write in",
	"then": "write a ? b : c",
}

// explain puts the parser's words into ours where a known mistake is behind them.
func (t *text) explain(p *problem, msg string) {
	switch {
	case strings.HasPrefix(msg, "unexpected token EOF"), msg == "unexpected end of expression":
		p.msg, p.from, p.to = "the condition ends too early", len(t.runes), len(t.runes)+1
		if open, ok := t.unclosed(); ok {
			p.msg, p.from, p.to = "this bracket is not closed", open, open+1
		}
	case strings.HasPrefix(msg, "unexpected token"):
		word := string(t.runes[min(p.from, len(t.runes)):min(p.to, len(t.runes))])
		p.msg, p.hint = "syntax: unexpected "+quote(word), strayTokens[word]
		if word == "#" {
			p.code = "R0418"
		}
	case strings.HasPrefix(msg, "expected at least"):
		p.code, p.msg = "R0413", "the function has too few arguments"
		p.hint = "any, all, none and count want a list and a condition on #"
	case strings.HasPrefix(msg, "literal not terminated"):
		p.msg = "this text has no closing quotation mark"
	case strings.Contains(msg, "coalesce"):
		p.msg, p.hint = "?? cannot stand beside this operator without brackets", "write (a ?? b) in brackets"
	case strings.HasPrefix(msg, "invalid integer literal"), strings.HasPrefix(msg, "integer literal is too large"):
		p.code, p.msg = "R0420", "the integer is beyond 64 bits"
		t.backToNumber(p)
	case strings.HasPrefix(msg, "invalid float literal"), strings.HasPrefix(msg, "float literal is too large"):
		p.code, p.msg = "R0420", "the number is beyond a 64-bit float"
		t.backToNumber(p)
	case strings.HasPrefix(msg, "unrecognized character"):
		p.hint = unusualCharacter(t.runes, p.from)
	}
}

// unclosed returns the last bracket that is never closed.
func (t *text) unclosed() (int, bool) {
	closed := map[int]bool{}
	for _, p := range t.pairs {
		closed[p.open] = true
	}
	for i := len(t.tokens) - 1; i >= 0; i-- {
		tok := t.tokens[i]
		if tok.Kind == lexer.Bracket && strings.Contains("([{", tok.Value) && !closed[tok.From] {
			return tok.From, true
		}
	}
	return 0, false
}

// backToNumber moves the problem to the number before it: the parser has read on
// when it finds that one too large.
func (t *text) backToNumber(p *problem) {
	for _, tok := range t.tokens {
		if tok.Kind == lexer.Number && tok.To <= max(p.from+1, tok.To) && tok.From <= p.from {
			if len(tok.Value) > 15 || strings.ContainsAny(tok.Value, "eE") {
				p.from, p.to = tok.From, tok.To
			}
		}
	}
}

func unusualCharacter(runes []rune, at int) string {
	if at >= 0 && at < len(runes) {
		switch runes[at] {
		case '“', '”', '„', '‘', '’', '«', '»':
			return "write texts between plain quotation marks: \"...\""
		case '≤', '≥', '≠':
			return "write <=, >= or !="
		case '\u00a0':
			return "this is a no-break space; write a plain one"
		}
	}
	return ""
}

// spanOf returns the characters that a node was written with, its brackets included.
func (t *text) spanOf(n ast.Node) (from, to int) {
	from, to = 1<<30, 0
	seen := map[ast.Node]bool{}
	var visit func(ast.Node)
	visit = func(n ast.Node) {
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		if loc := n.Location(); loc.To > loc.From {
			if _, conditional := n.(*ast.ConditionalNode); !conditional { // its place is the token after it
				from, to = min(from, loc.From), max(to, loc.To)
			}
		}
		switch n := n.(type) {
		case *ast.CallNode:
			to = max(to, t.closing(n.Location().To))
		case *ast.BuiltinNode:
			to = max(to, t.closing(n.Location().To))
		case *ast.MapNode, *ast.ArrayNode:
			to = max(to, t.closing(n.Location().From))
		}
		for _, c := range children(n) {
			visit(c)
		}
	}
	visit(n)
	if to == 0 {
		return 0, min(1, len(t.runes))
	}
	return t.balance(from, to)
}

// closing returns the end of the bracket pair that opens at the first token at or
// after at.
func (t *text) closing(at int) int {
	for _, tok := range t.tokens {
		if tok.From < at {
			continue
		}
		for _, p := range t.pairs {
			if p.open == tok.From {
				return p.close + 1
			}
		}
		return 0
	}
	return 0
}

// balance widens a span until no bracket pair has only one end in it.
func (t *text) balance(from, to int) (int, int) {
	for changed := true; changed; {
		changed = false
		for _, p := range t.pairs {
			openIn, closeIn := p.open >= from && p.open < to, p.close >= from && p.close < to
			if openIn != closeIn {
				from, to, changed = min(from, p.open), max(to, p.close+1), true
			}
		}
	}
	return from, min(to, len(t.runes))
}

func (t *text) cut(n ast.Node) string {
	from, to := t.spanOf(n)
	return strings.Join(strings.Fields(string(t.runes[from:to])), " ")
}
