package googlepay_test

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/googlepay"
	"github.com/issuant/issuant/crypto/provision/internal/provisiontest"
	"github.com/issuant/issuant/crypto/provision/mastercard"
	"github.com/issuant/issuant/crypto/provision/visa"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testkey"
)

func Example() {
	key, err := visa.NewSharedKey("YOUR-API-KEY", secret.NewText("the secret's text as Visa gave it"))
	if err != nil {
		panic(err)
	}
	payload, err := visa.NewPayload(visa.PayloadOptions{Key: key})
	if err != nil {
		panic(err)
	}
	pay, err := googlepay.New(googlepay.Options{Visa: payload, VisaRequestorID: googlepay.VisaRequestorID})
	if err != nil {
		panic(err)
	}
	pan, _ := secret.ParsePAN("4000000000000002")
	opc, err := pay.UnsafeBuild(card.Visa, &card.Card{PAN: pan, Expiry: card.Expiry{Year: 2030, Month: 12}},
		&card.Wallet{AccountID: "walletaccount0000000001", DeviceID: "device000000000000000001", AppID: "YourApp"}, time.Now())
	fmt.Println(strings.Count(string(opc), "."), err)
	_, err = pay.UnsafeBuild(card.Amex, nil, nil, time.Now())
	fmt.Println(err)
	// Output:
	// 4 <nil>
	// card: no payload is built for this network: network: no builder is configured for it
}

func payloads(t *testing.T) (*visa.SharedKey, *visa.Payload, *mastercard.Opener, *mastercard.Payload) {
	t.Helper()
	key, err := visa.NewSharedKey("kid", secret.NewText("0123456789abcdefghijklmnopqrstuvwxyzABCD"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := visa.NewPayload(visa.PayloadOptions{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	theirs := testkey.RSA(t, "rsa2048-a")
	sealer, err := mastercard.NewSealer(mastercard.SealOptions{Key: &theirs.PublicKey, Fingerprint: "00"})
	if err != nil {
		t.Fatal(err)
	}
	opener, err := mastercard.NewOpener(mastercard.OpenOptions{Key: func(string) (crypto.Decrypter, bool) { return theirs, true }})
	if err != nil {
		t.Fatal(err)
	}
	m, err := mastercard.NewPayload(mastercard.PayloadOptions{Shape: mastercard.ShapeCardInfo, Sealer: sealer, UnsafeNoTAV: true})
	if err != nil {
		t.Fatal(err)
	}
	return key, v, opener, m
}

func goodCard(t *testing.T) card.Card {
	t.Helper()
	pan, err := secret.ParsePAN("5123456789012346")
	if err != nil {
		t.Fatal(err)
	}
	return card.Card{PAN: pan, Expiry: card.Expiry{Year: 2029, Month: 3}}
}

func TestEachNetworkHasItsForm(t *testing.T) {
	key, v, opener, m := payloads(t)
	other := card.BuilderFunc(func(*card.Card, *card.Wallet, time.Time) ([]byte, error) { return []byte("amex"), nil })
	failing := card.BuilderFunc(func(*card.Card, *card.Wallet, time.Time) ([]byte, error) { return []byte("part"), errors.New("failed") })
	pay, err := googlepay.New(googlepay.Options{
		Visa: v, VisaRequestorID: "40010075001", Mastercard: m, Others: map[card.Network]card.Builder{card.Amex: other, card.Discover: failing},
	})
	if err != nil {
		t.Fatal(err)
	}
	c, w := goodCard(t), card.Wallet{RequestorID: "not read", AccountID: "a", DeviceID: "d", AppID: "i"}
	token, err := pay.UnsafeBuild(card.Visa, &c, &w, provisiontest.Now)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := key.Open(string(token)); err != nil || !strings.Contains(string(got), `"clientWalletProvider":"40010075001"`) {
		t.Errorf("Visa: %s %v", got, err)
	}
	if w.RequestorID != "not read" {
		t.Error("the caller's wallet was changed")
	}
	text, err := pay.UnsafeBuild(card.Mastercard, &c, &w, provisiontest.Now)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var shape struct {
		CardInfo json.RawMessage `json:"cardInfo"`
	}
	if err := json.Unmarshal(raw, &shape); err != nil {
		t.Fatal(err)
	}
	if got, err := opener.Open(shape.CardInfo); err != nil || !strings.Contains(string(got), `"expiryYear":"29"`) {
		t.Errorf("Mastercard: %s %v", got, err)
	}
	if got, err := pay.UnsafeBuild(card.Amex, &c, &w, provisiontest.Now); err != nil || string(got) != "amex" {
		t.Errorf("another network: %s %v", got, err)
	}
	if got, err := pay.UnsafeBuild(card.Discover, &c, &w, provisiontest.Now); err == nil || got != nil {
		t.Errorf("a builder that fails: %s %v", got, err)
	}
	if _, err := pay.UnsafeBuild("jcb", &c, &w, provisiontest.Now); code.Of(err) != code.Network {
		t.Errorf("an unknown network: %v", err)
	}
	if got, err := pay.UnsafeBuild(card.Visa, &c, nil, provisiontest.Now); code.Of(err) != code.Field || got != nil {
		t.Errorf("no wallet: %s %v", got, err)
	}
	c.PAN = secret.PAN{}
	for _, network := range []card.Network{card.Visa, card.Mastercard} {
		if got, err := pay.UnsafeBuild(network, &c, &w, provisiontest.Now); code.Of(err) != code.PAN || got != nil {
			t.Errorf("%s without a card number: %s %v", network, got, err)
		}
	}
}

func TestOptionsThatAreRefused(t *testing.T) {
	_, v, _, _ := payloads(t)
	b := card.BuilderFunc(nil)
	for what, o := range map[string]googlepay.Options{
		"nothing":                    {},
		"Visa without its requestor": {Visa: v},
		"a requestor of 10 digits":   {Visa: v, VisaRequestorID: "4001007500"},
		"Visa among the others":      {Visa: v, VisaRequestorID: "40010075001", Others: map[card.Network]card.Builder{card.Visa: b}},
		"no builder":                 {Others: map[card.Network]card.Builder{card.Amex: nil}},
		"no name":                    {Others: map[card.Network]card.Builder{"": b}},
	} {
		if _, err := googlepay.New(o); !errors.Is(err, googlepay.ErrOptions) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := googlepay.NewUnverifiedCard(googlepay.UnverifiedCardOptions{}); !errors.Is(err, googlepay.ErrOptions) {
		t.Errorf("no PGP: %v", err)
	}
}

// reversed stands for OpenPGP.
type reversed struct{ fail error }

func (r reversed) Seal(plaintext []byte, _ time.Time) ([]byte, error) {
	out := make([]byte, 0, len(plaintext))
	for i := range plaintext {
		out = append(out, plaintext[len(plaintext)-1-i])
	}
	return out, r.fail
}

func TestGooglesOwnObject(t *testing.T) {
	const session = "6f0f7d6e-7c4b-4a57-9d2c-0e3f6b1f2a11"
	c := goodCard(t)
	for want, o := range map[string]googlepay.UnverifiedCardOptions{
		`{"version":1}`:   {},
		`{"version":2}`:   {ProtocolVersion: 2},
		`{"version":"1"}`: {VersionAsText: true, URLSafeBase64: true},
	} {
		o.PGP = reversed{}
		g, err := googlepay.NewUnverifiedCard(o)
		if err != nil {
			t.Fatal(err)
		}
		text, err := g.UnsafeBuild(&c, session, provisiontest.Now)
		if err != nil {
			t.Fatal(err)
		}
		encoding := base64.StdEncoding
		if o.URLSafeBase64 {
			encoding = base64.URLEncoding
		}
		message, err := encoding.DecodeString(string(text))
		if err != nil {
			t.Fatal(err)
		}
		plaintext, _ := reversed{}.Seal(message, time.Time{})
		wantText := `{"protocolHeader":` + want + `,"validationContext":{"serverSessionId":"` + session +
			`"},"paymentCard":{"accountNumber":"5123456789012346","expiryMonth":"03","expiryYear":"29"}}`
		if string(plaintext) != wantText {
			t.Errorf("got  %s\nwant %s", plaintext, wantText)
		}
	}
	g, err := googlepay.NewUnverifiedCard(googlepay.UnverifiedCardOptions{PGP: reversed{errors.New("failed")}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := g.UnsafeBuild(&c, session, provisiontest.Now); err == nil || got != nil {
		t.Errorf("a PGP that fails: %s %v", got, err)
	}
	for what, id := range map[string]string{"no session": "", "a long one": strings.Repeat("x", 65), "a quote": `a"b`} {
		if got, err := g.UnsafeBuild(&c, id, provisiontest.Now); code.Of(err) != code.Field || got != nil {
			t.Errorf("%s: %s %v", what, got, err)
		}
	}
	c.Expiry = card.Expiry{Year: 2026, Month: 1}
	if _, err := g.UnsafeBuild(&c, session, provisiontest.Now); code.Of(err) != code.CardExpired {
		t.Errorf("an expired card: %v", err)
	}
}
