package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules"
)

// runTool runs a command line in this process.
func runTool(t testing.TB, ctx context.Context, env []string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e strings.Builder
	code = run(ctx, args, &stdio{in: strings.NewReader(""), out: &o, err: &e, env: env, width: func() int { return 0 }})
	return code, o.String(), e.String()
}

func TestDemoTellsEveryStoryAsItMust(t *testing.T) {
	code, out, errs := runTool(t, t.Context(), nil, "demo", "--once", "--format", "json")
	if code != 0 || errs != "" {
		t.Fatalf("exit code %d: %s\n%s", code, errs, out)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	told := 0
	for _, c := range chapters() {
		for _, s := range c.stories {
			checkLine(t, s, lines[told])
			told++
		}
	}
	if told != len(lines) {
		t.Errorf("%d stories, %d lines", told, len(lines))
	}
}

func checkLine(t *testing.T, s *story, line string) {
	t.Helper()
	var got struct {
		Story      *string
		Status     *int
		Outcome    *string
		ActionCode *string `json:"action_code"`
		Rules      []string
		Refusal    *string
		Micros     *int64
	}
	dec := json.NewDecoder(strings.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&got); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	text := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	if text(got.Story) != s.name || got.Status == nil || *got.Status != s.status || text(got.Outcome) != s.outcome ||
		text(got.ActionCode) != s.action || text(got.Refusal) != s.refusal || got.Rules == nil || got.Micros == nil {
		t.Errorf("want %s %d %q %q %q: %s", s.name, s.status, s.outcome, s.action, s.refusal, line)
	}
	if strings.Contains(line, `""`) {
		t.Errorf("an empty text instead of null: %s", line)
	}
}

// The stories that the demo must hold, whatever else it tells.
func TestDemoHasTheStoriesThatWereAskedFor(t *testing.T) {
	have := map[string]bool{}
	for _, c := range chapters() {
		for _, s := range c.stories {
			if have[s.name] {
				t.Errorf("two stories are named %q", s.name)
			}
			have[s.name] = true
		}
	}
	for _, name := range []string{"seed sample", "clean in-app push", "expired card", "failed CVV", "anti-fraud refusal",
		"unknown code", "low device score", "missing network data", "forged signature", "tampered body", "unknown kid",
		"genuine retry", "replay later", "stale token", "undecodable body"} {
		if !have[name] {
			t.Errorf("no story %q", name)
		}
	}
}

func TestDemoGathersFactsOfTheSchema(t *testing.T) {
	for _, c := range chapters() {
		for _, s := range c.stories {
			ev := engine.NewEvent(rules.EventV1())
			for name, v := range s.gathered {
				if err := ev.Set(name, v); err != nil {
					t.Errorf("%s: %v", s.name, err)
				}
			}
			if len(s.gathered) > 0 && c.gathers == "" {
				t.Errorf("%s: gathered facts are not named as such", s.name)
			}
		}
	}
}

func TestDemoTableFitsTheWindow(t *testing.T) {
	for _, width := range []int{80, 119, 120, 200} {
		var o, e strings.Builder
		code := run(t.Context(), []string{"demo", "--once"}, &stdio{in: strings.NewReader(""), out: &o, err: &e, width: func() int { return width }, outTerminal: true})
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, e.String())
		}
		if !strings.Contains(o.String(), "\x1b[1;31mred") {
			t.Error("no colours on a terminal")
		}
		for _, line := range strings.Split(o.String(), "\n") {
			if n := cells(line); n > width {
				t.Errorf("width %d: a line of %d cells: %q", width, n, line)
			}
		}
	}
}

func TestColoursStayOffWhereSomebodyObjects(t *testing.T) {
	for _, c := range []struct {
		args, env []string
	}{{[]string{"--no-color"}, nil}, {nil, []string{"NO_COLOR=1"}}, {nil, []string{"TERM=dumb"}}} {
		var o, e strings.Builder
		run(t.Context(), append([]string{"check"}, c.args...), &stdio{in: strings.NewReader(""), out: &o, err: &e, env: c.env, width: func() int { return 80 }, outTerminal: true})
		if strings.Contains(o.String(), "\x1b") || o.Len() == 0 {
			t.Errorf("%v %v: %q", c.args, c.env, o.String())
		}
	}
}

// demoProcess starts the tool as a process that serves.
func demoProcess(t *testing.T, args ...string) (cmd *exec.Cmd, url string, lines *bufio.Scanner) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(self)
	cmd.Args = append([]string{"issuant", "demo"}, args...)
	cmd.Env = append(os.Environ(), "ISSUANT_TEST_MAIN=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	lines = bufio.NewScanner(out)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "Serving "); ok {
			url, _, _ = strings.Cut(rest, " ")
			return cmd, url, lines
		}
	}
	t.Fatal("it does not serve")
	return nil, "", nil
}

func TestDemoServesUntilInterruptedAndTakesSelfSignedRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process")
	}
	dir := filepath.Join(t.TempDir(), "kit")
	cmd, url, lines := demoProcess(t, "--keys-dir", dir)
	res, err := http.Post(url, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 401 {
		t.Errorf("unsigned: %d", res.StatusCode)
	}
	waitLine(t, lines, "your request", "not_signed")
	if st, err := os.Stat(filepath.Join(dir, "key.pem")); err != nil || st.Mode().Perm() != 0o600 {
		t.Error("the key is not its owner's alone:", st, err)
	}
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Log("openssl is not here: the script is not tried")
	} else if _, err := exec.LookPath("curl"); err != nil {
		t.Log("curl is not here: the script is not tried")
	} else {
		out, err := exec.Command("sh", filepath.Join(dir, "send.sh")).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "200 OK") || !strings.Contains(string(out), `"action_code":"85"`) {
			t.Errorf("%v: %s", err, out)
		}
		waitLine(t, lines, "your request", "yellow")
	}
	cmd.Process.Signal(os.Interrupt)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Error("after an interrupt:", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it does not end")
	}
}

func waitLine(t *testing.T, lines *bufio.Scanner, words ...string) {
	t.Helper()
	for lines.Scan() {
		all := true
		for _, w := range words {
			all = all && strings.Contains(lines.Text(), w)
		}
		if all {
			return
		}
	}
	t.Errorf("no line with %v", words)
}

func TestDemoRefusesToOverwriteAKey(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "key.pem"), []byte("mine"), 0o600)
	code, _, errs := runTool(t, t.Context(), nil, "demo", "--once", "--keys-dir", dir)
	if code != exitUsage || !strings.Contains(errs, "has a key already") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func TestDemoOnATakenAddressIsUnavailable(t *testing.T) {
	d, err := newDemo(mustPack(t), "127.0.0.1:0", nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	code, _, errs := runTool(t, t.Context(), nil, "demo", "--once", "--addr", d.listener.Addr().String())
	if code != exitUnavailable || strings.Count(errs, "\n") != 1 {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
