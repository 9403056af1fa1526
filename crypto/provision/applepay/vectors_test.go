package applepay_test

import (
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/provision/applepay"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/internal/provisiontest"
	"github.com/issuant/issuant/internal/appletest"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/evecc"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/internal/testutil"
)

const vectors = "/testdata/vectors/provision_apple.json"

// TestVectors runs the cases that were written in Python; those of Visa's texts are
// run in package visa.
func TestVectors(t *testing.T) {
	setup, cases := provisiontest.LoadApple(t, vectors)
	chain := newChain(t, applepay.ChainOptions{Roots: setup.Roots})
	ran := map[string]int{}
	for _, c := range cases {
		ran[c.In.Do]++
		switch now := time.UnixMilli(c.NowMS); c.In.Do {
		case "seal":
			sealed, ephemeral, err := evecc.SealWith(private(t, c.In.Own), public(t, c.In.To), []byte(c.In.Plaintext))
			if err != nil || !bytes.Equal(sealed, c.Want.Sealed) || !bytes.Equal(ephemeral, c.Want.Ephemeral) {
				t.Errorf("%s: %x %x %v", c.ID, sealed, ephemeral, err)
			}
		case "open":
			got, err := applepay.Open(private(t, c.In.Key), c.In.Sealed, c.In.Ephemeral)
			if code.Of(err).String() != c.Expect || string(got) != c.Want.Plaintext {
				t.Errorf("%s: %q %v", c.ID, got, err)
			}
		case "chain":
			key, err := applepay.KeyOf(chain, c.In.Certificates, now)
			if code.Of(err).String() != c.Expect || err == nil && !bytes.Equal(key.Bytes(), c.Want.Key) {
				t.Errorf("%s: %v, want %s", c.ID, err, c.Expect)
			}
		case "mbpac", "mbpad":
		default:
			t.Errorf("%s: nothing does %q", c.ID, c.In.Do)
		}
	}
	if ran["seal"] < 7 || ran["open"] < 20 || ran["chain"] < 30 {
		t.Errorf("%v", ran)
	}
}

func private(tb testing.TB, b []byte) *ecdh.PrivateKey {
	tb.Helper()
	key, err := ecdh.P256().NewPrivateKey(b)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func public(tb testing.TB, b []byte) *ecdh.PublicKey {
	tb.Helper()
	key, err := ecdh.P256().NewPublicKey(b)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// FuzzChain: no bytes in a certificate's place panic, every refusal has the code, and
// nothing but what was issued is taken.
func FuzzChain(f *testing.F) {
	setup, cases := provisiontest.LoadApple(f, vectors)
	chain := newChain(f, applepay.ChainOptions{Roots: setup.Roots, UnsafeAnyIntermediate: true, UnsafeLeafSuffixes: []string{"X"}})
	known := map[string]bool{}
	var now time.Time
	for _, c := range cases {
		if c.In.Do != "chain" {
			continue
		}
		now = time.UnixMilli(c.NowMS)
		for _, der := range c.In.Certificates {
			known[string(der)] = true
		}
		three := append(append([][]byte{}, c.In.Certificates...), nil, nil, nil)
		f.Add(three[0], three[1], three[2], uint8(len(c.In.Certificates)))
	}
	f.Fuzz(func(t *testing.T, a, b, c []byte, n uint8) {
		certs := [][]byte{a, b, c, a, b}[:n%6]
		err := chain.Check(certs, now)
		if err != nil && code.Of(err) != code.Certificate {
			t.Fatal(err)
		}
		if err == nil && !(known[string(a)] && known[string(b)]) {
			t.Fatalf("taken: %x %x", a, b)
		}
	})
}

// FuzzParseRequest: no text panics, every refusal has a code of its own, and what is
// taken is the same when it is read again in its one form.
func FuzzParseRequest(f *testing.F) {
	_, cases := provisiontest.LoadApple(f, vectors)
	for _, c := range cases {
		if c.In.Do == "chain" && len(c.In.Certificates) > 1 {
			f.Add(string(pemOf(c.In.Certificates[0])), string(c.In.Certificates[1]), "9c023092", "40A5", uint8(1))
			break
		}
	}
	f.Add("MIIB", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "nAIwkg==", "QA==", uint8(2))
	f.Add("0", "M", "9C023092", "0x", uint8(0))
	f.Fuzz(func(t *testing.T, a, b, nonce, signature string, e uint8) {
		r, err := applepay.ParseRequest([]string{a, b}, nonce, signature, applepay.TextEncoding(e))
		switch code.Of(err) {
		case code.Certificate, code.Nonce, code.Config:
			if r != nil {
				t.Fatal("a request beside an error")
			}
			return
		case code.OK:
		default:
			t.Fatal(err)
		}
		again, err := applepay.ParseRequest([]string{a, b}, r.NonceText(), hex.EncodeToString(r.NonceSignature), applepay.Hex)
		if err != nil || again.NonceText() != r.NonceText() || !bytes.Equal(again.NonceSignature, r.NonceSignature) {
			t.Fatalf("%q %v", r.NonceText(), err)
		}
	})
}

// FuzzOpen: nothing that was not made for the key opens.
func FuzzOpen(f *testing.F) {
	_, cases := provisiontest.LoadApple(f, vectors)
	opened := map[string]bool{}
	var key *ecdh.PrivateKey
	for _, c := range cases {
		if c.In.Do == "open" {
			f.Add(c.In.Sealed, c.In.Ephemeral)
			opened[c.Want.Plaintext] = true
			key = private(f, c.In.Key)
		}
	}
	f.Fuzz(func(t *testing.T, sealed, ephemeral []byte) {
		got, err := applepay.Open(key, sealed, ephemeral)
		if err != nil && (got != nil || err.Error() != applepay.ErrOpen.Error()) || err == nil && !opened[string(got)] {
			t.Fatalf("%q %v", got, err)
		}
	})
}

// TestMutationsAreRefused: of pass data, and of every certificate of a good chain.
func TestMutationsAreRefused(t *testing.T) {
	setup, cases := provisiontest.LoadApple(t, vectors)
	for i, c := range cases {
		switch {
		case c.ID == "open":
			key := private(t, c.In.Key)
			for _, m := range testutil.Mutations(c.In.Sealed, 400, uint64(i)) {
				if got, err := applepay.Open(key, m, c.In.Ephemeral); code.Of(err) != code.Decryption || got != nil {
					t.Errorf("%s: %q %v", c.ID, got, err)
				}
			}
			for _, m := range testutil.Mutations(c.In.Ephemeral, 400, uint64(i)) {
				if got, err := applepay.Open(key, c.In.Sealed, m); code.Of(err) != code.Decryption || got != nil {
					t.Errorf("%s: %q %v", c.ID, got, err)
				}
			}
		case c.ID == "chain-root":
			for k := range c.In.Certificates {
				taken := 0
				for _, m := range testutil.Mutations(c.In.Certificates[k], 120, uint64(i+k)) {
					certs := [][]byte{c.In.Certificates[0], c.In.Certificates[1], c.In.Certificates[2]}
					certs[k] = m
					switch err := newChain(t, applepay.ChainOptions{Roots: setup.Roots}).Check(certs, time.UnixMilli(c.NowMS)); {
					case err == nil:
						taken++
					case code.Of(err) != code.Certificate:
						t.Errorf("certificate %d: %v", k, err)
					}
				}
				// A root that is sent decides nothing: what is neither its name nor its key may differ.
				if taken > 0 && k < 2 {
					t.Errorf("certificate %d: %d of 120 were taken", k, taken)
				}
			}
		}
	}
}

// FuzzUnsafeBuild: whatever stands in a card's name, a request's bytes and a network's
// texts, there is a typed error, or pass data whose JSON has exactly these values.
func FuzzUnsafeBuild(f *testing.F) {
	w := newWorld(f)
	certs := w.apple.Certificates(f, &w.key.PublicKey)
	f.Add("TEST CARDHOLDER", "Mastercard", "DEFAULT_MASTERCARD", "1", 6, []byte{0x9c, 2, 0x30, 0x92}, []byte{0x40})
	f.Add("José \"Ñ\" \\ <&> \u2028", "", "", "", 0, []byte{0}, bytes.Repeat([]byte{0xff}, 512))
	f.Add("a\x00b", "\xff", "x\n", strings.Repeat("9", 65), 11, []byte{}, []byte(nil))
	f.Fuzz(func(t *testing.T, name, network, product, version string, prefix int, nonce, signature []byte) {
		n := applepay.Network{Form: applepay.PlainPAN, Activation: static, NetworkName: network, ProductType: applepay.ProductType(product), Version: version, PrefixDigits: prefix}
		p, err := applepay.New(applepay.Options{Chain: w.chain, UnsafeNoNonceMemory: true, Networks: map[card.Network]applepay.Network{card.Mastercard: n}})
		if err != nil {
			if code.Of(err) != code.Config || p != nil {
				t.Fatal(err)
			}
			return
		}
		c := goodCard(t)
		c.Name = name
		d, err := p.UnsafeBuild(ctx, card.Mastercard, c, &applepay.Request{Certificates: certs, Nonce: nonce, NonceSignature: signature}, appletest.Now)
		if err != nil {
			if is := code.Of(err); is != code.Field && is != code.Nonce || d != nil {
				t.Fatal(err)
			}
			return
		}
		plaintext := w.open(t, d)
		if _, err := strictjson.Parse(plaintext, strictjson.Limits{}); err != nil {
			t.Fatalf("%s: %v", plaintext, err)
		}
		var got map[string]string
		if err := json.Unmarshal(plaintext, &got); err != nil {
			t.Fatal(err)
		}
		for member, want := range map[string]string{
			"primaryAccountNumber": "5123456789012346", "expiration": "12/30", "name": name, "networkName": network, "productType": product, "version": version,
			"primaryAccountNumberPrefix": "5123456789012346"[:prefix], "nonce": hex.EncodeToString(nonce), "nonceSignature": hex.EncodeToString(signature),
		} {
			if got[member] != want {
				t.Errorf("%s: %q, want %q", member, got[member], want)
			}
			delete(got, member)
		}
		if len(got) > 0 {
			t.Errorf("and %v", got)
		}
	})
}
