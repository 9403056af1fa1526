package grant_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/issuant/issuant/internal/grant"
)

var now = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func claims() grant.Claims {
	return grant.Claims{
		ID: grant.IDOf("d"), DecisionID: "d", CardRef: "c", Network: "visa", Wallet: grant.GooglePay,
		Account: grant.Bind("d", "account", "a"), Device: grant.Bind("d", "device", "x"), IssuedAt: now, Expires: now.Add(grant.MaxLife),
	}
}

func Example() {
	g, err := grant.New(claims())
	fmt.Println(g, g.CardRef(), grant.Take(g), grant.Take(g), err)
	// Output: [grant] c true false <nil>
}

func TestNewRefusesClaimsThatNoGrantHas(t *testing.T) {
	for name, change := range map[string]func(*grant.Claims){
		"no id": func(c *grant.Claims) { c.ID = "" }, "another id": func(c *grant.Claims) { c.ID = grant.IDOf("e") },
		"no decision": func(c *grant.Claims) { c.DecisionID, c.ID = "", grant.IDOf("") },
		"no card":     func(c *grant.Claims) { c.CardRef = "" }, "no network": func(c *grant.Claims) { c.Network = "" },
		"long card": func(c *grant.Claims) { c.CardRef = strings.Repeat("c", grant.MaxText+1) }, "card with a quote": func(c *grant.Claims) { c.CardRef = `c"` },
		"method with a blank": func(c *grant.Claims) { c.Method = "a b" }, "no wallet": func(c *grant.Claims) { c.Wallet = "" },
		"no account": func(c *grant.Claims) { c.Account = "" }, "no device": func(c *grant.Claims) { c.Device = "" }, "a nonce": func(c *grant.Claims) { c.Nonce = c.Device },
		"an id in the place of its digest": func(c *grant.Claims) { c.Account = "walletaccount0000000001" },
		"Apple Pay without nonce":          func(c *grant.Claims) { c.Wallet, c.Account = grant.ApplePay, "" },
		"Apple Pay with account":           func(c *grant.Claims) { c.Wallet, c.Nonce = grant.ApplePay, c.Device },
		"Apple Pay with a bare device": func(c *grant.Claims) {
			c.Wallet, c.Account, c.Nonce, c.Device = grant.ApplePay, "", c.Account, "x"
		},
		"longer than five minutes": func(c *grant.Claims) { c.Expires = c.Expires.Add(time.Second) },
		"no life":                  func(c *grant.Claims) { c.Expires = c.IssuedAt }, "half seconds": func(c *grant.Claims) { c.IssuedAt = now.Add(time.Millisecond) },
	} {
		c := claims()
		change(&c)
		if g, err := grant.New(c); err == nil || g != nil || strings.Contains(err.Error(), "walletaccount") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDigestsTellDecisionsFieldsAndValuesApart: no two that differ are equal, however
// the texts are cut.
func TestDigestsTellDecisionsFieldsAndValuesApart(t *testing.T) {
	seen := map[string]string{}
	for _, d := range []string{"a", "ab", `a","b`, "b"} {
		for _, f := range []string{"account", "device", "nonce", "id"} {
			for _, v := range []string{"", "x", `x"`, "b", `b","x`} {
				sum := grant.Bind(d, f, v)
				if sum == "" && v == "" && f != "id" {
					continue // nothing bound
				}
				what := fmt.Sprintf("%q", []string{d, f, v})
				if other, ok := seen[sum]; ok || len(sum) != 64 {
					t.Errorf("%s and %s have the digest %q", what, other, sum)
				}
				seen[sum] = what
			}
		}
	}
}

func TestTheZeroGrantPermitsNothing(t *testing.T) {
	for name, g := range map[string]*grant.Grant{"nil": nil, "zero": {}} {
		if _, ok := grant.Of(g); ok || grant.Take(g) || grant.Taken(g) || g.ID()+g.DecisionID()+g.CardRef()+g.Network()+g.Wallet()+g.Method() != "" ||
			!g.Expires().IsZero() || !g.IssuedAt().IsZero() {
			t.Error(name)
		}
	}
}

func TestOneOfManyTakes(t *testing.T) {
	g, err := grant.New(claims())
	if err != nil {
		t.Fatal(err)
	}
	var taken atomic.Int64
	var all sync.WaitGroup
	for range 64 {
		own := *g
		all.Go(func() {
			if grant.Take(&own) {
				taken.Add(1)
			}
		})
	}
	all.Wait()
	if taken.Load() != 1 || !grant.Taken(g) {
		t.Errorf("%d took it", taken.Load())
	}
}
