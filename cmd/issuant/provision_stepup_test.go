package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
)

// TestAStepUpIsProvenOnTheCommandLine: a yellow decision, the message of who asked the
// cardholder, and the grant that both together give.
func TestAStepUpIsProvenOnTheCommandLine(t *testing.T) {
	dir, now := t.TempDir(), time.Now().UTC().Truncate(time.Second).Add(time.Minute) // when the key is good
	in := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string, text []byte) {
		t.Helper()
		if err := os.WriteFile(in(name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) (int, string, string) {
		return runTool(t, context.Background(), nil, append([]string{"provision", "grant", "--event", in("event.json"),
			"--request", in("request.json"), "--key", in("key.json"), "--format", "json"}, args...)...)
	}
	write("event.json", enginetest.With(enginetest.CleanProvision(), "device.first_seen_days", 0).AppendJSON(nil))
	write("request.json", []byte(`{"network": "visa", "card_ref": "k1:card-a", "wallet": {"account_id": "walletaccount0000000001", "device_id": "device000000000000000001", "app_id": "app"}}`))
	if code, _, errs := runTool(t, context.Background(), nil, "keys", "generate", "--kind", "ed25519", "--id", "g1", "-o", in("key.json"), "--public", in("public.json")); code != 0 {
		t.Fatal(errs)
	}
	at := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
	code, out, errs := run("--now", at(0))
	var refused struct {
		Granted bool     `json:"granted"`
		ID      string   `json:"decision_id"`
		At      string   `json:"decided_at"`
		StepUp  []string `json:"step_up"`
	}
	if err := json.Unmarshal([]byte(out), &refused); err != nil || code != 1 || refused.Granted || refused.StepUp[0] != "app" {
		t.Fatalf("%d %s %s %v", code, out, errs, err)
	}

	scheme, _ := webhook.Preset("stripe")
	signer, err := webhook.NewSigner(webhook.SignerOptions{Scheme: scheme, Secret: secret.NewBytes([]byte("whsec_the_endpoint_secret_as_it_is"))})
	if err != nil {
		t.Fatal(err)
	}
	result := engine.StepUpResult{DecisionID: refused.ID, CardRef: "k1:card-a", Method: "app"}
	r, err := signer.Sign(webhook.Request{Method: "POST", Target: "/step-up", Body: result.AppendJSON(nil)}, "", now.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	write("result.http", fmt.Appendf(nil, "POST /step-up HTTP/1.1\r\nHost: issuer.example\r\nStripe-Signature: %s\r\nContent-Length: %d\r\n\r\n%s", r.Header["Stripe-Signature"][0], len(r.Body), r.Body))
	write("prover.json", []byte(`{"keys":[{"kty":"oct","kid":"p","k":"d2hzZWNfdGhlX2VuZHBvaW50X3NlY3JldF9hc19pdF9pcw"}]}`))
	proof := []string{"--step-up", in("result.http"), "--step-up-scheme", "stripe", "--step-up-keys", in("prover.json"), "--step-up-method", "app"}

	if code, out, errs := run(append(proof, "--now", at(time.Minute), "--decided-at", refused.At)...); code != 0 || !strings.Contains(out, `"granted":true`) {
		t.Errorf("%d %s %s", code, out, errs)
	}
	for name, args := range map[string][]string{
		"decided again":     {"--now", at(time.Minute)},
		"too late":          {"--now", at(5 * time.Minute), "--decided-at", refused.At},
		"before it":         {"--now", at(time.Minute), "--decided-at", at(2 * time.Minute)},
		"no instant at all": {"--now", at(time.Minute), "--decided-at", "yesterday"},
	} {
		if code, out, _ := run(append(proof, args...)...); code == 0 || strings.Contains(out, `"granted":true`) {
			t.Errorf("%s: %d %s", name, code, out)
		}
	}
}
