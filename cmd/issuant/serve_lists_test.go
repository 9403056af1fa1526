package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/issuant/issuant/store"
	"github.com/issuant/issuant/store/storetest"
)

const adminToken = "0123456789abcdef0123456789abcdef"

// greenPack approves everything but what its list denies.
func greenPack(t *testing.T, dir string) string {
	t.Helper()
	name := filepath.Join(dir, "green")
	write(t, filepath.Join(name, "pack.yaml"), "name: green\nversion: '1'\nschema: event/v1\ndefault: green\nlists:\n  deny_bins: {file: lists/deny_bins.csv}\n", 0o644)
	write(t, filepath.Join(name, "lists", "deny_bins.csv"), "value,expires,note\n422222,,\n", 0o644)
	write(t, filepath.Join(name, "rules", "r.yaml"), "- id: R1\n  when: card.bin in list(\"deny_bins\")\n  effect: red\n  reason: DENIED\n  why: The BIN is denied.\n", 0o644)
	return name
}

// newListed is a server with a token, a store and the green pack.
func newListed(t *testing.T, url string) *served {
	t.Helper()
	s := newServed(t, "")
	if url == "" {
		url = s.path("issuant.db")
	}
	write(t, s.path("admin.token"), adminToken+"\n", 0o600)
	s.configure("store: " + url + "\nadmin_token: " + s.path("admin.token") + "\npack: " + greenPack(t, s.dir) + "\n")
	return s
}

// ask sends a request to the admin listener.
func (s *served) ask(method, path, token, contentType, text string) (status int, answer string) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.admin+path, strings.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return s.do(req)
}

// list runs issuant list against the server.
func (s *served) list(args ...string) (code int, out, errs string) {
	s.t.Helper()
	args = append([]string{"list"}, args...)
	if args[1] != "show" && args[1] != "history" {
		args = append(args, "--who", "ana", "--why", "a test")
	}
	return runTool(s.t, s.t.Context(), nil, append(args, "--admin", s.admin, "--admin-token", s.path("admin.token"))...)
}

// answers tells the action code of a new message.
func (s *served) answers(token int, bin string) string {
	s.t.Helper()
	status, text := s.send(strings.Replace(body(token), "411111", bin, 1), nil)
	var a struct {
		Code string `json:"action_code"`
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil || status != 200 {
		s.t.Fatal(status, text, err)
	}
	return a.Code
}

func TestAListChangesWhatServeDecides(t *testing.T) {
	t.Parallel()
	s := newListed(t, "").start()
	token := 0
	want := func(bin, code string) {
		t.Helper()
		token++
		if got := s.answers(token, bin); got != code {
			t.Errorf("BIN %s, message %d: %s, want %s", bin, token, got, code)
		}
	}
	do := func(args ...string) {
		t.Helper()
		if code, _, errs := s.list(args...); code != 0 {
			t.Fatal(args, code, errs)
		}
	}
	plain := s.answers(100, "411111") // not a red
	if plain == "05" {
		t.Fatal(plain)
	}
	want("422222", "05") // the pack's own entry
	do("remove", "deny_bins", "422222")
	want("422222", plain)
	do("add", "deny_bins", "411111", "--until", "24h")
	want("411111", "05")
	do("expire", "deny_bins", "411111", "--until", "12h")
	want("411111", "05")
	do("remove", "deny_bins", "411111")
	want("411111", plain)
	do("add", "kill.bin", "433333")
	want("433333", "05")
	s.end()
	s.log = &logBuffer{}
	s.start() // the switch holds from the first message on
	want("433333", "05")
	want("422222", plain)
	do("remove", "kill.bin", "433333")
	want("433333", plain)
	// A device is stopped by its id, which stays with the operator.
	const device = "356938035643809" // an IMEI passes for a card number
	withDevice := strings.Replace(body(50), `"original_network_data":{}`, `"original_network_data":{"deviceInfo":{"deviceID":"`+device+`"}}`, 1)
	do("add", "kill.device", device, "--device-id", "--ref-key", s.path("ref.key"))
	if _, text := s.send(withDevice, nil); !strings.Contains(text, `"action_code":"05"`) {
		t.Error("the device:", text)
	}
	want("433333", plain)
	do("remove", "kill.device", device, "--device-id", "--ref-key", s.path("ref.key"))
	if _, out, _ := s.list("history", "kill.bin"); strings.Count(out, "433333") != 2 || !strings.Contains(out, "a test") {
		t.Error("history:", out)
	}
	// The mask is left; what was removed is gone.
	if _, text := s.ask("GET", "/metrics", adminToken, "", ""); !strings.Contains(text, "issuant_runtime_list_entries 1\n") {
		t.Error("metrics lack the entries")
	}
	s.end()
	code, out, errs := runTool(t, t.Context(), nil, "records", "verify", "--store", s.path("issuant.db"))
	if code != 0 || !strings.Contains(out, "the chain holds") {
		t.Error(code, out, errs)
	}
	_, out, _ = runTool(t, t.Context(), nil, "records", "tail", "--store", s.path("issuant.db"), "--format", "json", "-n", "100")
	if n := strings.Count(out, `"kind":"list"`); n != 8 || strings.Contains(out, device) {
		t.Errorf("%d changes in the chain:\n%s", n, out)
	}
	if !strings.Contains(out, `{"name":"kill.bin","digest":"`) || !strings.Contains(out, `"kill_switch:bin"`) {
		t.Errorf("no record tells of the kill switch:\n%s", out)
	}
}

func TestAListChangesOnEveryProcess(t *testing.T) {
	t.Parallel()
	url := storetest.PostgresURL(t) // skips in one line where there is none
	one, two := newListed(t, url).start(), newListed(t, url).start()
	if code := two.answers(1, "411111"); code == "05" {
		t.Fatal(code)
	}
	if code, _, errs := one.list("add", "kill.bin", "411111"); code != 0 {
		t.Fatal(errs)
	}
	token := 1
	eventually(t, "the other process stops the BIN", func() bool { token++; return two.answers(token, "411111") == "05" })
	// Where no server runs, the store itself is changed; those that run see it too.
	code, _, errs := runTool(t, t.Context(), nil, "list", "remove", "kill.bin", "411111", "--who", "ben", "--why", "over", "--store", url)
	if code != 0 {
		t.Fatal(errs)
	}
	for _, s := range []*served{one, two} {
		eventually(t, "each lets the BIN through again", func() bool { token++; return s.answers(token, "411111") != "05" })
	}
	code, out, errs := runTool(t, t.Context(), nil, "records", "verify", "--store", url)
	if code != 0 {
		t.Error(out, errs)
	}
}

func TestAdminRoutesRefuseWhoHasNoToken(t *testing.T) {
	t.Parallel()
	with, without := newListed(t, "").start(), newServed(t, "").start()
	change := `{"action":"add","value":"411111","who":"a","why":"b"}`
	flat := `{"error":"unauthorized"}` + "\n"
	for _, method := range []string{"GET", "POST", "DELETE", "PUT", "OPTIONS"} {
		for _, path := range []string{"/v1/lists", "/v1/lists/kill.bin", "/v1/lists/none", "/v1/lists/kill.bin/history", "/v1/lists/", "/v1/lists/a/b"} {
			for name, s := range map[string]*served{"": with, adminToken + "0": with, adminToken[1:]: with, adminToken: without} {
				if status, text := s.ask(method, path, name, "application/json", change); status != 401 || text != flat {
					t.Errorf("%s %s with the token %q: %d %s", method, path, name, status, text)
				}
			}
		}
	}
	write(t, with.path("wrong.token"), "not-the-token-of-the-server", 0o600)
	code, _, errs := runTool(t, t.Context(), nil, "list", "show", "--admin", with.admin, "--admin-token", with.path("wrong.token"))
	if code != exitRefused || !strings.Contains(errs, "refuses the token") {
		t.Error(code, errs)
	}
	if code, _, errs := with.list("show", "kill.bin", "--format", "json"); code != 0 {
		t.Error(errs)
	}
	if db := with.path("issuant.db"); strings.Contains(recordsOf(t, with, db), "411111") {
		t.Error("a stranger changed a list")
	}
}

func recordsOf(t *testing.T, s *served, db string) string {
	t.Helper()
	s.end()
	r, err := store.Open(t.Context(), db, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text := ""
	for l, err := range r.Records(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		text += string(l.Text) + "\n"
	}
	return text
}

func TestAdminRoutesRefuseBadRequests(t *testing.T) {
	t.Parallel()
	s := newListed(t, "").start()
	good := `{"action":"add","value":"411111","who":"a","why":"b"`
	for _, c := range []struct {
		method, path, kind, text string
		status                   int
		words                    string
	}{
		{"POST", "/v1/lists/kill.bin", "", good + "}", 415, "application/json"},
		{"POST", "/v1/lists/kill.bin", "application/x-www-form-urlencoded", good + "}", 415, "application/json"},
		{"POST", "/v1/lists/kill.bin", "application/json", strings.Repeat(" ", 17<<10), 413, "16 KiB"},
		{"POST", "/v1/lists/kill.bin", "application/json", "", 400, "JSON"},
		{"POST", "/v1/lists/kill.bin", "application/json", "[]", 400, "JSON"},
		{"POST", "/v1/lists/kill.bin", "application/json", good, 400, "JSON"},
		{"POST", "/v1/lists/kill.bin", "application/json", good + `,"value":"422222"}`, 400, "JSON"},
		{"POST", "/v1/lists/kill.bin", "application/json", good + `,"untli":"2030-01-01T00:00:00Z"}`, 422, `did you mean \"until\"?`},
		{"POST", "/v1/lists/kill.bin", "application/json", good + `,"Value":"422222"}`, 400, "JSON"},
		{"POST", "/v1/lists/kill.bin", "application/json", good + `,"until":"tomorrow"}`, 422, "no instant"},
		{"POST", "/v1/lists/kill.bin", "application/json", good + `,"until":1}`, 422, "not text"},
		{"POST", "/v1/lists/kill.bin", "application/json", good + `,"until":"2020-01-01T00:00:00Z"}`, 422, "past"},
		{"POST", "/v1/lists/kill.bin", "application/json", `{"action":"drop","value":"411111","who":"a","why":"b"}`, 422, "add, expire or remove"},
		{"POST", "/v1/lists/kill.bin", "application/json", `{"action":"add","value":"4111111111111111","who":"a","why":"b"}`, 422, "card number"},
		{"POST", "/v1/lists/kill.bin", "application/json", `{"action":"add","value":"411111","why":"b"}`, 422, "who and why"},
		{"POST", "/v1/lists/deny_bin", "application/json", good + "}", 404, `did you mean \"deny_bins\"?`},
		{"POST", "/v1/lists/4111111111111111", "application/json", good + "}", 404, "card number"},
		{"DELETE", "/v1/lists/kill.bin", "application/json", `{"value":"411111","who":"a","why":"b"}`, 422, "no such value"},
		{"DELETE", "/v1/lists/kill.bin", "application/json", good + "}", 422, "unknown member"},
		{"PUT", "/v1/lists/kill.bin", "application/json", good + "}", 404, "no such path"},
		{"GET", "/v1/lists/none", "", "", 404, "unknown list"},
		{"GET", "/v1/lists/none/history", "", "", 404, "unknown list"},
	} {
		status, text := s.ask(c.method, c.path, adminToken, c.kind, c.text)
		if status != c.status || !strings.Contains(text, c.words) || strings.Contains(text, "4111111111111111") || !json.Valid([]byte(text)) {
			t.Errorf("%s %s %.60s: %d %s, want %d %q", c.method, c.path, c.text, status, text, c.status, c.words)
		}
	}
	if status, text := s.ask("POST", "/v1/lists/kill.bin", adminToken, "application/json; charset=utf-8", good+"}"); status != 200 {
		t.Error(status, text)
	}
	if status, text := s.ask("DELETE", "/v1/lists/kill.bin", adminToken, "application/json", `{"value":"411111","who":"a","why":"b"}`); status != 200 || !strings.Contains(text, `"action":"remove"`) {
		t.Error(status, text)
	}
	if text := s.log.String(); strings.Contains(text, "411111") {
		t.Error("the log holds a value:", text)
	}
	memory := newServed(t, "")
	write(t, memory.path("admin.token"), adminToken, 0o600)
	memory.configure("admin_token: " + memory.path("admin.token") + "\n")
	memory.start()
	if code, _, errs := memory.list("add", "kill.bin", "411111"); code != exitUsage || !strings.Contains(errs, "need a store") {
		t.Error("in memory:", code, errs)
	}
}

func TestListTellsWhatIsWrongWithItsArguments(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "t"), adminToken, 0o600)
	write(t, filepath.Join(dir, "open"), adminToken, 0o644)
	write(t, filepath.Join(dir, "empty"), "", 0o600)
	who := []string{"--who", "a", "--why", "b"}
	for _, c := range []struct {
		args  []string
		code  int
		words string
	}{
		{[]string{"add", "kill.bin"}, exitUsage, "takes the name of a list and a value"},
		{[]string{"drop"}, exitUsage, "drop"},
		{nil, exitUsage, "say what to do: add, expire, history, remove, show"},
		{[]string{"add", "kill.bin", "411111"}, exitUsage, "who and why"},
		{append([]string{"add", "kill.bin", "4111111111111111", "--admin", "127.0.0.1:1"}, who...), exitUsage, "card number"},
		{append([]string{"add", "kill.device", "x", "--device-id"}, who...), exitUsage, "--ref-key FILE"},
		{append([]string{"add", "kill.device", "x", "--device-id", "--ref-key", filepath.Join(dir, "none")}, who...), exitUsage, "does not exist"},
		{append([]string{"add", "kill.device", "x", "--device-id", "--ref-key", filepath.Join(dir, "t")}, who...), exitRefused, "ID:HEX"},
		{append([]string{"add", "kill.bin", "411111", "--until", "soon"}, who...), exitUsage, "--until is no time"},
		{append([]string{"add", "kill.bin", "411111", "--until", "-1h"}, who...), exitUsage, "past"},
		{append([]string{"add", "kill.bin", "411111", "--until", "4000d"}, who...), exitUsage, "3650 days"},
		{append([]string{"remove", "kill.bin", "411111", "--until", "1h"}, who...), exitUsage, "until"},
		{append([]string{"add", "kill.bin", "411111"}, who...), exitUsage, "--admin-token is missing"},
		{append([]string{"add", "kill.bin", "411111", "--admin-token", adminToken}, who...), exitUsage, "does not exist"},
		{append([]string{"add", "kill.bin", "411111", "--admin-token", filepath.Join(dir, "open")}, who...), exitRefused, "chmod 600"},
		{append([]string{"add", "kill.bin", "411111", "--admin-token", filepath.Join(dir, "empty")}, who...), exitRefused, "holds no token"},
		{append([]string{"add", "kill.bin", "411111", "--admin-token", filepath.Join(dir, "t"), "--admin", "10.0.0.1:8081"}, who...), exitUsage, "in clear"},
		{append([]string{"add", "kill.bin", "411111", "--admin-token", filepath.Join(dir, "t"), "--admin", "ftp://x"}, who...), exitUsage, "neither host:port"},
		{append([]string{"add", "kill.bin", "411111", "--admin-token", filepath.Join(dir, "t"), "--admin", "127.0.0.1:1"}, who...), exitUnavailable, "no server answers"},
		{append([]string{"add", "kill.bin", "411111", "--store", "memory"}, who...), exitUsage, "memory"},
		{append([]string{"add", "kill.bin", "411111", "--store", filepath.Join(dir, "none.db")}, who...), exitUsage, "none.db"},
	} {
		code, out, errs := runTool(t, t.Context(), nil, append([]string{"list"}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.words) || out != "" || strings.Count(errs, "\n") != 1 || strings.Contains(errs, adminToken) || strings.Contains(errs, "4111111111111111") {
			t.Errorf("%v: exit %d, want %d %q\n%s%s", c.args, code, c.code, c.words, out, errs)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "none.db")); err == nil {
		t.Error("a store was made by asking for a change")
	}
}
