package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/issuant/issuant/engine/enginetest"
)

// served is a server that runs in this process.
type served struct {
	t      testing.TB
	dir    string
	sender *enginetest.PismoSender
	hooks  string // URL of the webhooks of pismo
	admin  string
	stop   context.CancelFunc
	ended  chan int
	log    *logBuffer
	client *http.Client
	clock  func() time.Time // of the server; nil = time.Now
}

// logBuffer is standard error, for several goroutines.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// lines are the log's JSON lines with that message.
func (l *logBuffer) lines(msg string) []map[string]any {
	var list []map[string]any
	for _, line := range strings.Split(l.String(), "\n") {
		var m map[string]any
		if json.Unmarshal([]byte(line), &m) == nil && m["msg"] == msg {
			list = append(list, m)
		}
	}
	return list
}

// patience is how long a test waits for what has to happen: a hang, not a speed, is a failure.
const patience = 30 * time.Second

func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it never came to be: " + what)
		}
	}
}

func write(t testing.TB, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	// As editors and Kubernetes do: another file takes the place.
	next := name + ".next"
	if err := os.WriteFile(next, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(next, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	if err := os.Rename(next, name); err != nil {
		t.Fatal(err)
	}
}

const refKeyLine = "k1:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"

// newServed prepares a folder with keys and a configuration; more is YAML of the top level.
func newServed(t testing.TB, more string) *served {
	t.Helper()
	sender, err := enginetest.NewPismoSender(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s := &served{t: t, dir: t.TempDir(), sender: sender, log: &logBuffer{}, client: &http.Client{Timeout: patience}}
	write(t, s.path("keys.json"), string(sender.X509Map()), 0o644)
	write(t, s.path("ref.key"), refKeyLine, 0o600)
	s.configure(more)
	return s
}

func (s *served) path(name string) string { return filepath.Join(s.dir, name) }

// configure writes issuant.yaml.
func (s *served) configure(more string) {
	s.t.Helper()
	store := ""
	if !strings.Contains(more, "store:") {
		store = "store: memory\n"
	}
	write(s.t, s.path("issuant.yaml"), fmt.Sprintf(`listen: 127.0.0.1:0
admin: 127.0.0.1:0
poll: 200ms
%s%scounterparts:
  pismo:
    keys: %s
    accounts: ["%s"]
    ref_key: %s
    sms: true
    call: "+551130039500"
    apps: [{url: "issuer://wallet", platform: ios}]
`, store, more, s.path("keys.json"), enginetest.PismoAccount, s.path("ref.key")), 0o600)
}

// start runs the server and waits until it serves.
func (s *served) start(args ...string) *served {
	s.t.Helper()
	ctx, stop := context.WithCancel(s.t.Context())
	s.stop, s.ended = stop, make(chan int, 1)
	args = append([]string{"serve", "--config", s.path("issuant.yaml")}, args...)
	go func() {
		s.ended <- run(ctx, args, &stdio{in: strings.NewReader(""), out: io.Discard, err: s.log, width: func() int { return 0 }, clock: s.clock})
	}()
	eventually(s.t, "it serves: "+s.log.String(), func() bool {
		select {
		case code := <-s.ended:
			s.t.Fatalf("exit code %d: %s", code, s.log.String())
		default:
		}
		return len(s.log.lines("serving")) > 0
	})
	line := s.log.lines("serving")[0]
	s.hooks, _ = line["webhooks"].(string)
	s.admin, _ = line["admin"].(string)
	s.t.Cleanup(func() { s.end() })
	return s
}

// startQuietly is start for a server whose log says nothing before warnings: it
// listens on ports that were free a moment ago.
func (s *served) startQuietly() {
	s.t.Helper()
	hooks, admin := freeAddress(s.t), freeAddress(s.t)
	s.hooks, s.admin = "http://"+hooks+webhookPath, "http://"+admin
	ctx, stop := context.WithCancel(s.t.Context())
	s.stop, s.ended = stop, make(chan int, 1)
	go func() {
		s.ended <- run(ctx, []string{"serve", "--config", s.path("issuant.yaml"), "--listen", hooks, "--admin", admin},
			&stdio{in: strings.NewReader(""), out: io.Discard, err: s.log, width: func() int { return 0 }})
	}()
	eventually(s.t, "it is ready: "+s.log.String(), func() bool {
		res, err := s.client.Get(s.admin + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == 200
	})
	s.t.Cleanup(func() { s.end() })
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// end stops the server and returns its exit code.
func (s *served) end() int {
	s.t.Helper()
	s.stop()
	select {
	case code := <-s.ended:
		s.ended <- code
		return code
	case <-time.After(patience):
		s.t.Fatal("it does not end")
		return -1
	}
}

// body is Pismo's sample with a token of its own.
func body(token int) string {
	return fmt.Sprintf(`{"card":{"id":134142,"type":"PLASTIC","program_id":1,"bin":"411111","status":"NORMAL","stage":"UNBLOCKED"},"combo_card":null,"token_id":%d,"network_brand":"vts","custom_codes":[],"original_network_data":{}}`, token)
}

// send posts a signed body.
func (s *served) send(text string, changes enginetest.Claims) (status int, answer string) {
	s.t.Helper()
	req, err := s.sender.Request(context.Background(), s.hooks, []byte(text), time.Now(), changes)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.do(req)
}

func (s *served) do(req *http.Request) (status int, answer string) {
	s.t.Helper()
	res, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// get asks the admin listener.
func (s *served) get(path string) (status int, text string) {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.admin+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.do(req)
}

// ready is the body of /readyz.
type ready struct {
	Status            string
	Reasons, Warnings []struct{ Check, Message string }
}

func (s *served) ready() (int, ready) {
	s.t.Helper()
	status, text := s.get("/readyz")
	var r ready
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		s.t.Fatal(err, text)
	}
	return status, r
}

// warns tells whether /readyz warns of that check with those words.
func (s *served) warns(check, words string) bool {
	_, r := s.ready()
	for _, w := range r.Warnings {
		if w.Check == check && strings.Contains(w.Message, words) {
			return true
		}
	}
	return false
}

func TestServeAnswersRecordsAndDrains(t *testing.T) {
	t.Parallel()
	s := newServed(t, "").start()
	status, answer := s.send(body(1), nil)
	if status != 200 || !strings.Contains(answer, `"action_code":"85"`) {
		t.Fatal(status, answer)
	}
	if status, _ := s.send(body(1), enginetest.Claims{"account-id": 1}); status != 401 {
		t.Error("another account:", status)
	}
	if status, _ := s.get("/healthz"); status != 200 {
		t.Error("healthz:", status)
	}
	if status, r := s.ready(); status != 200 || r.Status != "ready" || len(r.Reasons) > 0 {
		t.Error("readyz:", status, r)
	}
	line := s.log.lines("webhook")[0]
	if line["counterpart"] != "pismo" || line["outcome"] != "yellow" || line["action_code"] != "85" || line["decision_id"] == nil || line["micros"] == nil {
		t.Error("log:", line)
	}
	_, text := s.get("/metrics")
	for _, want := range []string{
		`issuant_requests_total{counterpart="pismo",refusal="",status="200"} 1`,
		`issuant_requests_total{counterpart="pismo",refusal="claims",status="401"} 1`,
		`issuant_decisions_total{counterpart="pismo",outcome="yellow"} 1`, "issuant_ready 1", "issuant_journal_seq 2",
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("metrics lack %s", want)
		}
	}
	if code := s.end(); code != 0 {
		t.Errorf("exit code %d: %s", code, s.log.String())
	}
}
