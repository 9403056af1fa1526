package lint_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/lint"
)

const tiny = `name: tiny
version: '1'
default: green
schema: {name: tiny, version: 1, fields: [{name: n, type: int}, {name: s, type: string}, {name: b, type: bool}, {name: l, type: strings}]}
`

// tinyEvents are all events that conditions of tinyCondition can tell apart.
func tinyEvents(s *rules.Schema) (all []*rules.Facts) {
	put := func(f *rules.Facts, name string, v any) *rules.Facts {
		g := f.Clone()
		if v != nil {
			if err := g.Set(name, v); err != nil {
				panic(err)
			}
		}
		return g
	}
	for _, n := range []any{nil, 0, 1, 2, 3, 4} {
		for _, str := range []any{nil, "", "a", "ab", "b", "c"} {
			for _, b := range []any{nil, true, false} {
				for _, l := range []any{nil, []string{}, []string{"a"}, []string{"b"}, []string{"c"}, []string{"a", "b"}, []string{"a", "c"}, []string{"b", "c"}, []string{"a", "b", "c"}} {
					all = append(all, put(put(put(put(rules.NewFacts(s), "n", n), "s", str), "b", b), "l", l))
				}
			}
		}
	}
	return all
}

// tinyCondition joins tests of one fact, with constants that tinyEvents reach around.
func tinyCondition(r *rand.Rand, depth int) string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	if depth > 0 && r.IntN(4) > 0 {
		a, b := tinyCondition(r, depth-1), tinyCondition(r, depth-1)
		return pick("("+a+" and "+b+")", "("+a+" and "+b+")", "("+a+" or "+b+")", "not ("+a+")")
	}
	k := fmt.Sprint(1 + r.IntN(3))
	return pick(
		"n"+pick(" < ", " <= ", " > ", " >= ", " == ", " != ")+k, "n in 1..2", "n in [1, 3]", "(n ?? 2) < "+k, "has(n)",
		`s == "`+pick("a", "b", "ab")+`"`, `s != "a"`, `s in ["a", "b"]`, `s startsWith "a"`, `s < "b"`, `(s ?? "a") == "a"`, "has(s)",
		"b", "not b", "b == false", "(b ?? true)", "has(b)",
		`"`+pick("a", "b")+`" in l`, `any(l, # in ["a", "b"])`, `none(l, # == "`+pick("a", "b")+`")`, `all(l, # == "a")`, "has(l)",
	)
}

// TestFindingsAreExactWhereClausesTestOneFact compares with every event there is: a rule
// is said never to hit, and to be covered, if and only if that is so.
func TestFindingsAreExactWhereClausesTestOneFact(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	dead, covered, apart := 0, 0, 0
	var events []*rules.Facts
	rounds := 250
	if os.Getenv("ISSUANT_SOAK") != "" {
		rounds = 20_000
	}
	for range rounds {
		missing := []string{"", "!on_missing:hit"}
		p := packOf(t, tiny, "red"+missing[r.IntN(2)]+" "+tinyCondition(r, 3), "yellow"+missing[r.IntN(2)]+" "+tinyCondition(r, 3))
		if events == nil {
			events = tinyEvents(p.Schema())
		}
		var hit [2]int
		both, alone := 0, 0
		for _, f := range events {
			v := p.Verdicts(f, now)
			for i := range hit {
				if v[i].Hit {
					hit[i]++
				}
			}
			switch {
			case v[0].Hit && v[1].Hit:
				both++
			case v[1].Hit:
				alone++
			}
		}
		found, _ := lint.Pack(p, lint.Options{})
		got := codes(found)
		check := func(want bool, what string, list ...string) {
			t.Helper()
			if have := slices.ContainsFunc(got, func(c string) bool { return slices.Contains(list, c) }); have != want {
				t.Errorf("%s: found %v, should be %v\n%s\n%s\n%v", what, have, want, p.Manifest().Rules[0].When, p.Manifest().Rules[1].When, found)
			}
		}
		check(hit[0] == 0, "R1 never hits", "R1 L0101")
		check(hit[1] == 0, "R2 never hits", "R2 L0101")
		if hit[0] > 0 && hit[1] > 0 {
			check(alone == 0, "R1 covers R2", "R2 L0104", "R2 L0105")
		}
		if strings.Contains(strings.Join(got, ","), "L0107") {
			t.Errorf("undecided: %v", found)
		}
		switch {
		case hit[0] == 0 || hit[1] == 0:
			dead++
		case alone == 0:
			covered++
		case both == 0:
			apart++
		}
	}
	t.Log(dead, covered, apart)
	if dead < 5 || covered < 5 || apart < 5 {
		t.Errorf("too few cases to tell: %d never hit, %d are covered, %d apart", dead, covered, apart)
	}
}
