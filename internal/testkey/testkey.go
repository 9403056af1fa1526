// Package testkey holds keys for tests. They are public: whoever trusts one of
// them trusts everybody.
package testkey

import (
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"embed"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

//go:embed testdata/test-only-*.pem
var files embed.FS

// RSA returns one of the fixed keys: "rsa2048-a", "rsa2048-b", "rsa3072",
// "rsa4096" and, too weak on purpose, "rsa1024". They were made once with
// "openssl genrsa -traditional".
func RSA(tb testing.TB, name string) *rsa.PrivateKey {
	tb.Helper()
	data, err := files.ReadFile("testdata/test-only-" + name + ".pem")
	if err != nil {
		tb.Fatal(err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		tb.Fatalf("testkey: %s is not PEM", name)
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// Dates of certificates when Certificate is given none.
var (
	NotBefore = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	NotAfter  = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Template returns a certificate template of a fixed serial number with the dates
// above and the usage of a signing key. The same template gives the same bytes.
func Template() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "TEST ONLY"},
		NotBefore:    NotBefore,
		NotAfter:     NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

// Certificate returns a PEM certificate for any public key, signed with the key
// "rsa2048-a" (a PKCS #1 v1.5 signature, hence the same bytes every time).
func Certificate(tb testing.TB, template *x509.Certificate, public any) string {
	tb.Helper()
	der, err := x509.CreateCertificate(nil, template, Template(), public, RSA(tb, "rsa2048-a"))
	if err != nil {
		tb.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// JWK returns the members kty, n and e of a public key, for a JWK set.
func JWK(pub *rsa.PublicKey) map[string]any {
	return map[string]any{
		"kty": "RSA",
		"n":   base64.RawURLEncoding.EncodeToString(pub.N.Bytes()),
		"e":   base64.RawURLEncoding.EncodeToString(big.NewInt(int64(pub.E)).Bytes()),
	}
}
