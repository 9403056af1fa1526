package records_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/records"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules"
)

func Example() {
	var journal bytes.Buffer
	j, err := engine.NewJournal(&journal, engine.JournalOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	in := &engine.Incumbent{Status: 200, Read: true, ActionCode: "05"}
	for _, code := range []string{"00", "05", "00"} {
		if err := j.Append(&engine.Record{At: time.Unix(0, 0), Decided: true, Outcome: rules.Green, ActionCode: code, Incumbent: in}); err != nil {
			fmt.Println(err)
			return
		}
	}
	m := records.NewMatrix(1)
	err = (&records.Journal{In: &journal}).Each(context.Background(), records.Walk{}, func(t records.Text) error {
		l, err := records.Parse(t.Bytes)
		if err == nil {
			m.Add(l)
		}
		return err
	})
	for _, c := range m.Cells() {
		fmt.Println(c.Ours, c.Theirs, c.Count, c.Verdict)
	}
	fmt.Println(err)
	// Output:
	// 00 05 2 looser
	// 05 05 1 same
	// <nil>
}

func TestCompareTellsWhoAllowsMore(t *testing.T) {
	read := func(code string) *engine.Incumbent {
		return &engine.Incumbent{Status: 200, Read: true, ActionCode: code}
	}
	for _, c := range []struct {
		action, refusal string
		in              *engine.Incumbent
		want            string
	}{
		{"00", "", read("00"), "00 00 same"},
		{"00", "", read("85"), "00 85 looser"},
		{"00", "", read("57"), "00 57 looser"},
		{"85", "", read("00"), "85 00 stricter"},
		{"85", "", read("96"), "85 96 looser"},
		{"05", "", read("85"), "05 85 stricter"},
		{"05", "", read("14"), "05 14 other_code"},
		{"96", "", read("05"), "96 05 other_code"},
		{"", "signature", read("00"), "refused 00 stricter"},
		{"", "stale", read("05"), "refused 05 other_code"},
		{"", "decode", read("96"), "96 96 same"},
		{"", "busy", read("00"), "unavailable 00 silent"},
		{"", "record", read("00"), "unavailable 00 silent"},
		{"00", "", &engine.Incumbent{Failure: engine.IncumbentTimeout}, "00 failed silent"},
		{"00", "", &engine.Incumbent{Status: 500}, "00 unread silent"},
	} {
		ours, theirs, verdict, ok := records.Compare(c.action, c.refusal, c.in)
		if got := ours + " " + theirs + " " + verdict; !ok || got != c.want || !slices.Contains(records.Verdicts, verdict) {
			t.Errorf("%s %s: %s, want %s", c.action, c.refusal, got, c.want)
		}
	}
	for _, copied := range []string{"repeat", "replayed"} {
		if _, _, _, ok := records.Compare("", copied, read("00")); ok {
			t.Errorf("a %s is compared", copied)
		}
	}
}

// TestParseReadsWhatTheEngineWrites: every member of a full record.
func TestParseReadsWhatTheEngineWrites(t *testing.T) {
	r := &engine.Record{
		At: time.Unix(1795428000, 5).UTC(), Counterpart: "pismo", EventID: "e", DecisionID: "d", PackID: "p",
		Lists: []engine.ListDigest{{Name: "deny", Digest: "x"}}, Decided: true, Outcome: rules.Orange, ActionCode: "85",
		Rules: []engine.RuleHit{{ID: "R1", Version: "2"}}, Shadow: []engine.RuleHit{{ID: "S1"}}, Reasons: []string{"WHY"},
		Degraded: []engine.Degradation{{Code: "cost", Rule: "R2"}}, KeyID: "k", MessageDigest: "m", Micros: 7,
		Card: engine.Card{BIN: "411111", Last4: "1111"}, Verified: true, Age: -3 * time.Second, Observed: []string{"subject"},
		Incumbent: &engine.Incumbent{Status: 200, Read: true, Approve: true, ActionCode: "00", Micros: 9}, Sealed: "YWdl",
	}
	text, err := r.AppendLine(nil, engine.Chain{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := records.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%d %v %q %s %s %s %s %v %s %s %v %v %v %v %s %s %d %v %v %v %v %+v %s", l.Seq, l.At, l.Kind, l.Counterpart, l.EventID, l.DecisionID, l.PackID,
		l.Lists, l.Outcome, l.ActionCode, l.Rules, l.Shadow, l.Reasons, l.Degraded, l.KeyID, l.MessageDigest, l.Micros, l.Card, l.Verified, l.Age, l.Observed, *l.Incumbent, l.Sealed)
	want := fmt.Sprintf("1 %v \"\" pismo e d p [{deny x}] orange 85 [R1] [S1] [WHY] [{cost R2}] k m 7 {%s 411111 1111} true -3s [subject] %+v YWdl", r.At, "", *r.Incumbent)
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestParseRefusesWhatIsNoRecord(t *testing.T) {
	for _, text := range []string{"", "{}", "[]", `{"seq":1}`, `{"format":1}`, `{"format":2,"seq":1}`, `{"format":1,"seq":0}`, `{"format":1,"seq":1}x`, `{"format":1,"seq":1,"seq":1}`} {
		if l, err := records.Parse([]byte(text)); err == nil {
			t.Errorf("%s: %+v", text, l)
		}
	}
	// What operators change stands in the same chain.
	l, err := records.Parse([]byte(`{"format":1,"seq":3,"prev":"","kind":"list","at":"2026-11-23T10:00:00Z","list":"deny","action":"put"}`))
	if err != nil || l.Kind != "list" || l.Seq != 3 {
		t.Errorf("%+v %v", l, err)
	}
	if wanted := (&records.Filter{}).Wants(l); !wanted {
		t.Error("an empty filter does not want it")
	}
	if wanted := (&records.Filter{Outcome: []string{"red"}}).Wants(l); wanted {
		t.Error("a filter of messages wants it")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"format":1,"seq":1,"rules":[{"id":"R"}],"incumbent":{"status":200},"card":{"ref":"x"},"age_ms":1}`))
	f.Add([]byte(`{"format":1,"seq":1,"rules":{"id":1},"incumbent":[],"lists":[null]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := records.Parse(text)
		if (l == nil) == (err == nil) {
			t.Fatal(l, err)
		}
		if err == nil {
			records.NewMatrix(1).Add(l)
			records.NewAges().Add(l)
		}
	})
}

// TestFollowGoesOnInAFileThatTookThePlace: logrotate and the like rename a journal.
func TestFollowGoesOnInAFileThatTookThePlace(t *testing.T) {
	name := filepath.Join(t.TempDir(), "journal")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(name+".next", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+".next", name); err != nil {
			t.Fatal(err)
		}
	}
	put("one\ntwo\nha")
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var got []string
	err := (&records.Journal{Path: name}).Each(ctx, records.Walk{Follow: true, CaughtUp: func() error { put("three\n"); return nil }}, func(l records.Text) error {
		if got = append(got, string(l.Bytes)); l.Torn {
			t.Error("a line that is not whole was visited")
		}
		if len(got) == 3 {
			stop()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || strings.Join(got, " ") != "one two three" {
		t.Errorf("%q %v", got, err)
	}
	put("longer than what comes\n")
	err = (&records.Journal{Path: name}).Each(t.Context(), records.Walk{Follow: true, CaughtUp: func() error { return os.Truncate(name, 3) }}, func(records.Text) error { return nil })
	if !errors.Is(err, records.ErrShrunk) {
		t.Error(err)
	}
}

func TestLongAndTornLinesAreTold(t *testing.T) {
	long := strings.Repeat("x", engine.MaxRecordLine+1)
	var got []string
	err := (&records.Journal{In: strings.NewReader("a\n" + long + "\nb")}).Each(t.Context(), records.Walk{}, func(l records.Text) error {
		got = append(got, fmt.Sprint(l.N, len(l.Bytes), l.Long, l.Torn))
		return nil
	})
	if err != nil || strings.Join(got, ", ") != "1 1 false false, 2 0 true false, 3 1 false true" {
		t.Errorf("%q %v", got, err)
	}
}
