package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/store"
)

func TestServeRemembersBeyondItsEnd(t *testing.T) {
	t.Parallel()
	s := newServed(t, "")
	s.configure("store: " + s.path("issuant.db") + "\n")
	s.start()
	req := func() *http.Request {
		r, err := s.sender.Request(context.Background(), s.hooks, []byte(body(1)), time.Now().Truncate(time.Second), enginetest.Claims{"exp": json.Number("4102444800"), "iat": s.iat()})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	status, first := s.do(req())
	if status != 200 {
		t.Fatal(status, first)
	}
	if code := s.end(); code != 0 {
		t.Fatal("exit code", code)
	}
	if st, err := os.Stat(s.path("issuant.db")); err != nil || st.Mode().Perm()&0o077 != 0 {
		t.Error("the store is open to others:", st, err)
	}
	s.log = &logBuffer{}
	s.start()
	if status, again := s.do(req()); status != 200 || again != first {
		t.Error("the retry after a restart:", status, again)
	}
	if line := s.log.lines("webhook")[0]; line["refusal"] != "repeat" {
		t.Error("it had a second effect:", line)
	}
	for _, want := range []string{"issuant_journal_seq 2", "issuant_replay_messages 1", "issuant_velocity_events 1", "issuant_store_batch_entries_count 1"} {
		if !s.metric(want) {
			t.Error("metrics lack", want)
		}
	}
	second := newServed(t, "")
	second.configure("store: " + s.path("issuant.db") + "\n")
	code, _, errs := runTool(t, t.Context(), nil, "serve", "--config", second.path("issuant.yaml"))
	if code != exitUnavailable || !strings.Contains(errs, "another process owns the file") {
		t.Error("two processes own one file:", code, errs)
	}
	s.end()
	db, err := store.Open(t.Context(), s.path("issuant.db"), store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if end, err := db.Verify(t.Context()); err != nil || end.Seq != 2 {
		t.Error("the chain:", end, err)
	}
}

// iat is the second in which the test's folder was made: the same for every copy.
func (s *served) iat() int64 {
	st, err := os.Stat(s.path("ref.key"))
	if err != nil {
		s.t.Fatal(err)
	}
	return st.ModTime().Unix()
}

func TestServeAnswersNothingThatItCannotRecord(t *testing.T) {
	t.Parallel()
	s := newServed(t, "")
	s.configure("store: " + s.path("issuant.db") + "\n")
	s.start()
	if status, _ := s.send(body(1), nil); status != 200 {
		t.Fatal(status)
	}
	// Another handle holds the file's lock, as a backup that hangs would.
	release := lockDatabase(t, s.path("issuant.db"))
	if status, _ := s.send(body(2), nil); status != 503 {
		t.Error("answered without a record:", status)
	}
	eventually(t, "readyz tells why", func() bool {
		status, r := s.ready()
		return status == 503 && len(r.Reasons) == 1 && r.Reasons[0].Check == "store"
	})
	release()
	eventually(t, "it is ready again", func() bool { status, _ := s.ready(); return status == 200 })
	if status, _ := s.send(body(3), nil); status != 200 {
		t.Error("afterwards:", status)
	}
}

// lockDatabase holds a write transaction until release is called.
func lockDatabase(t *testing.T, path string) (release func()) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		conn.ExecContext(context.Background(), "ROLLBACK")
		conn.Close()
		db.Close()
	}
}
