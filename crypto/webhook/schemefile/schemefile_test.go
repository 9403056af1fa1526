package schemefile_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/crypto/webhook/schemefile"
	"github.com/issuant/issuant/internal/code"
)

func Example() {
	s, err := schemefile.Parse([]byte(`
scheme: 1
name: acme
algorithm: hmac-sha256
signature: {from: "header:X-Acme-Signature", template: "sha256={signature}"}
signed: [timestamp, "literal:.", body]
timestamp: {from: "header:X-Acme-Timestamp"}
`))
	fmt.Println(s.Name, s.Coverage(), err)
	_, err = schemefile.Parse([]byte("scheme: 1\nname: acme\nalgorithm: hmac-sha256\nsignature: {form: header:X-Acme-Signature}\n"))
	fmt.Println(err)
	// Output:
	// acme body <nil>
	// schemefile: line 1, column 1: scheme "acme": signature form is not value, list, pairs, versions, compact, http-signature or rfc9421
}

const small = "scheme: 1\nname: acme\nalgorithm: hmac-sha256\nsignature: {from: 'header:X-Sig'}\nsigned: [body]\n"

// TestExampleForPPSVerifies signs by hand what the documented example describes.
func TestExampleForPPSVerifies(t *testing.T) {
	s, err := schemefile.Load(filepath.Join("testdata", "pps-example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	raw := []byte("0123456789abcdef0123456789abcdef")
	ring, err := keyring.NewRing(keyring.Key{ID: "4711", Use: keyring.UseVerify, Scheme: "pps-example", Secret: secret.NewBytes([]byte(base64.StdEncoding.EncodeToString(raw)))})
	if err != nil {
		t.Fatal(err)
	}
	v, err := webhook.New(webhook.Options{Scheme: s, Keys: ring})
	if err != nil {
		t.Fatal(err)
	}
	now, body := time.Unix(1795428000, 0), []byte(`{"id":"a"}`)
	h := hmac.New(sha256.New, raw)
	fmt.Fprintf(h, "PUT\n/3d-secure/api/v1/authorisation-challenges/a\n1795428000\n%s", body)
	r := webhook.Request{Method: "PUT", Target: "/3d-secure/api/v1/authorisation-challenges/a?x=1", Body: body, Header: map[string][]string{
		"X-PPS-CustomerCode": {"4711"}, "X-PPS-Timestamp": {"1795428000"}, "X-PPS-Signature": {base64.StdEncoding.EncodeToString(h.Sum(nil))},
	}}
	m, err := v.OpenRequest(r, now)
	if err != nil || m.KeyID() != "4711" || m.Scheme() != "pps-example" {
		t.Fatal(m, err)
	}
	r.Method = "POST"
	if _, err := v.OpenRequest(r, now); !errors.Is(err, webhook.ErrSignature) {
		t.Errorf("another method: %v", err)
	}
}

// TestEveryMemberIsRead fills every member, so that one that is forgotten is seen.
func TestEveryMemberIsRead(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want webhook.Scheme
	}{
		"pairs": {`
scheme: 1
name: acme
title: Acme
evidence: a guide
algorithm: hmac-sha512
signature: {from: "header:X-Sig", form: pairs, separator: ";", label: v1, encoding: base64url}
key: {text: hex, id: "signature:k"}
signed: [timestamp, "literal:.", id, "literal:.", body]
timestamp: {from: "signature:t", unit: ms, skew: 10s, max_age: 2m}
id: header:X-Id
`, webhook.Scheme{
			Name: "acme", Title: "Acme", Evidence: "a guide", Algorithm: webhook.HMACSHA512,
			Signature: webhook.Signature{From: "header:X-Sig", Form: webhook.Pairs, Separator: ";", Label: "v1", Encoding: webhook.Base64URL},
			Key:       webhook.Key{Text: "hex", ID: "signature:k"},
			Signed:    []string{"timestamp", "literal:.", "id", "literal:.", "body"},
			Timestamp: webhook.Timestamp{From: "signature:t", Unit: "ms", Skew: 10 * time.Second, MaxAge: 2 * time.Minute},
			ID:        "header:X-Id",
		}},
		"body": {`
scheme: 1
name: acme-2
algorithm: hmac-sha256
signature: {from: "json:/sig", template: "x{signature}"}
single: /items
signed: ["json:/items/0/id"]
`, webhook.Scheme{
			Name: "acme-2", Algorithm: webhook.HMACSHA256, Signature: webhook.Signature{From: "json:/sig", Template: "x{signature}"},
			Single: "/items", Signed: []string{"json:/items/0/id"},
		}},
		"compact": {`
scheme: 1
name: acme-3
algorithm: ES256
signature: {from: "header:X-Jws", form: compact}
key: {id: "signature:kid"}
claims: {issuer: acme, body_hash: body-hash}
`, webhook.Scheme{
			Name: "acme-3", Algorithm: "ES256", Signature: webhook.Signature{From: "header:X-Jws", Form: webhook.Compact},
			Key: webhook.Key{ID: "signature:kid"}, Claims: &webhook.Claims{Issuer: "acme", BodyHash: "body-hash"},
		}},
		"rfc9421": {`
scheme: 1
name: acme-4
algorithm: ed25519
signature: {form: rfc9421, label: sig1}
key: {id: "signature:keyid"}
covered: ["@method", content-digest]
`, webhook.Scheme{
			Name: "acme-4", Algorithm: webhook.Ed25519, Signature: webhook.Signature{Form: webhook.RFC9421, Label: "sig1"},
			Key: webhook.Key{ID: "signature:keyid"}, Covered: []string{"@method", "content-digest"},
		}},
	} {
		got, err := schemefile.Parse([]byte(c.text))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v\n%+v\n%+v", name, err, got, c.want)
		}
	}
}

func TestParseRefusesWhatItDoesNotKnow(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":          {"", "empty"},
		"no yaml":          {"a: b: c", "not YAML"},
		"tab":              {"scheme:\t1\n\tname: x", "not YAML"},
		"list":             {"- a", "line 1, column 1: wants names and values"},
		"text":             {"a", "wants names and values"},
		"version 2":        {strings.Replace(small, "scheme: 1", "scheme: 2", 1), "version"},
		"no version":       {strings.Replace(small, "scheme: 1\n", "", 1), `wants "scheme: 1"`},
		"unknown name":     {small + "Name: x\n", `line 6, column 1: unknown name "Name"`},
		"unknown inside":   {small + "key: {kid: x}\n", `line 6, column 7: key: unknown name "kid"`},
		"twice":            {small + "name: other\n", "name stands twice"},
		"two documents":    {small + "---\n" + small, "more than one document"},
		"anchor":           {strings.Replace(small, "name: acme", "name: &a acme", 1), "anchors"},
		"alias":            {"scheme: 1\nname: &a acme\ntitle: *a\n", "anchors"},
		"merge":            {small + "<<: {id: x}\n", `unknown name "<<"`},
		"bool":             {strings.Replace(small, "name: acme", "name: true", 1), "quotation marks"},
		"null":             {strings.Replace(small, "name: acme", "name:", 1), "quotation marks"},
		"braces":           {strings.Replace(small, "{from: 'header:X-Sig'}", "{from: 'header:X-Sig', template: {signature}}", 1), "quotation marks"},
		"signed text":      {strings.Replace(small, "[body]", "body", 1), "wants a list"},
		"duration":         {small + "timestamp: {max_age: 5}\n", "wants a time"},
		"negative":         {small + "timestamp: {skew: -5s}\n", "wants a time"},
		"preset":           {strings.Replace(small, "acme", "github", 1), "preset"},
		"jws":              {strings.Replace(small, "acme", "jws", 1), "preset"},
		"check":            {strings.Replace(small, "[body]", "[bodi]", 1), "a source begins with"},
		"unsigned time":    {small + "timestamp: {from: 'header:X-Time'}\n", "anybody could write it"},
		"none":             {strings.Replace(small, "hmac-sha256", "none", 1), "algorithm"},
		"too large":        {small + strings.Repeat("#", 64<<10), "64 KiB"},
		"weak upper bound": {small + "timestamp: {skew: 11m, from: 'header:T'}\n", "10m"},
	} {
		_, err := schemefile.Parse([]byte(c.text))
		var e *schemefile.Error
		if !errors.As(err, &e) || !errors.Is(err, schemefile.ErrScheme) || code.Of(err) != code.SchemeFile || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.yaml")
	if err := os.WriteFile(path, []byte("a: 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := schemefile.Load(path); err == nil || !strings.Contains(err.Error(), "s.yaml: line 1") {
		t.Error(err)
	}
	if _, err := schemefile.Load(path + "x"); !errors.Is(err, os.ErrNotExist) || code.Of(err) != code.SchemeFile {
		t.Error(err)
	}
}

// FuzzParse: what is taken can be verified with, and never panics.
func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	if data, err := os.ReadFile(filepath.Join("testdata", "pps-example.yaml")); err == nil {
		f.Add(data)
	}
	f.Add([]byte("scheme: 1\nname: a\nalgorithm: by-key\nsignature: {form: rfc9421}\nkey: {id: 'signature:keyid'}\ncovered: [content-digest]"))
	f.Add([]byte("scheme: 1\nname: a\nalgorithm: sha256-suffix\nsignature: {from: 'form:h'}\nsigned: ['form_values:h']"))
	ring, err := keyring.NewRing(keyring.Key{ID: "k", Use: keyring.UseVerify, Secret: secret.NewBytes([]byte("0123456789abcdef0123456789abcdef"))})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := schemefile.Parse(data)
		if err != nil {
			if code.Of(err) != code.SchemeFile {
				t.Fatal(err)
			}
			return
		}
		v, err := webhook.New(webhook.Options{Scheme: s, Keys: ring, UnsafeUncoveredBody: s.Coverage() == webhook.CoversNothing})
		if err != nil {
			t.Fatalf("checked, and yet: %v", err)
		}
		header := map[string][]string{}
		for _, name := range []string{"X-Sig", "Signature", "Signature-Input", "Authorization"} {
			header[name] = []string{"a"}
		}
		if m, err := v.OpenRequest(webhook.Request{Method: "POST", Target: "/", Header: header, Body: []byte("a=b")}, time.Unix(1, 0)); err == nil {
			t.Fatalf("an unsigned message passed: %v", m.Scheme())
		}
	})
}
