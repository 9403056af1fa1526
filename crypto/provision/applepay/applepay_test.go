package applepay_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/provision/applepay"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/mastercard"
	"github.com/issuant/issuant/crypto/provision/visa"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/appletest"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testkey"
)

// Example: a device's request, answered. Certificates and keys are of tests.
func Example() {
	tb := exampleTB{}
	apple, key := appletest.New(tb, nil), appletest.Key(tb)
	chain, err := applepay.NewChain(applepay.ChainOptions{Roots: [][]byte{apple.Root}})
	if err != nil {
		panic(err)
	}
	nonces, err := applepay.NewNonces(0)
	if err != nil {
		panic(err)
	}
	tav, err := mastercard.NewTAV(mastercard.TAVOptions{Format: mastercard.UnverifiedTAV3, Key: testkey.RSA(tb, "rsa2048-b")})
	if err != nil {
		panic(err)
	}
	activation, err := applepay.Mastercard(applepay.MastercardOptions{TAV: tav})
	if err != nil {
		panic(err)
	}
	pay, err := applepay.New(applepay.Options{
		Chain: chain, Nonces: nonces,
		Networks: map[card.Network]applepay.Network{card.Mastercard: {Form: applepay.PlainPAN, Activation: activation}},
	})
	if err != nil {
		panic(err)
	}

	pan, _ := secret.ParsePAN("5123456789012346")
	c := &card.Card{PAN: pan, Expiry: card.Expiry{Year: 2030, Month: 12}, Name: "TEST CARDHOLDER"}
	r := &applepay.Request{Certificates: apple.Certificates(tb, &key.PublicKey), Nonce: []byte{0x9c, 2, 0x30, 0x92}, NonceSignature: bytes.Repeat([]byte{0x40}, 81)}
	data, err := pay.UnsafeBuild(context.Background(), card.Mastercard, c, r, appletest.Now)
	if err != nil {
		panic(err)
	}
	fmt.Println(data, len(data.EphemeralPublicKey), data.Formats)

	theirs, _ := key.ECDH()
	plaintext, err := applepay.Open(theirs, data.EncryptedPassData, data.EphemeralPublicKey)
	fmt.Println(string(plaintext[:96]), err)
	_, err = pay.UnsafeBuild(context.Background(), card.Mastercard, c, r, appletest.Now)
	fmt.Println(err)
	// Output:
	// [pass data] 65 [apple-ev-ecc-v2 apple-plain-pan unverified-mastercard-tav-3]
	// {"primaryAccountNumber":"5123456789012346","expiration":"12/30","name":"TEST CARDHOLDER","nonce" <nil>
	// applepay: nonce was used before
}

type exampleTB struct{ testing.TB }

func (exampleTB) Helper()           {}
func (exampleTB) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

var ctx = context.Background()

// world is an Apple of tests, and what an issuer needs to answer it.
type world struct {
	apple *appletest.Authority
	key   *ecdsa.PrivateKey // of the leaf
	chain *applepay.Chain
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{apple: appletest.New(tb, nil), key: appletest.Key(tb)}
	w.chain = newChain(tb, applepay.ChainOptions{Roots: [][]byte{w.apple.Root}})
	return w
}

func newChain(tb testing.TB, o applepay.ChainOptions) *applepay.Chain {
	tb.Helper()
	c, err := applepay.NewChain(o)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func (w *world) request(tb testing.TB) *applepay.Request {
	tb.Helper()
	return &applepay.Request{
		Certificates: w.apple.Certificates(tb, &w.key.PublicKey), Nonce: []byte{0x9c, 0x02, 0x30, 0x92},
		NonceSignature: append([]byte{0x40}, bytes.Repeat([]byte{0xA5}, 80)...),
	}
}

func (w *world) open(tb testing.TB, d *applepay.PassData) []byte {
	tb.Helper()
	key, err := w.key.ECDH()
	if err != nil {
		tb.Fatal(err)
	}
	plaintext, err := applepay.Open(key, d.EncryptedPassData, d.EphemeralPublicKey)
	if err != nil {
		tb.Fatal(err)
	}
	return plaintext
}

func goodCard(tb testing.TB) *card.Card {
	tb.Helper()
	pan, err := secret.ParsePAN("5123456789012346")
	if err != nil {
		tb.Fatal(err)
	}
	return &card.Card{PAN: pan, Expiry: card.Expiry{Year: 2030, Month: 12}, Name: "TEST CARDHOLDER"}
}

var static = applepay.UnsafeStatic([]byte("network specific"))

func plain(a applepay.Activator) applepay.Network {
	return applepay.Network{Form: applepay.PlainPAN, Activation: a}
}

// newPay builds for one network, without a memory of nonces.
func newPay(tb testing.TB, chain *applepay.Chain, networks map[card.Network]applepay.Network) *applepay.Pay {
	tb.Helper()
	p, err := applepay.New(applepay.Options{Chain: chain, Networks: networks, UnsafeNoNonceMemory: true})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// TestTheKnownAnswerComesOutOfTheRealWay: a leaf is issued over the receiver's key of
// the known answer, and goes through every check; the ephemeral key and the plaintext
// are put in.
func TestTheKnownAnswerComesOutOfTheRealWay(t *testing.T) {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	receiver := unhex("042E3E5CCF6B9AB04BE7A22F3FACCFDE73C87E87155394A34815408A896CA18A374DAC669AF3BF6220FC863767F4AF47507C5BC221FC4A19874DAF39B4074E3EB8")
	own, err := ecdh.P256().NewPrivateKey(unhex("7EEE47DEE108A08EDD2BCD2BB762A543CA23EA96C9AF09AD54BEB9FA3CE1A026"))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), receiver)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	chain := newChain(t, applepay.ChainOptions{Roots: [][]byte{w.apple.Root}, UnsafeLeafSuffixes: []string{"-InMemory"}})
	p := newPay(t, chain, map[card.Network]applepay.Network{"other": plain(static)})
	applepay.SealUnder(p, own)
	applepay.SealText(p, `{"Parameter1":"Value1","Parameter2":"Value2","Parameter3":"Value3"}`)
	r := w.request(t)
	r.Certificates[0] = w.apple.Leaf(t, pub, func(c *x509.Certificate) {
		c.Subject.CommonName = "ecc-crypto-services-encipherment_UC6-InMemory"
	})
	d, err := p.UnsafeBuild(ctx, "other", goodCard(t), r, appletest.Now)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.ToUpper(hex.EncodeToString(d.EncryptedPassData)); got != "E3EF6BA2FFA05B6985FE129E3CB6845C4EA1E94AE98D31A538A4E24906FB720D764D640894CD9DE7CEC00114396651A1CCAEDCF480C57A959E925C04492B9CF85FC711FAB3CBED10DC2BA99A2BB063CEFF8DE1" {
		t.Errorf("encryptedPassData %s", got)
	}
	if got := strings.ToUpper(hex.EncodeToString(d.EphemeralPublicKey)); got != "0499A6F42E83EA4F150A78780FFB562C9CDB9B7507BC5D28CBFBF8CC3EF0AF68B36E60CB10DB69127830F7F899492017089E3B73C83FCF0EBDF2C06B613C3F88B7" {
		t.Errorf("ephemeralPublicKey %s", got)
	}
	if got := string(d.AppendJSON(nil)); !strings.HasPrefix(got, `{"activationData":"bmV0d29yayBzcGVjaWZpYw==","encryptedPassData":"4+9rov+gW2mF/hKePLaEXE6h`) || !strings.Contains(got, `"ephemeralPublicKey":"BJmm9C6D6k8V`) {
		t.Errorf("%s", got)
	}
}

func TestThePlainFormHasApplesMembers(t *testing.T) {
	w := newWorld(t)
	c, r := goodCard(t), w.request(t)
	signature := hex.EncodeToString(r.NonceSignature)
	for want, n := range map[string]applepay.Network{
		`{"primaryAccountNumber":"5123456789012346","expiration":"12/30","name":"TEST CARDHOLDER","nonce":"9c023092","nonceSignature":"` + signature + `"}`: plain(static),
		`{"primaryAccountNumber":"5123456789012346","expiration":"12/30","primaryAccountNumberPrefix":"512345","name":"TEST CARDHOLDER","networkName":"Mastercard","productType":"DEFAULT_MASTERCARD","version":"1","nonce":"9c023092","nonceSignature":"` + signature + `"}`: {
			Form: applepay.PlainPAN, Activation: static, NetworkName: "Mastercard", PrefixDigits: 6, ProductType: applepay.DefaultMastercard, Version: "1",
		},
	} {
		d, err := newPay(t, w.chain, map[card.Network]applepay.Network{card.Mastercard: n}).UnsafeBuild(ctx, card.Mastercard, c, r, appletest.Now)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(w.open(t, d)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	c.Name = ""
	d, err := newPay(t, w.chain, map[card.Network]applepay.Network{card.Mastercard: plain(static)}).UnsafeBuild(ctx, card.Mastercard, c, r, appletest.Now)
	if err != nil || strings.Contains(string(w.open(t, d)), `"name"`) {
		t.Errorf("a name that is not there: %v", err)
	}
}

func wsdKey(tb testing.TB) *keyring.Key {
	tb.Helper()
	b, err := hex.DecodeString("0123456789ABCDEFFEDCBA9876543210")
	if err != nil {
		tb.Fatal(err)
	}
	return &keyring.Key{ID: "wsd", Alg: keyring.AlgTDES, Use: keyring.UseEncrypt, Secret: secret.NewBytes(b)}
}

// visaActivator is for both forms.
func visaActivator(tb testing.TB) applepay.Activator {
	tb.Helper()
	o := visa.MBPOptions{Key: wsdKey(tb), KeySetID: "123456.1", Layout: visa.UnverifiedVDSP()}
	mbpac, err := visa.NewUnverifiedMBPAC(o)
	if err != nil {
		tb.Fatal(err)
	}
	mbpad, err := visa.NewUnverifiedMBPAD(o)
	if err != nil {
		tb.Fatal(err)
	}
	a, err := applepay.Visa(applepay.VisaOptions{MBPAC: mbpac, MBPAD: mbpad})
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func newTAV(tb testing.TB, f mastercard.TAVFormat) *mastercard.TAV {
	tb.Helper()
	tav, err := mastercard.NewTAV(mastercard.TAVOptions{Format: f, Key: testkey.RSA(tb, "rsa2048-b"), KeyAlias: "alias-1"})
	if err != nil {
		tb.Fatal(err)
	}
	return tav
}

// mastercardActivator is for the plain form, or with a nesting for the encrypted one.
func mastercardActivator(tb testing.TB, f mastercard.TAVFormat, nest applepay.Nesting) applepay.Activator {
	tb.Helper()
	o := applepay.MastercardOptions{TAV: newTAV(tb, f), Nesting: nest}
	if nest != 0 {
		o.EncryptedPAN = mastercardPAN(tb)
	}
	a, err := applepay.Mastercard(o)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// mastercardPAN encrypts card numbers for Mastercard.
func mastercardPAN(tb testing.TB) *mastercard.Payload {
	tb.Helper()
	sealer, err := mastercard.NewSealer(mastercard.SealOptions{Key: &testkey.RSA(tb, "rsa2048-a").PublicKey, Fingerprint: "00ff"})
	if err != nil {
		tb.Fatal(err)
	}
	p, err := mastercard.NewPayload(mastercard.PayloadOptions{Shape: mastercard.ShapeCardInfo, Sealer: sealer, UnsafeNoTAV: true})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func encrypted(a applepay.Activator, name string) applepay.Network {
	n := applepay.Network{Form: applepay.UnverifiedEncryptedPAN, Activation: a, NetworkName: name, PrefixDigits: 6}
	if name == "Mastercard" {
		n.ProductType, n.Version = applepay.DefaultMastercard, "1"
	}
	return n
}

// TestTheEncryptedFormHasItsMembers: those of the two samples, and no card number.
func TestTheEncryptedFormHasItsMembers(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct {
		network card.Network
		n       applepay.Network
		members string
		pan     string // how encryptedPrimaryAccountNumber begins
	}{
		{card.Visa, encrypted(visaActivator(t), "Visa"), "name nonce nonceSignature primaryAccountNumberPrefix encryptedPrimaryAccountNumber networkName", `"TUJQQUQtMS1GSy`},
		{card.Mastercard, encrypted(mastercardActivator(t, 3, applepay.UnverifiedNestObject), "Mastercard"), "name nonce nonceSignature primaryAccountNumberPrefix encryptedPrimaryAccountNumber networkName productType version", `{"encryptedData":"`},
		{card.Mastercard, encrypted(mastercardActivator(t, 3, applepay.UnverifiedNestBase64), "Mastercard"), "name nonce nonceSignature primaryAccountNumberPrefix encryptedPrimaryAccountNumber networkName productType version", `"eyJlbmNyeXB0ZWREYXRhIjoi`},
	} {
		d, err := newPay(t, w.chain, map[card.Network]applepay.Network{tc.network: tc.n}).UnsafeBuild(ctx, tc.network, goodCard(t), w.request(t), appletest.Now)
		if err != nil {
			t.Fatal(err)
		}
		plaintext := w.open(t, d)
		var members map[string]json.RawMessage
		if err := json.Unmarshal(plaintext, &members); err != nil {
			t.Fatal(err)
		}
		want := strings.Fields(tc.members)
		for _, name := range want {
			if _, ok := members[name]; !ok {
				t.Errorf("%s: no %s", tc.network, name)
			}
		}
		if len(members) != len(want) || !strings.HasPrefix(string(members["encryptedPrimaryAccountNumber"]), tc.pan) || bytes.Contains(plaintext, []byte("5123456789")) {
			t.Errorf("%s: %s", tc.network, plaintext)
		}
		unverified := 0
		for _, f := range d.Formats {
			if strings.HasPrefix(f, "unverified-") {
				unverified++
			}
		}
		if unverified != 3 {
			t.Errorf("%s: %v", tc.network, d.Formats)
		}
	}
}

func TestActivationOfAnExistingTokenIsForTAV2Alone(t *testing.T) {
	w := newWorld(t)
	build := func(a applepay.Activator, ref string) (*applepay.Activation, error) {
		return newPay(t, w.chain, map[card.Network]applepay.Network{card.Mastercard: plain(a)}).UnsafeActivate(ctx, card.Mastercard, goodCard(t), ref, appletest.Now)
	}
	const ref = "DNITHE382004045624378401"
	a, err := build(mastercardActivator(t, mastercard.UnverifiedTAV2, 0), ref)
	if err != nil || !bytes.Contains(a.Data, []byte(`"tokenUniqueReferenceIncluded":"true"`)) {
		t.Errorf("%v", err)
	}
	for what, tc := range map[string]struct {
		a    applepay.Activator
		ref  string
		want code.Code
	}{
		"version 3":     {mastercardActivator(t, mastercard.UnverifiedTAV3, 0), ref, code.Field},
		"no reference":  {mastercardActivator(t, mastercard.UnverifiedTAV2, 0), "", code.Field},
		"Visa":          {visaActivator(t), ref, code.Nonce},
		"a long one":    {mastercardActivator(t, mastercard.UnverifiedTAV2, 0), strings.Repeat("x", 65), code.Field},
		"with a blank":  {mastercardActivator(t, mastercard.UnverifiedTAV2, 0), "a b", code.Field},
		"a failing one": {failing, ref, code.Activation},
	} {
		if a, err := build(tc.a, tc.ref); code.Of(err) != tc.want || a != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	p := newPay(t, w.chain, map[card.Network]applepay.Network{card.Mastercard: plain(static)})
	if a, err := p.UnsafeActivate(ctx, card.Visa, goodCard(t), ref, appletest.Now); code.Of(err) != code.Network || a != nil {
		t.Errorf("another network: %v", err)
	}
	if a, err := p.UnsafeActivate(ctx, card.Mastercard, nil, ref, appletest.Now); code.Of(err) != code.PAN || a != nil {
		t.Errorf("no card: %v", err)
	}
}

var failing = activator(func(in *applepay.ActivationInput) (*applepay.Activation, error) {
	return &applepay.Activation{Data: []byte("part")}, fmt.Errorf("device failed on %s %s", in.Card.PAN.Reveal(), in.NonceText)
})

func activator(f func(in *applepay.ActivationInput) (*applepay.Activation, error)) applepay.Activator {
	a, err := applepay.NewActivator(func(_ context.Context, in *applepay.ActivationInput) (*applepay.Activation, error) { return f(in) }, "unverified-own")
	if err != nil {
		panic(err)
	}
	return a
}

// TestANonceIsUsedOnce: whatever the card, the network and the rest of the request, and
// however many come at once.
func TestANonceIsUsedOnce(t *testing.T) {
	w := newWorld(t)
	memory, err := applepay.NewNonces(2)
	if err != nil {
		t.Fatal(err)
	}
	p, err := applepay.New(applepay.Options{
		Chain: w.chain, Nonces: memory, NonceTTL: time.Minute,
		Networks: map[card.Network]applepay.Network{card.Mastercard: plain(static), card.Visa: plain(failing)},
	})
	if err != nil {
		t.Fatal(err)
	}
	build := func(network card.Network, nonce byte, after time.Duration) error {
		r := w.request(t)
		r.Nonce[0], r.NonceSignature[5] = nonce, byte(after)
		d, err := p.UnsafeBuild(ctx, network, goodCard(t), r, appletest.Now.Add(after))
		if (err == nil) != (d != nil) {
			t.Errorf("%v beside %v", d, err)
		}
		return err
	}
	var built, spent atomic.Int64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			switch err := build(card.Mastercard, 1, 0); {
			case err == nil:
				built.Add(1)
			case errors.Is(err, applepay.ErrNonceSpent):
				spent.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if built.Load() != 1 || spent.Load() != 63 {
		t.Errorf("%d built, %d refused", built.Load(), spent.Load())
	}
	for _, step := range []struct {
		what    string
		network card.Network
		nonce   byte
		after   time.Duration
		want    code.Code
	}{
		{"the same nonce for another network", card.Visa, 1, time.Second, code.NonceSpent},
		{"a device that fails", card.Visa, 2, time.Second, code.Activation},
		{"its nonce again", card.Mastercard, 2, time.Second, code.NonceSpent},
		{"a third nonce in a memory of two", card.Mastercard, 3, time.Second, code.MemoryFull},
		{"a network that is not offered, which uses nothing up", card.Amex, 4, time.Hour, code.Network},
		{"that nonce later", card.Mastercard, 4, time.Hour, code.OK},
		{"the first nonce after its time", card.Mastercard, 1, time.Hour, code.OK},
	} {
		if err := build(step.network, step.nonce, step.after); code.Of(err) != step.want {
			t.Errorf("%s: %v", step.what, err)
		}
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if d, err := p.UnsafeBuild(canceled, card.Mastercard, goodCard(t), w.request(t), appletest.Now); !errors.Is(err, context.Canceled) || !errors.Is(err, applepay.ErrDeadline) || d != nil {
		t.Errorf("a caller that gave up: %v", err)
	}
}

func TestEveryPayloadHasItsOwnKeyAndCode(t *testing.T) {
	w := newWorld(t)
	p := newPay(t, w.chain, map[card.Network]applepay.Network{card.Visa: plain(visaActivator(t))})
	r, seen := w.request(t), map[string]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				d, err := p.UnsafeBuild(ctx, card.Visa, goodCard(t), r, appletest.Now)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				seen["E"+string(d.EphemeralPublicKey)], seen["A"+string(d.ActivationData)], seen["C"+d.AuthCode.Reveal()] = true, true, true
				mu.Unlock()
				if err := visa.CheckAuthCode(d.AuthCode); err != nil || d.KeyID != "123456.1" {
					t.Errorf("%v %s", err, d.KeyID)
				}
			}
		})
	}
	wg.Wait()
	if len(seen) < 599 { // two codes of 200 are equal once in a hundred thousand runs
		t.Errorf("%d different values in 600", len(seen))
	}
	r.AuthCode = secret.NewText("AB12CD")
	if d, err := p.UnsafeBuild(ctx, card.Visa, goodCard(t), r, appletest.Now); err != nil || !d.AuthCode.Equal(r.AuthCode) {
		t.Errorf("the issuer's own code: %v", err)
	}
	if d, err := newPay(t, w.chain, map[card.Network]applepay.Network{card.Mastercard: plain(mastercardActivator(t, 4, 0))}).UnsafeBuild(ctx, card.Mastercard, goodCard(t), r, appletest.Now); err != nil ||
		d.KeyID != "alias-1" || !d.ValidUntil.Equal(appletest.Now.Add(mastercard.DefaultValidity)) || !bytes.Contains(d.ActivationData, []byte(`"2026-11-23T12:30:00Z"`)) {
		t.Errorf("%v", err)
	}
}

// must is one of the requests and cards that must be refused.
type must struct {
	change func(*world, *card.Card, *applepay.Request)
	want   code.Code
}

func TestEveryBadRequestIsATypedErrorAndNoPayload(t *testing.T) {
	leaf := func(change func(*x509.Certificate)) func(*world, *card.Card, *applepay.Request) {
		return func(w *world, _ *card.Card, r *applepay.Request) {
			r.Certificates[0] = w.apple.Leaf(t, &w.key.PublicKey, change)
		}
	}
	extensions := func(e ...pkix.Extension) func(*world, *card.Card, *applepay.Request) {
		return leaf(func(c *x509.Certificate) { c.ExtraExtensions = e })
	}
	certs := func(f func(w *world, r *applepay.Request)) func(*world, *card.Card, *applepay.Request) {
		return func(w *world, _ *card.Card, r *applepay.Request) { f(w, r) }
	}
	other := appletest.New(t, nil)
	plainLeaf := appletest.Extension(false, []byte{5, 0}, 1, 2, 840, 113635, 100, 6, 39)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	expired := appletest.New(t, func(c *x509.Certificate) { c.NotAfter = appletest.Now.Add(-time.Second) })
	future := appletest.New(t, func(c *x509.Certificate) { c.NotBefore = appletest.Now.Add(time.Second) })
	foreign := appletest.New(t, func(c *x509.Certificate) { c.ExtraExtensions = nil })
	list := map[string]must{
		"no marker":                      {extensions(), code.Certificate},
		"the marker twice":               {extensions(appletest.Marker, appletest.Marker), code.Certificate},
		"a marker that is not critical":  {extensions(plainLeaf), code.Certificate},
		"a marker with another value":    {extensions(appletest.Extension(true, []byte{4, 0}, 1, 2, 840, 113635, 100, 6, 39)), code.Certificate},
		"a marker with more behind NULL": {extensions(appletest.Extension(true, []byte{5, 0, 0}, 1, 2, 840, 113635, 100, 6, 39)), code.Certificate},
		"an empty marker":                {extensions(appletest.Extension(true, nil, 1, 2, 840, 113635, 100, 6, 39)), code.Certificate},
		"another critical extension":     {extensions(appletest.Marker, appletest.Extension(true, []byte{5, 0}, 1, 2, 3, 4)), code.Certificate},
		"a merchant's certificate":       {extensions(appletest.MerchantMarker), code.Certificate},
		"a merchant's with the marker":   {extensions(appletest.Marker, appletest.MerchantMarker), code.Certificate},
		"another leaf of Apple's":        {extensions(appletest.Extension(true, []byte{5, 0}, 1, 2, 840, 113635, 100, 6, 1, 2)), code.Certificate},
		"a leaf that is a CA":            {leaf(func(c *x509.Certificate) { c.IsCA = true }), code.Certificate},
		"no key agreement":               {leaf(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), code.Certificate},
		"no key usage":                   {leaf(func(c *x509.Certificate) { c.KeyUsage = 0 }), code.Certificate},
		"a leaf from tomorrow":           {leaf(func(c *x509.Certificate) { c.NotBefore = appletest.Now.Add(time.Second) }), code.Certificate},
		"a leaf of yesterday":            {leaf(func(c *x509.Certificate) { c.NotAfter = appletest.Now.Add(-time.Second) }), code.Certificate},
		"the sandbox's leaf":             {leaf(func(c *x509.Certificate) { c.Subject.CommonName = "ecc-crypto-services-encipherment_UC6-SANDBOX" }), code.Certificate},
		"no common name":                 {leaf(func(c *x509.Certificate) { c.Subject.CommonName = "" }), code.Certificate},
		"a key on P-384":                 {certs(func(w *world, r *applepay.Request) { r.Certificates[0] = w.apple.Leaf(t, &p384.PublicKey, nil) }), code.Certificate},
		"an RSA leaf": {certs(func(w *world, r *applepay.Request) {
			r.Certificates[0] = w.apple.Leaf(t, &testkey.RSA(t, "rsa2048-a").PublicKey, nil)
		}), code.Certificate},
		"a key that is off the curve": {certs(func(w *world, r *applepay.Request) {
			r.Certificates[0] = offCurve(t, r.Certificates[0], &w.key.PublicKey)
		}), code.Certificate},
		"another root": {certs(func(w *world, r *applepay.Request) { r.Certificates = other.Certificates(t, &w.key.PublicKey) }), code.Certificate},
		"another root, brought along": {certs(func(w *world, r *applepay.Request) {
			r.Certificates = append(other.Certificates(t, &w.key.PublicKey), other.Root)
		}), code.Certificate},
		"another root behind a good chain": {certs(func(_ *world, r *applepay.Request) { r.Certificates = append(r.Certificates, other.Root) }), code.Certificate},
		"a good root behind another chain": {certs(func(w *world, r *applepay.Request) {
			r.Certificates = append(other.Certificates(t, &w.key.PublicKey), w.apple.Root)
		}), code.Certificate},
		"another intermediate":                 {certs(func(_ *world, r *applepay.Request) { r.Certificates[1] = other.Intermediate }), code.Certificate},
		"the root in the intermediate's place": {certs(func(w *world, r *applepay.Request) { r.Certificates[1] = w.apple.Root }), code.Certificate},
		"the intermediate first": {certs(func(_ *world, r *applepay.Request) {
			r.Certificates[0], r.Certificates[1] = r.Certificates[1], r.Certificates[0]
		}), code.Certificate},
		"the root in the second place": {certs(func(w *world, r *applepay.Request) {
			r.Certificates = [][]byte{r.Certificates[0], w.apple.Root, r.Certificates[1]}
		}), code.Certificate},
		"no leaf":         {certs(func(w *world, r *applepay.Request) { r.Certificates = [][]byte{w.apple.Intermediate, w.apple.Root} }), code.Certificate},
		"the leaf twice":  {certs(func(_ *world, r *applepay.Request) { r.Certificates[1] = r.Certificates[0] }), code.Certificate},
		"the leaf alone":  {certs(func(_ *world, r *applepay.Request) { r.Certificates = r.Certificates[:1] }), code.Certificate},
		"no certificates": {certs(func(_ *world, r *applepay.Request) { r.Certificates = nil }), code.Certificate},
		"four certificates": {certs(func(w *world, r *applepay.Request) {
			r.Certificates = append(r.Certificates, w.apple.Root, w.apple.Root)
		}), code.Certificate},
		"an empty one":                                  {certs(func(_ *world, r *applepay.Request) { r.Certificates[1] = nil }), code.Certificate},
		"PEM where DER belongs":                         {certs(func(_ *world, r *applepay.Request) { r.Certificates[0] = pemOf(r.Certificates[0]) }), code.Certificate},
		"more behind the DER":                           {certs(func(_ *world, r *applepay.Request) { r.Certificates[0] = append(r.Certificates[0], 0) }), code.Certificate},
		"half a leaf":                                   {certs(func(_ *world, r *applepay.Request) { r.Certificates[0] = r.Certificates[0][:200] }), code.Certificate},
		"a leaf of 9 KiB":                               {leaf(func(c *x509.Certificate) { c.Subject.Organization = []string{strings.Repeat("x", 9<<10)} }), code.Certificate},
		"another signature":                             {certs(func(_ *world, r *applepay.Request) { r.Certificates[0][len(r.Certificates[0])-1] ^= 1 }), code.Certificate},
		"an expired intermediate":                       {from(expired), code.Certificate},
		"an intermediate from tomorrow":                 {from(future), code.Certificate},
		"an intermediate without Apple's mark and name": {from(foreign), code.Certificate},
		"EV_RSA_v2":                                     {func(_ *world, _ *card.Card, r *applepay.Request) { r.Scheme = "EV_RSA_v2" }, code.Scheme},
		"another scheme":                                {func(_ *world, _ *card.Card, r *applepay.Request) { r.Scheme = "EC_v1" }, code.Scheme},
		"no nonce":                                      {func(_ *world, _ *card.Card, r *applepay.Request) { r.Nonce = nil }, code.Nonce},
		"an absurd nonce":                               {func(_ *world, _ *card.Card, r *applepay.Request) { r.Nonce = make([]byte, 65) }, code.Nonce},
		"no signature":                                  {func(_ *world, _ *card.Card, r *applepay.Request) { r.NonceSignature = []byte{} }, code.Nonce},
		"an absurd signature":                           {func(_ *world, _ *card.Card, r *applepay.Request) { r.NonceSignature = make([]byte, 513) }, code.Nonce},
		"no card number":                                {func(_ *world, c *card.Card, _ *applepay.Request) { c.PAN = secret.PAN{} }, code.PAN},
		"an expired card":                               {func(_ *world, c *card.Card, _ *applepay.Request) { c.Expiry = card.Expiry{Year: 2026, Month: 10} }, code.CardExpired},
		"a year of two digits":                          {func(_ *world, c *card.Card, _ *applepay.Request) { c.Expiry.Year = 30 }, code.Expiry},
		"a name that is not UTF-8":                      {func(_ *world, c *card.Card, _ *applepay.Request) { c.Name = "Jos\xe9" }, code.Field},
		"a name of 257 characters":                      {func(_ *world, c *card.Card, _ *applepay.Request) { c.Name = strings.Repeat("N", 257) }, code.Field},
		"an authentication code in lower case":          {func(_ *world, _ *card.Card, r *applepay.Request) { r.AuthCode = secret.NewText("abc123") }, code.AuthCode},
		"an authentication code with a semicolon":       {func(_ *world, _ *card.Card, r *applepay.Request) { r.AuthCode = secret.NewText("ABC;23") }, code.AuthCode},
		"an authentication code of seven":               {func(_ *world, _ *card.Card, r *applepay.Request) { r.AuthCode = secret.NewText("ABC1234") }, code.AuthCode},
	}
	refuse := func(what string, f must) {
		t.Helper()
		w := newWorld(t)
		c, r := goodCard(t), w.request(t)
		f.change(w, c, r)
		roots := [][]byte{w.apple.Root, expired.Root, future.Root, foreign.Root}
		p := newPay(t, newChain(t, applepay.ChainOptions{Roots: roots}), map[card.Network]applepay.Network{card.Visa: plain(visaActivator(t))})
		d, err := p.UnsafeBuild(ctx, card.Visa, c, r, appletest.Now)
		if code.Of(err) != f.want || (d != nil) != (f.want == code.OK) {
			t.Errorf("%s: %v, want %v", what, err, f.want)
		}
		for _, planted := range []string{"5123456789012346", "CARDHOLDER", "NNNN", "9c023092", "a5a5a5", "UC6-", "ABC1234", "ABC;23", "abc123"} {
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), planted) {
				t.Errorf("%s: %q is in %v", what, planted, err)
			}
		}
	}
	for what, f := range list {
		refuse(what, f)
	}
	refuse("nothing wrong", must{func(*world, *card.Card, *applepay.Request) {}, code.OK}) // the rest of the table is worth something
}

// from takes a request's certificates from another authority, whose root is pinned too.
func from(a *appletest.Authority) func(*world, *card.Card, *applepay.Request) {
	return func(w *world, _ *card.Card, r *applepay.Request) {
		r.Certificates = a.Certificates(exampleTB{}, &w.key.PublicKey)
	}
}

// offCurve changes a point in a certificate so that it lies on no curve.
func offCurve(tb testing.TB, der []byte, pub *ecdsa.PublicKey) []byte {
	tb.Helper()
	point, err := pub.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	i := bytes.Index(der, point)
	if i < 0 {
		tb.Fatal("no point")
	}
	b := bytes.Clone(der)
	b[i+64] ^= 1
	return b
}
