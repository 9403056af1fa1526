package module_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/jwk"
	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/crypto/provision/visa"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/grant"
	"github.com/issuant/issuant/wasm/abi"
)

const sharedSecret = "a-shared-secret-of-thirty-two-b!"

// grants signs grants for one ring.
type grants struct {
	private keyring.Private
	public  keyring.Key
}

func newGrants(t *testing.T) grants {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := keyring.NewPrivate(private)
	if err != nil {
		t.Fatal(err)
	}
	return grants{key, keyring.Key{ID: "grants-1", Use: keyring.UseVerify, Public: public}}
}

func (g grants) token(t *testing.T, decision, audience string, at time.Time) string {
	t.Helper()
	made, err := grant.New(grant.Claims{
		ID: grant.IDOf(decision), DecisionID: decision, CardRef: "k1:card-a", Network: "visa", Wallet: "google_pay",
		Account: grant.Bind(decision, "account", "wallet-1"), Device: grant.Bind(decision, "device", "device-1"),
		IssuedAt: at, Expires: at.Add(5 * time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := provision.SignGrant(made, &keyring.Key{ID: "grants-1", Use: keyring.UseSign, Private: g.private}, audience, at)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (g grants) ring(t *testing.T) string {
	t.Helper()
	key, err := jwk.Append(nil, &g.public)
	if err != nil {
		t.Fatal(err)
	}
	return `{"format":1,"keys":[` + string(key) + `],"provision":{"audience":"module","google_pay":{"visa":{"key_id":"visa-1","secret_b64":"` +
		base64.StdEncoding.EncodeToString([]byte(sharedSecret)) + `","requestor_id":"40010075001"}}}}`
}

func wantedPayload(token, cardRef, device string) string {
	return `{"now_ms":1795428000000,"grant":"` + token + `","wallet":"google_pay","network":"visa","card_ref":"` + cardRef + `",` +
		`"card":{"pan":"4111111111111111","expiry":{"month":"12","year":"2030"}},"instance":{"account_id":"wallet-1","device_id":"` + device + `","app_id":"app"}}`
}

// TestPayloadsAreBuiltForGrants also opens what was built.
func TestPayloadsAreBuiltForGrants(t *testing.T) {
	m, g, at := newModule(t, abi.FlavourFull), newGrants(t), time.UnixMilli(1795428000000)
	want(t, m.Ring(put(t, m, g.ring(t))), code.OK)
	decision := strings.Repeat("d", 64)
	token := g.token(t, decision, "module", at)
	ask := func(input string) []byte { return bytes.Clone(m.Provision(1, put(t, m, input))) }
	want(t, ask(wantedPayload(token, "k1:card-a", "device-1")), code.Entropy)
	want(t, m.Entropy(put(t, m, "0123456789abcdefghijklmnopqrstuv")), code.OK)
	for name, bad := range map[string]string{
		"another card": wantedPayload(token, "k1:card-b", "device-1"), "another phone": wantedPayload(token, "k1:card-a", "device-2"),
		"another audience": wantedPayload(g.token(t, strings.Repeat("e", 64), "elsewhere", at), "k1:card-a", "device-1"),
		"old":              wantedPayload(g.token(t, strings.Repeat("f", 64), "module", at.Add(-time.Hour)), "k1:card-a", "device-1"),
		"forged":           wantedPayload(newGrants(t).token(t, decision, "module", at), "k1:card-a", "device-1"),
		"none":             wantedPayload("", "k1:card-a", "device-1"),
	} {
		if reply := ask(bad); codeOf(reply) == code.OK || codeOf(reply) == code.Internal || bytes.Contains(reply, []byte("4111")) {
			t.Errorf("%s: %s", name, reply[4:])
		}
	}
	tray := m.In(8 << 10)
	reply := ask(wantedPayload(token, "k1:card-a", "device-1"))
	want(t, reply, code.OK)
	if bytes.Contains(tray[:cap(tray)], []byte("4111")) {
		t.Error("the card number stays in the tray")
	}
	opened(t, reply)
	want(t, ask(wantedPayload(token, "k1:card-a", "device-1")), code.GrantSpent)
}

func opened(t *testing.T, reply []byte) {
	t.Helper()
	var out struct {
		Payload []byte `json:"payload_b64"`
		Record  struct {
			CardRef string `json:"card_ref"`
			Spent   bool   `json:"spent"`
		} `json:"record"`
	}
	if err := json.Unmarshal(reply[4:], &out); err != nil {
		t.Fatal(err)
	}
	key, err := visa.NewSharedKey("visa-1", secret.NewText(sharedSecret))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := key.Open(string(out.Payload))
	if err != nil || !bytes.Contains(plain, []byte("4111111111111111")) || out.Record.CardRef != "k1:card-a" || !out.Record.Spent {
		t.Errorf("%v %+v", err, out.Record)
	}
}
