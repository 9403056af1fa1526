package samsungpay_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/internal/provisiontest"
	"github.com/issuant/issuant/crypto/provision/mastercard"
	"github.com/issuant/issuant/crypto/provision/samsungpay"
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
	pay, err := samsungpay.New(samsungpay.Options{Visa: payload, VisaRequestorID: samsungpay.VisaRequestorID})
	if err != nil {
		panic(err)
	}
	pan, _ := secret.ParsePAN("4000000000000002")
	token, err := pay.UnsafeBuild(card.Visa, &card.Card{PAN: pan, Expiry: card.Expiry{Year: 2030, Month: 12}},
		&card.Wallet{AccountID: "WALLET_USER_ID", DeviceID: "DEVICE_ID", AppID: "YourApp"}, time.Now())
	fmt.Println(strings.Count(string(token), "."), err)
	// Output: 4 <nil>
}

func TestMastercardAsJSONOrBase64(t *testing.T) {
	sealer, err := mastercard.NewSealer(mastercard.SealOptions{Key: &testkey.RSA(t, "rsa2048-a").PublicKey, Fingerprint: "00"})
	if err != nil {
		t.Fatal(err)
	}
	tav, err := mastercard.NewTAV(mastercard.TAVOptions{Format: mastercard.UnverifiedTAV3, Key: testkey.RSA(t, "rsa2048-b")})
	if err != nil {
		t.Fatal(err)
	}
	m, err := mastercard.NewPayload(mastercard.PayloadOptions{Shape: mastercard.ShapeCardInfo, Sealer: sealer, TAV: tav})
	if err != nil {
		t.Fatal(err)
	}
	pan, err := secret.ParsePAN("5123456789012346")
	if err != nil {
		t.Fatal(err)
	}
	c := card.Card{PAN: pan, Expiry: card.Expiry{Year: 2030, Month: 12}}
	for _, wrapped := range []bool{false, true} {
		pay, err := samsungpay.New(samsungpay.Options{Mastercard: m, MastercardBase64: wrapped})
		if err != nil {
			t.Fatal(err)
		}
		payload, err := pay.UnsafeBuild(card.Mastercard, &c, &card.Wallet{}, provisiontest.Now)
		if err != nil {
			t.Fatal(err)
		}
		if wrapped {
			if payload, err = base64.StdEncoding.DecodeString(string(payload)); err != nil {
				t.Fatal(err)
			}
		}
		if !strings.HasPrefix(string(payload), `{"cardInfo":{"encryptedData":"`) || !strings.Contains(string(payload), `"tokenizationAuthenticationValue":"`) {
			t.Errorf("%v: %s", wrapped, payload)
		}
		if _, err := pay.UnsafeBuild(card.Visa, &c, &card.Wallet{}, provisiontest.Now); code.Of(err) != code.Network {
			t.Errorf("a network that is not configured: %v", err)
		}
	}
	if _, err := samsungpay.New(samsungpay.Options{}); !errors.Is(err, samsungpay.ErrOptions) {
		t.Errorf("no network: %v", err)
	}
}
