package trust_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/trust"
	"github.com/issuant/issuant/internal/code"
)

var now = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// testKey is for tests only: everybody can make it.
func testKey(name string) ed25519.PrivateKey {
	seed := bytes.Repeat([]byte{0}, ed25519.SeedSize)
	copy(seed, "test only "+name)
	return ed25519.NewKeyFromSeed(seed)
}

func public(name string) ed25519.PublicKey { return testKey(name).Public().(ed25519.PublicKey) }

func statement(revision uint64) trust.Statement {
	return trust.Statement{Name: "acme/production", Revision: revision, NotBefore: now, Expires: now.Add(90 * 24 * time.Hour)}
}

func root(t testing.TB, required int, names ...string) *trust.Root {
	t.Helper()
	keys := map[string]ed25519.PublicKey{}
	for _, name := range names {
		keys[name] = public(name)
	}
	r, err := trust.NewRoot(required, keys)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func signed(t testing.TB, content string, kind trust.Kind, s trust.Statement, names ...string) []byte {
	t.Helper()
	var signers []crypto.Signer
	for _, name := range names {
		signers = append(signers, testKey(name))
	}
	file, err := trust.Sign([]byte(content), kind, s, signers...)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

var anyPack = trust.Want{Kind: trust.Pack}

// Example: two people sign, one after the other; a server takes it, and nothing older
// after it.
func Example() {
	ana, ben := testKey("ana"), testKey("ben")
	file, err := trust.Sign([]byte("compiled rules"), trust.Pack, statement(7), ana)
	if err == nil {
		file, err = trust.Cosign(file, ben)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	root, err := trust.NewRoot(2, map[string]ed25519.PublicKey{"ana": public("ana"), "ben": public("ben"), "eva": public("eva")})
	if err != nil {
		fmt.Println(err)
		return
	}
	pack, err := root.Open(file, trust.Want{Kind: trust.Pack, Name: "acme/production"}, now)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s, revision %d, by %v\n", pack.Content(), pack.Statement().Revision, pack.SignedBy())
	last := trust.Mark{Name: "acme/production", Revision: 8}
	_, err = root.Open(file, trust.Want{Kind: trust.Pack, After: &last}, now)
	fmt.Println(errors.Is(err, trust.ErrRollback))
	// Output:
	// compiled rules, revision 7, by [ana ben]
	// true
}

// TestEveryChangedByteIsRefused: of the statement, the signatures, the envelope and the
// content; and every cut.
func TestEveryChangedByteIsRefused(t *testing.T) {
	file := signed(t, "content", trust.Pack, statement(1), "ana", "ben")
	r := root(t, 2, "ana", "ben")
	if _, err := r.Open(file, anyPack, now); err != nil {
		t.Fatal(err)
	}
	refused := func(what string, bad []byte) {
		t.Helper()
		if a, err := r.Open(bad, anyPack, now); a != nil || !errors.Is(err, trust.ErrFile) && !errors.Is(err, trust.ErrUnsigned) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range file {
		for _, bit := range []byte{1, 0x20, 0x80} {
			bad := bytes.Clone(file)
			bad[i] ^= bit
			refused(fmt.Sprintf("byte %d, bit %x", i, bit), bad)
		}
		refused(fmt.Sprintf("cut at %d", i), file[:i])
	}
	refused("one byte more", append(bytes.Clone(file), 0))
	refused("a line end more", append(bytes.Clone(file), '\n'))
	refused("a blank before", append([]byte(" "), file...))
}

// TestPartsOfTwoFilesDoNotMix: every part is genuine, only not together.
func TestPartsOfTwoFilesDoNotMix(t *testing.T) {
	r := root(t, 2, "ana", "ben", "eva")
	old := signed(t, "old rules", trust.Pack, statement(1), "ana", "ben")
	next := signed(t, "new rules", trust.Pack, statement(2), "ana", "eva")
	line := func(file []byte) []byte { return file[:bytes.IndexByte(file, '\n')+1] }
	refused := func(what string, bad []byte, want error) {
		t.Helper()
		if _, err := r.Open(bad, anyPack, now); !errors.Is(err, want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("the new statement with the old content", append(bytes.Clone(line(next)), "old rules"...), trust.ErrUnsigned)
	refused("the old statement with the new content", append(bytes.Clone(line(old)), "new rules"...), trust.ErrUnsigned)

	var a, b struct {
		PayloadType string              `json:"payloadType"`
		Payload     string              `json:"payload"`
		Signatures  []map[string]string `json:"signatures"`
	}
	for file, into := range map[*[]byte]any{&old: &a, &next: &b} {
		if err := json.Unmarshal(line(*file), into); err != nil {
			t.Fatal(err)
		}
	}
	join := func(payloadType, payload, content string, signatures ...map[string]string) []byte {
		var list []string
		for _, s := range signatures {
			list = append(list, fmt.Sprintf(`{"keyid":%q,"sig":%q}`, s["keyid"], s["sig"]))
		}
		return fmt.Appendf(nil, "{\"payloadType\":%q,\"payload\":%q,\"signatures\":[%s]}\n%s", payloadType, payload, strings.Join(list, ","), content)
	}
	of := func(list []map[string]string, name string) map[string]string {
		for _, s := range list {
			if s["keyid"] == trust.KeyID(public(name)) {
				return s
			}
		}
		t.Fatal(name, "has not signed")
		return nil
	}
	if !bytes.Equal(join(a.PayloadType, a.Payload, "old rules", a.Signatures...), old) {
		t.Fatal("the test does not make what Sign makes")
	}
	refused("one signature alone", join(a.PayloadType, a.Payload, "old rules", of(a.Signatures, "ana")), trust.ErrUnsigned)
	refused("one signature twice", join(a.PayloadType, a.Payload, "old rules", of(a.Signatures, "ana"), of(a.Signatures, "ana")), trust.ErrFile)
	for _, other := range []map[string]string{of(b.Signatures, "ana"), of(b.Signatures, "eva")} {
		mixed := []map[string]string{of(a.Signatures, "ben"), other}
		if mixed[0]["keyid"] > mixed[1]["keyid"] {
			mixed[0], mixed[1] = mixed[1], mixed[0]
		}
		refused("a signature of another statement", join(a.PayloadType, a.Payload, "old rules", mixed...), trust.ErrUnsigned)
	}
	refused("a pack called a ring", join(strings.Replace(a.PayloadType, "pack", "ring", 1), a.Payload, "old rules", a.Signatures...), trust.ErrUnsigned)
	renamed := of(a.Signatures, "ana")
	renamed["keyid"] = trust.KeyID(public("eva"))
	refused("a signature under another's name", join(a.PayloadType, a.Payload, "old rules", renamed), trust.ErrUnsigned)
}

func TestARingIsNoPackAndTheOtherWayRound(t *testing.T) {
	r := root(t, 1, "ana")
	for _, kind := range []trust.Kind{trust.Pack, trust.Ring} {
		file := signed(t, "x", kind, statement(1), "ana")
		for _, want := range []trust.Kind{0, trust.Pack, trust.Ring, 3} {
			if _, err := r.Open(file, trust.Want{Kind: want}, now); (err == nil) != (kind == want) || err != nil && !errors.Is(err, trust.ErrFile) {
				t.Errorf("a %v where a %v is wanted: %v", kind, want, err)
			}
		}
	}
}

func TestAnOlderFileIsRefused(t *testing.T) {
	r := root(t, 1, "ana")
	open := func(revision uint64, content string, want trust.Want) error {
		_, err := r.Open(signed(t, content, trust.Pack, statement(revision), "ana"), want, now)
		return err
	}
	a, err := r.Open(signed(t, "seven", trust.Pack, statement(7), "ana"), anyPack, now)
	if err != nil {
		t.Fatal(err)
	}
	last := a.Mark()
	for _, c := range []struct {
		revision uint64
		content  string
		ok       bool
	}{{8, "eight", true}, {8, "seven", true}, {7, "seven", true}, {7, "other", false}, {6, "six", false}, {6, "seven", false}, {1, "one", false}} {
		err := open(c.revision, c.content, trust.Want{Kind: trust.Pack, After: &last})
		if (err == nil) != c.ok || err != nil && (!errors.Is(err, trust.ErrRollback) || code.Of(err) != code.Rollback) {
			t.Errorf("revision %d, %s: %v", c.revision, c.content, err)
		}
	}
	// A file for another place does not follow, unless the place was given its name.
	staging := trust.Mark{Name: "acme/staging", Revision: 9}
	if err := open(8, "x", trust.Want{Kind: trust.Pack, After: &staging}); !errors.Is(err, trust.ErrRollback) {
		t.Error("after a file for staging:", err)
	}
	if err := open(8, "x", trust.Want{Kind: trust.Pack, After: &staging, Name: "acme/production"}); err != nil {
		t.Error("renamed on purpose:", err)
	}
	if err := open(8, "x", trust.Want{Kind: trust.Pack, Name: "acme/staging"}); !errors.Is(err, trust.ErrUnsigned) {
		t.Error("for production, wanted for staging:", err)
	}
}

func TestDatesAreKept(t *testing.T) {
	r := root(t, 1, "ana")
	s := statement(1)
	file := signed(t, "x", trust.Pack, s, "ana")
	for at, ok := range map[time.Time]bool{
		s.NotBefore: true, s.NotBefore.Add(-trust.Skew): true, s.NotBefore.Add(-trust.Skew - 1): false,
		s.Expires.Add(-1): true, s.Expires: false, s.Expires.Add(time.Hour): false, {}: false,
	} {
		if _, err := r.Open(file, anyPack, at); (err == nil) != ok || err != nil && !errors.Is(err, trust.ErrExpired) {
			t.Errorf("%v: %v", at, err)
		}
	}
}

func TestSoManyOfThoseWhomWeTrustHaveToSign(t *testing.T) {
	for _, c := range []struct {
		required int
		root, by string
		ok       bool
	}{
		{1, "ana", "ana", true}, {1, "ana", "ben", false}, {1, "ana ben", "ben", true},
		{2, "ana ben eva", "ana ben", true}, {2, "ana ben eva", "ana", false}, {2, "ana ben eva", "ana mallory", false},
		{2, "ana ben eva", "ana ben mallory", true}, {3, "ana ben eva", "ana ben eva", true}, {3, "ana ben eva", "ana ben", false},
	} {
		file := signed(t, "x", trust.Pack, statement(1), strings.Fields(c.by)...)
		a, err := root(t, c.required, strings.Fields(c.root)...).Open(file, anyPack, now)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, trust.ErrUnsigned) {
			t.Errorf("%d of %s, signed by %s: %v", c.required, c.root, c.by, err)
		}
		if err == nil && strings.Join(a.SignedBy(), " ") != strings.TrimSuffix(c.by, " mallory") {
			t.Errorf("signed by %v, wanted %s", a.SignedBy(), c.by)
		}
	}
}

func TestRootsAreRefusedThatProveNothing(t *testing.T) {
	point := func(digits string) ed25519.PublicKey {
		raw, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	ana := public("ana")
	many := map[string]ed25519.PublicKey{}
	for i := range trust.MaxSigners + 1 {
		many[fmt.Sprint(i)] = public(fmt.Sprint(i))
	}
	for name, c := range map[string]struct {
		required int
		keys     map[string]ed25519.PublicKey
	}{
		"none": {1, nil}, "nobody has to sign": {0, map[string]ed25519.PublicKey{"a": ana}}, "fewer than none": {-1, map[string]ed25519.PublicKey{"a": ana}},
		"more than there are": {2, map[string]ed25519.PublicKey{"a": ana}}, "one key twice": {1, map[string]ed25519.PublicKey{"a": ana, "b": ana}},
		"short": {1, map[string]ed25519.PublicKey{"a": ana[:31]}}, "empty": {1, map[string]ed25519.PublicKey{"a": nil}}, "too many": {1, many},
		"identity":  {1, map[string]ed25519.PublicKey{"a": point("01" + strings.Repeat("0", 62))}},
		"identity*": {1, map[string]ed25519.PublicKey{"a": point("01" + strings.Repeat("0", 60) + "80")}},
		"order 2":   {1, map[string]ed25519.PublicKey{"a": point("ec" + strings.Repeat("f", 60) + "7f")}},
		"order 4":   {1, map[string]ed25519.PublicKey{"a": point(strings.Repeat("0", 64))}},
		"order 8":   {1, map[string]ed25519.PublicKey{"a": point("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")}},
		"order 8*":  {1, map[string]ed25519.PublicKey{"a": point("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85")}},
	} {
		if r, err := trust.NewRoot(c.required, c.keys); r != nil || !errors.Is(err, trust.ErrRoot) || code.Of(err) != code.TrustRoot {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// badSigner is a token that is not what it says.
type badSigner struct {
	crypto.Signer
	public crypto.PublicKey
	err    error
}

func (b badSigner) Public() crypto.PublicKey { return b.public }
func (b badSigner) Sign(r io.Reader, text []byte, o crypto.SignerOpts) ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	return b.Signer.Sign(r, text, o)
}

func TestSignRefusesWhatNobodyCouldOpen(t *testing.T) {
	ana := testKey("ana")
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, signer := range map[string]crypto.Signer{"another key": p256, "another public key": badSigner{ana, public("ben"), nil}} {
		if _, err := trust.Sign(nil, trust.Pack, statement(1), signer); !errors.Is(err, trust.ErrRoot) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("the token is gone")
	if _, err := trust.Sign(nil, trust.Pack, statement(1), badSigner{ana, public("ana"), broken}); !errors.Is(err, broken) {
		t.Error(err)
	}
	for name, change := range map[string]func(*trust.Statement){
		"no name": func(s *trust.Statement) { s.Name = "" }, "a long name": func(s *trust.Statement) { s.Name = strings.Repeat("a", trust.MaxName+1) },
		"capitals": func(s *trust.Statement) { s.Name = "Acme" }, "a dot first": func(s *trust.Statement) { s.Name = "../x" }, "a quote": func(s *trust.Statement) { s.Name = `a"` },
		"revision 0": func(s *trust.Statement) { s.Revision = 0 }, "a huge revision": func(s *trust.Statement) { s.Revision = trust.MaxRevision + 1 },
		"part of a second": func(s *trust.Statement) { s.NotBefore = s.NotBefore.Add(1) }, "backwards": func(s *trust.Statement) { s.Expires = s.NotBefore },
		"too long":  func(s *trust.Statement) { s.Expires = s.NotBefore.Add(trust.MaxValidity + time.Second) },
		"a long id": func(s *trust.Statement) { s.PackID = strings.Repeat("a", 65) },
	} {
		s := statement(1)
		change(&s)
		if _, err := trust.Sign(nil, trust.Pack, s, ana); !errors.Is(err, trust.ErrRoot) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := trust.Sign(nil, trust.Pack, statement(1)); !errors.Is(err, trust.ErrRoot) {
		t.Error("nobody:", err)
	}
	if _, err := trust.Sign(nil, 0, statement(1), ana); !errors.Is(err, trust.ErrRoot) {
		t.Error("nothing:", err)
	}
	if _, err := trust.Sign(nil, trust.Pack, statement(1), ana, ana); !errors.Is(err, trust.ErrRoot) {
		t.Error("twice:", err)
	}
}

func TestCosignSignsNothingThatIsNotWhole(t *testing.T) {
	file := signed(t, "content", trust.Pack, statement(1), "ana")
	if _, err := trust.Cosign(append(bytes.Clone(file), 'x'), testKey("ben")); !errors.Is(err, trust.ErrUnsigned) {
		t.Error("a changed content:", err)
	}
	if _, err := trust.Cosign([]byte("content"), testKey("ben")); !errors.Is(err, trust.ErrUnsigned) {
		t.Error("not signed:", err)
	}
	if _, err := trust.Cosign(file, testKey("ana")); !errors.Is(err, trust.ErrRoot) {
		t.Error("twice:", err)
	}
	both, err := trust.Cosign(file, testKey("ben"))
	if err != nil || !bytes.Equal(both, signed(t, "content", trust.Pack, statement(1), "ben", "ana")) {
		t.Errorf("the order of signing shows: %v", err)
	}
	for i := range trust.MaxSignatures - 2 {
		if both, err = trust.Cosign(both, testKey(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := trust.Cosign(both, testKey("one more")); !errors.Is(err, trust.ErrRoot) {
		t.Error("one more:", err)
	}
	if bytes.IndexByte(both, '\n') > trust.MaxEnvelope {
		t.Error("the longest envelope does not fit into its bound")
	}
}

func TestInspectTellsWithoutTrust(t *testing.T) {
	s := statement(3)
	s.PackID, s.Lists = strings.Repeat("a", 64), strings.Repeat("b", 64)
	file := signed(t, "content", trust.Pack, s, "mallory")
	u, err := trust.InspectUnverified(file)
	if err != nil || u.Kind != trust.Pack || u.Statement.Revision != 3 || u.Statement.PackID != s.PackID || !u.Whole || len(u.KeyIDs) != 1 || u.KeyIDs[0] != trust.KeyID(public("mallory")) {
		t.Errorf("%+v %v", u, err)
	}
	if u, err := trust.InspectUnverified(file[:len(file)-1]); err != nil || u.Whole {
		t.Errorf("cut off: %+v %v", u, err)
	}
	for _, bad := range []string{"", "x", `{"payloadType":"application/vnd.issuant.`, `{"keys":[]}`} {
		if u, err := trust.InspectUnverified([]byte(bad)); u != nil || err == nil {
			t.Errorf("%q: %+v", bad, u)
		}
	}
}

// TestWhatIsSignedIsDSSE: the encoding of the specification's own example, and of ours
// as its formula says.
func TestWhatIsSignedIsDSSE(t *testing.T) {
	if got := string(trust.PAE("http://example.com/HelloWorld", []byte("hello world"))); got != "DSSEv1 29 http://example.com/HelloWorld 11 hello world" {
		t.Error(got)
	}
	file := signed(t, "content", trust.Pack, statement(1), "ana")
	var e struct {
		PayloadType string `json:"payloadType"`
		Payload     []byte `json:"payload"`
		Signatures  []struct {
			Sig []byte `json:"sig"`
		} `json:"signatures"`
	}
	if err := json.Unmarshal(file[:bytes.IndexByte(file, '\n')], &e); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("DSSEv1 %d %s %d %s", len(e.PayloadType), e.PayloadType, len(e.Payload), e.Payload)
	if !ed25519.Verify(public("ana"), []byte(text), e.Signatures[0].Sig) {
		t.Error("what was signed is not the pre-authentication encoding")
	}
}

// TestOpenSharesAndChangesNothing: beyond what it says.
func TestOpenChangesNothing(t *testing.T) {
	file := signed(t, "content", trust.Pack, statement(1), "ana")
	room := append(make([]byte, 0, len(file)+64), file...)
	before := bytes.Clone(room[:cap(room)])
	r := root(t, 1, "ana")
	a, err := r.Open(room, anyPack, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := trust.Cosign(room, testKey("ben")); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(room[:cap(room)], before) {
		t.Error("the file was changed")
	}
	a.SignedBy()[0] = "mallory"
	if a.SignedBy()[0] != "ana" {
		t.Error("the names can be changed")
	}
}

func FuzzOpen(f *testing.F) {
	file := signed(f, "content", trust.Pack, statement(1), "ana")
	f.Add(file)
	f.Add([]byte(`{"payloadType":"application/vnd.issuant.ring.v1+json","payload":"e30=","signatures":[{"keyid":"","sig":"` + base64.StdEncoding.EncodeToString(make([]byte, 64)) + `"}]}` + "\n"))
	r := root(f, 1, "ana")
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = trust.InspectUnverified(data)
		a, err := r.Open(data, anyPack, now)
		if err == nil && !bytes.Equal(data, file) {
			t.Errorf("taken: %q", data)
		}
		if err != nil && (a != nil || code.Of(err) == code.Internal) {
			t.Error(err)
		}
	})
}

// FuzzParseStatement: what parses has one text.
func FuzzParseStatement(f *testing.F) {
	f.Add(trust.StatementBytes(statement(1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := trust.ParseStatement(data)
		if err == nil && !bytes.Equal(trust.StatementBytes(s), data) {
			t.Errorf("%q is not what comes of it", data)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	file := signed(b, "content", trust.Pack, statement(1), "ana")
	r := root(b, 1, "ana")
	text := make([]byte, 420)
	sig := ed25519.Sign(testKey("ana"), text)
	key := public("ana")
	b.Run("what=open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Open(file, anyPack, now); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("what=bare", func(b *testing.B) {
		for b.Loop() {
			if !ed25519.Verify(key, text, sig) {
				b.Fatal("refused")
			}
		}
	})
}
