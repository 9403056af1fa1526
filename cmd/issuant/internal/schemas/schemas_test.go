package schemas

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/starter"
)

func ExampleNames() {
	fmt.Println(Names())
	// Output: [config decision event pack record rules test]
}

func compiled(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	text, ok := JSON(name)
	if !ok {
		t.Fatalf("no schema %q", name)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource(name+".json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

func TestEverySchemaIsValid(t *testing.T) {
	for _, name := range Names() {
		compiled(t, name)
	}
	if _, ok := JSON("nothing"); ok {
		t.Error("a schema of that name")
	}
}

func TestEventSchemaTakesEvents(t *testing.T) {
	s := compiled(t, "event")
	for _, ev := range []*engine.Event{enginetest.CleanPush(), enginetest.CleanMerchant(), engine.NewEvent(rules.EventV1())} {
		if err := validate(t, s, ev.AppendJSON(nil)); err != nil {
			t.Error(err)
		}
	}
	ev := enginetest.CleanPush()
	ev.Guards = []engine.Guard{{Code: "EXPCRD", Outcome: rules.Red, ActionCode: "54"}}
	if err := validate(t, s, ev.AppendJSON(nil)); err != nil {
		t.Error(err)
	}
}

// The schema and the strict reader agree on what is an event.
func TestEventSchemaAgreesWithTheReader(t *testing.T) {
	s := compiled(t, "event")
	for _, c := range []struct {
		text string
		want bool
	}{
		{`{}`, true},
		{`{"card":null,"id":null}`, true},
		{`{"card":{"status":"normal"}}`, true},
		{`{"card":{"status":"never heard of"}}`, true}, // unknown values are data
		{`{"guards":[{"code":"X"}]}`, true},
		{`{"holder":{"channels":["pigeon"]}}`, true},
		{`[]`, false},
		{`{"card":[]}`, false},
		{`{"card":{"staus":"normal"}}`, false},
		{`{"Card":{}}`, false},
		{`{"card":{"status":1}}`, false},
		{`{"card":{"expired":"yes"}}`, false},
		{`{"wallet":{"device_score":1.5}}`, false},
		{`{"wallet":{"reasons":"a"}}`, false},
		{`{"wallet":{"reasons":[1]}}`, false},
		{`{"guards":[{}]}`, false},
		{`{"guards":[{"code":"X","outcome":"blue"}]}`, false},
		{`{"label":{"kind":"fraud"}}`, true},
	} {
		_, err := engine.ParseEvent(rules.EventV1(), []byte(c.text))
		verr := validate(t, s, []byte(c.text))
		if (err == nil) != c.want || (verr == nil) != c.want {
			t.Errorf("%s: reader says %v, schema says %v, want %v", c.text, err, verr, c.want)
		}
	}
}

func TestDecisionSchemaTakesDecisions(t *testing.T) {
	pack, err := starter.Pack()
	if err != nil {
		t.Fatal(err)
	}
	eng, err := engine.New(pack, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := compiled(t, "decision")
	red := enginetest.With(enginetest.CleanPush(), "verify.cvv", "fail", "card.status", "lost")
	for _, ev := range []*engine.Event{enginetest.CleanPush(), red, engine.NewEvent(rules.EventV1())} {
		for _, d := range []*engine.Decision{eng.Decide(ev, enginetest.Now()), eng.DecideLate(ev, enginetest.Now())} {
			if err := validate(t, s, d.AppendJSON(nil)); err != nil {
				t.Error(err)
			}
		}
	}
	text := eng.Decide(red, enginetest.Now()).AppendJSON(nil)
	for _, member := range []string{"outcome", "rules", "system_error", "lists"} {
		broken := bytes.Replace(text, []byte(`"`+member+`":`), []byte(`"x`+member+`":`), 1)
		if validate(t, s, broken) == nil {
			t.Errorf("a decision without %s is taken", member)
		}
	}
}

func TestRecordSchemaTakesRecords(t *testing.T) {
	s := compiled(t, "record")
	for _, card := range []engine.Card{{}, {Ref: "k1:abc"}, {BIN: "412345", Last4: "1111"}} {
		for _, r := range []engine.Record{
			{At: enginetest.Now(), Counterpart: "pismo", Refusal: "signature", Card: card},
			{At: enginetest.Now(), Counterpart: "pismo", Decided: true, ActionCode: "85", Outcome: rules.Yellow, Card: card,
				Rules: []engine.RuleHit{{ID: "R1", Version: "1"}}, Reasons: []string{"X"}, Degraded: []engine.Degradation{{Code: "deadline"}},
				DecisionID: strings.Repeat("0", 64), PackID: strings.Repeat("a", 64), Micros: time.Second.Microseconds(),
				Verified: true, Age: -time.Second, Observed: []string{"max_age"}, Sealed: "YWdl",
				Incumbent: &engine.Incumbent{Status: 200, Read: true, Approve: true, ActionCode: "00"}},
			{At: enginetest.Now(), Counterpart: "pismo", Refusal: "busy", Card: card, Incumbent: &engine.Incumbent{Failure: engine.IncumbentTimeout, Micros: 1}},
		} {
			var line bytes.Buffer
			j, err := engine.NewJournal(&line, engine.JournalOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if err := j.Append(&r); err != nil {
				t.Fatal(err)
			}
			if err := validate(t, s, line.Bytes()); err != nil {
				t.Errorf("%s: %v", line.Bytes(), err)
			}
		}
	}
}

// fromYAML turns YAML into what a JSON Schema judges, as editors do: an unquoted
// date stays the text that it is.
func fromYAML(t *testing.T, text []byte) any {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		t.Fatal(err)
	}
	var plain func(n *yaml.Node)
	plain = func(n *yaml.Node) {
		if n.Tag == "!!timestamp" {
			n.Tag = "!!str"
		}
		for _, c := range n.Content {
			plain(c)
		}
	}
	plain(&n)
	var v any
	if err := n.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSourceSchemasTakeTheStarterPack(t *testing.T) {
	for pattern, name := range map[string]string{"pack.yaml": "pack", "rules/*.yaml": "rules", "tests/*_test.yaml": "test"} {
		s := compiled(t, name)
		files, err := fs.Glob(starter.FS(), pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files, %v", pattern, err)
		}
		for _, f := range files {
			text, err := fs.ReadFile(starter.FS(), f)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Validate(fromYAML(t, text)); err != nil {
				t.Errorf("%s: %v", f, err)
			}
		}
	}
}

const (
	goodPack = `name: a
version: "1"
default: yellow
schema: {name: x, version: 1, fields: [{name: a.b, type: int, enum: [], personal: true, doc: d}, {name: a.c, type: string, label: true}]}
hit: score
on_error: red
on_missing: hit
green_requires: [a.b]
thresholds: {yellow: 1, orange: 2, red: 3}
step_up: [call]
tenured_days: 10
no_step_up: red
sections: [{name: s, when: a.b == 1, no_step_up: green}]
params: {p: {value: 1, type: int, min: 0, max: 2, unit: u, doc: d}}
lists: {l: {doc: d}}
limits: {max_cost: 10000}
owner: o
doc: d
`
	goodRule = `- id: R1
  effect: score
  when: a.b == param("p") and a.b > 0
  reason: X
  weight: 5
  on_missing: skip
  step_up: [call]
  require: {sca: true, tenured: false, no_app: true}
  shadow: {until: 2027-01-01}
  percent: 50
  why: w
  say: s
  source: [x, y]
  owner: o
  since: 2026-11-23
  version: "2"
  params: [p]
- id: R2
  effect: red
  when: a.b == 2
  action_code: "54"
  require: [sca]
  shadow: true
  why: w
  source: x
`
	goodTest = `options: {now: "2026-11-23T10:00:00Z"}
cases:
  - name: n
    todo: true
    now: "2026-11-23T10:00:00Z"
    history: [{at: -30m, card: {ref: c}}]
    event: {id: e, card: {ref: c}, guards: [{code: X, outcome: red, action_code: "54"}]}
    expect: {outcome: red, action_code: "54", rules: [R1], not_rules: [R2], shadow: [], reasons: [X], step_up: [],
      degraded: [], missing_facts: [], score: 1, section: s}
`
)

// keys returns the properties of a schema made by object.
func keys(n node) []string {
	for _, m := range n {
		if m.name == "properties" {
			var list []string
			for _, p := range m.value.(node) {
				list = append(list, p.name)
			}
			return list
		}
	}
	return nil
}

// Every key that a schema knows stands in the texts above, which the compiler
// takes: so no schema knows a key that the compiler does not.
func TestSourceSchemasKnowTheKeysOfTheCompiler(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		keys []string
	}{
		"pack":  {goodPack, keys(pack())},
		"rules": {goodRule, keys(rule())},
		"test":  {goodTest, append(keys(testFile()), keys(expect())...)},
	} {
		if err := compiled(t, name).Validate(fromYAML(t, []byte(c.text))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, k := range c.keys {
			if !strings.Contains(c.text, k+":") {
				t.Errorf("%s: the key %q is not tried", name, k)
			}
		}
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"pack.yaml": goodPack, "rules/a.yaml": goodRule})
	if _, found, _ := compile.Check(os.DirFS(dir), compile.Options{}); len(found) > 0 && found[0].Severity == compile.SeverityError {
		t.Errorf("the compiler: %v", found)
	}
}

func TestTestSchemaKnowsTheKeysOfTheCompiler(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"pack.yaml":         "name: a\nversion: \"1\"\ndefault: yellow\n",
		"rules/a.yaml":      "- {id: R1, effect: red, when: card.status == \"lost\", why: w}\n- {id: R2, effect: red, when: card.status == \"x\", why: w}\n",
		"tests/a_test.yaml": goodTest,
	})
	p, err := compile.Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := compile.Tests(os.DirFS(dir), p); err != nil {
		t.Error(err)
	}
}

func TestSourceSchemasRefuseUnknownKeys(t *testing.T) {
	for name, text := range map[string]string{
		"pack":  "zzz: 1\n" + goodPack,
		"rules": strings.Replace(goodRule, "  effect", "  zzz: 1\n  effect", 1),
		"test":  "zzz: 1\n" + goodTest,
	} {
		if err := compiled(t, name).Validate(fromYAML(t, []byte(text))); err == nil {
			t.Errorf("%s: the schema takes an unknown key", name)
		}
	}
}

// The compiler keeps its keys in variables of its own. They are read from its
// source, so that a new key cannot be forgotten here.
func TestSourceSchemasKnowEveryKeyOfTheCompiler(t *testing.T) {
	lists := map[string][]string{}
	for _, file := range testutil.Files(t, "/rules/compile/*.go") {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Names) != 1 || len(v.Values) != 1 {
				return true
			}
			if lit, ok := v.Values[0].(*ast.CompositeLit); ok && strings.HasSuffix(v.Names[0].Name, "Keys") {
				for _, e := range lit.Elts {
					if text, ok := e.(*ast.BasicLit); ok {
						k, _ := strconv.Unquote(text.Value)
						lists[v.Names[0].Name] = append(lists[v.Names[0].Name], k)
					}
				}
			}
			return true
		})
	}
	for name, have := range map[string][]string{"packKeys": keys(pack()), "ruleKeys": keys(rule()), "expectKeys": keys(expect())} {
		want := lists[name]
		slices.Sort(have)
		slices.Sort(want)
		if len(want) == 0 || !slices.Equal(have, want) {
			t.Errorf("%s of the compiler: %v\nschema: %v", name, want, have)
		}
	}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
