package rules_test

import (
	"testing"

	"github.com/issuant/issuant/rules"
)

// event970 is an event of 970 bytes as an adapter writes it.
const event970 = `{"id":"pismo:tn-01:8f14e45fceea167a5a36dedd4bea2543","at":"2026-11-23T10:00:00.25Z","kind":"authorize","adapter":"pismo","tenant":"tn-0a1b2c","schema":1,"token":{"ref":"432","network":"visa","requestor_id":"40010030273","requestor":"apple_pay","channel":"wallet","type":"device","source":"push_app"},"card":{"ref":"k1:5f1c9b2e7d","bin":"411111","last4":"1111","program":"1234","type":"PLASTIC","status":"normal","stage":"unblocked","age_days":412,"expired":false,"codes":["FRB","BNB"]},"verify":{"cvv":"match","avs_postal":"match"},"wallet":{"recommendation":"approve","device_score":5,"account_score":5,"reasons":["account_card_too_new"]},"network_risk":{"score":12,"scale":"visa_0_99"},"device":{"ref":"k1:04312ea9c1","type":"MOBILE_PHONE","os":"ios","ip":"203.0.113.7","lat":52.52,"lon":13.4,"country":"DE"},"vel":{"attempts_card_24h":1,"devices_card_30d":1,"cards_device_24h":1,"tokens_card_active":1,"decline_rate_bin_10m":0.01},"session":{"in_app":true}}`

func BenchmarkDecoder(b *testing.B) {
	body := []byte(event970)
	for _, c := range []struct {
		name string
		opt  rules.DecoderOptions
	}{
		{"fields=all", rules.DecoderOptions{}},
		{"fields=4", rules.DecoderOptions{Fields: []string{"card.bin", "card.status", "wallet.device_score", "vel.attempts_card_24h"}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			d := newDecoder(b, rules.EventV1(), c.opt)
			f := rules.NewFacts(rules.EventV1())
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := d.Decode(f, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
