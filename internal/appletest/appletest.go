// Package appletest makes certificates like those that Apple sends with a provisioning
// request: a root on P-384, an intermediate and leaves on P-256, with Apple's extensions
// and names. They are made anew in each run, and no one trusts them.
package appletest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"
)

// Now is an instant at which all of them are valid.
var Now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// Extensions of Apple's: of a leaf for issuer encryption, of a merchant's leaf, of an
// intermediate.
var (
	Marker             = Extension(true, []byte{5, 0}, 1, 2, 840, 113635, 100, 6, 39)
	MerchantMarker     = Extension(false, []byte{5, 0}, 1, 2, 840, 113635, 100, 6, 32)
	IntermediateMarker = Extension(false, []byte{5, 0}, 1, 2, 840, 113635, 100, 6, 2, 15)
)

// Extension returns an extension.
func Extension(critical bool, value []byte, id ...int) pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier(id), Critical: critical, Value: value}
}

// Authority is a root and an intermediate.
type Authority struct {
	Root, Intermediate []byte // DER
	root, intermediate *x509.Certificate
	rootKey, key       *ecdsa.PrivateKey
}

// Key makes a key on P-256.
func Key(tb testing.TB) *ecdsa.PrivateKey { return keyOn(tb, elliptic.P256()) }

func keyOn(tb testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// New makes an authority; change, if not nil, may change the intermediate's template.
func New(tb testing.TB, change func(*x509.Certificate)) *Authority {
	tb.Helper()
	a := &Authority{rootKey: keyOn(tb, elliptic.P384()), key: Key(tb)}
	root := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Test-only Root CA - G3", Organization: []string{"Test only"}}, SerialNumber: big.NewInt(1),
		NotBefore: Now.AddDate(-12, 0, 0), NotAfter: Now.AddDate(12, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	a.Root, a.root = sign(tb, root, root, &a.rootKey.PublicKey, a.rootKey)
	between := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Test-only Developer Relations CA - G2", Organization: []string{"Test only"}}, SerialNumber: big.NewInt(2),
		NotBefore: Now.AddDate(-10, 0, 0), NotAfter: Now.AddDate(3, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		ExtraExtensions: []pkix.Extension{IntermediateMarker},
	}
	if change != nil {
		change(between)
	}
	a.Intermediate, a.intermediate = sign(tb, between, a.root, &a.key.PublicKey, a.rootKey)
	return a
}

// Leaf issues a leaf for a public key; change, if not nil, may change its template.
func (a *Authority) Leaf(tb testing.TB, pub any, change func(*x509.Certificate)) []byte {
	tb.Helper()
	t := &x509.Certificate{
		Subject:      pkix.Name{CommonName: "test-only-services-encipherment_UC6-PROD", OrganizationalUnit: []string{"iOS Systems"}, Organization: []string{"Test only"}},
		SerialNumber: big.NewInt(3), NotBefore: Now.AddDate(0, -12, 0), NotAfter: Now.AddDate(0, 13, 0),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement,
		PolicyIdentifiers:     []asn1.ObjectIdentifier{{1, 2, 840, 113635, 100, 5, 1}},
		CRLDistributionPoints: []string{"http://crl.example/test-only.crl"},
		ExtraExtensions:       []pkix.Extension{Marker},
	}
	if change != nil {
		change(t)
	}
	der, _ := sign(tb, t, a.intermediate, pub, a.key)
	return der
}

// Certificates are what a device sends: a leaf for the key, and the intermediate.
func (a *Authority) Certificates(tb testing.TB, pub any) [][]byte {
	tb.Helper()
	return [][]byte{a.Leaf(tb, pub, nil), a.Intermediate}
}

func sign(tb testing.TB, t, parent *x509.Certificate, pub any, key *ecdsa.PrivateKey) ([]byte, *x509.Certificate) {
	tb.Helper()
	der, err := x509.CreateCertificate(rand.Reader, t, parent, pub, key)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return der, nil // some tests want one that cannot be read
	}
	return der, cert
}
