package pismo

import "strings"

// reasonCodes maps the two-character reason codes of wallets, which Visa and
// Mastercard share from 01 to 0H, to canonical names (public pages of issuer
// processors; medium confidence). "00" stands for several good reasons at once
// and is kept verbatim. AI says that either the user or the device is not the
// intended one, so it gives both names.
var reasonCodes = map[string][2]string{
	"01": {"account_too_new_since_launch"},
	"02": {"account_too_new"},
	"03": {"account_card_too_new"},
	"04": {"account_recently_changed"},
	"05": {"suspicious_activity"},
	"06": {"inactive_account"},
	"07": {"has_suspended_tokens"},
	"08": {"device_recently_lost"},
	"09": {"too_many_recent_attempts"},
	"0A": {"too_many_recent_tokens"},
	"0B": {"too_many_different_cardholders"},
	"0C": {"low_device_score"},
	"0D": {"low_account_score"},
	"0E": {"outside_home_territory"},
	"0F": {"unable_to_assess"},
	"0G": {"high_risk"},
	"0H": {"low_phone_number_score"},
	"AG": {"defer_idv"},
	"AH": {"data_expired"},
	"AI": {"provisioning_device_mismatch", "provisioning_cardholder_mismatch"},
	"AL": {"provisioning_device_mismatch"},
	"AM": {"provisioning_cardholder_mismatch"},
	"AN": {"same_device_no_prior_authentication"},
	"AO": {"same_device_successful_prior_authentication"},
}

// reasonNames are the names that networks send in words, in any case.
var reasonNames = namesOf(reasonCodes,
	"long_account_tenure", "good_activity_history", "additional_device", "software_update",
	"provisioning_device_and_cardholder_mismatch", "network_service_error")

func namesOf(codes map[string][2]string, more ...string) map[string]bool {
	set := make(map[string]bool, len(codes)+len(more))
	for _, names := range codes {
		for _, name := range names {
			if name != "" {
				set[name] = true
			}
		}
	}
	for _, name := range more {
		set[name] = true
	}
	return set
}

// canonicalReasons returns the canonical names of one reason, and whether it is
// known; an unknown one is returned as it is, because networks add codes without notice.
func canonicalReasons(reason string) (names [2]string, known bool) {
	if n, ok := reasonCodes[reason]; ok {
		return n, true
	}
	if lower := strings.ToLower(reason); reasonNames[lower] {
		return [2]string{lower}, true
	}
	return [2]string{reason}, false
}
