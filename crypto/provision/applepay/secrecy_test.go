package applepay_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/issuant/issuant/crypto/provision/applepay"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/mastercard"
	"github.com/issuant/issuant/crypto/provision/visa"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/appletest"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/evecc"
	"github.com/issuant/issuant/internal/testutil"
)

// printed is all that a program could write of values: under every verb, in JSON, in a
// log, and as the text of a panic.
func printed(values ...any) string {
	var out strings.Builder
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		b, err := json.Marshal(v)
		fmt.Fprintln(&out, string(b), err)
		slog.New(slog.NewTextHandler(&out, nil)).Info("text", "value", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "value", v)
		func() {
			defer func() { fmt.Fprintln(&out, recover()) }()
			panic(fmt.Sprint(v))
		}()
	}
	return out.String()
}

// forms are those in which bytes would show.
func forms(b []byte) []string {
	return []string{string(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), base64.StdEncoding.EncodeToString(b)[:len(b)], strings.Trim(fmt.Sprint(b), "[]")}
}

// TestNothingPrintsASecret: card number, authentication code, name, ephemeral scalar, Z,
// K and the clear text are planted, and looked for in everything that is printed of
// inputs, answers, builders and errors.
func TestNothingPrintsASecret(t *testing.T) {
	w := newWorld(t)
	c, r := goodCard(t), w.request(t)
	c.Name, r.AuthCode = "PLANTED NAME", secret.NewText("PLANT9")
	own, err := ecdh.P256().NewPrivateKey(bytes.Repeat([]byte{0x5A}, 32))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := w.key.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	z, err := own.ECDH(theirs.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	k := evecc.Derive(z, own.PublicKey().Bytes())
	networks := map[card.Network]applepay.Network{
		card.Visa: plain(visaActivator(t)), card.Mastercard: encrypted(mastercardActivator(t, 2, applepay.UnverifiedNestObject), "Mastercard"), "failing": plain(failing),
	}
	p := newPay(t, w.chain, networks)
	applepay.SealUnder(p, own)
	values := []any{p, *p, w.chain, r, *r, c, networks[card.Visa], networks}
	var planted []string
	for _, b := range [][]byte{own.Bytes(), z, k[:], []byte("5123456789012346"), []byte("PLANT9"), []byte("PLANTED NAME"), []byte(`"primaryAccountNumber":"5123`), r.Nonce, r.NonceSignature} {
		planted = append(planted, forms(b)...)
	}
	for _, network := range slices.Sorted(maps.Keys(networks)) {
		d, err := p.UnsafeBuild(ctx, network, c, r, appletest.Now)
		if d != nil {
			planted = append(planted, forms(d.ActivationData)...)
			values = append(values, d, *d, []*applepay.PassData{d})
		}
		values = append(values, err)
	}
	a, err := p.UnsafeActivate(ctx, card.Mastercard, c, "DNITHE382004045624378401", appletest.Now)
	if err != nil {
		t.Fatal(err)
	}
	values = append(values, a, *a)
	bad := *r
	bad.AuthCode = secret.NewText("PLANT9x")
	_, err = p.UnsafeBuild(ctx, card.Visa, c, &bad, appletest.Now)
	values = append(values, err)
	text := printed(values...)
	for _, hidden := range planted {
		if strings.Contains(text, hidden) {
			at := strings.Index(text, hidden)
			t.Errorf("%q is printed: ...%s", hidden, text[max(0, at-80):at])
		}
	}
	// The test itself: what is planted is found where it is printed.
	if all := printed(own.Bytes(), "PLANT9"); !strings.Contains(all, planted[1]) || !strings.Contains(all, "PLANT9") {
		t.Error("a secret in clear is not found")
	}
}

// TestAnActivatorsFailureStaysItsOwn: its text is not passed on, its cause can be asked
// for; and what it gives is looked at.
func TestAnActivatorsFailureStaysItsOwn(t *testing.T) {
	w := newWorld(t)
	cause := errors.New("device failed on 5123456789012346")
	good := func() *applepay.Activation { return &applepay.Activation{Data: []byte("x")} }
	for what, tc := range map[string]struct {
		form applepay.Form
		give func() (*applepay.Activation, error)
		want error
	}{
		"an error":             {applepay.PlainPAN, func() (*applepay.Activation, error) { return good(), cause }, cause},
		"one of ours, wrapped": {applepay.PlainPAN, func() (*applepay.Activation, error) { return nil, fmt.Errorf("5123456789012346: %w", visa.ErrKey) }, visa.ErrKey},
		"a field, wrapped": {applepay.PlainPAN, func() (*applepay.Activation, error) {
			return nil, fmt.Errorf("5123456789012346: %w", card.NewFieldError(card.ErrField, "x", "y"))
		}, card.ErrField},
		"nothing":               {applepay.PlainPAN, func() (*applepay.Activation, error) { return nil, nil }, nil},
		"no data":               {applepay.PlainPAN, func() (*applepay.Activation, error) { return &applepay.Activation{}, nil }, nil},
		"17 KiB":                {applepay.PlainPAN, func() (*applepay.Activation, error) { return &applepay.Activation{Data: make([]byte, 17<<10)}, nil }, nil},
		"a number, not wanted":  {applepay.PlainPAN, func() (*applepay.Activation, error) { a := good(); a.EncryptedPAN = []byte(`"x"`); return a, nil }, nil},
		"no number, but wanted": {applepay.UnverifiedEncryptedPAN, func() (*applepay.Activation, error) { return good(), nil }, nil},
		"a number, no JSON": {applepay.UnverifiedEncryptedPAN, func() (*applepay.Activation, error) {
			a := good()
			a.EncryptedPAN = []byte(`{"a":1,"a":2}`)
			return a, nil
		}, nil},
		"a number and more": {applepay.UnverifiedEncryptedPAN, func() (*applepay.Activation, error) {
			a := good()
			a.EncryptedPAN = []byte(`"x","nonce":"y"`)
			return a, nil
		}, nil},
	} {
		n := applepay.Network{Form: tc.form, NetworkName: "x", PrefixDigits: 6, Activation: activator(func(*applepay.ActivationInput) (*applepay.Activation, error) { return tc.give() })}
		d, err := newPay(t, w.chain, map[card.Network]applepay.Network{"x": n}).UnsafeBuild(ctx, "x", goodCard(t), w.request(t), appletest.Now)
		if _, typed := errors.AsType[*applepay.ActivationError](err); !typed || code.Of(err) != code.Activation || d != nil || tc.want != nil && !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", what, err)
		}
		if strings.Contains(printed(err), "5123456789012346") {
			t.Errorf("%s: the device's text is printed", what)
		}
	}
	// A bare field error says what is wrong, and is passed on.
	field := plain(activator(func(*applepay.ActivationInput) (*applepay.Activation, error) {
		return nil, card.NewFieldError(card.ErrField, "otp", "it is missing")
	}))
	if d, err := newPay(t, w.chain, map[card.Network]applepay.Network{"x": field}).UnsafeBuild(ctx, "x", goodCard(t), w.request(t), appletest.Now); code.Of(err) != code.Field || d != nil {
		t.Errorf("a bare field error: %v", err)
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if d, err := newPay(t, w.chain, map[card.Network]applepay.Network{"x": field}).UnsafeBuild(canceled, "x", goodCard(t), w.request(t), appletest.Now); !errors.Is(err, applepay.ErrDeadline) || d != nil {
		t.Errorf("a caller that gave up: %v", err)
	}
	// The encrypted form, with an activator that was made for the plain one.
	p := newPay(t, w.chain, map[card.Network]applepay.Network{card.Mastercard: encrypted(mastercardActivator(t, 3, 0), "Mastercard")})
	if d, err := p.UnsafeBuild(ctx, card.Mastercard, goodCard(t), w.request(t), appletest.Now); code.Of(err) != code.Activation || d != nil {
		t.Errorf("%v", err)
	}
}

func TestOptionsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	nonces, err := applepay.NewNonces(0)
	if err != nil {
		t.Fatal(err)
	}
	base := func() applepay.Options {
		return applepay.Options{Chain: w.chain, Nonces: nonces, Networks: map[card.Network]applepay.Network{card.Visa: plain(static)}}
	}
	network := func(n applepay.Network) func(*applepay.Options) {
		return func(o *applepay.Options) { o.Networks = map[card.Network]applepay.Network{card.Mastercard: n} }
	}
	full := encrypted(static, "Mastercard")
	without := func(change func(*applepay.Network)) func(*applepay.Options) {
		n := full
		change(&n)
		return network(n)
	}
	for what, change := range map[string]func(*applepay.Options){
		"no chain":             func(o *applepay.Options) { o.Chain = nil },
		"no network":           func(o *applepay.Options) { o.Networks = nil },
		"a nameless network":   func(o *applepay.Options) { o.Networks[""] = plain(static) },
		"no memory":            func(o *applepay.Options) { o.Nonces = nil },
		"a memory and none":    func(o *applepay.Options) { o.UnsafeNoNonceMemory = true },
		"a negative time":      func(o *applepay.Options) { o.NonceTTL = -1 },
		"31 days":              func(o *applepay.Options) { o.NonceTTL = applepay.MaxNonceTTL + 1 },
		"no form":              network(applepay.Network{Activation: static}),
		"configuration 2":      network(applepay.Network{Form: 3, Activation: static}),
		"no activation":        network(applepay.Network{Form: applepay.PlainPAN}),
		"a prefix of 5":        network(applepay.Network{Form: applepay.PlainPAN, Activation: static, PrefixDigits: 5}),
		"a prefix of 11":       network(applepay.Network{Form: applepay.PlainPAN, Activation: static, PrefixDigits: 11}),
		"a control character":  network(applepay.Network{Form: applepay.PlainPAN, Activation: static, Version: "1\n"}),
		"encrypted, no name":   without(func(n *applepay.Network) { n.NetworkName = "" }),
		"encrypted, no prefix": without(func(n *applepay.Network) { n.PrefixDigits = 0 }),
		"encrypted, no type":   without(func(n *applepay.Network) { n.ProductType = "" }),
		"encrypted, unversed":  without(func(n *applepay.Network) { n.Version = "" }),
	} {
		o := base()
		change(&o)
		if p, err := applepay.New(o); !errors.Is(err, applepay.ErrOptions) || p != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := applepay.New(base()); err != nil {
		t.Error(err)
	}
	if m, err := applepay.NewNonces(-1); !errors.Is(err, applepay.ErrOptions) || m != nil {
		t.Errorf("a memory of less than nothing: %v", err)
	}
	if a, err := applepay.Visa(applepay.VisaOptions{}); !errors.Is(err, applepay.ErrOptions) || a != nil {
		t.Errorf("Visa without MBPAC: %v", err)
	}
	never := func(context.Context, *applepay.ActivationInput) (*applepay.Activation, error) { return nil, nil }
	for what, names := range map[string][]string{"none": nil, "an empty one": {""}, "a blank": {"a b"}, "nine": make([]string, 9), "a long one": {strings.Repeat("a", 65)}} {
		if a, err := applepay.NewActivator(never, names...); !errors.Is(err, applepay.ErrOptions) || a != nil {
			t.Errorf("formats, %s: %v", what, err)
		}
	}
	if a, err := applepay.NewActivator(nil, "x"); !errors.Is(err, applepay.ErrOptions) || a != nil {
		t.Errorf("no function: %v", err)
	}
	sealer := mastercardPAN(t)
	for what, o := range map[string]applepay.MastercardOptions{
		"no TAV": {}, "nesting alone": {TAV: newTAV(t, 3), Nesting: applepay.UnverifiedNestObject},
		"no nesting": {TAV: newTAV(t, 3), EncryptedPAN: sealer}, "another nesting": {TAV: newTAV(t, 3), EncryptedPAN: sealer, Nesting: 3},
	} {
		if a, err := applepay.Mastercard(o); !errors.Is(err, applepay.ErrOptions) && !errors.Is(err, applepay.ErrUnverified) || a != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	// A form that needs a name, and a card that has none.
	p := newPay(t, w.chain, map[card.Network]applepay.Network{card.Mastercard: encrypted(mastercardActivator(t, 3, applepay.UnverifiedNestObject), "Mastercard")})
	c := goodCard(t)
	c.Name = ""
	if d, err := p.UnsafeBuild(ctx, card.Mastercard, c, w.request(t), appletest.Now); code.Of(err) != code.Field || d != nil {
		t.Errorf("no name: %v", err)
	}
	if d, err := p.UnsafeBuild(ctx, card.Mastercard, goodCard(t), nil, appletest.Now); code.Of(err) != code.Nonce || d != nil {
		t.Errorf("no request: %v", err)
	}
	if d, err := p.UnsafeBuild(ctx, card.Mastercard, nil, w.request(t), appletest.Now); code.Of(err) != code.PAN || d != nil {
		t.Errorf("no card: %v", err)
	}
	if _, err := applepay.Open(nil, nil, nil); !errors.Is(err, applepay.ErrOpen) {
		t.Errorf("no key: %v", err)
	}
}

// TestInFIPSOnlyMode: GCM with a given IV and Triple DES are not allowed there; what
// checks certificates works, all else refuses with a code.
func TestInFIPSOnlyMode(t *testing.T) {
	if !testutil.InFIPSOnly(t) {
		return
	}
	w := newWorld(t)
	r := w.request(t)
	if err := w.chain.Check(r.Certificates, appletest.Now); err != nil {
		t.Errorf("certificates: %v", err)
	}
	p := newPay(t, w.chain, map[card.Network]applepay.Network{card.Mastercard: plain(mastercardActivator(t, mastercard.UnverifiedTAV2, 0))})
	if d, err := p.UnsafeBuild(ctx, card.Mastercard, goodCard(t), r, appletest.Now); !errors.Is(err, applepay.ErrFIPS) || d != nil {
		t.Errorf("pass data: %v", err)
	}
	if a, err := p.UnsafeActivate(ctx, card.Mastercard, goodCard(t), "DNITHE382004045624378401", appletest.Now); err != nil || a == nil {
		t.Errorf("a TAV: %v", err)
	}
	if _, err := visa.NewUnverifiedMBPAC(visa.MBPOptions{Key: wsdKey(t), KeySetID: "1", Layout: visa.UnverifiedVDSP()}); !errors.Is(err, visa.ErrFIPS) {
		t.Errorf("MBPAC: %v", err)
	}
	key, err := w.key.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := applepay.Open(key, make([]byte, 32), make([]byte, 65)); !errors.Is(err, applepay.ErrFIPS) {
		t.Errorf("opening: %v", err)
	}
}
