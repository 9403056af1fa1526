package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/vectorfile"
)

// schemeSetup is the setup of testdata/vectors/webhook_schemes.json.
type schemeSetup struct {
	Keys json.RawMessage `json:"keys"`
}

// schemeInput is the input of one of its cases.
type schemeInput struct {
	Scheme  string              `json:"scheme"`
	Method  string              `json:"method"`
	Path    string              `json:"path"`
	Headers map[string][]string `json:"headers"`
	BodyB64 string              `json:"body_b64"`
}

// TestVerifyGivesTheAnswersOfTheSchemeVectors runs all cases through verify --batch,
// a run for each scheme.
func TestVerifyGivesTheAnswersOfTheSchemeVectors(t *testing.T) {
	f := vectorfile.Load(t, "/testdata/vectors/webhook_schemes.json")
	var setup schemeSetup
	vectorfile.Into(t, f.Setup, &setup)
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, setup.Keys, 0o600); err != nil {
		t.Fatal(err)
	}
	batches, want := map[string]*bytes.Buffer{}, map[string][]string{}
	for _, c := range f.Cases {
		var in schemeInput
		vectorfile.Into(t, c.Input, &in)
		if batches[in.Scheme] == nil {
			batches[in.Scheme] = new(bytes.Buffer)
		}
		headers, _ := json.Marshal(in.Headers)
		fmt.Fprintf(batches[in.Scheme], `{"id":%q,"now":%d,"method":%q,"path":%q,"headers":%s,"body_b64":%q}`+"\n", c.ID, c.NowMS/1000, in.Method, in.Path, headers, in.BodyB64)
		line := fmt.Sprintf(`{"id":%q,"ok":false,"code":%q,"key_id":null,"claims":null}`, c.ID, c.Expect)
		if c.Expect == "ok" {
			var b bytes.Buffer
			if err := json.Compact(&b, c.Want); err != nil {
				t.Fatal(err)
			}
			line = fmt.Sprintf(`{"id":%q,"ok":true,"code":"ok",%s`, c.ID, b.String()[1:])
		}
		want[in.Scheme] = append(want[in.Scheme], line)
	}
	for scheme, batch := range batches {
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"verify", "--scheme", scheme, "--keys", keys, "--batch", "-"}, &stdio{in: batch, out: &out, err: &errs, width: func() int { return 0 }})
		if code != exitRefused {
			t.Errorf("%s: exit code %d: %s", scheme, code, errs.String())
		}
		if got := strings.Split(strings.TrimSpace(out.String()), "\n"); !slices.Equal(got, want[scheme]) {
			for i := range min(len(got), len(want[scheme])) {
				if got[i] != want[scheme][i] {
					t.Errorf("%s: %s\nwant %s", scheme, got[i], want[scheme][i])
				}
			}
		}
	}
	if len(batches) != len(webhook.Presets())-1 {
		t.Errorf("%d schemes have vectors, of %d presets besides pismo", len(batches), len(webhook.Presets())-1)
	}
}

// TestSchemeListFitsTheWindow: no line is wider than the window, from the width on
// at which the names fit at all.
func TestSchemeListFitsTheWindow(t *testing.T) {
	for _, width := range []int{84, 100, 140, 150, 180, 300} {
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"verify", "--list"}, &stdio{in: strings.NewReader(""), out: &out, err: &errs, width: func() int { return width }, outTerminal: true})
		if code != 0 || errs.Len() > 0 {
			t.Fatalf("exit code %d: %s", code, errs.String())
		}
		for line := range strings.Lines(out.String()) {
			if cells(strings.TrimSuffix(line, "\n")) > width {
				t.Errorf("at %d cells: %q", width, line)
			}
		}
		for _, name := range schemes() {
			if !strings.Contains(out.String(), name) {
				t.Errorf("%s is not listed", name)
			}
		}
	}
}

// writeSchemes puts the keys of all schemes, a genuine request of each, and tokens
// into dir.
func writeSchemes(dir string) error {
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "vectors", "webhook_schemes.json"))
	if err != nil {
		return err
	}
	f, err := vectorfile.Parse(data)
	if err != nil {
		return err
	}
	var setup schemeSetup
	if err := json.Unmarshal(f.Setup, &setup); err != nil {
		return err
	}
	files := map[string][]byte{"schemes.json": setup.Keys}
	for _, c := range f.Cases {
		var in schemeInput
		if err := json.Unmarshal(c.Input, &in); err != nil {
			return err
		}
		if !strings.HasSuffix(c.ID, "-genuine") && c.ID != "rfc9421-b23" {
			continue
		}
		body, err := base64.StdEncoding.DecodeString(in.BodyB64)
		if err != nil {
			return err
		}
		files[c.ID+".http"] = requestMessage(in, body)
	}
	if err := addTokens(files); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func requestMessage(in schemeInput, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", in.Method, in.Path)
	for name, values := range in.Headers {
		if !strings.EqualFold(name, "Content-Length") {
			fmt.Fprintf(&b, "%s: %s\r\n", name, strings.Join(values, ", "))
		}
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(body))
	return append(b.Bytes(), body...)
}

// addTokens adds a JWS and a JWE under one secret each, and the same as requests.
func addTokens(files map[string][]byte) error {
	key := secret.NewBytes([]byte("0123456789abcdef0123456789abcdef"))
	jws, err := jose.Sign(jose.HS256, key, jose.Header{jose.Text("kid", "mac")}, []byte(`{"sub":"a","pan":"5123456789012346","n":5123456789012346}`))
	if err != nil {
		return err
	}
	jwe, err := jose.Seal(jose.Dir, jose.A256GCM, key, jose.Header{jose.Text("kid", "box")}, []byte("no JSON"))
	if err != nil {
		return err
	}
	k := base64.RawURLEncoding.EncodeToString(key.Reveal())
	files["tokens.json"] = fmt.Appendf(nil, `{"keys":[{"kid":"mac","kty":"oct","k":%q},{"kid":"box","kty":"oct","use":"enc","k":%q},{"kid":"other","kty":"oct","scheme":"github","k":%q}]}`, k, k, k)
	for name, token := range map[string]string{"jws": jws, "jwe": jwe, "forged": jws[:len(jws)-2] + "AA", "damaged": jwe[:len(jwe)-2] + "AA", "line": jws + "\n", "empty": ""} {
		files[name+".http"] = requestMessage(schemeInput{Method: "POST", Path: "/"}, []byte(token))
	}
	return nil
}

func TestTokensDoNotPrintCardNumbers(t *testing.T) {
	dir := t.TempDir()
	if err := writeSchemes(dir); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"verify", "--scheme", "jws", "--alg", "HS256", "--keys", filepath.Join(dir, "tokens.json"), "--request", filepath.Join(dir, "jws.http")},
		&stdio{in: strings.NewReader(""), out: &out, err: &errs, width: func() int { return 0 }})
	if code != 0 || strings.Contains(out.String(), "512345") || !strings.Contains(out.String(), `"n":"[masked]","pan":"[masked]","sub":"a"`) {
		t.Errorf("exit code %d: %s%s", code, out.String(), errs.String())
	}
}
