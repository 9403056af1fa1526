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

// TestIndexFindsWhatJudgingEachRuleDoes takes a pack with what no small one has: more
// rules of one signature than a group takes, tables that are too large to be made by
// cell, and slots that let all rules of a group pass.
func TestIndexFindsWhatJudgingEachRuleDoes(t *testing.T) {
	shapes := []struct {
		rules int
		when  func(i int) string
	}{
		{4500, func(i int) string { return fmt.Sprintf(`s.a == "v%d" and n.a >= %d`, i%700, i%5-2) }},
		{300, func(i int) string {
			return fmt.Sprintf(`s.a in ["v1", "v2", "v%d"] and n.b >= %d and n.c >= 0`, 3+i%4, i%3-1)
		}},
		{400, func(i int) string { return fmt.Sprintf(`"v%d" in l.a and n.b <= %d`, i, i%4) }},
		{200, func(i int) string { return fmt.Sprintf(`"v%d" in l.a and n.c == 1 and f.a < %d.5`, i%5, i%4) }},
		{100, func(i int) string {
			return fmt.Sprintf(`not ("v%d" in l.a) and "v%d" in l.b and n.c == 2 and n.a == %d`, i%3, i%7, i%3)
		}},
	}
	var b strings.Builder
	n := 0
	for k, s := range shapes {
		for i := range s.rules {
			fmt.Fprintf(&b, "- id: R%d\n  effect: %s\n  why: generated\n  when: %s\n", n, []string{"yellow", "red", "yellow"}[i%3*min(k, 1)], strconv.Quote(s.when(i)))
			n++
		}
	}
	files, schema := compiletest.Files("default: green\nlimits: {max_cost: 100000000}\n"), compiletest.Schema()
	files["rules/rules.yaml"] = &fstest.MapFile{Data: []byte(b.String())}
	p, err := compile.FS(files, compile.Options{Schemas: []*rules.Schema{schema}})
	if err != nil {
		t.Fatal(err)
	}
	r, g, notes := rand.New(rand.NewPCG(2, 4096)), compiletest.New(1), 0
	some := func() (list []string) {
		for range r.IntN(4) {
			list = append(list, fmt.Sprintf("v%d", r.IntN(8)*r.IntN(60)))
		}
		return list
	}
	for range 200 {
		f := g.Facts(schema)
		for name, v := range map[string]any{"s.a": fmt.Sprintf("v%d", r.IntN(6)*r.IntN(120)), "l.a": some(), "l.b": some(), "n.c": int64(r.IntN(4) - 1)} {
			if r.IntN(8) > 0 {
				if err := f.Set(name, v); err != nil {
					t.Fatal(err)
				}
			}
		}
		got := p.Run(f, compiletest.Now)
		if want := sayingVerdicts(p, f); !reflect.DeepEqual(append([]rules.Note{}, got.Notes...), want) {
			t.Fatalf("on %s\nindex    %v\nverdicts %v", f.AppendJSON(nil, nil), got.Notes, want)
		}
		notes += len(got.Notes)
	}
	if notes < 1000 {
		t.Errorf("%d notes", notes)
	}
}
