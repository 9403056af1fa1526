package visa_test

import (
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/internal/provisiontest"
	"github.com/issuant/issuant/crypto/provision/visa"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testkey"
)

func ExamplePayload() {
	key, err := visa.NewSharedKey("YOUR-API-KEY", secret.NewText("the secret's text as Visa gave it"))
	if err != nil {
		panic(err)
	}
	p, err := visa.NewPayload(visa.PayloadOptions{Key: key})
	if err != nil {
		panic(err)
	}
	pan, _ := secret.ParsePAN("4000000000000002")
	token, err := p.UnsafeBuild(&card.Card{PAN: pan, Expiry: card.Expiry{Year: 2030, Month: 12}, Name: "TEST CARDHOLDER"},
		&card.Wallet{RequestorID: "40010075001", AccountID: "walletaccount0000000001", DeviceID: "device000000000000000001", AppID: "TestIssuerApp"},
		time.Unix(1700000000, 0))
	fmt.Println(strings.Count(token, "."), err)
	plaintext, err := key.Open(token)
	fmt.Println(string(plaintext), err)
	// Output:
	// 4 <nil>
	// {"accountNumber":"4000000000000002","name":"TEST CARDHOLDER","expirationDate":{"month":"12","year":"2030"},"provider":{"intent":"PUSH_PROV_MOBILE","clientWalletProvider":"40010075001","clientWalletAccountID":"walletaccount0000000001","clientDeviceID":"device000000000000000001","clientAppID":"TestIssuerApp"}} <nil>
}

const vectors = "/testdata/vectors/provision_visa.json"

// openers are what the vectors' formats are opened with.
func openers(tb testing.TB, s provisiontest.Setup) map[string]func(string) ([]byte, error) {
	tb.Helper()
	key, err := visa.NewSharedKey(s.VisaKID, secret.NewText(s.VisaSecret))
	if err != nil {
		tb.Fatal(err)
	}
	all := rsaOpeners(tb, s)
	all["visa_shared"] = key.Open
	return all
}

func rsaOpeners(tb testing.TB, s provisiontest.Setup) map[string]func(string) ([]byte, error) {
	tb.Helper()
	ours, theirs := provisiontest.RSA(tb, s.KeyPEM), provisiontest.PublicRSA(tb, s.VisaSignPEM)
	find := func(kid string) (crypto.Decrypter, bool) { return ours, kid == s.Fingerprints[1] }
	in := visa.Inbound{VerifyKey: func(kid string) (*rsa.PublicKey, bool) { return theirs, kid == s.VisaSignKID }, OpenKey: find}
	return map[string]func(string) ([]byte, error){
		"visa_field":   func(t string) ([]byte, error) { return visa.OpenField(t, find) },
		"visa_inbound": func(t string) ([]byte, error) { return in.Open([]byte(t)) },
	}
}

func TestVectors(t *testing.T) {
	setup, cases := provisiontest.Load(t, vectors)
	open := openers(t, setup)
	for _, c := range cases {
		got, err := open[c.Format](c.Payload)
		if code.Of(err).String() != c.Expect || string(got) != c.Plaintext {
			t.Errorf("%s: %q, %v; want %s", c.ID, got, err, c.Expect)
		}
		if err != nil && (err.Error() != visa.ErrOpen.Error() || code.Detail(err) == "") {
			t.Errorf("%s: the error says %q, the record %q", c.ID, err, code.Detail(err))
		}
	}
}

func TestMutationsAreRefused(t *testing.T) {
	setup, cases := provisiontest.Load(t, vectors)
	open := map[string]func([]byte) ([]byte, error){}
	for name, f := range openers(t, setup) {
		open[name] = func(b []byte) ([]byte, error) { return f(string(b)) }
	}
	provisiontest.Mutate(t, cases, visa.ErrOpen, open)
}

// TestThePayloadIsTheKnownAnswer: the plaintext of the known answer, and its header but
// for the key wrap's IV and tag, come out byte for byte.
func TestThePayloadIsTheKnownAnswer(t *testing.T) {
	setup, cases := provisiontest.Load(t, vectors)
	known := cases[0]
	if known.ID != "visa-opc" {
		t.Fatalf("the first case is %s", known.ID)
	}
	key, err := visa.NewSharedKey(setup.VisaKID, secret.NewText(setup.VisaSecret))
	if err != nil {
		t.Fatal(err)
	}
	p, err := visa.NewPayload(visa.PayloadOptions{Key: key, IDnV: new(bool)})
	if err != nil {
		t.Fatal(err)
	}
	c, w := goodCard(t), goodWallet()
	token, err := p.UnsafeBuild(&c, &w, time.Unix(1700000000, 0))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := key.Open(token); err != nil || string(got) != known.Plaintext {
		t.Errorf("got  %s %v\nwant %s", got, err, known.Plaintext)
	}
	if got, want := header(t, token), header(t, known.Payload); got != want {
		t.Errorf("header\ngot  %s\nwant %s", got, want)
	}
	if len(token) != len(known.Payload) {
		t.Errorf("%d characters, want %d", len(token), len(known.Payload))
	}
}

// header returns a token's header with the values of iv and tag blanked.
func header(t *testing.T, token string) string {
	t.Helper()
	first, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		t.Fatal(err)
	}
	var h map[string]any
	if err := json.Unmarshal(raw, &h); err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer(h["iv"].(string), "", h["tag"].(string), "").Replace(string(raw))
}

func goodCard(tb testing.TB) card.Card {
	tb.Helper()
	pan, err := secret.ParsePAN("4000000000000002")
	if err != nil {
		tb.Fatal(err)
	}
	return card.Card{
		PAN: pan, Expiry: card.Expiry{Year: 2030, Month: 12}, CVV2: secret.NewText("123"), Name: "TEST CARDHOLDER",
		Address: &card.Address{Line1: "1 Test Street", City: "Testville", State: "CA", Country: "US", PostalCode: "94000"},
	}
}

func goodWallet() card.Wallet {
	return card.Wallet{RequestorID: "40010075001", AccountID: "walletaccount0000000001", DeviceID: "device000000000000000001", AppID: "TestIssuerApp"}
}

func newPayload(tb testing.TB, o visa.PayloadOptions) *visa.Payload {
	tb.Helper()
	key, err := visa.NewSharedKey("kid", secret.NewText("0123456789abcdefghijklmnopqrstuvwxyzABCD"))
	if err != nil {
		tb.Fatal(err)
	}
	o.Key = key
	p, err := visa.NewPayload(o)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestEveryLimitIsATypedErrorAndNoPayload(t *testing.T) {
	p, onFile := newPayload(t, visa.PayloadOptions{}), newPayload(t, visa.PayloadOptions{Intent: visa.CardOnFileToken})
	long := func(n int) string { return strings.Repeat("x", n) }
	for what, tc := range map[string]struct {
		change func(*card.Card, *card.Wallet)
		field  string
		want   code.Code
	}{
		"a card number of 12 digits": {func(c *card.Card, _ *card.Wallet) { c.PAN, _ = secret.ParsePAN("400000000002") }, "accountNumber", code.PAN},
		"no card number":             {func(c *card.Card, _ *card.Wallet) { c.PAN = secret.PAN{} }, "accountNumber", code.PAN},
		"a year of two digits":       {func(c *card.Card, _ *card.Wallet) { c.Expiry.Year = 30 }, "expiry", code.Expiry},
		"an expired card":            {func(c *card.Card, _ *card.Wallet) { c.Expiry = card.Expiry{Year: 2026, Month: 10} }, "expiry", code.CardExpired},
		"a CVV2 of two digits":       {func(c *card.Card, _ *card.Wallet) { c.CVV2 = secret.NewText("12") }, "cvv2", code.Field},
		"a name of 257 characters":   {func(c *card.Card, _ *card.Wallet) { c.Name = long(257) }, "name", code.Field},
		"a line of 141 characters":   {func(c *card.Card, _ *card.Wallet) { c.Address.Line1 = long(141) }, "billingAddress.line1", code.Field},
		"a line with a semicolon":    {func(c *card.Card, _ *card.Wallet) { c.Address.Line2 = "a;b" }, "billingAddress.line2", code.Field},
		"a line with a currency":     {func(c *card.Card, _ *card.Wallet) { c.Address.Line3 = "€" }, "billingAddress.line3", code.Field},
		"a city of 101 characters":   {func(c *card.Card, _ *card.Wallet) { c.Address.City = long(101) }, "billingAddress.city", code.Field},
		"a city with a comma":        {func(c *card.Card, _ *card.Wallet) { c.Address.City = "a,b" }, "billingAddress.city", code.Field},
		"a state of 4 characters":    {func(c *card.Card, _ *card.Wallet) { c.Address.State = "CALI" }, "billingAddress.state", code.Field},
		"a country of 3 letters":     {func(c *card.Card, _ *card.Wallet) { c.Address.Country = "USA" }, "billingAddress.country", code.Country},
		"an unknown country":         {func(c *card.Card, _ *card.Wallet) { c.Address.Country = "ZZ" }, "billingAddress.country", code.Country},
		"a postal code of 2":         {func(c *card.Card, _ *card.Wallet) { c.Address.PostalCode = "94" }, "billingAddress.postalCode", code.Field},
		"a postal code of 17":        {func(c *card.Card, _ *card.Wallet) { c.Address.PostalCode = long(17) }, "billingAddress.postalCode", code.Field},
		"a postal code with a blank": {func(c *card.Card, _ *card.Wallet) { c.Address.PostalCode = "SW1A 1AA" }, "billingAddress.postalCode", code.Field},
		"a requestor of 10 digits":   {func(_ *card.Card, w *card.Wallet) { w.RequestorID = "4001007500" }, "provider.clientWalletProvider", code.Field},
		"no requestor":               {func(_ *card.Card, w *card.Wallet) { w.RequestorID = "" }, "provider.clientWalletProvider", code.Field},
		"no wallet":                  {func(_ *card.Card, w *card.Wallet) { w.AccountID = "" }, "provider.clientWalletAccountID", code.Field},
		"a wallet of 25":             {func(_ *card.Card, w *card.Wallet) { w.AccountID = long(25) }, "provider.clientWalletAccountID", code.Field},
		"no device":                  {func(_ *card.Card, w *card.Wallet) { w.DeviceID = "" }, "provider.clientDeviceID", code.Field},
		"a device of 25":             {func(_ *card.Card, w *card.Wallet) { w.DeviceID = long(25) }, "provider.clientDeviceID", code.Field},
		"a device with a quote":      {func(_ *card.Card, w *card.Wallet) { w.DeviceID = `a"b` }, "provider.clientDeviceID", code.Field},
		"no app":                     {func(_ *card.Card, w *card.Wallet) { w.AppID = "" }, "provider.clientAppID", code.Field},
		"an app of 37":               {func(_ *card.Card, w *card.Wallet) { w.AppID = long(37) }, "provider.clientAppID", code.Field},
	} {
		c, w := goodCard(t), goodWallet()
		tc.change(&c, &w)
		token, err := p.UnsafeBuild(&c, &w, provisiontest.Now)
		fe, typed := errors.AsType[*card.FieldError](err)
		if !typed || fe.Field != tc.field || code.Of(err) != tc.want || token != "" {
			t.Errorf("%s: %q, %v", what, token, err)
		}
		// No value of a card or a wallet is in what a log would get.
		for _, planted := range []string{c.PAN.Reveal(), "4000000000000002", "CARDHOLDER", "walletaccount", "device0000", "Test Street", "xxx", "€", "SW1A"} {
			if planted != "" && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), planted) {
				t.Errorf("%s: %q is in %v", what, planted, err)
			}
		}
	}
	for what, build := range map[string]func() (string, error){
		"no card":   func() (string, error) { w := goodWallet(); return p.UnsafeBuild(nil, &w, provisiontest.Now) },
		"no wallet": func() (string, error) { c := goodCard(t); return p.UnsafeBuild(&c, nil, provisiontest.Now) },
	} {
		if token, err := build(); token != "" || err == nil {
			t.Errorf("%s: %q %v", what, token, err)
		}
	}
	c, w := goodCard(t), goodWallet()
	w.DeviceID, w.AppID = "", ""
	if _, err := onFile.UnsafeBuild(&c, &w, provisiontest.Now); err != nil {
		t.Errorf("a card-on-file token needs no device: %v", err)
	}
	c.Expiry.Year = 2099
	if token, err := p.UnsafeBuild(&c, &card.Wallet{RequestorID: "40010075001", AccountID: "a", DeviceID: "d", AppID: "i"}, time.Unix(-1, 0)); !errors.Is(err, visa.ErrClock) || token != "" {
		t.Errorf("an unset clock: %v", err)
	}
}

func TestOptionsAndKeysThatAreRefused(t *testing.T) {
	if _, err := visa.NewPayload(visa.PayloadOptions{}); !errors.Is(err, visa.ErrOptions) {
		t.Errorf("no key: %v", err)
	}
	key, err := visa.NewSharedKey("kid", secret.NewText("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := visa.NewPayload(visa.PayloadOptions{Key: key, Intent: "OTHER"}); !errors.Is(err, visa.ErrOptions) {
		t.Errorf("another intent: %v", err)
	}
	for _, tc := range [][2]string{{"kid", "short"}, {"", "0123456789abcdef"}, {"a b", "0123456789abcdef"}, {"kid", ""}, {strings.Repeat("k", 257), "0123456789abcdef"}} {
		if _, err := visa.NewSharedKey(tc[0], secret.NewText(tc[1])); !errors.Is(err, visa.ErrKey) || code.Of(err) != code.ProvisionKey {
			t.Errorf("%q: %v", tc, err)
		}
	}
	if _, err := visa.SealField(&testkey.RSA(t, "rsa1024").PublicKey, "kid", nil); !errors.Is(err, visa.ErrKey) {
		t.Errorf("a weak key: %v", err)
	}
	if _, err := visa.SealField(&testkey.RSA(t, "rsa2048-a").PublicKey, "", nil); !errors.Is(err, visa.ErrKey) {
		t.Errorf("no key id: %v", err)
	}
	if _, err := key.Seal(make([]byte, 2<<20), provisiontest.Now); !errors.Is(err, visa.ErrTooLarge) {
		t.Errorf("a large plaintext: %v", err)
	}
}

func TestFieldsAndInboundOpenWhatIsSealed(t *testing.T) {
	ours, theirs := testkey.RSA(t, "rsa2048-a"), testkey.RSA(t, "rsa2048-b")
	find := func(kid string) (crypto.Decrypter, bool) { return ours, kid == "our-key" }
	token, err := visa.SealField(&ours.PublicKey, "our-key", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := visa.OpenField(token, find); err != nil || string(got) != "{}" {
		t.Errorf("%s %v", got, err)
	}
	body, err := visa.SealInbound(theirs, "their-key", &ours.PublicKey, "our-key", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	in := visa.Inbound{VerifyKey: func(kid string) (*rsa.PublicKey, bool) { return &theirs.PublicKey, kid == "their-key" }, OpenKey: find}
	if got, err := in.Open(body); err != nil || string(got) != "{}" {
		t.Errorf("%s %v", got, err)
	}
	for what, in := range map[string]visa.Inbound{"no keys": {}, "no key of ours": {VerifyKey: in.VerifyKey}, "none of Visa's": {OpenKey: find}} {
		if _, err := in.Open(body); err == nil || err.Error() != visa.ErrOpen.Error() {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := visa.OpenField(token, nil); !errors.Is(err, visa.ErrOpen) {
		t.Errorf("no keys: %v", err)
	}
	if _, err := visa.OpenField(token, func(string) (crypto.Decrypter, bool) { return testkey.RSA(t, "rsa1024"), true }); !errors.Is(err, visa.ErrOpen) {
		t.Errorf("a weak key: %v", err)
	}
}

type line struct {
	Format string `json:"format"`
	Token  string `json:"token"`
	Secret string `json:"secret"`
	KID    string `json:"kid"`
}

type seen struct {
	Plaintext, Nonce string
	IAT              int64
}

// TestAReceiverOpensAThousandCards: the receiver is written in another language.
func TestAReceiverOpensAThousandCards(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 2))
	p := newPayload(t, visa.PayloadOptions{IDnV: new(bool)})
	var lines []line
	var want []map[string]any
	for range 1000 {
		c, w := provisiontest.Card(t, r, 13), goodWallet()
		if r.IntN(2) == 0 {
			c.Address = &card.Address{Line1: "Ödenstraße 1/2, #3", City: "São Paulo", Country: "BR", PostalCode: "01310"}
		}
		token, err := p.UnsafeBuild(c, &w, provisiontest.Now)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line{"visa", token, "0123456789abcdefghijklmnopqrstuvwxyzABCD", "kid"})
		want = append(want, expected(c, &w))
	}
	nonces := map[string]bool{}
	for i, got := range provisiontest.Receive[line, seen](t, lines) {
		var v map[string]any
		if err := json.Unmarshal([]byte(got.Plaintext), &v); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(v) != fmt.Sprint(want[i]) || got.IAT != provisiontest.Now.Unix() {
			t.Fatalf("card %d: got  %v\nwant %v", i, v, want[i])
		}
		nonces[got.Nonce] = true
	}
	if len(nonces) != len(lines) {
		t.Errorf("%d nonces in %d payloads", len(nonces), len(lines))
	}
}

// expected is what the receiver shall read, by the table of the format.
func expected(c *card.Card, w *card.Wallet) map[string]any {
	v := map[string]any{
		"accountNumber":  c.PAN.Reveal(),
		"expirationDate": map[string]any{"month": fmt.Sprintf("%02d", c.Expiry.Month), "year": fmt.Sprint(c.Expiry.Year)},
		"provider": map[string]any{
			"intent": "PUSH_PROV_MOBILE", "clientWalletProvider": w.RequestorID, "clientWalletAccountID": w.AccountID,
			"clientDeviceID": w.DeviceID, "clientAppID": w.AppID, "isIDnV": "false",
		},
	}
	if cvv := c.CVV2.Reveal(); cvv != "" {
		v["cvv2"] = cvv
	}
	if c.Name != "" {
		v["name"] = c.Name
	}
	if a := c.Address; a != nil {
		v["billingAddress"] = map[string]any{"line1": a.Line1, "city": a.City, "country": a.Country, "postalCode": a.PostalCode}
	}
	return v
}

// TestNothingPrintsASecret: keys and builders print nothing, errors hold no value.
func TestNothingPrintsASecret(t *testing.T) {
	const text = "0123456789abcdefghijklmnopqrstuvwxyzABCD"
	key, err := visa.NewSharedKey("kid", secret.NewText(text))
	if err != nil {
		t.Fatal(err)
	}
	p := newPayload(t, visa.PayloadOptions{})
	c, w := goodCard(t), goodWallet()
	c.Address.Country = "USA"
	_, failed := p.UnsafeBuild(&c, &w, provisiontest.Now)
	for _, s := range []string{fmt.Sprintf("%+v", key), fmt.Sprintf("%#v", *key), fmt.Sprintf("%+v", p), fmt.Sprintf("%#v", *p), fmt.Sprint(failed)} {
		for _, hidden := range []string{text, "4000000000000002", "device0000", "walletaccount", "TEST CARD"} {
			if strings.Contains(s, hidden) {
				t.Errorf("%q in %s", hidden, s)
			}
		}
	}
}

// FuzzOpen: no message panics, and every refusal is the one answer.
func FuzzOpen(f *testing.F) {
	setup, cases := provisiontest.Load(f, vectors)
	open := openers(f, setup)
	plaintexts := map[string]bool{}
	for _, c := range cases {
		f.Add(c.Payload)
		plaintexts[c.Plaintext] = true
	}
	f.Fuzz(func(t *testing.T, payload string) {
		for name, open := range open {
			got, err := open(payload)
			if err != nil && (got != nil || err.Error() != visa.ErrOpen.Error()) || err == nil && !plaintexts[string(got)] {
				t.Fatalf("%s: %q %v", name, got, err)
			}
		}
	})
}
