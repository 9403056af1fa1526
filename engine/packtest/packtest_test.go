package packtest_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/packtest"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
)

const packYAML = `
name: small
version: "1"
schema: event/v1
default: green
on_error: yellow
green_requires: [card.type]
`

const rulesYAML = `
- {id: R1, effect: red, when: 'card.status == "lost" or verify.cvv == "fail"', reason: BAD_CARD, action_code: N7, why: "Bad card."}
- {id: Y1, effect: yellow, when: vel.cards_device_24h >= 2, reason: MANY_CARDS, why: "Many cards."}
- {id: Y2, effect: yellow, when: card.age_days / card.age_days > 2, reason: ODD_AGE, why: "Odd age."}
- {id: S1, effect: red, when: card.type == "VIRTUAL", shadow: true, reason: VIRTUAL, why: "Virtual."}
`

// clean has every fact that the rules above read; what follows it may add facts.
const clean = `id: e, at: "2026-11-23T10:00:00Z", card: {ref: c, type: PLASTIC, status: normal, age_days: 9}, verify: {cvv: match}, token: {channel: merchant}`

func Example() {
	fsys := fstest.MapFS{
		"pack.yaml":    {Data: []byte(packYAML)},
		"rules/a.yaml": {Data: []byte(rulesYAML)},
		"tests/a_test.yaml": {Data: []byte(`
options: {now: "2026-11-23T10:00:00Z"}
cases:
  - name: a lost card is declined
    event: {card: {status: lost}}
    expect: {outcome: red, rules: [R1]}
  - name: a wrong CVV is asked
    event: {verify: {cvv: fail}}
    expect: {outcome: yellow}
`)},
	}
	pack, err := compile.FS(fsys, compile.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	files, err := compile.Tests(fsys, pack)
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := packtest.Run(pack, files, packtest.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range report.Results {
		fmt.Printf("%s:%d: %s: %s\n", r.File, r.Line, r.Name, r.Status)
		for _, line := range r.Diff {
			fmt.Println("  " + line)
		}
	}
	// Output:
	// tests/a_test.yaml:4: a lost card is declined: pass
	// tests/a_test.yaml:7: a wrong CVV is asked: fail
	//   outcome: got red (BAD_CARD), want yellow
}

func load(tb testing.TB, cases string) (*rules.Pack, []compile.TestFile) {
	tb.Helper()
	fsys := fstest.MapFS{
		"pack.yaml":         {Data: []byte(packYAML)},
		"rules/a.yaml":      {Data: []byte(rulesYAML)},
		"tests/a_test.yaml": {Data: []byte(cases)},
	}
	pack, err := compile.FS(fsys, compile.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	files, err := compile.Tests(fsys, pack)
	if err != nil {
		tb.Fatal(err)
	}
	return pack, files
}

func run(tb testing.TB, cases string, opt packtest.Options) *packtest.Report {
	tb.Helper()
	pack, files := load(tb, cases)
	report, err := packtest.Run(pack, files, opt)
	if err != nil {
		tb.Fatal(err)
	}
	return report
}

func TestEachMissedExpectationIsOneLine(t *testing.T) {
	report := run(t, `
cases:
  - name: all wrong
    event: {`+clean+`}
    expect:
      outcome: yellow
      action_code: "14"
      rules: [R1]
      shadow: [S1]
      reasons: [BAD_CARD]
      step_up: [sms]
      degraded: [overflow]
      missing_facts: [card.type]
      score: 5
      section: merchant
  - name: not wanted
    event: {card: {status: lost, type: VIRTUAL}}
    now: "2026-11-23T10:00:00Z"
    expect: {not_rules: [R1], reasons: [], step_up: [], degraded: [], missing_facts: []}
`, packtest.Options{})
	got := report.Results[0].Diff
	for i, prefix := range []string{"outcome: got green (DEFAULT), want yellow", "action_code: got 00, want 14",
		"rules: got none, want R1 among them", "shadow: got none, want S1 among them", "reasons: got DEFAULT, want BAD_CARD",
		"step_up: got none, want sms", "degraded: got none, want overflow", "missing_facts: got none, want card.type",
		"score: got 0, want 5", "section: got none, want merchant"} {
		if i >= len(got) || got[i] != prefix {
			t.Fatalf("line %d: want %q in\n%s", i, prefix, strings.Join(got, "\n"))
		}
	}
	got = report.Results[1].Diff
	if len(got) != 2 || got[0] != "rules: got R1, want R1 not among them" || got[1] != "reasons: got card_status:lost, BAD_CARD, want none" {
		t.Errorf("got %q", got)
	}
	if report.Failed != 2 || report.Passed != 0 || report.Todo != 0 {
		t.Errorf("counts: %d %d %d", report.Failed, report.Passed, report.Todo)
	}
}

func TestEveryExpectationCanBeMet(t *testing.T) {
	report := run(t, `
cases:
  - name: degraded
    event: {id: e, at: "2026-11-23T10:00:00Z", card: {ref: c, type: VIRTUAL, status: normal, age_days: 0},
        verify: {cvv: match}, token: {channel: merchant}}
    expect: {outcome: yellow, action_code: "85", shadow: [S1], not_rules: [R1], degraded: [divide_by_zero],
        step_up: [app, sms, call], reasons: [DEGRADED], score: 0, missing_facts: []}
`, packtest.Options{})
	if report.Passed != 1 {
		t.Error(report.Results[0].Diff)
	}
}

func TestTodoDecidesNothing(t *testing.T) {
	report := run(t, `
cases:
  - {name: fails, todo: true, event: {`+clean+`}, expect: {outcome: red}}
  - {name: passes, todo: true, event: {`+clean+`}, expect: {outcome: green}}
`, packtest.Options{})
	if report.Todo != 2 || report.Failed != 0 || len(report.Results[0].Diff) != 1 || len(report.Results[1].Diff) != 0 {
		t.Errorf("%+v", report)
	}
}

func TestMatchLeavesCasesOut(t *testing.T) {
	report := run(t, `
cases:
  - {name: one, event: {`+clean+`}, expect: {outcome: green}}
  - {name: two, event: {`+clean+`}, expect: {outcome: red}}
`, packtest.Options{Match: func(name string) bool { return name == "one" }})
	if len(report.Results) != 1 || report.Passed != 1 || report.Results[0].Name != "one" {
		t.Errorf("%+v", report)
	}
}

const sixtyMinutes = `
cases:
  - name: counted
    history:
      - {at: -10m, card: {ref: a}, device: {ref: d}}
      - {at: -20m, card: {ref: b}, device: {ref: d}}
      - {at: 10m, card: {ref: f}, device: {ref: d}}
    event: {` + clean + `, device: {ref: d}%s}
    expect: {outcome: %s}
`

func TestHistoryIsCounted(t *testing.T) {
	report := run(t, fmt.Sprintf(sixtyMinutes, "", "red"), packtest.Options{})
	if got := report.Results[0].Event.Get("vel.cards_device_24h"); got != int64(2) {
		t.Errorf("counted %v cards, want 2: one stands after the event", got)
	}
	if hits := report.Results[0].Decision.Rules; len(hits) != 1 || hits[0].ID != "Y1" {
		t.Errorf("%v", hits)
	}
}

func TestWrittenFactsWinOverTheHistory(t *testing.T) {
	report := run(t, fmt.Sprintf(sixtyMinutes, ", vel: {cards_device_24h: 0}", "green"), packtest.Options{})
	if report.Passed != 1 {
		t.Error(report.Results[0].Diff)
	}
	if got := report.Results[0].Event.Get("vel.devices_card_30d"); got != int64(0) {
		t.Errorf("what is not written is counted all the same: got %v", got)
	}
}

func TestNoHistoryCountsNothing(t *testing.T) {
	report := run(t, "cases: [{name: a, event: {"+clean+"}, expect: {outcome: green}}]", packtest.Options{})
	if report.Results[0].Event.Has("vel.attempts_card_1h") {
		t.Error("a case without history has counts")
	}
}

func TestHistoryOfASchemaWithoutIDFails(t *testing.T) {
	fsys := fstest.MapFS{
		"pack.yaml":         {Data: []byte("name: n\nversion: \"1\"\nschema: {name: own, version: 1, fields: [{name: a, type: int}]}\ndefault: green\n")},
		"rules/a.yaml":      {Data: []byte("- {id: R1, effect: red, when: a > 1, reason: A, why: \"A.\"}\n")},
		"tests/a_test.yaml": {Data: []byte("options: {now: \"2026-11-23T10:00:00Z\"}\ncases:\n  - {name: a, history: [{at: -1m, a: 1}], event: {a: 1}, expect: {outcome: green}}\n")},
	}
	pack, err := compile.FS(fsys, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	files, err := compile.Tests(fsys, pack)
	if err != nil {
		t.Fatal(err)
	}
	report, err := packtest.Run(pack, files, packtest.Options{Coverage: true})
	if err != nil || report.Failed != 1 || !strings.HasPrefix(report.Results[0].Diff[0], "history: ") || report.Results[0].Decision != nil {
		t.Errorf("%v %+v", err, report)
	}
}

func TestCaseIsDecidedAtItsInstant(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name, cases string
		opt         time.Time
		want        time.Time
	}{
		{"its own now", `cases: [{name: a, now: "2026-11-23T11:00:00Z", event: {` + clean + `}, expect: {outcome: green}}]`, at.Add(5 * time.Hour), at.Add(time.Hour)},
		{"the file's now", `{options: {now: "2026-11-23T12:00:00Z"}, cases: [{name: a, event: {` + clean + `}, expect: {outcome: green}}]}`, at, at.Add(2 * time.Hour)},
		{"the option", `cases: [{name: a, event: {` + clean + `}, expect: {outcome: green}}]`, at.Add(3 * time.Hour), at.Add(3 * time.Hour)},
		{"the event's at", `cases: [{name: a, event: {` + clean + `}, expect: {outcome: green}}]`, time.Time{}, at},
	} {
		if got := run(t, c.cases, packtest.Options{Now: c.opt}).Results[0]; !got.Decision.Now.Equal(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got.Decision.Now, c.want)
		}
	}
}

func TestCaseWithoutInstantFails(t *testing.T) {
	report := run(t, "cases: [{name: a, event: {card: {type: PLASTIC}}, expect: {outcome: yellow}}]", packtest.Options{})
	if report.Failed != 1 || !strings.HasPrefix(report.Results[0].Diff[0], "now: ") {
		t.Errorf("%+v", report.Results[0])
	}
}

func TestGuardsReachTheEngine(t *testing.T) {
	report := run(t, `
cases:
  - {name: a, event: {`+clean+`, guards: [{code: VNM, outcome: red, action_code: "14"}]}, expect: {outcome: red, action_code: "14", reasons: [VNM]}}
`, packtest.Options{})
	if report.Passed != 1 {
		t.Error(report.Results[0].Diff)
	}
}

func TestMethodsReachTheEngine(t *testing.T) {
	report := run(t, "cases: [{name: a, event: {"+clean+", vel: {cards_device_24h: 5}}, expect: {outcome: yellow, step_up: [call]}}]",
		packtest.Options{Methods: []engine.Method{{Channel: "call"}}})
	if report.Passed != 1 {
		t.Error(report.Results[0].Diff)
	}
	pack, files := load(t, "cases: [{name: a, event: {"+clean+"}, expect: {outcome: green}}]")
	if _, err := packtest.Run(pack, files, packtest.Options{Methods: []engine.Method{{}}}); err == nil {
		t.Error("a method without channel was taken")
	}
}

func TestCoverageCountsEachOutcomeOfALeaf(t *testing.T) {
	report := run(t, `
cases:
  - {name: a, event: {`+clean+`}, expect: {outcome: green}}
  - {name: b, event: {at: "2026-11-23T10:00:00Z", card: {status: lost}}, expect: {outcome: red}}
`, packtest.Options{Coverage: true})
	r1 := report.Coverage.Rules[0]
	want := []packtest.LeafCoverage{
		{Text: `card.status == "lost"`, True: 1, False: 1},
		{Text: `verify.cvv == "fail"`, False: 1, Neither: 1},
	}
	if r1.ID != "R1" || r1.Hits != 1 || r1.File != "rules/a.yaml" || r1.Line == 0 || !reflect.DeepEqual(r1.Leaves, want) {
		t.Errorf("%+v", r1)
	}
	if seen, total := r1.Seen(); seen != 3 || total != 4 {
		t.Errorf("R1 saw %d of %d", seen, total)
	}
	seen, total := report.Coverage.Seen()
	if got := report.Coverage.Percent(); got != float64(seen*1000/total)/10 || got <= 0 || got >= 100 {
		t.Errorf("%d of %d is %v %%", seen, total, got)
	}
}

func TestRunRepeatsItselfAndChangesNoCase(t *testing.T) {
	pack, files := load(t, fmt.Sprintf(sixtyMinutes, "", "red"))
	var first []byte
	for i := range 3 {
		report, err := packtest.Run(pack, files, packtest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := report.Results[0].Decision.AppendJSON(nil)
		if i == 0 {
			first = got
		}
		if string(got) != string(first) || files[0].Cases[0].Event.Has("vel.cards_device_24h") {
			t.Errorf("run %d differs, or the case was changed", i)
		}
	}
}
