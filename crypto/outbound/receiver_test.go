package outbound_test

import (
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/outbound"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
)

// TestReceiversOfWebhookVerify: what is signed here opens under the presets of package
// webhook, which describe the same construction in other terms.
func TestReceiversOfWebhookVerify(t *testing.T) {
	const shared = "0123456789abcdefghijklmnopqrstuvwxyzABCD"
	now := time.Unix(1700000000, 0)
	ring, err := keyring.NewRing(keyring.Key{ID: "visa", Use: keyring.UseVerify, Secret: secret.NewBytes([]byte(shared))})
	if err != nil {
		t.Fatal(err)
	}
	for preset, path := range map[string]string{"x-pay-token": "provisioning/cardData", "x-pay-token-full-path": "inapp/provisioning/cardData"} {
		scheme, ok := webhook.Preset(preset)
		if !ok {
			t.Fatalf("no preset %s", preset)
		}
		v, err := webhook.New(webhook.Options{Scheme: scheme, Keys: ring})
		if err != nil {
			t.Fatal(err)
		}
		body := []byte(`{"a":"b"}`)
		token, err := outbound.XPayToken(secret.NewText(shared), now, path, "apikey=K", body)
		if err != nil {
			t.Fatal(err)
		}
		r := webhook.Request{Method: "POST", Target: "/inapp/provisioning/cardData?apikey=K", Header: map[string][]string{outbound.XPayHeader: {token}}, Body: body}
		if _, err := v.OpenRequest(r, now); err != nil {
			t.Errorf("%s: %v", preset, err)
		}
		r.Target = strings.Replace(r.Target, "K", "L", 1)
		if _, err := v.OpenRequest(r, now); err == nil {
			t.Errorf("%s: another query passes", preset)
		}
	}
}
