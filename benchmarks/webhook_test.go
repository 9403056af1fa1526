package benchmarks

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
)

// hook is a preset with a signed message, and the bare call of the standard library
// that its signature costs: over bytes of the same length, with a key of the same
// kind, an HMAC made anew as a service does that has no verifier.
type hook struct {
	verifier *webhook.Verifier
	request  webhook.Request
	bare     func() bool
}

// families are presets that stand for all others: one for each way to find, read and
// check a signature.
var families = []string{"github", "stripe", "standard-webhooks", "x-pay-token", "cybersource", "rfc9421", "trust-payments", "adyen", "galileo", "standard-webhooks-v1a", "wise"}

func hooks(tb testing.TB) map[string]hook {
	tb.Helper()
	must := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	mac := bytes.Repeat([]byte("k"), 32)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	all := map[string]hook{}
	for _, name := range families {
		s, ok := webhook.Preset(name)
		if !ok {
			tb.Fatal(name)
		}
		body := []byte(`{"id":"evt_1","data":"` + strings.Repeat("x", 1000) + `"}`)
		switch name {
		case "adyen":
			body = []byte(`{"live":"false","notificationItems":[{"NotificationRequestItem":{"additionalData":{"hmacSignature":""},"pspReference":"P1","merchantAccountCode":"M","merchantReference":"ref","amount":{"value":1130,"currency":"EUR"},"eventCode":"AUTHORISATION","success":"true","reason":"` + strings.Repeat("x", 700) + `"}}]}`)
		case "trust-payments":
			body = []byte("transactionreference=2-44-66&errorcode=0&orderreference=" + strings.Repeat("x", 900))
		}
		o := webhook.SignerOptions{Scheme: s, KeyID: "k"}
		key := keyring.Key{ID: "k", Use: keyring.UseVerify}
		h := hook{}
		switch s.Algorithm {
		case webhook.RSAPKCS1SHA256:
			digest := sha256.Sum256(body)
			sig, err := rsa.SignPKCS1v15(nil, rsaKey, crypto.SHA256, digest[:])
			must(err)
			h.bare = func() bool {
				digest := sha256.Sum256(body)
				return rsa.VerifyPKCS1v15(&rsaKey.PublicKey, crypto.SHA256, digest[:], sig) == nil
			}
			o.Key, err = keyring.NewPrivate(rsaKey)
			must(err)
			key.Public = &rsaKey.PublicKey
		case webhook.Ed25519:
			public := edKey.Public().(ed25519.PublicKey)
			sig := ed25519.Sign(edKey, body)
			h.bare = func() bool { return ed25519.Verify(public, body, sig) }
			o.Key, err = keyring.NewPrivate(edKey)
			must(err)
			key.Public = public
		default:
			o.Secret = secret.NewBytes(mac)
			key.Secret = o.Secret
			want := sum(mac, body)
			h.bare = func() bool { return hmac.Equal(sum(mac, body), want) }
		}
		signer, err := webhook.NewSigner(o)
		must(err)
		h.request, err = signer.Sign(webhook.Request{Method: "POST", Target: "/hooks/in?a=b", Body: body, Header: map[string][]string{
			"Host": {"hooks.example"}, "V-C-Merchant-Id": {"m"}, "Content-Type": {"application/json"}, "User-Agent": {"sender/1"},
		}}, "msg_1", now)
		must(err)
		ring, err := keyring.NewRing(key)
		must(err)
		h.verifier, err = webhook.New(webhook.Options{Scheme: s, Keys: ring, UnsafeUncoveredBody: true})
		must(err)
		all[name] = h
	}
	return all
}

func sum(key, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(body)
	return h.Sum(nil)
}

// TestHooksOpen keeps the benchmark honest.
func TestHooksOpen(t *testing.T) {
	for name, h := range hooks(t) {
		if _, err := h.verifier.OpenRequest(h.request, now); err != nil || !h.bare() {
			t.Errorf("%s: %v", name, err)
		}
		other := h.request
		other.Header = map[string][]string{}
		if _, err := h.verifier.OpenRequest(other, now); err == nil && name != "adyen" && name != "trust-payments" {
			t.Errorf("%s: opens without its signature", name)
		}
	}
}

// BenchmarkWebhookOpen prints what a verified message of each family costs, as a
// multiple of the bare signature check over a body of the same length.
func BenchmarkWebhookOpen(b *testing.B) {
	all := hooks(b)
	for _, name := range families {
		h := all[name]
		b.Run("scheme="+name, func(b *testing.B) {
			var bare, full []time.Duration
			for range b.N {
				bare = append(bare, timed(func() {
					for range perRound {
						if !h.bare() {
							b.Fatal("the bare check fails")
						}
					}
				}))
				full = append(full, timed(func() {
					for range perRound {
						if _, err := h.verifier.OpenRequest(h.request, now); err != nil {
							b.Fatal(err)
						}
					}
				}))
			}
			b.ReportMetric(median(full)/median(bare), "x-bare")
			b.ReportMetric(float64(slices.Min(full))/float64(slices.Min(bare)), "x-best")
			b.ReportMetric(median(full)/perRound, "ns/message")
			b.ReportMetric(median(bare)/perRound, "ns/bare")
		})
	}
}
