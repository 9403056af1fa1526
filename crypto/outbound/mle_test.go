package outbound_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/outbound"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testkey"
	"github.com/issuant/issuant/internal/testutil"
)

func newMLE(t testing.TB, enc string) *outbound.MLE {
	t.Helper()
	key := testkey.RSA(t, "rsa2048-a")
	m, err := outbound.NewMLE(outbound.MLEOptions{KeyID: "a-key", Key: &key.PublicKey, Enc: enc, OpenKey: key})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMLEOpensWhatItSeals(t *testing.T) {
	for _, enc := range []string{"", jose.A128GCM, jose.A256GCM} {
		m := newMLE(t, enc)
		for _, body := range []string{"", "{}", strings.Repeat("é", 1000)} {
			sealed, err := m.Seal([]byte(body), time.Unix(1700000000, 5e6))
			if err != nil {
				t.Fatal(err)
			}
			var v map[string]string
			if err := json.Unmarshal(sealed, &v); err != nil || len(v) != 1 {
				t.Fatalf("%s %v", sealed, err)
			}
			jwe, err := jose.ParseJWE(v["encData"])
			if err != nil {
				t.Fatal(err)
			}
			want := `{"alg":"RSA-OAEP-256","enc":"` + jwe.Enc + `","kid":"a-key","iat":1700000000005}`
			if string(jwe.Header()) != want || enc != "" && jwe.Enc != enc || enc == "" && jwe.Enc != jose.A128GCM {
				t.Errorf("header %s", jwe.Header())
			}
			if got, err := m.Open(sealed); err != nil || string(got) != body {
				t.Errorf("%q %v", got, err)
			}
			if again, _ := m.Seal([]byte(body), time.Unix(1700000000, 0)); string(again) == string(sealed) {
				t.Error("two envelopes are the same")
			}
		}
	}
}

func TestMLEOpeningHasOneAnswer(t *testing.T) {
	m := newMLE(t, "")
	sealed, err := m.Seal([]byte("{}"), time.Unix(1700000000, 0))
	if err != nil {
		t.Fatal(err)
	}
	bad := []string{"", "null", "{}", `{"encData":1}`, `{"encdata":"x"}`, `{"encData":"a.b.c.d.e"}`, `{"encData":"x","encData":"y"}`, string(sealed) + "x"}
	for _, m := range testutil.Mutations(sealed, 500, 1) {
		bad = append(bad, string(m))
	}
	for _, s := range bad {
		plaintext, err := m.Open([]byte(s))
		if err == nil && string(plaintext) == "{}" {
			continue // the same message: a blank around it, say
		}
		if plaintext != nil || err == nil || err.Error() != outbound.ErrOpen.Error() || code.Of(err) != code.Decryption {
			t.Fatalf("%.60q: %v", s, err)
		}
	}
}

func TestMLERefusesOptions(t *testing.T) {
	good := testkey.RSA(t, "rsa2048-a")
	for what, o := range map[string]outbound.MLEOptions{
		"no key id":   {Key: &good.PublicKey},
		"a blank":     {KeyID: "a b", Key: &good.PublicKey},
		"no key":      {KeyID: "a"},
		"a weak key":  {KeyID: "a", Key: &testkey.RSA(t, "rsa1024").PublicKey},
		"another enc": {KeyID: "a", Key: &good.PublicKey, Enc: jose.A128CBCHS256},
		"our weak":    {KeyID: "a", Key: &good.PublicKey, OpenKey: testkey.RSA(t, "rsa1024")},
	} {
		if _, err := outbound.NewMLE(o); !errors.Is(err, outbound.ErrCredentials) {
			t.Errorf("%s: %v", what, err)
		}
	}
	m := newMLE(t, "")
	if _, err := m.Seal(make([]byte, outbound.MaxBody), time.Unix(1700000000, 0)); !errors.Is(err, outbound.ErrTooLarge) {
		t.Errorf("a large body: %v", err)
	}
	if _, err := m.Seal(nil, time.Unix(-1, 0)); !errors.Is(err, outbound.ErrRequest) {
		t.Errorf("an unset clock: %v", err)
	}
}

// FuzzOpenMLE: whatever a body is, it is refused with the one answer, and nothing panics.
func FuzzOpenMLE(f *testing.F) {
	m := newMLE(f, "")
	sealed, err := m.Seal([]byte("{}"), time.Unix(1700000000, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte(`{"encData":"a.b.c.d.e"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if plaintext, err := m.Open(body); err == nil && string(plaintext) != "{}" || err != nil && err.Error() != outbound.ErrOpen.Error() {
			t.Fatalf("%q %v", plaintext, err)
		}
	})
}
