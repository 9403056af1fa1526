package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/server"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/engine/wire/pismo"
)

// auditFolder is a journal whose events are sealed to the auditor, whose key file
// lies beside it.
type auditFolder struct {
	t                *testing.T
	journal, keyFile string
	reply            []byte
}

const auditedBody = `{"card":{"id":134142,"type":"PLASTIC","program_id":1234,"bin":"412345","status":"normal","stage":"unblocked"},` +
	`"token_id":77,"network_brand":"vts","custom_codes":[],"original_network_data":` +
	`{"tokenInfo":{"tokenType":"HCE"},"riskInformation":{"visaTokenDecisioning":"85","walletProviderDeviceScore":"3"},"deviceInfo":{"deviceIPAddressV4":"192.0.2.77"}}}`

// audited decides on one message, late or not, under the starter pack.
func audited(t *testing.T, late bool) *auditFolder {
	t.Helper()
	dir := t.TempDir()
	f := &auditFolder{t: t, journal: filepath.Join(dir, "records.ndjson"), keyFile: filepath.Join(dir, "auditor.key")}
	key, recipient, err := seal.NewKeyFile(enginetest.Now())
	check(t, err)
	check(t, os.WriteFile(f.keyFile, key, 0o600))
	to, err := seal.ParseRecipients([]byte(recipient))
	check(t, err)
	sender, err := enginetest.NewPismoSender(enginetest.Now())
	check(t, err)
	ring, err := keyring.NewRing(sender.Key())
	check(t, err)
	ref, err := secret.NewRefKey("t", make([]byte, 32))
	check(t, err)
	out, err := os.OpenFile(f.journal, os.O_CREATE|os.O_WRONLY, 0o600)
	check(t, err)
	defer out.Close()
	journal, err := engine.NewJournal(out, engine.JournalOptions{})
	check(t, err)
	memory, err := engine.NewMemory(engine.MemoryOptions{})
	check(t, err)
	gate, _, err := server.NewPismoGate(
		webhook.PismoOptions{Keys: ring, Accounts: []string{enginetest.PismoAccount}},
		pismo.Config{RefKey: ref, SMS: &pismo.SMS{}}, mustPack(t), engine.CardRef,
		engine.GateOptions{
			Memory: memory, Journal: journal, StartedAt: enginetest.Now().Add(-time.Hour),
			SealEvidence: func(_ string, b []byte) (string, error) { return seal.Seal(to, b) },
		})
	check(t, err)
	call, err := gate.Receive(context.Background(), engine.Arrival{
		Header: map[string][]string{"X-Pismo-Sign": {sender.Sign([]byte(auditedBody), enginetest.Now(), nil)}},
		Body:   []byte(auditedBody), Now: enginetest.Now(),
	})
	check(t, err)
	enginetest.With(call.Event, "holder.phone_changed_days", 400)
	answer := gate.Answer
	if late {
		answer = gate.AnswerLate
	}
	reply, err := answer(call, enginetest.Now().Add(1234567*time.Nanosecond))
	check(t, err)
	f.reply = reply.Body
	return f
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (f *auditFolder) explain(args ...string) (code int, out, errs string) {
	f.t.Helper()
	return feedTool(f.t, "", append([]string{"explain", "--decision", "1", "--journal", f.journal, "--identity", f.keyFile}, args...)...)
}

// edit changes the journal's text.
func (f *auditFolder) edit(pattern, text string) {
	f.t.Helper()
	data, err := os.ReadFile(f.journal)
	check(f.t, err)
	out := regexp.MustCompile(pattern).ReplaceAll(data, []byte(text))
	if bytes.Equal(out, data) {
		f.t.Fatalf("%s is not in %s", pattern, data)
	}
	check(f.t, os.WriteFile(f.journal, out, 0o600))
}

func TestExplainDecidesAgainWhatWasSealed(t *testing.T) {
	for _, late := range []bool{false, true} {
		f := audited(t, late)
		line := readLines(t, f.journal)[0]
		if strings.Contains(line, "192.0.2.77") {
			t.Fatalf("the event stands in clear: %s", line)
		}
		code, out, errs := f.explain()
		if code != 0 || !strings.Contains(out, "Record 1, 2026-11-23 10:00:00.001 UTC: decided again, it is the same decision") || errs != "" {
			t.Errorf("exit %d\n%s%s", code, out, errs)
		}
		if late != strings.Contains(strings.Join(strings.Fields(out), " "), "the deadline had passed") {
			t.Errorf("late %v: %s", late, out)
		}
		if strings.Contains(out, "192.0.2.77") {
			t.Errorf("a personal fact is shown: %s", out)
		}
		code, out, _ = f.explain("--format", "json")
		id := regexp.MustCompile(`"decision_id":"[0-9a-f]{64}"`).FindString(line)
		if code != 0 || !strings.HasPrefix(out, `{"format":1,"decision":{"format":1,`+id) || late != strings.Contains(out, `"degraded":[{"code":"deadline","rule":null}]`) {
			t.Errorf("exit %d\n%s", code, out)
		}
		if code, out, _ := f.explain("--what-if", "card.status=lost"); code != 0 || !strings.Contains(out, "As it is: ") || !strings.Contains(out, "RED") {
			t.Errorf("exit %d\n%s", code, out)
		}
	}
}

func TestExplainRefusesWhatDidNotDecide(t *testing.T) {
	other := t.TempDir()
	check(t, os.WriteFile(filepath.Join(other, "pack.yaml"), []byte("name: other\nversion: '1'\nschema: event/v1\ndefault: green\n"), 0o600))
	check(t, os.Mkdir(filepath.Join(other, "rules"), 0o700))
	check(t, os.WriteFile(filepath.Join(other, "rules", "r.yaml"), []byte("- id: R1\n  when: card.expired\n  effect: red\n  reason: EXPIRED\n  why: The card has expired.\n"), 0o600))
	strangers := filepath.Join(other, "stranger.key")
	key, recipient, err := seal.NewKeyFile(time.Time{})
	check(t, err)
	check(t, os.WriteFile(strangers, key, 0o600))
	open := filepath.Join(other, "open.key")
	check(t, os.WriteFile(open, key, 0o600))
	check(t, os.Chmod(open, 0o644))
	public := filepath.Join(other, "public.key")
	check(t, os.WriteFile(public, []byte(recipient), 0o600))
	for what, c := range map[string]struct {
		edit func(f *auditFolder)
		args []string
		code int
		say  string
	}{
		"another pack":     {nil, []string{"--pack", other}, exitFailed, "was decided by the pack"},
		"another key":      {nil, []string{"--identity", strangers}, exitRefused, "not sealed to any key"},
		"an open key file": {nil, []string{"--identity", open}, exitRefused, "chmod 600"},
		"a public key":     {nil, []string{"--identity", public}, exitRefused, "is a public key"},
		"no key file":      {nil, []string{"--identity", filepath.Join(other, "none")}, exitUsage, "no such file"},
		"no record":        {nil, []string{"--decision", "2"}, exitFailed, "no record has the id or number"},
		"with an event":    {nil, []string{"-i", "event.json"}, exitUsage, "does not go with --decision"},
		"with an instant":  {nil, []string{"--now", "0"}, exitUsage, "does not go with --decision"},
		"not sealed":       {func(f *auditFolder) { f.edit(`"sealed":"[^"]*"`, `"sealed":null`) }, nil, exitFailed, "holds no sealed event"},
		"sealed nonsense":  {func(f *auditFolder) { f.edit(`"sealed":"[^"]*"`, `"sealed":"YWdl"`) }, nil, exitInput, "not a sealed text"},
		"another outcome":  {func(f *auditFolder) { f.edit(`"outcome":"[a-z]*"`, `"outcome":"green"`) }, nil, exitFailed, `outcome "yellow", recorded "green"`},
		"another instant":  {func(f *auditFolder) { f.edit(`10:00:00.0`, `10:00:01.0`) }, nil, exitFailed, "decision id"},
		"other rules":      {func(f *auditFolder) { f.edit(`"rules":\[.*?\],"reasons"`, `"rules":[],"reasons"`) }, nil, exitFailed, "rules"},
		"other lists":      {func(f *auditFolder) { f.edit(`"digest":"....`, `"digest":"0000`) }, nil, exitFailed, "other contents of the list"},
		"refused": {func(f *auditFolder) {
			f.edit(`"decision_id":"[^"]*"`, `"decision_id":null`)
			f.edit(`"refusal":null`, `"refusal":"stale"`)
		}, nil, exitFailed, "was not decided (stale)"},
	} {
		f := audited(t, false)
		if c.edit != nil {
			c.edit(f)
		}
		code, out, errs := f.explain(c.args...)
		if code != c.code || !strings.Contains(errs, c.say) || out != "" || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: exit %d, want %d %q\n%s%s", what, code, c.code, c.say, out, errs)
		}
	}
}

// TestExplainSaysWhatTheCounterpartCouldNotBeTold: a decision that had no words
// left as a system error, and is told as what it was.
func TestExplainSaysWhatTheCounterpartCouldNotBeTold(t *testing.T) {
	f := audited(t, false)
	f.edit(`"outcome":"yellow","action_code":"85"`, `"outcome":"red","action_code":"96"`)
	f.edit(`"degraded":\[\]`, `"degraded":[{"code":"internal","rule":null}]`)
	if code, out, errs := f.explain(); code != 0 || !strings.Contains(strings.Join(strings.Fields(out), " "), "got its system error") || !strings.Contains(out, "YELLOW") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
}
