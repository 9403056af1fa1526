package provision_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/crypto/provision/applepay"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/googlepay"
	"github.com/issuant/issuant/crypto/provision/samsungpay"
	"github.com/issuant/issuant/crypto/provision/visa"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/internal/appletest"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testkey"
	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/starter"
)

// The way of a payload: decide, grant, sign; in another process open and build.
func Example() {
	now := enginetest.Now()
	pack, err := starter.ProvisionPack()
	if err != nil {
		panic(err)
	}
	eng, err := engine.New(pack, engine.Options{})
	if err != nil {
		panic(err)
	}
	granter, err := engine.NewGranter(engine.GranterOptions{})
	if err != nil {
		panic(err)
	}
	decision := eng.Decide(enginetest.CleanProvision(), now)
	grant, err := granter.Grant(decision, engine.GrantRequest{AccountID: "walletaccount0000000001", DeviceID: "device000000000000000001"}, now)
	if err != nil {
		panic(err)
	}
	_, private, _ := ed25519.GenerateKey(nil)
	key, _ := keyring.NewPrivate(private)
	token, err := provision.SignGrant(grant, &keyring.Key{ID: "grants-1", Use: keyring.UseSign, Private: key}, "builder", now)
	if err != nil {
		panic(err)
	}

	// From here on in the process that has keys and card numbers.
	ring, err := keyring.NewRing(keyring.Key{ID: "grants-1", Use: keyring.UseVerify, Public: key.Public()})
	if err != nil {
		panic(err)
	}
	opened, err := provision.OpenGrant(token, ring, "builder", now)
	if err != nil {
		panic(err)
	}
	number, _ := secret.ParsePAN("4000000000000002")
	spent, err := provision.NewMemory(provision.MemoryOptions{StartedAt: now.Add(-time.Hour)})
	if err != nil {
		panic(err)
	}
	ports := provision.Ports{
		Cards: provision.NewCards(map[string]card.Card{"k1:card-a": {PAN: number, Expiry: card.Expiry{Year: 2030, Month: 12}}}),
		Spent: spent,
	}
	shared, _ := visa.NewSharedKey("YOUR-API-KEY", secret.NewText("the secret's text as Visa gave it"))
	payload, _ := visa.NewPayload(visa.PayloadOptions{Key: shared})
	pay, err := googlepay.New(googlepay.Options{Visa: payload, VisaRequestorID: googlepay.VisaRequestorID})
	if err != nil {
		panic(err)
	}
	request := googlepay.Target{Pay: pay, Network: card.Visa, CardRef: "k1:card-a",
		Wallet: card.Wallet{AccountID: "walletaccount0000000001", DeviceID: "device000000000000000001", AppID: "YourApp"}}
	out, record, err := provision.Build(context.Background(), opened, request, ports, now)
	if err != nil {
		panic(err)
	}
	fmt.Println(opened, strings.Count(string(out.OpaquePaymentCard), "."), record.Formats, record.DecisionID == decision.ID)
	_, record, err = provision.Build(context.Background(), opened, request, ports, now)
	fmt.Println(err, record.Refusal)
	// Output:
	// [grant] 4 [visa-payload] true
	// provision: the grant was used before grant_spent
}

const (
	pan     = "4929123123123127"
	cardRef = "k1:card-a"
	account = "walletaccount0000000001"
	device  = "device000000000000000001"
	nonce   = "9c023092"
)

var now = enginetest.Now()

// decide decides on an event of kind provision; a rule makes new devices yellow.
func decide(t testing.TB, facts ...any) *engine.Decision {
	t.Helper()
	pack, err := compile.FS(fstest.MapFS{
		"pack.yaml":    {Data: []byte("name: t\nversion: 1.0.0\ndefault: green\nstep_up: [app, sms]\n")},
		"rules/r.yaml": {Data: []byte("- id: Y\n  effect: yellow\n  when: device.first_seen_days < 1\n  why: new\n")},
	}, compile.Options{})
	must(t, err)
	e, err := engine.New(pack, engine.Options{})
	must(t, err)
	return e.Decide(enginetest.With(enginetest.CleanProvision(), facts...), now)
}

func granter(t testing.TB, o engine.GranterOptions) *engine.Granter {
	t.Helper()
	g, err := engine.NewGranter(o)
	must(t, err)
	return g
}

// granted is a new grant for the wallet's phone; every one is of another decision.
func granted(t testing.TB, wallet provision.Wallet) *provision.Grant {
	t.Helper()
	r := engine.GrantRequest{AccountID: account, DeviceID: device}
	facts := []any{"id", fmt.Sprint("e-", serial.Add(1)), "token.requestor", string(wallet)}
	if wallet == provision.ApplePay {
		r = engine.GrantRequest{DeviceID: device, Nonce: nonce}
		facts = append(facts, "wallet.account_ref", nil)
	}
	g, err := granter(t, engine.GranterOptions{}).Grant(decide(t, facts...), r, now)
	must(t, err)
	return g
}

var serial atomic.Int64

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testCard(t testing.TB) card.Card {
	t.Helper()
	number, err := secret.ParsePAN(pan)
	must(t, err)
	return card.Card{PAN: number, Expiry: card.Expiry{Year: 2030, Month: 12}, Name: "PLANTED CARDHOLDER", CVV2: secret.NewText("987")}
}

func ports(t testing.TB) provision.Ports {
	t.Helper()
	spent, err := provision.NewMemory(provision.MemoryOptions{StartedAt: now.Add(-time.Hour)})
	must(t, err)
	return provision.Ports{Cards: provision.NewCards(map[string]card.Card{cardRef: testCard(t)}), Spent: spent}
}

func visaPayload(t testing.TB) (*visa.SharedKey, *visa.Payload) {
	t.Helper()
	key, err := visa.NewSharedKey("kid", secret.NewText("planted-secret-planted-secret-planted-se"))
	must(t, err)
	p, err := visa.NewPayload(visa.PayloadOptions{Key: key})
	must(t, err)
	return key, p
}

func googleTarget(t testing.TB) googlepay.Target {
	t.Helper()
	_, p := visaPayload(t)
	pay, err := googlepay.New(googlepay.Options{Visa: p, VisaRequestorID: googlepay.VisaRequestorID})
	must(t, err)
	return googlepay.Target{Pay: pay, Network: card.Visa, CardRef: cardRef, Wallet: card.Wallet{AccountID: account, DeviceID: device, AppID: "app"}}
}

func appleTarget(t testing.TB) (applepay.Target, *ecdsa.PrivateKey) {
	t.Helper()
	apple, key := appletest.New(t, nil), appletest.Key(t)
	chain, err := applepay.NewChain(applepay.ChainOptions{Roots: [][]byte{apple.Root}})
	must(t, err)
	static := applepay.UnsafeStatic([]byte("activation"))
	pay, err := applepay.New(applepay.Options{Chain: chain, UnsafeNoNonceMemory: true, Networks: map[card.Network]applepay.Network{card.Visa: {Form: applepay.PlainPAN, Activation: static}}})
	must(t, err)
	return applepay.Target{Pay: pay, Network: card.Visa, CardRef: cardRef, DeviceID: device,
		Request: &applepay.Request{Certificates: apple.Certificates(t, &key.PublicKey), Nonce: []byte{0x9c, 2, 0x30, 0x92}, NonceSignature: []byte{1}}}, key
}

func TestApplePayIsBuilt(t *testing.T) {
	request, key := appleTarget(t)
	g := granted(t, provision.ApplePay)
	other := *request.Request
	other.Nonce = []byte{0x9c, 2, 0x30, 0x93}
	wrong := request
	wrong.Request = &other
	if data, _, err := provision.Build(context.Background(), g, wrong, ports(t), now); !errors.Is(err, provision.ErrGrantBound) || data != nil {
		t.Errorf("another nonce: %v", err)
	}
	if data, _, err := provision.Build(context.Background(), g, applepay.Target{Network: card.Visa, CardRef: cardRef, DeviceID: device}, ports(t), now); !errors.Is(err, provision.ErrGrantBound) || data != nil {
		t.Errorf("no request: %v", err)
	}
	data, r, err := provision.Build(context.Background(), g, request, ports(t), now)
	must(t, err)
	theirs, err := key.ECDH()
	must(t, err)
	plain, err := applepay.Open(theirs, data.EncryptedPassData, data.EphemeralPublicKey)
	if err != nil || !strings.Contains(string(plain), pan) || !strings.Contains(string(plain), nonce) || string(data.ActivationData) != "activation" {
		t.Errorf("%v", err)
	}
	if strings.Join(r.Formats, " ") != "apple-ev-ecc-v2 apple-plain-pan unverified-static" || r.Wallet != provision.ApplePay || !r.Spent {
		t.Errorf("%s", r.AppendJSON(nil))
	}
	request.Pay = nil
	if data, _, err := provision.Build(context.Background(), granted(t, provision.ApplePay), request, ports(t), now); code.Of(err) != code.Network || data != nil {
		t.Errorf("without networks: %v", err)
	}
}

// fake is a target that counts what it built, and binds whatever a test wants.
type fake struct {
	b      provision.Binding
	built  *atomic.Int64
	broken func(*card.Card) (string, error)
}

func (f fake) Binding() provision.Binding { return f.b }
func (f fake) UnsafeBuild(_ context.Context, c *card.Card, _ time.Time) (string, []string, error) {
	formats := []string{"unverified-fake"}
	if f.broken != nil {
		payload, err := f.broken(c)
		return payload, formats, err
	}
	f.built.Add(1)
	return "payload", formats, nil
}

func target(wallet provision.Wallet) fake {
	f := fake{provision.Binding{Wallet: wallet, Network: card.Visa, CardRef: cardRef, AccountID: account, DeviceID: device}, new(atomic.Int64), nil}
	if wallet == provision.ApplePay {
		f.b.AccountID, f.b.Nonce = "", nonce
	}
	return f
}

var wallets = []provision.Wallet{provision.ApplePay, provision.GooglePay, provision.SamsungPay}

func TestAGrantIsGoodForOnePayload(t *testing.T) {
	for _, w := range wallets {
		g, p, f := granted(t, w), ports(t), target(w)
		payload, r, err := provision.Build(context.Background(), g, f, p, now)
		if err != nil || payload != "payload" || r.Refusal != "" || !r.Spent || r.Unsafe || r.GrantID != g.ID() || r.DecisionID != g.DecisionID() || r.CardRef != cardRef || r.Wallet != w || r.Formats[0] != "unverified-fake" {
			t.Fatalf("%s: %q %v %s", w, payload, err, r.AppendJSON(nil))
		}
		for _, again := range []*provision.Grant{g, ptr(*g)} {
			payload, r, err = provision.Build(context.Background(), again, f, p, now)
			if !errors.Is(err, provision.ErrGrantSpent) || code.Of(err) != code.GrantSpent || payload != "" || r.Refusal != "grant_spent" {
				t.Errorf("%s: a second time: %q %v", w, payload, err)
			}
		}
		// A memory that forgets everything does not make it good again.
		payload, _, err = provision.Build(context.Background(), g, f, ports(t), now)
		if !errors.Is(err, provision.ErrGrantSpent) || payload != "" || f.built.Load() != 1 {
			t.Errorf("%s: with another memory: %q %v", w, payload, err)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestWithoutAGrantNothingIsBuilt(t *testing.T) {
	f := target(provision.GooglePay)
	for name, g := range map[string]*provision.Grant{"nil": nil, "zero": {}} {
		payload, r, err := provision.Build(context.Background(), g, f, ports(t), now)
		if !errors.Is(err, provision.ErrNoGrant) || payload != "" || r.Refusal != "no_grant" || r.Spent {
			t.Errorf("%s: %q %v %s", name, payload, err, r.AppendJSON(nil))
		}
		if _, err := provision.SignGrant(g, nil, "builder", now); !errors.Is(err, provision.ErrNoGrant) {
			t.Errorf("%s is signed: %v", name, err)
		}
	}
	if f.built.Load() != 0 {
		t.Error("something was built")
	}
}

func TestAGrantIsBoundToWhatWasDecidedOn(t *testing.T) {
	other := map[string]func(*provision.Binding){
		"card":    func(b *provision.Binding) { b.CardRef = "k1:card-b" },
		"no card": func(b *provision.Binding) { b.CardRef = "" },
		"network": func(b *provision.Binding) { b.Network = card.Mastercard },
		"account": func(b *provision.Binding) { b.AccountID += "x" },
		"device":  func(b *provision.Binding) { b.DeviceID = "device000000000000000002" },
		"nonce":   func(b *provision.Binding) { b.Nonce += "00" },
	}
	for _, w := range wallets {
		for _, x := range wallets {
			if x != w {
				other["wallet "+string(x)] = func(b *provision.Binding) { b.Wallet = x }
			}
		}
		for name, change := range other {
			g, p, f := granted(t, w), ports(t), target(w)
			wrong := f
			change(&wrong.b)
			if wrong.b == f.b {
				continue
			}
			payload, r, err := provision.Build(context.Background(), g, wrong, p, now)
			if !errors.Is(err, provision.ErrGrantBound) || payload != "" || r.Spent || r.Refusal != "grant_bound" || f.built.Load() != 0 {
				t.Errorf("%s, another %s: %q %v", w, name, payload, err)
			}
			for _, v := range []string{account, device, nonce} {
				if strings.Contains(err.Error(), v) || strings.Contains(string(r.AppendJSON(nil)), v) {
					t.Errorf("%s, another %s: the refusal quotes the request", w, name)
				}
			}
			// What was refused spent nothing.
			if _, _, err := provision.Build(context.Background(), g, f, p, now); err != nil {
				t.Errorf("%s after another %s: %v", w, name, err)
			}
		}
		for x := range other {
			if strings.HasPrefix(x, "wallet ") {
				delete(other, x)
			}
		}
	}
}

func TestAGrantExpires(t *testing.T) {
	for _, tc := range []struct {
		at   time.Duration
		want error
	}{
		{-61 * time.Second, provision.ErrGrantTime}, {-60 * time.Second, nil}, {0, nil}, {5*time.Minute - time.Nanosecond, nil},
		{5 * time.Minute, provision.ErrGrantTime}, {24 * time.Hour, provision.ErrGrantTime}, {-24 * time.Hour, provision.ErrGrantTime},
	} {
		f := target(provision.GooglePay)
		_, _, err := provision.Build(context.Background(), granted(t, provision.GooglePay), f, ports(t), now.Add(tc.at))
		if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) || f.built.Load() != map[bool]int64{true: 1, false: 0}[err == nil] {
			t.Errorf("%v later: %v", tc.at, err)
		}
	}
}

// TestOneOfManyWins: whoever races, with one grant, its copies, and texts opened again
// and again, gets one payload.
func TestOneOfManyWins(t *testing.T) {
	private, ring := signer(t)
	for _, how := range []string{"one grant", "copies", "opened texts"} {
		g, p, f := granted(t, provision.SamsungPay), ports(t), target(provision.SamsungPay)
		token := ""
		if how == "opened texts" {
			var err error
			token, err = provision.SignGrant(g, private, "builder", now)
			must(t, err)
		}
		var won, spent atomic.Int64
		var begin, end sync.WaitGroup
		begin.Add(1)
		for range 64 {
			end.Go(func() {
				own := g
				switch how {
				case "copies":
					own = ptr(*g)
				case "opened texts":
					var err error
					if own, err = provision.OpenGrant(token, ring, "builder", now); err != nil {
						t.Error(err)
						return
					}
				}
				begin.Wait()
				payload, _, err := provision.Build(context.Background(), own, f, p, now)
				switch {
				case err == nil && payload != "":
					won.Add(1)
				case errors.Is(err, provision.ErrGrantSpent) && payload == "":
					spent.Add(1)
				}
			})
		}
		begin.Done()
		end.Wait()
		if won.Load() != 1 || spent.Load() != 63 || f.built.Load() != 1 {
			t.Errorf("%s: %d won, %d were refused, %d built", how, won.Load(), spent.Load(), f.built.Load())
		}
	}
}

func TestGooglePayAndSamsungPayAreBuilt(t *testing.T) {
	key, p := visaPayload(t)
	request := googleTarget(t)
	out, r, err := provision.Build(context.Background(), granted(t, provision.GooglePay), request, ports(t), now)
	must(t, err)
	plain, err := key.Open(string(out.OpaquePaymentCard))
	if err != nil || !strings.Contains(string(plain), `"accountNumber":"`+pan+`"`) || !strings.Contains(string(plain), device) || out.GoogleOpaquePaymentCard != nil {
		t.Errorf("%v", err)
	}
	want := `{"format":1,"at":"2026-11-23T10:00:00Z","grant_id":"` + r.GrantID + `","decision_id":"` + r.DecisionID + `","card_ref":"k1:card-a","wallet":"google_pay","network":"visa","method":null,"formats":["visa-payload"],"unsafe":false,"spent":true,"refusal":null}`
	if got := string(r.AppendJSON(nil)); got != want {
		t.Errorf("record\n%s\nwant\n%s", got, want)
	}

	object, err := googlepay.NewUnverifiedCard(googlepay.UnverifiedCardOptions{PGP: reversing{}})
	must(t, err)
	request.Object, request.ServerSessionID = object, "session"
	out, r, err = provision.Build(context.Background(), granted(t, provision.GooglePay), request, ports(t), now)
	if err != nil || len(out.GoogleOpaquePaymentCard) == 0 || strings.Join(r.Formats, " ") != "visa-payload unverified-google-payment-card" {
		t.Errorf("both objects: %v %v", err, r.Formats)
	}
	request.ServerSessionID = "" // one fails: neither is given
	if out, _, err := provision.Build(context.Background(), granted(t, provision.GooglePay), request, ports(t), now); out != nil || code.Of(err) != code.Field {
		t.Errorf("half: %v %v", out, err)
	}

	pay, err := samsungpay.New(samsungpay.Options{Visa: p, VisaRequestorID: samsungpay.VisaRequestorID})
	must(t, err)
	s := samsungpay.Target{Pay: pay, Network: card.Visa, CardRef: cardRef, Wallet: request.Wallet}
	payload, r, err := provision.Build(context.Background(), granted(t, provision.SamsungPay), s, ports(t), now)
	if plain, failed := key.Open(string(payload)); err != nil || failed != nil || !strings.Contains(string(plain), pan) || r.Formats[0] != "visa-payload" {
		t.Errorf("%v %v", err, failed)
	}
	s.Network, s.Pay = card.Visa, nil
	if payload, _, err := provision.Build(context.Background(), granted(t, provision.SamsungPay), s, ports(t), now); payload != nil || code.Of(err) != code.Network {
		t.Errorf("without networks: %v", err)
	}
}

type reversing struct{}

func (reversing) Seal(plaintext []byte, _ time.Time) ([]byte, error) {
	return bytes.Repeat([]byte{1}, len(plaintext)), nil
}

// TestAFailureAfterSpendingLeavesTheGrantSpent: a payload that did not arrive cannot be
// told from one that somebody keeps.
func TestAFailureAfterSpendingLeavesTheGrantSpent(t *testing.T) {
	expired := testCard(t)
	expired.Expiry.Year = 2020
	canceled, cancel := context.WithCancel(context.Background())
	for name, tc := range map[string]struct {
		ctx    context.Context
		cards  provision.PANSource
		broken func(*card.Card) (string, error)
		want   code.Code
	}{
		"no such card":      {cards: provision.NewCards(nil), want: code.PANSource},
		"zero Cards":        {cards: &provision.Cards{}, want: code.PANSource},
		"source fails":      {cards: panSource{err: errors.New("vault said " + pan)}, want: code.PANSource},
		"source is empty":   {cards: panSource{}, want: code.PANSource},
		"source panics":     {cards: panSource{broken: true}, want: code.Internal},
		"deadline":          {ctx: canceled, cards: panSource{card: ptr(testCard(t)), do: cancel}, want: code.Deadline},
		"target fails":      {broken: func(c *card.Card) (string, error) { return c.PAN.Reveal(), expired.Check(now) }, want: code.CardExpired},
		"target panics":     {broken: func(c *card.Card) (string, error) { panic(c.PAN.Reveal()) }, want: code.Internal},
		"target errs alone": {broken: func(*card.Card) (string, error) { return "part", errors.New("x") }, want: code.Internal},
	} {
		g, p, f := granted(t, provision.GooglePay), ports(t), target(provision.GooglePay)
		ctx := context.Background()
		if tc.cards != nil {
			p.Cards = tc.cards
		}
		if tc.ctx != nil {
			ctx = tc.ctx
		}
		f.broken = tc.broken
		payload, r, err := provision.Build(ctx, g, f, p, now)
		if code.Of(err) != tc.want || payload != "" || !r.Spent || r.Refusal != tc.want.String() {
			t.Errorf("%s: %q %v %s", name, payload, err, r.AppendJSON(nil))
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v %s", err, err, err, r.AppendJSON(nil)), pan) {
			t.Errorf("%s: the card number is shown", name)
		}
		f.broken = nil
		if _, _, err := provision.Build(context.Background(), g, f, ports(t), now); !errors.Is(err, provision.ErrGrantSpent) {
			t.Errorf("%s: then: %v", name, err)
		}
	}
}

type panSource struct {
	card   *card.Card
	err    error
	broken bool
	do     func()
}

func (s panSource) Card(context.Context, string) (*card.Card, error) {
	if s.broken {
		panic(pan)
	}
	if s.do != nil {
		s.do()
	}
	return s.card, s.err
}

// TestASourceThatGivesAnotherCardIsFoundOut, where references are keyed.
func TestASourceThatGivesAnotherCardIsFoundOut(t *testing.T) {
	old, err := secret.NewRefKey("old", []byte("0123456789abcdef0123456789abcdef"))
	must(t, err)
	key, err := secret.NewRefKey("new", []byte("abcdef0123456789abcdef0123456789"))
	must(t, err)
	refs, err := secret.NewRefKeys(key, old)
	must(t, err)
	mine := testCard(t)
	for name, want := range map[string]error{mine.PAN.Ref(key): nil, mine.PAN.Ref(old): nil, "new:00": provision.ErrPANSource} {
		g, err := granter(t, engine.GranterOptions{}).Grant(decide(t, "card.ref", name), engine.GrantRequest{AccountID: account, DeviceID: device}, now)
		must(t, err)
		p, f := ports(t), target(provision.GooglePay)
		p.Cards, p.Refs, f.b.CardRef = panSource{card: &mine}, refs, name
		if _, _, err := provision.Build(context.Background(), g, f, p, now); !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPortsAndTargetAreWanted(t *testing.T) {
	f := target(provision.GooglePay)
	for name, p := range map[string]provision.Ports{"none": {}, "no memory": {Cards: provision.NewCards(nil)}, "no cards": {Spent: ports(t).Spent}} {
		if _, r, err := provision.Build(context.Background(), granted(t, provision.GooglePay), f, p, now); !errors.Is(err, provision.ErrOptions) || r.Spent {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, r, err := provision.Build[string](context.Background(), granted(t, provision.GooglePay), nil, ports(t), now); !errors.Is(err, provision.ErrOptions) || r == nil {
		t.Errorf("no target: %v", err)
	}
	if _, r, err := provision.Build[string](context.Background(), granted(t, provision.GooglePay), (*fake)(nil), ports(t), now); !errors.Is(err, provision.ErrInternal) || r == nil {
		t.Errorf("a nil pointer as target: %v", err)
	}
	failing := ports(t)
	failing.Spent = spentFunc(func() error { panic("x") })
	if _, r, err := provision.Build(context.Background(), granted(t, provision.GooglePay), f, failing, now); !errors.Is(err, provision.ErrInternal) || r.Spent || f.built.Load() != 0 {
		t.Errorf("a memory that breaks: %v", err)
	}
	// While the memory cannot be asked, the grant stays good.
	g := granted(t, provision.GooglePay)
	failing.Spent = spentFunc(func() error { return provision.ErrMemoryFull })
	if _, r, err := provision.Build(context.Background(), g, f, failing, now); code.Of(err) != code.MemoryFull || r.Spent {
		t.Errorf("a full memory: %v", err)
	}
	if _, _, err := provision.Build(context.Background(), g, f, ports(t), now); err != nil {
		t.Errorf("after a full memory: %v", err)
	}
}

type spentFunc func() error

func (f spentFunc) Spend(context.Context, *provision.Grant, time.Time) error { return f() }

func TestUnsafeBuildSaysSo(t *testing.T) {
	c := testCard(t)
	out, r, err := provision.UnsafeBuild(context.Background(), &c, googleTarget(t), now)
	if err != nil || len(out.OpaquePaymentCard) == 0 || !r.Unsafe || r.Spent || r.GrantID != "" || r.DecisionID != "" || r.CardRef != cardRef || r.Refusal != "" {
		t.Errorf("%v %s", err, r.AppendJSON(nil))
	}
	f := target(provision.GooglePay)
	for _, ref := range []string{pan, "4929-1231-2312-3127", "a b", "\n"} { // no reference
		f.b.CardRef, f.b.Network = ref, card.Network(ref)
		if _, r, err := provision.UnsafeBuild(context.Background(), &c, f, now); err != nil || r.CardRef != "" || r.Network != "" {
			t.Errorf("%v %s", err, r.AppendJSON(nil))
		}
	}
	f.broken = func(c *card.Card) (string, error) { panic(c.PAN.Reveal()) }
	if out, r, err := provision.UnsafeBuild(context.Background(), &c, f, now); out != "" || !errors.Is(err, provision.ErrInternal) || r.Refusal != "internal" {
		t.Errorf("%v", err)
	}
}

func TestAFullMemoryRefusesAndAClockSetBackRevivesNothing(t *testing.T) {
	m, err := provision.NewMemory(provision.MemoryOptions{StartedAt: now, Max: 2})
	must(t, err)
	ctx := context.Background()
	a, b, c := granted(t, provision.GooglePay), granted(t, provision.GooglePay), granted(t, provision.GooglePay)
	must(t, m.Spend(ctx, a, now))
	must(t, m.Spend(ctx, b, now))
	if err := m.Spend(ctx, c, now); !errors.Is(err, provision.ErrMemoryFull) || m.Len() != 2 {
		t.Errorf("full: %v", err)
	}
	if err := m.Spend(ctx, a, now); !errors.Is(err, provision.ErrGrantSpent) {
		t.Errorf("full, and known: %v", err)
	}
	if err := m.Spend(ctx, c, now.Add(time.Hour)); !errors.Is(err, provision.ErrGrantTime) || m.Len() != 0 {
		t.Errorf("all expired: %v, %d", err, m.Len())
	}
	if err := m.Spend(ctx, a, now); !errors.Is(err, provision.ErrGrantTime) {
		t.Errorf("the clock was set back: %v", err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if err := m.Spend(canceled, a, now); !errors.Is(err, provision.ErrDeadline) {
		t.Errorf("canceled: %v", err)
	}
	if err := m.Spend(ctx, nil, now); !errors.Is(err, provision.ErrNoGrant) {
		t.Errorf("nil: %v", err)
	}
	late, err := provision.NewMemory(provision.MemoryOptions{StartedAt: now.Add(time.Second)})
	must(t, err)
	if err := late.Spend(ctx, a, now.Add(time.Second)); !errors.Is(err, provision.ErrGrantTime) {
		t.Errorf("issued before the start: %v", err)
	}
	for name, o := range map[string]provision.MemoryOptions{"nothing": {}, "both": {StartedAt: now, UnsafeNoStart: true}, "negative": {StartedAt: now, Max: -1}} {
		if _, err := provision.NewMemory(o); !errors.Is(err, provision.ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// signer returns a key that signs grants, and the ring that opens them.
func signer(t testing.TB) (*keyring.Key, *keyring.Ring) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	return keyOf(t, "g1", "", key)
}

func keyOf(t testing.TB, id, alg string, key crypto.Signer) (*keyring.Key, *keyring.Ring) {
	t.Helper()
	private, err := keyring.NewPrivate(key)
	must(t, err)
	ring, err := keyring.NewRing(keyring.Key{ID: id, Alg: alg, Use: keyring.UseVerify, Public: key.Public()})
	must(t, err)
	return &keyring.Key{ID: id, Alg: alg, Use: keyring.UseSign, Private: private}, ring
}

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	must(t, err)
	return key
}

func TestASignedGrantIsTheGrantInAnotherProcess(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	for name, tc := range map[string]struct {
		alg  string
		key  crypto.Signer
		want string
	}{
		"Ed25519": {"", ed, "EdDSA"}, "P-256": {"", ecKey(t, elliptic.P256()), "ES256"}, "P-384": {"ES384", ecKey(t, elliptic.P384()), "ES384"},
		"P-521": {"", ecKey(t, elliptic.P521()), "ES512"}, "RSA": {"", testkey.RSA(t, "rsa2048-a"), "PS256"}, "RS512": {"RS512", testkey.RSA(t, "rsa2048-a"), "RS512"},
	} {
		key, ring := keyOf(t, "g1", tc.alg, tc.key)
		g := granted(t, provision.GooglePay)
		token, err := provision.SignGrant(g, key, "builder", now)
		must(t, err)
		j, err := jose.Parse(token)
		if err != nil || j.Alg != tc.want || j.Type != provision.GrantType || j.KeyID != "g1" {
			t.Errorf("%s: %+v %v", name, j.Alg, err)
		}
		if len(token) > provision.MaxGrantBytes {
			t.Errorf("%s: %d bytes", name, len(token))
		}
		p, f := ports(t), target(provision.GooglePay)
		if _, _, err := provision.Build(context.Background(), g, f, p, now); !errors.Is(err, provision.ErrGrantSpent) {
			t.Errorf("%s: a signed grant lives on in the process: %v", name, err)
		}
		if _, err := provision.SignGrant(g, key, "builder", now); !errors.Is(err, provision.ErrGrantSpent) {
			t.Errorf("%s: it is signed twice: %v", name, err)
		}
		for _, v := range []string{account, device, nonce} {
			payload, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
			if bytes.Contains(payload, []byte(v)) {
				t.Errorf("%s: the token holds what the phone sent: %s", name, payload)
			}
		}
		opened, err := provision.OpenGrant(token, ring, "builder", now.Add(time.Minute))
		must(t, err)
		if opened.ID() != g.ID() || opened.DecisionID() != g.DecisionID() || opened.CardRef() != cardRef || opened.Network() != "visa" ||
			opened.Wallet() != "google_pay" || opened.Method() != "" || !opened.IssuedAt().Equal(now) || !opened.Expires().Equal(now.Add(5*time.Minute)) {
			t.Errorf("%s: it reads back differently", name)
		}
		if _, _, err := provision.Build(context.Background(), opened, f, p, now.Add(time.Minute)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		again, err := provision.OpenGrant(token, ring, "builder", now.Add(2*time.Minute))
		must(t, err)
		if _, _, err := provision.Build(context.Background(), again, f, p, now.Add(2*time.Minute)); !errors.Is(err, provision.ErrGrantSpent) {
			t.Errorf("%s: opened again: %v", name, err)
		}
	}
}

func TestSignGrantWantsAKeyForIt(t *testing.T) {
	key, _ := signer(t)
	other := func(change func(*keyring.Key)) *keyring.Key {
		k := *key
		change(&k)
		return &k
	}
	hmac := &keyring.Key{ID: "h", Use: keyring.UseSign, Secret: secret.NewBytes(bytes.Repeat([]byte{7}, 64))}
	_, ecdhRing := signer(t)
	verify, _ := ecdhRing.Lookup("g1")
	for name, k := range map[string]*keyring.Key{
		"none": nil, "zero": {}, "a shared secret": hmac, "verify only": verify,
		"for another use":    other(func(k *keyring.Key) { k.Use = keyring.UseDecrypt }),
		"another algorithm":  other(func(k *keyring.Key) { k.Alg = "ES256" }),
		"another scheme":     other(func(k *keyring.Key) { k.Scheme = "pismo" }),
		"not yet":            other(func(k *keyring.Key) { k.NotBefore = now.Add(time.Second) }),
		"not any more":       other(func(k *keyring.Key) { k.NotAfter = now.Add(-time.Second) }),
		"refused":            other(func(k *keyring.Key) { k.Refused = "weak" }),
		"no private half":    {ID: "p", Use: keyring.UseSign, Public: key.Private.Public()},
		"RSA for decryption": {ID: "r", Use: keyring.UseSign, Alg: "RSA-OAEP-256", Public: &testkey.RSA(t, "rsa2048-a").PublicKey},
	} {
		g := granted(t, provision.GooglePay)
		if token, err := provision.SignGrant(g, k, "builder", now); !errors.Is(err, provision.ErrGrantKey) || token != "" {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := provision.Build(context.Background(), g, target(provision.GooglePay), ports(t), now); err != nil {
			t.Errorf("%s: the grant is gone: %v", name, err)
		}
	}
	for _, audience := range []string{"", "a b", "a\"", strings.Repeat("a", 257), "ä"} {
		if _, err := provision.SignGrant(granted(t, provision.GooglePay), key, audience, now); !errors.Is(err, provision.ErrGrantKey) {
			t.Errorf("audience %q: %v", audience, err)
		}
		if _, err := provision.OpenGrant("", ecdhRing, audience, now); !errors.Is(err, provision.ErrOptions) {
			t.Errorf("audience %q: %v", audience, err)
		}
	}
	if _, err := provision.SignGrant(granted(t, provision.GooglePay), key, "builder", now.Add(5*time.Minute)); !errors.Is(err, provision.ErrGrantTime) {
		t.Errorf("expired: %v", err)
	}
}

// payloadWith returns a payload as SignGrant writes it, with one text in the place of another.
func payloadWith(t *testing.T, token string, change func(string) string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	must(t, err)
	out := change(string(b))
	if out == string(b) {
		t.Fatal("nothing was changed")
	}
	return []byte(out)
}

func TestOpenGrantRefuses(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	_, foreign, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	private, ring := keyOf(t, "g1", "", ed)
	foreignKey, _ := keyOf(t, "g1", "", foreign)
	g := granted(t, provision.GooglePay)
	token, err := provision.SignGrant(g, private, "builder", now)
	must(t, err)
	same := func(s string) []byte { b, _ := base64.RawURLEncoding.DecodeString(strings.Split(s, ".")[1]); return b }
	sign := func(key any, alg string, payload []byte, header ...jose.Param) string {
		out, err := jose.Sign(alg, key, header, payload)
		must(t, err)
		return out
	}
	kid, typ := jose.Text("kid", "g1"), jose.Text("typ", provision.GrantType)
	replaced := func(old, new string) string {
		return sign(ed, "EdDSA", payloadWith(t, token, func(s string) string { return strings.Replace(s, old, new, 1) }), kid, typ)
	}
	foreignToken, err := provision.SignGrant(granted(t, provision.GooglePay), foreignKey, "builder", now)
	must(t, err)
	elsewhere, err := provision.SignGrant(granted(t, provision.GooglePay), private, "another", now)
	must(t, err)
	for name, tc := range map[string]struct {
		token string
		want  error
	}{
		"nothing":                  {"", provision.ErrNoGrant},
		"too long":                 {token + strings.Repeat("A", provision.MaxGrantBytes), provision.ErrNoGrant},
		"two parts":                {token[:strings.LastIndexByte(token, '.')], provision.ErrNoGrant},
		"without typ":              {sign(ed, "EdDSA", same(token), kid), provision.ErrNoGrant},
		"typ of a JWT":             {sign(ed, "EdDSA", same(token), kid, jose.Text("typ", "JWT")), provision.ErrNoGrant},
		"signed by a foreign key":  {foreignToken, provision.ErrGrantForged},
		"no kid":                   {sign(ed, "EdDSA", same(token), typ), provision.ErrGrantForged},
		"unknown kid":              {sign(ed, "EdDSA", same(token), jose.Text("kid", "g2"), typ), provision.ErrGrantForged},
		"another algorithm":        {sign(ecKey(t, elliptic.P256()), "ES256", same(token), kid, typ), provision.ErrGrantForged},
		"HMAC with the public key": {sign(secret.NewBytes(ed.Public().(ed25519.PublicKey)), "HS256", same(token), kid, typ), provision.ErrGrantForged},
		"for another place":        {elsewhere, provision.ErrGrantForged},
		"none":                     {base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"g1","typ":"`+provision.GrantType+`"}`)) + "." + strings.Split(token, ".")[1] + ".", provision.ErrGrantForged},
		"format 2":                 {replaced(`"format":1`, `"format":2`), provision.ErrNoGrant},
		"one more member":          {replaced(`"method":null`, `"method":null,"x":1`), provision.ErrNoGrant},
		"a member less":            {replaced(`,"method":null`, ``), provision.ErrNoGrant},
		"another order":            {replaced(`"format":1,"aud":"builder"`, `"aud":"builder","format":1`), provision.ErrNoGrant},
		"a blank":                  {replaced(`"format":1,`, `"format":1, `), provision.ErrNoGrant},
		"exp as text":              {replaced(`"exp":1795428300`, `"exp":"1795428300"`), provision.ErrNoGrant},
		"a long life":              {replaced(`"exp":1795428300`, `"exp":1795428301`), provision.ErrNoGrant},
		"no life":                  {replaced(`"exp":1795428300`, `"exp":1795428000`), provision.ErrNoGrant},
		"an id of its own":         {replaced(`"id":"`, `"id":"0`), provision.ErrNoGrant},
		"another decision":         {replaced(`"decision_id":"`, `"decision_id":"0`), provision.ErrNoGrant},
		"no wallet we know":        {replaced(`"wallet":"google_pay"`, `"wallet":"swatch_pay"`), provision.ErrNoGrant},
		"account unbound":          {replaced(`"account":"`+grantAccount(same(token))+`"`, `"account":null`), provision.ErrNoGrant},
		"Apple Pay without nonce":  {replaced(`"wallet":"google_pay"`, `"wallet":"apple_pay"`), provision.ErrNoGrant},
		"card of two words":        {replaced(`"card_ref":"k1:card-a"`, `"card_ref":"k1 card-a"`), provision.ErrNoGrant},
		"array":                    {sign(ed, "EdDSA", []byte(`[]`), kid, typ), provision.ErrNoGrant},
		"no JSON":                  {sign(ed, "EdDSA", []byte(`{`), kid, typ), provision.ErrNoGrant},
	} {
		if g, err := provision.OpenGrant(tc.token, ring, "builder", now); !errors.Is(err, tc.want) || g != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for at, want := range map[time.Duration]error{
		-61 * time.Second: provision.ErrGrantTime, -60 * time.Second: nil, 5*time.Minute - 1: nil, 5 * time.Minute: provision.ErrGrantTime, 1000 * time.Hour: provision.ErrGrantTime,
	} {
		if _, err := provision.OpenGrant(token, ring, "builder", now.Add(at)); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%v later: %v", at, err)
		}
	}
	refuse := func(name string, change func(*keyring.Key)) {
		k := keyring.Key{ID: "g1", Use: keyring.UseVerify, Public: ed.Public()}
		change(&k)
		r, err := keyring.NewRing(k)
		must(t, err)
		if _, err := provision.OpenGrant(token, r, "builder", now); !errors.Is(err, provision.ErrGrantForged) {
			t.Errorf("a key %s: %v", name, err)
		}
	}
	refuse("for another scheme", func(k *keyring.Key) { k.Scheme = "pismo" })
	refuse("for another use", func(k *keyring.Key) { k.Use = keyring.UseEncrypt })
	refuse("out of date", func(k *keyring.Key) { k.NotAfter = now.Add(-time.Second) })
	refuse("of another algorithm", func(k *keyring.Key) { k.Alg = "ES256" })
	refuse("that is a secret", func(k *keyring.Key) {
		k.Public, k.Secret = nil, secret.NewBytes(ed.Public().(ed25519.PublicKey))
	})
	if _, err := provision.OpenGrant(token, nil, "builder", now); !errors.Is(err, provision.ErrOptions) {
		t.Errorf("no keys: %v", err)
	}
}

func grantAccount(payload []byte) string {
	var v struct{ Account string }
	_ = json.Unmarshal(payload, &v)
	return v.Account
}

// TestEveryAlteredByteIsRefused: a bit of each byte (every bit under ISSUANT_SOAK), each
// byte left out and doubled, and seeded mutations of the whole.
func TestEveryAlteredByteIsRefused(t *testing.T) {
	key, ring := signer(t)
	token, err := provision.SignGrant(granted(t, provision.ApplePay), key, "builder", now)
	must(t, err)
	try := func(altered string) {
		if altered == token {
			return
		}
		g, err := provision.OpenGrant(altered, ring, "builder", now)
		if g != nil || !errors.Is(err, provision.ErrNoGrant) && !errors.Is(err, provision.ErrGrantForged) {
			t.Fatalf("%q: %v", altered, err)
		}
	}
	for i := range len(token) {
		for bit := range 8 {
			if bit != i%8 && os.Getenv("ISSUANT_SOAK") != "1" {
				continue
			}
			b := []byte(token)
			b[i] ^= 1 << bit
			try(string(b))
		}
		try(token[:i] + token[i+1:])
		try(token[:i] + "A" + token[i:])
	}
	for _, m := range testutil.Mutations([]byte(token), 500, 1) {
		try(string(m))
	}
}

// TestNothingPrintsAGrantOrACard tries every printing path of what the package hands out.
func TestNothingPrintsAGrantOrACard(t *testing.T) {
	g, p := granted(t, provision.ApplePay), ports(t)
	_, r, err := provision.Build(context.Background(), granted(t, provision.ApplePay), target(provision.ApplePay), provision.Ports{Cards: panSource{err: errors.New(pan)}, Spent: p.Spent}, now)
	plants := []string{pan, "PLANTED", account, device, nonce, "planted-secret"}
	request := googleTarget(t)
	request.Wallet = card.Wallet{}
	for name, v := range map[string]any{
		"grant": g, "grant value": *g, "cards": p.Cards, "cards value": *p.Cards.(*provision.Cards), "ports": p, "memory": p.Spent,
		"record": r, "error": err, "request": request,
	} {
		for how, text := range printings(v) {
			for _, plant := range plants {
				if strings.Contains(text, plant) {
					t.Errorf("%s shows %q by %s: %s", name, plant, how, text)
				}
			}
			if strings.HasPrefix(name, "grant") && strings.Contains(text, g.ID()) {
				t.Errorf("a grant shows what it holds by %s", how)
			}
		}
	}
	if fmt.Sprint(g, *g, p.Cards) != "[grant] [grant] [cards]" {
		t.Errorf("%v %v %v", g, *g, p.Cards)
	}
}

func printings(v any) map[string]string {
	out := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out[verb] = fmt.Sprintf(verb, v)
		out[verb+" in a slice"] = fmt.Sprintf(verb, []any{v})
		out[verb+" hidden"] = fmt.Sprintf(verb, struct{ v any }{v})
	}
	if b, err := json.Marshal(v); err == nil {
		out["JSON"] = string(b)
	}
	if b, err := xml.Marshal(v); err == nil {
		out["XML"] = string(b)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
	out["slog"] = log.String()
	func() {
		defer func() { out["panic"] = fmt.Sprintf("%v %s", recover(), debug.Stack()) }()
		panic(v)
	}()
	return out
}

func FuzzOpenGrant(f *testing.F) {
	key, ring := signer(f)
	token, err := provision.SignGrant(granted(f, provision.GooglePay), key, "builder", now)
	must(f, err)
	apple, err := provision.SignGrant(granted(f, provision.ApplePay), key, "builder", now)
	must(f, err)
	good := map[string]bool{token: true, apple: true}
	for _, seed := range []string{token, apple, token[:40], "a.b.c", "..", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g, err := provision.OpenGrant(text, ring, "builder", now)
		if (err == nil) != good[text] || (g == nil) == good[text] {
			t.Fatalf("%q: %v", text, err)
		}
		if err != nil && code.Of(err) != code.NoGrant && code.Of(err) != code.GrantForged {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
