package webhook_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/internal/vectorfile"
)

// schemeInput is the input of a case of the kind webhook_schemes.
type schemeInput struct {
	Scheme  string              `json:"scheme"`
	Method  string              `json:"method"`
	Path    string              `json:"path"`
	Headers map[string][]string `json:"headers"`
	BodyB64 string              `json:"body_b64"`
}

// schemeCase is a case, ready to be opened.
type schemeCase struct {
	vectorfile.Case
	scheme  string
	request webhook.Request
	now     time.Time
}

// schemeVectors are the cases of testdata/vectors/webhook_schemes.json, and the ring
// of all their keys.
func schemeVectors(tb testing.TB) (*keyring.Ring, []schemeCase) {
	tb.Helper()
	f := vectorfile.Load(tb, "/testdata/vectors/webhook_schemes.json")
	var setup struct {
		Keys json.RawMessage `json:"keys"`
	}
	vectorfile.Into(tb, f.Setup, &setup)
	var cases []schemeCase
	for _, c := range f.Cases {
		var in schemeInput
		vectorfile.Into(tb, c.Input, &in)
		body, err := base64.StdEncoding.DecodeString(in.BodyB64)
		if err != nil {
			tb.Fatalf("%s: %v", c.ID, err)
		}
		cases = append(cases, schemeCase{c, in.Scheme, webhook.Request{Method: in.Method, Target: in.Path, Header: in.Headers, Body: body}, time.UnixMilli(c.NowMS)})
	}
	return ring(tb, setup.Keys), cases
}

// schemeVerifier makes the verifier of a preset with its defaults.
func schemeVerifier(tb testing.TB, name string, keys keyring.Lookup) *webhook.Verifier {
	tb.Helper()
	s, ok := webhook.Preset(name)
	if !ok {
		tb.Fatalf("no preset %q", name)
	}
	v, err := webhook.New(webhook.Options{Scheme: s, Keys: keys, UnsafeUncoveredBody: s.Coverage() == webhook.CoversNothing})
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func TestSchemeVectors(t *testing.T) {
	keys, cases := schemeVectors(t)
	verifiers, accepted := map[string]*webhook.Verifier{}, map[string]int{}
	for _, c := range cases {
		if verifiers[c.scheme] == nil {
			verifiers[c.scheme] = schemeVerifier(t, c.scheme, keys)
		}
		m, err := verifiers[c.scheme].OpenRequest(c.request, c.now)
		if got := result(err); got != c.Expect {
			t.Errorf("%s (%s): %s (%v), want %s", c.ID, c.Comment, got, err, c.Expect)
			continue
		}
		if c.Expect != "ok" {
			continue
		}
		accepted[c.scheme]++
		var want bytes.Buffer
		if err := json.Compact(&want, c.Want); err != nil {
			t.Fatal(err)
		}
		if got := `{"key_id":` + quote(m.KeyID()) + `,"claims":` + string(m.ClaimsJSON()) + `}`; got != want.String() {
			t.Errorf("%s: %s, want %s", c.ID, got, want.String())
		}
	}
	for _, s := range webhook.Presets() {
		if accepted[s.Name] == 0 && s.Name != webhook.PismoScheme {
			t.Errorf("preset %q has no vector that is accepted", s.Name)
		}
	}
}

// TestSchemeVectorsAreWhatPythonMakes runs the script that made the vectors, where
// Python and its package cryptography are installed.
func TestSchemeVectorsAreWhatPythonMakes(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil || exec.Command(python, "-c", "import cryptography").Run() != nil {
		t.Skip("python3 with the package cryptography is not installed: the vectors are not made anew")
	}
	cmd := exec.Command(python, filepath.Join("crypto", "webhook", "testdata", "schemes.py"))
	cmd.Dir = testutil.Root(t)
	got, err := cmd.Output()
	if err != nil {
		t.Fatalf("schemes.py: %v", err)
	}
	if want := testutil.Read(t, "/testdata/vectors/webhook_schemes.json"); !bytes.Equal(got, want) {
		t.Error("testdata/vectors/webhook_schemes.json is not what crypto/webhook/testdata/schemes.py makes")
	}
}
