package compile_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/compile/compiletest"
)

const okRule = "- {id: R, effect: red, why: w, when: card.expired}\n"

func ruleOf(when string) string {
	return fmt.Sprintf("- {id: R, effect: red, why: w, when: %q}\n", when)
}

// TestLimitsAreRefusedByName holds each limit against a pack just beyond it.
func TestLimitsAreRefusedByName(t *testing.T) {
	big := func(n int) []byte { return []byte(strings.Repeat("# padding\n", n/10+1)) }
	list := smallPack + "lists: {deny: {file: lists/deny.csv}}\n"
	listRule := ruleOf(`card.ref in list("deny")`)
	var manyRules, manyParams, manyLists, manySections, rows strings.Builder
	for i := range compile.MaxRules + 1 {
		fmt.Fprintf(&manyRules, "- {id: R%d, effect: red, why: w, when: card.expired}\n", i)
	}
	for i := range compile.MaxParams + 1 {
		fmt.Fprintf(&manyParams, "  p%d: {value: 1}\n", i)
	}
	for i := range compile.MaxLists + 1 {
		fmt.Fprintf(&manyLists, "  l%d: {}\n", i)
	}
	for i := range compile.MaxSections + 1 {
		fmt.Fprintf(&manySections, "- {name: s%d, when: card.expired, no_step_up: red}\n", i)
	}
	rows.WriteString("value,expires,note\n")
	for i := range compile.MaxListEntries + 1 {
		fmt.Fprintf(&rows, "k%d,,\n", i)
	}
	cases := map[string]fstest.MapFS{
		"max_rules":           pack(smallPack, manyRules.String()),
		"max_condition_bytes": pack(smallPack, ruleOf(strings.Repeat(" ", compile.MaxConditionBytes)+"card.expired")),
		"max_condition_nodes": pack(smallPack, ruleOf("card.age_days == 1"+strings.Repeat("+1", compile.MaxConditionNodes/2))),
		"max_condition_depth": pack(smallPack, ruleOf(strings.Repeat("(", compile.MaxConditionDepth+1)+"card.expired"+strings.Repeat(")", compile.MaxConditionDepth+1))),
		"max_regex_bytes":     pack(smallPack, ruleOf(`card.bin matches "`+strings.Repeat("x", compile.MaxRegexBytes+1)+`"`)),
		"max_text_bytes":      pack(smallPack+"doc: "+strings.Repeat("x", compile.MaxTextBytes+1)+"\n", okRule),
		"max_params":          pack(smallPack+"params:\n"+manyParams.String(), okRule),
		"max_lists":           pack(smallPack+"lists:\n"+manyLists.String(), okRule),
		"max_sections":        pack(smallPack+"sections:\n"+manySections.String(), okRule),
		"max_cost":            pack(smallPack, ruleOf("any(card.codes, any(wallet.reasons, any(card.codes, # == \"x\")))")),
		"max_file_bytes":      with(pack(smallPack, okRule), "rules/big.yaml", big(compile.MaxFileBytes)),
		"max_files":           manyFiles(),
	}
	if !underRace { // these take tens of megabytes, which the detector makes ten times as dear
		cases["max_list_entries"] = with(pack(list, listRule), "lists/deny.csv", []byte(rows.String()))
		cases["max_list_bytes"] = with(pack(list, listRule), "lists/deny.csv", big(compile.MaxListBytes))
		cases["max_pack_bytes"] = largeFilesTogether()
	}
	for name, files := range cases {
		p, err := compile.FS(files, compile.Options{})
		if p != nil || err == nil || !strings.Contains(err.Error(), name+": ") {
			t.Errorf("%s: %.300v", name, err)
		}
	}
}

func with(files fstest.MapFS, name string, data []byte) fstest.MapFS {
	files[name] = &fstest.MapFile{Data: data}
	return files
}

func manyFiles() fstest.MapFS {
	files := pack(smallPack, okRule)
	for i := range compile.MaxFiles {
		files[fmt.Sprintf("rules/r%d.yaml", i)] = &fstest.MapFile{Data: []byte("x")}
	}
	return files
}

func largeFilesTogether() fstest.MapFS {
	files := pack(smallPack+"lists: {a: {file: lists/a.csv}, b: {file: lists/b.csv}, c: {file: lists/c.csv}}\n", okRule)
	data := []byte("no header\n" + strings.Repeat("x", compile.MaxListBytes-100)) // refused at its first line
	for _, name := range []string{"a", "b", "c"} {
		files["lists/"+name+".csv"] = &fstest.MapFile{Data: data}
	}
	return files
}

// TestBombsAreRefusedCheaply tries conditions that are small and would be large:
// operands that chained comparisons share, and loops within loops.
func TestBombsAreRefusedCheaply(t *testing.T) {
	shared := "1"
	for range 20 {
		shared = "(1 < " + shared + " < 3 ? 1 : 2)"
	}
	nested := "card.expired"
	for range 12 {
		nested = "any([1,2,3,4,5,6,7,8,9,10], " + nested + ")"
	}
	for name, when := range map[string]string{
		"shared operands": shared + " == 1", "loops in loops": nested, "signs": strings.Repeat("-", 5000) + "1 == 1",
		"nots": strings.Repeat("not ", 3000) + "card.expired", "choices": strings.Repeat("card.expired ? true : ", 500) + "true",
		"open brackets": strings.Repeat("[", 9000), "maps": strings.Repeat("{a:", 4000), "power": strings.Repeat("2**", 4000) + "2 == 2",
		"predicates": strings.Repeat("any(card.codes, ", 900) + "true", "elvis": strings.Repeat("(", 50) + "card.expired" + strings.Repeat(" ?: true)", 50),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := compile.FS(pack(smallPack, ruleOf(when)), compile.Options{}); err == nil || !strings.Contains(err.Error(), "max_") {
			t.Errorf("%s: %.300v", name, err)
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 { // memory, not time: machines are busy
			t.Errorf("%s allocated %d bytes", name, got)
		}
	}
}

func TestErrorShowsAtMostMaxDiagnostics(t *testing.T) {
	var b strings.Builder
	for i := range 130 {
		fmt.Fprintf(&b, "- {id: R%d, effect: red, why: w, when: card.x%d}\n", i, i)
	}
	_, err := compile.FS(pack(smallPack, b.String()), compile.Options{})
	ce, ok := err.(*compile.Error)
	if !ok || len(ce.Diagnostics) != compile.MaxDiagnostics || ce.More != 30 {
		t.Fatalf("%.200v", err)
	}
	if !strings.HasSuffix(err.Error(), "... and 30 more\ncompile: 130 errors") {
		t.Errorf("it ends %q", err.Error()[len(err.Error())-60:])
	}
	for i := 1; i < len(ce.Diagnostics); i++ {
		if ce.Diagnostics[i].Line < ce.Diagnostics[i-1].Line {
			t.Error("diagnostics are out of order")
		}
	}
}

func TestConditionsAreSafeForConcurrentUse(t *testing.T) {
	schema := compiletest.Schema()
	g := compiletest.New(7)
	p := generatedPack(t, g, schema)
	facts := make([]*rules.Facts, 8)
	want := make([]string, len(facts))
	for i := range facts {
		facts[i] = g.Facts(schema)
		want[i] = fmt.Sprint(p.Run(facts[i], compiletest.Now), leavesOf(p, facts[i]))
	}
	var wg sync.WaitGroup
	for i := range facts {
		wg.Go(func() {
			for range 20 {
				if got := fmt.Sprint(p.Run(facts[i], compiletest.Now), leavesOf(p, facts[i])); got != want[i] {
					t.Errorf("event %d is judged otherwise beside others", i)
				}
			}
		})
	}
	wg.Wait()
}

func leavesOf(p *rules.Pack, f *rules.Facts) (out []rules.Leaf) {
	for i := range p.Manifest().Rules {
		out = append(out, p.Condition(i).Leaves(p.Env(f, compiletest.Now))...)
	}
	return out
}

func TestJudgeRefusesFactsOfAnotherSchema(t *testing.T) {
	p := mustCompile(t, pack(smallPack, okRule))
	f := rules.NewFacts(compiletest.Schema())
	if v := p.Verdicts(f, compiletest.Now)[0]; v.Truth != rules.Error {
		t.Errorf("facts of another schema are judged %v", v.Truth)
	}
}

func TestLeavesShowWhatDecided(t *testing.T) {
	p := mustCompile(t, pack(smallPack, ruleOf(`token.source in ["manual", "camera"] and (card.age_days < 3 or not has(card.bin)) and card.status not in ["lost"]`)))
	f := rules.NewFacts(p.Schema())
	for name, v := range map[string]any{"token.source": "tap", "card.age_days": 5, "card.bin": "411111"} {
		if err := f.Set(name, v); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, l := range p.Condition(0).Leaves(p.Env(f, compiletest.Now)) {
		line := l.Text + " " + l.Truth.String()
		for _, flip := range l.Flips[:min(2, len(l.Flips))] {
			line += fmt.Sprintf(" %s=%v", p.Schema().Field(flip.Field).Name, flip.Value)
		}
		got = append(got, line)
	}
	want := []string{
		`token.source in ["manual", "camera"] false token.source=manual token.source=camera`,
		`card.age_days < 3 false card.age_days=2 card.age_days=<nil>`,
		`has(card.bin) true card.bin=<nil>`,
		`card.status not in ["lost"] unknown card.status=lost card.status=created`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("leaves:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
