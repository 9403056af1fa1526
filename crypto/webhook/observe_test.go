package webhook_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/webhook"
)

func observing(t *testing.T, checks ...webhook.Check) *webhook.Verifier {
	t.Helper()
	return verifier(t, func(o *webhook.PismoOptions) {
		o.UnsafeObserve, o.ObserveMaxAge = checks, 0
	})
}

// TestObservedChecksAcceptAndTell: what is observed is accepted and named; what is
// not stays refused.
func TestObservedChecksAcceptAndTell(t *testing.T) {
	old := func(age time.Duration) *message { return good().set("iat", num(at.Add(-age).Unix())) }
	limit := webhook.DefaultMaxAge + webhook.DefaultSkew
	bound := webhook.MaxMaxAge + webhook.DefaultSkew
	all := webhook.Checks()
	for name, c := range map[string]struct {
		m       *message
		observe []webhook.Check
		want    string // result, and what was observed
	}{
		"fresh":                     {good(), all, "ok []"},
		"at the limit":              {old(limit), all, "ok []"},
		"over the limit":            {old(limit + time.Second), all, "ok [max_age]"},
		"at the bound":              {old(bound), all, "ok [max_age]"},
		"over the bound":            {old(bound + time.Second), all, "stale []"},
		"old, not observed":         {old(limit + time.Second), all[1:], "stale []"},
		"expired":                   {good().set("exp", num(at.Unix()-60)), all, "stale []"},
		"dated ahead":               {good().set("iat", num(at.Unix()+61)), all, "stale []"},
		"not before":                {good().set("nbf", num(at.Unix()+61)), all, "stale []"},
		"other account":             {good().set("account-id", "1"), all, "ok [account]"},
		"no account":                {good().del("account-id"), all, "ok [account]"},
		"account that is no number": {good().set("account-id", `"x"`), all, "claims []"},
		"account, not observed":     {good().set("account-id", "1"), []webhook.Check{webhook.CheckMaxAge}, "claims []"},
		"other subject":             {good().set("sub", `"other"`), all, "ok [subject]"},
		"no subject":                {good().del("sub"), all, "claims []"},
		"subject, not observed":     {good().set("sub", `"other"`), []webhook.Check{webhook.CheckAccount}, "claims []"},
		"other issuer":              {good().set("iss", `"other"`), all, "claims []"},
		"body hash":                 {good().set("body-hash", quote(bodyHash("x"))), all, "body_hash []"},
		"three at once":             {old(time.Hour).set("sub", `"o"`).set("account-id", "1"), all, "ok [subject account max_age]"},
	} {
		m, err := observing(t, c.observe...).Open(c.m.request(t), []byte(c.m.body), at)
		seen := []string{}
		if err == nil {
			seen = append(seen, m.Observed()...)
		}
		if got := fmt.Sprint(result(err), " ", seen); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestObserveNeverOpensAForgery: with everything observed a changed signature is
// still refused.
func TestObserveNeverOpensAForgery(t *testing.T) {
	m := good()
	m.edit = func(token string) string { return token[:len(token)-8] + "AAAAAAAA" }
	if got := open(t, observing(t, webhook.Checks()...), m); got != "signature" {
		t.Errorf("result %s", got)
	}
}

// TestObservedAgeIsWhatAMemoryMustKeep: a message that is accepted although it is
// old must be remembered as long as it would be accepted again.
func TestObservedAgeIsWhatAMemoryMustKeep(t *testing.T) {
	if v := observing(t); v.MaxAge() != webhook.DefaultMaxAge {
		t.Errorf("MaxAge %v", v.MaxAge())
	}
	if v := observing(t, webhook.CheckMaxAge); v.MaxAge() != webhook.DefaultObserveMaxAge {
		t.Errorf("MaxAge %v", v.MaxAge())
	}
	v := verifier(t, func(o *webhook.PismoOptions) {
		o.UnsafeObserve, o.ObserveMaxAge = []webhook.Check{webhook.CheckMaxAge}, time.Hour
	})
	if v.MaxAge() != time.Hour {
		t.Errorf("MaxAge %v", v.MaxAge())
	}
	old := good().set("iat", num(at.Add(-time.Hour-webhook.DefaultSkew-time.Second).Unix()))
	if got := open(t, v, old); got != "stale" {
		t.Errorf("result %s", got)
	}
}

func TestChecksThatProveTheSenderCannotBeObserved(t *testing.T) {
	for _, name := range []string{"signature", "body_hash", "algorithm", "key", "exp", "claims", "stale", "MAX_AGE", ""} {
		_, err := webhook.ParseCheck(name)
		if !errors.Is(err, webhook.ErrOptions) || !strings.Contains(err.Error(), "max_age") {
			t.Errorf("ParseCheck(%q): %v", name, err)
		}
	}
	for _, c := range webhook.Checks() {
		if got, err := webhook.ParseCheck(string(c)); got != c || err != nil {
			t.Errorf("ParseCheck(%q): %q %v", c, got, err)
		}
	}
	keys := ring(t, x509Map(t))
	age := []webhook.Check{webhook.CheckMaxAge}
	for name, o := range map[string]webhook.PismoOptions{
		"unknown check":          {UnsafeObserve: []webhook.Check{"signature"}},
		"bound without check":    {ObserveMaxAge: time.Hour},
		"bound below max_age":    {UnsafeObserve: age, ObserveMaxAge: time.Minute},
		"bound above a day":      {UnsafeObserve: age, ObserveMaxAge: webhook.MaxMaxAge + 1},
		"negative bound":         {UnsafeObserve: age, ObserveMaxAge: -1},
		"account where any goes": {UnsafeObserve: []webhook.Check{webhook.CheckAccount}, UnsafeAnyAccount: true},
	} {
		o.Keys = keys
		if !o.UnsafeAnyAccount {
			o.Accounts = []string{account}
		}
		if _, err := webhook.NewPismo(o); !errors.Is(err, webhook.ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
