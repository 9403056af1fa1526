package enginetest

import (
	"fmt"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules"
)

const cleanPush = `{
	"id": "e-1", "at": "2026-11-23T10:00:00Z", "kind": "authorize", "adapter": "pismo", "schema": 1,
	"token": {"ref": "432", "network": "visa", "requestor_id": "40010000001", "requestor": "apple_pay",
		"channel": "wallet", "type": "device", "source": "push_app"},
	"card": {"ref": "k1:card-a", "bin": "411111", "last4": "1111", "program": "1234", "type": "PLASTIC", "status": "normal",
		"stage": "unblocked", "expired": false, "expiry_match": true, "tokenizable": true, "combo_status": "normal", "codes": []},
	"verify": {"cvv": "absent", "name_match": "full"},
	"wallet": {"recommendation": "approve", "reasons": [], "device_score": 5, "account_score": 5, "phone_score": 5,
		"account_ref": "k1:acct-a"},
	"network_risk": {"score": 12, "scale": "visa_0_99"},
	"device": {"ref": "k1:dev-a", "country": "BR", "ip_kind": "res", "bound": true, "first_seen_days": 200},
	"holder": {"ref": "k1:holder-a", "home_country": "BR", "phone_changed_days": 700, "creds_reset_days": 90,
		"channels": ["app", "sms", "call"]},
	"session": {"in_app": true, "sca": true, "sca_age_s": 40},
	"vel": {"attempts_card_device_72h": 0, "devices_card_30d": 1, "cards_device_24h": 1, "names_device_30d": 1,
		"readds_card_30d": 0, "readds_card_180d": 0, "cvv_fail_card_24h": 0, "declines_device_24h": 0,
		"cards_requestor_10m": 3, "decline_rate_bin_10m": 0.1},
	"region": {"sca_required": true}
}`

const cleanMerchant = `{
	"id": "e-3", "at": "2026-11-23T10:00:00Z", "kind": "authorize", "adapter": "pismo", "schema": 1,
	"token": {"ref": "433", "network": "visa", "requestor_id": "40010000002", "requestor": "merchant",
		"channel": "merchant", "type": "cof", "source": "on_file"},
	"card": {"ref": "k1:card-a", "bin": "411111", "last4": "1111", "program": "1234", "type": "PLASTIC", "status": "normal",
		"stage": "unblocked", "expired": false, "expiry_match": true, "tokenizable": true, "combo_status": "normal", "codes": []},
	"verify": {"cvv": "absent"}, "wallet": {"recommendation": "none"},
	"network_risk": {"score": 12, "scale": "visa_0_99"},
	"holder": {"ref": "k1:holder-a"},
	"vel": {"cvv_fail_card_24h": 0, "cards_requestor_10m": 3, "decline_rate_bin_10m": 0.1}
}`

const cleanProvision = `{
	"id": "e-4", "at": "2026-11-23T10:00:00Z", "kind": "provision", "adapter": "app", "schema": 1,
	"token": {"network": "visa", "requestor": "google_pay", "channel": "wallet", "type": "device", "source": "push_app"},
	"card": {"ref": "k1:card-a", "bin": "411111", "last4": "1111", "type": "PLASTIC", "status": "normal", "stage": "unblocked",
		"age_days": 400, "expired": false, "tokenizable": true},
	"wallet": {"recommendation": "none", "account_ref": "walletaccount0000000001", "first_seen_days": 90},
	"device": {"ref": "device000000000000000001", "country": "BR", "ip_country": "BR", "ip_kind": "res", "bound": true, "bound_days": 150,
		"first_seen_days": 200},
	"holder": {"ref": "k1:holder-a", "home_country": "BR", "phone_changed_days": 700, "creds_reset_days": 90,
		"channels": ["app", "sms", "call"]},
	"session": {"in_app": true, "sca": true, "sca_age_s": 40, "sca_method": "app_biometric"},
	"vel": {"attempts_card_24h": 0, "devices_card_30d": 1, "cvv_fail_card_24h": 0, "declines_device_24h": 0}
}`

// CleanProvision returns the event of a cardholder who adds a card to Google Pay from
// the issuer's app, on a phone that the issuer knows: green under the starter pack for
// wallet payloads (starter.ProvisionPack). Device and wallet account stand in it as the
// phone names them, not as keyed references.
func CleanProvision() *engine.Event { return parse(cleanProvision) }

// CleanPush returns the event of a card that its holder pushes into a wallet from
// the issuer's app, on a device that the issuer knows, with every fact that the
// starter pack reads: green there. The caller owns it and may change it.
func CleanPush() *engine.Event { return parse(cleanPush) }

// CleanMerchant returns the event of a clean card-on-file token: a merchant's,
// without wallet, device or session. It is green under the starter pack.
func CleanMerchant() *engine.Event { return parse(cleanMerchant) }

// With sets facts in ev and returns it: name, value, name, value; a nil value makes
// the fact absent. It panics when a fact cannot be set, since that is a mistake in the test.
func With(ev *engine.Event, facts ...any) *engine.Event {
	if len(facts)%2 != 0 {
		panic("enginetest: With takes pairs of name and value")
	}
	for i := 0; i < len(facts); i += 2 {
		name, ok := facts[i].(string)
		if !ok {
			panic(fmt.Sprintf("enginetest: argument %d of With is not a field name", i+1))
		}
		if facts[i+1] == nil {
			ev.Unset(name)
		} else if err := ev.Set(name, facts[i+1]); err != nil {
			panic(err)
		}
	}
	return ev
}

func parse(text string) *engine.Event {
	ev, err := engine.ParseEvent(rules.EventV1(), []byte(text))
	if err != nil {
		panic(err)
	}
	return ev
}
