package card_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/language"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
)

func Example() {
	pan, _ := secret.ParsePAN("5123456789012346")
	expiry, _ := card.ParseExpiry("12", "2030")
	c := card.Card{PAN: pan, Expiry: expiry, Name: "TEST CARDHOLDER"}
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	fmt.Println(c, c.Expiry.MMYY(), c.Check(now))
	fmt.Println(c.Check(now.AddDate(10, 0, 0)))
	// Output:
	// [card] 1230 <nil>
	// card: card has expired: expiry: the month has passed
}

var now = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

func good(t *testing.T) card.Card {
	t.Helper()
	pan, err := secret.ParsePAN("5123456789012346")
	if err != nil {
		t.Fatal(err)
	}
	return card.Card{PAN: pan, Expiry: card.Expiry{Year: 2030, Month: 12}, CVV2: secret.NewText("123"), Name: "José Ñandú"}
}

func TestCheckRefuses(t *testing.T) {
	c := good(t)
	if err := c.Check(now); err != nil {
		t.Fatal(err)
	}
	for what, tc := range map[string]struct {
		change func(*card.Card)
		want   code.Code
	}{
		"no card number":     {func(c *card.Card) { c.PAN = secret.PAN{} }, code.PAN},
		"no date":            {func(c *card.Card) { c.Expiry = card.Expiry{} }, code.Expiry},
		"a year of 2 digits": {func(c *card.Card) { c.Expiry.Year = 30 }, code.Expiry},
		"month 13":           {func(c *card.Card) { c.Expiry.Month = 13 }, code.Expiry},
		"an expired card":    {func(c *card.Card) { c.Expiry = card.Expiry{Year: 2026, Month: 10} }, code.CardExpired},
		"CVV2 of 2 digits":   {func(c *card.Card) { c.CVV2 = secret.NewText("12") }, code.Field},
		"CVV2 of 5 digits":   {func(c *card.Card) { c.CVV2 = secret.NewText("12345") }, code.Field},
		"CVV2 of letters":    {func(c *card.Card) { c.CVV2 = secret.NewText("12a") }, code.Field},
		"a long name":        {func(c *card.Card) { c.Name = strings.Repeat("é", 257) }, code.Field},
		"a name in Latin-1":  {func(c *card.Card) { c.Name = "Jos\xe9" }, code.Field},
		"a line break":       {func(c *card.Card) { c.Name = "A\nB" }, code.Field},
	} {
		c := good(t)
		tc.change(&c)
		err := c.Check(now)
		if _, typed := errors.AsType[*card.FieldError](err); !typed || code.Of(err) != tc.want {
			t.Errorf("%s: %v, want %v", what, err, tc.want)
		}
		for _, hidden := range []string{"5123456789012346", "12345", "José"} {
			if strings.Contains(fmt.Sprint(err), hidden) {
				t.Errorf("%s: the error holds the value: %v", what, err)
			}
		}
	}
}

func TestACardIsGoodUntilItsMonthHasEndedEverywhere(t *testing.T) {
	e := card.Expiry{Year: 2026, Month: 12}
	for _, tc := range []struct {
		at      time.Time
		expired bool
	}{
		{time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC), false},
		{time.Date(2027, 1, 1, 11, 59, 59, 0, time.UTC), false}, // still December at UTC-12
		{time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC), true},
	} {
		if got := e.ExpiredAt(tc.at); got != tc.expired {
			t.Errorf("%v: %v", tc.at, got)
		}
	}
}

func TestParseExpiryTakesOneForm(t *testing.T) {
	for _, tc := range [][2]string{{"1", "2030"}, {"012", "2030"}, {"13", "2030"}, {"00", "2030"}, {"12", "30"}, {"12", "20300"}, {"12", "1999"}, {"12", "2100"}, {"1a", "2030"}, {"", ""}, {"12", "+203"}} {
		if _, err := card.ParseExpiry(tc[0], tc[1]); !errors.Is(err, card.ErrExpiry) {
			t.Errorf("%q: %v", tc, err)
		}
	}
}

func TestCountriesAreThoseOfXText(t *testing.T) {
	n := 0
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			two := string([]rune{a, b})
			three := card.Alpha3(two)
			if three == "" {
				continue
			}
			n++
			r, err := language.ParseRegion(two)
			if err != nil || r.ISO3() != three || card.Alpha2(three) != two {
				t.Errorf("%s: %s, %v", two, three, err)
			}
		}
	}
	if n != 249 {
		t.Errorf("%d countries", n)
	}
}

func TestCountryWantsTheNetworksAlphabet(t *testing.T) {
	for _, tc := range []struct {
		s       string
		letters int
		ok      bool
	}{
		{"US", 2, true}, {"USA", 3, true}, {"USA", 2, false}, {"US", 3, false}, {"us", 2, false}, {"ZZ", 2, false}, {"AAA", 3, false}, {"", 2, false}, {"840", 3, false},
	} {
		err := card.Country("country", tc.s, tc.letters)
		if (err == nil) != tc.ok || err != nil && !errors.Is(err, card.ErrCountry) {
			t.Errorf("%q of %d: %v", tc.s, tc.letters, err)
		}
	}
}

func TestHandlesAreNotRewritten(t *testing.T) {
	for s, ok := range map[string]bool{"abcDEF-_=+/.": true, "": false, strings.Repeat("x", 24): true, strings.Repeat("x", 25): false, "a b": false, `a"b`: false, "é": false} {
		if err := card.Handle("f", s, 24); (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
	}
	w := card.Wallet{RequestorID: "4001007500"}
	if w.CheckRequestor("f") == nil {
		t.Error("a requestor id of ten digits passes")
	}
}

func TestACardPrintsNothing(t *testing.T) {
	c := good(t)
	js, err := json.Marshal(struct{ C card.Card }{c})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", &c), fmt.Sprintf("%#v", c), fmt.Sprintf("%d", []card.Card{c}), string(js)} {
		for _, hidden := range []string{"51234", "123", "Jos"} {
			if strings.Contains(text, hidden) {
				t.Errorf("%q in %s", hidden, text)
			}
		}
	}
}
