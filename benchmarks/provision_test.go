package benchmarks

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"slices"
	"strings"
	"testing"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/mastercard"
	"github.com/issuant/issuant/crypto/provision/visa"
	"github.com/issuant/issuant/crypto/secret"
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
// the content key under the key-encryption key, the content under the content key.
func bareSeal(kek, plaintext, header []byte) int {
	var random [32 + 12 + 12]byte
	_, _ = rand.Read(random[:])
	cek, kwIV, iv := random[:32], random[32:44], random[44:]
	wrapped := gcmSeal(kek, kwIV, cek, nil)
	return len(wrapped) + len(gcmSeal(cek, iv, plaintext, header))
}

func gcmSeal(key, iv, plaintext, aad []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm.Seal(nil, iv, plaintext, aad)
}

// BenchmarkVisaPayload weighs a payload for Google Pay against its bare primitives.
func BenchmarkVisaPayload(b *testing.B) {
	key, err := visa.NewSharedKey("kid", secret.NewText("0123456789abcdefghijklmnopqrstuvwxyzABCD"))
	if err != nil {
		b.Fatal(err)
	}
	p, err := visa.NewPayload(visa.PayloadOptions{Key: key})
	if err != nil {
		b.Fatal(err)
	}
	c, w := provisionCard(b)
	token, err := p.UnsafeBuild(c, w, now)
	if err != nil {
		b.Fatal(err)
	}
	plaintext, err := key.Open(token)
	if err != nil || !strings.Contains(string(plaintext), "4000000000000002") {
		b.Fatal(err)
	}
	header, _, _ := strings.Cut(token, ".")
	kek := sha256.Sum256([]byte("0123456789abcdefghijklmnopqrstuvwxyzABCD"))
	weighBare(b, 200, func(int) {
		if got, err := p.UnsafeBuild(c, w, now); err != nil || len(got) != len(token) {
			b.Fatal(err)
		}
	}, func(int) {
		if bareSeal(kek[:], plaintext, []byte(header)) == 0 {
			b.Fatal("nothing")
		}
	})
}

// BenchmarkTAV weighs a TAV against one bare RSA-2048 signature.
func BenchmarkTAV(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	tav, err := mastercard.NewTAV(mastercard.TAVOptions{Format: mastercard.UnverifiedTAV3, Key: key})
	if err != nil {
		b.Fatal(err)
	}
	c, _ := provisionCard(b)
	digest := sha256.Sum256([]byte("4000000000000002|1230|2026-11-23T10:30:00Z"))
	weighBare(b, 5, func(int) {
		if got, err := tav.UnsafeBuild(c, "", now); err != nil || len(got) == 0 {
			b.Fatal(err)
		}
	}, func(int) {
		if _, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:]); err != nil {
			b.Fatal(err)
		}
	})
}

// weighBare weighs ours against the bare calls of the standard library.
func weighBare(b *testing.B, each int, ours, bare func(int)) {
	b.Helper()
	o, y := &turn{each: each, engine: ours}, &turn{each: each, engine: bare}
	b.ResetTimer()
	weigh(b, o, y)
	b.ReportMetric(o.perEvent()/y.perEvent(), "x-bare")
	b.ReportMetric(float64(slices.Min(o.took))/float64(slices.Min(y.took)), "x-best")
	b.ReportMetric(o.perEvent(), "ns/ours")
	b.ReportMetric(y.perEvent(), "ns/bare")
}
