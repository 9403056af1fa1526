package webhook_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testkey"
)

// The Go sample on Pismo's page about third-party wallets goes wrong in 23 ways.
// These tests show, by number, that this package does not. 1 to 15 lie here and in
// the key source; 16 to 19 and 22 belong to codec and gate; 20, 21 and 23 are about
// the page itself.

// keyServer serves a key document over TLS; the document can be exchanged.
type keyServer struct {
	*httptest.Server
	answer atomic.Pointer[http.HandlerFunc]
	hits   atomic.Int64
}

func newKeyServer(t *testing.T, f http.HandlerFunc) *keyServer {
	s := new(keyServer)
	s.answer.Store(&f)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.hits.Add(1)
		(*s.answer.Load())(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *keyServer) source(t *testing.T, o source.HTTPSOptions) *source.HTTPS {
	t.Helper()
	o.RootCAs = x509.NewCertPool()
	o.RootCAs.AddCert(s.Certificate())
	if o.Now == nil {
		o.Now = func() time.Time { return at }
	}
	h, err := source.NewHTTPS(s.URL, o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func mapOf(t *testing.T, kids ...string) http.HandlerFunc {
	t.Helper()
	m := map[string]string{}
	for _, kid := range kids {
		m[kid] = testkey.Certificate(t, testkey.Template(), &testkey.RSA(t, "rsa2048-a").PublicKey)
	}
	doc, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(doc) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func TestSeedDefect01UnknownKidDoesNotPanic(t *testing.T) {
	for _, keys := range []keyring.Lookup{ring(t, x509Map(t)), &keyring.Ring{}, &keyring.Live{}} {
		v := verifier(t, func(o *webhook.PismoOptions) { o.Keys = keys })
		for _, kid := range []string{"nobody", "", "\x00", strings.Repeat("k", 5000)} {
			if got := open(t, v, good().named(kid)); got != "key_unknown" {
				t.Errorf("kid %.10q: %s", kid, got)
			}
		}
	}
}

func TestSeedDefect02RotationNeedsNoRestart(t *testing.T) {
	s := newKeyServer(t, mapOf(t, "old"))
	h := s.source(t, source.HTTPSOptions{})
	if err := h.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := verifier(t, func(o *webhook.PismoOptions) { o.Keys = h })
	if got := open(t, v, good().named("old")); got != "ok" {
		t.Fatalf("before: %s", got)
	}
	rotated := mapOf(t, "new")
	s.answer.Store(&rotated)
	_, err := v.Open(good().named("new").request(t), []byte(body179), at)
	refusal, ok := errors.AsType[*webhook.Error](err)
	if !ok || !errors.Is(err, webhook.ErrKeyUnknown) || refusal.KeyID() != "new" {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if !h.Await(ctx, refusal.KeyID()) {
		t.Fatal("the new key does not come")
	}
	if got := open(t, v, good().named("new")); got != "ok" {
		t.Errorf("after: %s", got)
	}
	if got := open(t, v, good().named("old")); got != "key_unknown" {
		t.Errorf("the key that was taken back: %s", got)
	}
}

func TestSeedDefect02KeysAreNotKeptForEver(t *testing.T) {
	now := at
	s := newKeyServer(t, mapOf(t, kidA))
	h := s.source(t, source.HTTPSOptions{Now: func() time.Time { return now }})
	if err := h.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := verifier(t, func(o *webhook.PismoOptions) { o.Keys = h })
	now = at.Add(24*time.Hour + 1)
	if got := open(t, v, good()); got != "key_unknown" {
		t.Errorf("keys that nobody confirmed for a day: %s", got)
	}
}

// TestSeedDefect03 is of use under the race detector.
func TestSeedDefect03RefreshIsNoDataRace(t *testing.T) {
	with, without := ring(t, x509Map(t)), &keyring.Ring{}
	live := keyring.NewLive(with)
	v := verifier(t, func(o *webhook.PismoOptions) { o.Keys = live })
	header := good().request(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				if _, err := v.Open(header, []byte(body179), at); err != nil && !errors.Is(err, webhook.ErrKeyUnknown) {
					t.Error(err)
				}
			}
		})
	}
	for range 2000 {
		live.Swap(without)
		live.Swap(with)
	}
	wg.Wait()
}

func TestSeedDefect04DatesAreRead(t *testing.T) {
	v := verifier(t, nil)
	for name, m := range map[string]*message{
		"exp": good().set("exp", num(at.Unix()-61)), "iat": good().set("iat", num(at.Unix()-361)), "iat ahead": good().set("iat", num(at.Unix()+61)), "nbf": good().set("nbf", num(at.Unix()+61)),
		"the page's own dates": good().named("long-lived").set("iat", "1651672630").set("exp", "1652536630"),
	} {
		if got := open(t, v, m); got != "stale" {
			t.Errorf("%s: %s", name, got)
		}
	}
	for _, name := range []string{"exp", "iat"} {
		if got := open(t, v, good().del(name)); got != "claims" {
			t.Errorf("no %s: %s", name, got)
		}
	}
}

func TestSeedDefect05BodyIsHeldAgainstTheToken(t *testing.T) {
	v := verifier(t, nil)
	for _, body := range []string{"", "{}", body179 + " ", body179[1:], strings.Replace(body179, "134142", "134143", 1)} {
		m := good()
		m.body = body
		if got := open(t, v, m); got != "body_hash" {
			t.Errorf("%.20q: %s", body, got)
		}
	}
}

func TestSeedDefect06PartiesAreChecked(t *testing.T) {
	v := verifier(t, nil)
	for name, m := range map[string]*message{
		"issuer": good().set("iss", `"api.other.io"`), "another service": good().set("sub", `"api-authorizations"`), "another tenant": good().set("account-id", "11111111"),
		"no issuer": good().del("iss"), "no subject": good().del("sub"), "no account": good().del("account-id"),
	} {
		if got := open(t, v, m); got != "claims" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestSeedDefect07ClaimsAreHandedOn(t *testing.T) {
	m, err := verifier(t, nil).Open(good().request(t), []byte(body179), at)
	if err != nil {
		t.Fatal(err)
	}
	if sub, ok := m.Claim("sub"); !ok || sub != `"api-cards-tokenization"` || m.Account() != account || m.IssuedAt().IsZero() || !bytes.Contains(m.ClaimsJSON(), []byte(hash179)) {
		t.Errorf("%s", m.ClaimsJSON())
	}
}

// TestSeedDefect08 signs rightly, by the genuine key, under other algorithms of RSA.
func TestSeedDefect08AlgorithmIsPinned(t *testing.T) {
	v := verifier(t, nil)
	key := testkey.RSA(t, "rsa2048-a")
	for alg, opts := range map[string]crypto.SignerOpts{
		"RS384": crypto.SHA384, "RS512": crypto.SHA512, "PS256": &rsa.PSSOptions{SaltLength: 32, Hash: crypto.SHA256}, "PS512": &rsa.PSSOptions{SaltLength: 64, Hash: crypto.SHA512},
	} {
		input := b64url(`{"alg":"`+alg+`","kid":"test-key-a"}`) + "." + b64url(good().payloadText())
		h := opts.HashFunc().New()
		h.Write([]byte(input))
		sig, err := key.Sign(rand.Reader, h.Sum(nil), opts)
		if err != nil {
			t.Fatal(err)
		}
		m := good()
		m.values = []string{input + "." + base64.RawURLEncoding.EncodeToString(sig)}
		if got := open(t, v, m); got != "algorithm" {
			t.Errorf("%s: %s", alg, got)
		}
	}
}

func TestSeedDefect09OnlyCompactTokensWithAProtectedKid(t *testing.T) {
	v := verifier(t, nil)
	parts := strings.Split(good().token(t), ".")
	for name, value := range map[string]string{
		"flattened":           `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`,
		"general":             `{"payload":"` + parts[1] + `","signatures":[{"protected":"` + parts[0] + `","signature":"` + parts[2] + `"}]}`,
		"unprotected kid":     `{"protected":"` + b64url(`{"alg":"RS256"}`) + `","header":{"kid":"test-key-a"},"payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`,
		"in base64url":        b64url(`{"protected":"` + parts[0] + `"}`),
		"detached payload":    parts[0] + ".." + parts[2] + "." + parts[1],
		"payload kid differs": good().set("kid", `"test-key-b"`).token(t),
	} {
		want := "malformed"
		if name == "payload kid differs" {
			want = "claims"
		}
		m := good()
		m.values = []string{value}
		if got := open(t, v, m); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestSeedDefect10NoSignatureIsNotValid(t *testing.T) {
	v := verifier(t, nil)
	parts := strings.Split(good().token(t), ".")
	for value, want := range map[string]string{
		`{"payload":"` + parts[1] + `","signatures":[]}`: "malformed",
		parts[0] + "." + parts[1] + ".":                  "signature",
		parts[0] + "." + parts[1]:                        "malformed",
		"":                                               "not_signed",
	} {
		m := good()
		m.values = []string{value}
		if got := open(t, v, m); got != want {
			t.Errorf("%.20s: %s, want %s", value, got, want)
		}
	}
}

func TestSeedDefect11CertificatesAreLookedAt(t *testing.T) {
	v := verifier(t, nil)
	for _, kid := range []string{"expired", "future", "rsa1024", "rsa8193", "exponent-3", "encipherment-only", "ec-p256"} {
		m := good().named(kid)
		if kid == "rsa1024" {
			m.key = kid
		}
		if got := open(t, v, m); got != "key_refused" {
			t.Errorf("%s: %s", kid, got)
		}
	}
}

func TestSeedDefect12FetchingIsBounded(t *testing.T) {
	hang := make(chan struct{})
	s := newKeyServer(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	})
	defer close(hang)
	h := s.source(t, source.HTTPSOptions{Timeout: 50 * time.Millisecond})
	if err := h.Refresh(t.Context()); !errors.Is(err, source.ErrFetch) {
		t.Errorf("a server that hangs: %v", err)
	}
	large := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 1024 {
			if _, err := w.Write(bytes.Repeat([]byte(" "), 64<<10)); err != nil {
				return
			}
		}
	})
	s.answer.Store(&large)
	h = s.source(t, source.HTTPSOptions{})
	if err := h.Refresh(t.Context()); !errors.Is(err, source.ErrFetch) {
		t.Errorf("64 MiB: %v", err)
	}
}

func TestSeedDefect13StartsWhenPismoIsDown(t *testing.T) {
	for _, code := range []int{500, 404, 204, 302} {
		s := newKeyServer(t, status(code))
		now := at
		h := s.source(t, source.HTTPSOptions{Now: func() time.Time { return now }})
		if err := h.Refresh(t.Context()); !errors.Is(err, source.ErrFetch) {
			t.Errorf("%d: %v", code, err)
		}
		v := verifier(t, func(o *webhook.PismoOptions) { o.Keys = h })
		if got := open(t, v, good()); got != "key_unknown" {
			t.Errorf("%d: %s", code, got)
		}
		back := mapOf(t, kidA)
		s.answer.Store(&back)
		now = now.Add(time.Minute)
		if !h.Await(t.Context(), kidA) {
			t.Fatalf("%d: no recovery", code)
		}
		if got := open(t, v, good()); got != "ok" {
			t.Errorf("%d: afterwards: %s", code, got)
		}
	}
}

func TestSeedDefect14OneBadCertificateSpoilsNoOther(t *testing.T) {
	v := verifier(t, nil) // its map holds one bad entry of every kind
	if got := open(t, v, good()); got != "ok" {
		t.Errorf("the good key: %s", got)
	}
	for _, kid := range []string{"not-pem", "empty-text", "truncated", "damaged", "not-text"} {
		if got := open(t, v, good().named(kid)); got != "key_refused" {
			t.Errorf("%s: %s", kid, got)
		}
	}
}

// TestSeedDefect15 is about the error; that the answer is 401 is the gate's part.
func TestSeedDefect15RefusalsSayWhatIsWrong(t *testing.T) {
	v := verifier(t, nil)
	texts := map[string]bool{}
	for _, m := range []*message{with(func(m *message) { m.key = "rsa2048-b" }), good().named("nobody"), good().named("expired"), good().del("iss"), good().set("iat", "1"), with(func(m *message) { m.body = "" })} {
		_, err := v.Open(m.request(t), []byte(m.body), m.now)
		if c := code.Of(err); c < 200 || c > 209 || texts[err.Error()] || !strings.HasPrefix(err.Error(), "webhook: ") {
			t.Errorf("%v: %v", c, err)
		}
		texts[err.Error()] = true
	}
}
