package benchmarks

import (
	"bytes"
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/provision/applepay"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/mastercard"
	"github.com/issuant/issuant/crypto/provision/visa"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/appletest"
	"github.com/issuant/issuant/internal/evecc"
)

// provisionCard is what payloads are built from.
func provisionCard(tb testing.TB) (*card.Card, *card.Wallet) {
	tb.Helper()
	pan, err := secret.ParsePAN("4000000000000002")
	if err != nil {
		tb.Fatal(err)
	}
	return &card.Card{PAN: pan, Expiry: card.Expiry{Year: 2030, Month: 12}, CVV2: secret.NewText("123"), Name: "TEST CARDHOLDER"},
		&card.Wallet{RequestorID: "40010075001", AccountID: "walletaccount0000000001", DeviceID: "device000000000000000001", AppID: "TestIssuerApp"}
}

// bareSeal does what a payload for Visa needs of the standard library: random bytes,
// the content key under the key-encryption key, which is expanded beforehand as ours is,
// the content under the content key.
func bareSeal(kek cipher.AEAD, plaintext, header []byte) int {
	var random [32 + 12 + 12]byte
	_, _ = rand.Read(random[:])
	cek, kwIV, iv := random[:32], random[32:44], random[44:]
	return len(kek.Seal(nil, kwIV, cek, nil)) + len(aesGCM(cek).Seal(nil, iv, plaintext, header))
}

func aesGCM(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm
}

// side is a thing and its yardstick; both were seen to give the right answer.
type side struct{ ours, bare func() }

// visaSides are a payload for Google Pay and its primitives.
func visaSides(tb testing.TB) side {
	tb.Helper()
	const text = "0123456789abcdefghijklmnopqrstuvwxyzABCD"
	key, err := visa.NewSharedKey("kid", secret.NewText(text))
	if err != nil {
		tb.Fatal(err)
	}
	p, err := visa.NewPayload(visa.PayloadOptions{Key: key})
	if err != nil {
		tb.Fatal(err)
	}
	c, w := provisionCard(tb)
	token, err := p.UnsafeBuild(c, w, now)
	if err != nil {
		tb.Fatal(err)
	}
	plaintext, err := key.Open(token)
	if err != nil || !strings.Contains(string(plaintext), "4000000000000002") {
		tb.Fatal(err)
	}
	header, _, _ := strings.Cut(token, ".")
	digest := sha256.Sum256([]byte(text))
	kek := aesGCM(digest[:])
	return side{func() {
		if got, err := p.UnsafeBuild(c, w, now); err != nil || len(got) != len(token) {
			tb.Fatal(err)
		}
	}, func() {
		if bareSeal(kek, plaintext, []byte(header)) == 0 {
			tb.Fatal("nothing")
		}
	}}
}

// BenchmarkVisaPayload weighs a payload for Google Pay against its bare primitives.
func BenchmarkVisaPayload(b *testing.B) { weighSide(b, visaSides(b), 100, visaPayload) }

// appleSides are EV_ECC_v2, once the encryption alone and once the whole of a request
// whose certificates were seen before, each beside the making of a key, the agreement
// and the encryption.
func appleSides(tb testing.TB) (seal, whole side) {
	tb.Helper()
	must := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	apple, leaf := appletest.New(tb, nil), appletest.Key(tb)
	chain, err := applepay.NewChain(applepay.ChainOptions{Roots: [][]byte{apple.Root}})
	must(err)
	pay, err := applepay.New(applepay.Options{Chain: chain, UnsafeNoNonceMemory: true, Networks: map[card.Network]applepay.Network{
		card.Visa: {Form: applepay.PlainPAN, Activation: applepay.UnsafeStatic([]byte("network specific"))},
	}})
	must(err)
	c, _ := provisionCard(tb)
	r := &applepay.Request{Certificates: apple.Certificates(tb, &leaf.PublicKey), Nonce: []byte{0x9c, 2, 0x30, 0x92}, NonceSignature: bytes.Repeat([]byte{0x40}, 81)}
	theirs, err := leaf.ECDH()
	must(err)
	built, err := pay.UnsafeBuild(context.Background(), card.Visa, c, r, appletest.Now)
	must(err)
	plaintext, err := applepay.Open(theirs, built.EncryptedPassData, built.EphemeralPublicKey)
	must(err)
	sealed, e, err := evecc.Seal(theirs.PublicKey(), plaintext)
	must(err)
	if opened, err := applepay.Open(theirs, sealed, e); err != nil || !bytes.Equal(opened, plaintext) {
		tb.Fatal(err)
	}
	var iv [12]byte
	bare := func() {
		own, err := ecdh.P256().GenerateKey(rand.Reader)
		must(err)
		z, err := own.ECDH(theirs.PublicKey())
		must(err)
		if len(aesGCM(z).Seal(nil, iv[:], plaintext, nil)) != len(sealed) {
			tb.Fatal("another length")
		}
	}
	to := theirs.PublicKey()
	return side{func() {
			if got, _, err := evecc.Seal(to, plaintext); err != nil || len(got) != len(sealed) {
				tb.Fatal(err)
			}
		}, bare}, side{func() {
			if got, err := pay.UnsafeBuild(context.Background(), card.Visa, c, r, appletest.Now); err != nil || len(got.EncryptedPassData) != len(sealed) {
				tb.Fatal(err)
			}
		}, bare}
}

// BenchmarkAppleSeal weighs EV_ECC_v2 against key generation, ECDH and AES-GCM.
func BenchmarkAppleSeal(b *testing.B) {
	seal, _ := appleSides(b)
	weighSide(b, seal, 50, appleSeal)
}

// BenchmarkApplePassData weighs a whole answer to a device, activation data left aside,
// against the same.
func BenchmarkApplePassData(b *testing.B) {
	_, whole := appleSides(b)
	weighSide(b, whole, 50, applePassData)
}

// provisionPieces bound the memory that payloads take: pieces at most, and how many more
// than their primitives.
var provisionPieces = []struct {
	what      string
	of        func(testing.TB) side
	most, gap float64
}{
	{"a payload for Visa", visaSides, 4, 0},
	{"EV_ECC_v2", func(tb testing.TB) side { seal, _ := appleSides(tb); return seal }, 16, 3},
	{"an answer to Apple", func(tb testing.TB) side { _, whole := appleSides(tb); return whole }, 40, 26},
	{"a TAV", tavSides, 40, 16},
}

func TestPayloadsAllocateLittle(t *testing.T) {
	for _, p := range provisionPieces {
		s := p.of(t)
		s.ours() // what is made once
		ours, bare := testing.AllocsPerRun(50, s.ours), testing.AllocsPerRun(50, s.bare)
		t.Logf("%s: %.0f pieces of memory, its primitives %.0f", p.what, ours, bare)
		if ours > p.most || ours > bare+p.gap {
			t.Errorf("%s: %.0f pieces of memory, more than %.0f, or more than %.0f beside the %.0f of its primitives", p.what, ours, p.most, p.gap, bare)
		}
	}
}

// tavSides are a TAV and one signature.
func tavSides(tb testing.TB) side {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	tav, err := mastercard.NewTAV(mastercard.TAVOptions{Format: mastercard.UnverifiedTAV3, Key: key})
	if err != nil {
		tb.Fatal(err)
	}
	c, _ := provisionCard(tb)
	digest := sha256.Sum256([]byte("4000000000000002|1230|" + now.Add(mastercard.DefaultValidity).Format(time.RFC3339)))
	want, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		tb.Fatal(err)
	}
	if got, err := tav.UnsafeBuild(c, "", now); err != nil || !bytes.Contains(got, []byte(mastercard.Encode(want))) {
		tb.Fatalf("%s %v", got, err)
	}
	return side{func() {
		if got, err := tav.UnsafeBuild(c, "", now); err != nil || len(got) == 0 {
			tb.Fatal(err)
		}
	}, func() {
		if _, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:]); err != nil {
			tb.Fatal(err)
		}
	}}
}

// BenchmarkTAV weighs a TAV against one bare RSA-2048 signature.
func BenchmarkTAV(b *testing.B) { weighSide(b, tavSides(b), 5, mastercardTAV) }

// weighSide weighs ours against the bare calls of the standard library.
func weighSide(b *testing.B, s side, each int, f *figure) {
	b.Helper()
	o, y := &turn{each: each, engine: func(int) { s.ours() }}, &turn{each: each, engine: func(int) { s.bare() }}
	b.ResetTimer()
	weigh(b, o, y)
	f.setBoth(o.perEvent()/y.perEvent(), o.bestPerEvent()/y.bestPerEvent())
	b.ReportMetric(o.perEvent()/y.perEvent(), "x-bare")
	b.ReportMetric(o.bestPerEvent()/y.bestPerEvent(), "x-best")
	b.ReportMetric(o.perEvent(), "ns/ours")
	b.ReportMetric(y.perEvent(), "ns/bare")
}
