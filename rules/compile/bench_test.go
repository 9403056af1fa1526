package compile_test

import (
	"os"
	"testing"
	"time"

	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
)

// sparse is about what a codec knows of a provisioning request before facts are
// gathered; dense has the gathered facts as well.
var (
	sparse = map[string]any{
		"id": "e1", "kind": "authorize", "token.network": "visa", "token.requestor": "apple_pay", "token.source": "manual",
		"token.channel": "wallet", "token.type": "device", "card.status": "normal", "card.type": "PLASTIC",
		"wallet.recommendation": "step_up", "wallet.device_score": 4, "wallet.account_score": 5,
		"wallet.reasons": []string{"account_too_new"}, "card.codes": []string{"FRB", "BNB"},
		"card.expired": false, "verify.cvv": "match", "network_risk.score": 20, "network_risk.scale": "visa_0_99",
	}
	dense = map[string]any{
		"vel.cards_device_24h": 1, "vel.devices_card_30d": 1, "vel.readds_card_30d": 0, "vel.readds_card_180d": 1,
		"vel.cvv_fail_card_24h": 0, "vel.declines_device_24h": 0, "vel.decline_rate_bin_10m": 0.1, "vel.cards_requestor_10m": 3,
		"vel.attempts_card_device_72h": 1, "vel.names_device_30d": 1, "device.country": "BR", "holder.home_country": "BR",
		"device.ip_kind": "res", "device.bound": true, "device.first_seen_days": 90, "holder.phone_changed_days": 400,
		"holder.creds_reset_days": 300, "session.in_app": true, "session.sca": true, "session.sca_age_s": 20,
		"region.sca_required": true, "verify.name_match": "full", "card.ref": "k1:c", "device.ref": "k1:d", "wallet.account_ref": "k1:a",
		"token.requestor_id": "40010030273", "card.stage": "unblocked", "card.tokenizable": true,
	}
)

func benchFacts(b *testing.B, sets ...map[string]any) *rules.Facts {
	f := rules.NewFacts(rules.EventV1())
	for _, set := range sets {
		for name, v := range set {
			if err := f.Set(name, v); err != nil {
				b.Fatal(err)
			}
		}
	}
	return f
}

func starterPack(b *testing.B) *rules.Pack {
	p, err := compile.FS(os.DirFS("../starter"), compile.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func BenchmarkRun(b *testing.B) {
	p := starterPack(b)
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for _, bc := range []struct {
		name  string
		facts *rules.Facts
	}{{"event=sparse", benchFacts(b, sparse)}, {"event=dense", benchFacts(b, sparse, dense)}} {
		b.Run("pack=starter/"+bc.name, func(b *testing.B) {
			b.ReportAllocs()
			var run rules.Run
			for b.Loop() {
				p.RunInto(&run, bc.facts, now)
			}
			for _, n := range run.Notes {
				if n.Truth == rules.Error {
					b.Fatal("a rule failed")
				}
			}
			b.ReportMetric(float64(len(p.Manifest().Rules)), "rules")
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	fsys := os.DirFS("../starter")
	for b.Loop() {
		if _, err := compile.FS(fsys, compile.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	bin := starterPack(b).Encode()
	b.SetBytes(int64(len(bin)))
	for b.Loop() {
		if _, err := compile.Load(bin); err != nil {
			b.Fatal(err)
		}
	}
}
