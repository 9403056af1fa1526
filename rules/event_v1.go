package rules

import "sync"

// EventV1 returns the canonical event schema, major version 1: provisioning,
// challenge, payment and notification events of every counterpart in one set of
// names. Every fact may be absent. No field holds account data: a card is known
// by a keyed reference, and by its BIN and last four digits.
//
// The group label is known only afterwards; rules cannot read it.
func EventV1() *Schema { return eventV1() }

var eventV1 = sync.OnceValue(func() *Schema {
	s, err := NewSchema("event", 1, eventV1Fields)
	if err != nil {
		panic(err) // a mistake in the table below; its test fails first
	}
	return s
})

var eventV1Fields = []Field{
	{Name: "id", Type: String, Doc: "identifies the event; the same for every delivery"},
	{Name: "at", Type: Time, Doc: "when the event happened"},
	{Name: "kind", Type: String, Enum: []string{"check_eligibility", "authorize", "activation_methods", "notification", "step_up_result", "provision", "challenge", "payment"}},
	{Name: "adapter", Type: String, Doc: "counterpart whose words were decoded"},
	{Name: "tenant", Type: String, Doc: "account or organisation of the issuer at the counterpart"},
	{Name: "sandbox", Type: Bool},
	{Name: "schema", Type: Int, Doc: "major version of this schema"},

	{Name: "token.ref", Type: String, Doc: "the counterpart's token id"},
	{Name: "token.network", Type: String, Enum: []string{"visa", "mastercard", "amex"}},
	{Name: "token.requestor_id", Type: String},
	{Name: "token.requestor", Type: String, Enum: []string{"apple_pay", "google_pay", "samsung_pay", "merchant"}},
	{Name: "token.channel", Type: String, Enum: []string{"wallet", "merchant"}},
	{Name: "token.type", Type: String, Enum: []string{"device", "cof", "ecom", "static"}},
	{Name: "token.source", Type: String, Enum: []string{"manual", "camera", "push_app", "push_web", "on_file", "tap", "token", "unknown"}, Doc: "how the card data reached the wallet"},
	{Name: "token.reason", Type: String, Doc: "reason code of a notification: CREATED, ACTIVATED, ..."},

	{Name: "card.ref", Type: String, Doc: "keyed reference, HMAC-SHA-256 over the card number or the counterpart's card id"},
	{Name: "card.bin", Type: String, Doc: "six to eight digits"},
	{Name: "card.last4", Type: String},
	{Name: "card.program", Type: String},
	{Name: "card.type", Type: String, Enum: []string{"PLASTIC", "VIRTUAL", "RECURRING", "TEMPORARY"}},
	{Name: "card.status", Type: String, Enum: []string{"created", "normal", "damaged", "warning", "lost", "unknown"}},
	{Name: "card.stage", Type: String, Enum: []string{"unknown", "blocked", "unblocked"}},
	{Name: "card.issued_at", Type: Time},
	{Name: "card.age_days", Type: Int},
	{Name: "card.expired", Type: Bool},
	{Name: "card.expiry_match", Type: Bool},
	{Name: "card.tokenizable", Type: Bool},
	{Name: "card.combo_status", Type: String, Enum: []string{"created", "normal", "damaged", "warning", "lost", "unknown"}, Doc: "status of the other half of a combo card"},
	{Name: "card.codes", Type: Strings, Doc: "the counterpart's findings, verbatim"},

	{Name: "verify.cvv", Type: String, Enum: []string{"match", "fail", "absent"}},
	{Name: "verify.avs_postal", Type: String, Enum: []string{"match", "fail", "absent"}},
	{Name: "verify.avs_street", Type: String, Enum: []string{"match", "fail", "absent"}},
	{Name: "verify.name_match", Type: String, Enum: []string{"full", "part", "none"}},

	{Name: "wallet.recommendation", Type: String, Enum: []string{"approve", "step_up", "decline", "none"}, Doc: "none says that no wallet has spoken: yellow at least on wallet tokens, but where kind is provision"},
	{Name: "wallet.reasons", Type: Strings, Doc: "canonical reason names; unknown ones verbatim"},
	{Name: "wallet.device_score", Type: Int, Doc: "1 (worst) to 5"},
	{Name: "wallet.account_score", Type: Int, Doc: "1 (worst) to 5"},
	{Name: "wallet.phone_score", Type: Int, Doc: "1 (worst) to 5"},
	{Name: "wallet.account_ref", Type: String, Personal: true},
	{Name: "wallet.account_age_days", Type: Int},
	{Name: "wallet.first_seen_days", Type: Int, Doc: "days since the issuer first saw this wallet account; 0: never before today"},
	{Name: "wallet.model_version", Type: String},

	{Name: "network_risk.score", Type: Int},
	{Name: "network_risk.scale", Type: String, Enum: []string{"visa_0_99", "mc_tpi"}},
	{Name: "network_risk.reasons", Type: Strings},

	{Name: "device.ref", Type: String, Personal: true},
	{Name: "device.type", Type: String},
	{Name: "device.os", Type: String},
	{Name: "device.ip", Type: String, Personal: true},
	{Name: "device.ip_country", Type: String},
	{Name: "device.ip_kind", Type: String, Enum: []string{"res", "dc", "vpn", "tor"}},
	{Name: "device.lat", Type: Float, Personal: true},
	{Name: "device.lon", Type: Float, Personal: true},
	{Name: "device.country", Type: String},
	{Name: "device.language", Type: String},
	{Name: "device.phone_ref", Type: String, Personal: true},
	{Name: "device.phone_last4", Type: String},
	{Name: "device.bound", Type: Bool, Doc: "the issuer's app is bound to this device"},
	{Name: "device.bound_days", Type: Int, Doc: "days since the issuer's app was bound to this device"},
	{Name: "device.first_seen_days", Type: Int, Doc: "days since the issuer first saw this device; 0: never before today"},

	{Name: "holder.ref", Type: String},
	{Name: "holder.home_country", Type: String},
	{Name: "holder.phone_changed_days", Type: Int, Doc: "age of the phone number on file"},
	{Name: "holder.email_changed_days", Type: Int},
	{Name: "holder.address_changed_days", Type: Int},
	{Name: "holder.creds_reset_days", Type: Int, Doc: "days since the app's credentials were reset"},
	{Name: "holder.channels", Type: Strings, Enum: []string{"sms", "email", "app", "call"}, Doc: "channels by which the holder can be reached"},
	{Name: "holder.test", Type: Bool},

	{Name: "session.in_app", Type: Bool},
	{Name: "session.sca", Type: Bool, Doc: "strong customer authentication was performed for this request"},
	{Name: "session.sca_age_s", Type: Int},
	{Name: "session.sca_method", Type: String},
	{Name: "session.passcode_match", Type: Bool},

	{Name: "vel.attempts_card_1h", Type: Int},
	{Name: "vel.attempts_card_24h", Type: Int},
	{Name: "vel.attempts_card_device_72h", Type: Int},
	{Name: "vel.devices_card_30d", Type: Int, Doc: "distinct devices"},
	{Name: "vel.cards_device_24h", Type: Int, Doc: "distinct cards"},
	{Name: "vel.names_device_30d", Type: Int, Doc: "distinct cardholders"},
	{Name: "vel.tokens_card_active", Type: Int},
	{Name: "vel.readds_card_30d", Type: Int, Doc: "attempts on a device that had the card before"},
	{Name: "vel.readds_card_180d", Type: Int},
	{Name: "vel.cvv_fail_card_24h", Type: Int},
	{Name: "vel.declines_device_24h", Type: Int, Doc: "external failures only, never our own declines"},
	{Name: "vel.cards_requestor_10m", Type: Int, Doc: "distinct cards"},
	{Name: "vel.decline_rate_bin_10m", Type: Float, Doc: "share of external failures, 0 to 1"},

	{Name: "region.sca_required", Type: Bool},

	{Name: "label.kind", Type: String, Enum: []string{"fraud", "genuine", "unknown"}, Label: true},
	{Name: "label.at", Type: Time, Label: true},
	{Name: "label.loss", Type: Int, Label: true, Doc: "minor units"},
}
