package card_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
)

const document = `{"pan":"5123456789012346","expiry":{"month":"12","year":"2030"},"cvv2":"123","name":"José","address":{"line1":"1 Test Street","line2":"b","line3":"c","city":"Testville","state":"CA","postal_code":"94000","country":"US"}}`

func TestParseReadsACard(t *testing.T) {
	c, err := card.Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	want := card.Address{Line1: "1 Test Street", Line2: "b", Line3: "c", City: "Testville", State: "CA", PostalCode: "94000", Country: "US"}
	if c.PAN.Reveal() != "5123456789012346" || c.CVV2.Reveal() != "123" || c.Expiry != (card.Expiry{Year: 2030, Month: 12}) || c.Name != "José" || *c.Address != want || c.Check(now) != nil {
		t.Errorf("%s %+v", c.PAN.Reveal(), *c.Address)
	}
	w, err := card.ParseWallet([]byte(`{"account_id":"a","device_id":"d","app_id":"p","requestor_id":"40010075001"}`))
	if err != nil || *w != (card.Wallet{RequestorID: "40010075001", AccountID: "a", DeviceID: "d", AppID: "p"}) {
		t.Errorf("%+v %v", w, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for what, tc := range map[string]struct {
		old, new string
		want     code.Code
	}{
		"a wrong check digit":  {"5123456789012346", "5123456789012347", code.PAN},
		"no number":            {`"pan":"5123456789012346",`, "", code.PAN},
		"a number":             {`"5123456789012346"`, `5123456789012346`, code.Field},
		"a year of two digits": {"2030", "30", code.Expiry},
		"no expiry":            {`"expiry":{"month":"12","year":"2030"},`, "", code.Expiry},
		"an unknown member":    {`"cvv2"`, `"cvc"`, code.Field},
		"another case":         {`"pan"`, `"PAN"`, code.Field},
		"a member twice":       {`"cvv2":"123"`, `"cvv2":"123","cvv2":"123"`, code.JSON},
		"an address of text":   {`"address":{"line1"`, `"address":"x","a":{"line1"`, code.Field},
		"a list":               {`{"pan"`, `[{"pan"`, code.JSON},
	} {
		_, err := card.Parse([]byte(strings.Replace(document, tc.old, tc.new, 1)))
		if code.Of(err) != tc.want {
			t.Errorf("%s: %v", what, err)
		}
		for _, hidden := range []string{"512345678901234", "José"} {
			if strings.Contains(fmt.Sprint(err), hidden) {
				t.Errorf("%s: the error holds the value", what)
			}
		}
	}
	if _, err := card.ParseWallet([]byte(`{"wallet_id":"a"}`)); !errors.Is(err, card.ErrField) {
		t.Errorf("an unknown member of a wallet: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(document))
	f.Add([]byte(`{"account_id":"a"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, parse := range []func() error{
			func() error { _, err := card.Parse(data); return err },
			func() error { _, err := card.ParseWallet(data); return err },
		} {
			err := parse()
			_, field := errors.AsType[*card.FieldError](err)
			_, json := errors.AsType[*strictjson.Error](err)
			if err != nil && !field && !json {
				t.Errorf("%T", err)
			}
		}
	})
}
