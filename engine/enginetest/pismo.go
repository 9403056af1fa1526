package enginetest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
)

// PismoAccount is the account-id of messages that a PismoSender signs, unless a
// claim says otherwise.
const PismoAccount = "98665386"

// PismoSender signs webhooks as Pismo does, with an RSA key of 2048 bits that it
// makes itself and that nobody else knows. It is safe for concurrent use.
type PismoSender struct {
	kid  string
	key  *rsa.PrivateKey
	cert []byte // PEM
}

// NewPismoSender returns a sender with a new key, and a self-signed certificate
// that is valid from a day before now to a year after.
func NewPismoSender(now time.Time) (*PismoSender, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("enginetest: %w", err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "throw-away test key"},
		NotBefore:    now.Add(-24 * time.Hour),
		NotAfter:     now.Add(365 * 24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("enginetest: %w", err)
	}
	id := sha256.Sum256(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	return &PismoSender{
		kid:  hex.EncodeToString(id[:20]),
		key:  key,
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
	}, nil
}

// KeyID returns the kid of the sender's key: 40 hexadecimal digits.
func (s *PismoSender) KeyID() string { return s.kid }

// Certificate returns the PEM certificate of the sender's key; the caller owns it.
func (s *PismoSender) Certificate() []byte { return bytes.Clone(s.cert) }

// X509Map returns the document that Pismo's key endpoint would serve: a JSON object
// of kid to PEM certificate, with those of other senders when there are any.
func (s *PismoSender) X509Map(others ...*PismoSender) []byte {
	m := map[string]string{s.kid: string(s.cert)}
	for _, o := range others {
		m[o.kid] = string(o.cert)
	}
	return must(json.Marshal(m))
}

// Key returns the sender's public key as a keyring holds it.
func (s *PismoSender) Key() keyring.Key {
	return keyring.Key{ID: s.kid, Alg: "RS256", Use: keyring.UseVerify, Public: &s.key.PublicKey}
}

// Claims are changes to what a token says by itself; nil removes a claim.
type Claims map[string]any

// Sign returns the value of the header X-Pismo-Sign for the body, issued at the
// instant now (in whole seconds) and good for ten days, as Pismo's are.
func (s *PismoSender) Sign(body []byte, now time.Time, changes Claims) string {
	hash := sha256.Sum256(body)
	claims := Claims{
		"account-id": json.Number(PismoAccount),
		"body-hash":  base64.StdEncoding.EncodeToString(hash[:]),
		"exp":        now.Add(10 * 24 * time.Hour).Unix(),
		"iat":        now.Unix(),
		"iss":        "api.pismo.io",
		"kid":        s.kid,
		"sub":        "api-cards-tokenization",
	}
	apply(claims, changes)
	return s.Token(nil, must(json.Marshal(claims)))
}

// Token returns a compact token of any payload, with changes to the header
// {"alg":"RS256","kid":...,"typ":"JWT"}. The signature is RS256 whatever the header says.
func (s *PismoSender) Token(header Claims, payload []byte) string {
	h := Claims{"alg": "RS256", "kid": s.kid, "typ": "JWT"}
	apply(h, header)
	input := encode(must(json.Marshal(h))) + "." + encode(payload)
	sum := sha256.Sum256([]byte(input))
	return input + "." + encode(must(rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])))
}

// Request returns a POST of the body to url, signed.
func (s *PismoSender) Request(ctx context.Context, url string, body []byte, now time.Time, changes Claims) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Pismo-Sign", s.Sign(body, now, changes))
	return req, nil
}

func apply(to, changes Claims) {
	for name, v := range changes {
		if v == nil {
			delete(to, name)
		} else {
			to[name] = v
		}
	}
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// must is for what fails only when a test passes what JSON cannot say.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
