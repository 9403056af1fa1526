package visa

import (
	"cmp"
	"crypto"
	"crypto/rsa"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
)

// inboundMember carries the token in a body of Visa's issuer API.
const inboundMember = "encryptedData"

// MaxInboundBody bounds a body that Inbound opens, in bytes. (Visa's public page
// gives 7000 characters.)
const MaxInboundBody = 64 << 10

// Inbound opens what Visa sends to issuers: {"encryptedData":"<JWS>"}, a PS256
// signature over a JWE of RSA-OAEP-256 and A256GCM. The zero Inbound opens nothing.
// It is safe for concurrent use when its functions are.
type Inbound struct {
	VerifyKey func(keyID string) (*rsa.PublicKey, bool) // Visa's signing keys, by the outer kid: an allow-list
	OpenKey   KeyFunc                                   // our keys, by the inner kid
}

// Open returns the plaintext of a body, which the caller owns. Every error wraps
// ErrOpen and has its text, so that no answer tells a wrong signature from a wrong
// encryption or an unknown key. It says nothing about when the message was made, nor
// whether it came before: Visa's rule for that is not public.
func (i *Inbound) Open(body []byte) ([]byte, error) {
	token, ok := strictjson.Text(body, inboundMember, strictjson.Limits{MaxBytes: MaxInboundBody, MaxDepth: 8, MaxValues: 64})
	if !ok {
		return nil, unopened("it is no strict JSON object with encryptedData")
	}
	n := jose.Nested{
		SignAlg: jose.PS256, Alg: jose.RSAOAEP256, Enc: []string{jose.A256GCM},
		VerifyKey: func(kid string) (any, bool) {
			if i.VerifyKey == nil {
				return nil, false
			}
			key, ok := i.VerifyKey(kid)
			return key, ok && key != nil
		},
		OpenKey: func(kid string) (any, bool) {
			key, detail := i.OpenKey.lookup(kid)
			return key, detail == ""
		},
	}
	plaintext, err := n.Open(token)
	if err != nil {
		return nil, unopened(cmp.Or(code.Detail(err), err.Error()))
	}
	return plaintext, nil
}

// SealInbound is the other side of Inbound.Open, for simulators and tests: the inner
// header is kid, typ, enc, alg, the outer one alg, typ, kid, cty.
func SealInbound(signer crypto.Signer, signKeyID string, pub *rsa.PublicKey, keyID string, plaintext []byte) ([]byte, error) {
	inner, err := seal(jose.RSAOAEP256, pub, jose.Header{
		jose.Text("kid", keyID), jose.Text("typ", "JOSE"), jose.Here("enc"), jose.Here("alg"),
	}, plaintext)
	if err != nil {
		return nil, err
	}
	token, err := jose.Sign(jose.PS256, signer, jose.Header{
		jose.Here("alg"), jose.Text("typ", "JOSE"), jose.Text("kid", signKeyID), jose.Text("cty", "JWE"),
	}, []byte(inner))
	if err != nil {
		return nil, err
	}
	return canon.NewWriter(nil).Object().Key(inboundMember).String(token).EndObject().Bytes(), nil
}
