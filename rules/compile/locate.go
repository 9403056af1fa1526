package compile

import (
	"io/fs"
	"strings"

	"github.com/expr-lang/expr/ast"
	"go.yaml.in/yaml/v3"
)

// Mark is a remark about a pack that compiles, of which the place is still to be found:
// linters speak of rules and clauses, people look at files.
type Mark struct {
	Code     string
	Severity Severity
	Rule     string // id of the rule, or ""
	Section  string // name of the section, or ""
	Clause   string // text of a clause of its condition, as rules.Leaf has it, or ""
	File     string // where the place is known already, with Line, Column and EndColumn as in Diagnostic
	Line     int
	Column   int
	End      int
	Message  string
	Hint     string
}

// Locate turns marks into diagnostics with places and snippets, in their order. A mark
// whose place is not found in the files has none: a pack in binary form has no files,
// and fsys may be nil.
func Locate(fsys fs.FS, marks []Mark) []Diagnostic {
	l := &locator{rules: map[string]located{}, sections: map[string]located{}, files: map[string]*source{}}
	if fsys != nil {
		l.read(&packCompiler{sink: newSink(), fsys: fsys})
	}
	out := make([]Diagnostic, 0, len(marks))
	for _, m := range marks {
		d := Diagnostic{Code: m.Code, Severity: m.Severity, File: m.File, Line: m.Line, Column: m.Column, EndColumn: m.End,
			Rule: m.Rule, Message: maskPANs(m.Message), Hint: maskPANs(m.Hint)}
		src := l.files[m.File]
		if m.File == "" {
			src = l.place(&d, m)
		}
		if src != nil && d.Line > 0 {
			d.Snippet = src.snippet(span{d.Line, d.Column, d.EndColumn})
		}
		out = append(out, d)
	}
	return out
}

// located is where a rule or section is named, and its condition.
type located struct {
	r          *reader
	name, when *yaml.Node
}

type locator struct {
	rules, sections map[string]located
	files           map[string]*source
}

func (l *locator) read(c *packCompiler) {
	names := append([]string{"pack.yaml"}, c.files("rules", ".yaml")...)
	names = append(names, c.files("tests", "_test.yaml")...)
	for _, name := range append(names, c.files("lists", ".csv")...) {
		src, ok := c.read(name, MaxFileBytes, "max_file_bytes")
		if !ok {
			continue
		}
		l.files[name] = src
		if name == "pack.yaml" || strings.HasPrefix(name, "rules/") {
			l.learn(&reader{sink: c.sink, src: src}, name == "pack.yaml")
		}
	}
}

func (l *locator) learn(r *reader, pack bool) {
	root := r.parse()
	if root == nil {
		return
	}
	into, key, list := l.rules, "id", root
	if pack {
		into, key, list = l.sections, "name", valueOf(root, "sections")
	}
	if list == nil || list.Kind != yaml.SequenceNode {
		return
	}
	for _, item := range list.Content {
		if name := valueOf(item, key); name != nil {
			into[name.Value] = located{r, name, valueOf(item, "when")}
		}
	}
}

func valueOf(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// place fills in where a mark's rule or section stands.
func (l *locator) place(d *Diagnostic, m Mark) *source {
	at, ok := l.rules[m.Rule]
	if m.Section != "" {
		at, ok = l.sections[m.Section]
	}
	if !ok {
		return nil
	}
	s := at.r.spanOf(at.name)
	if m.Clause != "" && at.when != nil {
		if c, found := clauseSpan(at, m.Clause); found {
			s = c
		}
	}
	d.File, d.Line, d.Column, d.EndColumn = at.r.src.name, s.Line, s.From, s.To
	return at.r.src
}

// clauseSpan finds the place of the first node that was written like that.
func clauseSpan(at located, clause string) (s span, found bool) {
	t, root, p := parseCondition(at.when.Value)
	if p != nil {
		return s, false
	}
	var find func(ast.Node) bool
	find = func(n ast.Node) bool {
		if t.cut(n) == clause {
			from, to := t.spanOf(n)
			s = spanIn(scalarPlaces(at.r.src, at.when), from, to, at.r.src)
			return true
		}
		for _, c := range children(n) {
			if find(c) {
				return true
			}
		}
		return false
	}
	return s, find(root)
}
