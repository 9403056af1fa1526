package gatehttp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/engine/gatehttp"
	"github.com/issuant/issuant/rules"
)

// TestHandlerTellsMethodTargetAndHost: a scheme that signs them is verified over real
// HTTP, where net/http takes the Host out of the header.
func TestHandlerTellsMethodTargetAndHost(t *testing.T) {
	s, _ := webhook.Preset("rfc9421")
	key := secret.NewBytes([]byte("a webhook secret of many bytes"))
	ring, err := keyring.NewRing(keyring.Key{ID: "k", Use: keyring.UseVerify, Secret: key})
	must(t, ring, err)
	v, err := webhook.New(webhook.Options{Scheme: s, Keys: ring})
	must(t, v, err)
	signer, err := webhook.NewSigner(webhook.SignerOptions{Scheme: s, KeyID: "k", Secret: key, Covers: []string{"@method", "@authority", "@request-target", "content-digest"}})
	must(t, signer, err)
	now := enginetest.Now()
	codec := newCodec(t)
	e, err := engine.New(pack(t, rules.Yellow), engine.Options{Methods: codec.Methods()})
	must(t, e, err)
	memory, err := engine.NewMemory(engine.MemoryOptions{})
	must(t, memory, err)
	j, err := engine.NewJournal(&journal{}, engine.JournalOptions{})
	must(t, j, err)
	gate, err := engine.NewGate(engine.GateOptions{Verifier: v, Codec: codec, Engine: e, Memory: memory, Journal: j, StartedAt: now.Add(-time.Hour)})
	must(t, gate, err)
	h, err := gatehttp.NewHandler(gatehttp.Options{Gate: gate, Clock: func() time.Time { return now }})
	must(t, h, err)
	server := httptest.NewServer(h)
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	for target, want := range map[string]int{"/hooks%2Fin?a=b&a=%20": 200, "/hooks/in?a=b&a=%20": 401} {
		signed, err := signer.Sign(webhook.Request{Method: "POST", Target: "/hooks%2Fin?a=b&a=%20", Host: host, Body: []byte("{}")}, "", now)
		must(t, signed, err)
		req, err := http.NewRequestWithContext(context.Background(), "POST", server.URL+target, strings.NewReader("{}"))
		must(t, req, err)
		for name, values := range signed.Header {
			req.Header[http.CanonicalHeaderKey(name)] = values
		}
		resp, err := server.Client().Do(req)
		must(t, resp, err)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", target, resp.StatusCode, want)
		}
	}
}
