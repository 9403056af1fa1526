package source_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testkey"
)

func ExampleParseJWKS() {
	keys, warnings, err := source.ParseJWKS([]byte(`{"keys":[
		{"kty":"OKP","crv":"Ed25519","kid":"a","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
		{"kty":"oct","kid":"b","k":"c2hvcnQ"}]}`))
	fmt.Println(len(keys), keys[0].ID, keys[0].Use, err)
	fmt.Println(warnings[0])
	// Output:
	// 2 a verify <nil>
	// key "b" is refused: weak key: secret of fewer than 16 bytes
}

func cert(t testing.TB, change func(*x509.Certificate)) string {
	template := testkey.Template()
	if change != nil {
		change(template)
	}
	return testkey.Certificate(t, template, &testkey.RSA(t, "rsa2048-a").PublicKey)
}

func doc(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseX509MapReadsCertificates(t *testing.T) {
	keys, warnings, err := source.ParseX509Map(doc(t, map[string]string{"k": cert(t, nil), "blanks": "\n " + cert(t, nil) + "\r\n\n"}))
	if err != nil || len(warnings) != 0 || len(keys) != 2 {
		t.Fatal(keys, warnings, err)
	}
	for _, k := range keys {
		pub, ok := k.Public.(*rsa.PublicKey)
		if !ok || !pub.Equal(&testkey.RSA(t, "rsa2048-a").PublicKey) || k.Use != keyring.UseVerify || k.Alg != "" || k.Scheme != "" || k.Refused != "" || !k.NotBefore.Equal(testkey.NotBefore) || !k.NotAfter.Equal(testkey.NotAfter) {
			t.Errorf("%+v", k)
		}
	}
}

func TestABadEntryDoesNotSpoilTheOthers(t *testing.T) {
	ok := cert(t, nil)
	for name, entry := range map[string]any{
		"number": 5, "null": nil, "object": map[string]string{"x5c": "x"}, "array": []string{ok}, "empty": "", "text": "hello", "bare base64": strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(ok, "-----BEGIN CERTIFICATE-----"), "-----END CERTIFICATE-----\n"), "\n", ""),
		"cut": ok[:200], "damaged": ok[:100] + "AAAA" + ok[104:], "two": ok + ok, "text behind": ok + "x", "text before": "subject=CN\n" + ok, "other type": strings.ReplaceAll(ok, "CERTIFICATE", "PRIVATE KEY"),
		"large": ok + strings.Repeat(" ", 70_000), "usage": cert(t, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }),
		"weak":     testkey.Certificate(t, testkey.Template(), &testkey.RSA(t, "rsa1024").PublicKey),
		"exponent": testkey.Certificate(t, testkey.Template(), &rsa.PublicKey{N: testkey.RSA(t, "rsa2048-a").N, E: 3}),
		"ed25519":  testkey.Certificate(t, testkey.Template(), ed25519.PublicKey(make([]byte, 32))),
		"huge":     testkey.Certificate(t, testkey.Template(), &rsa.PublicKey{N: new(big.Int).SetBit(new(big.Int).Lsh(big.NewInt(1), 16000), 0, 1), E: 65537}),
	} {
		keys, warnings, err := source.ParseX509Map(doc(t, map[string]any{"a": ok, "bad": entry, "c": ok}))
		if err != nil || len(keys) != 3 || len(warnings) != 1 || !strings.Contains(warnings[0], `"bad"`) || strings.ContainsAny(warnings[0], "\r\n") {
			t.Errorf("%s: %d keys, %q, %v", name, len(keys), warnings, err)
			continue
		}
		ring, err := keyring.NewRing(keys...)
		if err != nil {
			t.Fatal(err)
		}
		for id, refused := range map[string]bool{"a": false, "bad": true, "c": false} {
			if k, ok := ring.Lookup(id); !ok || (k.Refused != "") != refused {
				t.Errorf("%s: key %s: %q", name, id, k.Refused)
			}
		}
	}
}

func TestKeyIDsAreExact(t *testing.T) {
	keys, warnings, err := source.ParseX509Map(doc(t, map[string]string{"k": cert(t, nil), "K": cert(t, nil), "\u212A": cert(t, nil), "": cert(t, nil), strings.Repeat("x", 257): cert(t, nil)}))
	if err != nil || len(keys) != 3 || len(warnings) != 2 {
		t.Errorf("%d keys, %q, %v", len(keys), warnings, err)
	}
}

func TestBadDocumentsAreRefusedWithTheirPlace(t *testing.T) {
	c := string(doc(t, cert(t, nil)))
	for in, want := range map[string]string{
		"":                                   "source: key document, line 1, column 1: not strict JSON: text ends where a value should stand",
		"{}":                                 "source: key document: holds no key",
		"null":                               "source: key document, line 1, column 1: holds null; wanted is an object",
		" [1]":                               "source: key document, line 1, column 2: holds an array; wanted is an object",
		"{\"é\": 5,\n \"é\": 6}":             "source: key document, line 2, column 2: not strict JSON: duplicate name",
		"{\"k\":\n " + c + "\n,}":            "source: key document, line 3, column 2: not strict JSON: a member's name should stand here",
		`{"keys":[]}`:                        "source: key document: holds no key",
		`{"keys":{}}`:                        `source: key document, line 1, column 9: "keys" is not an array`,
		`{"keys":5}`:                         `source: key document, line 1, column 9: "keys" is not an array`,
		`{"keys":[{"kty":"RSA"}]}`:           "source: key document: holds no key: key 1 has no kid of 1 to 256 bytes; it is left out",
		`{"kty":"RSA","kid":"a"}`:            `source: key document: a single JWK; put it into a set: {"keys": [ ... ]}`,
		cert(t, nil):                         "source: key document: a bare PEM file; wanted is a JWK set, or a JSON object from key id to PEM certificate",
		`{"keys":[{"kid":"a"},{"kid":"a"}]}`: `source: key document, line 1, column 29: kid "a" occurs twice`,
		`{"k":"` + strings.Repeat("x", 1<<20) + `"}`: "source: key document, line 1, column 1048577: not strict JSON: longer than 1048576 bytes",
	} {
		keys, _, err := source.ParseKeys([]byte(in))
		if err == nil || err.Error() != want || keys != nil || !errors.Is(err, source.ErrKeyFile) || code.Of(err) != code.KeyFile {
			t.Errorf("%.60s: %v", in, err)
		}
	}
	many := map[string]string{}
	for i := range 257 {
		many[fmt.Sprint("k", i)] = "x"
	}
	if _, _, err := source.ParseX509Map(doc(t, many)); err == nil {
		t.Error("257 entries are taken")
	}
	if _, _, err := source.ParseJWKS([]byte(`{"keys":[0` + strings.Repeat(",0", 256) + `]}`)); err == nil {
		t.Error("257 keys are taken")
	}
}

func jwk(t testing.TB, name string, more map[string]any) map[string]any {
	members := testkey.JWK(&testkey.RSA(t, name).PublicKey)
	members["kid"] = "k"
	for k, v := range more {
		if v == nil {
			delete(members, k)
		} else {
			members[k] = v
		}
	}
	return members
}

func set(t testing.TB, jwks ...any) []byte { return doc(t, map[string]any{"keys": jwks}) }

func TestParseJWKSReadsEveryKind(t *testing.T) {
	keys, warnings, err := source.ParseJWKS(set(t,
		jwk(t, "rsa2048-a", map[string]any{"kid": "rsa", "alg": "RS256", "scheme": "pismo", "use": "sig", "key_ops": []string{"sign", "verify"}, "nbf": 1000, "exp": 2000, "x5c": []int{1}}),
		map[string]any{"kid": "p256", "kty": "EC", "crv": "P-256", "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY", "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"},
		map[string]any{"kid": "ed", "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
		map[string]any{"kid": "oct", "kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"},
	))
	if err != nil || len(warnings) != 0 || len(keys) != 4 {
		t.Fatal(warnings, err)
	}
	k := keys[0]
	if pub, ok := k.Public.(*rsa.PublicKey); !ok || !pub.Equal(&testkey.RSA(t, "rsa2048-a").PublicKey) || k.Alg != "RS256" || k.Scheme != "pismo" || k.Use != keyring.UseVerify {
		t.Errorf("%+v", k)
	}
	for sec, valid := range map[int64]bool{999: false, 1000: true, 1999: true, 2000: false} {
		if k.ValidAt(time.Unix(sec, 0)) != valid {
			t.Errorf("at %d: valid = %v", sec, !valid)
		}
	}
	if _, ok := keys[1].Public.(*ecdsa.PublicKey); !ok {
		t.Errorf("%T", keys[1].Public)
	}
	if _, ok := keys[2].Public.(ed25519.PublicKey); !ok {
		t.Errorf("%T", keys[2].Public)
	}
	if keys[3].Secret.Len() != 64 || keys[3].Public != nil {
		t.Error("the secret is not as long as RFC 7515 appendix A.1 has it")
	}
}

func TestParseJWKSRefusesSingleKeys(t *testing.T) {
	rsaWith := func(name string, v any) map[string]any { return jwk(t, "rsa2048-a", map[string]any{name: v}) }
	ec := func(name string, v any) map[string]any {
		m := map[string]any{"kid": "k", "kty": "EC", "crv": "P-256", "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY", "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}
		m[name] = v
		return m
	}
	n := testkey.JWK(&testkey.RSA(t, "rsa2048-a").PublicKey)["n"].(string)
	for name, k := range map[string]map[string]any{
		"kty": rsaWith("kty", "XYZ"), "no kty": rsaWith("kty", nil), "kty number": rsaWith("kty", 5), "kty case": rsaWith("kty", "rsa"), "use enc": rsaWith("use", "enc"), "use number": rsaWith("use", 1), "use empty": rsaWith("use", ""),
		"key_ops": rsaWith("key_ops", []string{"sign"}), "key_ops text": rsaWith("key_ops", "verify"), "key_ops empty": rsaWith("key_ops", []string{}), "alg number": rsaWith("alg", 256), "nbf text": rsaWith("nbf", "1"), "exp float": rsaWith("exp", 1.5), "exp negative": rsaWith("exp", -1), "exp milliseconds": rsaWith("exp", int64(1795428000000000)),
		"d": rsaWith("d", "AQAB"), "p": rsaWith("p", "AQAB"), "oth": rsaWith("oth", []int{}), "no n": rsaWith("n", nil), "n empty": rsaWith("n", ""), "n padded": rsaWith("n", n+"=="), "n line break": rsaWith("n", n[:8]+"\n"+n[8:]), "n number": rsaWith("n", 5), "n standard": rsaWith("n", "+/"+n[2:]),
		"e 3": rsaWith("e", "Aw"), "e large": rsaWith("e", "AQAAAAAAAAAB"), "e even": rsaWith("e", "AQAC"), "no e": rsaWith("e", nil), "weak": jwk(t, "rsa1024", nil), "scheme": rsaWith("scheme", 5), "Alg": rsaWith("Alg", "none"), "USE": rsaWith("USE", "enc"),
		"curve": ec("crv", "P-192"), "k1": ec("crv", "secp256k1"), "off curve": ec("y", "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY"), "x short": ec("x", "AQAB"), "x long": ec("x", "AGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKW"), "ec d": ec("d", "AQAB"), "x missing": ec("x", nil),
		"okp curve": {"kid": "k", "kty": "OKP", "crv": "X25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}, "okp short": {"kid": "k", "kty": "OKP", "crv": "Ed25519", "x": "AQAB"}, "okp d": {"kid": "k", "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "d": "AQAB"},
		"oct short": {"kid": "k", "kty": "oct", "k": "AQAB"}, "oct none": {"kid": "k", "kty": "oct"},
	} {
		other := jwk(t, "rsa2048-b", map[string]any{"kid": "other"})
		keys, warnings, err := source.ParseJWKS(set(t, k, other))
		if err != nil || len(keys) != 2 || keys[0].Refused == "" || keys[0].Public != nil || keys[0].Secret.Len() != 0 || keys[1].Refused != "" || len(warnings) != 1 {
			t.Errorf("%s: %+v, %q, %v", name, keys, warnings, err)
		}
	}
	for name, k := range map[string]any{"no kid": jwk(t, "rsa2048-a", map[string]any{"kid": nil}), "kid number": jwk(t, "rsa2048-a", map[string]any{"kid": 5}), "kid empty": jwk(t, "rsa2048-a", map[string]any{"kid": ""}), "text": "x"} {
		keys, warnings, err := source.ParseJWKS(set(t, k, jwk(t, "rsa2048-b", nil)))
		if err != nil || len(keys) != 1 || len(warnings) != 1 {
			t.Errorf("%s: %d keys, %q, %v", name, len(keys), warnings, err)
		}
	}
}

func TestWarningsHoldNoKeyMaterial(t *testing.T) {
	_, warnings, err := source.ParseJWKS(set(t, map[string]any{"kid": "a", "kty": "oct", "k": "cGxhbnRlZA"}, map[string]any{"kid": "b", "kty": "RSA", "n": "cGxhbnRlZA", "e": "AQAB", "d": "cGxhbnRlZA"}, map[string]any{"kid": "evil\n" + strings.Repeat("x", 200), "kty": "cGxhbnRlZA"}))
	if err != nil || len(warnings) != 3 {
		t.Fatal(warnings, err)
	}
	for _, w := range warnings {
		if strings.Contains(w, "cGxhbnRlZA") || strings.Contains(w, "planted") || strings.Contains(w, "\n") || len(w) > 200 {
			t.Errorf("%q", w)
		}
	}
}

func TestLoadFileNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if keys, _, err := source.LoadFile(write("map.json", doc(t, map[string]string{"k": cert(t, nil)}))); err != nil || len(keys) != 1 {
		t.Error(err)
	}
	if keys, _, err := source.LoadFile(write("set.json", set(t, jwk(t, "rsa2048-a", nil)))); err != nil || len(keys) != 1 {
		t.Error(err)
	}
	for name, data := range map[string][]byte{"empty.json": nil, "bad.json": []byte("{\n  oops"), "large.json": make([]byte, 1<<20+1), "none.json": []byte("{}")} {
		path := write(name, data)
		_, _, err := source.LoadFile(path)
		if err == nil || !strings.HasPrefix(err.Error(), "source: "+path+":") || strings.Contains(err.Error(), "\n") || code.Of(err) != code.KeyFile {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := source.LoadFile(filepath.Join(dir, "bad.json")); err == nil || !strings.Contains(err.Error(), "bad.json:2:3: ") {
		t.Errorf("no place: %v", err)
	}
	if _, _, err := source.LoadFile(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) || !errors.Is(err, source.ErrKeyFile) || code.Of(err) != code.KeyFile {
		t.Errorf("missing: %v", err)
	}
	if _, _, err := source.LoadFile(dir); code.Of(err) != code.KeyFile {
		t.Errorf("folder: %v", err)
	}
}

func fuzz(f *testing.F, parse func([]byte) ([]keyring.Key, []string, error)) {
	f.Add(doc(f, map[string]string{"k": cert(f, nil)}))
	f.Add(set(f, jwk(f, "rsa2048-a", nil), map[string]any{"kid": "b", "kty": "oct", "k": "c2hvcnQ"}))
	f.Add([]byte(`{"k":"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}`))
	f.Add([]byte(`{"keys":[{"kid":"a","kty":"EC","crv":"P-256","x":"","y":""}]}`))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, _, err := parse(data)
		if err != nil {
			if code.Of(err) != code.KeyFile || strings.Contains(err.Error(), "\n") || keys != nil {
				t.Fatalf("error %v", err)
			}
			return
		}
		if _, err := keyring.NewRing(keys...); err != nil {
			t.Fatalf("the keys make no ring: %v", err)
		}
		for _, k := range keys {
			if k.Refused == "" && k.Public == nil && k.Secret.Len() == 0 {
				t.Fatalf("key without material: %+v", k)
			}
		}
	})
}

func FuzzParseX509Map(f *testing.F) { fuzz(f, source.ParseX509Map) }
func FuzzParseJWKS(f *testing.F)    { fuzz(f, source.ParseJWKS) }
func FuzzParseKeys(f *testing.F)    { fuzz(f, source.ParseKeys) }
