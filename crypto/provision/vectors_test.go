package provision_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/vectorfile"
)

// TestGrantVectors runs testdata/vectors/grants.json, which Python wrote.
func TestGrantVectors(t *testing.T) {
	f := vectorfile.Load(t, "/testdata/vectors/grants.json")
	if f.Kind != "grant" {
		t.Fatalf("it is of the kind %q", f.Kind)
	}
	var setup struct {
		Keys     json.RawMessage `json:"keys"`
		Audience string          `json:"audience"`
	}
	vectorfile.Into(t, f.Setup, &setup)
	keys, warnings, err := source.ParseJWKS(setup.Keys)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	ring, err := keyring.NewRing(keys...)
	must(t, err)
	for _, c := range f.Cases {
		var in struct {
			Token string `json:"token"`
		}
		vectorfile.Into(t, c.Input, &in)
		g, err := provision.OpenGrant(in.Token, ring, setup.Audience, time.UnixMilli(c.NowMS))
		if got := code.Of(err).String(); got != c.Expect || (g == nil) != (err != nil) {
			t.Errorf("%s: %s (%v), want %s", c.ID, got, err, c.Expect)
			continue
		}
		if c.Expect != "ok" {
			continue
		}
		var want, got struct {
			ID         string `json:"id"`
			DecisionID string `json:"decision_id"`
			CardRef    string `json:"card_ref"`
			Network    string `json:"network"`
			Wallet     string `json:"wallet"`
			Method     string `json:"method"`
			IssuedAt   int64  `json:"issued_at"`
			Expires    int64  `json:"expires"`
		}
		vectorfile.Into(t, c.Want, &want)
		got.ID, got.DecisionID, got.CardRef, got.Network = g.ID(), g.DecisionID(), g.CardRef(), g.Network()
		got.Wallet, got.Method, got.IssuedAt, got.Expires = g.Wallet(), g.Method(), g.IssuedAt().Unix(), g.Expires().Unix()
		if got != want {
			t.Errorf("%s: %+v, want %+v", c.ID, got, want)
		}
	}
}
