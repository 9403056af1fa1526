// Package provisiontest is what the tests of the payload builders share: the keys of
// the vectors, random cards, and a receiver in another language.
package provisiontest

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/luhn"
	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/internal/vectorfile"
)

// Now is the instant at which tests build.
var Now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// Setup is the setup of a vector file of the kind provision_open.
type Setup struct {
	KeyPEM       string   `json:"key_pem"`
	Fingerprints []string `json:"fingerprints"`
	VisaSecret   string   `json:"visa_secret"`
	VisaKID      string   `json:"visa_kid"`
	VisaSignKID  string   `json:"visa_sign_kid"`
	VisaSignPEM  string   `json:"visa_sign_pem"`
}

// Case is one case: its format names what opens the payload.
type Case struct {
	ID, Format, Payload, Expect, Plaintext string
}

// Load reads a vector file.
func Load(tb testing.TB, path string) (Setup, []Case) {
	tb.Helper()
	f := vectorfile.Load(tb, path)
	if f.Kind != "provision_open" {
		tb.Fatalf("%s is of the kind %q", path, f.Kind)
	}
	var s Setup
	vectorfile.Into(tb, f.Setup, &s)
	cases := make([]Case, 0, len(f.Cases))
	for _, c := range f.Cases {
		var in struct {
			Format  string `json:"format"`
			Payload string `json:"payload"`
		}
		var want struct {
			Plaintext string `json:"plaintext"`
		}
		vectorfile.Into(tb, c.Input, &in)
		if c.Expect == "ok" {
			vectorfile.Into(tb, c.Want, &want)
		}
		cases = append(cases, Case{c.ID, in.Format, in.Payload, c.Expect, want.Plaintext})
	}
	return s, cases
}

// RSA reads a PKCS #1 private key.
func RSA(tb testing.TB, text string) *rsa.PrivateKey {
	tb.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		tb.Fatal("no PEM")
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// PublicRSA reads a SubjectPublicKeyInfo.
func PublicRSA(tb testing.TB, text string) *rsa.PublicKey {
	tb.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		tb.Fatal("no PEM")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		tb.Fatal(err)
	}
	return key.(*rsa.PublicKey)
}

// PrivatePEM writes a key for the receiver.
func PrivatePEM(key *rsa.PrivateKey) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

// names of cardholders: in Latin letters with and without marks, in other scripts,
// with what JSON must escape, and with what encoders like to escape.
var names = []string{
	"", "TEST CARDHOLDER", "José Ñandú", "Ådne Ødegård", "Łukasz Żółć", "李小龍", "Ирина Ж.", "O'BRIEN/ANNE", "A & B <C>",
	"Anne \"Al\" Bo\\b", "Zoë\u2028Line", "𝒜 Math", "D/E+F=G", "ＦＵＬＬ Width", "e\u0301 marks",
}

// Card returns a random card: 12 to 19 digits from min up, leading zeros among them.
func Card(tb testing.TB, r *rand.Rand, min int) *card.Card {
	tb.Helper()
	digits := make([]byte, min+r.IntN(20-min))
	for i := range digits {
		digits[i] = '0' + byte(r.IntN(10))
	}
	for digits[len(digits)-1] = '0'; !luhn.Valid(digits); digits[len(digits)-1]++ {
	}
	pan, err := secret.ParsePAN(digits)
	if err != nil {
		tb.Fatal(err)
	}
	c := &card.Card{PAN: pan, Expiry: card.Expiry{Year: 2027 + r.IntN(20), Month: 1 + r.IntN(12)}, Name: names[r.IntN(len(names))]}
	if r.IntN(2) == 0 {
		cvv := []byte("000")
		for i := range cvv {
			cvv[i] += byte(r.IntN(10))
		}
		c.CVV2 = secret.NewText(cvv)
	}
	return c
}

// Mutate feeds mutations of every message that opens to its opener: each is refused
// with the one answer, or opens to the same plaintext. Ten thousand of each under
// ISSUANT_SOAK, else fewer of those that cost an RSA operation.
func Mutate(t *testing.T, cases []Case, refusal error, open map[string]func([]byte) ([]byte, error)) {
	t.Helper()
	n := 400
	if os.Getenv("ISSUANT_SOAK") == "1" {
		n = 10_000
	}
	for i, c := range cases {
		if c.Expect != "ok" {
			continue
		}
		same := 0
		for _, m := range testutil.Mutations([]byte(c.Payload), n, uint64(i)) {
			got, err := open[c.Format](m)
			switch {
			case err == nil && string(got) == c.Plaintext:
				same++
			case err == nil:
				t.Errorf("%s: %q opened to %q", c.ID, m, got)
			case err.Error() != refusal.Error() || got != nil:
				t.Errorf("%s: %q: %v", c.ID, m, err)
			}
		}
		t.Logf("%s: %d mutations, %d of them the same message", c.ID, n, same)
	}
}

// Receive gives lines to the receiver in Node.js, testdata/receive.mjs, and returns its
// answers in their order. It shares no code with the builders. Where Node.js is not
// installed the test is skipped, and says so; in CI it fails.
func Receive[In, Out any](tb testing.TB, lines []In) []Out {
	tb.Helper()
	node, err := exec.LookPath("node")
	if err != nil && os.Getenv("CI") != "" {
		tb.Fatal("node is not installed, and in CI it must be")
	}
	if err != nil {
		tb.Skip("skipped: node is not installed; it opens the payloads from the receiver's side")
	}
	var in bytes.Buffer
	enc := json.NewEncoder(&in)
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			tb.Fatal(err)
		}
	}
	cmd := exec.Command(node, filepath.Join(testutil.Root(tb), "crypto", "provision", "testdata", "receive.mjs"))
	cmd.Stdin = &in
	var failed strings.Builder
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("the receiver: %v\n%s", err, failed.String())
	}
	var answers []Out
	dec := json.NewDecoder(bytes.NewReader(out))
	for range lines {
		var a Out
		if err := dec.Decode(&a); err != nil {
			tb.Fatal(err)
		}
		answers = append(answers, a)
	}
	return answers
}
