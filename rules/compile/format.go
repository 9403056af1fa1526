package compile

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/internal/code"
)

// FormatWidth is the last column, in characters, that a list or mapping between brackets
// takes where it can be broken after a comma.
const FormatWidth = 111

// Formatted is one YAML file of a pack and its canonical layout.
type Formatted struct {
	Name          string // below the pack's folder, with slashes
	Before, After []byte
}

// Format returns the canonical layout of one YAML file of a pack: the file's name
// (pack.yaml, rules/*.yaml or tests/*_test.yaml) tells what it holds.
//
// Indentation, blank lines, the order of known keys and the breaks of lists and
// mappings between brackets are ours; texts, conditions, their quotation marks,
// comments and the order of everything else are the author's. What Format returns
// says the same, value by value, and comes out of Format as it is. LANGUAGE.md
// section 13 has the rules.
//
// Its error is an *Error: text that is no YAML of a pack, a condition that cannot be
// parsed, or a comment for which there is no place in the canonical layout.
func Format(name string, src []byte) ([]byte, error) {
	s := newSink()
	out := s.format(newSource(name, string(trimBOM(src))))
	return out, s.err(code.Compile)
}

// FormatFS formats pack.yaml, rules/*.yaml and tests/*_test.yaml. Its error holds the
// findings of all files at once. A layout that would change Pack.ID is never returned.
func FormatFS(fsys fs.FS) ([]Formatted, error) {
	c := &packCompiler{sink: newSink(), fsys: fsys}
	names := append([]string{"pack.yaml"}, c.files("rules", ".yaml")...)
	names = append(names, c.files("tests", "_test.yaml")...)
	var files []Formatted
	for _, name := range names {
		raw, err := fs.ReadFile(fsys, name)
		src, ok := c.read(name, MaxFileBytes, "max_file_bytes")
		if !ok || err != nil {
			continue
		}
		if out := c.format(src); out != nil {
			files = append(files, Formatted{name, raw, out})
		}
	}
	if err := c.err(code.Compile); err != nil {
		return nil, err
	}
	if err := sameID(fsys, files); err != nil {
		return nil, err
	}
	return files, nil
}

// sameID compiles what was and what is to be. A pack that does not compile has no id
// to keep.
func sameID(fsys fs.FS, files []Formatted) error {
	before, err := FS(fsys, Options{})
	if err != nil {
		return nil
	}
	after, err := FS(overlay{fsys, files}, Options{})
	if err == nil && after.ID() == before.ID() {
		return nil
	}
	s := newSink()
	s.add(newSource("pack.yaml", ""), span{}, "R0702", "", "the canonical layout would change the pack", "this is a fault of issuant, not of the pack: please report it")
	return s.err(code.Compile)
}

// overlay is a file system with the canonical files in the place of the author's.
type overlay struct {
	fs.FS
	files []Formatted
}

func (o overlay) Open(name string) (fs.File, error) {
	for _, f := range o.files {
		if f.Name == name {
			under, err := o.FS.Open(name)
			if err != nil {
				return nil, err
			}
			return &overlaid{under, strings.NewReader(string(f.After))}, nil
		}
	}
	return o.FS.Open(name)
}

type overlaid struct {
	fs.File
	text *strings.Reader
}

func (o *overlaid) Read(b []byte) (int, error) { return o.text.Read(b) }

// format returns nil after a diagnostic.
func (s *sink) format(src *source) []byte {
	src.text = strings.Join(splitLines(src.text), "\n")
	r := &reader{sink: s, src: src}
	root := r.parse()
	if root == nil {
		return nil
	}
	before := s.errors
	lay := layoutOf(src.name)
	r.parseConditions(root, lay)
	r.scalarKeys(root)
	if s.errors > before {
		return nil
	}
	f := newFormatter(src, root)
	out := f.file(root, lay)
	if err := f.verify(root, out); err != nil {
		s.add(src, span{}, "R0701", "", err.Error(), "")
		return nil
	}
	return []byte(out)
}

func (r *reader) scalarKeys(n *yaml.Node) {
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if c.Kind != yaml.ScalarNode || strings.Contains(c.Value, "\n") {
				r.fail(c, "R0110", "a key must be a text of one line, not "+kindName(c), "")
			}
			continue
		}
		r.scalarKeys(c)
	}
}

// parseConditions reports the conditions of a file that have no tree: fmt leaves
// alone what it cannot read.
func (r *reader) parseConditions(n *yaml.Node, lay *layout) {
	switch n.Kind {
	case yaml.SequenceNode:
		for _, item := range n.Content {
			r.parseConditions(item, lay.items())
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, val := n.Content[i], n.Content[i+1]
			if lay.conditions() && key.Value == "when" {
				r.parsesCondition(val)
			}
			r.parseConditions(val, lay.member(key.Value))
		}
	}
}

func (r *reader) parsesCondition(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		r.condition(n)
		return
	}
	if _, _, p := parseCondition(n.Value); p != nil {
		places := scalarPlaces(r.src, n)
		r.add(r.src, spanIn(places, p.from, p.to, r.src), p.code, "", p.msg, p.hint)
	}
}

// layout says what a mapping's keys are, in their canonical order, and what stands
// below them. A nil layout keeps the author's order.
type layout struct {
	keys   []string
	below  map[string]*layout // by key; "*" is any other
	item   *layout            // of a sequence
	block  bool               // items and members are never between brackets
	spaced bool               // items are a blank line apart
	when   bool               // has a condition
}

func (l *layout) items() *layout {
	if l == nil {
		return nil
	}
	return l.item
}

func (l *layout) member(key string) *layout {
	if l == nil {
		return nil
	}
	if b, ok := l.below[key]; ok {
		return b
	}
	return l.below["*"]
}

func (l *layout) conditions() bool { return l != nil && l.when }

// rank orders keys: known ones first, in their order; the others keep theirs.
func (l *layout) rank(key string) int {
	if l == nil || l.keys == nil {
		return 0
	}
	if i := slices.Index(l.keys, key); i >= 0 {
		return i
	}
	return len(l.keys)
}

var ruleLayout = &layout{item: &layout{block: true, when: true, keys: []string{"id", "effect", "weight", "when", "params", "on_missing",
	"action_code", "require", "step_up", "reason", "shadow", "percent", "why", "say", "source", "owner", "since", "version"}},
	block: true, spaced: true}

var packLayout = &layout{
	block: true,
	keys: []string{"name", "version", "schema", "owner", "doc", "hit", "thresholds", "default", "on_error", "on_missing",
		"green_requires", "step_up", "tenured_days", "no_step_up", "limits", "sections", "params", "lists"},
	below: map[string]*layout{
		"schema": {keys: []string{"name", "version", "fields"}, below: map[string]*layout{
			"fields": {item: &layout{keys: []string{"name", "type", "enum", "personal", "label", "doc"}}}}},
		"thresholds": {keys: []string{"yellow", "orange", "red"}},
		"sections":   {item: &layout{when: true, keys: []string{"name", "when", "no_step_up"}}},
		"params":     {below: map[string]*layout{"*": {keys: []string{"value", "type", "min", "max", "unit", "doc"}}}},
		"lists":      {below: map[string]*layout{"*": {keys: []string{"file", "doc"}}}},
	},
}

var testLayout = &layout{
	block: true,
	keys:  []string{"options", "cases"},
	below: map[string]*layout{"cases": {block: true, spaced: true, item: &layout{block: true,
		keys: []string{"name", "todo", "now", "history", "event", "expect"},
		below: map[string]*layout{
			"history": {item: &layout{keys: []string{"at"}}},
			"event":   {below: map[string]*layout{"guards": {item: &layout{keys: []string{"code", "outcome", "action_code"}}}}},
			"expect":  {keys: expectKeys},
		}}}},
}

func layoutOf(name string) *layout {
	switch {
	case name == "pack.yaml":
		return packLayout
	case strings.HasPrefix(name, "tests/"):
		return testLayout
	}
	return ruleLayout
}

var errFormat = errors.New("the file has a form for which there is no canonical layout: a comment would be lost, or a value would change")

// verify compares what was with what is to be: the same values, the same comments.
func (f *formatter) verify(root *yaml.Node, out string) error {
	s := newSink()
	again := &reader{sink: s, src: newSource(f.src.name, out)}
	tree := again.parse()
	if tree == nil || !sameTree(root, tree) {
		return errFormat
	}
	g := newFormatter(again.src, tree)
	if !slices.Equal(sortedTexts(f.comments), sortedTexts(g.comments)) {
		return errFormat
	}
	if g.file(tree, layoutOf(f.src.name)) != out {
		return errors.New("the file has a form whose canonical layout is not stable")
	}
	return nil
}

func sortedTexts(comments []*comment) []string {
	var list []string
	for _, c := range comments {
		list = append(list, c.text)
	}
	slices.Sort(list)
	return list
}

// sameTree compares values; the members of a mapping may have changed places.
func sameTree(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || len(a.Content) != len(b.Content) {
		return false
	}
	switch a.Kind {
	case yaml.ScalarNode:
		return a.Value == b.Value && a.ShortTag() == b.ShortTag()
	case yaml.SequenceNode:
		return slices.EqualFunc(a.Content, b.Content, sameTree)
	}
	return slices.EqualFunc(membersByKey(a), membersByKey(b), func(x, y member) bool {
		return x.name == y.name && sameTree(x.val, y.val)
	})
}

func membersByKey(n *yaml.Node) []member {
	var list []member
	for i := 0; i+1 < len(n.Content); i += 2 {
		list = append(list, member{n.Content[i].Value, n.Content[i], n.Content[i+1]})
	}
	slices.SortStableFunc(list, func(a, b member) int { return strings.Compare(a.name, b.name) })
	return list
}
