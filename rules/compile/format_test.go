package compile_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/compile/compiletest"
)

// canonical pairs are a source and its canonical layout; the layout is its own.
var canonical = []struct{ claim, file, source, want string }{
	{"keys of a rule get one order, comments go with them", "rules/r.yaml", `
- why:   lost
  # tried with 3 too
  when: card.age_days<2   # not yet
  id: R1
  effect: red
`, `- id: R1
  effect: red
  # tried with 3 too
  when: card.age_days<2  # not yet
  why: lost
`},
	{"a rule between brackets becomes a block, one blank line stands between rules", "rules/r.yaml", `- {id: R1, effect: red, when: 'a == "x, # y"', why: w}  # first
- {id: R2, effect: red, when: "true", why: w}


- id: R3
  effect: red
  when: "true"
  why: w`, `# first
- id: R1
  effect: red
  when: 'a == "x, # y"'
  why: w

- id: R2
  effect: red
  when: "true"
  why: w

- id: R3
  effect: red
  when: "true"
  why: w
`},
	{"blocks keep their lines, what is indented deeper than the next rule stays above it", "rules/r.yaml", `# The file.

# The rule.
-
    # Its name.
    id: R1
    effect: red
    when: |   # why so
        // no comment
        card.age_days < 2


        and true
    why: >-
       two
       lines

       and a third
    # shadow: true
# The other.
- id: R2
  effect: red
  when: a == "x"
    and b == "y"
  why: w
# The end.
`, "# The file.\n\n# The rule.\n# Its name.\n- id: R1\n  effect: red\n  when: |  # why so\n    // no comment\n    card.age_days < 2\n\n\n    and true\n" +
		"  why: >-\n    two\n    lines\n\n    and a third\n  # shadow: true\n\n# The other.\n- id: R2\n  effect: red\n  when: a == \"x\"\n    and b == \"y\"\n  why: w\n# The end.\n"},
	{"brackets that fit stand on one line, others break after a comma, those with comments become blocks", "pack.yaml", `version: "1"
name: p
green_requires: [
  card.ref,
  card.type ]
step_up: [app, # first
  sms
  # never call
]
params: {a: {unit: cards, value: 5}}
lists: {}
doc:
default: green
`, `name: p
version: "1"
doc:
default: green
green_requires: [card.ref, card.type]
step_up:
  - app  # first
  - sms
  # never call
params: {a: {value: 5, unit: cards}}
lists: {}
`},
	{"a test's event keeps the author's order and breaks where the line ends", "tests/a_test.yaml", `cases:
# below
- expect: {rules: [], outcome: red}
  event: {token: {source: manual, network: visa, requestor_id: "40010000001", requestor: apple_pay, channel: wallet, type: device}, card: {ref: "k1:card-a", bin: "411111"}}
  name: a
options: {now: 2026-11-23T10:00:00Z}
`, `options: {now: 2026-11-23T10:00:00Z}
cases:
  # below
  - name: a
    event: {token: {source: manual, network: visa, requestor_id: "40010000001", requestor: apple_pay,
        channel: wallet, type: device}, card: {ref: "k1:card-a", bin: "411111"}}
    expect: {outcome: red, rules: []}
`},
}

func TestFormatGivesTheCanonicalLayout(t *testing.T) {
	for _, c := range canonical {
		got, err := compile.Format(c.file, []byte(c.source))
		if err != nil || string(got) != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s\n%v", c.claim, got, c.want, err)
		}
		again, err := compile.Format(c.file, got)
		if err != nil || !bytes.Equal(again, got) {
			t.Errorf("%s: not stable:\n%s\n%v", c.claim, again, err)
		}
		// The same with the line ends of another system.
		crlf, err := compile.Format(c.file, []byte(strings.ReplaceAll(c.source, "\n", "\r\n")))
		if err != nil || string(crlf) != c.want {
			t.Errorf("%s: with CR LF:\n%s\n%v", c.claim, crlf, err)
		}
	}
}

// apply returns the pack with its canonical files.
func apply(fsys fs.FS, files []compile.Formatted) fstest.MapFS {
	out := fstest.MapFS{}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(fsys, p)
		out[p] = &fstest.MapFile{Data: b}
		return err
	})
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		out[f.Name] = &fstest.MapFile{Data: f.After}
	}
	return out
}

// formats checks all that Format promises of one pack; false when the pack has no
// canonical layout.
func formats(t *testing.T, name string, fsys fs.FS, opt compile.Options) bool {
	t.Helper()
	files, err := compile.FormatFS(fsys)
	if err != nil {
		if code.Of(err) != code.Compile {
			t.Errorf("%s: %v", name, err)
		}
		return false
	}
	after := apply(fsys, files)
	again, err := compile.FormatFS(after)
	if err != nil {
		t.Errorf("%s: what fmt wrote it does not read: %v", name, err)
	}
	for _, f := range again {
		if !bytes.Equal(f.Before, f.After) {
			t.Errorf("%s: %s changes again:\n%s\n---\n%s", name, f.Name, f.Before, f.After)
		}
	}
	p, err := compile.FS(fsys, opt)
	q, err2 := compile.FS(after, opt)
	if (err == nil) != (err2 == nil) {
		t.Errorf("%s: %v became %v", name, err, err2)
	}
	if err != nil || err2 != nil {
		return true
	}
	if p.ID() != q.ID() {
		t.Errorf("%s: the id changes", name)
	}
	tests, err := compile.Tests(fsys, p)
	tests2, err2 := compile.Tests(after, q)
	if (err == nil) != (err2 == nil) || len(tests) != len(tests2) {
		t.Errorf("%s: the tests change: %v became %v", name, err, err2)
	}
	return true
}

func TestFormatKeepsEveryPackWhatItIs(t *testing.T) {
	root := testutil.Root(t)
	if !formats(t, "starter", os.DirFS(filepath.Join(root, "rules/starter")), compile.Options{}) {
		t.Error("the starter pack has no canonical layout")
	}
	formatted := 0
	for _, want := range testutil.Files(t, "/testdata/badpacks/*/want.txt") {
		dir := filepath.Dir(want)
		if formats(t, dir, os.DirFS(dir), compile.Options{}) {
			formatted++
		}
	}
	if formatted < 50 {
		t.Errorf("only %d of the bad packs have a layout", formatted)
	}
	_, blocks := language(t)
	for _, prefix := range []string{"", "own "} {
		if !formats(t, "LANGUAGE.md", pagePack(t, blocks, prefix), compile.Options{}) {
			t.Error("the pack of LANGUAGE.md has no canonical layout")
		}
	}
	opt := compile.Options{Schemas: []*rules.Schema{compiletest.Schema()}}
	for seed := range uint64(60) {
		g := compiletest.New(seed)
		hit := []string{"worst", "score", "first"}[seed%3]
		if !formats(t, "generated", g.Pack(8, hit), opt) {
			t.Error("a generated pack has no canonical layout")
		}
	}
}

func TestStarterPackIsFormatted(t *testing.T) {
	files, err := compile.FormatFS(os.DirFS(filepath.Join(testutil.Root(t), "rules/starter")))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !bytes.Equal(f.Before, f.After) {
			t.Errorf("rules/starter/%s is not in its canonical layout: run issuant fmt --pack rules/starter", f.Name)
		}
	}
}

func TestFormatRefusesWhatDoesNotParse(t *testing.T) {
	for _, c := range []struct{ file, source, code string }{
		{"rules/r.yaml", "- id: [", "R0105"},
		{"rules/r.yaml", "", "R0114"},
		{"rules/r.yaml", "- id: &a x\n- *a\n", "R0107"},
		{"rules/r.yaml", "a: 1\n---\nb: 2\n", "R0106"},
		{"rules/r.yaml", "- {id: R, effect: red, why: w, when: 'card.status = \"x\"'}\n", "R0401"},
		{"rules/r.yaml", "- {id: R, effect: red, why: w, when: [a]}\n", "R0110"},
		{"rules/r.yaml", "- ? [a]\n  : b\n", "R0110"},
		{"rules/r.yaml", "- id: \xff\n", "R0103"},
		{"rules/r.yaml", "\t- id: x\n", "R0104"},
		{"pack.yaml", "sections:\n  - {name: a, when: 'b =='}\n", "R0401"},
	} {
		got, err := compile.Format(c.file, []byte(c.source))
		ce, ok := err.(*compile.Error)
		if got != nil || !ok || ce.Diagnostics[0].Code != c.code {
			t.Errorf("%q gives %q, %v; want %s", c.source, got, err, c.code)
		}
	}
}

// FuzzFormat sees that whatever has a canonical layout says the same in it, and that
// nothing makes Format panic. Format checks itself against the YAML library.
func FuzzFormat(f *testing.F) {
	for _, c := range canonical {
		f.Add(c.file, c.source)
	}
	for _, want := range testutil.Files(f, "/testdata/badpacks/*/want.txt") {
		f.Add("rules/r.yaml", seedFile(filepath.Dir(want), "rules/r.yaml"))
		f.Add("pack.yaml", seedFile(filepath.Dir(want), "pack.yaml"))
		f.Add("tests/a_test.yaml", seedFile(filepath.Dir(want), "tests/a_test.yaml"))
	}
	f.Fuzz(func(t *testing.T, name, source string) {
		out, err := compile.Format(name, []byte(source))
		if err != nil {
			if code.Of(err) != code.Compile || out != nil {
				t.Fatal(err)
			}
			return
		}
		again, err := compile.Format(name, out)
		if err != nil || !bytes.Equal(again, out) {
			t.Fatalf("not stable: %q, then %q: %v", out, again, err)
		}
		if len(out) == 0 || out[len(out)-1] != '\n' || strings.Contains(string(out), "\r") {
			t.Fatalf("the layout is %q", out)
		}
	})
}
