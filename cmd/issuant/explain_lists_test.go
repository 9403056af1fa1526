package main

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/seal"
)

func TestExplainMakesTheListsAgainAsTheyWere(t *testing.T) {
	t.Parallel()
	s := newListed(t, "")
	key, recipient, err := seal.NewKeyFile(time.Now())
	check(t, err)
	write(t, s.path("auditor.key"), string(key), 0o600)
	write(t, s.path("auditor.pub"), recipient+"\n", 0o644)
	s.start("--seal-to", s.path("auditor.pub"))
	do := func(args ...string) {
		t.Helper()
		if code, _, errs := s.list(args...); code != 0 {
			t.Fatal(args, errs)
		}
	}
	s.answers(1, "422222") // record 2, after the data key: the pack's own list
	do("remove", "deny_bins", "422222")
	s.answers(2, "422222") // 4: masked
	do("add", "deny_bins", "411111", "--until", "24h")
	do("add", "kill.bin", "433333")
	do("add", "kill.requestor", "40010000001", "--until", "1h")
	s.answers(3, "411111") // 8: a rule, by an added value
	s.answers(4, "433333") // 9: the kill switch
	do("remove", "kill.bin", "433333")
	do("remove", "deny_bins", "411111")
	s.answers(5, "433333") // 12: let through
	s.end()
	db, pack := s.path("issuant.db"), s.path("green")
	journal := s.path("records.ndjson")
	_, out, _ := runTool(t, t.Context(), nil, "records", "tail", "--store", db, "--format", "json", "-n", "100")
	write(t, journal, out, 0o600)
	explain := func(seq, from, name string) (int, string, string) {
		return runTool(t, t.Context(), nil, "explain", "--decision", seq, "--"+from, name, "--identity", s.path("auditor.key"), "--pack", pack)
	}
	for seq, want := range map[string]string{"2": "RED", "4": "YELLOW", "8": "RED", "9": "kill_switch:bin", "12": "YELLOW"} {
		for from, name := range map[string]string{"store": db, "journal": journal} {
			code, out, errs := explain(seq, from, name)
			if code != 0 || !strings.Contains(out, "it is the same decision") || !strings.Contains(out, want) {
				t.Errorf("record %s of the %s: exit %d, want %s\n%s%s", seq, from, code, want, out, errs)
			}
		}
	}
	// A history that somebody changed explains nothing any more.
	raw, err := sql.Open("sqlite", db)
	check(t, err)
	_, err = raw.Exec(`UPDATE list_changes SET value = '433334' WHERE value = '433333'`)
	check(t, err)
	_, err = raw.Exec(`DELETE FROM list_changes WHERE list = 'deny_bins' AND action = 'mask'`)
	check(t, err)
	check(t, raw.Close())
	for seq, want := range map[string]string{"9": `the list "`, "4": "other contents of the list"} {
		if code, out, errs := explain(seq, "store", db); code != exitFailed || out != "" || !strings.Contains(errs, want) {
			t.Errorf("record %s: exit %d\n%s%s", seq, code, out, errs)
		}
	}
	if code, out, errs := explain("9", "journal", journal); code != 0 {
		t.Errorf("the chain still tells: exit %d\n%s%s", code, out, errs)
	}
}
