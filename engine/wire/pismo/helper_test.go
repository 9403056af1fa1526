package pismo_test

import (
	"sync"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/engine/wire/pismo"
	"github.com/issuant/issuant/rules"
)

var testNow = time.Unix(1780000000, 0).UTC()

type signing struct {
	sender   *enginetest.PismoSender
	verifier *webhook.Verifier
}

var pair = sync.OnceValue(func() signing {
	sender, err := enginetest.NewPismoSender(testNow)
	if err != nil {
		panic(err)
	}
	ring, err := keyring.NewRing(sender.Key())
	if err != nil {
		panic(err)
	}
	v, err := webhook.NewPismo(webhook.PismoOptions{Keys: ring, UnsafeAnyAccount: true, MaxBody: 4 << 20})
	if err != nil {
		panic(err)
	}
	return signing{sender, v}
})

// signed makes a verified message the only way there is: it signs and opens.
func signed(tb testing.TB, body []byte, account string, at time.Time) *webhook.Message {
	tb.Helper()
	token := pair().sender.Sign(body, at, enginetest.Claims{"account-id": account})
	m, err := pair().verifier.Open(map[string][]string{webhook.PismoHeader: {token}}, body, at)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func message(tb testing.TB, body string) *webhook.Message {
	return signed(tb, []byte(body), enginetest.PismoAccount, testNow)
}

func testKey(tb testing.TB) secret.RefKey {
	tb.Helper()
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(i)
	}
	ref, err := secret.NewRefKey("t1", key)
	if err != nil {
		tb.Fatal(err)
	}
	return ref
}

func testConfig(tb testing.TB) pismo.Config {
	return pismo.Config{
		RefKey: testKey(tb),
		SMS:    &pismo.SMS{},
		Call:   &pismo.Call{Number: "+551130039500"},
		Apps:   []pismo.App{{URL: "com.btg.pactual.banking://wallet", Platform: pismo.IOS}},
	}
}

func newCodec(tb testing.TB, change ...func(*pismo.Config)) *pismo.Codec {
	tb.Helper()
	cfg := testConfig(tb)
	for _, f := range change {
		f(&cfg)
	}
	c, err := pismo.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// decode fails the test unless the body decodes.
func decode(tb testing.TB, c *pismo.Codec, body string) *engine.Decoded {
	tb.Helper()
	d, err := c.Decode(message(tb, body))
	if err != nil {
		tb.Fatalf("%v\n%s", err, body)
	}
	return d
}

// emptyPack has no rules: what an outcome is then comes from the codec's guards,
// the engine's own guards and the wallet's floor alone.
func emptyPack(tb testing.TB) *rules.Pack {
	tb.Helper()
	p, err := rules.NewPack(&rules.Manifest{
		Name: "empty", Version: "1", Schema: rules.EventV1(), Default: rules.Green, OnError: rules.Yellow,
		StepUp: []string{"call", "sms", "app"}, TenuredDays: 30, MaxCost: rules.DefaultMaxCost,
	}, nil, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// answer decodes, decides with the empty pack and encodes.
func answer(tb testing.TB, c *pismo.Codec, body string) string {
	tb.Helper()
	e, err := engine.New(emptyPack(tb), engine.Options{Methods: c.Methods()})
	if err != nil {
		tb.Fatal(err)
	}
	ev := decode(tb, c, body).Event
	reply, err := c.Encode(ev, e.Decide(ev, testNow))
	if err != nil {
		tb.Fatal(err)
	}
	return string(reply.Body)
}
