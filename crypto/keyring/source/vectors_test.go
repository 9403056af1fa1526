package source_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testkey"
	"github.com/issuant/issuant/internal/testutil"
)

// testdata/vectors/keys_documents.json is written by this file:
// go test ./crypto/keyring/source -run TestVectors -update.

type vectorFile struct {
	Format  int                   `json:"format"`
	Kind    string                `json:"kind"`
	Comment string                `json:"comment"`
	Notes   map[string]vectorNote `json:"notes"`
	Setup   struct{}              `json:"setup"`
	Cases   []vectorCase          `json:"cases"`
}

type vectorNote struct {
	Bug    string `json:"bug"`
	Effect string `json:"effect"`
}

type vectorCase struct {
	ID      string      `json:"id"`
	Comment string      `json:"comment"`
	Flags   []string    `json:"flags"`
	NowMS   int64       `json:"now_ms"`
	Input   vectorInput `json:"input"`
	Expect  string      `json:"expect"`
	Want    *vectorWant `json:"want,omitempty"`
}

// vectorInput holds a document as text: one that is no JSON must be given too.
type vectorInput struct {
	Document string `json:"document"`
}

type vectorWant struct {
	Keys     []vectorKey `json:"keys"`
	Warnings int         `json:"warnings"`
}

// vectorKey is what a key is known by; "refused" instead of the reason's text.
type vectorKey struct {
	ID        string `json:"id"`
	Material  string `json:"material"` // rsa-2048, ec-p-256, ed25519, secret-32, none
	Alg       string `json:"alg"`
	Scheme    string `json:"scheme"`
	NotBefore string `json:"not_before"` // RFC 3339, "" for none
	NotAfter  string `json:"not_after"`
	Refused   bool   `json:"refused"`
}

func material(k keyring.Key) string {
	switch pub := k.Public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprint("rsa-", pub.N.BitLen())
	case *ecdsa.PublicKey:
		return "ec-" + strings.ToLower(pub.Params().Name)
	case ed25519.PublicKey:
		return "ed25519"
	}
	if n := k.Secret.Len(); n > 0 {
		return fmt.Sprint("secret-", n)
	}
	return "none"
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func documents(t *testing.T) []byte {
	f := vectorFile{
		Format: 1, Kind: "keys", Comment: "Key documents: what is read from them. Written by crypto/keyring/source/vectors_test.go with keys that are for tests only; the wanted keys by hand.",
		Notes: map[string]vectorNote{
			"read":   {"a good key is not read", "honest messages are refused"},
			"spoil":  {"one bad entry stops all others", "a rotation at the counterpart stops the service"},
			"weak":   {"strength, kind or purpose of a key are not looked at", "whoever can break or misuse it signs"},
			"secret": {"private members are taken along", "a private key lies where public ones are copied about"},
			"strict": {"a loose reading of the document", "two readers trust different keys"},
		},
	}
	ok, refused := func(id, material, from, to string) vectorKey {
		return vectorKey{ID: id, Material: material, NotBefore: from, NotAfter: to}
	}, func(id string) vectorKey { return vectorKey{ID: id, Material: "none", Refused: true} }
	add := func(id, comment, flag, document string, warnings int, keys ...vectorKey) {
		c := vectorCase{ID: id, Comment: comment, Flags: []string{flag}, Input: vectorInput{document}, Expect: "key_file"}
		if keys != nil {
			c.Expect, c.Want = "ok", &vectorWant{keys, warnings}
		}
		f.Cases = append(f.Cases, c)
	}
	pem := string(doc(t, cert(t, nil)))
	weak := string(doc(t, testkey.Certificate(t, testkey.Template(), &testkey.RSA(t, "rsa1024").PublicKey)))
	const from, to = "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"
	one := func(more map[string]any) string { return string(set(t, jwk(t, "rsa2048-a", more))) }

	add("map", "a map of one certificate", "read", `{"k":`+pem+`}`, 0, ok("k", "rsa-2048", from, to))
	add("map-exact-ids", "ids that differ in case are two", "read", `{"k":`+pem+`,"K":`+pem+`}`, 0, ok("k", "rsa-2048", from, to), ok("K", "rsa-2048", from, to))
	add("map-bad-entries", "a text, a number and null between good ones", "spoil", `{"a":`+pem+`,"b":"x","c":5,"d":null,"e":`+pem+`}`, 3, ok("a", "rsa-2048", from, to), refused("b"), refused("c"), refused("d"), ok("e", "rsa-2048", from, to))
	add("map-weak", "a key of 1024 bits", "weak", `{"k":`+weak+`}`, 1, vectorKey{ID: "k", Material: "none", NotBefore: from, NotAfter: to, Refused: true})
	add("map-empty-id", "an entry that no message can name", "spoil", `{"":`+pem+`,"k":`+pem+`}`, 1, ok("k", "rsa-2048", from, to))
	add("map-empty", "no key at all", "strict", `{}`, 0)
	add("map-twice", "an id twice", "strict", `{"k":`+pem+`,"k":`+pem+`}`, 0)
	add("map-trailing", "text behind the object", "strict", `{"k":`+pem+`} x`, 0)
	add("not-json", "no JSON", "strict", `k: x`, 0)
	add("bare-pem", "a certificate without a map", "strict", cert(t, nil), 0)
	add("array", "an array", "strict", `[]`, 0)
	add("set", "a JWK set", "read", one(nil), 0, ok("k", "rsa-2048", "", ""))
	add("set-members", "all members that are read", "read", one(map[string]any{"use": "sig", "alg": "RS256", "scheme": "pismo", "key_ops": []string{"verify"}, "nbf": 1000, "exp": 2000}), 0,
		vectorKey{ID: "k", Material: "rsa-2048", Alg: "RS256", Scheme: "pismo", NotBefore: "1970-01-01T00:16:40Z", NotAfter: "1970-01-01T00:33:19.999999999Z"})
	add("set-kinds", "an elliptic curve, an Edwards curve, a secret", "read", `{"keys":[{"kid":"ec","kty":"EC","crv":"P-256","x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"},{"kid":"ed","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},{"kid":"s","kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}`, 0,
		ok("ec", "ec-p-256", "", ""), ok("ed", "ed25519", "", ""), ok("s", "secret-32", "", ""))
	add("set-unknown-kind", "a kind that nobody knows, beside a good key", "spoil", `{"keys":[{"kid":"x","kty":"XYZ"},`+strings.TrimPrefix(one(nil), `{"keys":[`), 1, refused("x"), ok("k", "rsa-2048", "", ""))
	add("set-no-kid", "a key without a kid, beside a good one", "spoil", `{"keys":[{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},`+strings.TrimPrefix(one(nil), `{"keys":[`), 1, ok("k", "rsa-2048", "", ""))
	add("set-private", "a private key", "secret", one(map[string]any{"d": "AQAB"}), 1, refused("k"))
	add("set-encryption", "a key for encryption", "weak", one(map[string]any{"use": "enc"}), 1, refused("k"))
	add("set-exponent", "exponent 3", "weak", one(map[string]any{"e": "Aw"}), 1, refused("k"))
	add("set-short-secret", "a secret of five bytes", "weak", `{"keys":[{"kid":"k","kty":"oct","k":"c2hvcnQ"}]}`, 1, refused("k"))
	add("set-off-curve", "a point that is not on the curve", "weak", `{"keys":[{"kid":"k","kty":"EC","crv":"P-256","x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","y":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY"}]}`, 1, refused("k"))
	add("set-padded", "base64url with padding", "strict", `{"keys":[{"kid":"k","kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]}`, 1, refused("k"))
	add("set-twice", "a kid twice", "strict", string(set(t, jwk(t, "rsa2048-a", nil), jwk(t, "rsa2048-b", nil))), 0)
	add("set-empty", "a set without keys", "strict", `{"keys":[]}`, 0)
	add("set-no-array", "keys is an object", "strict", `{"keys":{}}`, 0)
	add("single-jwk", "a key without a set", "strict", `{"kty":"oct","kid":"k","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`, 0)

	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(f); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestVectorsAreCurrent(t *testing.T) {
	testutil.Golden(t, filepath.Join(testutil.Root(t), "testdata", "vectors", "keys_documents.json"), documents(t))
}

func TestVectors(t *testing.T) {
	var f vectorFile
	dec := json.NewDecoder(bytes.NewReader(testutil.Read(t, "/testdata/vectors/keys_documents.json")))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil || len(f.Cases) < 25 {
		t.Fatal(len(f.Cases), err)
	}
	for _, c := range f.Cases {
		keys, warnings, err := source.ParseKeys([]byte(c.Input.Document))
		if err == nil {
			_, err = keyring.NewRing(keys...)
		}
		got := "ok"
		if err != nil {
			got = code.Of(err).String()
		}
		if got != c.Expect {
			t.Errorf("%s: %s (%v), want %s", c.ID, got, err, c.Expect)
			continue
		}
		if c.Want == nil {
			continue
		}
		have := vectorWant{Warnings: len(warnings)}
		for _, k := range keys {
			have.Keys = append(have.Keys, vectorKey{k.ID, material(k), k.Alg, k.Scheme, stamp(k.NotBefore), stamp(k.NotAfter), k.Refused != ""})
		}
		if a, b := string(doc(t, have)), string(doc(t, c.Want)); a != b {
			t.Errorf("%s: %s, want %s", c.ID, a, b)
		}
	}
}
