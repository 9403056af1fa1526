package outbound_test

import (
	"errors"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/internal/testutil"
)

// TestInFIPSOnlyMode: signatures are made; MLE refuses with a code; nothing panics.
func TestInFIPSOnlyMode(t *testing.T) {
	if !testutil.InFIPSOnly(t) {
		return
	}
	text := "a shared secret that is long enough for every hash, HS512 among them, I hope"
	key := parseKey(t, mustVectorKey(t))
	now := time.Unix(1700000000, 0)
	for _, in := range []input{
		{Scheme: "x_pay_token", Secret: text, Path: "p", Query: "a=b", Body: []byte("{}")},
		{Scheme: "oauth1", Method: "POST", URL: "https://api.mastercard.com/", Nonce: "0123456789abcdef", ConsumerKey: "key", Body: []byte("{}")},
		{Scheme: "mea_secret", Key: []byte("0123456789abcdef"), KeyID: "68e05e04-a54d-479c-a85f-b7f6c7531598", TraceID: "e06bd3df-4a75-4cae-baeb-094ef965e129"},
		{Scheme: "site_security", Values: []string{"GBP"}, Secret: text},
		{Scheme: "trust_jwt", Alg: "HS512", User: "u", Payload: "{}", Secret: text},
		{Scheme: "basic", User: "u", Secret: text},
	} {
		if _, err := run(t, key, in, now); err != nil {
			t.Errorf("%s: %v", in.Scheme, err)
		}
	}
	m := newMLE(t, "")
	if _, err := m.Seal([]byte("{}"), now); !errors.Is(err, jose.ErrFIPS) {
		t.Errorf("MLE: %v", err)
	}
}
