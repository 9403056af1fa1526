package applepay_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/crypto/provision/applepay"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/mastercard"
	"github.com/issuant/issuant/internal/appletest"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/grant"
)

// grantFor is a grant that binds a nonce, as an engine's decision would give it.
func grantFor(tb testing.TB, decision, nonce string) *provision.Grant {
	tb.Helper()
	g, err := grant.New(grant.Claims{
		ID: grant.IDOf(decision), DecisionID: decision, CardRef: "k1:card-a", Network: "mastercard", Wallet: grant.ApplePay,
		Nonce: grant.Bind(decision, "nonce", nonce), IssuedAt: appletest.Now, Expires: appletest.Now.Add(5 * time.Minute),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// TestAGrantBuildsAndActivates: one payload each, for the nonce or the token that the
// grant names, and for no other.
func TestAGrantBuildsAndActivates(t *testing.T) {
	w := newWorld(t)
	pay := newPay(t, w.chain, map[card.Network]applepay.Network{card.Mastercard: plain(mastercardActivator(t, mastercard.UnverifiedTAV2, 0))})
	spent, err := provision.NewMemory(provision.MemoryOptions{StartedAt: appletest.Now})
	if err != nil {
		t.Fatal(err)
	}
	ports := provision.Ports{Cards: provision.NewCards(map[string]card.Card{"k1:card-a": *goodCard(t)}), Spent: spent}
	push := applepay.Target{Pay: pay, Network: card.Mastercard, CardRef: "k1:card-a", Request: w.request(t)}
	data, record, err := provision.Build(ctx, grantFor(t, "d-1", "9c023092"), push, ports, appletest.Now)
	if err != nil || !strings.Contains(string(w.open(t, data)), `"nonce":"9c023092"`) || strings.Join(record.Formats, " ") != "apple-ev-ecc-v2 apple-plain-pan unverified-mastercard-tav-2" {
		t.Errorf("%v %v", record, err)
	}
	const ref = "DNITHE382004045624378401"
	activate := applepay.ActivationTarget{Pay: pay, Network: card.Mastercard, CardRef: "k1:card-a", TokenRef: ref}
	g := grantFor(t, "d-2", applepay.TokenNonce(ref))
	a, record, err := provision.Build(ctx, g, activate, ports, appletest.Now)
	if err != nil || !strings.Contains(string(a.Data), `"tokenUniqueReferenceIncluded":"true"`) || strings.Join(record.Formats, " ") != "unverified-mastercard-tav-2" {
		t.Errorf("%v %v", record, err)
	}
	if a, _, err := provision.Build(ctx, g, activate, ports, appletest.Now); !errors.Is(err, provision.ErrGrantSpent) || a != nil {
		t.Errorf("a second time: %v", err)
	}
	for what, nonce := range map[string]string{"a nonce": "9c023092", "another token": applepay.TokenNonce(ref + "0"), "the bare reference": ref} {
		if a, _, err := provision.Build(ctx, grantFor(t, "d-"+nonce, nonce), activate, ports, appletest.Now); !errors.Is(err, provision.ErrGrantBound) || a != nil {
			t.Errorf("a grant for %s: %v", what, err)
		}
	}
	for what, target := range map[string]provision.Target[*applepay.PassData]{
		"no networks": applepay.Target{Network: card.Mastercard, CardRef: "k1:card-a", Request: w.request(t)},
		"no request":  applepay.Target{Pay: pay, Network: card.Mastercard, CardRef: "k1:card-a"},
	} {
		if d, _, err := provision.UnsafeBuild(ctx, goodCard(t), target, appletest.Now); code.Of(err) == code.OK || code.Of(err) == code.Internal || d != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if a, _, err := provision.UnsafeBuild(ctx, goodCard(t), applepay.ActivationTarget{Network: card.Mastercard, TokenRef: ref}, appletest.Now); code.Of(err) != code.Network || a != nil {
		t.Errorf("no networks: %v", err)
	}
	if text := fmt.Sprint(record, string(record.AppendJSON(nil))); strings.Contains(text, "5123456789012346") || strings.Contains(text, ref) {
		t.Errorf("a record tells too much: %s", text)
	}
}
