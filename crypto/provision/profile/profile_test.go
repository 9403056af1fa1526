package profile_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/internal/provisiontest"
	"github.com/issuant/issuant/crypto/provision/profile"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testutil"
)

func Example() {
	ring, _ := keyring.NewRing(keyring.Key{ID: "k1", Use: keyring.UseSign, Secret: secret.NewBytes([]byte("0123456789abcdef0123456789abcdef"))})
	format, err := profile.New(profile.Profile{
		Name: "acme",
		Keys: map[string]profile.Key{"mac": {Kind: profile.KindHMAC, ID: "k1"}},
		Steps: []profile.Step{
			{Name: "text", Join: []string{"nonce", "now:YYYYMMDD"}, Separator: ";"},
			{Name: "mac", Sign: &profile.Sign{Of: "text", Key: "mac", With: "hmac-sha256"}, Encoding: profile.HexUpper},
			{Name: "out", Join: []string{"step:text", "step:mac"}, Separator: ";"},
		},
	}, profile.Options{Keys: ring, Unverified: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := format.UnsafeBuild(profile.Inputs{Nonce: []byte{0x9c, 0x02, 0x30, 0x92}}, time.Unix(1795428000, 0))
	fmt.Println(format.Name(), string(out[:17]), len(out), err)
	// Output: unverified-acme 9c023092;20261123 82 <nil>
}

// setup reads the layout and the keys of a file of vectors.
func vectors(t *testing.T, name string) (data []byte, ring *keyring.Ring) {
	t.Helper()
	data = testutil.Read(t, "/testdata/vectors/provision_conform_"+name+".json")
	var f struct {
		Setup struct{ Keys json.RawMessage }
	}
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	return data, ringOf(t, f.Setup.Keys)
}

func ringOf(t *testing.T, jwks []byte) *keyring.Ring {
	t.Helper()
	keys, warnings, err := source.Parse(jwks, source.Options{Uses: []keyring.Use{keyring.UseEncrypt, keyring.UseSign}})
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	ring, err := keyring.NewRing(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// mac is a small layout for the tests of Check: base is changed in one place.
func base() profile.Profile {
	return profile.Profile{
		Name:   "base",
		Keys:   map[string]profile.Key{"zone": {Kind: profile.KindTDES}, "aes": {Kind: profile.KindAES}, "sign": {Kind: profile.KindRSASign}},
		Random: map[string]profile.Random{"key": {Bytes: 16}, "iv": {Bytes: 12}, "six": {Bytes: 6, Of: "ABC"}},
		Steps: []profile.Step{
			{Name: "clear", Join: []string{"literal:pan=", "pan", "literal:;", "expiry:MMYY"}},
			{Name: "sealed", Encrypt: &profile.Encrypt{Of: "clear", Cipher: "aes-gcm", Key: "random:key", IV: "zero"}, Encoding: profile.Base64},
		},
	}
}

func TestLayoutsThatAreRefused(t *testing.T) {
	if p := base(); p.Check() != nil {
		t.Fatal(p.Check())
	}
	last := func(p *profile.Profile) *profile.Step { return &p.Steps[len(p.Steps)-1] }
	for what, change := range map[string]func(*profile.Profile){
		"no name":                    func(p *profile.Profile) { p.Name = "" },
		"no steps":                   func(p *profile.Profile) { p.Steps = nil },
		"two things in a step":       func(p *profile.Profile) { last(p).Join = []string{"pan"} },
		"nothing in a step":          func(p *profile.Profile) { last(p).Encrypt = nil },
		"a later step":               func(p *profile.Profile) { p.Steps[0].Join = []string{"step:sealed"} },
		"itself":                     func(p *profile.Profile) { last(p).Encrypt.Of = "sealed" },
		"a step twice":               func(p *profile.Profile) { last(p).Name = "clear" },
		"an unknown piece":           func(p *profile.Profile) { p.Steps[0].Join = []string{"panorama"} },
		"a text without literal":     func(p *profile.Profile) { p.Steps[0].Join = []string{"pan="} },
		"an odd hex piece":           func(p *profile.Profile) { p.Steps[0].Join = []string{"hex:202"} },
		"a date of no tokens":        func(p *profile.Profile) { p.Steps[0].Join = []string{"now:2006"} },
		"an unknown encoding":        func(p *profile.Profile) { last(p).Encoding = "rot13" },
		"an encoding of a piece":     func(p *profile.Profile) { p.Steps[0].Join = []string{"pan | rot13"} },
		"an unknown cipher":          func(p *profile.Profile) { last(p).Encrypt.Cipher = "aes-ecb" },
		"a key of another kind":      func(p *profile.Profile) { last(p).Encrypt.Key = "sign" },
		"no such key":                func(p *profile.Profile) { last(p).Encrypt.Key = "none" },
		"a zero iv under a kept key": func(p *profile.Profile) { last(p).Encrypt.Key = "aes" },
		"a fixed iv of GCM":          func(p *profile.Profile) { e := last(p).Encrypt; e.Key, e.IV = "aes", "hex:000000000000000000000000" },
		"a narrow iv of GCM":         func(p *profile.Profile) { e := last(p).Encrypt; e.Key, e.IV = "aes", "random:six" },
		"a narrow random key":        func(p *profile.Profile) { last(p).Encrypt.Key = "random:six" },
		"no iv":                      func(p *profile.Profile) { last(p).Encrypt.IV = "" },
		"aad in CBC":                 func(p *profile.Profile) { e := last(p).Encrypt; e.Cipher, e.AAD = "aes-cbc", "pan" },
		"a tag that is appended": func(p *profile.Profile) {
			p.Steps = append(p.Steps, profile.Step{Name: "x", Join: []string{"tag:sealed"}})
		},
		"a key and iv twice": func(p *profile.Profile) {
			again := *last(p)
			again.Name = "again"
			p.Steps = append(p.Steps, again)
		},
		"pkcs7 to 256":       func(p *profile.Profile) { p.Steps[0].Pad = &profile.Pad{To: 256, With: "pkcs7"} },
		"a pad of two bytes": func(p *profile.Profile) { p.Steps[0].Pad = &profile.Pad{To: 8, With: "2121"} },
		"a limit of nothing": func(p *profile.Profile) { p.Limits = map[string]profile.Limit{"colour": {1, 2}} },
		"a limit upside down": func(p *profile.Profile) {
			p.Limits = map[string]profile.Limit{"pan": {19, 13}}
		},
		"a random of none":       func(p *profile.Profile) { p.Random["key"] = profile.Random{} },
		"a random of one letter": func(p *profile.Profile) { p.Random["six"] = profile.Random{Bytes: 6, Of: "AA"} },
		"a kind of key":          func(p *profile.Profile) { p.Keys["zone"] = profile.Key{Kind: "des"} },
		"a result of none":       func(p *profile.Profile) { p.Result = "nothing" },
		"31 days":                func(p *profile.Profile) { p.Validity = 31 * 24 * time.Hour },
		"an empty object":        func(p *profile.Profile) { p.Steps[0] = profile.Step{Name: "clear", JSON: []profile.Member{}} },
		"a member twice": func(p *profile.Profile) {
			p.Steps[0] = profile.Step{Name: "clear", JSON: []profile.Member{{Name: "a", Value: "pan"}, {Name: "a", Value: "name"}}}
		},
		"a confirmation that is no digest": func(p *profile.Profile) { p.Confirmed.Vectors = "yes" },
	} {
		p := base()
		change(&p)
		err := p.Check()
		problem, ok := errors.AsType[*profile.Problem](err)
		if !ok || code.Of(err) != code.ProfileFile || problem.Msg == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestOnlyWhatVectorsConfirmedIsVerified(t *testing.T) {
	p := base()
	p.Keys, p.Steps[1].Encrypt.Key = nil, "random:key"
	if _, err := profile.New(p, profile.Options{}); !errors.Is(err, profile.ErrUnverified) {
		t.Errorf("an unverified layout: %v", err)
	}
	f, err := profile.New(p, profile.Options{Unverified: true})
	if err != nil || f.Name() != "unverified-base" {
		t.Fatal(f.Name(), err)
	}
	p.Confirmed = profile.Confirmation{Vectors: strings.Repeat("0", 64), Layout: p.Digest()}
	if f, err = profile.New(p, profile.Options{}); err != nil || f.Name() != "base" {
		t.Fatal(err)
	}
	title := p
	title.Title, title.Evidence = "another", "another"
	if !title.Verified() {
		t.Error("a title voids the confirmation")
	}
	for what, change := range map[string]func(*profile.Profile){
		"a piece": func(p *profile.Profile) {
			p.Steps = append([]profile.Step{{Name: "clear", Join: []string{"pan"}}}, p.Steps[1:]...)
		},
		"a limit":  func(p *profile.Profile) { p.Limits = map[string]profile.Limit{"name": {1, 2}} },
		"validity": func(p *profile.Profile) { p.Validity = time.Hour },
		"the name": func(p *profile.Profile) { p.Name = "other" },
		"a random": func(p *profile.Profile) { p.Random = map[string]profile.Random{"key": {Bytes: 32}, "iv": {Bytes: 12}} },
		"encoding": func(p *profile.Profile) {
			p.Steps = append([]profile.Step{}, p.Steps...)
			p.Steps[1].Encoding = profile.Hex
		},
		"the result": func(p *profile.Profile) { p.Result = "clear" },
	} {
		changed := p
		change(&changed)
		if changed.Verified() {
			t.Errorf("%s may change after the confirmation", what)
		}
	}
}

func TestInputsThatAreRefused(t *testing.T) {
	p := profile.Profile{
		Name: "inputs", Limits: map[string]profile.Limit{"auth_code": {6, 6}, "name": {1, 27}},
		Steps: []profile.Step{{Name: "out", Join: []string{"pan", "name", "nonce", "auth_code", "wallet.account", "expiry:MM/YY"}, Separator: "|"}},
	}
	f, err := profile.New(p, profile.Options{Unverified: true})
	if err != nil {
		t.Fatal(err)
	}
	good := func() profile.Inputs {
		pan, _ := secret.ParsePAN("5123456789012346")
		return profile.Inputs{
			Card:  &card.Card{PAN: pan, Expiry: card.Expiry{Year: 2030, Month: 12}, Name: "TEST CARDHOLDER"},
			Nonce: []byte{0, 1}, AuthCode: secret.NewText("ABC123"), Wallet: &card.Wallet{AccountID: "w1"},
		}
	}
	out, err := f.UnsafeBuild(good(), provisiontest.Now)
	if err != nil || string(out) != "5123456789012346|TEST CARDHOLDER|0001|ABC123|w1|12/30" {
		t.Fatalf("%s %v", out, err)
	}
	for what, tc := range map[string]struct {
		change func(*profile.Inputs)
		want   code.Code
	}{
		"no card":               {func(in *profile.Inputs) { in.Card = nil }, code.PAN},
		"no number":             {func(in *profile.Inputs) { in.Card.PAN = secret.PAN{} }, code.PAN},
		"expired":               {func(in *profile.Inputs) { in.Card.Expiry.Year = 2020 }, code.CardExpired},
		"no nonce":              {func(in *profile.Inputs) { in.Nonce = nil }, code.Field},
		"a long nonce":          {func(in *profile.Inputs) { in.Nonce = make([]byte, 300) }, code.Field},
		"no name":               {func(in *profile.Inputs) { in.Card.Name = "" }, code.Field},
		"a long name":           {func(in *profile.Inputs) { in.Card.Name = strings.Repeat("A", 28) }, code.Field},
		"a separator in a name": {func(in *profile.Inputs) { in.Card.Name = "A|B" }, code.Field},
		"a line break":          {func(in *profile.Inputs) { in.Card.Name = "A\nB" }, code.Field},
		"no wallet":             {func(in *profile.Inputs) { in.Wallet = nil }, code.Field},
		"a wallet with a quote": {func(in *profile.Inputs) { in.Wallet.AccountID = `a"b` }, code.Field},
		"a code of five":        {func(in *profile.Inputs) { in.AuthCode = secret.NewText("ABC12") }, code.Field},
	} {
		in := good()
		tc.change(&in)
		out, err := f.UnsafeBuild(in, provisiontest.Now)
		if code.Of(err) != tc.want || out != nil {
			t.Errorf("%s: %q %v", what, out, err)
		}
		for _, hidden := range []string{"5123456789012346", "TEST CARD", "ABC123"} {
			if strings.Contains(fmt.Sprint(err), hidden) {
				t.Errorf("%s: the error holds %q", what, hidden)
			}
		}
	}
}

// TestKeysThatAreRefused: of another kind or use, out of date, or weak.
func TestKeysThatAreRefused(t *testing.T) {
	p := profile.Profile{
		Name: "keys", Keys: map[string]profile.Key{"zone": {Kind: profile.KindTDES}},
		Steps: []profile.Step{
			{Name: "clear", Join: []string{"nonce"}, Pad: &profile.Pad{To: 8, With: "21"}},
			{Name: "out", Encrypt: &profile.Encrypt{Of: "clear", Cipher: "tdes-cbc", Key: "zone", IV: "zero"}},
		},
	}
	good := keyring.Key{ID: "zone", Use: keyring.UseEncrypt, Alg: keyring.AlgTDES, Secret: secret.NewBytes([]byte("0123456789abcdef"))}
	for what, change := range map[string]func(*keyring.Key){
		"another id":     func(k *keyring.Key) { k.ID = "other" },
		"another use":    func(k *keyring.Key) { k.Use = keyring.UseDecrypt },
		"another scheme": func(k *keyring.Key) { k.Scheme = "pismo" },
		"no TDES":        func(k *keyring.Key) { k.Alg = "" },
		"K1 = K2":        func(k *keyring.Key) { k.Secret = secret.NewBytes([]byte("0123456701234567")) },
		"a secret of 17": func(k *keyring.Key) { k.Secret = secret.NewBytes([]byte("0123456789abcdefg")) },
		"refused":        func(k *keyring.Key) { k.Refused = "for a test" },
	} {
		k := good
		change(&k)
		ring, err := keyring.NewRing(k)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := profile.New(p, profile.Options{Keys: ring, Unverified: true}); !errors.Is(err, profile.ErrKey) {
			t.Errorf("%s: %v", what, err)
		}
	}
	good.NotAfter = provisiontest.Now
	ring, err := keyring.NewRing(good)
	if err != nil {
		t.Fatal(err)
	}
	f, err := profile.New(p, profile.Options{Keys: ring, Unverified: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.UnsafeBuild(profile.Inputs{Nonce: []byte{1}}, provisiontest.Now); err != nil {
		t.Error(err)
	}
	if out, err := f.UnsafeBuild(profile.Inputs{Nonce: []byte{1}}, provisiontest.Now.Add(time.Second)); !errors.Is(err, profile.ErrKey) || out != nil {
		t.Errorf("a key that is out of date: %v", err)
	}
}

func TestRandomValuesAreWithinTheirBounds(t *testing.T) {
	p := profile.Profile{
		Name: "random", Random: map[string]profile.Random{"a": {Bytes: 64, Least: 0x21, Most: 0x7e}, "b": {Bytes: 64, Of: "01"}, "c": {Bytes: 64}},
		Steps: []profile.Step{{Name: "out", Join: []string{"random:a", "random:b", "random:c"}}},
	}
	f, err := profile.New(p, profile.Options{Unverified: true})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	var all [256]int
	for range 200 {
		out, err := f.UnsafeBuild(profile.Inputs{}, provisiontest.Now)
		if err != nil || len(out) != 192 || seen[string(out)] {
			t.Fatal(len(out), err)
		}
		seen[string(out)] = true
		for _, b := range out[:64] {
			if all[b]++; b < 0x21 || b > 0x7e {
				t.Fatalf("%02x", b)
			}
		}
		if strings.Trim(string(out[64:128]), "01") != "" {
			t.Fatal("a character that is not of the alphabet")
		}
	}
	for b := 0x21; b <= 0x7e; b++ {
		if all[b] == 0 {
			t.Errorf("%02x was never drawn in 12,800", b)
		}
	}
}

// TestAReceiverOpensTheDescribedPayload: what package visa builds in code, built of
// its description and opened by the receiver in another language.
func TestAReceiverOpensTheDescribedPayload(t *testing.T) {
	type line struct {
		Format string `json:"format"`
		Token  string `json:"token"`
		Secret string `json:"secret"`
		KID    string `json:"kid"`
	}
	type seen struct{ Plaintext string }
	p := layout(t, "visa-opc")
	_, ring := vectors(t, "visa_opc")
	f, err := profile.New(p, profile.Options{Keys: ring, Unverified: true})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 6))
	var lines []line
	var cards []*card.Card
	for range 1000 {
		c := provisiontest.Card(t, r, 13)
		token, err := f.Builder().UnsafeBuild(c, &card.Wallet{RequestorID: "40010075001", AccountID: "account", DeviceID: "device", AppID: "app"}, provisiontest.Now)
		if err != nil {
			t.Fatal(err)
		}
		cards = append(cards, c)
		lines = append(lines, line{"visa", string(token), "0123456789abcdefghijklmnopqrstuvwxyzABCD", "TESTAPIKEY0000000000000000000000000000000000000001"})
	}
	for i, got := range provisiontest.Receive[line, seen](t, lines) {
		var v struct {
			AccountNumber, Name string
			ExpirationDate      struct{ Month, Year string }
		}
		if err := json.Unmarshal([]byte(got.Plaintext), &v); err != nil {
			t.Fatal(err)
		}
		if c := cards[i]; v.AccountNumber != c.PAN.Reveal() || v.Name != c.Name || v.ExpirationDate.Month+v.ExpirationDate.Year != c.Expiry.MM()+c.Expiry.YYYY() {
			t.Fatalf("card %d is another one", i)
		}
	}
}

// reversed stands for OpenPGP.
type reversed struct{}

func (reversed) Seal(plaintext []byte, _ time.Time) ([]byte, error) {
	out := bytes.Clone(plaintext)
	for i := range out {
		out[i] = plaintext[len(plaintext)-1-i]
	}
	return out, nil
}

func TestGooglesOwnObjectOfItsDescription(t *testing.T) {
	p := layout(t, "google-card")
	if _, err := profile.New(p, profile.Options{Unverified: true}); !errors.Is(err, profile.ErrKey) {
		t.Errorf("without OpenPGP: %v", err)
	}
	f, err := profile.New(p, profile.Options{Unverified: true, PGP: reversed{}})
	if err != nil {
		t.Fatal(err)
	}
	pan, _ := secret.ParsePAN("5123456789012346")
	out, err := f.UnsafeBuild(profile.Inputs{Card: &card.Card{PAN: pan, Expiry: card.Expiry{Year: 2029, Month: 3}}, Session: "s-1"}, provisiontest.Now)
	if err != nil {
		t.Fatal(err)
	}
	message, err := base64.StdEncoding.DecodeString(string(out))
	plaintext, _ := reversed{}.Seal(message, time.Time{})
	const want = `{"protocolHeader":{"version":1},"validationContext":{"serverSessionId":"s-1"},"paymentCard":{"accountNumber":"5123456789012346","expiryMonth":"03","expiryYear":"29"}}`
	if err != nil || string(plaintext) != want {
		t.Errorf("%s %v", plaintext, err)
	}
}

func TestInputsPrintNothing(t *testing.T) {
	pan, _ := secret.ParsePAN("5123456789012346")
	in := profile.Inputs{Card: &card.Card{PAN: pan, Name: "TEST CARDHOLDER"}, Nonce: []byte("planted-nonce"), AuthCode: secret.NewText("planted")}
	js, _ := json.Marshal(in)
	for _, text := range []string{fmt.Sprint(in), fmt.Sprintf("%+v", &in), fmt.Sprintf("%#v", in), string(js)} {
		for _, hidden := range []string{"5123456789012346", "planted", "TEST", hex.EncodeToString([]byte("planted"))} {
			if strings.Contains(text, hidden) {
				t.Errorf("%q in %s", hidden, text)
			}
		}
	}
}
