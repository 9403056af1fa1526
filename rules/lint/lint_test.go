package lint_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/compile/compiletest"
	"github.com/issuant/issuant/rules/lint"
	"github.com/issuant/issuant/rules/starter"
)

var now = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

const head = "name: p\nversion: '1'\ndefault: green\nlists: {deny: {}, watch: {}}\nparams: {five: {value: 5}}\n"

func compiled(tb testing.TB, packText, rulesText string) *rules.Pack {
	tb.Helper()
	p, err := compile.FS(fstest.MapFS{"pack.yaml": {Data: []byte(packText)}, "rules/r.yaml": {Data: []byte(rulesText)}}, compile.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// rule writes one rule; when is "EFFECT CONDITION", or "EFFECT!KEY:VALUE!... CONDITION".
func rule(id, when string) string {
	effect, cond, _ := strings.Cut(when, " ")
	parts := strings.Split(effect, "!")
	text := fmt.Sprintf("- id: %s\n  effect: %s\n  why: w\n  when: %s\n", id, parts[0], strconv.Quote(cond))
	for _, p := range parts[1:] {
		key, value, _ := strings.Cut(p, ":")
		text += "  " + key + ": " + value + "\n"
	}
	return text
}

func packOf(tb testing.TB, packText string, conds ...string) *rules.Pack {
	text := ""
	for i, c := range conds {
		text += rule("R"+strconv.Itoa(i+1), c)
	}
	return compiled(tb, packText, text)
}

func codes(found []lint.Finding) []string {
	var out []string
	for _, f := range found {
		out = append(out, f.Rule+" "+f.Code)
	}
	slices.Sort(out)
	return out
}

func Example() {
	p, err := compile.FS(fstest.MapFS{
		"pack.yaml":    {Data: []byte("name: p\nversion: '1'\ndefault: green\n")},
		"rules/r.yaml": {Data: []byte("- {id: R1, effect: red, why: w, when: card.age_days < 2 and card.age_days > 5}\n")},
	}, compile.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	found, _ := lint.Pack(p, lint.Options{})
	for _, f := range found {
		fmt.Println(f.Level, f.Code, f.Rule+":", f.Message)
	}
	// Output: error L0101 R1: the rule can never hit: `card.age_days < 2` and `card.age_days > 5` exclude each other
}

// cases are packs of a few rules and what is found in them, by rule and code.
var cases = []struct {
	conds []string
	want  string
}{
	{[]string{"red card.age_days < 2", `red token.source == "manual"`}, ""},

	// A rule that can never hit.
	{[]string{"red card.age_days < 2 and card.age_days > 5"}, "R1 L0101"},
	{[]string{"red card.age_days < 2 and card.age_days > 0"}, ""},
	{[]string{"red card.age_days < 2 and card.age_days > 1"}, "R1 L0101"},
	{[]string{"red vel.decline_rate_bin_10m < 2 and vel.decline_rate_bin_10m > 1"}, ""},
	{[]string{`red token.source == "a" and token.source in ["b", "c"]`}, "R1 L0101"},
	{[]string{`red token.source startsWith "ab" and token.source == "abc"`}, "R1 L0103"},
	{[]string{`red token.source startsWith "ab" and token.source == "ba"`}, "R1 L0101"},
	{[]string{`red not (token.source != "a") and token.source == "b"`}, "R1 L0101"},
	{[]string{`red any(card.codes, # == "A") and none(card.codes, # in ["A", "B"])`}, "R1 L0101"},
	{[]string{`red any(card.codes, # == "A") and none(card.codes, # in ["C", "B"])`}, ""},
	{[]string{`red has(card.bin) and not has(card.bin)`}, "R1 L0101"},
	{[]string{`red not has(card.bin) and card.bin == "4"`}, "R1 L0101"},
	{[]string{`red card.expired and not card.expired`}, "R1 L0101"},
	{[]string{`red device.country != holder.home_country and device.country == holder.home_country`}, "R1 L0401"},
	{[]string{`red device.country != holder.home_country and not (device.country != holder.home_country)`}, "R1 L0101"},
	{[]string{`red hour(at) > 23`}, "R1 L0101"},
	{[]string{`red!on_missing:hit card.age_days < 2 and card.age_days > 5`}, "R1 L0102"}, // it hits where the age is absent
	{[]string{`red!on_missing:hit has(card.bin) and (card.bin ?? "x") == "x" and card.bin != "x"`}, "R1 L0101"},
	{[]string{`red card.ref in list("deny") and card.ref not in list("deny")`}, "R1 L0101"},
	{[]string{`red card.ref in list("deny") and card.ref not in list("watch")`}, ""},

	// A clause that is never true, or adds nothing.
	{[]string{`red len(card.bin) < 0 or card.expired`}, "R1 L0102"},
	{[]string{`red (card.age_days < 2 and card.age_days > 5) or card.expired`}, "R1 L0102"},
	{[]string{`red card.age_days < 2 and card.age_days < 5`}, "R1 L0103"},
	{[]string{`red card.age_days < 2 or card.age_days < 5`}, "R1 L0103"},
	{[]string{`red token.source in ["a", "b"] or token.source == "a"`}, "R1 L0103"},
	{[]string{`red has(card.bin) and card.bin == "4"`}, ""}, // false, not unknown, where the BIN is absent
	{[]string{`red len(card.bin) >= 0 and card.expired`}, "R1 L0103"},
	{[]string{`red card.age_days < param("five") and not (card.age_days >= 5)`}, "R1 L0103"},
	{[]string{`red card.age_days in 1..5 and card.age_days != 7 and card.age_days != 3`}, "R1 L0103"},

	// A rule that another covers.
	{[]string{"red card.age_days < 5", "yellow card.age_days < 2"}, "R2 L0104"},
	{[]string{"yellow card.age_days < 2", "red card.age_days < 5"}, "R1 L0104"},
	{[]string{"yellow card.age_days < 5", "red card.age_days < 2"}, ""}, // a step
	{[]string{"red card.age_days < 5", `yellow card.age_days < 2 and token.source == "a"`}, "R2 L0104"},
	{[]string{"red!shadow:true card.age_days < 5", "yellow card.age_days < 2"}, ""},
	{[]string{"red!percent:50 card.age_days < 5", "yellow card.age_days < 2"}, ""},
	{[]string{"red card.age_days < 5", "yellow!on_missing:hit card.age_days < 2"}, "R2 L0106"},
	{[]string{"red!on_missing:hit card.age_days < 5", "yellow card.age_days < 2"}, "R2 L0104"},
	{[]string{`red token.source in ["a", "b"] or card.age_days < 9`, `yellow token.source == "b" and card.expired`}, "R2 L0104"},
	{[]string{`red card.age_days < 3 or card.age_days >= 3`, `yellow card.age_days == 7`}, "R1 L0103,R2 L0104"},
	{[]string{`red card.age_days < 3 or card.age_days > 5`, `yellow card.age_days in 1..2 or card.age_days == 9`}, "R2 L0104"},
	{[]string{`red card.age_days < 3 or card.age_days > 5`, `yellow card.age_days in 1..3`}, "R2 L0106"},
	{[]string{`red device.country != holder.home_country`, `yellow device.country != holder.home_country and token.source == "a"`}, "R1 L0401,R2 L0104"},
	{[]string{`red any(card.codes, # in ["A", "B"])`, `yellow any(card.codes, # == "A")`}, "R2 L0104"},
	{[]string{`red none(card.codes, # == "A")`, `yellow none(card.codes, # in ["A", "B"])`}, "R2 L0104"},
	{[]string{`red "A" in card.codes`, `yellow "A" in card.codes and "B" in card.codes`}, "R2 L0104"},
	{[]string{"red card.age_days < 5", "red not (card.age_days >= 5)"}, "R2 L0105"},
	{[]string{"red card.expired == true", "red card.expired"}, "R2 L0105"},
	{[]string{"tag card.age_days < 5", "tag card.age_days < 5"}, ""},

	// Overlap.
	{[]string{"red card.age_days < 5", "yellow card.age_days > 2"}, "R2 L0106"},
	{[]string{"red card.age_days < 5", "yellow card.age_days > 5"}, ""},
	{[]string{"red card.age_days > card.age_days * 2", "yellow card.age_days > 2"}, "R1 L0401,R2 L0107"},

	// What the index cannot find.
	{[]string{`red card.bin contains "9"`}, "R1 L0401"},
	{[]string{`red card.bin contains "9" and token.source == "a"`}, ""},
	{[]string{`red card.bin contains "9" or token.source == "a"`}, "R1 L0401"},
	{[]string{`red card.bin matches "9$"`}, "R1 L0401"},
	{[]string{`red card.bin matches "^4[0-9]"`}, "R1 L0401"},
	{[]string{`red card.bin matches "^4[0-9]" and token.source == "a"`}, ""},
	{[]string{`red card.bin matches "^41"`}, ""},
	{[]string{`red card.bin matches "^4[0-9]"`, `yellow card.bin matches "^4[0-9]"`}, "R1 L0401,R2 L0105,R2 L0401"},
	{[]string{`red card.bin matches "^4[0-9]"`, `yellow card.bin matches "^5[0-9]"`}, "R1 L0401,R2 L0107,R2 L0401"},
	{[]string{`red count([1, 3], # == card.age_days) == 1 and token.source == "a"`}, "R1 L0402"},
	{[]string{`red card.age_days * 2 > 5`}, "R1 L0401"},
	{[]string{`red count(card.codes, # == "A") > 2`}, "R1 L0401"},

	{[]string{`red!shadow:{"until":2026-11-01} card.expired`}, "R1 L0601"},
	{[]string{`red!shadow:{"until":2026-12-01} card.expired`}, ""},
}

func TestPackFindsWhatIsWrongAndNothingElse(t *testing.T) {
	for _, c := range cases {
		found, more := lint.Pack(packOf(t, head, c.conds...), lint.Options{Now: now})
		if got := strings.Join(codes(found), ","); got != c.want || more != 0 {
			t.Errorf("%q:\ngot  %s\nwant %s", c.conds, got, c.want)
			for _, f := range found {
				t.Log(f.Code, f.Rule, f.Message, f.Hint)
			}
		}
	}
}

func TestFirstHitPolicyCountsOrder(t *testing.T) {
	first := head + "hit: first\n"
	for _, c := range []struct {
		conds []string
		want  string
	}{
		{[]string{"yellow card.age_days < 5", "red card.age_days < 2"}, "R2 L0104"},
		{[]string{"red card.age_days < 2", "yellow card.age_days < 5"}, ""},
	} {
		found, _ := lint.Pack(packOf(t, first, c.conds...), lint.Options{})
		if got := strings.Join(codes(found), ","); got != c.want {
			t.Errorf("%q: got %s, want %s", c.conds, got, c.want)
		}
	}
}

func TestSectionsThatNeverApply(t *testing.T) {
	p := packOf(t, head+`sections:
  - {name: a, when: 'token.type in ["cof", "ecom"]', no_step_up: red}
  - {name: b, when: 'token.type == "cof" and session.sca', no_step_up: green}
  - {name: c, when: 'token.type == "x" and token.type == "y"', no_step_up: red}
  - {name: d, when: 'token.type == "static"', no_step_up: red}
`, "red card.expired")
	found, _ := lint.Pack(p, lint.Options{})
	var got []string
	for _, f := range found {
		got = append(got, f.Code+" "+f.Section)
	}
	if strings.Join(got, ",") != "L0108 b,L0108 c" {
		t.Errorf("got %v", found)
	}
}

func TestCounterpartsAndLabels(t *testing.T) {
	opt := lint.Options{Counterparts: []lint.Counterpart{{Name: "A", Fields: []string{"card.*"}}, {Name: "B", Fields: []string{"card.bin", "token.*"}}}}
	found, _ := lint.Pack(packOf(t, head, "red device.bound", "red card.expired", "red!on_missing:hit device.bound", `red card.bin == "4" or device.bound`), opt)
	if got := strings.Join(codes(found), ","); got != "R1 L0104,R1 L0501,R2 L0502" {
		t.Errorf("got %s", got)
	}
	own := "name: p\nversion: '1'\ndefault: green\nschema: {name: s, version: 1, fields: [{name: a.confirmed_fraud, type: bool}, {name: is_fraud, type: bool}, {name: a.losses_seen, type: int}]}\n"
	found, _ = lint.Pack(packOf(t, own, "red a.confirmed_fraud", "red is_fraud", "red a.losses_seen > 3"), lint.Options{})
	if got := strings.Join(codes(found), ","); got != "R1 L0302,R2 L0302" {
		t.Errorf("got %s", got)
	}
}

// TestFindingsAreProvenByEvents holds what lint says of generated packs against
// events: a rule that can never hit does not, and one that is covered never hits alone.
func TestFindingsAreProvenByEvents(t *testing.T) {
	schema := compiletest.Schema()
	claims := map[string]int{}
	for seed := range uint64(120) {
		g := compiletest.New(seed)
		files := g.Pack(12, []string{"worst", "first"}[seed%2])
		p, err := compile.FS(files, compile.Options{Schemas: []*rules.Schema{schema}})
		if err != nil {
			t.Fatal(err)
		}
		found, _ := lint.Pack(p, lint.Options{Now: now})
		at := map[string]int{}
		for i, r := range p.Manifest().Rules {
			at[r.ID] = i
		}
		for range 60 {
			f := g.Facts(schema)
			verdicts := p.Verdicts(f, now)
			for _, x := range found {
				claims[x.Code]++
				switch x.Code {
				case "L0101":
					if verdicts[at[x.Rule]].Hit {
						t.Fatalf("seed %d: %s hits on %s: %s", seed, x.Rule, f.AppendJSON(nil, nil), x.Message)
					}
				case "L0104", "L0105":
					if other := named(x.Message, at); verdicts[at[x.Rule]].Hit && !verdicts[other].Hit {
						t.Fatalf("seed %d: %s hits alone on %s: %s", seed, x.Rule, f.AppendJSON(nil, nil), x.Message)
					}
				}
			}
		}
	}
	t.Log(claims)
	for _, code := range []string{"L0101", "L0103", "L0104", "L0105"} {
		if claims[code] == 0 {
			t.Errorf("no generated pack shows %s", code)
		}
	}
}

// named returns the rule that a message names.
func named(msg string, at map[string]int) int {
	for _, w := range strings.FieldsFunc(msg, func(r rune) bool { return r == ' ' || r == ',' }) {
		if i, ok := at[w]; ok {
			return i
		}
	}
	return 0
}

// asked counts the questions of hazards; it answers as engine.FindGreenings would for
// a pack whose default is green.
func asked(t *testing.T, p *rules.Pack) lint.Options {
	t.Helper()
	green := func(f *rules.Facts, at time.Time) bool {
		for i, v := range p.Verdicts(f, at) {
			if v.Hit && p.Manifest().Rules[i].Effect < rules.EffectGreen {
				return false
			}
		}
		for _, g := range p.GreenRequires() {
			if !f.Present(g) {
				return false
			}
		}
		return true
	}
	return lint.Options{Now: now, Green: green, Greenings: func(f *rules.Facts, at time.Time) (names []string) {
		if green(f, at) {
			return nil
		}
		for i := range p.Schema().Len() {
			trial := f.Clone()
			trial.Unset(p.Schema().Field(i).Name)
			if f.Present(i) && green(trial, at) {
				names = append(names, p.Schema().Field(i).Name)
			}
		}
		return names
	}}
}

func TestHazardsAreFoundWithAndWithoutEvents(t *testing.T) {
	for _, c := range []struct {
		pack  string
		conds []string
		want  string
	}{
		{head, []string{`yellow device.country == "XX"`}, "R1 L0201 `device.country`"},
		{head + "green_requires: [device.country]\n", []string{`yellow device.country == "XX"`}, ""},
		{head, []string{`yellow!on_missing:hit device.country == "XX"`}, ""},
		{head, []string{`yellow device.country == "XX" or not has(device.country)`}, ""},
		{head, []string{`yellow (device.country ?? "XX") == "XX"`}, ""},
		{head, []string{`yellow (device.country ?? "YY") == "XX"`}, "R1 L0201 `device.country`"},
		{head, []string{`orange device.country == "XX" and card.age_days < 3`}, "R1 L0201 `card.age_days`,R1 L0201 `device.country`"},
		{head, []string{`yellow device.country == "XX" or device.os == "x"`}, "R1 L0201 `device.country`,R1 L0201 `device.os`"},
		{head, []string{`yellow device.country == "XX"`, `yellow device.os == "x"`}, "R1 L0201 `device.country`,R2 L0201 `device.os`"},
		{head, []string{`yellow card.expired and device.country != holder.home_country`}, ""}, // no event can be made; on an event see below
	} {
		p := packOf(t, c.pack, c.conds...)
		found, _ := lint.Pack(p, asked(t, p))
		var got []string
		for _, f := range found {
			if f.Code == "L0201" {
				got = append(got, f.Rule+" "+f.Code+" "+strings.Fields(f.Message)[1])
			}
		}
		slices.Sort(got)
		if strings.Join(got, ",") != c.want {
			t.Errorf("%q: got %v, want %s", c.conds, got, c.want)
		}
	}
	p := packOf(t, head, `yellow card.expired and device.country != holder.home_country`)
	f := rules.NewFacts(p.Schema())
	for name, v := range map[string]any{"card.expired": true, "device.country": "BR", "holder.home_country": "PT"} {
		if err := f.Set(name, v); err != nil {
			t.Fatal(err)
		}
	}
	opt := asked(t, p)
	opt.Events = []lint.Event{{Name: "abroad", Facts: f, Now: now}}
	found, _ := lint.Pack(p, opt)
	if got := strings.Join(codes(found), ","); got != "R1 L0201,R1 L0201,R1 L0201" || !strings.Contains(found[0].Message, "`abroad`") {
		t.Errorf("got %v", found)
	}
}

func TestTextFindsCardNumbersAndQuotesNone(t *testing.T) {
	text := "name: x\n# 4111111111111111, spaced\ndoc: a 4111 1111 1111 1111 b\nat: 2026-11-23T10:00:00Z\nref: 4111111111111112\nü 4111-1111-1111-1111"
	var got []string
	for _, f := range lint.Text("a.yaml", text) {
		if strings.Contains(f.Message+f.Hint, "4111") {
			t.Errorf("quoted: %+v", f)
		}
		got = append(got, fmt.Sprintf("%d:%d-%d", f.Line, f.Column, f.End))
	}
	if strings.Join(got, " ") != "2:3-19 3:8-27 6:3-22" {
		t.Errorf("got %v", got)
	}
}

func TestStarterPacksAreClean(t *testing.T) {
	for _, load := range []func() (*rules.Pack, error){starter.Pack, starter.ProvisionPack} {
		p, err := load()
		if err != nil {
			t.Fatal(err)
		}
		found, more := lint.Pack(p, lint.Options{Now: now})
		for _, f := range found {
			if f.Level != lint.Note {
				t.Errorf("%s %s %s", f.Code, f.Rule, f.Message)
			}
		}
		if more > 0 {
			t.Error(more)
		}
	}
}

func TestCodesAreExplained(t *testing.T) {
	last := ""
	for _, c := range lint.Codes() {
		if c.Code <= last || c.Text == "" || len(c.Long) < 80 || !strings.HasSuffix(c.Text, ".") {
			t.Errorf("%+v", c)
		}
		last = c.Code
		if info, ok := lint.Explain(c.Code); !ok || info != c {
			t.Errorf("Explain(%s)", c.Code)
		}
	}
	if _, ok := lint.Explain("L9999"); ok {
		t.Error("explained what is not there")
	}
}
