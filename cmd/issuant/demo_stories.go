package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/issuant/issuant/engine/enginetest"
)

// facts are event facts by name, as an issuer's own systems would supply them.
type facts map[string]any

// story is one webhook of the demo and what must come of it.
type story struct {
	name     string
	body     []byte
	gathered facts // beside velocity, which the demo's own window counts
	past     int   // other cards that were tried on the same device just before
	blind    bool  // velocity is not counted either
	send     func(d *demo, s *story) (body []byte, header map[string]string)
	clock    time.Duration // the demo's clock is put forward before it is sent

	why string // what a refusal means here; "" = what it always means

	status                   int
	outcome, action, refusal string
}

// chapter is a run of stories under one heading.
type chapter struct {
	title   string
	gathers string // what all its stories are told beside the request
	stories []*story
}

// seedBody is the body of the request that Pismo's page prints beside its Go
// sample, byte for byte.
const seedBody = `{
    "card":{
        "id": 134142,
        "type": "PLASTIC"
    },
    "combo_card": null,
    "token_id": 432,
    "network_brand": "vts",
    "custom_codes": ["FRB", "BNB"],
    "original_network_data": {}
}`

// object is a JSON object that is still to be written; its members are sorted then.
type object = map[string]any

// visa is a clean push from the issuer's app into Apple Pay, as Visa's request has it.
func visa(token int) object {
	return object{
		"token_id": token, "network_brand": "vts", "custom_codes": []string{}, "combo_card": object{"status": "normal"},
		"card": object{"id": 134000 + token, "type": "PLASTIC", "program_id": 1234, "bin": "412345", "status": "normal", "stage": "unblocked"},
		"original_network_data": object{
			"tokenRequestorID": "40010030273", "panSource": "MOBILE_BANKING_APP", "cvv2ResultsCode": "P",
			"walletAccountEmailAddressHash": fmt.Sprintf("9f86d081884c7d65%08d", token),
			"tokenInfo":                     object{"tokenType": "SECURE_ELEMENT", "numberOfActiveTokensForPAN": 1},
			"deviceInfo":                    object{"deviceID": fmt.Sprintf("DEMODEVICE%08d", token), "deviceType": "MOBILE_PHONE", "osType": "IOS", "deviceLanguageCode": "por"},
			"riskInformation": object{
				"visaTokenDecisioning": "00", "walletProviderDeviceScore": "5", "walletProviderAccountScore": "5",
				"walletProviderReasonCodes": []string{}, "visaTokenScore": "12",
			},
		},
	}
}

// mastercard is the same push as Mastercard's request has it.
func mastercard(token int) object {
	o := visa(token)
	o["network_brand"] = "mdes"
	o["card"].(object)["bin"] = "512345"
	o["original_network_data"] = object{
		"tokenRequestorId": "50110030273", "tokenType": "EMBEDDED_SE", "activeTokenCount": 1,
		"accountIdHash":            fmt.Sprintf("9f86d081884c7d65%08d", token),
		"fundingAccountInfo":       object{"fundingAccountData": object{"source": "ACCOUNT_ADDED_VIA_APPLICATION"}},
		"deviceInfo":               object{"formFactor": "PHONE", "osName": "IOS", "serialNumber": fmt.Sprintf("DEMODEVICE%08d", token)},
		"securityServicesInsights": object{"riskScore": 12, "reasons": []string{}},
		"walletProviderDecisioningInfo": object{
			"recommendedDecision": "APPROVED", "deviceScore": "5", "accountScore": "5", "phoneNumberScore": "5",
			"recommendationReasons": []string{}, "recommendationStandardVersion": "1",
		},
	}
	return o
}

// change sets a member by its path.
func change(o object, value any, path ...string) object {
	at := o
	for _, name := range path[:len(path)-1] {
		at = at[name].(object)
	}
	at[path[len(path)-1]] = value
	return o
}

func network(o object, value any, path ...string) object {
	return change(o, value, append([]string{"original_network_data"}, path...)...)
}

func codes(o object, list ...string) object { return change(o, list, "custom_codes") }

func jsonText(o object) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(o); err != nil {
		panic(err) // the literals of this file are JSON
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// known is what an issuer knows of a cardholder in good standing: the request came
// from its own app, on a phone that it has known for long.
func known(more ...any) facts {
	f := facts{
		"card.tokenizable": true, "card.expired": false, "verify.cvv": "absent", "verify.name_match": "full",
		"device.bound": true, "device.first_seen_days": 200, "device.country": "BR", "device.ip_kind": "res",
		"holder.home_country": "BR", "holder.phone_changed_days": 700, "holder.creds_reset_days": 90,
		"holder.channels": []string{"app", "sms", "call"},
		"session.in_app":  true, "session.sca": true, "session.sca_age_s": 40, "region.sca_required": true,
	}
	for i := 0; i < len(more); i += 2 {
		f[more[i].(string)] = more[i+1]
	}
	return f
}

// decided is a story that ends with a decision; without gathered facts, velocity
// is not counted either.
func decided(name string, body []byte, gathered facts, outcome, action string) *story {
	return &story{name: name, body: body, gathered: gathered, blind: gathered == nil, status: 200, outcome: outcome, action: action}
}

// chapters are the stories of the demo, in the order in which they are told.
func chapters() []chapter {
	return []chapter{
		{"Only what the counterpart sends", "", findingStories()},
		{"With what the issuer's own systems know", chapterGathers, gatheredStories()},
		{"Turned away at the door", "", forgedStories()},
		{"Retries, replays and broken bodies", "", replayStories()},
	}
}

func findingStories() []*story {
	return []*story{
		decided("seed sample", []byte(seedBody), nil, "yellow", "85"),
		decided("expired card", jsonText(codes(visa(1001), "EXPCRD")), nil, "red", "54"),
		decided("failed CVV", jsonText(codes(visa(1002), "FR1")), nil, "red", "N7"),
		decided("anti-fraud refusal", jsonText(codes(visa(1003), "PFT")), nil, "red", "05"),
		decided("card not found", jsonText(codes(mastercard(1004), "998")), nil, "red", "14"),
		decided("unknown code", jsonText(codes(visa(1005), "ZZ9")), nil, "yellow", "85"),
		decided("CVV not checked (HSM)", jsonText(codes(visa(1006), "HSE")), nil, "yellow", "85"),
		decided("missing network data", jsonText(change(visa(1007), object{}, "original_network_data")), nil, "yellow", "85"),
		decided("lost card", jsonText(change(visa(1008), "lost", "card", "status")), nil, "red", "05"),
	}
}

func gatheredStories() []*story {
	burst := decided("seventh card on a phone", jsonText(visa(2010)), known(), "red", "05")
	burst.past = 6
	blind := decided("counting is down", jsonText(visa(2011)), known(), "yellow", "85")
	blind.blind = true
	return []*story{
		decided("clean in-app push", jsonText(visa(2001)), known(), "green", "00"),
		decided("clean push, Mastercard", jsonText(mastercard(2002)), known(), "green", "00"),
		decided("low device score", jsonText(network(visa(2003), "1", "riskInformation", "walletProviderDeviceScore")), known(), "red", "05"),
		decided("weak device score", jsonText(network(visa(2004), "2", "riskInformation", "walletProviderDeviceScore")), known(), "yellow", "85"),
		decided("card typed by hand", jsonText(network(visa(2005), "KEY_ENTERED", "panSource")),
			known("session.in_app", false, "device.bound", false), "yellow", "85"),
		decided("wallet declines", jsonText(network(visa(2006), "05", "riskInformation", "visaTokenDecisioning")), known(), "red", "05"),
		decided("high risk at Apple", jsonText(network(visa(2007), []string{"0G"}, "riskInformation", "walletProviderReasonCodes")), known(), "orange", "85"),
		decided("new number, new phone", jsonText(visa(2008)),
			known("holder.phone_changed_days", 2, "device.first_seen_days", 0, "device.bound", false), "orange", "85"),
		decided("recurring card in a phone", jsonText(change(visa(2009), "RECURRING", "card", "type")), known(), "yellow", "85"),
		burst,
		blind,
	}
}

func refused(name, refusal string, send func(d *demo, s *story) ([]byte, map[string]string)) *story {
	return &story{name: name, body: jsonText(visa(3000)), send: send, status: 401, refusal: refusal}
}

func signed(token string) map[string]string { return map[string]string{"X-Pismo-Sign": token} }

func forgedStories() []*story {
	list := []*story{
		refused("forged signature", "signature", func(d *demo, s *story) ([]byte, map[string]string) {
			return s.body, signed(d.forge(s.body))
		}),
		refused("tampered body", "body_hash", func(d *demo, s *story) ([]byte, map[string]string) {
			token := d.sender.Sign(s.body, d.clock(), nil)
			return bytes.Replace(s.body, []byte(`"custom_codes":[]`), []byte(`"custom_codes":["FRB"]`), 1), signed(token)
		}),
		refused("unknown kid", "key_unknown", func(d *demo, s *story) ([]byte, map[string]string) {
			return s.body, signed(d.stranger.Sign(s.body, d.clock(), nil))
		}),
		refused("algorithm none", "algorithm", func(d *demo, s *story) ([]byte, map[string]string) {
			return s.body, signed(d.unsigned(s.body))
		}),
		refused("no signature", "not_signed", func(d *demo, s *story) ([]byte, map[string]string) {
			return s.body, nil
		}),
		refused("another issuer's message", "claims", func(d *demo, s *story) ([]byte, map[string]string) {
			return s.body, signed(d.sender.Sign(s.body, d.clock(), enginetest.Claims{"account-id": json.Number("11111111")}))
		}),
		refused("stale token", "stale", func(d *demo, s *story) ([]byte, map[string]string) {
			return s.body, signed(d.sender.Sign(s.body, d.clock().Add(-time.Hour), nil))
		}),
	}
	list[5].why = "Signed by the right key, but for another account."
	list[6].why = "Genuine, but an hour old."
	return list
}

func replayStories() []*story {
	again := func(d *demo, s *story) ([]byte, map[string]string) { return d.first.body, d.first.header }
	retry := &story{name: "genuine retry", send: again, status: 200, action: "85", refusal: "repeat"}
	late := &story{name: "replay later", send: again, clock: 2 * time.Minute, status: 401, refusal: "replayed"}
	late.why = "Genuine, but it was answered two minutes ago."
	broken := &story{name: "undecodable body", body: []byte(`{"token_id":4001,"network_brand":"vts","card":"gold"}`), status: 200, action: "96", refusal: "decode"}
	large := &story{name: "too large", body: bytes.Repeat([]byte(" "), 300<<10), status: 413, refusal: "too_large"}
	return []*story{retry, late, broken, large}
}
