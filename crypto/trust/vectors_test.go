package trust_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/trust"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/internal/vectorfile"
)

// testdata/vectors/signed_files.json is written by this file:
// go test ./crypto/trust -run TestVectors -update.
const vectorPath = "/testdata/vectors/signed_files.json"

type vectorSetup struct {
	Required int               `json:"required"`
	Signers  map[string][]byte `json:"signers_b64"`
}

type vectorInput struct {
	File  []byte      `json:"file_b64"`
	Kind  string      `json:"kind"`
	Name  string      `json:"name"`
	After *vectorMark `json:"after"`
}

type vectorMark struct {
	Name     string `json:"name"`
	Revision uint64 `json:"revision"`
	SHA256   string `json:"sha256"`
}

type vectorWant struct {
	Name     string   `json:"name"`
	Revision uint64   `json:"revision"`
	Content  []byte   `json:"content_b64"`
	SignedBy []string `json:"signed_by"`
}

func vectors(t *testing.T) []byte {
	raw := func(v any) json.RawMessage {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	f := vectorfile.File{
		Format: 1, Kind: "signed", Comment: "Signed packs and rings: what is taken and what is refused. Written by crypto/trust/vectors_test.go with keys that everybody can make; the expectations by hand.",
		Notes: map[string]vectorfile.Note{
			"taken":     {Bug: "a good file is refused", Effect: "new rules do not go in force"},
			"threshold": {Bug: "signatures are counted that are nobody's, or one person's twice", Effect: "one stolen key signs for all"},
			"mix":       {Bug: "parts of two genuine files are taken together", Effect: "rules that nobody signed are in force"},
			"cut":       {Bug: "a part of a file is taken for the whole", Effect: "the rules at its end are not in force"},
			"rollback":  {Bug: "an older genuine file is taken", Effect: "a hole that was closed is open again"},
			"dates":     {Bug: "a file is taken out of its time", Effect: "whoever holds new files back keeps old ones in force"},
			"form":      {Bug: "one statement has several texts", Effect: "two readers take different files for the same"},
		},
		Setup: raw(vectorSetup{2, map[string][]byte{"ana": public("ana"), "ben": public("ben"), "eva": public("eva")}}),
	}
	seven := trust.Mark{Name: "acme/production", Revision: 7, SHA256: strings.Repeat("0", 64)}
	add := func(id, comment, flag, expect string, file []byte, change ...func(*vectorInput, *vectorfile.Case)) {
		in := vectorInput{File: file, Kind: "pack"}
		c := vectorfile.Case{ID: id, Comment: comment, Flags: []string{flag}, NowMS: now.UnixMilli(), Expect: expect}
		for _, f := range change {
			f(&in, &c)
		}
		c.Input = raw(in)
		f.Cases = append(f.Cases, c)
	}
	taken := func(id, comment, flag string, file []byte, revision uint64, by []string, change ...func(*vectorInput, *vectorfile.Case)) {
		add(id, comment, flag, "ok", file, append(change, func(_ *vectorInput, c *vectorfile.Case) {
			c.Want = raw(vectorWant{"acme/production", revision, []byte("content"), by})
		})...)
	}
	after := func(m trust.Mark) func(*vectorInput, *vectorfile.Case) {
		return func(in *vectorInput, _ *vectorfile.Case) { in.After = &vectorMark{m.Name, m.Revision, m.SHA256} }
	}
	named := func(name string) func(*vectorInput, *vectorfile.Case) {
		return func(in *vectorInput, _ *vectorfile.Case) { in.Name = name }
	}
	at := func(now time.Time) func(*vectorInput, *vectorfile.Case) {
		return func(_ *vectorInput, c *vectorfile.Case) { c.NowMS = now.UnixMilli() }
	}
	ring := func(in *vectorInput, _ *vectorfile.Case) { in.Kind = "ring" }
	pack := func(revision uint64, by ...string) []byte {
		return signed(t, "content", trust.Pack, statement(revision), by...)
	}
	good, both := pack(7, "ana", "ben"), []string{"ana", "ben"}
	line := bytes.IndexByte(good, '\n') + 1
	edit := func(old, new string) []byte { return bytes.Replace(good, []byte(old), []byte(new), 1) }

	taken("two-of-three", "two of three have signed", "taken", good, 7, both)
	taken("three-of-three", "all have signed", "taken", pack(7, "eva", "ben", "ana"), 7, []string{"ana", "ben", "eva"})
	taken("with-a-stranger", "the signature of a stranger does no harm", "taken", pack(7, "ana", "mallory", "ben"), 7, both)
	taken("the-name-that-is-wanted", "the place has the name of the file", "taken", good, 7, both, named("acme/production"))
	taken("a-ring", "a ring where a ring is wanted", "taken", signed(t, "content", trust.Ring, statement(7), "ana", "ben"), 7, both, ring)
	taken("follows", "a higher revision", "rollback", pack(8, "ana", "ben"), 8, both, after(seven))
	a, err := root(t, 1, "ana").Open(good, anyPack, now)
	if err != nil {
		t.Fatal(err)
	}
	taken("again", "the same file again", "rollback", good, 7, both, after(a.Mark()))
	taken("last-second", "in the last second", "dates", good, 7, both, at(statement(7).Expires.Add(-time.Second)))
	taken("a-clock-behind", "five minutes before it begins", "dates", good, 7, both, at(now.Add(-trust.Skew)))

	add("not-signed", "a content as it is", "threshold", "unsigned", []byte("content"))
	add("one-signature", "one of three has signed", "threshold", "unsigned", pack(7, "ana"))
	add("one-and-a-stranger", "one of three and a stranger have signed", "threshold", "unsigned", pack(7, "ana", "mallory"))
	add("strangers", "two strangers have signed", "threshold", "unsigned", pack(7, "mallory", "trudy"))
	add("another-signature", "the signature is that of another revision", "mix", "unsigned", append(bytes.Replace(good[:line], payloadOf(t, good), payloadOf(t, pack(8, "ana", "ben")), 1), "content"...))
	add("another-content", "the content of another file of the same length", "mix", "unsigned", append(bytes.Clone(good[:line]), "CONTENT"...))
	add("a-pack-as-ring", "a pack where a ring is wanted", "mix", "signed", good, ring)
	add("called-a-ring", "the type was changed", "mix", "unsigned", edit("issuant.pack", "issuant.ring"), ring)
	add("another-name", "a file for another place", "mix", "unsigned", good, named("acme/staging"))
	add("another-name-before", "the one before was for another place", "mix", "rollback", good, after(trust.Mark{Name: "acme/staging", Revision: 1, SHA256: seven.SHA256}))
	add("cut-content", "the last byte is missing", "cut", "unsigned", good[:len(good)-1])
	add("no-content", "the first line alone", "cut", "unsigned", good[:line])
	add("cut-line", "the first line without its end", "cut", "signed", good[:line-1])
	add("more-content", "one byte more", "cut", "unsigned", append(bytes.Clone(good), 'x'))
	add("older", "a lower revision", "rollback", "rollback", pack(6, "ana", "ben"), after(seven))
	add("another-of-one-revision", "another content under the revision before", "rollback", "rollback", good, after(seven))
	add("expired", "its end has come", "dates", "expired", good, at(statement(7).Expires))
	add("not-yet", "six minutes before it begins", "dates", "expired", good, at(now.Add(-6*time.Minute)))
	add("blanks", "a blank in the first line", "form", "signed", edit(`","payload"`, `", "payload"`))
	add("order", "members in another order", "form", "signed", edit(`"signatures":[{"keyid"`, `"signatures":[{"sig":"","keyid"`))
	add("a-member-more", "a member that nobody knows", "form", "signed", edit(`,"payload"`, `,"x":1,"payload"`))
	add("a-name-twice", "payloadType twice", "form", "signed", edit(`","payload"`, `","payloadType":"application/vnd.issuant.ring.v1+json","payload"`))
	add("version-2", "a type that is not known yet", "form", "signed", edit("pack.v1", "pack.v2"))
	text, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// payloadOf returns the payload as it stands in the envelope.
func payloadOf(t *testing.T, file []byte) []byte {
	t.Helper()
	_, rest, ok := bytes.Cut(file, []byte(`"payload":"`))
	payload, _, ok2 := bytes.Cut(rest, []byte(`"`))
	if !ok || !ok2 {
		t.Fatal("no payload")
	}
	return payload
}

func TestVectors(t *testing.T) {
	testutil.Golden(t, filepath.Join(testutil.Root(t), vectorPath), vectors(t))
	f := vectorfile.Load(t, vectorPath)
	setup := vectorSetup{}
	vectorfile.Into(t, f.Setup, &setup)
	keys := map[string]ed25519.PublicKey{}
	for name, key := range setup.Signers {
		keys[name] = key
	}
	r, err := trust.NewRoot(setup.Required, keys)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range f.Cases {
		t.Run(c.ID, func(t *testing.T) {
			if slices.Contains(c.Flags, "retired") {
				t.Skip("retired")
			}
			in, want := vectorInput{}, vectorWant{}
			vectorfile.Into(t, c.Input, &in)
			w := trust.Want{Kind: map[string]trust.Kind{"pack": trust.Pack, "ring": trust.Ring}[in.Kind], Name: in.Name}
			if m := in.After; m != nil {
				w.After = &trust.Mark{Name: m.Name, Revision: m.Revision, SHA256: m.SHA256}
			}
			a, err := r.Open(in.File, w, time.UnixMilli(c.NowMS))
			if code.Of(err).String() != c.Expect {
				t.Fatalf("%v, want %s", err, c.Expect)
			}
			if err != nil {
				return
			}
			vectorfile.Into(t, c.Want, &want)
			s := a.Statement()
			if got := fmt.Sprint(s.Name, s.Revision, a.Content(), a.SignedBy()); got != fmt.Sprint(want.Name, want.Revision, want.Content, want.SignedBy) {
				t.Errorf("%s, want %+v", got, want)
			}
		})
	}
}
