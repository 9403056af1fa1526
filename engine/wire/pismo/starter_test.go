package pismo_test

import (
	"strings"
	"testing"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/wire/pismo"
	"github.com/issuant/issuant/internal/vectorfile"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/starter"
)

func starterEngine(t *testing.T, c *pismo.Codec) *engine.Engine {
	t.Helper()
	p, err := starter.Pack()
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(p, engine.Options{Methods: c.Methods()})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func vectorBody(t *testing.T, id string) string {
	t.Helper()
	f := vectorfile.Load(t, "/testdata/vectors/pismo_codec.json")
	for i := range f.Cases {
		if f.Cases[i].ID == id {
			var in decodeInput
			vectorfile.Into(t, f.Cases[i].Input, &in)
			return in.Body
		}
	}
	t.Fatalf("there is no vector %q", id)
	return ""
}

// What Pismo's page prints as its sample is a card that is only just created.
func TestThePagesSamplesAreSteppedUpByTheStarterPack(t *testing.T) {
	c := newCodec(t)
	e := starterEngine(t, c)
	for _, id := range []string{"sample-page", "sample-curl"} {
		ev := decode(t, c, vectorBody(t, id)).Event
		d := e.Decide(ev, testNow)
		reply, err := c.Encode(ev, d)
		if err != nil || d.Outcome != rules.Yellow || !strings.HasPrefix(string(reply.Body), `{"approve":true,"action_code":"85","step_up_methods":[{`) {
			t.Errorf("%s: %s, %s, %v", id, d.Outcome, reply.Body, err)
		}
	}
}

// gathered are the facts that an issuer knows beside what Pismo sends, for a card
// that its holder pushes into a wallet from the issuer's app.
var gathered = map[string]any{
	"card.tokenizable": true, "card.combo_status": "normal", "card.expired": false, "card.expiry_match": true,
	"verify.cvv": "absent", "verify.name_match": "full",
	"device.country": "BR", "device.ip_kind": "res", "device.bound": true, "device.first_seen_days": 200,
	"holder.ref": "t1:h", "holder.home_country": "BR", "holder.phone_changed_days": 700, "holder.creds_reset_days": 90,
	"holder.channels": []string{"app", "sms", "call"},
	"session.in_app":  true, "session.sca": true, "session.sca_age_s": 40, "region.sca_required": true,
	"vel.attempts_card_device_72h": 0, "vel.devices_card_30d": 1, "vel.cards_device_24h": 1, "vel.names_device_30d": 1,
	"vel.readds_card_30d": 0, "vel.readds_card_180d": 0, "vel.cvv_fail_card_24h": 0, "vel.declines_device_24h": 0,
	"vel.cards_requestor_10m": 3, "vel.decline_rate_bin_10m": 0.1,
}

var cleanRequests = map[string]string{
	"vts": `{"card":{"id":134142,"type":"PLASTIC","program_id":1234,"bin":"412345","status":"normal","stage":"unblocked"},
		"combo_card":null,"token_id":432,"network_brand":"vts","custom_codes":[],"original_network_data":{
		"tokenRequestorID":"40010030273","panSource":"MOBILE_BANKING_APP","tokenInfo":{"tokenType":"SECURE_ELEMENT"},
		"deviceInfo":{"deviceID":"D1"},"walletAccountEmailAddressHash":"19F6","cvv2ResultsCode":"P",
		"riskInformation":{"walletProviderDeviceScore":"5","walletProviderAccountScore":"5","visaTokenScore":"12",
		"visaTokenDecisioning":"00","walletProviderReasonCodes":[]}}}`,
	"mdes": `{"card":{"id":134142,"type":"PLASTIC","program_id":1234,"bin":"512345","status":"normal","stage":"unblocked"},
		"combo_card":{},"token_id":433,"network_brand":"mdes","custom_codes":[],"original_network_data":{
		"tokenRequestorId":"50110030273","tokenType":"EMBEDDED_SE","accountIdHash":"5ae9",
		"fundingAccountInfo":{"fundingAccountData":{"source":"ACCOUNT_ADDED_VIA_APPLICATION"}},"deviceInfo":{"serialNumber":"F2LX"},
		"walletProviderDecisioningInfo":{"recommendedDecision":"APPROVED","deviceScore":"5","accountScore":"5",
		"phoneNumberScore":"5","recommendationReasons":[]},"securityServicesInsights":{"riskScore":12}}}`,
}

func decideClean(t *testing.T, e *engine.Engine, c *pismo.Codec, body string) *engine.Decision {
	t.Helper()
	ev := decode(t, c, body).Event
	for name, v := range gathered {
		if !ev.Has(name) {
			if err := ev.Set(name, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	return e.Decide(ev, testNow)
}

func TestACleanPushIsGreenUnderTheStarterPack(t *testing.T) {
	c := newCodec(t)
	e := starterEngine(t, c)
	for brand, body := range cleanRequests {
		if d := decideClean(t, e, c, body); d.Outcome != rules.Green {
			t.Errorf("%s: %s", brand, d.AppendJSON(nil))
		}
	}
}

// Each change for the worse in a clean request is seen by the starter pack: what
// the codec reads arrives at the rules.
func TestChangesForTheWorseReachTheStarterPack(t *testing.T) {
	c := newCodec(t)
	e := starterEngine(t, c)
	for _, change := range []struct {
		brand, old, new string
		want            rules.Outcome
	}{
		{"vts", `"status":"normal"`, `"status":"lost"`, rules.Red},
		{"vts", `"stage":"unblocked"`, `"stage":"blocked"`, rules.Red},
		{"vts", `"type":"PLASTIC"`, `"type":"TEMPORARY"`, rules.Red},
		{"vts", `null`, `{"status":"lost"}`, rules.Yellow},
		{"vts", `"visaTokenDecisioning":"00"`, `"visaTokenDecisioning":"05"`, rules.Red},
		{"vts", `"visaTokenDecisioning":"00"`, `"visaTokenDecisioning":"85"`, rules.Yellow},
		{"vts", `"visaTokenDecisioning":"00"`, `"visaTokenDecisioning":"77"`, rules.Yellow},
		{"vts", `"visaTokenDecisioning":"00",`, ``, rules.Yellow},
		{"vts", `"visaTokenScore":"12"`, `"visaTokenScore":"99"`, rules.Red},
		{"vts", `"visaTokenScore":"12"`, `"visaTokenScore":"00"`, rules.Yellow},
		{"vts", `"walletProviderDeviceScore":"5"`, `"walletProviderDeviceScore":"1"`, rules.Red},
		{"vts", `"walletProviderReasonCodes":[]`, `"walletProviderReasonCodes":"0G"`, rules.Orange},
		{"vts", `"walletProviderReasonCodes":[]`, `"walletProviderReasonCodes":"AI"`, rules.Yellow},
		{"vts", `"cvv2ResultsCode":"P"`, `"cvv2ResultsCode":"N"`, rules.Red},
		{"vts", `MOBILE_BANKING_APP`, `KEY_ENTERED`, rules.Yellow},
		{"vts", `"custom_codes":[]`, `"custom_codes":["HSE"]`, rules.Yellow},
		{"vts", `"custom_codes":[],`, ``, rules.Yellow},
		{"mdes", `"APPROVED"`, `"DECLINED"`, rules.Red},
		{"mdes", `"APPROVED"`, `"REQUIRE_ADDITIONAL_AUTHENTICATION"`, rules.Yellow},
		{"mdes", `"phoneNumberScore":"5"`, `"phoneNumberScore":"1"`, rules.Yellow},
		{"mdes", `"recommendationReasons":[]`, `"recommendationReasons":["HIGH_RISK"]`, rules.Red},
		{"mdes", `"riskScore":12`, `"riskScore":900`, rules.Red},
		{"mdes", `ACCOUNT_ADDED_VIA_APPLICATION`, `ACCOUNT_ADDED_MANUALLY`, rules.Yellow},
	} {
		body := strings.Replace(cleanRequests[change.brand], change.old, change.new, 1)
		if body == cleanRequests[change.brand] {
			t.Errorf("%s is not in the request", change.old)
		}
		d := decideClean(t, e, c, body)
		if d.Outcome != change.want && !d.Outcome.Worse(change.want) {
			t.Errorf("%s -> %s: got %s, want %s: %s", change.old, change.new, d.Outcome, change.want, d.AppendJSON(nil))
		}
	}
}

// What check prints for the starter pack: nothing in it waits for a field that can
// never come, but where a network does not send one.
func TestWhatTheStarterPackCannotJudge(t *testing.T) {
	p, err := starter.Pack()
	if err != nil {
		t.Fatal(err)
	}
	for _, brand := range []string{"vts", "mdes"} {
		for _, u := range pismo.Unjudgeable(p, brand, pismo.Gathered()...) {
			if u.Never && u.Missing[0] != "wallet.phone_score" {
				t.Errorf("%s: %+v", brand, u)
			}
			t.Logf("%s: %+v", brand, u)
		}
	}
}
