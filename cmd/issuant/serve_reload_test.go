package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/rules/starter"
)

// unpack writes the starter pack into a folder.
func unpack(t *testing.T, dir string) {
	t.Helper()
	if err := os.CopyFS(dir, starter.FS()); err != nil {
		t.Fatal(err)
	}
}

func (s *served) packID() string {
	s.t.Helper()
	_, text := s.get("/readyz")
	var r struct{ Pack struct{ ID string } }
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		s.t.Fatal(err)
	}
	return r.Pack.ID
}

// metric tells whether /metrics has that line.
func (s *served) metric(line string) bool {
	_, text := s.get("/metrics")
	return strings.Contains(text, line+"\n")
}

// edit replaces text in a file, as an editor would.
func edit(t *testing.T, name, old, new string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), old) {
		t.Fatalf("%s has no %q", name, old)
	}
	write(t, name, strings.Replace(string(b), old, new, 1), 0o644)
}

func TestServeTakesAPackThatIsInOrderAndNoOther(t *testing.T) {
	t.Parallel()
	s := newServed(t, "")
	pack := s.path("pack")
	unpack(t, pack)
	s.configure("pack: " + pack + "\n")
	s.start()
	first := s.packID()

	edit(t, filepath.Join(pack, "pack.yaml"), "version: ", "version: 9.")
	eventually(t, "the new pack is in force", func() bool { return s.packID() != first })
	second := s.packID()
	if !s.metric(`issuant_reloads_total{kind="pack",result="ok"} 1`) {
		t.Error("no metric of the reload")
	}

	edit(t, filepath.Join(pack, "rules", "card.yaml"), "when:", "whem:")
	eventually(t, "a broken rule is warned of", func() bool { return s.warns("pack", "card.yaml") })
	if s.packID() != second {
		t.Error("the broken pack was taken")
	}
	if status, _ := s.ready(); status != 200 {
		t.Error("a failed reload must not take the server out:", status)
	}
	eventually(t, "the failure is counted", func() bool { return s.metric(`issuant_reloads_total{kind="pack",result="failed"} 1`) })
	if len(s.log.lines("not reloaded; the last good one stays")) == 0 {
		t.Error("no line in the log")
	}
	if status, _ := s.send(body(1), nil); status != 200 {
		t.Error("it does not decide any more:", status)
	}

	edit(t, filepath.Join(pack, "rules", "card.yaml"), "whem:", "when:")
	eventually(t, "the warning is gone", func() bool { return !s.warns("pack", "") })
	if s.packID() != second {
		t.Error("another pack is in force")
	}

	// A pack that compiles, but whose own tests fail.
	edit(t, filepath.Join(pack, "tests", "card_test.yaml"), "outcome: red", "outcome: green")
	eventually(t, "a failing test is warned of", func() bool { return s.warns("pack", "the pack's own test") })
	if s.packID() != second {
		t.Error("a pack was taken whose tests fail")
	}
}

func TestServeKeepsTheLastGoodLists(t *testing.T) {
	t.Parallel()
	s := newServed(t, "")
	pack := s.path("pack")
	unpack(t, pack)
	s.configure("pack: " + pack + "\n")
	s.start()
	list := filepath.Join(pack, "lists", "deny_requestors.csv")
	b, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	write(t, list, "value;expires\n\"", 0o644)
	eventually(t, "a broken list is warned of", func() bool { return s.warns("pack", "deny_requestors.csv") })
	eventually(t, "the failure is counted", func() bool { return s.metric(`issuant_reloads_total{kind="list",result="failed"} 1`) })
	write(t, list, string(b)+"40010077777,,test\n", 0o644)
	eventually(t, "the good list is taken", func() bool { return s.metric(`issuant_reloads_total{kind="list",result="ok"} 1`) })
	if s.warns("pack", "") {
		t.Error("it warns on")
	}
}

func TestServeTakesKeysThatAreInOrderAndNoOthers(t *testing.T) {
	t.Parallel()
	s := newServed(t, "").start()
	other, err := enginetest.NewPismoSender(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	old := s.sender
	write(t, s.path("keys.json"), "{", 0o644)
	eventually(t, "a broken key file is warned of", func() bool { return s.warns("keys/pismo", "keys.json") })
	if status, _ := s.send(body(1), nil); status != 200 {
		t.Error("the last good keys are gone:", status)
	}
	write(t, s.path("keys.json"), string(other.X509Map()), 0o666)
	eventually(t, "a file that everybody may write is warned of", func() bool { return s.warns("keys/pismo", "0666") })
	write(t, s.path("keys.json"), string(other.X509Map()), 0o644)
	s.sender = other
	eventually(t, "the new key is in force", func() bool { status, _ := s.send(body(2), nil); return status == 200 })
	s.sender = old
	if status, _ := s.send(body(3), nil); status != 401 {
		t.Error("the old key is in force:", status)
	}
}

func TestServeTakesKeysFromAMountedFolder(t *testing.T) {
	t.Parallel()
	s := newServed(t, "")
	// As Kubernetes mounts a ConfigMap: files are links through ..data, which is
	// renamed as a whole.
	mount, other := s.path("keys"), newServed(t, "").sender
	first, second := filepath.Join(mount, "..1"), filepath.Join(mount, "..2")
	write(t, filepath.Join(first, "map.json"), string(s.sender.X509Map()), 0o644)
	write(t, filepath.Join(second, "map.json"), string(other.X509Map()), 0o644)
	write(t, filepath.Join(second, other.KeyID()+"x.pem"), string(other.Certificate()), 0o644)
	link := func(target, name string) {
		if err := os.Symlink(target, name+".tmp"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+".tmp", name); err != nil {
			t.Fatal(err)
		}
	}
	link("..1", filepath.Join(mount, "..data"))
	link("..data/map.json", filepath.Join(mount, "map.json"))
	edit(t, s.path("issuant.yaml"), s.path("keys.json"), mount)
	os.Chmod(s.path("issuant.yaml"), 0o600)
	edit(t, s.path("issuant.yaml"), "poll: 200ms", "poll: 1h") // the watch alone must see it
	s.start()
	if status, _ := s.send(body(1), nil); status != 200 {
		t.Fatal("before:", status)
	}
	link("..2", filepath.Join(mount, "..data"))
	s.sender = other
	eventually(t, "the new key is in force", func() bool { status, _ := s.send(body(2), nil); return status == 200 })
}

func TestServeTakesAConfigurationAsAWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	s := newServed(t, "").start()
	name := s.path("issuant.yaml")
	edit(t, name, `accounts: ["98665386"]`, `accounts: ["1", "2"]`)
	eventually(t, "the accounts are in force", func() bool { status, _ := s.send(body(1), nil); return status == 401 })

	edit(t, name, "poll: 200ms", "pol: 200ms\nlog_level: loud")
	eventually(t, "a wrong key is warned of", func() bool { return s.warns("config", `did you mean "poll"`) && s.warns("config", "and 1 more") })
	if !s.metric(`issuant_reloads_total{kind="config",result="failed"} 1`) {
		t.Error("no metric of the failure")
	}
	edit(t, name, "pol: 200ms\nlog_level: loud", "poll: 200ms")
	eventually(t, "the warning is gone", func() bool { return !s.warns("config", "") })

	edit(t, name, `accounts: ["1", "2"]`, `accounts: ["98665386"]`)
	edit(t, name, "listen: 127.0.0.1:0", "listen: 127.0.0.1:1")
	eventually(t, "an address needs a restart", func() bool { return s.warns("config/listen", "restart") })
	if status, _ := s.send(body(2), nil); status != 200 {
		t.Error("what needs no restart is not in force:", status)
	}
	edit(t, name, "sms: true", "sms: true\n    keys: nowhere.json")
	eventually(t, "a key that stands twice is warned of", func() bool { return s.warns("config", "stands twice") })
	write(t, name, "{", 0o600)
	eventually(t, "what is not YAML is warned of", func() bool { return s.warns("config", "not YAML") })
	if status, _ := s.send(body(3), nil); status != 200 {
		t.Error("the last good configuration is gone:", status)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a configuration that is gone is warned of", func() bool { return s.warns("config", "no such file") })
	if status, _ := s.send(body(4), nil); status != 200 {
		t.Error("the last good configuration is gone:", status)
	}
}

func TestServeRotatesTheReferenceKey(t *testing.T) {
	t.Parallel()
	s := newServed(t, "").start()
	write(t, s.path("ref.key"), "k2:00", 0o600)
	eventually(t, "a short key is warned of", func() bool { return s.warns("ref_key/pismo", "32 bytes") })
	write(t, s.path("ref.key"), strings.Replace(refKeyLine, "k1:", "k2:", 1), 0o640)
	eventually(t, "an open key is warned of", func() bool { return s.warns("ref_key/pismo", "0640") })
	write(t, s.path("ref.key"), strings.Replace(refKeyLine, "k1:", "k2:", 1), 0o600)
	eventually(t, "the new key is in force", func() bool { return s.metric(`issuant_reloads_total{kind="ref_key",result="ok"} 1`) })
	if text := s.log.String(); strings.Contains(text, "00112233") {
		t.Error("the log betrays a key")
	}
}
