package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/seal"
)

// TestSealedEventsBelongToTheirRecords: an event that was moved to another record, or
// whose key is gone, explains nothing.
func TestSealedEventsBelongToTheirRecords(t *testing.T) {
	s := durable(t, "")
	key, recipient, err := seal.NewHybridKeyFile(time.Now())
	check(t, err)
	write(t, s.path("auditor.key"), string(key), 0o600)
	write(t, s.path("auditor.pub"), recipient+"\n", 0o644)
	strangers, _, err := seal.NewKeyFile(time.Now())
	check(t, err)
	write(t, s.path("stranger.key"), string(strangers), 0o600)
	for run := range 2 { // each process has a data key of its own
		s.log = &logBuffer{}
		s.start("--seal-to", s.path("auditor.pub"))
		for i := range 2 {
			if status, answer := s.send(body(10*run+i), nil); status != 200 {
				t.Fatal(status, answer)
			}
		}
		s.end()
	}
	_, out, _ := runTool(t, t.Context(), nil, "records", "tail", "--store", s.path("issuant.db"), "--format", "json", "-n", "100")
	lines := strings.SplitAfter(strings.TrimSpace(out), "\n")
	if len(lines) != 6 || strings.Count(out, `"kind":"data_key"`) != 2 {
		t.Fatalf("%d lines:\n%s", len(lines), out)
	}
	explain := func(seq int, journal []string, identity string) (int, string) {
		write(t, s.path("records.ndjson"), strings.Join(journal, ""), 0o600)
		code, _, errs := runTool(t, t.Context(), nil, "explain", "--decision", fmt.Sprint(seq), "--journal", s.path("records.ndjson"), "--identity", s.path(identity))
		return code, errs
	}
	for _, seq := range []int{2, 3, 5, 6} {
		if code, errs := explain(seq, lines, "auditor.key"); code != 0 {
			t.Errorf("record %d: exit %d %s", seq, code, errs)
		}
	}
	sealed := regexp.MustCompile(`"sealed":"[^"]*"`)
	swap := func(i, k int) []string {
		moved := append([]string(nil), lines...)
		a, b := sealed.FindString(lines[i]), sealed.FindString(lines[k])
		moved[i], moved[k] = strings.Replace(lines[i], a, b, 1), strings.Replace(lines[k], b, a, 1)
		return moved
	}
	for name, c := range map[string]struct {
		journal  []string
		identity string
		code     int
		want     string
	}{
		"another record of the key": {swap(1, 2), "auditor.key", exitInput, "sealed for another record"},
		"another key's record":      {swap(1, 4), "auditor.key", exitInput, "sealed for another record"},
		"without its key":           {lines[1:], "auditor.key", exitFailed, "whose line (kind data_key) is not there"},
		"a stranger":                {lines, "stranger.key", exitRefused, "not sealed to any key"},
	} {
		if code, errs := explain(2, c.journal, c.identity); code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%s: exit %d %s", name, code, errs)
		}
	}
}
