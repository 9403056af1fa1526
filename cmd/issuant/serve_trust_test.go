package main

import (
	"crypto"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/approval"
	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/crypto/trust"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
)

// trusting is a server that takes what two of three people signed.
type trusting struct {
	*served
	t    *testing.T
	pack string // the folder that packs are made of
	keys map[string]ed25519.PrivateKey
}

func newTrusting(t *testing.T, more string) *trusting {
	t.Helper()
	s := newListed(t, "")
	x := &trusting{s, t, s.path("green"), map[string]ed25519.PrivateKey{}}
	for _, name := range []string{"ana", "ben", "eva", "mallory"} {
		approverKey(t, s.dir, name)
		text, err := os.ReadFile(s.path(name + ".key"))
		check(t, err)
		x.keys[name], err = approval.ParsePrivate(text)
		check(t, err)
	}
	s.configure("store: " + s.path("issuant.db") + "\nadmin_token: " + s.path("admin.token") + "\npack: " + s.path("pack.signed") + "\n" + more)
	return x
}

const packsTrust = "trust:\n  packs: {required: 2, signers: {ana: DIR/ana.pub, ben: DIR/ben.pub, eva: DIR/eva.pub}}\n"

// compiled is the pack with that version.
func (x *trusting) compiled(version string) *rules.Pack {
	x.t.Helper()
	edit(x.t, filepath.Join(x.pack, "pack.yaml"), "version: ", "version: "+version+" #")
	p, err := compile.Dir(x.pack)
	check(x.t, err)
	return p
}

func (x *trusting) sign(content []byte, kind trust.Kind, s trust.Statement, by ...string) string {
	x.t.Helper()
	if s.NotBefore.IsZero() {
		s.NotBefore = time.Now().Truncate(time.Second)
		s.Expires = s.NotBefore.Add(30 * 24 * time.Hour)
	}
	var signers []crypto.Signer
	for _, name := range by {
		signers = append(signers, x.keys[name])
	}
	file, err := trust.Sign(content, kind, s, signers...)
	check(x.t, err)
	return string(file)
}

// signed is a signed pack.
func (x *trusting) signed(version string, revision uint64, by ...string) string {
	x.t.Helper()
	p := x.compiled(version)
	is := approval.SubjectOf(p)
	return x.sign(p.Encode(), trust.Pack, trust.Statement{Name: "acme/production", Revision: revision, PackID: is.Pack, Lists: is.Lists}, by...)
}

func (x *trusting) put(name, file string) {
	x.t.Helper()
	write(x.t, x.path(name), file, 0o644)
}

// refused is what serve says instead of starting, with exit code 5.
func (x *trusting) refused(words string) {
	x.t.Helper()
	code, _, errs := runTool(x.t, x.t.Context(), nil, "serve", "--config", x.path("issuant.yaml"))
	if code != exitRefused || !strings.Contains(errs, words) {
		x.t.Errorf("exit code %d, want %q: %s", code, words, errs)
	}
}

func (x *trusting) version() string {
	v, _ := x.packs()
	return v
}

// TestServeTakesSignedPacksForwardAlone: rollback, mix-and-match and truncation, while
// it runs and across restarts; what is refused changes nothing.
func TestServeTakesSignedPacksForwardAlone(t *testing.T) {
	t.Parallel()
	x := newTrusting(t, "")
	x.configureTrust(packsTrust)
	plain := string(x.compiled("0").Encode())
	two := x.signed("2", 2, "ana", "ben")
	for words, file := range map[string]string{
		"it is not signed at all":                              plain,
		"1 of those whom we trust have signed, 2 are required": x.signed("2", 2, "ana", "mallory"),
		"the content is not the one that was signed":           two[:len(two)-1],
		"was good until":                                       x.expired(),
		"it holds a ring, wanted is a pack":                    x.sign([]byte(plain), trust.Ring, trust.Statement{Name: "acme/production", Revision: 2}, "ana", "ben"),
		"it names the pack":                                    x.sign([]byte(plain), trust.Pack, trust.Statement{Name: "acme/production", Revision: 2, PackID: strings.Repeat("0", 64)}, "ana", "ben"),
		"does not match":                                       flipSignature(two),
	} {
		x.put("pack.signed", file)
		x.refused(words)
	}
	x.put("pack.signed", two)
	x.start()
	if line := x.log.lines("signed"); x.version() != "2" || len(line) != 1 || line[0]["revision"] != 2.0 {
		t.Fatal(x.version(), line)
	}
	x.put("pack.signed", x.signed("3", 3, "eva", "ben"))
	eventually(t, "a newer one is taken", func() bool { return x.version() == "3" })
	for _, c := range []struct{ words, file string }{
		{"revision 2, and 3 was taken before", two},
		{"revision 3 was taken before with another content", x.signed("4", 3, "ana", "ben")},
		{"it was signed for \"acme/staging\", the one before for \"acme/production\"", x.staging()},
		{"not signed at all", plain},
		{"2 are required", x.signed("5", 5, "ben")},
		{"cut off", two[:200]},
	} {
		x.put("pack.signed", c.file)
		eventually(t, c.words, x.warnsOf("pack", c.words))
		if x.version() != "3" {
			t.Error("taken:", c.words)
		}
	}
	x.end()
	x.put("pack.signed", two)
	x.refused("revision 2, and 3 was taken before") // whoever restarts it gains nothing
	x.put("pack.signed", x.signed("3", 4, "ana", "ben"))
	x.log = &logBuffer{}
	x.start()
	code, out, errs := runTool(t, t.Context(), nil, "doctor", "--config", x.path("issuant.yaml"), "--format", "json")
	if !strings.Contains(out, `"check":"signed/pack","status":"ok","message":"acme/production, revision 4, signed by ana, ben`) {
		t.Error(code, out, errs)
	}
	if text := recordsOf(t, x.served, x.path("issuant.db")); strings.Count(text, `"kind":"mark"`) != 3 {
		t.Error(text)
	}
	x.end()
	x.put("pack.signed", x.signed("3", 3, "ana", "ben"))
	if code, out, _ := runTool(t, t.Context(), nil, "doctor", "--config", x.path("issuant.yaml"), "--format", "json"); code != exitFailed || !strings.Contains(out, "revision 3, and 4 was taken before") {
		t.Error(code, out)
	}
}

// flipSignature changes the first signature of a file, and leaves it 64 bytes.
func flipSignature(file string) string {
	i := strings.Index(file, `"sig":"`) + len(`"sig":"`)
	c := byte('A')
	if file[i] == c {
		c = 'B'
	}
	return file[:i] + string(c) + file[i+1:]
}

func (x *trusting) expired() string {
	p := x.compiled("1")
	is := approval.SubjectOf(p)
	end := time.Now().Truncate(time.Second).Add(-time.Hour)
	return x.sign(p.Encode(), trust.Pack, trust.Statement{Name: "acme/production", Revision: 2, PackID: is.Pack, Lists: is.Lists, NotBefore: end.Add(-time.Hour), Expires: end}, "ana", "ben")
}

func (x *trusting) staging() string {
	p := x.compiled("9")
	is := approval.SubjectOf(p)
	return x.sign(p.Encode(), trust.Pack, trust.Statement{Name: "acme/staging", Revision: 9, PackID: is.Pack, Lists: is.Lists}, "ana", "ben")
}

// configureTrust adds to the configuration, with the folder of the keys in it.
func (x *trusting) configureTrust(more string) {
	x.t.Helper()
	text, err := os.ReadFile(x.path("issuant.yaml"))
	check(x.t, err)
	write(x.t, x.path("issuant.yaml"), strings.ReplaceAll(more, "DIR", x.dir)+string(text), 0o600)
}

func TestAFolderOfRulesIsNotSigned(t *testing.T) {
	t.Parallel()
	x := newTrusting(t, "")
	x.configureTrust(packsTrust)
	edit(t, x.path("issuant.yaml"), "pack: "+x.path("pack.signed"), "pack: "+x.pack)
	x.refused("is a folder, and trust.packs wants a signed file")
}

// TestASignedFileWithoutARootIsRefused: somebody meant it to be checked.
func TestASignedFileWithoutARootIsRefused(t *testing.T) {
	t.Parallel()
	x := newTrusting(t, "")
	x.put("pack.signed", x.signed("1", 1, "ana"))
	x.refused("it is signed, and nothing in trust.packs says by whom it should be")
	edit(t, x.path("issuant.yaml"), "pack: "+x.path("pack.signed"), "pack: "+x.pack)
	keys, err := os.ReadFile(x.path("keys.json"))
	check(t, err)
	x.put("keys.json", x.sign(keys, trust.Ring, trust.Statement{Name: "pismo", Revision: 1}, "ana"))
	x.refused("it is signed, and nothing in trust.rings says by whom it should be")
}

// TestServeTakesSignedRingsForwardAlone: sealed to the server besides.
func TestServeTakesSignedRingsForwardAlone(t *testing.T) {
	t.Parallel()
	x := newTrusting(t, "")
	x.configureTrust("trust:\n  rings: {required: 1, signers: {ana: DIR/ana.pub}}\nopen_with: DIR/server.key\n")
	edit(t, x.path("issuant.yaml"), "pack: "+x.path("pack.signed"), "pack: "+x.pack)
	key, recipient, err := seal.NewHybridKeyFile(time.Now())
	check(t, err)
	write(t, x.path("server.key"), string(key), 0o600)
	to, err := seal.ParseRecipients([]byte(recipient))
	check(t, err)
	keys, err := os.ReadFile(x.path("keys.json"))
	check(t, err)
	sealed := func(file string, form seal.Form) string {
		var b strings.Builder
		w, err := seal.SealStream(&b, to, form)
		check(t, err)
		_, err = w.Write([]byte(file))
		check(t, err)
		check(t, w.Close())
		return b.String()
	}
	ring := func(revision uint64, name string, by ...string) string {
		return x.sign(keys, trust.Ring, trust.Statement{Name: name, Revision: revision}, by...)
	}
	x.put("keys.json", sealed(string(keys), seal.Binary))
	x.refused("it is not signed at all")
	x.put("keys.json", ring(1, "another", "ana"))
	x.refused(`it was signed for "another", wanted is "pismo"`)
	x.put("keys.json", sealed(ring(5, "pismo", "ana"), seal.Armoured))
	x.start()
	if status, answer := x.send(body(1), nil); status != 200 {
		t.Fatal(status, answer)
	}
	for _, c := range []struct{ words, file string }{
		{"revision 4, and 5 was taken before", sealed(ring(4, "pismo", "ana"), seal.Binary)},
		{"0 of those whom we trust", ring(6, "pismo", "mallory")},
		{"not signed at all", string(keys)},
	} {
		x.put("keys.json", c.file)
		eventually(t, c.words, x.warnsOf("keys/pismo", c.words))
	}
	if status, answer := x.send(body(2), nil); status != 200 {
		t.Error("the keys before are not in force any more:", status, answer)
	}
	x.put("keys.json", ring(6, "pismo", "ana"))
	eventually(t, "a newer ring is taken", func() bool { return len(x.log.lines("signed")) == 2 })
}

// TestTrustIsNotSwitchedOffWhileItRuns: who may write the configuration and not restart
// the server, gains nothing.
func TestTrustIsNotSwitchedOffWhileItRuns(t *testing.T) {
	t.Parallel()
	x := newTrusting(t, "")
	x.configureTrust(packsTrust)
	x.put("pack.signed", x.signed("1", 1, "ana", "ben"))
	x.start()
	edit(t, x.path("issuant.yaml"), "required: 2", "required: 1")
	eventually(t, "it needs a restart", func() bool {
		_, text := x.ask("GET", "/readyz", adminToken, "", "")
		return strings.Contains(text, `"config/trust"`)
	})
	x.put("pack.signed", x.signed("2", 2, "ana"))
	eventually(t, "two are required still", x.warnsOf("pack", "2 are required"))
	if x.version() != "1" {
		t.Error("taken with one signature")
	}
}
