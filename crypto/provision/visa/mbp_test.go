package visa_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/internal/provisiontest"
	"github.com/issuant/issuant/crypto/provision/visa"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testutil"
)

const wsdHex = "0123456789ABCDEFFEDCBA9876543210"

func wsdKey(tb testing.TB, digits string) *keyring.Key {
	tb.Helper()
	b, err := hex.DecodeString(digits)
	if err != nil {
		tb.Fatal(err)
	}
	return &keyring.Key{ID: "wsd", Alg: keyring.AlgTDES, Use: keyring.UseEncrypt, Secret: secret.NewBytes(b)}
}

func newMBP(tb testing.TB, o visa.MBPOptions) (*visa.MBPAC, *visa.MBPAD) {
	tb.Helper()
	mbpac, err := visa.NewUnverifiedMBPAC(o)
	if err != nil {
		tb.Fatal(err)
	}
	mbpad, err := visa.NewUnverifiedMBPAD(o)
	if err != nil {
		tb.Fatal(err)
	}
	return mbpac, mbpad
}

// TestMBPIsWhatItWas: values that were computed apart, in Python. They hold our code to
// one layout, and prove nothing about Visa.
func TestMBPIsWhatItWas(t *testing.T) {
	mbpac, mbpad := newMBP(t, visa.MBPOptions{Key: wsdKey(t, wsdHex), KeySetID: "123456.1", Layout: visa.UnverifiedVDSP()})
	visa.Draw("Ab1#", mbpac, mbpad)
	got, err := mbpac.UnsafeBuild("9c023092", secret.NewText("ABC123"), provisiontest.Now)
	if want := "MBPAC-1-FK-123456.1--TDEA-BF17D5C141EC69537F1522BA4BDB3C7F121618069433E4714D01FEAE453F43DE4ECC5045BD179452"; err != nil || string(got) != want {
		t.Errorf("%s %v", got, err)
	}
	pan, err := secret.ParsePAN("4111111111111111")
	if err != nil {
		t.Fatal(err)
	}
	c := &card.Card{PAN: pan, Expiry: card.Expiry{Year: 2030, Month: 12}}
	at := time.Date(2026, 1, 2, 5, 4, 5, 0, time.FixedZone("", 2*3600)) // 03:04:05 UTC
	got, err = mbpad.UnsafeBuild(c, at)
	if want := "MBPAD-1-FK-123456.1--TDEA-5E766D1D0ABA354606C567A4425B826FCA120BD3B0DB17A00C5E581CEBBF44CD62AA7E3F10C726A14F2DACF87F234DE81B3DB9940C2C0B5C35F1DDE7F414DAEF"; err != nil || string(got) != want {
		t.Errorf("%s %v", got, err)
	}
}

// TestMBPVectors runs the cases that were written in Python.
func TestMBPVectors(t *testing.T) {
	setup, cases := provisiontest.LoadApple(t, "/testdata/vectors/provision_apple.json")
	ran := 0
	for _, c := range cases {
		if c.In.Do != "mbpac" && c.In.Do != "mbpad" {
			continue
		}
		ran++
		mbpac, mbpad := newMBP(t, visa.MBPOptions{Key: wsdKey(t, setup.WSD), KeySetID: setup.KeySetID, Layout: visa.UnverifiedVDSP()})
		visa.Draw(c.In.Random, mbpac, mbpad)
		now := time.UnixMilli(c.NowMS)
		var got []byte
		var err error
		if c.In.Do == "mbpac" {
			got, err = mbpac.UnsafeBuild(c.In.Nonce, secret.NewText(c.In.AuthCode), now)
		} else {
			pan, wrong := secret.ParsePAN(c.In.PAN)
			if wrong != nil {
				t.Fatal(wrong)
			}
			got, err = mbpad.UnsafeBuild(&card.Card{PAN: pan, Expiry: card.Expiry{Year: c.In.Year, Month: c.In.Month}}, now)
		}
		if code.Of(err).String() != c.Expect || string(got) != c.Want.Text {
			t.Errorf("%s: %s %v", c.ID, got, err)
		}
	}
	if ran < 6 {
		t.Errorf("only %d cases", ran)
	}
}

// blocks is a device that shows what it would have to encrypt.
type blocks struct{ seen *[]byte }

func (b blocks) EncryptCBC(iv, text []byte) ([]byte, error) {
	if !bytes.Equal(iv, make([]byte, 8)) {
		return nil, errors.New("another iv than zeros")
	}
	*b.seen = bytes.Clone(text)
	return text, nil
}

func (blocks) DecryptCBC(_, text []byte) ([]byte, error) { return text, nil }

// TestALayoutIsWrittenAsItSays: with a device in the key's place.
func TestALayoutIsWrittenAsItSays(t *testing.T) {
	var seen []byte
	device, err := keyring.NewDevice(blocks{&seen})
	if err != nil {
		t.Fatal(err)
	}
	key := &keyring.Key{ID: "hsm", Use: keyring.UseEncrypt, Device: device}
	const text = "nonce=9c;authcode=ABC123" // 24 characters
	for want, l := range map[string]visa.Layout{
		"  Ab1#24" + text:               visa.UnverifiedVDSP(),
		text:                            {Length: visa.NoLength, Pad: 'x'},
		"\x01\x02A0024" + text + "\x00": {Header: "\x01\x02", Random: 1, Length: visa.DecimalOf(4)},
		"4" + text + "*******":          {Length: visa.DecimalOf(1), Pad: '*'},
		"\x18" + text + "       ":       {Length: func(dst []byte, n int) []byte { return append(dst, byte(n)) }, Pad: ' '},
		strings.Repeat("h", 64) + text:  {Header: strings.Repeat("h", 64), Length: visa.NoLength},
	} {
		mbpac, mbpad := newMBP(t, visa.MBPOptions{Key: key, KeySetID: "APPLE", Layout: l})
		visa.Draw("Ab1#", mbpac, mbpad)
		got, err := mbpac.UnsafeBuild("9c", secret.NewText("ABC123"), provisiontest.Now)
		if err != nil || string(seen) != want {
			t.Errorf("%q %v, want %q", seen, err, want)
		}
		if outer := "MBPAC-1-FK-APPLE--TDEA-" + strings.ToUpper(hex.EncodeToString(seen)); string(got) != outer {
			t.Errorf("%s, want %s", got, outer)
		}
	}
	if got := string(visa.Decimal(nil, 7)) + string(visa.Decimal(nil, 56)) + string(visa.Decimal(nil, 123)); got != "756123" {
		t.Errorf("%s", got)
	}
}

// broken is a device that fails, and tells what it was given.
type broken struct{ short bool }

func (b broken) EncryptCBC(_, text []byte) ([]byte, error) {
	if b.short {
		return text[:8], nil
	}
	return nil, fmt.Errorf("device failed on %s", text)
}

func (broken) DecryptCBC(_, text []byte) ([]byte, error) { return nil, nil }

func TestMBPRefuses(t *testing.T) {
	good := visa.MBPOptions{Key: wsdKey(t, wsdHex), KeySetID: "123456.1", Layout: visa.UnverifiedVDSP()}
	key := func(change func(*keyring.Key)) func(*visa.MBPOptions) {
		return func(o *visa.MBPOptions) { o.Key = wsdKey(t, wsdHex); change(o.Key) }
	}
	for what, tc := range map[string]struct {
		change func(*visa.MBPOptions)
		want   code.Code
	}{
		"no key":                  {func(o *visa.MBPOptions) { o.Key = nil }, code.ProvisionKey},
		"equal parts":             {func(o *visa.MBPOptions) { o.Key = wsdKey(t, strings.Repeat("0123456789ABCDEF", 2)) }, code.ProvisionKey},
		"equal but for parity":    {func(o *visa.MBPOptions) { o.Key = wsdKey(t, "0123456789ABCDEF0022446688AACCEE") }, code.ProvisionKey},
		"one part":                {func(o *visa.MBPOptions) { o.Key = wsdKey(t, "0123456789ABCDEF") }, code.ProvisionKey},
		"three parts":             {func(o *visa.MBPOptions) { o.Key = wsdKey(t, wsdHex+"1122334455667788") }, code.ProvisionKey},
		"a key of AES":            {key(func(k *keyring.Key) { k.Alg = "A128GCM" }), code.ProvisionKey},
		"a key of no algorithm":   {key(func(k *keyring.Key) { k.Alg = "" }), code.ProvisionKey},
		"an empty key":            {key(func(k *keyring.Key) { k.Secret = secret.Bytes{} }), code.ProvisionKey},
		"a key to decrypt":        {key(func(k *keyring.Key) { k.Use = keyring.UseDecrypt }), code.ProvisionKey},
		"no key set id":           {func(o *visa.MBPOptions) { o.KeySetID = "" }, code.Config},
		"a key set id's hyphen":   {func(o *visa.MBPOptions) { o.KeySetID = "123456-1" }, code.Config},
		"a key set id's blank":    {func(o *visa.MBPOptions) { o.KeySetID = "123 456" }, code.Config},
		"a long key set id":       {func(o *visa.MBPOptions) { o.KeySetID = strings.Repeat("1", 33) }, code.Config},
		"no layout":               {func(o *visa.MBPOptions) { o.Layout = visa.Layout{} }, code.Unverified},
		"a layout without length": {func(o *visa.MBPOptions) { o.Layout.Length = nil }, code.Unverified},
		"a long header":           {func(o *visa.MBPOptions) { o.Layout.Header = strings.Repeat(" ", 65) }, code.Config},
		"random beyond bounds":    {func(o *visa.MBPOptions) { o.Layout.Random = 65 }, code.Config},
		"random below":            {func(o *visa.MBPOptions) { o.Layout.Random = -1 }, code.Config},
	} {
		o := good
		tc.change(&o)
		mbpac, err := visa.NewUnverifiedMBPAC(o)
		if code.Of(err) != tc.want || mbpac != nil {
			t.Errorf("%s: %v", what, err)
		}
		if mbpad, other := visa.NewUnverifiedMBPAD(o); mbpad != nil || fmt.Sprint(other) != fmt.Sprint(err) {
			t.Errorf("%s, MBPAD: %v", what, other)
		}
	}
	mbpac, mbpad := newMBP(t, good)
	late, _ := newMBP(t, visa.MBPOptions{Key: func() *keyring.Key {
		k := wsdKey(t, wsdHex)
		k.NotAfter = provisiontest.Now.Add(-time.Second)
		return k
	}(), KeySetID: "1", Layout: good.Layout})
	fails := func(short bool) *visa.MBPAC {
		d, err := keyring.NewDevice(broken{short})
		if err != nil {
			t.Fatal(err)
		}
		m, _ := newMBP(t, visa.MBPOptions{Key: &keyring.Key{ID: "d", Use: keyring.UseEncrypt, Device: d}, KeySetID: "1", Layout: good.Layout})
		return m
	}
	authCode := secret.NewText("ABC123")
	short, err := secret.ParsePAN("400000000002")
	if err != nil {
		t.Fatal(err)
	}
	pan := goodCard(t)
	for what, tc := range map[string]struct {
		build func() ([]byte, error)
		want  code.Code
	}{
		"no nonce":    {func() ([]byte, error) { return mbpac.UnsafeBuild("", authCode, provisiontest.Now) }, code.Field},
		"half a byte": {func() ([]byte, error) { return mbpac.UnsafeBuild("9c0", authCode, provisiontest.Now) }, code.Field},
		"a semicolon": {func() ([]byte, error) { return mbpac.UnsafeBuild("9c;authcode=A", authCode, provisiontest.Now) }, code.Field},
		"a long nonce": {func() ([]byte, error) {
			return mbpac.UnsafeBuild(strings.Repeat("0", 130), authCode, provisiontest.Now)
		}, code.Field},
		"no code":            {func() ([]byte, error) { return mbpac.UnsafeBuild("9c", secret.Text{}, provisiontest.Now) }, code.AuthCode},
		"a key of last year": {func() ([]byte, error) { return late.UnsafeBuild("9c", authCode, provisiontest.Now) }, code.ProvisionKey},
		"a failing device":   {func() ([]byte, error) { return fails(false).UnsafeBuild("9c", authCode, provisiontest.Now) }, code.ProvisionKey},
		"half an answer":     {func() ([]byte, error) { return fails(true).UnsafeBuild("9c", authCode, provisiontest.Now) }, code.ProvisionKey},
		"no card":            {func() ([]byte, error) { return mbpad.UnsafeBuild(nil, provisiontest.Now) }, code.PAN},
		"12 digits": {func() ([]byte, error) {
			return mbpad.UnsafeBuild(&card.Card{PAN: short, Expiry: pan.Expiry}, provisiontest.Now)
		}, code.PAN},
		"an unset clock": {func() ([]byte, error) { return mbpad.UnsafeBuild(&pan, time.Time{}) }, code.Config},
		"an expired card": {func() ([]byte, error) {
			return mbpad.UnsafeBuild(&card.Card{PAN: pan.PAN, Expiry: card.Expiry{Year: 2026, Month: 1}}, provisiontest.Now)
		}, code.CardExpired},
	} {
		got, err := tc.build()
		if code.Of(err) != tc.want || got != nil {
			t.Errorf("%s: %s %v", what, got, err)
		}
		for _, hidden := range []string{"ABC123", "4000000000000002", "device failed", "nonce=9c"} {
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), hidden) {
				t.Errorf("%s: %q in %v", what, hidden, err)
			}
		}
	}
}

func TestAuthCodesAndRandomTextsUseTheirWholeAlphabet(t *testing.T) {
	seen := map[byte]int{}
	for range 2000 {
		c := visa.NewAuthCode()
		if err := visa.CheckAuthCode(c); err != nil {
			t.Fatal(err)
		}
		for _, b := range []byte(c.Reveal()) {
			seen[b]++
		}
	}
	for _, b := range []byte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		if n := seen[b]; n < 200 || n > 480 { // 333 are expected, and 18 the deviation
			t.Errorf("%c stands %d times in 12,000", b, n)
		}
	}
	drawn := [94]int{}
	for _, b := range visa.DrawText(94_000, 94) {
		drawn[b]++
	}
	for b, n := range drawn {
		if n < 800 || n > 1200 {
			t.Errorf("%c stands %d times in 94,000", '!'+b, n)
		}
	}
	for _, s := range []string{"", "ABC12", "ABC1234", "abc123", "ABC-12", "ÄBC12"} {
		if !errors.Is(visa.CheckAuthCode(secret.NewText(s)), visa.ErrAuthCode) {
			t.Errorf("%q passes", s)
		}
	}
}

func TestMBPInFIPSOnlyMode(t *testing.T) {
	if !testutil.InFIPSOnly(t) {
		return
	}
	if m, err := visa.NewUnverifiedMBPAC(visa.MBPOptions{Key: wsdKey(t, wsdHex), KeySetID: "1", Layout: visa.UnverifiedVDSP()}); !errors.Is(err, visa.ErrFIPS) || m != nil {
		t.Errorf("%v", err)
	}
}
