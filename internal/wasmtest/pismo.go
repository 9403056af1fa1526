package wasmtest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/issuant/issuant/engine/enginetest"
)

// PismoRequest is an input of open and answer: the body as Pismo signs and sends it at
// enginetest.Now. The key is fixed, so that equal bodies give equal inputs.
func PismoRequest(tb testing.TB, key *rsa.PrivateKey, account string, body []byte) []byte {
	tb.Helper()
	now := enginetest.Now()
	b64 := base64.RawURLEncoding.EncodeToString
	hash := sha256.Sum256(body)
	signed := b64([]byte(`{"alg":"RS256","kid":"k1","typ":"JWT"}`)) + "." + b64(fmt.Appendf(nil,
		`{"account-id":%q,"body-hash":%q,"exp":%d,"iat":%d,"iss":"api.pismo.io","sub":"api-cards-tokenization"}`,
		account, base64.StdEncoding.EncodeToString(hash[:]), now.Unix()+600, now.Unix()))
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		tb.Fatal(err)
	}
	r := request{Scheme: "pismo", Method: "POST", Path: "/", BodyB64: base64.StdEncoding.EncodeToString(body),
		Headers: fmt.Appendf(nil, `{"X-Pismo-Sign":[%q],"Content-Type":["application/json"]}`, signed+"."+b64(sig))}
	return r.input(now.UnixMilli())
}

// PismoRing is a ring document with the public half of the key that PismoRequest signs
// with, and what answers need.
func PismoRing(key *rsa.PrivateKey) []byte {
	return ringDocument([]json.RawMessage{publicJWK("k1", &key.PublicKey)},
		map[string]json.RawMessage{"pismo": fmt.Appendf(nil, `{"accounts":[%q]}`, enginetest.PismoAccount)},
		pismo(nil, `"sms":{"source":"issuer"}`))
}
