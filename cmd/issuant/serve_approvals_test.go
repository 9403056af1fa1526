package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// approverKey writes NAME.key and NAME.pub.
func approverKey(t *testing.T, dir, name string) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(nil)
	check(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	write(t, filepath.Join(dir, name+".key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), 0o600)
	der, err = x509.MarshalPKIXPublicKey(pub)
	check(t, err)
	write(t, filepath.Join(dir, name+".pub"), string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), 0o644)
}

// newApproved is a server that takes what two of three people approved.
func newApproved(t *testing.T) (s *served, pack string) {
	t.Helper()
	s = newListed(t, "")
	pack = filepath.Join(s.dir, "green")
	for _, name := range []string{"ana", "ben", "eva", "stranger"} {
		approverKey(t, s.dir, name)
	}
	s.configure("store: " + s.path("issuant.db") + "\nadmin_token: " + s.path("admin.token") + "\npack: " + pack +
		"\napprovals:\n  required: 2\n  approvers: {ana: " + s.path("ana.pub") + ", ben: " + s.path("ben.pub") + ", eva: " + s.path("eva.pub") + "}\n")
	return s, pack
}

func (s *served) approve(pack, who, key string) (code int, out, errs string) {
	s.t.Helper()
	return runTool(s.t, s.t.Context(), nil, "pack", "approve", "--pack", pack, "--approver", who, "--key", s.path(key+".key"), "--admin", s.admin, "--admin-token", s.path("admin.token"))
}

// refusesToStart tells what serve says instead of starting.
func (s *served) refusesToStart(args ...string) string {
	s.t.Helper()
	code, _, errs := runTool(s.t, s.t.Context(), nil, append([]string{"serve", "--config", s.path("issuant.yaml")}, args...)...)
	if code != exitFailed || strings.Count(errs, "\n") != 1 {
		s.t.Errorf("exit code %d: %s", code, errs)
	}
	return errs
}

// packs is the answer of GET /v1/packs.
func (s *served) packs() (inForce string, waiting []string) {
	s.t.Helper()
	_, text := s.ask("GET", "/v1/packs", adminToken, "", "")
	var a struct {
		InForce shownPack `json:"in_force"`
		Waiting *shownPack
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		s.t.Fatal(err, text)
	}
	if a.Waiting == nil {
		return a.InForce.Version, nil
	}
	return a.InForce.Version, append([]string{a.Waiting.Version}, a.Waiting.By...)
}

// warnsOf is warns for a server whose admin address wants a token.
func (s *served) warnsOf(name, words string) func() bool {
	return func() bool {
		_, text := s.ask("GET", "/readyz", adminToken, "", "")
		var r ready
		_ = json.Unmarshal([]byte(text), &r)
		return slices.ContainsFunc(r.Warnings, func(w struct{ Check, Message string }) bool {
			return w.Check == name && strings.Contains(w.Message, words)
		})
	}
}

func TestAPackIsTakenWhenEnoughPeopleApproveIt(t *testing.T) {
	t.Parallel()
	s, pack := newApproved(t)
	if errs := s.refusesToStart(); !strings.Contains(errs, "0 of 2 approvals") || !strings.Contains(errs, "--unsafe-first-pack") {
		t.Error(errs)
	}
	s.start("--unsafe-first-pack")
	if !s.warnsOf("approvals", "unsafe_first_pack")() {
		t.Error("no warning of the pack that nobody approved")
	}
	edit(t, filepath.Join(pack, "pack.yaml"), "version: '1'", "version: '2'")
	eventually(t, "the pack waits", s.warnsOf("pack", "0 of 2 approvals"))
	if _, text := s.ask("GET", "/metrics", adminToken, "", ""); !strings.Contains(text, "issuant_pack_missing_approvals 2\n") {
		t.Error("metrics lack what is missing")
	}
	for _, c := range []struct {
		who, key, words string
		code            int
	}{
		{"ana", "stranger", "does not match", exitRefused}, {"zoe", "stranger", "whom the configuration does not have", exitRefused},
		{"ben", "ana", "does not match", exitRefused}, {"ana", "ana", "1 of 2 approvals, ana", 0}, {"ana", "ana", "has approved the pack already", exitUsage},
	} {
		code, out, errs := s.approve(pack, c.who, c.key)
		if code != c.code || !strings.Contains(out+errs, c.words) {
			t.Errorf("%s with the key of %s: exit %d\n%s%s", c.who, c.key, code, out, errs)
		}
	}
	eventually(t, "the first approval shows", s.warnsOf("pack", "1 of 2 approvals (ana)"))
	if v, waits := s.packs(); v != "1" || strings.Join(waits, " ") != "2 ana" {
		t.Error("in force:", v, waits)
	}
	if code, _, errs := s.approve(pack, "ben", "ben"); code != 0 {
		t.Fatal(errs)
	}
	eventually(t, "the pack is taken", func() bool { v, waits := s.packs(); return v == "2" && waits == nil })
	if s.warnsOf("approvals", "")() || s.warnsOf("pack", "")() {
		t.Error("it still warns")
	}

	// Approved before it is there: taken as it comes. A list is part of what was approved.
	next := filepath.Join(s.dir, "next")
	for _, name := range []string{"pack.yaml", "rules/r.yaml", "lists/deny_bins.csv"} {
		write(t, filepath.Join(next, name), strings.Join(readLines(t, filepath.Join(pack, name)), "\n")+"\n", 0o644)
	}
	edit(t, filepath.Join(next, "pack.yaml"), "version: '2'", "version: '3'")
	for _, who := range []string{"eva", "ben"} {
		if code, _, errs := s.approve(next, who, who); code != 0 {
			t.Fatal(errs)
		}
	}
	edit(t, filepath.Join(pack, "pack.yaml"), "version: '2'", "version: '3'")
	eventually(t, "the approved pack is taken", func() bool { v, _ := s.packs(); return v == "3" })
	edit(t, filepath.Join(pack, "lists", "deny_bins.csv"), "422222,,", "")
	eventually(t, "a changed list waits too", s.warnsOf("pack", "0 of 2 approvals"))
	if code := s.answers(1, "422222"); code != "05" {
		t.Error("the list was taken without approval:", code)
	}
	s.end()

	// The store remembers; what is there now was not approved, and the flag is for the first pack alone.
	for _, args := range [][]string{nil, {"--unsafe-first-pack"}} {
		if errs := s.refusesToStart(args...); !strings.Contains(errs, "0 of 2 approvals") || strings.Contains(errs, "--unsafe-first-pack") {
			t.Error(errs)
		}
	}
	for _, who := range []string{"ana", "ben"} { // no server runs that could be asked
		code, out, errs := runTool(t, t.Context(), nil, "pack", "approve", "--pack", pack, "--approver", who, "--key", s.path(who+".key"), "--store", s.path("issuant.db"), "--config", s.path("issuant.yaml"))
		if code != 0 {
			t.Fatal(out, errs)
		}
	}
	s.log = &logBuffer{}
	s.start()
	if v, waits := s.packs(); v != "3" || waits != nil {
		t.Error(v, waits)
	}
	text := recordsOf(t, s, s.path("issuant.db"))
	if n := strings.Count(text, `"kind":"approval"`); n != 6 {
		t.Errorf("%d approvals in the chain", n)
	}
	if code, out, errs := runTool(t, t.Context(), nil, "records", "verify", "--store", s.path("issuant.db")); code != 0 {
		t.Error(out, errs)
	}
}

func TestAPackThatTheConfigurationNamesAnewWaitsToo(t *testing.T) {
	t.Parallel()
	s, pack := newApproved(t)
	next := filepath.Join(s.dir, "next")
	for _, name := range []string{"pack.yaml", "rules/r.yaml", "lists/deny_bins.csv"} {
		write(t, filepath.Join(next, name), strings.Join(readLines(t, filepath.Join(pack, name)), "\n")+"\n", 0o644)
	}
	edit(t, filepath.Join(next, "pack.yaml"), "version: '1'", "version: '2'")
	s.start("--unsafe-first-pack")
	edit(t, s.path("issuant.yaml"), "pack: "+pack, "pack: "+next)
	eventually(t, "the pack waits", func() bool { _, waits := s.packs(); return len(waits) == 1 })
	for i, who := range []string{"eva", "ana"} {
		if v, _ := s.packs(); v != "1" {
			t.Error("taken with approvals:", i)
		}
		if code, _, errs := s.approve(next, who, who); code != 0 {
			t.Fatal(errs)
		}
	}
	eventually(t, "the pack is taken", func() bool { v, waits := s.packs(); return v == "2" && waits == nil })
	// Who may change the configuration cannot switch the approvals off unseen.
	text := strings.Join(readLines(t, s.path("issuant.yaml")), "\n") + "\n"
	write(t, s.path("issuant.yaml"), strings.Replace(text, "required: 2", "required: 1", 1), 0o600)
	eventually(t, "it needs a restart", func() bool {
		_, text := s.ask("GET", "/readyz", adminToken, "", "")
		return strings.Contains(text, `"config/approvals"`)
	})
	edit(t, filepath.Join(next, "pack.yaml"), "version: '2'", "version: '3'")
	eventually(t, "the next one waits for two", func() bool {
		_, text := s.ask("GET", "/metrics", adminToken, "", "")
		return strings.Contains(text, "issuant_pack_missing_approvals 2\n")
	})
	code, out, _ := runTool(t, t.Context(), nil, "doctor", "--config", s.path("issuant.yaml"), "--format", "json")
	if code != exitFailed || !strings.Contains(out, `"check":"approvals","status":"failed"`) {
		t.Error(code, out)
	}
}

func TestApprovalsOfTheConfigurationAreChecked(t *testing.T) {
	t.Parallel()
	s, _ := newApproved(t)
	write(t, s.path("open.pub"), strings.Join(readLines(t, s.path("ana.pub")), "\n")+"\n", 0o666)
	write(t, s.path("twin.pub"), strings.Join(readLines(t, s.path("ana.pub")), "\n")+"\n", 0o644)
	for _, c := range []struct {
		text, words string
		code        int
	}{
		{"approvals: 2", "is a mapping {required: 2", exitUsage},
		{"approvals: {required: 2}", "approvers is missing", exitUsage},
		{"approvals: {approvers: {ana: ANA}}", "required is missing", exitUsage},
		{"approvals: {required: 0, approvers: {ana: ANA}}", "a number from 1 on", exitUsage},
		{"approvals: {required: two, approvers: {ana: ANA}}", "a number from 1 on", exitUsage},
		{"approvals: {required: 2, approvers: {ana: ANA}}", "no pack could ever be taken", exitUsage},
		{"approvals: {required: 1, aprovers: {ana: ANA}}", `did you mean "approvers"?`, exitUsage},
		{"approvals: {required: 1, approvers: [ANA]}", "is a mapping of names", exitUsage},
		{"approvals: {required: 1, approvers: {Ana!: ANA}}", "is not 1 to 32", exitUsage},
		{"approvals: {required: 2, approvers: {ana: ANA, ben: ANA}}", "two approvers have the file", exitUsage},
		{"approvals: {required: 2, approvers: {ana: ANA, ben: TWIN}}", "one person would count twice", exitRefused},
		{"approvals: {required: 1, approvers: {ana: NONE}}", "no such file", exitUsage},
		{"approvals: {required: 1, approvers: {ana: KEY}}", "holds a private key", exitRefused},
		{"approvals: {required: 1, approvers: {ana: OPEN}}", "chmod go-w", exitRefused},
		{"approvals: {required: 1, approvers: {ana: CONF}}", "is not PEM", exitRefused},
		{"unsafe_first_pack: true", "means nothing without approvals", exitUsage},
		{"store: memory\napprovals: {required: 1, approvers: {ana: ANA}}", "needs a store", exitUsage},
	} {
		text := strings.NewReplacer("ANA", s.path("ana.pub"), "TWIN", s.path("twin.pub"), "NONE", s.path("none"), "KEY", s.path("ana.key"), "OPEN", s.path("open.pub"), "CONF", s.path("issuant.yaml")).Replace(c.text)
		if !strings.Contains(text, "store:") {
			text += "\nstore: " + s.path("issuant.db")
		}
		s.configure(text + "\n")
		code, _, errs := runTool(t, t.Context(), nil, "serve", "--check", "--config", s.path("issuant.yaml"))
		if code != c.code || !strings.Contains(errs, c.words) || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "issuant.yaml:") {
			t.Errorf("%s: exit %d, want %d %q\n%s", c.text, code, c.code, c.words, errs)
		}
	}
}

func TestApproveTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	s, pack := newApproved(t)
	write(t, s.path("open.key"), strings.Join(readLines(t, s.path("ana.key")), "\n")+"\n", 0o644)
	base := []string{"--admin", "127.0.0.1:1", "--admin-token", s.path("admin.token")}
	for _, c := range []struct {
		args  []string
		code  int
		words string
	}{
		{[]string{"approve"}, exitUsage, "--approver and --key are needed"},
		{[]string{"approve", "--approver", "ana", "--key", s.path("ana.key")}, exitUsage, "--pack is needed"},
		{[]string{"approve", "--approver", "ana", "--key", s.path("none"), "--pack", pack}, exitUsage, "no such file"},
		{[]string{"approve", "--approver", "ana", "--key", s.path("open.key"), "--pack", pack}, exitRefused, "chmod 600"},
		{[]string{"approve", "--approver", "ana", "--key", s.path("ref.key"), "--pack", pack}, exitRefused, "not PEM"},
		{[]string{"approve", "--approver", "ana", "--key", s.path("ana.key"), "--pack", s.path("none")}, exitUsage, "no such file"},
		{append([]string{"approve", "--approver", "ana", "--key", s.path("ana.key"), "--pack", pack}, base...), exitUnavailable, "no server answers"},
		{[]string{"approve", "--approver", "ana", "--key", s.path("ana.key"), "--pack", pack, "--store", s.path("none.db"), "--config", s.path("issuant.yaml")}, exitUsage, "none.db"},
		{[]string{"drop"}, exitUsage, "drop"}, {nil, exitUsage, "approve, inspect, show, sign, verify"},
	} {
		code, out, errs := runTool(t, t.Context(), nil, append([]string{"pack"}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.words) || out != "" || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: exit %d, want %d %q\n%s%s", c.args, code, c.code, c.words, out, errs)
		}
	}
	plain := newListed(t, "").start()
	if code, _, errs := plain.approve(pack, "ana", "none"); code != exitUsage {
		t.Error(code, errs)
	}
	write(t, plain.path("ana.key"), strings.Join(readLines(t, s.path("ana.key")), "\n")+"\n", 0o600)
	if code, _, errs := plain.approve(pack, "ana", "ana"); code != exitUsage || !strings.Contains(errs, "asks for no approvals") {
		t.Error(code, errs)
	}
	if status, text := plain.ask("POST", "/v1/packs/approvals", "", "application/json", "{}"); status != 401 {
		t.Error(status, text)
	}
}
