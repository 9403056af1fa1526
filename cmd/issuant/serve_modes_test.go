package main

import (
	"database/sql"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/engine/enginetest"
)

// durable is a server with a store of its own, which remembers what came before its start.
func durable(t *testing.T, more string) *served {
	t.Helper()
	s := newServed(t, "")
	s.configure("store: " + s.path("issuant.db") + "\n" + more)
	return s
}

// TestServeObservesBeforeItEnforces: what max_age would refuse is accepted once,
// recorded and counted; it is still no second time accepted.
func TestServeObservesBeforeItEnforces(t *testing.T) {
	twoHours := enginetest.Claims{"iat": time.Now().Add(-2 * time.Hour).Unix()}
	strict := durable(t, "").start()
	if status, _ := strict.send(body(1), twoHours); status != 401 {
		t.Error("enforced:", status)
	}
	strict.end()

	s := durable(t, "").start("--unsafe-observe", "max_age", "--retry-window", "1s")
	status, answer := s.send(body(1), twoHours)
	if status != 200 || !strings.Contains(answer, `"action_code"`) {
		t.Fatal("observed:", status, answer)
	}
	if status, _ := s.send(body(2), enginetest.Claims{"iat": time.Now().Add(-25 * time.Hour).Unix()}); status != 401 {
		t.Error("older than what is remembered:", status)
	}
	if status, _ := s.send(body(3), nil); status != 200 {
		t.Error("fresh:", status)
	}
	time.Sleep(1100 * time.Millisecond) // the retry window
	if status, _ := s.send(body(1), twoHours); status != 401 {
		t.Error("replayed:", status)
	}
	for _, want := range []string{
		`issuant_observed_total{check="max_age",counterpart="pismo"} 2`, // the replay failed it too
		`issuant_message_age_seconds_bucket{counterpart="pismo",le="3600"} 1`, `issuant_message_age_seconds_bucket{counterpart="pismo",le="21600"} 3`,
	} {
		if !s.metric(want) {
			_, text := s.get("/metrics")
			t.Errorf("metrics lack %s\n%s", want, regexp.MustCompile(`(?m)^.*(observed|age_seconds).*$`).FindAllString(text, -1))
		}
	}
	if len(s.log.lines("checks are observed, not enforced")) == 0 {
		t.Error("the log does not warn")
	}
	// The store can be read while the server has it.
	code, out, errs := feedTool(t, "", "records", "tail", "--store", s.path("issuant.db"), "--format", "json", "--outcome", "yellow,green,orange,red", "-n", "2")
	if code != 0 || !strings.Contains(out, `"observed":["max_age"]`) {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	if code, out, _ := feedTool(t, "", "records", "ages", "--store", s.path("issuant.db")); code != 0 || !strings.Contains(out, "max_age: 2 messages would have been refused") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

// TestServeShadowsTheIncumbent: the sender gets the incumbent's answer; the records
// have both, with the event sealed to the auditor, who can decide again.
func TestServeShadowsTheIncumbent(t *testing.T) {
	var asked atomic.Int64
	incumbent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if asked.Add(1); r.URL.RequestURI() != "/old?tenant=1" || r.Header.Get("X-Pismo-Sign") == "" || !strings.HasPrefix(string(b), `{"card":`) {
			t.Errorf("asked %s %v %s", r.URL.RequestURI(), r.Header, b)
		}
		w.Header().Set("Content-Type", "application/vnd.old+json")
		io.WriteString(w, `{ "approve": false, "action_code": "05" }`)
	}))
	defer incumbent.Close()
	s := durable(t, "")
	key, recipient, err := seal.NewKeyFile(time.Now())
	check(t, err)
	write(t, s.path("auditor.key"), string(key), 0o600)
	write(t, s.path("auditor.pub"), recipient+"\n", 0o644)
	s.start("--shadow", incumbent.URL+"/old", "--seal-to", s.path("auditor.pub"))
	s.hooks += "?tenant=1"
	iat := enginetest.Claims{"iat": time.Now().Unix()} // the same, so that the third is a copy of the first
	for _, token := range []int{1, 2, 1} {
		if status, answer := s.send(body(token), iat); status != 200 || answer != `{ "approve": false, "action_code": "05" }` {
			t.Errorf("%d %s", status, answer)
		}
	}
	if asked.Load() != 3 {
		t.Errorf("the incumbent was asked %d times", asked.Load())
	}
	db := s.path("issuant.db")
	eventually(t, "three records", func() bool {
		_, out, _ := feedTool(t, "", "records", "tail", "--store", db, "--format", "json")
		return strings.Count(out, `"incumbent":{"status":200,"failure":null,"approve":false,"action_code":"05"`) == 3
	})
	s.end()
	if code, out, errs := feedTool(t, "", "records", "verify", "--store", db); code != 0 || !strings.Contains(out, "the chain holds: 4 records") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	code, out, errs := feedTool(t, "", "records", "diff", "--store", db)
	if code != 0 || !strings.Contains(out, "2 messages compared") || !strings.Contains(out, "looser 2 (100.0 %)") || !strings.Contains(out, "ours 85 step up, theirs 05 decline: 2 messages") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	id := regexp.MustCompile(`[0-9a-f]{64}`).FindString(out)
	code, out, errs = feedTool(t, "", "explain", "--decision", id, "--store", db, "--identity", s.path("auditor.key"))
	if code != 0 || !strings.Contains(out, "decided again, it is the same decision") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	if code, out, _ := feedTool(t, "", "records", "show", id, "--store", db); code != 0 || !strings.Contains(out, "status 200, approve false, action code 05") {
		t.Errorf("exit %d\n%s", code, out)
	}
	if code, out, _ := feedTool(t, "", "records", "show", "2", "--store", db, "--format", "json"); code != 0 || !strings.Contains(out, `"seq":2,`) {
		t.Errorf("exit %d\n%s", code, out)
	}
}

// TestRecordsReadAStoreThatSomebodyTouched: the chain of a store is followed like
// that of a journal, against the head that the store notes and one noted elsewhere.
func TestRecordsReadAStoreThatSomebodyTouched(t *testing.T) {
	s := durable(t, "").start()
	for token := range 4 {
		if status, answer := s.send(body(token), nil); status != 200 {
			t.Fatal(status, answer)
		}
	}
	s.end()
	name := s.path("issuant.db")
	_, out, _ := feedTool(t, "", "records", "verify", "--store", name)
	head := regexp.MustCompile(`\d+:[0-9a-f]{64}`).FindString(out)
	for _, after := range []string{"", head} {
		args := []string{"records", "verify", "--store", name}
		if after != "" {
			args = append(args, "--after", after)
		}
		if code, out, errs := feedTool(t, "", args...); code != 0 || !strings.Contains(out, "the chain holds: 4 records") {
			t.Errorf("exit %d\n%s%s", code, out, errs)
		}
	}
	db, err := sql.Open("sqlite", name)
	check(t, err)
	defer db.Close()
	touch := func(statement string) {
		t.Helper()
		_, err := db.Exec(statement)
		check(t, err)
	}
	broken := func(what, say string, args ...string) {
		t.Helper()
		code, out, errs := feedTool(t, "", append([]string{"records", "verify", "--store", name}, args...)...)
		if code != exitFailed || !strings.Contains(out+errs, say) {
			t.Errorf("%s: exit %d\n%s%s", what, code, out, errs)
		}
	}
	touch(`UPDATE records SET line = replace(line, '"outcome":"yellow"', '"outcome":"green"') WHERE seq = 2`)
	broken("changed", "record 3: its prev is not the hash of the line before")
	touch(`UPDATE records SET line = replace(line, '"outcome":"green"', '"outcome":"yellow"') WHERE seq = 2`)
	touch(`CREATE TABLE kept AS SELECT line FROM records WHERE seq = 4`)
	touch(`DELETE FROM records WHERE seq = 4`)
	broken("cut off", "the store says that record 4 is the last; the chain ends at 3")
	touch(`UPDATE head SET seq = 3`)
	broken("cut off, and half of the head", "the last record, 3, is not the one that the store's head names")
	touch(`UPDATE head SET hash = (SELECT substr(line, instr(line, '"prev":"') + 8, 64) FROM kept)`)
	broken("cut off, and the head", "lines were cut off", "--after", head)
	touch(`DELETE FROM records WHERE seq = 2`)
	broken("removed", "record 3: its seq is not 2")
}
