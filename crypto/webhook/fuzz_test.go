package webhook_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/internal/testkey"
)

func FuzzOpen(f *testing.F) {
	f.Add(good().token(f), body179, at.Unix())
	f.Add(pageToken, "{}", int64(1651672640))
	f.Add(good().named("expired").token(f), body179, at.Unix())
	f.Add("Bearer "+good().token(f), "", int64(0))
	f.Add(strings.Repeat(".", 100), "", int64(-1<<63))
	v := verifier(f, nil)
	f.Fuzz(func(t *testing.T, token, body string, now int64) {
		m, err := v.Open(map[string][]string{"X-Pismo-Sign": {token}}, []byte(body), time.Unix(now, 0))
		check(t, m, err, body)
	})
}

// FuzzClaims signs what it is given, so that the fuzzer gets behind the signature.
func FuzzClaims(f *testing.F) {
	f.Add(good().headerText(), good().payloadText(), body179, at.Unix())
	f.Add(good().headerText(), good().set("exp", "9223372036854775807").payloadText(), body179, at.Unix())
	f.Add(good().headerText(), `{"exp":1e9,"EXP":1}`, "", at.Unix())
	f.Add(`{"alg":"RS256","kid":"test-key-a"}`, `[[[[`, "", at.Unix())
	v := verifier(f, nil)
	key := testkey.RSA(f, "rsa2048-a")
	f.Fuzz(func(t *testing.T, header, payload, body string, now int64) {
		m, err := v.Open(map[string][]string{"X-Pismo-Sign": {sign(t, key, header, payload)}}, []byte(body), time.Unix(now, 0))
		check(t, m, err, body)
	})
}

func check(t *testing.T, m *webhook.Message, err error, body string) {
	t.Helper()
	if err != nil {
		if _, ok := err.(*webhook.Error); !ok || m != nil || code.Of(err) < code.TooLarge || code.Of(err) > code.BodyHash {
			t.Fatalf("foreign error %T: %v", err, err)
		}
		return
	}
	claims, err := strictjson.Parse(m.ClaimsJSON(), strictjson.Limits{})
	if err != nil {
		t.Fatalf("claims are not strict JSON: %v", err)
	}
	if hash, _ := claims.Get("body-hash"); hash.Str != bodyHash(body) || string(m.Body()) != body {
		t.Fatal("an accepted message is about another body")
	}
	if m.Account() != account {
		t.Fatal("an accepted message is for another account")
	}
}

// BenchmarkOpen is to be held against BenchmarkRaw: the aim is 1.10 times.
func BenchmarkOpen(b *testing.B) {
	v := verifier(b, nil)
	header := map[string][]string{"Content-Type": {"application/json"}, "X-Pismo-Sign": {good().token(b)}}
	body := []byte(body179)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Open(header, body, at); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRaw(b *testing.B) {
	token := good().token(b)
	dot := strings.LastIndexByte(token, '.')
	sig, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		b.Fatal(err)
	}
	key := &testkey.RSA(b, "rsa2048-a").PublicKey
	input, body := []byte(token[:dot]), []byte(body179)
	b.ReportAllocs()
	for b.Loop() {
		digest := sha256.Sum256(input)
		if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], sig); err != nil {
			b.Fatal(err)
		}
		sha256.Sum256(body)
	}
}
