package rules_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/compile/compiletest"
)

// TestBoardsFindWhatTheRestOfTheIndexDoes takes packs of all sizes: those that are on a
// board as a whole, those with boards beside groups, and those that are too large. That
// the index as a whole is right is rules/compile's to test.
func TestBoardsFindWhatTheRestOfTheIndexDoes(t *testing.T) {
	schema, ways, hits, others := compiletest.Schema(), map[string]int{}, 0, 0
	for seed := range uint64(24) {
		p := tellingPack(t, schema, seed, []int{5, 60, 150, 250, 400, 900}[seed%6])
		switch n, whole := p.Boards(); {
		case whole:
			ways["whole"]++
		case n > 0:
			ways["beside groups"]++
		default:
			ways["none"]++
		}
		bare, g := p.WithoutBoards(), compiletest.New(seed)
		for range 60 {
			f := g.Facts(schema)
			got, want := p.Run(f, compiletest.Now), bare.Run(f, compiletest.Now)
			if !reflect.DeepEqual(got.Notes, want.Notes) {
				t.Fatalf("seed %d on %s\nboards %v\nbare   %v", seed, f.AppendJSON(nil, nil), got.Notes, want.Notes)
			}
			if all := sayingVerdicts(p, f); !reflect.DeepEqual(append([]rules.Note{}, got.Notes...), all) {
				t.Fatalf("seed %d on %s\nindex %v\nverdicts %v", seed, f.AppendJSON(nil, nil), got.Notes, all)
			}
			for _, n := range got.Notes {
				if n.Truth == rules.True {
					hits++
				} else {
					others++
				}
			}
		}
	}
	if min(ways["whole"], ways["beside groups"], ways["none"]) < 2 || min(hits, others) < 1000 {
		t.Errorf("%v; %d hits, %d others", ways, hits, others)
	}
}

// sayingVerdicts are what Run would note if it judged every rule.
func sayingVerdicts(p *rules.Pack, f *rules.Facts) []rules.Note {
	notes := []rules.Note{}
	for i, v := range p.Verdicts(f, compiletest.Now) {
		r := &p.Manifest().Rules[i]
		if v.Hit || v.Truth == rules.Unknown && (r.OnMissing != rules.Skip || r.Effect == rules.EffectRed) {
			notes = append(notes, rules.Note{Rule: i, Verdict: v})
		}
	}
	return notes
}

// tellingPack is a pack whose rules are conjunctions of tests of single fields, over the
// values that generated facts have.
func tellingPack(t *testing.T, schema *rules.Schema, seed uint64, n int) *rules.Pack {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 128))
	text := func() string {
		return strconv.Quote([]string{"", "x", "y", "ü", "X ", "abc", "long enough not to fit"}[r.IntN(7)])
	}
	clauses := []func() string{
		func() string { return fmt.Sprintf("n.a == %d", r.IntN(5)-2) },
		func() string { return fmt.Sprintf("n.b in %d..%d", r.IntN(3)-2, r.IntN(5)) },
		func() string { return fmt.Sprintf("n.c >= %d", r.IntN(7)-3) },
		func() string { return fmt.Sprintf("f.a < %d.5", r.IntN(5)-2) },
		func() string { return "s.a == " + text() },
		func() string { return "s.b not in [" + text() + ", " + text() + "]" },
		func() string { return "s.b < " + text() },
		func() string { return "len(s.a) > " + strconv.Itoa(r.IntN(3)) },
		func() string { return []string{"b.a", "not b.a", "has(b.b)", "not has(n.a)"}[r.IntN(4)] },
		func() string { return text() + " in l.a" },
		func() string { return "not (" + text() + " in l.b)" },
		func() string { return "(" + text() + " in l.a or n.a > 1)" },
	}
	var b strings.Builder
	for i := range n {
		var when []string
		for _, k := range r.Perm(len(clauses))[:1+r.IntN(3)] {
			when = append(when, clauses[k]())
		}
		fmt.Fprintf(&b, "- id: R%d\n  effect: %s\n  why: generated\n  on_missing: %s\n  when: %s\n", i, []string{"yellow", "red"}[r.IntN(2)],
			[]string{"skip", "skip", "hit", "error"}[r.IntN(4)], strconv.Quote(strings.Join(when, " and ")))
	}
	files := compiletest.Files("default: green\nlimits: {max_cost: 100000000}\n")
	files["rules/rules.yaml"] = &fstest.MapFile{Data: []byte(b.String())}
	p, err := compile.FS(files, compile.Options{Schemas: []*rules.Schema{schema}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
