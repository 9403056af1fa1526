package pismo_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/wire/pismo"
)

const (
	testAccount = "98665386"
	testIAT     = 1780000000
)

var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

var verifier = sync.OnceValue(func() *webhook.Verifier {
	ring, err := keyring.NewRing(keyring.Key{ID: "k", Use: keyring.UseVerify, Public: &signingKey().PublicKey})
	if err != nil {
		panic(err)
	}
	v, err := webhook.NewPismo(webhook.PismoOptions{Keys: ring, UnsafeAnyAccount: true, MaxBody: 4 << 20})
	if err != nil {
		panic(err)
	}
	return v
})

// signed makes a verified message the only way there is: it signs and opens.
func signed(tb testing.TB, body []byte, account string, iat int64) *webhook.Message {
	tb.Helper()
	hash := sha256.Sum256(body)
	claims, err := json.Marshal(map[string]any{
		"iss": webhook.PismoIssuer, "sub": webhook.PismoSubject, "account-id": account,
		"iat": iat, "exp": iat + 864000, "body-hash": base64.StdEncoding.EncodeToString(hash[:]),
	})
	if err != nil {
		tb.Fatal(err)
	}
	token, err := jose.SignRS256(signingKey(), "k", claims)
	if err != nil {
		tb.Fatal(err)
	}
	m, err := verifier().Open(map[string][]string{webhook.PismoHeader: {token}}, body, time.Unix(iat, 0))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func message(tb testing.TB, body string) *webhook.Message {
	return signed(tb, []byte(body), testAccount, testIAT)
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
