package applepay_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/provision/applepay"
	"github.com/issuant/issuant/internal/appletest"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testkey"
)

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// TestEachLooseningLoosensOneThing: what is refused by default passes with its option,
// and with no other.
func TestEachLooseningLoosensOneThing(t *testing.T) {
	key := appletest.Key(t)
	good := appletest.New(t, nil)
	named := appletest.New(t, func(c *x509.Certificate) {
		c.ExtraExtensions, c.Subject.CommonName = nil, "Apple Worldwide Developer Relations CA - G2"
	})
	next := appletest.New(t, func(c *x509.Certificate) {
		c.ExtraExtensions, c.Subject.CommonName = nil, "Test-only Developer Relations CA - G9"
	})
	late := appletest.New(t, func(c *x509.Certificate) { c.NotAfter = appletest.Now.Add(-time.Hour) })
	critical := appletest.New(t, func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{appletest.Extension(true, []byte{5, 0}, 1, 2, 840, 113635, 100, 6, 2, 15)}
	})
	leaf := func(a *appletest.Authority, change func(*x509.Certificate)) [][]byte {
		return [][]byte{a.Leaf(t, &key.PublicKey, change), a.Intermediate}
	}
	roots := [][]byte{good.Root, named.Root, next.Root, late.Root, critical.Root}
	options := map[string]applepay.ChainOptions{
		"default":      {},
		"names":        {TrustedIntermediates: []string{"Test-only Developer Relations CA - G9"}},
		"intermediate": {UnsafeAnyIntermediate: true},
		"suffix":       {UnsafeLeafSuffixes: []string{"-SANDBOX"}},
		"time":         {UnsafeAnyTime: true},
	}
	all := "default names intermediate suffix time"
	for _, tc := range []struct {
		what   string
		certs  [][]byte
		passes string
	}{
		{"a chain of two", good.Certificates(t, &key.PublicKey), all},
		{"a chain of three", append(good.Certificates(t, &key.PublicKey), good.Root), all},
		{"Apple's name and no mark", named.Certificates(t, &key.PublicKey), "default suffix time intermediate"},
		{"a critical mark on the intermediate", critical.Certificates(t, &key.PublicKey), all},
		{"another name and no mark", next.Certificates(t, &key.PublicKey), "names intermediate"},
		{"the sandbox's leaf", leaf(good, func(c *x509.Certificate) { c.Subject.CommonName = "x_UC6-SANDBOX" }), "suffix"},
		{"a leaf of last year", leaf(good, func(c *x509.Certificate) { c.NotAfter = appletest.Now.Add(-time.Hour) }), "time"},
		{"an intermediate of last year", late.Certificates(t, &key.PublicKey), "time"},
		{"a leaf for encipherment too, which Apple's are", leaf(good, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }), all},
	} {
		for name, o := range options {
			o.Roots = roots
			err := newChain(t, o).Check(tc.certs, appletest.Now)
			if want := strings.Contains(tc.passes, name); (err == nil) != want || err != nil && !errors.Is(err, applepay.ErrCertificate) {
				t.Errorf("%s, %s: %v", tc.what, name, err)
			}
		}
	}
}

// TestARememberedChainIsJudgedAnewWhereItMatters: its dates and its revocation, and
// every byte of it.
func TestARememberedChainIsJudgedAnewWhereItMatters(t *testing.T) {
	apple, key := appletest.New(t, nil), appletest.Key(t)
	revoked := false
	chain := newChain(t, applepay.ChainOptions{Roots: [][]byte{apple.Root}, Revoked: func(leaf, between *x509.Certificate, now time.Time) bool {
		if !leaf.NotAfter.After(now) || between.IsCA == false {
			t.Error("asked about certificates that are not good")
		}
		return revoked
	}})
	certs := apple.Certificates(t, &key.PublicKey)
	for range 3 {
		if err := chain.Check(certs, appletest.Now); err != nil {
			t.Fatal(err)
		}
	}
	if applepay.Cached(chain) != 1 {
		t.Errorf("%d chains are remembered", applepay.Cached(chain))
	}
	for what, now := range map[string]time.Time{"before": appletest.Now.AddDate(-2, 0, 0), "after": appletest.Now.AddDate(2, 0, 0)} {
		if err := chain.Check(certs, now); !errors.Is(err, applepay.ErrCertificate) {
			t.Errorf("%s its dates: %v", what, err)
		}
	}
	for i := 0; i < len(certs[0]); i += 7 {
		changed := [][]byte{bytes.Clone(certs[0]), certs[1]}
		changed[0][i] ^= 1
		if err := chain.Check(changed, appletest.Now); !errors.Is(err, applepay.ErrCertificate) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	revoked = true
	if err := chain.Check(certs, appletest.Now); !errors.Is(err, applepay.ErrCertificate) {
		t.Errorf("revoked: %v", err)
	}
	if err := chain.Check(certs, time.Time{}); !errors.Is(err, applepay.ErrClock) {
		t.Errorf("no clock: %v", err)
	}
	revoked = false
	for range 40 { // the memory of chains is bounded
		if err := chain.Check([][]byte{apple.Leaf(t, &key.PublicKey, nil), apple.Intermediate}, appletest.Now); err != nil {
			t.Fatal(err)
		}
	}
	if n := applepay.Cached(chain); n > 16 {
		t.Errorf("%d chains are remembered", n)
	}
}

// TestALeafIsGoodFromItsFirstToItsLastSecond.
func TestALeafIsGoodFromItsFirstToItsLastSecond(t *testing.T) {
	apple, key := appletest.New(t, nil), appletest.Key(t)
	from, to := appletest.Now, appletest.Now.Add(time.Hour)
	certs := [][]byte{apple.Leaf(t, &key.PublicKey, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, to }), apple.Intermediate}
	for _, tc := range []struct {
		now  time.Time
		good bool
	}{{from.Add(-time.Second), false}, {from, true}, {to, true}, {to.Add(time.Second), false}} {
		fresh := newChain(t, applepay.ChainOptions{Roots: [][]byte{apple.Root}})
		for range 2 { // judged, then remembered
			if err := fresh.Check(certs, tc.now); (err == nil) != tc.good {
				t.Errorf("%v: %v", tc.now, err)
			}
		}
	}
}

func TestNewChainRefusesWhatIsNoRoot(t *testing.T) {
	apple, key := appletest.New(t, nil), appletest.Key(t)
	rsaRoot, _ := selfSigned(t, testkey.RSA(t, "rsa2048-a"))
	for what, o := range map[string]applepay.ChainOptions{
		"none":            {},
		"17":              {Roots: make([][]byte, 17)},
		"an empty one":    {Roots: [][]byte{nil}},
		"PEM":             {Roots: [][]byte{pemOf(apple.Root)}},
		"an intermediate": {Roots: [][]byte{apple.Intermediate}},
		"a leaf":          {Roots: [][]byte{apple.Leaf(t, &key.PublicKey, nil)}},
		"RSA":             {Roots: [][]byte{rsaRoot}},
		"an empty suffix": {Roots: [][]byte{apple.Root}, UnsafeLeafSuffixes: []string{""}},
		"an empty name":   {Roots: [][]byte{apple.Root}, TrustedIntermediates: []string{"a", ""}},
	} {
		if c, err := applepay.NewChain(o); !errors.Is(err, applepay.ErrOptions) || c != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// selfSigned makes a root with an RSA key, as Apple's other two are.
func selfSigned(tb testing.TB, key *rsa.PrivateKey) ([]byte, *x509.Certificate) {
	tb.Helper()
	t := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Test-only RSA root"}, SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotBefore: appletest.Now.AddDate(-1, 0, 0), NotAfter: appletest.Now.AddDate(1, 0, 0), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	return der, t
}

func TestCertificatesComeInThreeForms(t *testing.T) {
	apple, key := appletest.New(t, nil), appletest.Key(t)
	der := apple.Leaf(t, &key.PublicKey, nil)
	text := base64.StdEncoding.EncodeToString(der)
	lines := text[:64] + "\r\n" + text[64:128] + "\n" + text[128:]
	for what, in := range map[string]string{
		"DER": string(der), "PEM": string(pemOf(der)), "PEM with blanks": "\n " + string(pemOf(der)) + "\n\n", "Base64": text, "Base64 in lines": lines + "\n",
	} {
		if got, err := applepay.DecodeCertificate(in); err != nil || !bytes.Equal(got, der) {
			t.Errorf("%s: %v", what, err)
		}
	}
	block := string(pemOf(der))
	for what, in := range map[string]string{
		"nothing": "", "blanks": " \n", "two blocks": block + block, "another type": strings.ReplaceAll(block, "CERTIFICATE", "PUBLIC KEY"),
		"headers":        strings.Replace(block, "-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n", 1),
		"text before it": "subject\n" + block, "text behind it": block + "x", "Base64 of the URL": strings.NewReplacer("+", "-", "/", "_").Replace(text) + "-_",
		"unpadded": text[:len(text)-1], "a word": "hello", "20 KiB": strings.Repeat("A", 20<<10),
	} {
		if got, err := applepay.DecodeCertificate(in); !errors.Is(err, applepay.ErrCertificate) || got != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestARequestIsReadFromText(t *testing.T) {
	apple, key := appletest.New(t, nil), appletest.Key(t)
	certs := []string{string(pemOf(apple.Leaf(t, &key.PublicKey, nil))), base64.StdEncoding.EncodeToString(apple.Intermediate)}
	signature := bytes.Repeat([]byte{0x40, 0xFF, 0xFE}, 27)
	for _, tc := range []struct {
		nonce, signature string
		e                applepay.TextEncoding
	}{
		{"9C023092", strings.Repeat("40FFfe", 27), applepay.Hex},
		{"9c023092", strings.Repeat("40fffe", 27), applepay.Hex},
		{"nAIwkg==", base64.StdEncoding.EncodeToString(signature), applepay.Base64},
	} {
		r, err := applepay.ParseRequest(certs, tc.nonce, tc.signature, tc.e)
		if err != nil || r.NonceText() != "9c023092" || !bytes.Equal(r.NonceSignature, signature) {
			t.Fatalf("%v: %v", tc, err)
		}
		if err := newChain(t, applepay.ChainOptions{Roots: [][]byte{apple.Root}}).Check(r.Certificates, appletest.Now); err != nil {
			t.Error(err)
		}
	}
	for what, tc := range map[string]struct {
		nonce, signature string
		e                applepay.TextEncoding
		want             code.Code
	}{
		"no encoding":          {"9c023092", "40", 0, code.Config},
		"no nonce":             {"", "40", applepay.Hex, code.Nonce},
		"no signature":         {"9c023092", "", applepay.Hex, code.Nonce},
		"half a byte":          {"9c02309", "40", applepay.Hex, code.Nonce},
		"no hexadecimal digit": {"9c02309g", "40", applepay.Hex, code.Nonce},
		"a prefix":             {"0x9c0230", "40", applepay.Hex, code.Nonce},
		"blanks":               {"9c 02 30", "40", applepay.Hex, code.Nonce},
		"65 bytes":             {strings.Repeat("00", 65), "40", applepay.Hex, code.Nonce},
		"a long signature":     {"9c", strings.Repeat("00", 513), applepay.Hex, code.Nonce},
		"unpadded":             {"nAIwkg", "QA==", applepay.Base64, code.Nonce},
		"a line break":         {"nAIw\nkg==", "QA==", applepay.Base64, code.Nonce},
		"bits behind the end":  {"nAIwkh==", "QA==", applepay.Base64, code.Nonce},
		"Base64 of 65 bytes":   {base64.StdEncoding.EncodeToString(make([]byte, 65)), "QA==", applepay.Base64, code.Nonce},
	} {
		if r, err := applepay.ParseRequest(certs, tc.nonce, tc.signature, tc.e); code.Of(err) != tc.want || r != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, list := range map[string][]string{"one": certs[:1], "none": nil, "four": {certs[0], certs[1], certs[1], certs[1]}, "a word": {certs[0], "hello"}} {
		if r, err := applepay.ParseRequest(list, "9c", "40", applepay.Hex); !errors.Is(err, applepay.ErrCertificate) || r != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
