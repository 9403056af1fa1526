package vectors

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/jwa"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/internal/testkey"
)

// keyPair is a key in our form and in the form of the others.
type keyPair struct {
	alg                 string
	sign, verify, other any
}

func pairs(t testing.TB) []keyPair {
	t.Helper()
	r := testkey.RSA(t, "rsa2048-a")
	curve := func(c elliptic.Curve) *ecdsa.PrivateKey {
		key, err := ecdsa.ParseRawPrivateKey(c, append([]byte{0}, bytes.Repeat([]byte{7}, (c.Params().BitSize+7)/8-1)...))
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	ed := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32))
	raw := bytes.Repeat([]byte{5}, 64)
	mac := secret.NewBytes(raw)
	list := []keyPair{{jose.EdDSA, ed, ed.Public(), ed.Public()}}
	for _, alg := range []string{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512} {
		list = append(list, keyPair{alg, r, &r.PublicKey, &r.PublicKey})
	}
	for alg, c := range map[string]elliptic.Curve{jose.ES256: elliptic.P256(), jose.ES384: elliptic.P384(), jose.ES512: elliptic.P521()} {
		key := curve(c)
		list = append(list, keyPair{alg, key, &key.PublicKey, &key.PublicKey})
	}
	for _, alg := range []string{jose.HS256, jose.HS384, jose.HS512} {
		list = append(list, keyPair{alg, mac, mac, raw})
	}
	return list
}

func verifyOurs(k keyPair, token string) ([]byte, error) {
	jws, err := jose.Parse(token)
	if err != nil {
		return nil, err
	}
	return jws.Verify(k.alg, k.verify)
}

func verifyGoJose(k keyPair, token string) ([]byte, error) {
	jws, err := gojose.ParseSignedCompact(token, []gojose.SignatureAlgorithm{gojose.SignatureAlgorithm(k.alg)})
	if err != nil {
		return nil, err
	}
	return jws.Verify(k.other)
}

func verifyGolangJWT(k keyPair, token string) error {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{k.alg}), jwt.WithoutClaimsValidation())
	_, err := parser.Parse(token, func(*jwt.Token) (any, error) { return k.other, nil })
	return err
}

// readable reports whether golang-jwt can be asked at all: it takes only payloads that
// are objects, and no number that a float64 cannot hold.
func readable(token string, payload []byte) bool {
	segment, _, _ := strings.Cut(token, ".")
	header, err := base64Bytes(segment)
	var v map[string]any
	return err == nil && json.Unmarshal(header, &v) == nil && json.Unmarshal(payload, &v) == nil && v != nil
}

// reason is an entry of testdata/stricter.json: what we refuse and go-jose takes.
type reason struct {
	Detail string `json:"detail"` // how our refusal begins, behind the package's name
	Why    string `json:"why"`
}

func stricter(t testing.TB) []reason {
	t.Helper()
	data, err := os.ReadFile("testdata/stricter.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []reason
	if err := json.Unmarshal(data, &list); err != nil || len(list) == 0 {
		t.Fatal(err, len(list))
	}
	return list
}

// listed returns which entry a refusal of ours falls under, -1 for none.
func listed(list []reason, err error) int {
	text := strings.TrimPrefix(err.Error(), "jose: ")
	if e, ok := errors.AsType[*jose.Error](err); ok && errors.Is(err, jose.ErrOpen) {
		text = "opening: " + e.Detail()
	}
	for i, r := range list {
		if strings.HasPrefix(text, r.Detail) {
			return i
		}
	}
	return -1
}

// unread is an entry of testdata/unread.json: the only members for whose sake go-jose
// may refuse what we accept.
type unread struct {
	Member string `json:"member"`
	Why    string `json:"why"`
}

// explained reports whether a token's header has a member that go-jose reads and we
// do not.
func explained(t testing.TB, token string) bool {
	t.Helper()
	data, err := os.ReadFile("testdata/unread.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []unread
	if err := json.Unmarshal(data, &list); err != nil || len(list) == 0 {
		t.Fatal(err)
	}
	segment, _, _ := strings.Cut(token, ".")
	text, err := base64Bytes(segment)
	if err != nil {
		return false
	}
	v, err := strictjson.Parse(text, strictjson.Limits{})
	if err != nil {
		return false
	}
	for _, u := range list {
		if _, ok := v.Get(u.Member); ok {
			return true
		}
	}
	return false
}

// compare holds one answer of ours against go-jose's, and returns the entry of the
// list that explains a difference, -1 where there is none.
func compare(t *testing.T, list []reason, what, token string, ours []byte, ourErr error, theirs []byte, theirErr error) int {
	t.Helper()
	switch {
	case ourErr != nil && code.Of(ourErr) == code.Internal:
		t.Fatalf("%s: an error without a code: %v", what, ourErr)
	case ourErr == nil && theirErr != nil && explained(t, token):
	case ourErr == nil && theirErr != nil:
		t.Fatalf("%s: we accept what go-jose refuses: %v", what, theirErr)
	case ourErr == nil && !bytes.Equal(ours, theirs):
		t.Fatalf("%s: we read %q, go-jose %q", what, ours, theirs)
	case ourErr != nil && theirErr == nil:
		i := listed(list, ourErr)
		if i < 0 {
			t.Fatalf("%s: go-jose accepts, we say %v, and testdata/stricter.json does not name it", what, ourErr)
		}
		return i
	}
	return -1
}

func compareJWS(t *testing.T, list []reason, k keyPair, token string) int {
	t.Helper()
	ours, err := verifyOurs(k, token)
	theirs, theirErr := verifyGoJose(k, token)
	if err == nil && readable(token, ours) {
		if err := verifyGolangJWT(k, token); err != nil {
			t.Fatalf("%s %q: we accept what golang-jwt refuses: %v", k.alg, token, err)
		}
	}
	return compare(t, list, fmt.Sprintf("%s %q", k.alg, token), token, ours, err, theirs, theirErr)
}

// signed signs any header and payload, as no signer of ours would.
func signed(t testing.TB, k keyPair, header, payload string) string {
	t.Helper()
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	sig, err := jose.SignBytes(k.alg, k.sign, []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + b64(sig)
}

// headers are what fuzzing starts from; each differs from a plain one in one way.
var headers = []string{
	`{"alg":"%s"}`, `{"alg":"%s","kid":"k","typ":"JWT"}`, `{"alg":"%s","alg":"none"}`, `{"Alg":"%s"}`, `{"alg":"%s","kid":1}`, `{"alg":"%s","kid":null}`,
	`{"alg":"%s","crit":[]}`, `{"alg":"%s","crit":["exp"]}`, `{"alg":"%s","b64":true}`, `{"alg":"%s","b64":true,"crit":["b64"]}`, `{"alg":"%s","b64":false,"crit":["b64"]}`,
	`{"alg":"%s","zip":"DEF"}`, `{"alg":"%s","typ":1}`, `{"alg":"%s","cty":{}}`, `{"alg":"%s","jwk":{"kty":"oct","k":"AA"}}`, `{"alg":"%s","KID":"k"}`, `{"alg":"%s","x":[[[[[[[[[[]]]]]]]]]]}`,
	`{"alg":"%s","x":"\ud800"}`, ` {"alg":"%s"} `, `{"alg":"%s"}x`, `[]`, `null`, `{}`, `{"alg":"%s","x":1e400}`, "{\"alg\":\"%s\",\"x\":\"\xff\"}", `{"alg":"%s","x":1,"X":2}`,
	`{"alg":"%s","x5c":[]}`, `{"alg":"%s","nonce":"n"}`, `{"alg":"%s","x5t":1}`,
}

func header(pattern, alg string) string {
	if strings.Contains(pattern, "%s") {
		return strings.Replace(pattern, "%s", alg, 1)
	}
	return pattern
}

// FuzzSignedTokens: what a genuine signer may write, and how others read it.
func FuzzSignedTokens(f *testing.F) {
	keys, list := pairs(f), stricter(f)
	for i := range keys {
		for _, h := range headers {
			f.Add(byte(i), h, `{"iss":"x"}`)
		}
		f.Add(byte(i), headers[0], "")
	}
	f.Fuzz(func(t *testing.T, i byte, h, payload string) {
		k := keys[int(i)%len(keys)]
		if len(h)+len(payload) > 10_000 {
			return
		}
		compareJWS(t, list, k, signed(t, k, header(h, k.alg), payload))
	})
}

// FuzzTokens: what anybody may send.
func FuzzTokens(f *testing.F) {
	keys, list := pairs(f), stricter(f)
	for i, k := range keys {
		good := signed(f, k, header(headers[1], k.alg), `{"iss":"x"}`)
		for _, s := range spoilt(good) {
			f.Add(byte(i), s)
		}
	}
	f.Fuzz(func(t *testing.T, i byte, token string) {
		compareJWS(t, list, keys[int(i)%len(keys)], token)
	})
}

// spoilt returns a token and its like.
func spoilt(s string) []string {
	parts := strings.Split(s, ".")
	last := parts[len(parts)-1]
	return []string{
		s, s + "\n", s[:10] + "\r\n" + s[10:], s + "=", s + ".", "." + s, s[:len(s)-1], s + "AAAA", strings.ToUpper(s), strings.Replace(s, ".", "..", 1),
		strings.TrimSuffix(s, last), parts[0] + "\n." + strings.Join(parts[1:], "."), s[:len(s)-1] + "B", s[:len(s)-1] + "R", " " + s, strings.ReplaceAll(s, "_", "/"),
	}
}

// TestDifferences runs the seeds of all fuzz targets, and demands that each entry of
// testdata/stricter.json is shown by one of them.
func TestDifferences(t *testing.T) {
	list := stricter(t)
	shown := make([]bool, len(list))
	note := func(i int) {
		if i >= 0 {
			shown[i] = true
		}
	}
	for _, k := range pairs(t) {
		for _, h := range headers {
			note(compareJWS(t, list, k, signed(t, k, header(h, k.alg), `{"iss":"x"}`)))
		}
		for _, s := range spoilt(signed(t, k, header(headers[1], k.alg), `{"iss":"x"}`)) {
			note(compareJWS(t, list, k, s))
		}
		for _, s := range looselyWritten(t, k) {
			note(compareJWS(t, list, k, s))
		}
		note(compareJWS(t, list, k, signed(t, k, header(headers[0], k.alg), strings.Repeat("x", 20_000))))
		if strings.HasPrefix(k.alg, "PS") {
			note(compareJWS(t, list, k, otherSalt(t, k)))
		}
	}
	for _, enc := range jose.ContentAlgorithms() {
		for _, h := range jweHeaders {
			note(compareJWE(t, list, enc, sealedRaw(t, enc, header(h, enc), "")))
		}
		good := sealedRaw(t, enc, header(jweHeaders[0], enc), "")
		parts := strings.Split(good, ".")
		if enc == jose.A128CBCHS256 {
			parts[2] = loose(parts[2])
		} else {
			parts[3] = loose(parts[3])
		}
		for _, s := range append(spoilt(good), strings.Join(parts, "."), good[:strings.LastIndexByte(good, '.')+1]+loose(good[strings.LastIndexByte(good, '.')+1:]), sealedRaw(t, enc, header(jweHeaders[0], enc), "AAAA"), sealedRaw(t, enc, header(jweHeaders[0], enc), "AB")) {
			note(compareJWE(t, list, enc, s))
		}
	}
	for i, r := range list {
		if !shown[i] {
			t.Errorf("stricter.json: nothing shows %q any more", r.Detail)
		}
		if len(r.Why) < 20 {
			t.Errorf("stricter.json: %q has no reason", r.Detail)
		}
	}
}

// loose returns a base64url text that lenient readers take for the same bytes: the
// bits behind the last byte are not zero.
func loose(text string) string {
	if len(text)%4 < 2 {
		panic("a text without such bits")
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return text[:len(text)-1] + string(alphabet[strings.IndexByte(alphabet, text[len(text)-1])|1])
}

// looselyWritten signs a header or a payload that is written so.
func looselyWritten(t testing.TB, k keyPair) []string {
	t.Helper()
	head := strings.TrimRight(header(headers[0], k.alg), " ")
	for len(head)%3 == 0 {
		head += " "
	}
	var tokens []string
	for _, input := range []string{loose(b64([]byte(head))) + "." + b64([]byte("{}")), b64([]byte(head)) + "." + loose(b64([]byte("{}")))} {
		sig, err := jose.SignBytes(k.alg, k.sign, []byte(input))
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, input+"."+b64(sig))
	}
	return tokens
}

// otherSalt signs with a salt of 20 bytes, which go-jose takes.
func otherSalt(t testing.TB, k keyPair) string {
	t.Helper()
	h := map[string]crypto.Hash{jose.PS256: crypto.SHA256, jose.PS384: crypto.SHA384, jose.PS512: crypto.SHA512}[k.alg]
	input := b64([]byte(header(headers[0], k.alg))) + "." + b64([]byte("{}"))
	d := h.New()
	d.Write([]byte(input))
	sig, err := rsa.SignPSS(rand.Reader, k.sign.(*rsa.PrivateKey), h, d.Sum(nil), &rsa.PSSOptions{SaltLength: 20})
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + b64(sig)
}

// directKey is the key of "dir" for each enc.
func directKey(enc string) []byte {
	n := map[string]int{jose.A128GCM: 16, jose.A192GCM: 24, jose.A256GCM: 32, jose.A128CBCHS256: 32}[enc]
	sum := sha256.Sum256([]byte("direct " + enc))
	return sum[:n]
}

var jweHeaders = []string{
	`{"alg":"dir","enc":"%s"}`, `{"alg":"dir","enc":"%s","kid":"k","typ":"JOSE","cty":"x"}`, `{"alg":"dir","enc":"%s","enc":"A128GCM"}`, `{"Alg":"dir","enc":"%s"}`, `{"alg":"dir","Enc":"%s"}`,
	`{"alg":"dir","enc":"%s","zip":"none"}`, `{"alg":"dir","enc":"%s","zip":""}`, `{"alg":"dir","enc":"%s","crit":[]}`, `{"alg":"dir","enc":"%s","crit":["x"],"x":1}`, `{"alg":"dir","enc":"%s","b64":true}`,
	`{"alg":"dir","enc":"%s","iv":1}`, `{"alg":"dir","enc":"%s","epk":{}}`, `{"alg":"dir","enc":"%s","epk":5}`, `{"alg":"dir","enc":"%s","apu":5}`, `{"alg":"dir","enc":"%s","apv":[]}`, `{"alg":"dir","enc":"%s","tag":null}`, `{"alg":"dir","enc":"%s","kid":5}`, `{"alg":"dir","enc":"%s","p2c":1000000}`,
	`{"alg":"dir","enc":"%s","epk":{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}}`, `{"alg":"dir","enc":"%s","epk":{"kty":"OKP","crv":"P-256","x":"AA"}}`, `{"alg":"dir","enc":"%s","x":[[[[[[[[[[]]]]]]]]]]}`, ` {"alg":"dir","enc":"%s"} `,
	`{"alg":"dir","enc":"%s"}x`, `{"alg":"dir"}`, `{}`, `[]`, `{"alg":"dir","enc":"%s","x":1,"X":2}`, `{"alg":"dir","enc":"%s","x":"\ud800"}`,
}

// sealedRaw makes a message under "dir" with the standard library, or for CBC with
// ours, whatever the header says.
func sealedRaw(t testing.TB, enc, header, wrapped string) string {
	t.Helper()
	aad := b64([]byte(header))
	if enc == jose.A128CBCHS256 {
		return sealedCBC(t, aad, wrapped)
	}
	block, err := aes.NewCipher(directKey(enc))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	iv := make([]byte, 12)
	sealed := gcm.Seal(nil, iv, []byte("plaintext."), []byte(aad))
	n := len(sealed) - 16
	return strings.Join([]string{aad, wrapped, b64(iv), b64(sealed[:n]), b64(sealed[n:])}, ".")
}

func openOurs(enc, token string) ([]byte, error) {
	jwe, err := jose.ParseJWE(token)
	if err != nil {
		return nil, err
	}
	return jwe.Open(jose.Dir, secret.NewBytes(directKey(enc)), enc)
}

func openGoJose(enc, token string) ([]byte, error) {
	jwe, err := gojose.ParseEncryptedCompact(token, []gojose.KeyAlgorithm{gojose.DIRECT}, []gojose.ContentEncryption{gojose.ContentEncryption(enc)})
	if err != nil {
		return nil, err
	}
	return jwe.Decrypt(directKey(enc))
}

func compareJWE(t *testing.T, list []reason, enc, token string) int {
	t.Helper()
	ours, err := openOurs(enc, token)
	theirs, theirErr := openGoJose(enc, token)
	return compare(t, list, fmt.Sprintf("%s %q", enc, token), token, ours, err, theirs, theirErr)
}

// FuzzSealedHeaders: what a genuine sender may write, and how go-jose reads it.
func FuzzSealedHeaders(f *testing.F) {
	list, encs := stricter(f), jose.ContentAlgorithms()
	for i := range encs {
		for _, h := range jweHeaders {
			f.Add(byte(i), h, "")
		}
		f.Add(byte(i), jweHeaders[0], "AAAA")
	}
	f.Fuzz(func(t *testing.T, i byte, h, wrapped string) {
		enc := encs[int(i)%len(encs)]
		if len(h) > 8000 || strings.Contains(wrapped, ".") {
			return
		}
		compareJWE(t, list, enc, sealedRaw(t, enc, header(h, enc), wrapped))
	})
}

// FuzzSealedTokens: what anybody may send.
func FuzzSealedTokens(f *testing.F) {
	list, encs := stricter(f), jose.ContentAlgorithms()
	for i, enc := range encs {
		for _, s := range spoilt(sealedRaw(f, enc, header(jweHeaders[1], enc), "")) {
			f.Add(byte(i), s)
		}
	}
	f.Fuzz(func(t *testing.T, i byte, token string) {
		compareJWE(t, list, encs[int(i)%len(encs)], token)
	})
}

// TestGoJoseOpensWhatWeSeal, and the reverse, for every algorithm.
func TestGoJoseOpensWhatWeSeal(t *testing.T) {
	r := testkey.RSA(t, "rsa2048-a")
	ec, err := ecdsa.ParseRawPrivateKey(elliptic.P384(), append([]byte{0}, bytes.Repeat([]byte{7}, 47)...))
	if err != nil {
		t.Fatal(err)
	}
	kek := bytes.Repeat([]byte{9}, 32)
	want := []byte("a message for the other side")
	for _, enc := range jose.ContentAlgorithms() {
		for alg, k := range map[string]struct{ seal, open, theirSeal, theirOpen any }{
			jose.RSAOAEP256: {&r.PublicKey, r, &r.PublicKey, r},
			jose.A256GCMKW:  {secret.NewBytes(kek), secret.NewBytes(kek), kek, kek},
			jose.ECDHES:     {&ec.PublicKey, ec, &ec.PublicKey, ec},
			jose.Dir:        {secret.NewBytes(directKey(enc)), secret.NewBytes(directKey(enc)), directKey(enc), directKey(enc)},
		} {
			token, err := jose.Seal(alg, enc, k.seal, jose.Header{jose.Text("kid", "k")}, want)
			if err != nil {
				t.Fatal(err)
			}
			jwe, err := gojose.ParseEncryptedCompact(token, []gojose.KeyAlgorithm{gojose.KeyAlgorithm(alg)}, []gojose.ContentEncryption{gojose.ContentEncryption(enc)})
			if err != nil {
				t.Fatalf("%s %s: %v", alg, enc, err)
			}
			if got, err := jwe.Decrypt(k.theirOpen); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s %s: go-jose opens %q, %v", alg, enc, got, err)
			}
			enc1, err := gojose.NewEncrypter(gojose.ContentEncryption(enc), gojose.Recipient{Algorithm: gojose.KeyAlgorithm(alg), Key: k.theirSeal, KeyID: "k"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := enc1.Encrypt(want)
			if err != nil {
				t.Fatal(err)
			}
			compact, err := theirs.CompactSerialize()
			if err != nil {
				t.Fatal(err)
			}
			ours, err := jose.ParseJWE(compact)
			if err != nil {
				t.Fatalf("%s %s: %v", alg, enc, err)
			}
			if got, err := ours.Open(alg, k.open, enc); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s %s: we open %q, %v", alg, enc, got, err)
			}
		}
	}
}

func sealedCBC(t testing.TB, aad, wrapped string) string {
	t.Helper()
	iv := make([]byte, aes.BlockSize)
	sealed, err := jwa.ContentOf(jwa.A128CBCHS256).Seal(nil, directKey(jwa.A128CBCHS256), iv, []byte(aad), []byte("plaintext."))
	if err != nil {
		t.Fatal(err)
	}
	n := len(sealed) - jwa.TagBytes
	return strings.Join([]string{aad, wrapped, b64(iv), b64(sealed[:n]), b64(sealed[n:])}, ".")
}
