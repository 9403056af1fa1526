package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// checkup runs doctor in this process and returns its findings by check.
func (s *served) checkup(want int, args ...string) map[string]string {
	s.t.Helper()
	code, out, errs := runTool(s.t, s.t.Context(), nil, append([]string{"doctor", "--config", s.path("issuant.yaml"), "--format", "json"}, args...)...)
	if code != want || errs != "" {
		s.t.Errorf("exit code %d, want %d: %s%s", code, want, out, errs)
	}
	return diagnoses(s.t, out, want == 0)
}

func diagnoses(t testing.TB, out string, ok bool) map[string]string {
	t.Helper()
	var r struct {
		OK     bool
		Checks []struct{ Check, Status, Message string }
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err, out)
	}
	if r.OK != ok {
		t.Errorf("ok is %v: %s", r.OK, out)
	}
	found := map[string]string{}
	for _, c := range r.Checks {
		found[c.Check] = strings.TrimSpace(found[c.Check] + "\n" + c.Status + ": " + c.Message)
	}
	return found
}

func expect(t *testing.T, found map[string]string, check, status, words string) {
	t.Helper()
	if got := found[check]; !strings.HasPrefix(got, status+": ") || !strings.Contains(got, words) {
		t.Errorf("%s is %q, want %s with %q", check, got, status, words)
	}
}

func TestDoctorFindsNothingWhereAllIsWell(t *testing.T) {
	t.Parallel()
	s := newServed(t, "")
	s.configure("store: " + s.path("issuant.db") + "\n")
	found := s.checkup(0)
	expect(t, found, "store", "ok", "serve makes it")
	s.start()
	if status, _ := s.send(body(1), nil); status != 200 {
		t.Fatal(status)
	}
	found = s.checkup(0) // beside the server
	expect(t, found, "config", "ok", "pismo")
	expect(t, found, "pack", "ok", "tests passed")
	expect(t, found, "keys/pismo", "ok", "1 usable")
	expect(t, found, "ref_key/pismo", "ok", "owner alone")
	expect(t, found, "clock", "ok", "it says")
	expect(t, found, "store", "ok", "can be read")
	expect(t, found, "chain", "ok", "record 1")
	if strings.Contains(found["pack"], " 0 tests") {
		t.Error("the starter pack's tests were not run:", found["pack"])
	}
	code, out, _ := runTool(t, t.Context(), nil, "doctor", "--config", s.path("issuant.yaml"))
	if code != 0 || !strings.Contains(out, "keys/pismo") || !strings.Contains(out, "STATUS") {
		t.Error(code, out)
	}
}

func TestDoctorFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := newServed(t, "")
	s.configure("store: " + s.path("issuant.db") + "\n")
	s.start()
	s.send(body(1), nil)
	s.end()
	if err := os.Chmod(s.path("issuant.db"), 0o644); err != nil {
		t.Fatal(err)
	}
	write(t, s.path("ref.key"), refKeyLine, 0o644)
	pack := s.path("pack")
	unpack(t, pack)
	edit(t, pack+"/tests/card_test.yaml", "outcome: red", "outcome: green")
	found := s.checkup(exitFailed, "--pack", pack)
	expect(t, found, "store", "failed", "0644")
	expect(t, found, "ref_key/pismo", "failed", "0644")
	expect(t, found, "pack", "failed", "the pack's own test")

	edit(t, s.path("issuant.yaml"), "sms: true", "smss: true")
	os.Chmod(s.path("issuant.yaml"), 0o600)
	found = s.checkup(exitFailed)
	expect(t, found, "config", "failed", `did you mean "sms"`)
}

func TestDoctorComparesTheClockWithTheKeyServers(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts processes")
	}
	s := newServed(t, "")
	server, authority := newKeyServer(t)
	doc := string(s.sender.X509Map())
	server.document.Store(&doc)
	write(t, s.path("ca.pem"), authority, 0o644)
	edit(t, s.path("issuant.yaml"), s.path("keys.json"), server.URL+"/keys")
	os.Chmod(s.path("issuant.yaml"), 0o600)
	examine := func(want int) map[string]string {
		cmd := tool(t, "doctor", "--config", s.path("issuant.yaml"), "--format", "json")
		cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+s.path("ca.pem"))
		out, err := cmd.Output()
		if code := cmd.ProcessState.ExitCode(); code != want {
			t.Errorf("exit code %d, want %d: %v", code, want, err)
		}
		return diagnoses(t, string(out), want == 0)
	}
	found := examine(0)
	expect(t, found, "clock", "ok", "agrees")
	expect(t, found, "keys/pismo", "ok", "1 usable")
	expect(t, found, "store", "warning", "memory")
	date := time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)
	server.date.Store(&date)
	expect(t, examine(exitFailed), "clock", "failed", "more than skew")
	server.down.Store(true)
	expect(t, examine(exitFailed), "keys/pismo", "failed", "502")
}

func TestDoctorEndsWhenItIsInterrupted(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	s := newServed(t, "")
	if code, _, _ := runTool(t, ctx, nil, "doctor", "--config", s.path("issuant.yaml")); code != exitInterrupted {
		t.Error("exit code", code)
	}
	if code, _, errs := runTool(t, t.Context(), nil, "doctor", "--format", "xml"); code != exitUsage || !strings.Contains(errs, "xml") {
		t.Error("exit code", code, errs)
	}
}
