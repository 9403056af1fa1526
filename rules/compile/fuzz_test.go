package compile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/compile/compiletest"
	"github.com/issuant/issuant/rules/compile/internal/reference"
)

// seedFile returns a file of a pack in testdata, "" when that pack has none.
func seedFile(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return string(b)
}

// FuzzFS sees that no source makes the compiler panic, that a refusal is an *Error
// with places within the files, and that what compiles survives its binary form.
func FuzzFS(f *testing.F) {
	for _, want := range testutil.Files(f, "/testdata/badpacks/*/want.txt") {
		dir := filepath.Dir(want)
		f.Add(seedFile(dir, "pack.yaml"), seedFile(dir, "rules/r.yaml"), seedFile(dir, "lists/deny.csv"), seedFile(dir, "tests/a_test.yaml"))
	}
	f.Add(largePack, largeRules, "value,expires,note\nk1:a,,\n", "cases:\n- {name: a, event: {}, expect: {outcome: red}}\n")
	f.Fuzz(func(t *testing.T, packText, rulesText, list, tests string) {
		files := with(with(pack(packText, rulesText), "lists/deny.csv", []byte(list)), "tests/a_test.yaml", []byte(tests))
		p, err := compile.FS(files, compile.Options{})
		if err != nil {
			ce, ok := err.(*compile.Error)
			if !ok || p != nil || code.Of(err) != code.Compile || len(ce.Diagnostics) == 0 {
				t.Fatalf("%v beside a pack: %v", err, p != nil)
			}
			for _, d := range ce.Diagnostics {
				if d.Line < 0 || d.Line > 0 && (d.Column < 1 || d.EndColumn <= d.Column) || strings.ContainsAny(d.String(), "\x00\x1b") {
					t.Fatalf("%+v", d)
				}
			}
			return
		}
		if _, err := compile.Tests(files, p); err != nil && code.Of(err) != code.PackTest {
			t.Fatalf("code of %v", err)
		}
		b := p.Encode()
		q, err := compile.Load(b)
		if err != nil || string(q.Encode()) != string(b) {
			t.Fatalf("a pack that compiles does not load as what it is: %v", err)
		}
		p.Run(rules.NewFacts(p.Schema()), compiletest.Now)
	})
}

// FuzzCondition sees that what compiles is judged as the reference judges it.
func FuzzCondition(f *testing.F) {
	g := compiletest.New(99)
	for range 100 {
		f.Add(g.Condition(3), uint64(1))
	}
	schema := compiletest.Schema()
	f.Fuzz(func(t *testing.T, when string, seed uint64) {
		files := compiletest.Files("default: green\n")
		files = with(files, "rules/r.yaml", []byte(ruleOf(when)))
		p, err := compile.FS(files, compile.Options{Schemas: []*rules.Schema{schema}})
		if err != nil {
			return
		}
		env := p.Env(compiletest.New(seed).Facts(schema), compiletest.Now)
		got, gotCode := p.Condition(0).Judge(env)
		want, wantCode := reference.Judge(p.Manifest().Rules[0].When, p.Manifest(), env)
		if got != want || gotCode != wantCode {
			t.Fatalf("%s is %v (%v), the reference says %v (%v)", when, got, gotCode, want, wantCode)
		}
		p.Condition(0).Leaves(env)
	})
}
