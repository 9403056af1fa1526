package compile_test

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"testing/fstest"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/compile/compiletest"
	"github.com/issuant/issuant/rules/compile/internal/reference"
)

// pairs is how many pairs of a condition and an event the differential test judges
// twice; ISSUANT_SOAK asks for more.
func pairs(t *testing.T) int {
	if s := os.Getenv("ISSUANT_SOAK"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		if n == 1 { // make soak: as long as it takes
			return 10_000_000
		}
		return n
	}
	if testing.Short() {
		return 5_000
	}
	if underRace { // the detector looks for races, which few pairs show as well
		return 10_000
	}
	return 100_000
}

const eventsPerCondition, conditionsPerPack = 10, 50

// TestJudgeAgreesWithReference compares Judge, and the rewritten conditions on expr's
// VM, with the truth-table interpreter: verdicts and error codes, on seeded random
// pairs of a condition and an event.
func TestJudgeAgreesWithReference(t *testing.T) {
	schema := compiletest.Schema()
	seen := map[rules.Truth]int{}
	codes := map[code.Code]int{}
	lowered := 0
	for done, seed := 0, uint64(1); done < pairs(t); seed++ {
		g := compiletest.New(seed)
		p := generatedPack(t, g, schema)
		onVM := machines(t, p)
		for range eventsPerCondition {
			f := g.Facts(schema)
			env := p.Env(f, compiletest.Now)
			for i := range p.Manifest().Rules {
				when := p.Manifest().Rules[i].When
				got, gotCode := p.Condition(i).Judge(env)
				want, wantCode := reference.Judge(when, p.Manifest(), env)
				if got != want || gotCode != wantCode {
					t.Fatalf("seed %d: %s\non %s\nis %v (%v), the reference says %v (%v)",
						seed, when, f.AppendJSON(nil, nil), got, gotCode, want, wantCode)
				}
				if vm, vmCode := onVM[i](env); vm != want || vmCode != wantCode {
					t.Fatalf("seed %d: %s\non %s\nis %v (%v) on the VM, the reference says %v (%v)",
						seed, when, f.AppendJSON(nil, nil), vm, vmCode, want, wantCode)
				}
				if p.Condition(i).(*rules.Lowered).Form().Root.Foreign() == nil {
					lowered++
				}
				seen[got]++
				codes[gotCode]++
				done++
			}
		}
	}
	for _, v := range []rules.Truth{rules.Unknown, rules.False, rules.True, rules.Error} {
		if seen[v] < 50 {
			t.Errorf("only %d pairs were %v", seen[v], v)
		}
	}
	for _, c := range []code.Code{code.Overflow, code.DivideByZero, code.NotANumber} {
		if codes[c] == 0 {
			t.Errorf("no pair failed with %v", c)
		}
	}
	if lowered < 500 {
		t.Errorf("only %d pairs had a form that needs no VM", lowered)
	}
	t.Log(seen, codes, lowered)
}

func generatedPack(tb testing.TB, g *compiletest.Gen, schema *rules.Schema) *rules.Pack {
	tb.Helper()
	files := compiletest.Files("default: green\nlimits: {max_cost: 100000000}\n")
	var text string
	for i := range conditionsPerPack {
		text += fmt.Sprintf("- {id: R%d, effect: red, why: w, when: %s}\n", i, strconv.Quote(g.Condition(1+i%4)))
	}
	files["rules/r.yaml"] = &fstest.MapFile{Data: []byte(text)}
	p, err := compile.FS(files, compile.Options{Schemas: []*rules.Schema{schema}})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// TestLeavesAgreeWithTheirFlips checks what Leaves promises: every flip changes the
// leaf's verdict, judged anew.
func TestLeavesAgreeWithTheirFlips(t *testing.T) {
	schema := compiletest.Schema()
	flips := 0
	for seed := range uint64(20) {
		g := compiletest.New(1000 + seed)
		p := generatedPack(t, g, schema)
		f := g.Facts(schema)
		before := string(f.AppendJSON(nil, nil))
		for i := range p.Manifest().Rules {
			for n, leaf := range p.Condition(i).Leaves(p.Env(f, compiletest.Now)) {
				for _, flip := range leaf.Flips {
					changed := f.Clone()
					name := schema.Field(flip.Field).Name
					if flip.Value == nil {
						changed.Unset(name)
					} else if err := changed.Set(name, flip.Value); err != nil {
						t.Fatal(err)
					}
					if got := p.Condition(i).Leaves(p.Env(changed, compiletest.Now))[n].Truth; got == leaf.Truth {
						t.Fatalf("%s: setting %s to %v leaves it %v", leaf.Text, name, flip.Value, got)
					}
					flips++
				}
			}
		}
		if got := string(f.AppendJSON(nil, nil)); got != before {
			t.Fatalf("Leaves changed the facts: %s to %s", before, got)
		}
	}
	if flips < 1000 {
		t.Errorf("only %d flips", flips)
	}
}

// machines compiles every condition of a pack for expr's VM.
func machines(tb testing.TB, p *rules.Pack) (list []func(*rules.Env) (rules.Truth, code.Code)) {
	for i := range p.Manifest().Rules {
		judge, err := compile.OnVM(p.Manifest(), p.Manifest().Rules[i].When)
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, judge)
	}
	return list
}
