package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/rules"
)

// someRecords is a journal with one record of every kind.
func someRecords() []engine.Record {
	at := enginetest.Now()
	answered := func(code string, approve bool) *engine.Incumbent {
		return &engine.Incumbent{Status: 200, Read: true, Approve: approve, ActionCode: code, Micros: 41_000}
	}
	decided := func(n int, o rules.Outcome, code string, in *engine.Incumbent, hits ...string) engine.Record {
		r := engine.Record{
			At: at.Add(time.Duration(n) * time.Second), Counterpart: "pismo", Decided: true, Outcome: o, ActionCode: code,
			EventID: fmt.Sprintf("event-%d", n), DecisionID: fmt.Sprintf("%064x", n), PackID: strings.Repeat("ab", 32),
			KeyID: "k1", MessageDigest: strings.Repeat("cd", 32), Micros: 1234, Cost: 7, Reasons: []string{"WALLET_FLOOR"},
			Card: engine.Card{Ref: "k1:card"}, Verified: true, Age: 1500 * time.Millisecond, Incumbent: in,
			Lists: []engine.ListDigest{{Name: "deny", Digest: strings.Repeat("ef", 32)}},
		}
		for _, h := range hits {
			r.Rules = append(r.Rules, engine.RuleHit{ID: h, Version: "1"})
		}
		return r
	}
	old := decided(6, rules.Yellow, "85", answered("85", true), "Y05_manual_entry")
	old.Age, old.Observed = 2*time.Hour, []string{"max_age"}
	late := decided(7, rules.Orange, "85", &engine.Incumbent{Failure: engine.IncumbentTimeout, Micros: 5_000_000}, "O02_new_device")
	late.Degraded, late.Sealed = []engine.Degradation{{Code: "deadline"}}, "YWdl"
	refused := func(name string, in *engine.Incumbent) engine.Record {
		return engine.Record{At: at.Add(8 * time.Second), Counterpart: "pismo", Refusal: name, MessageDigest: strings.Repeat("cd", 32), Micros: 55, Incumbent: in}
	}
	return []engine.Record{
		decided(1, rules.Green, "00", answered("00", true)),
		decided(2, rules.Green, "00", answered("05", false)),
		decided(3, rules.Red, "05", answered("00", true), "R12_many_cards_on_device", "Y05_manual_entry"),
		decided(4, rules.Red, "14", answered("05", false), "R01_card_not_eligible"),
		decided(5, rules.Green, "00", &engine.Incumbent{Status: 500}),
		old, late,
		refused("signature", answered("00", true)), refused("repeat", answered("00", true)), refused("busy", nil),
	}
}

// journalFile writes the records to a file and returns its name and end.
func journalFile(t *testing.T, list []engine.Record) (string, engine.Chain) {
	t.Helper()
	var b bytes.Buffer
	j, err := engine.NewJournal(&b, engine.JournalOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if err := j.Append(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(t.TempDir(), "records.ndjson")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name, j.Chain()
}

func TestRecordsTailPrintsTheLastThatAreWanted(t *testing.T) {
	name, _ := journalFile(t, someRecords())
	raw := readLines(t, name)
	for _, c := range []struct {
		args string
		want []int // seq
	}{
		{"", []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		{"-n 3", []int{8, 9, 10}},
		{"-n 0", nil},
		{"--outcome green -n 2", []int{2, 5}},
		{"--outcome green,orange", []int{1, 2, 5, 7}},
		{"--refusal signature --refusal busy", []int{8, 10}},
		{"--rule Y05_manual_entry", []int{3, 6}},
		{"--rule Y05_manual_entry --outcome red", []int{3}},
		{"--counterpart other", nil},
	} {
		var want strings.Builder
		for _, seq := range c.want {
			want.WriteString(raw[seq-1] + "\n")
		}
		args := append([]string{"records", "tail", "--format", "json", "--journal", name}, strings.Fields(c.args)...)
		if code, out, errs := feedTool(t, "", args...); code != 0 || out != want.String() || errs != "" {
			t.Errorf("%s: exit %d\ngot\n%swant\n%s%s", c.args, code, out, want.String(), errs)
		}
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if code, out, _ := feedTool(t, string(data), "records", "tail", "--journal", "-", "-n", "1", "--follow", "--format", "json"); code != 0 || strings.Count(out, "\n") != 10 {
		t.Errorf("a stream that is followed: exit %d, %s", code, out)
	}
}

func TestRecordsTailFollowsAJournal(t *testing.T) {
	list := someRecords()
	name, _ := journalFile(t, list)
	lines := readLines(t, name)
	if err := os.WriteFile(name, []byte(lines[0]+"\n"+lines[1]+"\n"+lines[2][:20]), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		defer w.Close()
		ended <- run(ctx, []string{"records", "tail", "-f", "-n", "1", "--format", "json", "--journal", name}, &stdio{in: strings.NewReader(""), out: w, err: io.Discard, width: func() int { return 0 }})
	}()
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	next := func(want string) {
		t.Helper()
		if !in.Scan() || in.Text() != want {
			t.Fatalf("got %s, want %s", in.Text(), want)
		}
	}
	next(lines[1]) // and not the line that is not whole
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fmt.Fprintf(f, "%s\n%s\n", lines[2][20:], lines[3])
	next(lines[2])
	next(lines[3])
	cancel()
	if code := <-ended; code != exitInterrupted {
		t.Errorf("exit %d", code)
	}
}

func TestRecordsShowFindsByAnyID(t *testing.T) {
	name, _ := journalFile(t, someRecords())
	raw := readLines(t, name)
	for _, id := range []string{"3", "event-3", fmt.Sprintf("%064x", 3)} {
		if code, out, _ := feedTool(t, "", "records", "show", id, "--journal", name, "--format", "json"); code != 0 || out != raw[2]+"\n" {
			t.Errorf("%s: exit %d, %s", id, code, out)
		}
	}
	code, out, _ := feedTool(t, "", "records", "show", "7", "--journal", name)
	for _, want := range []string{"ORANGE  step up, tenured channels only (action code 85)  record 7", "no answer: timeout, 5s", "error         deadline", "--identity KEYFILE"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, no %q in\n%s", code, want, out)
		}
	}
	if code, out, errs := feedTool(t, "", "records", "show", "11", "--journal", name); code != exitFailed || out != "" || strings.Count(errs, "\n") != 1 {
		t.Errorf("exit %d, %s%s", code, out, errs)
	}
}

func TestRecordsVerifySeesWhatWasDone(t *testing.T) {
	name, end := journalFile(t, someRecords())
	raw := readLines(t, name)
	head := fmt.Sprintf("%d:%s", end.Seq, end.Hash)
	whole := strings.Join(raw, "\n") + "\n"
	for what, c := range map[string]struct {
		text, after string
		code        int
		say         string
	}{
		"whole":             {whole, "", 0, "the chain holds: 10 records\nhead  " + head + "\n"},
		"whole, its head":   {whole, head, 0, "the chain holds"},
		"empty":             {"", "", 0, "the chain holds: no records"},
		"cut off":           {strings.Join(raw[:8], "\n") + "\n", "", 0, "8 records"},
		"cut off, its head": {strings.Join(raw[:8], "\n") + "\n", head, 1, "the chain ends at record 8, before the anchor 10: lines were cut off"},
		"emptied":           {"", head, 1, "lines were cut off"},
		"written anew":      {whole, "10:" + strings.Repeat("0", 64), 1, "the chain was written anew"},
		"changed":           {strings.Replace(whole, `"event-3"`, `"event-X"`, 1), "", 1, "line 4: its prev is not the hash of the line before"},
		"removed":           {strings.Join(append(raw[:4:4], raw[5:]...), "\n") + "\n", "", 1, "line 5: its seq is not 5"},
		"torn":              {whole[:len(whole)-9], "", 1, "line 10: the last line has no end"},
		"goes on":           {strings.Join(raw[5:], "\n") + "\n", anchorOf(raw[4], 5), 0, "the chain holds: 5 records\nafter 5:"},
		"goes on, unknown":  {strings.Join(raw[5:], "\n") + "\n", "", 1, "begins at record 6; give the place before it with --after"},
		"goes on, other":    {strings.Join(raw[5:], "\n") + "\n", "5:" + strings.Repeat("0", 64), 1, "line 1: its prev is not"},
	} {
		args := []string{"records", "verify", "--journal", "-"}
		if c.after != "" {
			args = append(args, "--after", c.after)
		}
		if code, out, errs := feedTool(t, c.text, args...); code != c.code || !strings.Contains(out, c.say) || errs != "" {
			t.Errorf("%s: exit %d\n%s%s", what, code, out, errs)
		}
		code, out, _ := feedTool(t, c.text, append(args, "--format", "json")...)
		if code != c.code || !strings.Contains(out, fmt.Sprintf(`{"ok":%v,`, c.code == 0)) {
			t.Errorf("%s: exit %d, %s", what, code, out)
		}
	}
}

func anchorOf(line string, seq int) string {
	sum := sha256.Sum256([]byte(line))
	return fmt.Sprintf("%d:%x", seq, sum)
}

func TestRecordsDiffIsAMatrix(t *testing.T) {
	name, _ := journalFile(t, someRecords())
	code, out, _ := feedTool(t, "", "records", "diff", "--journal", name)
	testutil.Golden(t, "testdata/records_diff.golden", []byte(out))
	if code != 0 {
		t.Errorf("exit %d", code)
	}
	code, out, _ = feedTool(t, "", "records", "diff", "--journal", name, "--format", "json", "--examples", "0")
	for _, want := range []string{`"compared":8,`, `"looser":1,`, `{"ours":"00","theirs":"05","count":1,"verdict":"looser","examples":[]}`, `"left_out":{"repeat":1,"replayed":0,"alone":1}`} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, no %s in %s", code, want, out)
		}
	}
	alone, _ := journalFile(t, someRecords()[9:])
	if code, out, errs := feedTool(t, "", "records", "diff", "--journal", alone); code != exitFailed || out != "" || !strings.Contains(errs, "shadow") {
		t.Errorf("nothing to compare: exit %d, %s%s", code, out, errs)
	}
}

func TestRecordsAgesTellWhatWouldBeRefused(t *testing.T) {
	name, _ := journalFile(t, someRecords())
	code, out, _ := feedTool(t, "", "records", "ages", "--journal", name)
	for _, want := range []string{"7 verified messages", "up to 2 s           6  ██", "up to 6 h           1  █", "max_age: 1 message would have been refused"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, no %q in\n%s", code, want, out)
		}
	}
	if code, out, _ := feedTool(t, "", "records", "ages", "--journal", name, "--format", "json"); code != 0 || !strings.Contains(out, `{"up_to_s":2,"count":6}`) || !strings.Contains(out, `"observed":{"max_age":1}`) {
		t.Errorf("exit %d, %s", code, out)
	}
}

// TestRecordsRefuseMistakes: one line on standard error, nothing else, the right code.
func TestRecordsRefuseMistakes(t *testing.T) {
	name, _ := journalFile(t, someRecords())
	notJSON := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(notJSON, []byte("{\"id\":1}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]int{
		"":                                    exitUsage,
		"tial":                                exitUsage,
		"tail extra":                          exitUsage,
		"tail -n 100001 --journal " + name:    exitUsage,
		"tail -n x --journal " + name:         exitUsage,
		"tail --outcome blue":                 exitUsage,
		"tail --refusal stael":                exitUsage,
		"tail --journal nowhere.ndjson":       exitUsage,
		"tail --journal .":                    exitUsage,
		"tail --store memory":                 exitUsage,
		"tail --store nowhere/issuant.db":     exitUsage,
		"tail --store redis://x":              exitUsage,
		"tail --format yaml":                  exitUsage,
		"show":                                exitUsage,
		"show 1 2":                            exitUsage,
		"verify --after 10 --journal " + name: exitUsage,
		"verify --after 10:ABC":               exitUsage,
		"diff --examples -1":                  exitUsage,
		"diff --journal " + notJSON:           exitInput,
		"ages --journal " + notJSON:           exitInput,
		"show 1 --journal " + notJSON:         exitInput,
	} {
		code, out, errs := feedTool(t, "", append([]string{"records"}, strings.Fields(args)...)...)
		if code != want || out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "issuant: ") {
			t.Errorf("records %s: exit %d, want %d\n%s%s", args, code, want, out, errs)
		}
	}
}

// feedTool runs the tool with the text as standard input.
func feedTool(t *testing.T, in string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e strings.Builder
	code = run(t.Context(), args, &stdio{in: strings.NewReader(in), out: &o, err: &e, width: func() int { return 0 }})
	return code, o.String(), e.String()
}

func readLines(t *testing.T, name string) []string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}
