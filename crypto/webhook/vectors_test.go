package webhook_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/testkey"
	"github.com/issuant/issuant/internal/testutil"
)

// The vector files are written by this file: go test ./crypto/webhook -run TestVectors -update.
// Keys, certificates and signatures are fixed, so the same cases give the same bytes.

type vectorFile struct {
	Format  int                   `json:"format"`
	Kind    string                `json:"kind"`
	Comment string                `json:"comment"`
	Notes   map[string]vectorNote `json:"notes"`
	Setup   vectorSetup           `json:"setup"`
	Cases   []vectorCase          `json:"cases"`
}

type vectorNote struct {
	Bug    string `json:"bug"`
	Effect string `json:"effect"`
}

type vectorSetup struct {
	Scheme  string          `json:"scheme"`
	Keys    json.RawMessage `json:"keys"`
	Options vectorOptions   `json:"options"`
}

// vectorOptions are webhook.PismoOptions; what is absent is the default.
type vectorOptions struct {
	Header           string   `json:"header,omitempty"`
	Accounts         []string `json:"accounts,omitempty"`
	UnsafeAnyAccount bool     `json:"unsafe_any_account,omitempty"`
	Subjects         []string `json:"subjects,omitempty"`
	Issuer           string   `json:"issuer,omitempty"`
	SkewMS           int64    `json:"skew_ms,omitempty"`
	MaxAgeMS         int64    `json:"max_age_ms,omitempty"`
	MaxBody          int      `json:"max_body,omitempty"`
}

type vectorCase struct {
	ID      string          `json:"id"`
	Comment string          `json:"comment"`
	Flags   []string        `json:"flags"`
	NowMS   int64           `json:"now_ms"`
	Input   vectorInput     `json:"input"`
	Expect  string          `json:"expect"`
	Want    json.RawMessage `json:"want,omitempty"` // key_id and claims
}

type vectorInput struct {
	Method  string              `json:"method"`
	Path    string              `json:"path"`
	Headers map[string][]string `json:"headers"`
	BodyB64 string              `json:"body_b64"`
}

// vectors gathers the cases of one file.
type vectors struct {
	tb   testing.TB
	file vectorFile
}

// add appends a case; flags are names of notes.
func (v *vectors) add(id, expect, comment string, m *message, flags ...string) {
	v.tb.Helper()
	c := vectorCase{
		ID: id, Comment: comment, Flags: append([]string{}, flags...), NowMS: m.now.UnixMilli(), Expect: expect,
		Input: vectorInput{"POST", "/v1/webhooks/pismo", m.request(v.tb), base64.StdEncoding.EncodeToString([]byte(m.body))},
	}
	if expect == "ok" {
		c.Want = wanted(v.tb, m)
	}
	v.file.Cases = append(v.file.Cases, c)
}

// wanted is written from the claims as the test made them, not by the code under test.
func wanted(tb testing.TB, m *message) json.RawMessage {
	tb.Helper()
	var kid string
	if err := json.Unmarshal([]byte(m.kid), &kid); err != nil {
		tb.Fatal(err)
	}
	claims := slices.Clone(m.claims)
	slices.SortFunc(claims, func(a, b member) int { return strings.Compare(a.name, b.name) })
	var parts []string
	for _, c := range claims {
		parts = append(parts, quote(c.name)+":"+c.value)
	}
	return json.RawMessage(`{"key_id":` + quote(kid) + `,"claims":{` + strings.Join(parts, ",") + `}}`)
}

func (v *vectors) bytes() []byte {
	used := map[string]bool{}
	for _, c := range v.file.Cases {
		for _, f := range c.Flags {
			used[f] = true
		}
	}
	v.file.Notes = map[string]vectorNote{}
	for f := range used {
		note, ok := notes[f]
		if !ok {
			v.tb.Fatalf("flag %q has no note", f)
		}
		v.file.Notes[f] = note
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(v.file); err != nil {
		v.tb.Fatal(err)
	}
	return out.Bytes()
}

var notes = map[string]vectorNote{
	"accept":     {"a genuine message is refused", "cards of honest people cannot be added"},
	"size":       {"work before measuring", "a few large requests stop the service"},
	"header":     {"two readers of one request see two tokens", "a proxy checks one token, the service trusts the other"},
	"shape":      {"a loose reading of the token", "many spellings of one token pass memories and filters that know one"},
	"names":      {"a name is matched without case, or the last of two wins", "a checker and a reader see different values"},
	"algorithm":  {"the token chooses the algorithm", "an unsigned token, or one signed with the public key as a secret, passes"},
	"header_key": {"a key is taken from the token", "everybody can sign"},
	"key_id":     {"a key is found by anything but its exact id", "a key of another purpose signs; an unknown id stops the process"},
	"weak_key":   {"the strength of a key is not looked at", "whoever can factor it, or forge for exponent 3, signs"},
	"key_dates":  {"the dates of a certificate are not looked at", "a key that was retired after a theft signs"},
	"key_kind":   {"an entry that is no usable RSA key is skipped or trusted", "one bad entry stops all others, or is used"},
	"signature":  {"the signature does not cover what is used", "a body or claim can be changed on the way"},
	"claims":     {"a claim is not looked at, or any type will do", "a message for another tenant or service passes"},
	"dates":      {"a bound is off by one, missing or overflows", "an old message passes, or an honest one does not"},
	"body":       {"the body is not held against the token", "any body goes with any captured token"},
	"page":       {"the sample of the documentation is taken for valid", "a token that everybody can read, years old, passes"},
	"order":      {"refusals are told in another order", "strangers learn from the answer what only a signer should"},
}

func TestVectorsAreCurrent(t *testing.T) {
	files := map[string][]byte{
		"pismo_verify.json":        mainVectors(t),
		"pismo_authorization.json": authorizationVectors(t),
	}
	for name, data := range files {
		testutil.Golden(t, filepath.Join(testutil.Root(t), "testdata", "vectors", name), data)
	}
}

func TestVectors(t *testing.T) {
	total := 0
	for _, path := range testutil.Files(t, "/testdata/vectors/pismo_*.json") {
		data := testutil.Read(t, path)
		var kind struct{ Kind string }
		if err := json.Unmarshal(data, &kind); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if kind.Kind != "webhook" {
			continue
		}
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		var f vectorFile
		if err := dec.Decode(&f); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		v := setUp(t, f.Setup)
		for _, c := range f.Cases {
			total++
			runVector(t, v, c)
		}
	}
	if total < 120 {
		t.Errorf("only %d cases", total)
	}
}

func setUp(t *testing.T, s vectorSetup) *webhook.Verifier {
	t.Helper()
	v, err := webhook.NewPismo(webhook.PismoOptions{
		Keys: ring(t, s.Keys), Header: s.Options.Header, Accounts: s.Options.Accounts, UnsafeAnyAccount: s.Options.UnsafeAnyAccount,
		Subjects: s.Options.Subjects, Issuer: s.Options.Issuer, MaxBody: s.Options.MaxBody,
		Skew: time.Duration(s.Options.SkewMS) * time.Millisecond, MaxAge: time.Duration(s.Options.MaxAgeMS) * time.Millisecond,
	})
	if err != nil || s.Scheme != v.Scheme() {
		t.Fatalf("setup: %v", err)
	}
	return v
}

func runVector(t *testing.T, v *webhook.Verifier, c vectorCase) {
	t.Helper()
	body, err := base64.StdEncoding.DecodeString(c.Input.BodyB64)
	if err != nil {
		t.Fatalf("%s: %v", c.ID, err)
	}
	m, err := v.Open(c.Input.Headers, body, time.UnixMilli(c.NowMS))
	if got := result(err); got != c.Expect {
		t.Errorf("%s (%s): %s (%v), want %s", c.ID, c.Comment, got, err, c.Expect)
		return
	}
	if c.Expect != "ok" {
		return
	}
	var want bytes.Buffer
	if err := json.Compact(&want, c.Want); err != nil {
		t.Fatal(err)
	}
	got := `{"key_id":` + quote(m.KeyID()) + `,"claims":` + string(m.ClaimsJSON()) + `}`
	if got != want.String() {
		t.Errorf("%s: %s, want %s", c.ID, got, want.String())
	}
}

// TestVectorsHoldUnderOpenSSL lets another implementation check the signatures of
// every case that is to be accepted.
func TestVectorsHoldUnderOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	dir := t.TempDir()
	m := good()
	parts := strings.Split(m.token(t), ".")
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(testutil.Root(t), "internal", "testkey", "testdata", "test-only-rsa2048-a.pem")
	for name, data := range map[string][]byte{"input": []byte(parts[0] + "." + parts[1]), "sig": sig} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) []byte {
		cmd := exec.Command(openssl, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("openssl %v: %v\n%s", args, err, out)
		}
		return out
	}
	run("rsa", "-in", key, "-pubout", "-out", "pub.pem")
	run("dgst", "-sha256", "-verify", "pub.pem", "-signature", "sig", "input")
	run("dgst", "-sha256", "-sign", key, "-out", "made", "input")
	made, err := os.ReadFile(filepath.Join(dir, "made"))
	if err != nil || !bytes.Equal(made, sig) {
		t.Errorf("openssl makes another signature: %v", err)
	}
}

// opensslToken was made with OpenSSL 3.0 and basenc alone, by
//
//	b64() { basenc --base64url -w0 | tr -d =; }
//	input=$(printf %s '{"alg":"RS256","kid":"test-key-a"}' | b64).$(printf %s "$claims" | b64)
//	echo $input.$(printf %s $input | openssl dgst -sha256 -sign test-only-rsa2048-a.pem | b64)
//
// with claims = opensslClaims.
const (
	opensslClaims = `{"account-id":98665386,"body-hash":"eE5EwnZO3934ZwiaafnhnN4uhrNup6zZhBdAuw5GpFA=","exp":1796250000,"iat":1795427997,"iss":"api.pismo.io","sub":"api-cards-tokenization"}`
	opensslToken  = "eyJhbGciOiJSUzI1NiIsImtpZCI6InRlc3Qta2V5LWEifQ.eyJhY2NvdW50LWlkIjo5ODY2NTM4NiwiYm9keS1oYXNoIjoiZUU1RXduWk8zOTM0WndpYWFmbmhuTjR1aHJOdXA2elpoQmRBdXc1R3BGQT0iLCJleHAiOjE3OTYyNTAwMDAsImlhdCI6MTc5NTQyNzk5NywiaXNzIjoiYXBpLnBpc21vLmlvIiwic3ViIjoiYXBpLWNhcmRzLXRva2VuaXphdGlvbiJ9.DztZgUBvpetFvoWq_NiytPFP5LDaGjnBuqEvlCrq2CPDvSu8GjgJmB5lJCmMFccwWMaMBZwdgcPoYLqAAUNhme6Vzf4PL2DH8NCDL-3zElYf5iczzt_1vJDz5U8QIMyeL-yW1VfjKszcaZUEXGQDE5SvJqafsLAa1oXAB61cZ91_OVJOFMiNXg7MXmaptyWcMfy6EU_mLkgZLsyUfW56rINeQm2FdAC6bg7qxrPuANsfJJ3tVTIUH8LmrayOMAigiIkIXrzu5go57eF0m43t45qoXYVzN-l7nx9VOO_BHvcHXvE2pFoG8zGFhGcLYHOylmw-RDRDZRrv5xRq8oCr2A"
)

func mainVectors(t *testing.T) []byte {
	v := &vectors{tb: t, file: vectorFile{
		Format: 1, Kind: "webhook",
		Comment: "Requests for the Pismo scheme with default options and one account. Written by crypto/webhook/vectors_test.go with keys that are for tests only; the case openssl-made was signed with OpenSSL.",
		Setup:   vectorSetup{"pismo", json.RawMessage(x509Map(t)), vectorOptions{Accounts: []string{account}}},
	}}
	addAccepted(v)
	addHeaders(v)
	addShapes(t, v)
	addJOSEHeaders(t, v)
	addKeys(v)
	addSignatures(t, v)
	addClaims(v)
	addDates(v)
	addBodies(v)
	addOrder(v)
	return v.bytes()
}

func addAccepted(v *vectors) {
	v.add("plain", "ok", "the body of 179 bytes whose hash is known", good(), "accept")
	v.add("second-key", "ok", "another key of the map", keyed("test-key-b", "rsa2048-b"), "accept", "key_id")
	v.add("rsa3072", "ok", "a key of 3072 bits", keyed("test-key-3072", "rsa3072"), "accept")
	v.add("rsa4096", "ok", "a key of 4096 bits", keyed("test-key-4096", "rsa4096"), "accept")
	v.add("no-typ", "ok", "header without typ", with(func(m *message) { m.header = `{"alg":"RS256","kid":"test-key-a"}` }), "accept")
	v.add("header-order", "ok", "header members in another order, with blanks and escapes", with(func(m *message) {
		m.header = "{ \"typ\" : \"JWT\",\n\"\\u006bid\":\"test-key-a\", \"alg\":\"RS\\u003256\" }"
	}), "accept")
	v.add("unknown-header-member", "ok", "header with a member that nobody defines", with(func(m *message) { m.extra = `,"x":[1,{"y":null}]` }), "accept")
	v.add("unknown-claims", "ok", "claims that nobody defines", good().set("x", `{"b":[1,2.50,true,null],"c":"é"}`).set("aud", `"issuer"`).set("jti", `"1"`), "accept")
	v.add("payload-order", "ok", "claims in another order", with(func(m *message) { slices.Reverse(m.claims) }), "accept")
	v.add("account-text", "ok", "account-id as a string of digits", good().set("account-id", `"98665386"`), "accept")
	v.add("no-payload-kid", "ok", "kid in the header alone", good().del("kid"), "accept")
	v.add("nbf-now", "ok", "nbf that has passed", good().set("nbf", num(at.Unix()-3)), "accept")
	v.add("kid-not-ascii", "ok", "a key id in UTF-8", good().named("schlüssel ✓"), "accept", "key_id")
	v.add("certificate-without-usage", "ok", "a certificate that states no key usage", good().named("no-usage"), "accept")
	v.add("empty-body", "ok", "no body at all", withBody(""), "accept", "body")
	v.add("binary-body", "ok", "a body that is no text", withBody("\x00\xff\r\n\x80"), "accept", "body")
	v.add("openssl-made", "ok", "signed by another implementation", with(func(m *message) {
		m.values = []string{opensslToken}
		m.claims = []member{{"account-id", account}, {"body-hash", quote(hash179)}, {"exp", "1796250000"}, {"iat", "1795427997"}, {"iss", `"api.pismo.io"`}, {"sub", `"api-cards-tokenization"`}}
	}), "accept")
}

func with(change func(*message)) *message {
	m := good()
	change(m)
	return m
}

func withBody(body string) *message {
	m := good().set("body-hash", quote(bodyHash(body)))
	m.body = body
	return m
}

func keyed(kid, key string) *message {
	m := good().named(kid)
	m.key = key
	return m
}

func addHeaders(v *vectors) {
	token := good().token(v.tb)
	add := func(id, expect, comment string, headers map[string][]string) {
		v.add(id, expect, comment, with(func(m *message) { m.headers = headers }), "header")
	}
	add("header-lower-case", "ok", "header names match without case", map[string][]string{"x-pismo-sign": {token}})
	add("header-upper-case", "ok", "header names match without case", map[string][]string{"X-PISMO-SIGN": {token}})
	add("no-headers", "not_signed", "no header at all", map[string][]string{})
	add("other-header", "not_signed", "the token stands in another header", map[string][]string{"Authorization": {token}})
	add("no-values", "not_signed", "the header without any value", map[string][]string{"X-Pismo-Sign": {}})
	add("empty-value", "not_signed", "an empty header", map[string][]string{"X-Pismo-Sign": {""}})
	add("empty-values", "not_signed", "the header twice, both empty", map[string][]string{"X-Pismo-Sign": {"", ""}})
	add("long-s-name", "not_signed", "a name that is equal only under Unicode case folding", map[string][]string{"X-Pi\u017fmo-Sign": {token}})
	add("empty-name", "not_signed", "a header with an empty name", map[string][]string{"": {token}})
	add("value-twice", "malformed", "the same token twice", map[string][]string{"X-Pismo-Sign": {token, token}})
	add("value-and-empty", "malformed", "the token and an empty value", map[string][]string{"X-Pismo-Sign": {token, ""}})
	add("name-twice", "malformed", "two names that differ in case are one repeated header", map[string][]string{"X-Pismo-Sign": {token}, "x-pismo-sign": {token}})
	add("name-twice-one-empty", "malformed", "two names that differ in case, one empty", map[string][]string{"X-Pismo-Sign": {""}, "x-pismo-sign": {token}})
	add("joined-by-comma", "malformed", "two tokens joined as a proxy does", map[string][]string{"X-Pismo-Sign": {token + ", " + token}})
	add("bearer-in-pismo-header", "malformed", "Bearer belongs to Authorization", map[string][]string{"X-Pismo-Sign": {"Bearer " + token}})
	add("leading-blank", "malformed", "a blank before the token", map[string][]string{"X-Pismo-Sign": {" " + token}})
	add("trailing-blank", "malformed", "a blank behind the token", map[string][]string{"X-Pismo-Sign": {token + " "}})
	add("only-blank", "malformed", "a blank is not a token", map[string][]string{"X-Pismo-Sign": {" "}})
	add("token-at-limit", "malformed", "16 KiB are measured and then read", map[string][]string{"X-Pismo-Sign": {strings.Repeat("A", 16<<10)}})
	add("token-too-long", "too_large", "one byte more than 16 KiB", map[string][]string{"X-Pismo-Sign": {strings.Repeat("A", 16<<10+1)}})
	add("second-token-too-long", "too_large", "sizes come before repetition", map[string][]string{"X-Pismo-Sign": {token, strings.Repeat(".", 16<<10+1)}})
}

func addShapes(t *testing.T, v *vectors) {
	edit := func(id, comment string, f func(h, p, s string) string) {
		v.add(id, "malformed", comment, with(func(m *message) {
			m.edit = func(token string) string {
				parts := strings.Split(token, ".")
				return f(parts[0], parts[1], parts[2])
			}
		}), "shape")
	}
	edit("one-dot", "two parts", func(h, p, s string) string { return h + "." + p })
	edit("no-dot", "one part", func(h, p, s string) string { return h })
	edit("three-dots", "four parts", func(h, p, s string) string { return h + "." + p + "." + s + "." })
	edit("five-parts", "the shape of a JWE", func(h, p, s string) string { return h + "." + p + "." + s + ".." })
	edit("leading-dot", "a dot before the header", func(h, p, s string) string { return "." + h + "." + p + "." + s })
	edit("empty-header", "no header", func(h, p, s string) string { return "." + p + "." + s })
	edit("json-serialization", "a JWS in JSON form", func(h, p, s string) string {
		return `{"payload":"` + p + `","protected":"` + h + `","signature":"` + s + `"}`
	})
	edit("json-general", "a JWS in JSON form without signatures", func(h, p, s string) string { return `{"payload":"` + p + `","signatures":[]}` })
	edit("lf-in-header", "a line break in the header", func(h, p, s string) string { return h[:4] + "\n" + h[4:] + "." + p + "." + s })
	edit("lf-in-payload", "a line break in the payload", func(h, p, s string) string { return h + "." + p[:8] + "\n" + p[8:] + "." + s })
	edit("cr-in-signature", "a carriage return in the signature", func(h, p, s string) string { return h + "." + p + "." + s[:8] + "\r" + s[8:] })
	edit("crlf-at-end", "a line break behind the signature", func(h, p, s string) string { return h + "." + p + "." + s + "\r\n" })
	edit("padded-header", "padding in the header", func(h, p, s string) string { return h + "=." + p + "." + s })
	edit("padded-signature", "padding in the signature", func(h, p, s string) string { return h + "." + p + "." + s + "==" })
	edit("blank-in-payload", "a blank in the payload", func(h, p, s string) string { return h + "." + p[:8] + " " + p[8:] + "." + s })
	edit("standard-alphabet", "the standard alphabet in the signature", func(h, p, s string) string {
		std := strings.NewReplacer("-", "+", "_", "/").Replace(s)
		if std == s {
			t.Fatal("the signature has neither - nor _")
		}
		return h + "." + p + "." + std
	})
	edit("trailing-bits", "bits behind the last byte of the signature that are not zero", func(h, p, s string) string {
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		return h + "." + p + "." + s[:len(s)-1] + string(alphabet[strings.IndexByte(alphabet, s[len(s)-1])|1])
	})
	edit("dangling-character", "a last group of one character", func(h, p, s string) string { return h + "." + p + "." + s + "AAA" })
	edit("only-dots", "nothing but dots", func(h, p, s string) string { return strings.Repeat(".", 4096) })
	edit("nul", "a zero byte", func(h, p, s string) string { return h + "\x00." + p + "." + s })
}

func addJOSEHeaders(t *testing.T, v *vectors) {
	add := func(id, expect, comment, header string, flags ...string) {
		v.add(id, expect, comment, with(func(m *message) { m.header = header }), flags...)
	}
	add("header-not-json", "malformed", "header is no JSON", "alg=RS256", "shape")
	add("header-array", "malformed", "header is an array", `["RS256"]`, "shape")
	add("header-null", "malformed", "header is null", `null`, "shape")
	add("header-trailing", "malformed", "text behind the header's object", `{"alg":"RS256","kid":"test-key-a"} x`, "shape")
	add("header-bom", "malformed", "a byte order mark", "\ufeff"+`{"alg":"RS256","kid":"test-key-a"}`, "shape")
	add("header-bad-utf8", "malformed", "bytes that are not UTF-8", "{\"alg\":\"RS256\",\"kid\":\"test-key-a\",\"x\":\"\xff\"}", "shape")
	add("header-deep", "malformed", "a header of many levels", `{"alg":"RS256","kid":"test-key-a","x":`+strings.Repeat("[", 64)+strings.Repeat("]", 64)+`}`, "shape", "size")
	add("alg-twice", "malformed", "alg twice", `{"alg":"none","alg":"RS256","kid":"test-key-a"}`, "names", "algorithm")
	add("kid-twice", "malformed", "kid twice", `{"alg":"RS256","kid":"test-key-b","kid":"test-key-a"}`, "names")
	add("alg-upper-too", "malformed", "alg and ALG", `{"alg":"RS256","ALG":"none","kid":"test-key-a"}`, "names")
	add("alg-title-case", "malformed", "Alg alone", `{"Alg":"RS256","kid":"test-key-a"}`, "names")
	add("kid-kelvin", "malformed", "kid written with the Kelvin sign", "{\"alg\":\"RS256\",\"\u212aid\":\"test-key-a\"}", "names")
	add("crit", "malformed", "an extension that must be understood", `{"alg":"RS256","kid":"test-key-a","crit":["exp"],"exp":1}`, "shape")
	add("crit-empty", "malformed", "an empty list of extensions", `{"alg":"RS256","kid":"test-key-a","crit":[]}`, "shape")
	add("b64", "malformed", "an unencoded payload", `{"alg":"RS256","kid":"test-key-a","b64":false,"crit":["b64"]}`, "shape")
	add("alg-number", "malformed", "alg is a number", `{"alg":256,"kid":"test-key-a"}`, "algorithm")
	add("kid-number", "malformed", "kid is a number", `{"alg":"RS256","kid":7}`, "key_id")
	for _, alg := range []string{"none", "None", "NONE", "rs256", "RS384", "RS512", "PS256", "ES256", "HS256", ""} {
		id := "alg-" + strings.ToLower(alg)
		switch alg {
		case "":
			id = "alg-empty"
		case "None", "NONE":
			id += "-" + map[string]string{"None": "title-case", "NONE": "upper-case"}[alg]
		case "rs256":
			id += "-lower-case"
		}
		add(id, "algorithm", "alg is "+quote(alg), `{"alg":`+quote(alg)+`,"kid":"test-key-a"}`, "algorithm")
	}
	add("alg-missing", "algorithm", "no alg", `{"kid":"test-key-a"}`, "algorithm")
	v.add("alg-none-unsigned", "algorithm", "an unsecured token with an empty signature", with(func(m *message) {
		m.alg = `"none"`
		m.edit = func(token string) string { return token[:strings.LastIndexByte(token, '.')+1] }
	}), "algorithm")
	b := &testkey.RSA(t, "rsa2048-b").PublicKey
	jwk, err := json.Marshal(testkey.JWK(b))
	if err != nil {
		t.Fatal(err)
	}
	v.add("jwk-in-header", "signature", "the signer brings its own key", with(func(m *message) { m.key, m.extra = "rsa2048-b", `,"jwk":`+string(jwk) }), "header_key")
	v.add("jku-in-header", "signature", "the signer brings the address of its key", with(func(m *message) {
		m.key, m.extra = "rsa2048-b", `,"jku":"https://attacker.example/jwks.json"`
	}), "header_key")
	v.add("jwk-ignored", "ok", "a genuine token with another key in its header", with(func(m *message) { m.extra = `,"jwk":` + string(jwk) }), "header_key")
}

func addKeys(v *vectors) {
	v.add("kid-unknown", "key_unknown", "an id that no key has", good().named("nobody"), "key_id")
	v.add("kid-missing", "key_unknown", "no kid; other keys are not tried", with(func(m *message) { m.kid = "" }), "key_id")
	v.add("kid-empty", "key_unknown", "an empty kid", good().named(""), "key_id")
	v.add("kid-other-case", "key_unknown", "ids are exact", good().named("Test-Key-A"), "key_id")
	v.add("kid-case-twin", "signature", "the id that differs in case belongs to another key", good().named("TEST-KEY-A"), "key_id")
	v.add("kid-path", "key_unknown", "an id that looks like a path", good().named("../../../../dev/null"), "key_id")
	v.add("kid-long", "key_unknown", "an id of 300 bytes", good().named(strings.Repeat("a", 300)), "key_id")
	v.add("kid-blank-behind", "key_unknown", "an id with a blank behind", good().named("test-key-a "), "key_id")
	v.add("kid-nul", "key_unknown", "an id with a zero byte behind", good().named("test-key-a\x00"), "key_id")
	v.add("page-token", "key_unknown", "the token of Pismo's page: its key is not in the map", with(func(m *message) {
		m.values, m.now = []string{pageToken}, time.Unix(1651672640, 0)
	}), "page", "key_id")
	for _, c := range []struct{ kid, comment, flag string }{
		{"rsa1024", "a key of 1024 bits that did sign", "weak_key"}, {"rsa2047", "a key of 2047 bits", "weak_key"}, {"rsa8193", "a key of 8193 bits", "weak_key"}, {"exponent-3", "exponent 3", "weak_key"},
		{"exponent-65535", "an exponent below 2^16", "weak_key"}, {"exponent-65538", "an even exponent", "weak_key"}, {"ec-p256", "an elliptic curve key", "key_kind"}, {"encipherment-only", "a certificate that is not for signatures", "key_kind"},
		{"two-certificates", "two certificates under one id", "key_kind"}, {"trailing-text", "text behind the certificate", "key_kind"}, {"not-pem", "an entry that is no PEM", "key_kind"}, {"empty-text", "an empty entry", "key_kind"},
		{"truncated", "half a certificate", "key_kind"}, {"damaged", "a certificate that was damaged", "key_kind"}, {"other-block", "a PEM block of another type", "key_kind"}, {"not-text", "an entry that is a number", "key_kind"},
	} {
		m := good().named(c.kid)
		if c.kid == "rsa1024" {
			m.key = "rsa1024"
		}
		v.add("key-"+c.kid, "key_refused", c.comment, m, c.flag)
	}
	v.add("key-expired", "key_refused", "the certificate ended a second ago", good().named("expired"), "key_dates")
	v.add("key-future", "key_refused", "the certificate begins in a second", good().named("future"), "key_dates")
	v.add("key-ends-now", "ok", "the last second of a certificate", good().named("ends-now"), "key_dates")
	v.add("key-ended-just-now", "key_refused", "a millisecond after the certificate's end", with(func(m *message) {
		m.named("ends-now")
		m.now = at.Add(time.Millisecond)
	}), "key_dates")
	v.add("key-starts-now", "ok", "the first second of a certificate", good().named("starts-now"), "key_dates")
	v.add("key-starts-soon", "key_refused", "a millisecond before the certificate begins", with(func(m *message) {
		m.named("starts-now")
		m.now = at.Add(-time.Millisecond)
	}), "key_dates")
}

func addSignatures(t *testing.T, v *vectors) {
	sig := func(id, comment string, f func(h, p, s string) string) {
		v.add(id, "signature", comment, with(func(m *message) {
			m.edit = func(token string) string {
				parts := strings.Split(token, ".")
				return f(parts[0], parts[1], parts[2])
			}
		}), "signature")
	}
	v.add("other-signer", "signature", "signed by a key of the map, but not the named one", with(func(m *message) { m.key = "rsa2048-b" }), "signature", "key_id")
	sig("flipped-bit", "one bit of the signature", func(h, p, s string) string {
		c := byte('A')
		if s[10] == c {
			c = 'B'
		}
		return h + "." + p + "." + s[:10] + string(c) + s[11:]
	})
	sig("empty-signature", "RS256 without a signature", func(h, p, s string) string { return h + "." + p + "." })
	sig("short-signature", "a signature without its first bytes", func(h, p, s string) string { return h + "." + p + "." + s[4:] })
	sig("long-signature", "a signature with zeros before it", func(h, p, s string) string { return h + "." + p + ".AAAA" + s })
	sig("zero-signature", "a signature of zeros", func(h, p, s string) string { return h + "." + p + "." + strings.Repeat("A", len(s)) })
	sig("changed-payload", "another payload under the same signature", func(h, p, s string) string {
		return h + "." + b64url(strings.Replace(good().payloadText(), account, "11111111", 1)) + "." + s
	})
	sig("changed-header", "another header under the same signature", func(h, p, s string) string {
		return b64url(`{"typ":"JWT","alg":"RS256","kid":"test-key-a"}`) + "." + p + "." + s
	})
	sig("empty-payload", "no payload under the same signature", func(h, p, s string) string { return h + ".." + s })
	sig("two-tokens", "the signature of another genuine token", func(h, p, s string) string {
		other := good().set("iat", num(at.Unix()-4)).token(t)
		return h + "." + p + other[strings.LastIndexByte(other, '.'):]
	})
}

func addClaims(v *vectors) {
	for _, name := range []string{"exp", "iat", "iss", "sub", "body-hash", "account-id"} {
		v.add("no-"+name, "claims", name+" is missing", good().del(name), "claims")
		v.add("null-"+name, "claims", name+" is null", good().set(name, "null"), "claims")
		v.add("array-"+name, "claims", name+" is an array", with(func(m *message) {
			for i := range m.claims {
				if m.claims[i].name == name {
					m.claims[i].value = "[" + m.claims[i].value + "]"
				}
			}
		}), "claims")
		upper := strings.ToUpper(name)
		v.add("upper-case-"+name, "claims", upper+" instead of "+name, with(func(m *message) {
			for i := range m.claims {
				if m.claims[i].name == name {
					m.claims[i].name = upper
				}
			}
		}), "claims", "names")
		v.add("twice-"+name, "claims", name+" twice, with the same value", with(func(m *message) {
			i := slices.IndexFunc(m.claims, func(c member) bool { return c.name == name })
			m.claims = append(m.claims, m.claims[i])
		}), "claims", "names")
	}
	add := func(id, comment, name, value string, flags ...string) {
		v.add(id, "claims", comment, good().set(name, value), append(flags, "claims")...)
	}
	add("iss-other", "another issuer", "iss", `"api.pismo.io.attacker.example"`)
	add("iss-case", "the issuer in another case", "iss", `"API.pismo.io"`)
	add("iss-blank", "the issuer with a blank", "iss", `"api.pismo.io "`)
	add("iss-number", "the issuer as a number", "iss", `1`)
	add("sub-other", "another service of Pismo, under the same key", "sub", `"api-authorizations"`)
	add("sub-empty", "an empty subject", "sub", `""`)
	add("account-other", "another tenant, under the same key", "account-id", `11111111`)
	add("account-float", "the account as a float", "account-id", `98665386.0`)
	add("account-exponent", "the account with an exponent", "account-id", `9.8665386e7`)
	add("account-negative", "a negative account", "account-id", `-98665386`)
	add("account-plus", "digits with a sign", "account-id", `"+98665386"`)
	add("account-leading-zero", "accounts are compared as text", "account-id", `"098665386"`)
	add("account-blank", "digits and a blank", "account-id", `"98665386 "`)
	add("account-full-width", "digits of another script", "account-id", `"９８６６５３８６"`)
	add("account-true", "a boolean account", "account-id", `true`)
	add("payload-kid-other", "kid of the payload differs from the header's", "kid", `"test-key-b"`, "key_id")
	add("payload-kid-number", "kid of the payload is a number", "kid", `7`, "key_id")
	add("payload-kid-null", "kid of the payload is null", "kid", `null`, "key_id")
	add("exp-text", "exp as a string", "exp", `"1796250000"`, "dates")
	add("exp-float", "exp with a fraction", "exp", `1796250000.5`, "dates")
	add("exp-zero-fraction", "exp with a fraction of zero", "exp", `1796250000.0`, "dates")
	add("exp-exponent", "exp with an exponent", "exp", `1.79625e9`, "dates")
	add("exp-beyond-int64", "exp beyond 64 bits", "exp", `9223372036854775808`, "dates")
	add("iat-text", "iat as a string", "iat", `"1795427997"`, "dates")
	add("iat-float", "iat with a fraction", "iat", `1795427997.0`, "dates")
	add("iat-minus-zero", "iat is -0", "iat", `-0`, "dates")
	add("nbf-text", "nbf as a string", "nbf", `"1"`, "dates")
	add("nbf-null", "nbf is null", "nbf", `null`, "dates")
	add("nbf-upper", "NBF instead of nbf", "NBF", `1`, "names")
	add("body-hash-number", "body-hash as a number", "body-hash", `5`, "body")
	add("sub-long-s", "a second sub, written with the long s", "\u017fub", `"x"`, "names")
	text := good().payloadText()
	for _, c := range [][2]string{
		{"not-json", "hello"}, {"array", "[]"}, {"null", "null"}, {"text", `"x"`}, {"trailing", text + "x"}, {"two", text + text},
		{"bom", "\ufeff" + text}, {"empty-object", "{}"}, {"deep", `{"x":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + "}"},
		{"comment", "/**/" + text}, {"bad-utf8", "{\"x\":\"\xff\"}"}, {"lone-surrogate", `{"x":"\ud800"}`},
	} {
		v.add("payload-"+c[0], "claims", "signed, but no strict JSON object with the claims", with(func(m *message) { m.payload = c[1] }), "claims")
	}
}

func addDates(v *vectors) {
	now := at.Unix()
	type set map[string]int64
	add := func(id, expect, comment string, values set, now time.Time) {
		m := good()
		for name, value := range values {
			if name != "nbf" {
				m.set(name, num(value))
			}
		}
		if n, ok := values["nbf"]; ok {
			m.set("nbf", num(n))
		}
		m.now = now
		v.add(id, expect, comment, m, "dates")
	}
	add("exp-in-skew", "ok", "one second left: exp + 60 s lies a second ahead", set{"exp": now - 59}, at)
	add("exp-last-millisecond", "ok", "one millisecond left", set{"exp": now - 60}, at.Add(-time.Millisecond))
	add("exp-at-skew", "stale", "now = exp + 60 s", set{"exp": now - 60}, at)
	add("exp-past-skew", "stale", "a second later", set{"exp": now - 61}, at)
	add("exp-zero", "stale", "exp is 0", set{"exp": 0}, at)
	add("exp-negative", "stale", "exp lies before 1970", set{"exp": -1}, at)
	add("exp-least", "stale", "the least integer", set{"exp": -1 << 63}, at)
	add("exp-greatest", "ok", "the greatest integer must not overflow", set{"exp": 1<<63 - 1}, at)
	add("exp-before-iat", "ok", "exp before iat, both within the skew", set{"exp": now - 30, "iat": now}, at)
	add("iat-ahead-in-skew", "ok", "iat = now + 60 s", set{"iat": now + 60}, at)
	add("iat-ahead", "stale", "a second more", set{"iat": now + 61}, at)
	add("iat-ahead-by-a-millisecond", "stale", "a millisecond more", set{"iat": now + 60}, at.Add(-time.Millisecond))
	add("iat-oldest", "ok", "now - iat = 5 min + 60 s", set{"iat": now - 360}, at)
	add("iat-too-old", "stale", "a second more", set{"iat": now - 361}, at)
	add("iat-too-old-by-a-millisecond", "stale", "a millisecond more", set{"iat": now - 360}, at.Add(time.Millisecond))
	add("iat-zero", "stale", "iat is 0", set{"iat": 0}, at)
	add("iat-greatest", "stale", "the greatest integer must not overflow", set{"iat": 1<<63 - 1}, at)
	add("iat-least", "stale", "the least integer must not overflow", set{"iat": -1 << 63}, at)
	add("iat-milliseconds", "stale", "iat in milliseconds lies far ahead", set{"iat": now * 1000}, at)
	add("nbf-in-skew", "ok", "nbf = now + 60 s", set{"nbf": now + 60}, at)
	add("nbf-ahead", "stale", "a second more", set{"nbf": now + 61}, at)
	add("nbf-greatest", "stale", "the greatest integer must not overflow", set{"nbf": 1<<63 - 1}, at)
	add("ten-days-later", "stale", "exp leaves ten days, max_age does not", nil, at.Add(9*24*time.Hour))
	page := good().named("long-lived").set("iat", "1651672630").set("exp", "1652536630")
	v.add("page-dates", "stale", "the dates of the page's token, today", page, "dates", "page")
	fresh := good().named("long-lived").set("iat", "1651672630").set("exp", "1652536630")
	fresh.now = time.Unix(1651672640, 0)
	v.add("page-dates-then", "ok", "the dates of the page's token, ten seconds after it was made", fresh, "dates", "page")
}

func addBodies(v *vectors) {
	add := func(id, comment string, change func(*message)) { v.add(id, "body_hash", comment, with(change), "body") }
	add("body-changed", "one character of the body", func(m *message) { m.body = strings.Replace(m.body, "432", "433", 1) })
	add("body-newline", "a newline behind the body", func(m *message) { m.body += "\n" })
	add("body-missing", "no body", func(m *message) { m.body = "" })
	add("body-reindented", "the same JSON in another layout", func(m *message) { m.body = strings.ReplaceAll(m.body, ":", ": ") })
	add("body-of-the-page", "the body that Pismo's page prints beside its token", func(m *message) {
		m.set("body-hash", `"Rm25ciO/QF3Lvb0/RYneV0VQRC3wzMo6czgeGSGPMJY="`)
		m.body = "{\n    \"card\":{\n        \"id\": 134142,\n        \"type\": \"PLASTIC\"\n    },\n    \"combo_card\": null,\n    \"token_id\": 432,\n    \"network_brand\": \"vts\",\n    \"custom_codes\": [\"FRB\", \"BNB\"],\n    \"original_network_data\": {}\n}"
	})
	add("hash-unpadded", "the hash without padding", func(m *message) { m.set("body-hash", quote(strings.TrimRight(hash179, "="))) })
	add("hash-base64url", "the hash in the other alphabet", func(m *message) {
		m.body = "~~"
		sum := bodyHash(m.body)
		m.set("body-hash", quote(strings.NewReplacer("+", "-", "/", "_").Replace(sum)+"="))
	})
	add("hash-hex", "the hash in hex", func(m *message) {
		m.set("body-hash", `"784e44c2764edfddf867089a69f9e19cde2e86b36ea7acd9841740bb0e46a450"`)
	})
	add("hash-empty", "an empty hash", func(m *message) { m.set("body-hash", `""`) })
	add("hash-case", "the hash in another case", func(m *message) { m.set("body-hash", quote(strings.ToLower(hash179))) })
	add("hash-of-token", "the hash of an empty body", func(m *message) { m.set("body-hash", quote(bodyHash(""))) })
	add("hash-newline", "the hash with a newline behind", func(m *message) { m.set("body-hash", quote(hash179+"\n")) })
}

// addOrder holds requests with several faults: the first in the order of the
// design is the one that is told.
func addOrder(v *vectors) {
	all := func(change func(*message)) *message {
		m := good().named("nobody").set("iss", `"x"`).set("iat", "0")
		m.alg, m.key, m.body = `"none"`, "rsa2048-b", "other"
		change(m)
		return m
	}
	v.add("order-malformed", "malformed", "malformed before algorithm", all(func(m *message) { m.extra = `,"crit":[]` }), "order")
	v.add("order-payload-malformed", "malformed", "a payload that is no base64url before algorithm", all(func(m *message) {
		m.edit = func(token string) string { return strings.Replace(token, ".", ".*", 1) }
	}), "order")
	v.add("order-algorithm", "algorithm", "algorithm before key", all(func(*message) {}), "order")
	v.add("order-key-unknown", "key_unknown", "unknown key before signature", all(func(m *message) { m.alg = `"RS256"` }), "order")
	v.add("order-key-refused", "key_refused", "refused key before signature", all(func(m *message) { m.alg = `"RS256"`; m.named("expired") }), "order")
	v.add("order-signature", "signature", "signature before claims", all(func(m *message) { m.alg = `"RS256"`; m.named(kidA) }), "order")
	v.add("order-signature-junk", "signature", "signature before a payload that is no JSON", all(func(m *message) { m.alg = `"RS256"`; m.named(kidA); m.payload = "junk" }), "order")
	v.add("order-claims", "claims", "claims before stale", all(func(m *message) { m.alg, m.key = `"RS256"`, "rsa2048-a"; m.named(kidA) }), "order")
	v.add("order-claims-kid", "claims", "the payload's kid before stale", all(func(m *message) {
		m.alg, m.key = `"RS256"`, "rsa2048-a"
		m.named(kidA).set("iss", `"api.pismo.io"`).set("kid", `"other"`)
	}), "order")
	v.add("order-stale", "stale", "stale before body hash", all(func(m *message) {
		m.alg, m.key = `"RS256"`, "rsa2048-a"
		m.named(kidA).set("iss", `"api.pismo.io"`)
	}), "order")
	v.add("order-body-hash", "body_hash", "the body at last", with(func(m *message) { m.body = "other" }), "order")
}

// authorizationVectors are for the other header, keys as a JWK set, and options
// that are not the default.
func authorizationVectors(t *testing.T) []byte {
	jwk := func(key, kid string, more ...string) string {
		members := testkey.JWK(&testkey.RSA(t, key).PublicKey)
		out := `{"kid":` + quote(kid) + `,"kty":"RSA","n":` + quote(members["n"].(string)) + `,"e":` + quote(members["e"].(string))
		return out + strings.Join(more, "") + "}"
	}
	set := `{"keys":[` + strings.Join([]string{
		jwk("rsa2048-a", kidA, `,"use":"sig","alg":"RS256","scheme":"pismo","key_ops":["verify"]`),
		jwk("rsa2048-a", "plain"),
		jwk("rsa2048-a", "use-enc", `,"use":"enc"`),
		jwk("rsa2048-a", "ops-sign", `,"key_ops":["sign"]`),
		jwk("rsa2048-a", "alg-ps256", `,"alg":"PS256"`),
		jwk("rsa2048-a", "other-scheme", `,"scheme":"lithic"`),
		jwk("rsa2048-a", "from-now", `,"nbf":`+num(at.Unix())),
		jwk("rsa2048-a", "until-now", `,"exp":`+num(at.Unix())),
		jwk("rsa2048-a", "private", `,"d":"AQAB"`),
		jwk("rsa1024", "rsa1024"),
		`{"kid":"secret","kty":"oct","k":"` + b64url(strings.Repeat("k", 32)) + `"}`,
		`{"kid":"curve","kty":"EC","crv":"P-256","x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}`,
		`{"kid":"unknown-kind","kty":"XYZ"}`,
	}, ",") + `]}`
	v := &vectors{tb: t, file: vectorFile{
		Format: 1, Kind: "webhook",
		Comment: "Requests for the Pismo scheme with the token in Authorization, keys as a JWK set and options of its own. Written by crypto/webhook/vectors_test.go with keys that are for tests only.",
		Setup: vectorSetup{"pismo", json.RawMessage(set), vectorOptions{
			Header: "Authorization", UnsafeAnyAccount: true, Subjects: []string{"api-authorizations", "api-cards-tokenization"}, Issuer: "issuer.example", SkewMS: 1000, MaxAgeMS: 10000, MaxBody: 1000,
		}},
	}}
	addAuthorization(v)
	return v.bytes()
}

func addAuthorization(v *vectors) {
	base := func() *message { return good().set("iss", `"issuer.example"`) }
	header := func(id, expect, comment string, format func(token string) []string) {
		m := base()
		m.headers = map[string][]string{"Authorization": format(m.token(v.tb))}
		v.add("auth-"+id, expect, comment, m, "header")
	}
	one := func(prefix string) func(string) []string {
		return func(token string) []string { return []string{prefix + token} }
	}
	header("bearer", "ok", "Bearer and one blank", one("Bearer "))
	header("bearer-case", "ok", "the scheme in another case", one("bEARER "))
	header("bare", "ok", "the token alone", one(""))
	header("two-blanks", "malformed", "two blanks", one("Bearer  "))
	header("tab", "malformed", "a tab", one("Bearer\t"))
	header("basic", "malformed", "another scheme", one("Basic "))
	header("bearer-twice", "malformed", "the scheme twice", one("Bearer Bearer "))
	header("no-blank", "malformed", "no blank", one("Bearer"))
	header("twice", "malformed", "with and without the scheme", func(token string) []string { return []string{token, "Bearer " + token} })
	header("only-scheme", "not_signed", "the scheme alone", func(string) []string { return []string{"Bearer"} })
	header("only-scheme-blank", "not_signed", "the scheme and a blank", func(string) []string { return []string{"Bearer "} })
	header("at-limit", "malformed", "the scheme does not count for the limit of 16 KiB", func(string) []string { return []string{"Bearer " + strings.Repeat("A", 16<<10)} })
	header("too-long", "too_large", "one byte more", func(string) []string { return []string{"Bearer " + strings.Repeat("A", 16<<10+1)} })
	add := func(id, expect, comment string, m *message, flags ...string) {
		m.headerName = "Authorization"
		v.add("auth-"+id, expect, comment, m, flags...)
	}
	old := base()
	old.headerName = "X-Pismo-Sign"
	v.add("auth-pismo-header", "not_signed", "the default header does not count on this route", old, "header")
	add("any-account", "ok", "any account", base().set("account-id", "5"), "claims")
	add("no-account", "ok", "no account", base().del("account-id"), "claims")
	add("account-float", "claims", "any account, but none that is no integer", base().set("account-id", "5.0"), "claims")
	add("account-empty", "claims", "any account, but none that is empty", base().set("account-id", `""`), "claims")
	add("second-subject", "ok", "the other subject of the list", base().set("sub", `"api-authorizations"`), "claims")
	add("default-issuer", "claims", "the default issuer does not count on this route", good(), "claims")
	for _, c := range []struct{ kid, expect, comment, flag string }{
		{"plain", "ok", "a key without use, alg and scheme", "accept"}, {"use-enc", "key_refused", "a key for encryption", "key_kind"}, {"ops-sign", "key_refused", "a key that may not verify", "key_kind"},
		{"alg-ps256", "key_refused", "a key for another algorithm", "algorithm"}, {"other-scheme", "key_refused", "a key of another counterpart", "key_kind"}, {"from-now", "ok", "the first instant of a key", "key_dates"},
		{"until-now", "key_refused", "the first instant after a key", "key_dates"}, {"private", "key_refused", "an entry with private members", "key_kind"}, {"rsa1024", "key_refused", "a weak key", "weak_key"},
		{"secret", "key_refused", "a shared secret", "algorithm"}, {"curve", "key_refused", "an elliptic curve key", "key_kind"}, {"unknown-kind", "key_refused", "a kind that nobody knows", "key_kind"},
	} {
		add("key-"+c.kid, c.expect, c.comment, base().named(c.kid), c.flag)
	}
	until := base().named("until-now").set("iat", num(at.Unix()-3))
	until.now = at.Add(-time.Millisecond)
	add("key-until-now-before", "ok", "the last millisecond of a key", until, "key_dates")
	add("skew", "ok", "iat at the end of a skew of one second", base().set("iat", num(at.Unix()+1)), "dates")
	add("past-skew", "stale", "a second more", base().set("iat", num(at.Unix()+2)), "dates")
	add("max-age", "ok", "iat at the end of ten seconds and a skew of one", base().set("iat", num(at.Unix()-11)), "dates")
	add("past-max-age", "stale", "a second more", base().set("iat", num(at.Unix()-12)), "dates")
	sized := func(n int) *message {
		m := withBody(strings.Repeat("x", n)).set("iss", `"issuer.example"`)
		return m
	}
	add("body-at-limit", "ok", "1000 bytes of body", sized(1000), "size")
	add("body-too-large", "too_large", "one byte more", sized(1001), "size")
	unsigned := sized(1001)
	unsigned.headers = map[string][]string{}
	add("order-too-large", "too_large", "too large before not signed", unsigned, "order")
}
