package compile

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
)

// TestFile is one tests/*_test.yaml. Running it needs an engine; package compile
// only reads it.
type TestFile struct {
	Name    string // below the pack's folder, with slashes
	Options TestOptions
	Cases   []TestCase // in the order of the file, at least one
}

// TestOptions hold for all cases of a file.
type TestOptions struct {
	Now time.Time // instant of the decisions; zero when the file does not say
}

// TestCase is one event and what is expected of its decision.
type TestCase struct {
	Name    string // unique within the file
	Line    int    // where the case stands, 1-based
	Todo    bool   // known not to pass yet
	Now     time.Time
	History []TestEvent // what happened before, in the order of the file
	Event   *rules.Facts
	Guards  []TestGuard
	Expect  Expect
}

// TestEvent is one event of a history.
type TestEvent struct {
	At    time.Time // also the fact "at", where the schema has one
	Line  int
	Facts *rules.Facts
}

// TestGuard is a finding of a counterpart that the event carries.
type TestGuard struct {
	Code       string
	Outcome    rules.Outcome
	ActionCode string // "" when it says none
}

// Expect is what a case expects. What it does not mention it does not check: nil
// pointers, nil slices and empty texts. Lists that are to be exact say so.
type Expect struct {
	Outcome    *rules.Outcome
	ActionCode string
	Rules      []string // rules that must hit; others may
	NotRules   []string // rules that must not hit
	Shadow     []string // shadow rules that must hit
	Reasons    []string // exact; not nil when mentioned, even if empty
	StepUp     []string // exact channels in order; likewise
	Degraded   []string // exact codes, sorted; likewise
	Missing    []string // green_requires facts that kept it from green, exact; likewise
	Score      *int64
	Section    *string
}

// Tests reads tests/*_test.yaml of a pack against its schema and rules. A pack
// without tests has none, which is no error. Its error is an *Error, as of FS.
func Tests(fsys fs.FS, p *rules.Pack) ([]TestFile, error) {
	c := &packCompiler{sink: newSink(), fsys: fsys}
	t := &testReader{packCompiler: c, pack: p, fields: newScope(p.Manifest()).names.fields, ids: map[string]bool{}}
	for i := range p.Manifest().Rules {
		t.ids[p.Manifest().Rules[i].ID] = true
	}
	var files []TestFile
	for _, name := range c.files("tests", "_test.yaml") {
		if src, ok := c.read(name, MaxFileBytes, "max_file_bytes"); ok {
			if f, ok := t.file(src); ok {
				files = append(files, f)
			}
		}
	}
	if err := c.err(code.PackTest); err != nil {
		return nil, err
	}
	return files, nil
}

type testReader struct {
	*packCompiler
	*reader
	pack   *rules.Pack
	fields []string
	ids    map[string]bool
	cases  int
	now    time.Time // of the file
}

func (t *testReader) file(src *source) (f TestFile, ok bool) {
	t.reader, t.now = &reader{sink: t.packCompiler.sink, src: src}, time.Time{}
	f.Name = src.name
	root := t.parse()
	if root == nil {
		return f, false
	}
	members, ok := t.members(root, "a test file", []string{"options", "cases"})
	if !ok {
		return f, false
	}
	var cases *yaml.Node
	for _, mb := range members {
		if mb.name == "options" {
			t.options(&f, mb.val)
		} else {
			cases = mb.val
		}
	}
	if cases == nil {
		t.fail(root, "R0111", "the file has no cases", "")
		return f, false
	}
	items, _ := t.items(cases, "cases")
	if cases.Kind == yaml.SequenceNode && len(items) == 0 {
		t.fail(cases, "R0111", "the file has no cases", "")
	}
	names := map[string]int{}
	for _, item := range items {
		if t.cases++; t.cases > MaxTestCases {
			t.fail(item, "R0112", fmt.Sprintf("max_test_cases: the pack has more than %d cases", MaxTestCases), "")
			return f, false
		}
		if tc, ok := t.testCase(item); ok {
			if line := names[tc.Name]; line > 0 {
				t.fail(item, "R0606", "two cases are named "+quote(tc.Name)+", the first in line "+strconv.Itoa(line), "")
			}
			names[tc.Name] = tc.Line
			f.Cases = append(f.Cases, tc)
		}
	}
	return f, true
}

func (t *testReader) options(f *TestFile, n *yaml.Node) {
	members, _ := t.members(n, "options", []string{"now"})
	for _, mb := range members {
		f.Options.Now, _ = t.instant(mb.val, "R0603", "now")
		t.now = f.Options.Now
	}
}

func (t *testReader) testCase(n *yaml.Node) (tc TestCase, ok bool) {
	members, ok := t.members(n, "a case", []string{"name", "todo", "now", "history", "event", "expect"})
	if !ok {
		return tc, false
	}
	tc.Line, tc.Now = n.Line, t.now
	have := map[string]*yaml.Node{}
	for _, mb := range members {
		have[mb.name] = mb.val
	}
	for _, key := range []string{"name", "event", "expect"} {
		if have[key] == nil {
			t.fail(n, "R0111", "the case has no "+key, "")
			ok = false
		}
	}
	if !ok {
		return tc, false
	}
	if tc.Name, ok = t.text(have["name"], "name"); !ok {
		return tc, false
	}
	if v := have["todo"]; v != nil {
		tc.Todo, _ = t.boolean(v, "todo")
	}
	if v := have["now"]; v != nil {
		tc.Now, _ = t.instant(v, "R0603", "now")
	}
	tc.Event, tc.Guards = t.facts(have["event"], "event", "guards")
	t.history(&tc, have["history"])
	t.expect(&tc.Expect, have["expect"])
	return tc, true
}

// history reads events whose at is an instant, or an offset from the event's at,
// or else from now.
func (t *testReader) history(tc *TestCase, n *yaml.Node) {
	if n == nil {
		return
	}
	base := tc.Now
	if at, ok := tc.Event.Get("at").(time.Time); ok {
		base = at
	}
	items, _ := t.items(n, "history")
	for _, item := range items {
		if item.Kind != yaml.MappingNode {
			t.fail(item, "R0110", "an event must be a mapping, not "+kindName(item), "")
			continue
		}
		var at *yaml.Node
		for i := 0; i+1 < len(item.Content); i += 2 {
			if item.Content[i].Value == "at" {
				at = item.Content[i+1]
			}
		}
		if at == nil {
			t.fail(item, "R0111", "an event of a history has no at", "as in at: -30m")
			continue
		}
		when, ok := t.moment(at, base)
		facts, _ := t.facts(item, "an event of a history", "at")
		if !ok {
			continue
		}
		if err := facts.Set("at", when); err != nil {
			var fe *rules.FactError
			if errors.As(err, &fe) && fe.Msg != "unknown field" {
				t.fail(at, "R0603", "at "+fe.Msg, "")
			}
		}
		tc.History = append(tc.History, TestEvent{At: when, Line: item.Line, Facts: facts})
	}
}

// moment reads an instant, or an offset like -30m, -36h or -2d.
func (t *testReader) moment(n *yaml.Node, base time.Time) (time.Time, bool) {
	s, ok := t.text(n, "at")
	if !ok {
		return time.Time{}, false
	}
	if at, err := parseInstant(s); err == nil {
		return at, true
	}
	d, err := parseOffset(s)
	if err != nil {
		t.fail(n, "R0603", "at must be an instant or an offset, not "+quote(s), "as in -30m, -36h, -2d or 2026-11-23T10:00:00Z")
		return time.Time{}, false
	}
	if base.IsZero() {
		t.fail(n, "R0603", "an offset needs an instant that it counts from", "give the event an at, or the file options: {now: ...}")
		return time.Time{}, false
	}
	return base.Add(d), true
}

var errOffset = errors.New("not an offset")

// parseOffset reads a Go duration, or a whole number of days.
func parseOffset(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || math.Abs(float64(n)) > 36500 {
			return 0, errOffset
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(s)
}

// facts reads an event; reserved is one key that is not a fact.
func (t *testReader) facts(n *yaml.Node, what, reserved string) (*rules.Facts, []TestGuard) {
	f := rules.NewFacts(t.pack.Schema())
	members, _ := t.members(n, what, nil)
	var guards []TestGuard
	for _, mb := range members {
		switch {
		case mb.name == reserved && reserved == "guards":
			guards = t.guards(mb.val)
		case mb.name == reserved:
		case !t.pack.Schema().IsGroup(mb.name):
			t.fact(f, mb.name, mb)
		case mb.val.ShortTag() == "!!null":
		default:
			inner, _ := t.members(mb.val, "the group "+quote(mb.name), nil)
			for _, in := range inner {
				t.fact(f, mb.name+"."+in.name, in)
			}
		}
	}
	return f, guards
}

func (t *testReader) fact(f *rules.Facts, name string, mb member) {
	i, ok := f.Schema().Lookup(name)
	if mb.name == name && strings.Contains(name, ".") {
		group, last, _ := strings.Cut(name, ".")
		t.fail(mb.key, "R0601", "unknown field "+quote(name), "fields of a group are nested: "+printable(group)+": {"+printable(last)+": ...}")
		return
	}
	if !ok {
		hint := ""
		if near := rules.Nearest(name, append(t.groups(), t.fields...)); near != "" {
			hint = "did you mean " + quote(near) + "?"
		}
		t.fail(mb.key, "R0601", "unknown field "+quote(name), hint)
		return
	}
	v, ok := t.json(mb.val)
	if !ok {
		return
	}
	member := strictjson.Member{Name: name, Value: v}
	if group, last, dotted := strings.Cut(name, "."); dotted {
		inner := strictjson.Value{Kind: strictjson.Object, Members: []strictjson.Member{{Name: last, Value: v}}}
		member = strictjson.Member{Name: group, Value: inner}
	}
	one, err := rules.DecodeFacts(f.Schema(), strictjson.Value{Kind: strictjson.Object, Members: []strictjson.Member{member}})
	if err == nil && one.At(i) != nil {
		err = f.Set(name, one.At(i))
	}
	var fe *rules.FactError
	if errors.As(err, &fe) {
		hint := ""
		if typ := f.Schema().Field(i).Type; (typ == rules.String || typ == rules.Time) && v.Kind != strictjson.String {
			hint = "write it between quotation marks"
		}
		t.fail(mb.val, "R0602", quote(name)+" "+fe.Msg, hint)
	}
}

func (t *testReader) groups() []string {
	var list []string
	for _, f := range t.fields {
		if group, _, ok := strings.Cut(f, "."); ok && !slices.Contains(list, group) {
			list = append(list, group)
		}
	}
	return list
}

// json turns a YAML value into the JSON value that stands for the same.
func (t *testReader) json(n *yaml.Node) (strictjson.Value, bool) {
	switch n.Kind {
	case yaml.SequenceNode:
		v := strictjson.Value{Kind: strictjson.Array}
		for _, item := range n.Content {
			inner, ok := t.json(item)
			if !ok {
				return v, false
			}
			v.Items = append(v.Items, inner)
		}
		return v, true
	case yaml.ScalarNode:
		switch n.ShortTag() {
		case "!!null":
			return strictjson.Value{Kind: strictjson.Null}, true
		case "!!bool":
			return strictjson.Value{Kind: strictjson.Bool, Bool: strings.EqualFold(n.Value, "true")}, true
		case "!!int", "!!float":
			return strictjson.Value{Kind: strictjson.Number, Str: n.Value}, true
		}
		return strictjson.Value{Kind: strictjson.String, Str: n.Value}, true
	}
	t.fail(n, "R0602", "a fact must be a scalar or a list of strings, not "+kindName(n), "")
	return strictjson.Value{}, false
}

func (t *testReader) guards(n *yaml.Node) []TestGuard {
	items, _ := t.items(n, "guards")
	var list []TestGuard
	for _, item := range items {
		members, ok := t.members(item, "a guard", []string{"code", "outcome", "action_code"})
		if !ok {
			continue
		}
		g := TestGuard{}
		for _, mb := range members {
			switch mb.name {
			case "code":
				g.Code, _ = t.text(mb.val, "code")
			case "outcome":
				g.Outcome, _ = t.outcome(mb.val, "outcome")
			case "action_code":
				g.ActionCode, _ = t.text(mb.val, "action_code")
			}
		}
		if g.Code == "" {
			t.fail(item, "R0111", "the guard has no code", "")
		}
		list = append(list, g)
	}
	return list
}

var expectKeys = []string{"outcome", "action_code", "rules", "not_rules", "shadow", "reasons", "step_up", "degraded",
	"missing_facts", "score", "section"}

func (t *testReader) expect(e *Expect, n *yaml.Node) {
	members, ok := t.members(n, "expect", expectKeys)
	if ok && len(members) == 0 {
		t.fail(n, "R0605", "the case expects nothing", "write outcome: ..., rules: [...] or not_rules: [...]")
	}
	for _, mb := range members {
		t.expectKey(e, mb)
	}
	for _, id := range e.Rules {
		if slices.Contains(e.NotRules, id) {
			t.fail(n, "R0605", "the case expects the rule "+quote(id)+" both to hit and not to", "")
		}
	}
}

func (t *testReader) expectKey(e *Expect, mb member) {
	n := mb.val
	list := func() []string { return append([]string{}, t.texts(n, mb.name)...) }
	switch mb.name {
	case "outcome":
		if o, ok := t.outcome(n, "outcome"); ok {
			e.Outcome = &o
		}
	case "action_code":
		e.ActionCode, _ = t.word(n, "R0605", "action_code", "00", "85", "14", "54", "N7", "05", "96")
	case "rules":
		e.Rules = t.ruleList(n)
	case "not_rules":
		e.NotRules = t.ruleList(n)
	case "shadow":
		e.Shadow = t.ruleList(n)
	case "reasons":
		e.Reasons = list()
	case "step_up":
		e.StepUp = append([]string{}, t.channels(n)...)
	case "degraded":
		e.Degraded = list()
		slices.Sort(e.Degraded)
	case "missing_facts":
		e.Missing = list()
	case "score":
		if v, ok := t.integer(n, "score", 0, math.MaxInt64); ok {
			e.Score = &v
		}
	case "section":
		if s, ok := t.text(n, "section"); ok {
			e.Section = &s
		}
	}
}

func (t *testReader) ruleList(n *yaml.Node) []string {
	list := append([]string{}, t.texts(n, "a list of rules")...)
	for i, id := range list {
		item := n
		if n.Kind == yaml.SequenceNode && i < len(n.Content) {
			item = n.Content[i]
		}
		if !t.ids[id] {
			hint := ""
			var known []string
			for have := range t.ids {
				known = append(known, have)
			}
			if near := rules.Nearest(id, known); near != "" {
				hint = "did you mean " + quote(near) + "?"
			}
			t.fail(item, "R0604", "the pack has no rule "+quote(id), hint)
		}
	}
	return list
}
