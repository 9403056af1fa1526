package pismo

import (
	"sort"
	"strings"

	"github.com/issuant/issuant/rules"
)

// fieldsOfPage are set from Pismo's own members, whatever the network.
var fieldsOfPage = []string{
	"id", "at", "kind", "adapter", "tenant", "schema", "token.ref", "token.network",
	"card.ref", "card.last4", "card.program", "card.bin", "card.type", "card.status", "card.stage",
	"card.combo_status", "card.codes", "card.expired", "card.expiry_match", "verify.cvv",
}

// fieldsOfNetworks are set from what both networks send.
var fieldsOfNetworks = []string{
	"token.requestor_id", "token.requestor", "token.type", "token.channel", "token.source",
	"wallet.recommendation", "wallet.device_score", "wallet.account_score", "wallet.reasons", "wallet.account_ref",
	"network_risk.score", "network_risk.scale",
	"device.ref", "device.type", "device.os", "device.ip", "device.lat", "device.lon", "vel.tokens_card_active",
}

// Fields returns the names of the event fields that Decode can set for a brand,
// "vts" or "mdes", sorted; for another brand, those of Pismo's own members.
func Fields(brand string) []string {
	fields := append([]string(nil), fieldsOfPage...)
	switch brand {
	case brandVisa:
		fields = append(fields, fieldsOfNetworks...)
		fields = append(fields, "verify.avs_postal", "verify.avs_street", "device.language")
	case brandMastercard:
		fields = append(fields, fieldsOfNetworks...)
		fields = append(fields, "wallet.phone_score", "wallet.model_version", "network_risk.reasons")
	}
	sort.Strings(fields)
	return fields
}

// Gathered returns what a caller can usually find out by itself: counts, the
// holder, the session, the region, and what the issuer knows of its own card and
// of the device. A name that ends in ".*" stands for a group.
func Gathered() []string {
	return []string{
		"vel.*", "holder.*", "session.*", "region.*", "sandbox",
		"card.issued_at", "card.age_days", "card.expired", "card.expiry_match", "card.tokenizable", "verify.name_match",
		"device.bound", "device.bound_days", "device.first_seen_days", "device.country", "device.ip_country", "device.ip_kind",
		"device.phone_ref", "device.phone_last4", "wallet.first_seen_days",
	}
}

// Unjudged names a rule that reads fields which no request of a brand can carry.
type Unjudged struct {
	Rule    string   // rule id
	Missing []string // those fields, in the order of the schema
	Never   bool     // the rule reads no other field: it can never be judged
}

// Unjudgeable returns the rules of a pack that read fields which neither Decode
// sets for the brand nor the caller gathers, in the order of the pack. A rule
// whose Never is false may still be judged by its other fields.
func Unjudgeable(p *rules.Pack, brand string, gathered ...string) []Unjudged {
	have := setOf(append(Fields(brand), gathered...)...)
	can := func(name string) bool {
		group, _, _ := strings.Cut(name, ".")
		return have[name] || have[group+".*"]
	}
	var out []Unjudged
	for i, r := range p.Manifest().Rules {
		fields := p.Condition(i).Fields()
		u := Unjudged{Rule: r.ID}
		for _, f := range fields {
			if name := p.Schema().Field(f).Name; !can(name) {
				u.Missing = append(u.Missing, name)
			}
		}
		u.Never = len(u.Missing) == len(fields)
		if len(u.Missing) > 0 {
			out = append(out, u)
		}
	}
	return out
}
