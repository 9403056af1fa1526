package mastercard_test

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/internal/provisiontest"
	"github.com/issuant/issuant/crypto/provision/mastercard"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testkey"
	"github.com/issuant/issuant/internal/testutil"
)

func Example() {
	tb := exampleTB{}
	key := testkey.RSA(tb, "rsa2048-a") // Mastercard's; the issuer has its public part alone
	fingerprint, err := mastercard.KeySHA256(&key.PublicKey)
	if err != nil {
		panic(err)
	}
	sealer, err := mastercard.NewSealer(mastercard.SealOptions{Key: &key.PublicKey, Fingerprint: fingerprint})
	if err != nil {
		panic(err)
	}
	payload, err := sealer.Seal([]byte(`{"hello":"Mastercard"}`))
	if err != nil {
		panic(err)
	}
	opener, err := mastercard.NewOpener(mastercard.OpenOptions{
		Key: func(fp string) (crypto.Decrypter, bool) { return key, fp == fingerprint },
	})
	if err != nil {
		panic(err)
	}
	plaintext, err := opener.Open(payload)
	fmt.Println(string(plaintext), err)
	// Output: {"hello":"Mastercard"} <nil>
}

type exampleTB struct{ testing.TB }

func (exampleTB) Helper()           {}
func (exampleTB) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

const vectors = "/testdata/vectors/provision_mastercard.json"

func opener(tb testing.TB, s provisiontest.Setup) *mastercard.Opener {
	tb.Helper()
	key := provisiontest.RSA(tb, s.KeyPEM)
	o, err := mastercard.NewOpener(mastercard.OpenOptions{Key: func(fp string) (crypto.Decrypter, bool) {
		return key, fp == s.Fingerprints[0]
	}})
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

func openers(tb testing.TB, s provisiontest.Setup) map[string]func([]byte) ([]byte, error) {
	key := provisiontest.RSA(tb, s.KeyPEM)
	return map[string]func([]byte) ([]byte, error){
		"mastercard_payload": opener(tb, s).Open,
		"mastercard_jwe": func(b []byte) ([]byte, error) {
			return mastercard.OpenJWE(b, func(kid string) (crypto.Decrypter, bool) { return key, kid == "" || kid == s.Fingerprints[1] })
		},
	}
}

func TestVectors(t *testing.T) {
	setup, cases := provisiontest.Load(t, vectors)
	open := openers(t, setup)
	for _, c := range cases {
		got, err := open[c.Format]([]byte(c.Payload))
		if code.Of(err).String() != c.Expect || string(got) != c.Plaintext {
			t.Errorf("%s: %q, %v (%s); want %s", c.ID, got, err, code.Detail(err), c.Expect)
		}
		if err != nil && (err.Error() != mastercard.ErrOpen.Error() || code.Detail(err) == "") {
			t.Errorf("%s: the error says %q, the record %q", c.ID, err, code.Detail(err))
		}
	}
}

// TestMutationsAreRefused: of what is authenticated. CBC without a tag is not: there a
// change of a block can leave strict JSON, which is said in the package's comment.
func TestMutationsAreRefused(t *testing.T) {
	setup, cases := provisiontest.Load(t, vectors)
	var authenticated []provisiontest.Case
	for _, c := range cases {
		if c.Format == "mastercard_jwe" || strings.Contains(c.Payload, `"GCM"`) {
			authenticated = append(authenticated, c)
		}
	}
	provisiontest.Mutate(t, authenticated, mastercard.ErrOpen, openers(t, setup))
}

// TestFingerprintsAreThePublishedOnes: of Mastercard's public test certificate.
func TestFingerprintsAreThePublishedOnes(t *testing.T) {
	text := testutil.Read(t, "../testdata/mastercard-test-key.txt")
	block, _ := pem.Decode(text[bytes.Index(text, []byte("-----BEGIN CERT")):])
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	pub := cert.PublicKey.(*rsa.PublicKey)
	for what, tc := range map[string]struct {
		f    func() (string, error)
		want string
	}{
		"certificate, SHA-1":   {func() (string, error) { return mastercard.CertificateSHA1(block.Bytes) }, "6c439bd78fdcb33652df0fe15150a225c1ad92eb"},
		"certificate, SHA-256": {func() (string, error) { return mastercard.CertificateSHA256(block.Bytes) }, "80810fc13a8319fcf0e2ec322c82a4c304b782cc3ce671176343cfe8160c2279"},
		"key, SHA-256":         {func() (string, error) { return mastercard.KeySHA256(pub) }, "761b003c1eade3a5490e5000d37887baa5e6ec0e226c07706e599451fc032a79"},
	} {
		if got, err := tc.f(); err != nil || got != tc.want {
			t.Errorf("%s: %s %v, want %s", what, got, err, tc.want)
		}
	}
	for _, name := range []string{"rsa2048-b", "rsa3072", "rsa4096"} {
		pub := &testkey.RSA(t, name).PublicKey
		spki, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(spki)
		if got, err := mastercard.KeySHA256(pub); err != nil || got != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: %s %v", name, got, err)
		}
	}
	for what, der := range map[string][]byte{"PEM": text, "nothing": nil, "more behind it": append(bytes.Clone(block.Bytes), 0), "half": block.Bytes[:100]} {
		if _, err := mastercard.CertificateSHA256(der); !errors.Is(err, mastercard.ErrKey) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := mastercard.CertificateSHA1(der); !errors.Is(err, mastercard.ErrKey) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := mastercard.KeySHA256(&testkey.RSA(t, "rsa1024").PublicKey); !errors.Is(err, mastercard.ErrKey) {
		t.Errorf("a weak key: %v", err)
	}
}

// TestCBCIsTheKnownAnswer: computed apart with Python and openssl.
func TestCBCIsTheKnownAnswer(t *testing.T) {
	key, iv := make([]byte, 16), make([]byte, 16)
	for i := range key {
		key[i], iv[i] = byte(i), byte(16+i)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	const plaintext = `{"accountNumber":"5123456789012346","expiryMonth":"12","expiryYear":"30","source":"CARD_ADDED_VIA_APPLICATION","cardholderName":"TEST CARDHOLDER"}`
	const want = "b176a4c90a347c57167c0c28c09a47a57908e97807b0a9a45d32c31ba8f422fb03651ad377d90832acf10cb294198580c7fbe33a4f433813f9a1865d551d511820dabb70e4f0e012bc09d25d401c36fae17ffbc6947b0ce80c2cc13b17fa25915378e5b02a822c0c826446bc6e983c103786ed6cd9718b4eaa2754d2e7f68dcc2625bff8c67db5ed3d504c6e122aad54417034ccae2eabb63ef4e0166159e84d"
	if got := hex.EncodeToString(mastercard.SealCBC(block, iv, []byte(plaintext))); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func sealers(tb testing.TB, key *rsa.PrivateKey) map[string]*mastercard.Sealer {
	tb.Helper()
	out := map[string]*mastercard.Sealer{}
	for name, o := range map[string]mastercard.SealOptions{
		"default": {}, "sha512": {OAEP: mastercard.SHA512}, "aes256": {KeyBits: 256}, "gcm": {Mode: mastercard.UnverifiedGCM},
		"gcm-aes256-sha512": {Mode: mastercard.UnverifiedGCM, KeyBits: 256, OAEP: mastercard.SHA512},
	} {
		o.Key, o.Fingerprint = &key.PublicKey, "80810FC13A8319FCF0E2EC322C82A4C304B782CC3CE671176343CFE8160C2279"
		s, err := mastercard.NewSealer(o)
		if err != nil {
			tb.Fatal(err)
		}
		out[name] = s
	}
	return out
}

func TestOpensWhatItSeals(t *testing.T) {
	setup, _ := provisiontest.Load(t, vectors)
	key := provisiontest.RSA(t, setup.KeyPEM)
	open := opener(t, setup)
	for name, s := range sealers(t, key) {
		for _, plaintext := range []string{`{}`, `"12345678901234"`, `[{"a":"é"}]`, `{"a":"` + strings.Repeat("x", 5000) + `"}`} {
			sealed, err := s.Seal([]byte(plaintext))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := open.Open(sealed); err != nil || string(got) != plaintext {
				t.Errorf("%s: %.40s, %v (%s)", name, got, err, code.Detail(err))
			}
			if again, _ := s.Seal([]byte(plaintext)); bytes.Equal(again, sealed) {
				t.Errorf("%s: two envelopes are the same", name)
			}
		}
	}
	b64, err := mastercard.NewSealer(mastercard.SealOptions{Key: &key.PublicKey, Fingerprint: setup.Fingerprints[0], Encoding: mastercard.Base64})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := b64.Seal([]byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	o, err := mastercard.NewOpener(mastercard.OpenOptions{Key: func(string) (crypto.Decrypter, bool) { return key, true }, Encoding: mastercard.Base64})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := o.Open(sealed); err != nil || string(got) != "{}" {
		t.Errorf("Base64: %s %v", got, err)
	}
	body, err := mastercard.SealJWE(&key.PublicKey, "", []byte(`{"a":"b"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := openers(t, setup)["mastercard_jwe"](body); err != nil || string(got) != `{"a":"b"}` {
		t.Errorf("JWE: %s %v", got, err)
	}
}

// TestTheMembersOfAnEnvelope: no mode is named in CBC, and the fingerprint stands as configured.
func TestTheMembersOfAnEnvelope(t *testing.T) {
	form := map[string]string{
		"default": `^{"encryptedData":"([0-9a-f]{32})","publicKeyFingerprint":"80810FC1[0-9A-F]{56}","encryptedKey":"[0-9a-f]{512}","oaepHashingAlgorithm":"SHA256","iv":"[0-9a-f]{32}"}$`,
		"sha512":  `"oaepHashingAlgorithm":"SHA512","iv":"[0-9a-f]{32}"}$`,
		"gcm":     `^{"encryptedData":"[0-9a-f]{4}",.*"iv":"[0-9a-f]{24}","algorithmCipherMode":"GCM","tag":"[0-9a-f]{32}","aad":"[0-9a-f]{32}"}$`,
	}
	all := sealers(t, testkey.RSA(t, "rsa2048-a"))
	for name, want := range form {
		sealed, err := all[name].Seal([]byte("{}"))
		if err != nil || !regexp.MustCompile(want).Match(sealed) {
			t.Errorf("%s: %s %v", name, sealed, err)
		}
	}
}

// TestAChangedEnvelopeIsRefused: each digit of an envelope in GCM, but of its long
// encryptedKey each sixteenth. (In CBC a change can pass unseen: the format has no
// authentication.)
func TestAChangedEnvelopeIsRefused(t *testing.T) {
	setup, _ := provisiontest.Load(t, vectors)
	open := opener(t, setup)
	const plaintext = `{"accountNumber":"5123456789012346","expiryMonth":"12"}`
	sealed, err := sealers(t, provisiontest.RSA(t, setup.KeyPEM))["gcm"].Seal([]byte(plaintext))
	if err != nil {
		t.Fatal(err)
	}
	changed := 0
	for i := range sealed {
		if c := sealed[i]; c < '0' || c > 'f' || c > '9' && c < 'a' {
			continue
		}
		if before := bytes.Count(sealed[:i], []byte(`"encryptedKey"`)); before == 1 && !bytes.Contains(sealed[:i], []byte(`"oaep`)) && i%16 > 0 {
			continue
		}
		b := bytes.Clone(sealed)
		b[i] = "123456789abcdef0"[strings.IndexByte("0123456789abcdef", b[i])]
		changed++
		if got, err := open.Open(b); err == nil {
			t.Fatalf("byte %d: opened to %s", i, got)
		} else if err.Error() != mastercard.ErrOpen.Error() {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
	if changed < 200 {
		t.Errorf("only %d changes", changed)
	}
}

func TestSealerRefuses(t *testing.T) {
	good := &testkey.RSA(t, "rsa2048-a").PublicKey
	for what, tc := range map[string]struct {
		o    mastercard.SealOptions
		want code.Code
	}{
		"no key":             {mastercard.SealOptions{Fingerprint: "00"}, code.ProvisionKey},
		"a weak key":         {mastercard.SealOptions{Key: &testkey.RSA(t, "rsa1024").PublicKey, Fingerprint: "00"}, code.ProvisionKey},
		"no fingerprint":     {mastercard.SealOptions{Key: good}, code.ProvisionKey},
		"a long fingerprint": {mastercard.SealOptions{Key: good, Fingerprint: strings.Repeat("00", 33)}, code.ProvisionKey},
		"no hex":             {mastercard.SealOptions{Key: good, Fingerprint: "xy"}, code.ProvisionKey},
		"another hash":       {mastercard.SealOptions{Key: good, Fingerprint: "00", OAEP: "SHA1"}, code.Config},
		"another mode":       {mastercard.SealOptions{Key: good, Fingerprint: "00", Mode: "ECB"}, code.Config},
		"192 bits":           {mastercard.SealOptions{Key: good, Fingerprint: "00", KeyBits: 192}, code.Config},
		"another encoding":   {mastercard.SealOptions{Key: good, Fingerprint: "00", Encoding: 7}, code.Config},
	} {
		if _, err := mastercard.NewSealer(tc.o); code.Of(err) != tc.want {
			t.Errorf("%s: %v", what, err)
		}
	}
	s := sealers(t, testkey.RSA(t, "rsa2048-a"))["default"]
	if _, err := s.Seal(make([]byte, mastercard.MaxPlaintext+1)); !errors.Is(err, mastercard.ErrTooLarge) {
		t.Errorf("a large plaintext: %v", err)
	}
	for _, text := range []string{"", "hello", `{"a":1,"a":2}`, "{} {}"} {
		if _, err := s.Seal([]byte(text)); !errors.Is(err, mastercard.ErrOptions) {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := mastercard.SealJWE(good, "", []byte(text)); !errors.Is(err, mastercard.ErrOptions) {
			t.Errorf("JWE, %q: %v", text, err)
		}
	}
	if _, err := mastercard.NewOpener(mastercard.OpenOptions{}); !errors.Is(err, mastercard.ErrOptions) {
		t.Errorf("an opener without keys: %v", err)
	}
	weak, err := mastercard.NewOpener(mastercard.OpenOptions{Key: func(string) (crypto.Decrypter, bool) { return testkey.RSA(t, "rsa1024"), true }})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := s.Seal([]byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := weak.Open(sealed); !errors.Is(err, mastercard.ErrOpen) {
		t.Errorf("a weak key of ours: %v", err)
	}
}

// TestTAV3IsTheKnownAnswer: RSA PKCS #1 v1.5 is deterministic; the value was computed
// apart with Python and openssl, under Mastercard's public test key.
func TestTAV3IsTheKnownAnswer(t *testing.T) {
	setup, _ := provisiontest.Load(t, vectors)
	tav, err := mastercard.NewTAV(mastercard.TAVOptions{Format: mastercard.UnverifiedTAV3, Key: provisiontest.RSA(t, setup.KeyPEM)})
	if err != nil {
		t.Fatal(err)
	}
	until := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	c := goodCard(t)
	got, err := tav.UnsafeBuild(&c, "", until.Add(-mastercard.DefaultValidity))
	if err != nil {
		t.Fatal(err)
	}
	text := mastercard.Encode(got)
	if sum := sha256.Sum256([]byte(text)); len(text) != 716 || hex.EncodeToString(sum[:]) != "10cb27334465eac6fb87c5c6c39f82df51d53cc484f16185c36d0a0c54264e5b" {
		t.Errorf("%s", got)
	}
}

func goodCard(tb testing.TB) card.Card {
	tb.Helper()
	pan, err := secret.ParsePAN("5123456789012346")
	if err != nil {
		tb.Fatal(err)
	}
	return card.Card{PAN: pan, Expiry: card.Expiry{Year: 2030, Month: 12}, Name: "TEST CARDHOLDER"}
}

func newTAV(tb testing.TB, f mastercard.TAVFormat) *mastercard.TAV {
	tb.Helper()
	tav, err := mastercard.NewTAV(mastercard.TAVOptions{Format: f, Key: testkey.RSA(tb, "rsa2048-b"), KeyAlias: "alias-1"})
	if err != nil {
		tb.Fatal(err)
	}
	return tav
}

func TestTAVContainers(t *testing.T) {
	c := goodCard(t)
	const sig = `"signature":"[A-Za-z0-9+/]{342}=="}$`
	for f, want := range map[mastercard.TAVFormat]string{
		mastercard.UnverifiedTAV2: `^{"version":"2","expirationDateIncluded":"true","tokenUniqueReferenceIncluded":"false","signatureAlgorithm":"RSA-SHA256",` + sig,
		mastercard.UnverifiedTAV3: `^{"version":"3","signatureAlgorithm":"RSA-SHA256","dataValidUntilTimestamp":"2026-11-23T12:30:00Z","includedFieldsInOrder":"accountNumber\|accountExpiry\|dataValidUntilTimestamp",` + sig,
		mastercard.UnverifiedTAV4: `^{"version":"4","keyAlias":"alias-1","signatureAlgorithm":"RSA-SHA256","includedFieldsInOrder":"dataValidUntilTimestamp\|accountNumber\|accountExpiry","dataValidUntilTimestamp":"2026-11-23T12:30:00Z",` + sig,
	} {
		got, err := newTAV(t, f).UnsafeBuild(&c, "", provisiontest.Now)
		if err != nil || !regexp.MustCompile(want).Match(got) {
			t.Errorf("%d: %s %v", f, got, err)
		}
	}
}

func TestTAVRefuses(t *testing.T) {
	good := testkey.RSA(t, "rsa2048-b")
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for what, tc := range map[string]struct {
		o    mastercard.TAVOptions
		want code.Code
	}{
		"no format":       {mastercard.TAVOptions{Key: good}, code.Unverified},
		"another format":  {mastercard.TAVOptions{Format: 5, Key: good}, code.Unverified},
		"no key":          {mastercard.TAVOptions{Format: mastercard.UnverifiedTAV3}, code.ProvisionKey},
		"an EC key":       {mastercard.TAVOptions{Format: mastercard.UnverifiedTAV3, Key: ec}, code.ProvisionKey},
		"a weak key":      {mastercard.TAVOptions{Format: mastercard.UnverifiedTAV3, Key: testkey.RSA(t, "rsa1024")}, code.ProvisionKey},
		"4 without alias": {mastercard.TAVOptions{Format: mastercard.UnverifiedTAV4, Key: good}, code.Config},
		"31 days":         {mastercard.TAVOptions{Format: mastercard.UnverifiedTAV3, Key: good, Validity: 31 * 24 * time.Hour}, code.Validity},
		"a negative time": {mastercard.TAVOptions{Format: mastercard.UnverifiedTAV3, Key: good, Validity: -1}, code.Validity},
	} {
		if _, err := mastercard.NewTAV(tc.o); code.Of(err) != tc.want {
			t.Errorf("%s: %v", what, err)
		}
	}
	c := goodCard(t)
	if _, err := newTAV(t, mastercard.UnverifiedTAV3).UnsafeBuild(&c, "DNITHE301234", provisiontest.Now); !errors.Is(err, card.ErrField) {
		t.Errorf("a token reference in version 3: %v", err)
	}
	if _, err := newTAV(t, mastercard.UnverifiedTAV2).UnsafeBuild(&c, "a b", provisiontest.Now); !errors.Is(err, card.ErrField) {
		t.Errorf("a token reference with a blank: %v", err)
	}
	c.Expiry = card.Expiry{Year: 2026, Month: 1}
	if got, err := newTAV(t, mastercard.UnverifiedTAV2).UnsafeBuild(&c, "", provisiontest.Now); !errors.Is(err, card.ErrExpired) || got != nil {
		t.Errorf("an expired card: %s %v", got, err)
	}
}

func newPayload(tb testing.TB, o mastercard.PayloadOptions) *mastercard.Payload {
	tb.Helper()
	if o.Sealer == nil {
		o.Sealer = sealers(tb, testkey.RSA(tb, "rsa2048-a"))["default"]
	}
	if o.TAV == nil && !o.UnsafeNoTAV {
		o.TAV = newTAV(tb, mastercard.UnverifiedTAV3)
	}
	p, err := mastercard.NewPayload(o)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestEveryLimitIsATypedErrorAndNoPayload(t *testing.T) {
	a, b := newPayload(t, mastercard.PayloadOptions{Shape: mastercard.ShapeCardInfo}), newPayload(t, mastercard.PayloadOptions{Shape: mastercard.UnverifiedShapeFundingAccount})
	long := func(n int) string { return strings.Repeat("é", n) }
	address := func(change func(*card.Address)) func(*card.Card) {
		return func(c *card.Card) { c.Address = &card.Address{Country: "USA"}; change(c.Address) }
	}
	for what, tc := range map[string]struct {
		change func(*card.Card)
		want   code.Code
		both   bool
	}{
		"no card number":           {func(c *card.Card) { c.PAN = secret.PAN{} }, code.PAN, true},
		"a year of two digits":     {func(c *card.Card) { c.Expiry.Year = 30 }, code.Expiry, true},
		"an expired card":          {func(c *card.Card) { c.Expiry = card.Expiry{Year: 2026, Month: 10} }, code.CardExpired, true},
		"a name of 28 characters":  {func(c *card.Card) { c.Name = long(28) }, code.Field, true},
		"a country of two letters": {address(func(a *card.Address) { a.Country = "US" }), code.Country, false},
		"an unknown country":       {address(func(a *card.Address) { a.Country = "ZZZ" }), code.Country, false},
		"a line of 65 characters":  {address(func(a *card.Address) { a.Line1 = long(65) }), code.Field, false},
		"line 2 of 65 characters":  {address(func(a *card.Address) { a.Line2 = long(65) }), code.Field, false},
		"a third line":             {address(func(a *card.Address) { a.Line3 = "x" }), code.Field, false},
		"a city of 33 characters":  {address(func(a *card.Address) { a.City = long(33) }), code.Field, false},
		"a state of 13 characters": {address(func(a *card.Address) { a.State = long(13) }), code.Field, false},
		"a postal code of 17":      {address(func(a *card.Address) { a.PostalCode = long(17) }), code.Field, false},
		"a city with a line break": {address(func(a *card.Address) { a.City = "a\nb" }), code.Field, false},
	} {
		for shape, p := range map[string]*mastercard.Payload{"A": a, "B": b} {
			if shape == "A" && !tc.both {
				continue
			}
			c := goodCard(t)
			tc.change(&c)
			got, err := p.UnsafeBuild(&c, provisiontest.Now)
			if _, typed := errors.AsType[*card.FieldError](err); !typed || code.Of(err) != tc.want || got != nil {
				t.Errorf("%s: %s: %s %v", shape, what, got, err)
			}
			for _, planted := range []string{"5123456789012346", "CARDHOLDER", "ééé"} {
				if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), planted) {
					t.Errorf("%s: %s: %q is in %v", shape, what, planted, err)
				}
			}
			if got, err := p.UnsafeBuild(nil, provisiontest.Now); got != nil || code.Of(err) != code.PAN {
				t.Errorf("no card: %s %v", got, err)
			}
		}
	}
	sealer, tav := sealers(t, testkey.RSA(t, "rsa2048-a"))["default"], newTAV(t, mastercard.UnverifiedTAV3)
	for what, o := range map[string]mastercard.PayloadOptions{
		"no shape":        {Sealer: sealer, TAV: tav},
		"no sealer":       {Shape: mastercard.ShapeCardInfo, TAV: tav},
		"neither TAV":     {Shape: mastercard.ShapeCardInfo, Sealer: sealer},
		"both":            {Shape: mastercard.ShapeCardInfo, Sealer: sealer, TAV: tav, UnsafeNoTAV: true},
		"an odd source":   {Shape: mastercard.ShapeCardInfo, Sealer: sealer, TAV: tav, Source: "A B"},
		"a long validity": {Shape: mastercard.ShapeCardInfo, Sealer: sealer, TAV: tav, Validity: 31 * 24 * time.Hour},
	} {
		if _, err := mastercard.NewPayload(o); code.Of(err) != code.Config && code.Of(err) != code.Validity {
			t.Errorf("%s: %v", what, err)
		}
	}
}

type line struct {
	Format    string `json:"format"`
	Payload   string `json:"payload,omitempty"`
	Base64    bool   `json:"base64,omitempty"`
	Key       string `json:"key"`
	TAVKey    string `json:"tavKey,omitempty"`
	PAN       string `json:"pan"`
	MMYY      string `json:"mmyy"`
	JSON      string `json:"json,omitempty"`
	Reference string `json:"reference,omitempty"`
}

type seen struct {
	Plaintext, Nonce string
	TAV              map[string]string
}

// TestAReceiverOpensAThousandCards: the receiver is written in another language; it
// opens both shapes under every cipher, and verifies TAVs of every version.
func TestAReceiverOpensAThousandCards(t *testing.T) {
	r := mathrand.New(mathrand.NewPCG(7, 2))
	theirs := testkey.RSA(t, "rsa2048-a")
	key, all := provisiontest.PrivatePEM(theirs), sealers(t, theirs)
	tavKey := provisiontest.PrivatePEM(testkey.RSA(t, "rsa2048-b")) // the receiver takes the public part
	var builders []*mastercard.Payload
	for _, name := range []string{"default", "sha512", "aes256", "gcm", "gcm-aes256-sha512"} {
		for f := mastercard.UnverifiedTAV2; f <= mastercard.UnverifiedTAV4; f++ {
			builders = append(builders,
				newPayload(t, mastercard.PayloadOptions{Shape: mastercard.ShapeCardInfo, Sealer: all[name], TAV: newTAV(t, f)}),
				newPayload(t, mastercard.PayloadOptions{Shape: mastercard.UnverifiedShapeFundingAccount, Sealer: all[name], TAV: newTAV(t, f)}))
		}
	}
	builders = append(builders, newPayload(t, mastercard.PayloadOptions{Shape: mastercard.ShapeCardInfo, UnsafeNoTAV: true}),
		newPayload(t, mastercard.PayloadOptions{Shape: mastercard.UnverifiedShapeFundingAccount, UnsafeNoTAV: true}))
	var lines []line
	var want []string
	for i := range 1000 {
		n := i % len(builders)
		c := provisiontest.Card(t, r, 12)
		if r.IntN(2) == 0 && n%2 == 1 {
			c.Address = &card.Address{Line1: "Ödenstraße 1/2, #3", City: "São Paulo", Country: "BRA", PostalCode: "01310"}
		}
		payload, err := builders[n].UnsafeBuild(c, provisiontest.Now)
		if err != nil {
			t.Fatal(err)
		}
		l := line{Format: "mastercard", Payload: string(payload), Key: key, PAN: c.PAN.Reveal(), MMYY: fmt.Sprintf("%02d%02d", c.Expiry.Month, c.Expiry.Year%100)}
		if n < len(builders)-2 {
			l.TAVKey = tavKey
		}
		if i%3 == 0 {
			l.Payload, l.Base64 = mastercard.Encode(payload), true
		}
		lines, want = append(lines, l), append(want, fmt.Sprint(expected(c, n%2 == 1)))
	}
	nonces := map[string]bool{}
	for i, got := range provisiontest.Receive[line, seen](t, lines) {
		var v map[string]any
		if err := json.Unmarshal([]byte(got.Plaintext), &v); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(v) != want[i] {
			t.Fatalf("card %d: got  %v\nwant %s", i, v, want[i])
		}
		if (lines[i].TAVKey != "") != (got.TAV["signature"] != "") {
			t.Fatalf("card %d: TAV %v", i, got.TAV)
		}
		nonces[got.Nonce] = true
	}
	if len(nonces) != len(lines) {
		t.Errorf("%d keys and IVs in %d payloads", len(nonces), len(lines))
	}
}

// expected is what the receiver shall read, by the tables of the two shapes.
func expected(c *card.Card, fundingAccount bool) map[string]any {
	month, year := fmt.Sprintf("%02d", c.Expiry.Month), fmt.Sprintf("%02d", c.Expiry.Year%100)
	if !fundingAccount {
		v := map[string]any{"accountNumber": c.PAN.Reveal(), "expiryMonth": month, "expiryYear": year, "source": "CARD_ADDED_VIA_APPLICATION"}
		if c.Name != "" {
			v["cardholderName"] = c.Name
		}
		return v
	}
	v := map[string]any{
		"cardAccountData":         map[string]any{"accountNumber": c.PAN.Reveal(), "expiryMonth": month, "expiryYear": year},
		"source":                  "ACCOUNT_ADDED_VIA_APPLICATION",
		"dataValidUntilTimestamp": "2026-11-23T12:30:00Z",
	}
	holder := map[string]any{}
	if c.Name != "" {
		holder["accountHolderName"] = c.Name
	}
	if a := c.Address; a != nil {
		holder["accountHolderAddress"] = map[string]any{"line1": a.Line1, "city": a.City, "country": a.Country, "postalCode": a.PostalCode}
	}
	if len(holder) > 0 {
		v["accountHolderData"] = holder
	}
	return v
}

// TestAReceiverVerifiesTheActivationOfAToken: version 2 with a token reference.
func TestAReceiverVerifiesTheActivationOfAToken(t *testing.T) {
	c := goodCard(t)
	const reference = "DNITHE382004045624378401"
	tav, err := newTAV(t, mastercard.UnverifiedTAV2).UnsafeBuild(&c, reference, provisiontest.Now)
	if err != nil {
		t.Fatal(err)
	}
	l := line{Format: "tav", JSON: string(tav), Key: provisiontest.PrivatePEM(testkey.RSA(t, "rsa2048-b")), PAN: "5123456789012346", MMYY: "1230", Reference: reference}
	got := provisiontest.Receive[line, seen](t, []line{l})[0]
	if got.TAV["tokenUniqueReferenceIncluded"] != "true" || strings.Contains(string(tav), reference) {
		t.Errorf("%v", got.TAV)
	}
}

// brokenSigner is an HSM that fails, and tells what it was given.
type brokenSigner struct{ crypto.Signer }

func (brokenSigner) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	return nil, fmt.Errorf("device failed on %x", digest)
}

func TestNothingPrintsASecret(t *testing.T) {
	p := newPayload(t, mastercard.PayloadOptions{Shape: mastercard.ShapeCardInfo})
	key := testkey.RSA(t, "rsa2048-b")
	tav, err := mastercard.NewTAV(mastercard.TAVOptions{Format: mastercard.UnverifiedTAV3, Key: brokenSigner{key}})
	if err != nil {
		t.Fatal(err)
	}
	c := goodCard(t)
	got, failed := tav.UnsafeBuild(&c, "", provisiontest.Now)
	if !errors.Is(failed, mastercard.ErrKey) || got != nil {
		t.Errorf("a device that fails: %s %v", got, failed)
	}
	c.Name = strings.Repeat("N", 28)
	_, tooLong := p.UnsafeBuild(&c, provisiontest.Now)
	secretD := key.D.String()
	for _, s := range []string{fmt.Sprint(failed), fmt.Sprint(tooLong), fmt.Sprintf("%+v", tav), fmt.Sprintf("%v", *tav), fmt.Sprintf("%#v", p), fmt.Sprintf("%+v", *p)} {
		for _, hidden := range []string{"5123456789012346", "NNNN", "device failed", secretD, base64.StdEncoding.EncodeToString(key.D.Bytes())[:40]} {
			if strings.Contains(s, hidden) {
				t.Errorf("%.20q in %.200s", hidden, s)
			}
		}
	}
}

// FuzzOpen: no envelope panics, and every refusal is the one answer.
func FuzzOpen(f *testing.F) {
	setup, cases := provisiontest.Load(f, vectors)
	open := openers(f, setup)
	for _, c := range cases {
		f.Add([]byte(c.Payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for name, open := range open {
			if got, err := open(payload); err != nil && (got != nil || err.Error() != mastercard.ErrOpen.Error()) {
				t.Fatalf("%s: %q %v", name, got, err)
			}
		}
	})
}
