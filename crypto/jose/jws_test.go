package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testkey"
)

func Example() {
	key := testkey.RSA(exampleTB{}, "rsa2048-a")
	token, err := SignRS256(key, "k1", []byte(`{"hello":"world"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	jws, err := Parse(token)
	if err != nil {
		fmt.Println(err)
		return
	}
	payload, err := jws.VerifyRS256(&key.PublicKey)
	fmt.Println(jws.Alg, jws.KeyID, string(payload), err)
	// Output: RS256 k1 {"hello":"world"} <nil>
}

// exampleTB lets an example use a helper that wants a test.
type exampleTB struct{ testing.TB }

func (exampleTB) Helper()               {}
func (exampleTB) Fatal(args ...any)     { panic(fmt.Sprint(args...)) }
func (exampleTB) Fatalf(string, ...any) { panic("fatal") }

const payload = `{"iss":"x"}`

func enc(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// signRaw signs a header that Sign would not write.
func signRaw(key crypto.Signer, header string) (string, error) {
	return signatureOf(RS256).sign(key, []byte(header), []byte(payload))
}

// token signs any header text with the key "rsa2048-a".
func token(t testing.TB, header string) string {
	t.Helper()
	s, err := signRaw(testkey.RSA(t, "rsa2048-a"), header)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const goodHeader = `{"alg":"RS256","kid":"k1","typ":"JWT"}`

// open is what a caller does with a token; the name of its error, or "ok".
func open(t testing.TB, s string) string {
	t.Helper()
	j, err := Parse(s)
	if err == nil {
		_, err = j.VerifyRS256(&testkey.RSA(t, "rsa2048-a").PublicKey)
	}
	return code.Of(err).String()
}

func TestParseCapsLengthBeforeAnyWork(t *testing.T) {
	long := strings.Repeat(".", 10<<20)
	if got := testing.AllocsPerRun(10, func() { _, _ = Parse(long) }); got > 0 {
		t.Errorf("a token of 10 MB costs %v allocations", got)
	}
	if got := open(t, strings.Repeat("a", MaxTokenBytes+1)); got != "too_large" {
		t.Errorf("one byte too long: %s", got)
	}
	if got := open(t, strings.Repeat("a", MaxTokenBytes)); got != "malformed" {
		t.Errorf("as long as allowed: %s", got)
	}
}

func TestParseWantsExactlyTwoDots(t *testing.T) {
	good := token(t, goodHeader)
	if got := open(t, good); got != "ok" {
		t.Fatalf("good token: %s", got)
	}
	for _, bad := range []string{"", ".", "a", strings.Replace(good, ".", "", 1), good + ".", "." + good, good + ".a", strings.Repeat(".", MaxTokenBytes),
		good + "," + good, `{"payload":"","signatures":[]}`} {
		if got := open(t, bad); got != "malformed" {
			t.Errorf("%.30q: %s", bad, got)
		}
	}
	many := strings.Repeat(".", MaxTokenBytes)
	if got := testing.AllocsPerRun(10, func() { _, _ = Parse(many) }); got > 1 {
		t.Errorf("a token of dots costs %v allocations", got)
	}
}

func TestParseRefusesLineBreaksAnywhere(t *testing.T) {
	good := token(t, goodHeader)
	for _, br := range []string{"\n", "\r", "\r\n"} {
		for _, at := range []int{0, 3, strings.IndexByte(good, '.') + 4, len(good) - 5, len(good)} {
			if got := open(t, good[:at]+br+good[at:]); got != "malformed" {
				t.Errorf("%q at %d: %s", br, at, got)
			}
		}
	}
}

func TestParseWantsCanonicalBase64URL(t *testing.T) {
	parts := strings.Split(token(t, goodHeader), ".")
	join := func(i int, s string) string {
		p := append([]string(nil), parts...)
		p[i] = s
		return strings.Join(p, ".")
	}
	for i := range parts {
		for name, s := range map[string]string{
			"padding": parts[i] + "=", "blank": parts[i] + " ", "standard alphabet": "+/" + parts[i][2:], "nul": parts[i][:4] + "\x00" + parts[i][4:],
			"one character left": parts[i] + strings.Repeat("A", 5-len(parts[i])%4), "not ASCII": parts[i] + "éé",
		} {
			if got := open(t, join(i, s)); got != "malformed" {
				t.Errorf("part %d, %s: %s", i, name, got)
			}
		}
	}
	// 256 bytes end in two characters, of which the last carries two bits: the
	// others must be zero, else four tokens would stand for one signature.
	sig := parts[2]
	last := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", sig[len(sig)-1])
	for bits := 1; bits < 4; bits++ {
		c := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last|bits]
		if got := open(t, join(2, sig[:len(sig)-1]+string(c))); got != "malformed" {
			t.Errorf("trailing bits %d: %s", bits, got)
		}
	}
}

func TestParseReadsTheHeaderStrictly(t *testing.T) {
	for name, header := range map[string]string{
		"duplicate alg": `{"alg":"RS256","alg":"RS256","kid":"k1"}`, "duplicate kid": `{"alg":"RS256","kid":"k1","kid":"k2"}`, "escaped duplicate": `{"alg":"RS256","kid":"k1","\u006bid":"k2"}`,
		"duplicate unknown": `{"alg":"RS256","kid":"k1","x":1,"x":1}`, "Alg": `{"Alg":"RS256","kid":"k1"}`, "alg and ALG": `{"alg":"RS256","ALG":"none","kid":"k1"}`,
		"KID": `{"alg":"RS256","KID":"k1"}`, "kelvin kid": "{\"alg\":\"RS256\",\"\u212Aid\":\"k1\"}", "Crit": `{"alg":"RS256","kid":"k1","Crit":["x"]}`,
		"long s": "{\"alg\":\"RS256\",\"kid\":\"k1\",\"x5t#\u017F256\":\"\"}", "alg number": `{"alg":256,"kid":"k1"}`, "alg null": `{"alg":null,"kid":"k1"}`, "alg array": `{"alg":["RS256"],"kid":"k1"}`,
		"kid number": `{"alg":"RS256","kid":1}`, "kid null": `{"alg":"RS256","kid":null}`, "kid array": `{"alg":"RS256","kid":["k1"]}`, "kid object": `{"alg":"RS256","kid":{}}`, "typ number": `{"alg":"RS256","kid":"k1","typ":1}`,
		"crit": `{"alg":"RS256","kid":"k1","crit":["exp"],"exp":1}`, "crit empty": `{"alg":"RS256","kid":"k1","crit":[]}`, "crit null": `{"alg":"RS256","kid":"k1","crit":null}`,
		"b64 false": `{"alg":"RS256","kid":"k1","b64":false}`, "b64 true": `{"alg":"RS256","kid":"k1","b64":true}`, "array": `[]`, "string": `"x"`, "null": `null`, "empty": ``, "blank": ` `,
		"trailing": goodHeader + `x`, "two": goodHeader + goodHeader, "comma": `{"alg":"RS256","kid":"k1",}`, "comment": `{"alg":"RS256"/**/,"kid":"k1"}`, "bom": "\ufeff" + goodHeader,
		"bad utf-8": "{\"alg\":\"RS256\",\"kid\":\"k\xff\"}", "lone surrogate": `{"alg":"RS256","kid":"\ud800"}`, "control": "{\"alg\":\"RS256\",\"kid\":\"k\x01\"}", "single quotes": `{'alg':'RS256'}`,
		"deep": `{"alg":"RS256","kid":"k1","x":` + strings.Repeat("[", 9) + strings.Repeat("]", 9) + `}`, "deeper": `{"alg":"RS256","kid":"k1","x":` + strings.Repeat("[", 6000), "truncated": goodHeader[:20],
		"many values": `{"alg":"RS256","kid":"k1","x":[0` + strings.Repeat(",0", 300) + `]}`,
	} {
		if got := open(t, token(t, header)); got != "malformed" {
			t.Errorf("%s: %s", name, got)
		}
	}
	for name, header := range map[string]string{
		"plain": goodHeader, "no typ": `{"alg":"RS256","kid":"k1"}`, "order": `{"kid":"k1","typ":"JWT","alg":"RS256"}`, "blanks": " {\n\"alg\" : \"RS256\" , \"kid\":\"k1\"\t} ", "escapes": `{"\u0061lg":"RS\u003256","kid":"k1"}`,
		"unknown member": `{"alg":"RS256","kid":"k1","x":{"y":[1,2]}}`, "other typ": `{"alg":"RS256","kid":"k1","typ":"JOSE"}`, "no kid": `{"alg":"RS256"}`,
	} {
		if got := open(t, token(t, header)); got != "ok" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestVerifyTakesRS256AndNothingElse(t *testing.T) {
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "rs256", "RS256 ", " RS256", "RS384", "RS512", "PS256", "HS256", "ES256", "EdDSA", "RS2567", "RSA", "RS256\\u0000"} {
		if got := open(t, token(t, `{"alg":"`+alg+`","kid":"k1"}`)); got != "algorithm" {
			t.Errorf("alg %q: %s", alg, got)
		}
	}
	if got := open(t, token(t, `{"kid":"k1"}`)); got != "algorithm" {
		t.Errorf("no alg: %s", got)
	}
	if got := open(t, enc(`{"alg":"none"}`)+"."+enc(payload)+"."); got != "algorithm" {
		t.Errorf("unsecured: %s", got)
	}
}

func TestParseComesBeforeAlgorithm(t *testing.T) {
	if got := open(t, enc(`{"alg":"none","crit":[]}`)+"."+enc(payload)+"."); got != "malformed" {
		t.Errorf("got %s", got)
	}
}

func TestKeysInTheHeaderAreNeverRead(t *testing.T) {
	other := testkey.RSA(t, "rsa2048-b")
	n := base64.RawURLEncoding.EncodeToString(other.N.Bytes())
	for _, extra := range []string{`"jwk":{"kty":"RSA","n":"` + n + `","e":"AQAB"}`, `"jku":"https://attacker.example/keys"`, `"x5u":"https://attacker.example/cert"`, `"x5c":["MIIB"]`, `"jwk":null,"jku":5`} {
		header := `{"alg":"RS256","kid":"k1",` + extra + `}`
		if got := open(t, token(t, header)); got != "ok" {
			t.Errorf("signed by our key, with %.20s: %s", extra, got)
		}
		forged, err := signRaw(other, header)
		if err != nil {
			t.Fatal(err)
		}
		if got := open(t, forged); got != "signature" {
			t.Errorf("signed by the key in the header, %.20s: %s", extra, got)
		}
	}
}

func TestVerifyWantsASignatureAsLongAsTheModulus(t *testing.T) {
	parts := strings.Split(token(t, goodHeader), ".")
	sig, _ := base64.RawURLEncoding.DecodeString(parts[2])
	for name, s := range map[string][]byte{"none": nil, "one byte": {1}, "short": sig[1:], "cut": sig[:255], "zero before": append([]byte{0}, sig...), "zero behind": append(sig[:256:256], 0), "zeros": make([]byte, 256)} {
		j, err := Parse(parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(s))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.VerifyRS256(&testkey.RSA(t, "rsa2048-a").PublicKey); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVerifyRefusesEveryFlippedBit(t *testing.T) {
	good := token(t, goodHeader)
	for i := range good {
		for bit := range 8 {
			b := []byte(good)
			b[i] ^= 1 << bit
			if got := open(t, string(b)); got == "ok" {
				t.Fatalf("byte %d, bit %d: accepted", i, bit)
			}
		}
	}
}

func TestVerifyRefusesOtherKeys(t *testing.T) {
	j, err := Parse(token(t, goodHeader))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.VerifyRS256(&testkey.RSA(t, "rsa2048-b").PublicKey); !errors.Is(err, ErrSignature) {
		t.Errorf("other RSA key: %v", err)
	}
	for _, key := range []crypto.PublicKey{nil, "key", (*rsa.PublicKey)(nil), &rsa.PublicKey{}, ed25519.PublicKey(make([]byte, 32)), []byte("secret")} {
		if _, err := j.VerifyRS256(key); !errors.Is(err, ErrKey) {
			t.Errorf("%T: %v", key, err)
		}
	}
}

func TestVerifyTakesLongerKeys(t *testing.T) {
	for _, name := range []string{"rsa3072", "rsa4096"} {
		key := testkey.RSA(t, name)
		s, err := SignRS256(key, "k", []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		j, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := j.VerifyRS256(&key.PublicKey); err != nil || string(got) != payload {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestSignEscapesTheKeyID(t *testing.T) {
	key := testkey.RSA(t, "rsa2048-a")
	kid := "a\",\"alg\":\"none\",\"x\":\"\\ \u2028é"
	s, err := SignRS256(key, kid, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	j, err := Parse(s)
	if err != nil || j.KeyID != kid || j.Alg != RS256 {
		t.Errorf("%+v, %v", j, err)
	}
	if _, err := SignRS256(testkey.RSA(t, "rsa1024"), "k", nil); !errors.Is(err, ErrKey) {
		t.Errorf("weak key: %v", err)
	}
	_, priv, _ := ed25519.GenerateKey(nil)
	if _, err := SignRS256(priv, "k", nil); !errors.Is(err, ErrKey) {
		t.Errorf("other kind: %v", err)
	}
	if _, err := SignRS256(brokenSigner{key}, "k", nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("broken signer: %v", err)
	}
}

type brokenSigner struct{ crypto.Signer }

func (brokenSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, io.ErrUnexpectedEOF
}

func TestErrorsHoldNothingOfTheToken(t *testing.T) {
	for _, header := range []string{`{"alg":"PLANTED","kid":"PLANTED"}`, `{"alg":"RS256","kid":"PLANTED","PLANTED":1,"PLANTED":2}`, `{"alg":1,"kid":"PLANTED"}`} {
		j, err := Parse(token(t, header))
		if err == nil {
			_, err = j.VerifyRS256(&testkey.RSA(t, "rsa2048-b").PublicKey)
		}
		if err == nil || strings.Contains(err.Error(), "PLANTED") {
			t.Errorf("%s: %v", header, err)
		}
	}
}

// worst are tokens made to be dear.
func worst() map[string]string {
	fill := func(unit string) string { return strings.Repeat(unit, 8000/len(unit)) }
	return map[string]string{
		"10 MB":         strings.Repeat("A", 10<<20),
		"dots":          strings.Repeat(".", MaxTokenBytes),
		"deep header":   enc(fill("[")) + "..",
		"deep object":   enc(fill(`{"a":`)) + "..",
		"many members":  enc(`{`+fill(`"aaaa":0,`)) + "..",
		"long names":    enc(`{"`+fill("a")+`":0,"`+fill("a")[:3000]+`":1}`) + "..",
		"escapes":       enc(`{"alg":"`+fill(`\u0041`)+`"}`) + "..",
		"distinct":      enc(distinct()) + "..",
		"foreign":       strings.Repeat("é", 8000),
		"long payload":  enc(goodHeader) + "." + strings.Repeat("A", 15000) + ".",
		"bad signature": enc(goodHeader) + "." + enc(payload) + "." + strings.Repeat("A", 15000),
	}
}

func distinct() string {
	var b strings.Builder
	b.WriteString("{")
	for i := range 900 {
		fmt.Fprintf(&b, `"n%d":0,`, i)
	}
	return b.String() + `"alg":"RS256"}`
}

func TestRefusedTokensAreCheap(t *testing.T) {
	if underRace {
		t.Skip("times and allocations tell nothing under the race detector")
	}
	key := &testkey.RSA(t, "rsa2048-a").PublicKey
	for name, s := range worst() {
		best := time.Hour
		var before, after runtime.MemStats
		for range 5 {
			runtime.ReadMemStats(&before)
			start := time.Now()
			j, err := Parse(s)
			if err == nil {
				_, err = j.VerifyRS256(key)
			}
			best = min(best, time.Since(start))
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Fatalf("%s: accepted", name)
			}
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 64<<10 {
			t.Errorf("%s: allocates %d bytes", name, got)
		}
		t.Logf("%s: %v", name, best)
		if best > time.Second { // a hang; the bound of 5 ms is weighed in benchmarks
			t.Errorf("%s: takes %v", name, best)
		}
	}
}

func FuzzJWS(f *testing.F) {
	f.Add(token(f, goodHeader))
	for _, s := range worst() {
		if len(s) <= MaxTokenBytes {
			f.Add(s)
		}
	}
	f.Add(enc(`{"alg":"none"}`) + "." + enc(payload) + ".")
	key := &testkey.RSA(f, "rsa2048-a").PublicKey
	f.Fuzz(func(t *testing.T, s string) {
		j, err := Parse(s)
		if err == nil {
			var got []byte
			if got, err = j.VerifyRS256(key); err == nil {
				// Whoever passes was signed, and has no second spelling.
				parts := strings.Split(s, ".")
				if base64.RawURLEncoding.EncodeToString(got) != parts[1] || j.token[:j.dots[1]] != parts[0]+"."+parts[1] {
					t.Fatal("payload or signing input is not the token's")
				}
			}
		}
		if err != nil && code.Of(err) == code.Internal {
			t.Fatalf("error without a code: %v", err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	key := &testkey.RSA(b, "rsa2048-a").PublicKey
	s := token(b, goodHeader)
	b.ReportAllocs()
	for b.Loop() {
		j, err := Parse(s)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := j.VerifyRS256(key); err != nil {
			b.Fatal(err)
		}
	}
}

// TestARememberedHeaderChangesNothing: a token with the header of another that was
// verified is read as without that memory, and a header that was not verified is
// not remembered.
func TestARememberedHeaderChangesNothing(t *testing.T) {
	key := &testkey.RSA(t, "rsa2048-a").PublicKey
	good := token(t, goodHeader)
	var h Headers
	first, err := h.Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.VerifyRS256(key); err != nil {
		t.Fatal(err)
	}
	h.Keep(&first)
	parts := strings.Split(good, ".")
	for name, s := range map[string]string{
		"the same": good, "another payload": parts[0] + ".e30." + parts[2], "a short signature": parts[0] + "." + parts[1] + ".AAAA",
		"a broken payload": parts[0] + ".e30=." + parts[2], "another header": token(t, `{"alg":"none"}`), "no header": "." + parts[1] + "." + parts[2],
		"a longer header": parts[0] + "A." + parts[1] + "." + parts[2], "three dots": good + ".", "one dot": parts[0] + "." + parts[1],
	} {
		want, wantErr := Parse(s)
		got, gotErr := h.Parse(s)
		if fmt.Sprint(gotErr) != fmt.Sprint(wantErr) || got.Alg != want.Alg || got.KeyID != want.KeyID ||
			!bytes.Equal(got.payload, want.payload) || !bytes.Equal(got.signature, want.signature) || got.Type != want.Type || got.ContentType != want.ContentType {
			t.Errorf("%s: %+v, %v; without memory %+v, %v", name, got, gotErr, want, wantErr)
		}
	}
}

// allKeys are for every signature algorithm a key that signs and the one that verifies.
func allKeys(t testing.TB) map[string][2]any {
	t.Helper()
	rsaKey := testkey.RSA(t, "rsa2048-a")
	ed := ed25519.NewKeyFromSeed(sequence(3, ed25519.SeedSize))
	mac := secret.NewBytes(sequence(5, 64))
	keys := map[string][2]any{
		ES256: {ecKey(t, elliptic.P256()), &ecKey(t, elliptic.P256()).PublicKey},
		ES384: {ecKey(t, elliptic.P384()), &ecKey(t, elliptic.P384()).PublicKey},
		ES512: {ecKey(t, elliptic.P521()), &ecKey(t, elliptic.P521()).PublicKey},
		EdDSA: {ed, ed.Public()},
	}
	for _, alg := range []string{RS256, RS384, RS512, PS256, PS384, PS512} {
		keys[alg] = [2]any{rsaKey, &rsaKey.PublicKey}
	}
	for _, alg := range []string{HS256, HS384, HS512} {
		keys[alg] = [2]any{mac, mac}
	}
	return keys
}

func TestVerifyTakesWhatSignMakes(t *testing.T) {
	keys := allKeys(t)
	if len(SignatureAlgorithms()) != len(keys) {
		t.Fatalf("keys for %d of %d algorithms", len(keys), len(SignatureAlgorithms()))
	}
	for _, alg := range SignatureAlgorithms() {
		s, err := Sign(alg, keys[alg][0], Header{Text("kid", "k"), Text("typ", "JOSE"), Text("cty", "JWE"), Int("iat", 5)}, []byte(payload))
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		j, err := Parse(s)
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		if j.Alg != alg || j.KeyID != "k" || j.Type != "JOSE" || j.ContentType != "JWE" {
			t.Errorf("%s: %+v", alg, j)
		}
		got, err := j.Verify(alg, keys[alg][1])
		if err != nil || string(got) != payload {
			t.Errorf("%s: %q, %v", alg, got, err)
		}
		sig, err := SignBytes(alg, keys[alg][0], []byte(payload))
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		if err := VerifyBytes(alg, keys[alg][1], []byte(payload), sig); err != nil {
			t.Errorf("%s, without a token: %v", alg, err)
		}
		if err := VerifyBytes(alg, keys[alg][1], []byte(payload+" "), sig); !errors.Is(err, ErrSignature) {
			t.Errorf("%s, another message: %v", alg, err)
		}
	}
}

// TestTheHeaderOnlyAgrees: whatever the header says, the route's algorithm and the
// kind of the key decide; a public key is never a MAC's secret.
func TestTheHeaderOnlyAgrees(t *testing.T) {
	keys := allKeys(t)
	for _, alg := range SignatureAlgorithms() {
		s, err := Sign(alg, keys[alg][0], nil, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		j, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range append(SignatureAlgorithms(), "", "none", "NONE", strings.ToLower(alg), alg+" ") {
			if other == alg {
				continue
			}
			key := keys[alg][1]
			if pair, ok := keys[other]; ok {
				key = pair[1]
			}
			if _, err := j.Verify(other, key); !errors.Is(err, ErrAlgorithm) {
				t.Errorf("%s under a route of %q: %v", alg, other, err)
			}
		}
		for other, pair := range keys {
			if signatureOf(alg).check(pair[1]) == nil {
				if a, b := signatureOf(alg).family, signatureOf(other).family; a != b && a+b != familyPKCS1+familyPSS {
					t.Errorf("%s takes a key for %s", alg, other)
				}
				continue
			}
			if _, err := j.Verify(alg, pair[1]); !errors.Is(err, ErrKey) {
				t.Errorf("%s with a key for %s: %v", alg, other, err)
			}
			if _, err := Sign(alg, pair[0], nil, nil); !errors.Is(err, ErrKey) {
				t.Errorf("sign %s with a key for %s: %v", alg, other, err)
			}
		}
		for _, none := range []any{nil, "key", []byte("secret-secret-secret-secret-secret"), (*rsa.PublicKey)(nil), (*ecdsa.PublicKey)(nil), &ecdsa.PublicKey{}, ed25519.PublicKey(nil), secret.Bytes{}, *testkey.RSA(t, "rsa2048-a")} {
			if _, err := j.Verify(alg, none); !errors.Is(err, ErrKey) {
				t.Errorf("%s with %T: %v", alg, none, err)
			}
		}
	}
}
