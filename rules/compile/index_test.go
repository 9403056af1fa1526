package compile_test

import (
	"reflect"
	"testing"

	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/compile/compiletest"
)

// TestIndexFindsWhatVerdictsSay compares Run, which asks the index, with Verdicts, which
// judges every rule: on generated packs whose rules repeat often enough to make
// groups, and on generated events.
func TestIndexFindsWhatVerdictsSay(t *testing.T) {
	schema := compiletest.Schema()
	packs, noted, degraded := 60, 0, 0
	if testing.Short() || underRace {
		packs = 10
	}
	for seed := range uint64(packs) {
		g := compiletest.New(5000 + seed)
		files := g.Pack(20+int(seed%4)*150, "worst")
		files["pack.yaml"].Data = append(files["pack.yaml"].Data, "limits: {max_cost: 100000000}\n"...)
		p, err := compile.FS(files, compile.Options{Schemas: []*rules.Schema{schema}})
		if err != nil {
			t.Fatal(err)
		}
		var run rules.Run
		for range 40 {
			f := g.Facts(schema)
			p.RunInto(&run, f, compiletest.Now)
			if want := said(p, p.Verdicts(f, compiletest.Now)); !reflect.DeepEqual(append([]rules.Note{}, run.Notes...), want) {
				t.Fatalf("seed %d on %s\nnotes   %v\nverdicts %v", seed, f.AppendJSON(nil, nil), run.Notes, want)
			}
			noted += len(run.Notes)
			if run.Cost >= p.Manifest().MaxCost {
				degraded++
			}
		}
	}
	if noted < 1000 || degraded > packs*20 {
		t.Errorf("%d notes, %d runs beyond the budget", noted, degraded)
	}
}

// TestCountedCostIsWithinTheStatic holds what is counted on an event to what was
// promised when the pack was compiled, for each condition and for the whole, and the
// whole to the sum of its parts.
func TestCountedCostIsWithinTheStatic(t *testing.T) {
	schema := compiletest.Schema()
	less := 0
	for seed := range uint64(20) {
		g := compiletest.New(7000 + seed)
		p := generatedPack(t, g, schema)
		for range 20 {
			f := g.Facts(schema)
			sum, worst := int64(0), int64(0)
			for i := range p.Manifest().Rules {
				c := p.Condition(i).(*rules.Lowered)
				got := c.Counted(f)
				if got < 1 || got > c.Cost() {
					t.Fatalf("%s: counted %d, at most %d", p.Manifest().Rules[i].When, got, c.Cost())
				}
				if got < c.Cost() {
					less++
				}
				sum, worst = sum+got, worst+c.Cost()
			}
			if run := p.Run(f, compiletest.Now); run.Cost != min(sum, p.Manifest().MaxCost) || run.Cost > worst {
				t.Fatalf("the run counts %d, its conditions %d of at most %d", run.Cost, sum, worst)
			}
		}
	}
	if less < 100 {
		t.Errorf("only %d conditions cost less than they may", less)
	}
}

// said are the verdicts that Run notes.
func said(p *rules.Pack, verdicts []rules.Verdict) []rules.Note {
	notes := []rules.Note{}
	for i, v := range verdicts {
		r := &p.Manifest().Rules[i]
		matters := r.OnMissing != rules.Skip || r.Effect == rules.EffectRed && !r.Shadow
		if v.Ran && (v.Hit || v.Truth == rules.Error || v.Truth == rules.Unknown && matters) {
			notes = append(notes, rules.Note{Rule: i, Verdict: v})
		}
	}
	return notes
}
