package mastercard

import (
	"cmp"
	"crypto"
	"crypto/rsa"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
)

// jweMember is the member that carries a JWE in a body.
const jweMember = "encryptedData"

// SealJWE returns {"encryptedData":"<JWE>"}, the form of Mastercard's other APIs and
// of Click to Pay: RSA-OAEP-256 and A256GCM under the header kid, cty, enc, alg. An
// empty kid is KeySHA256 of the key, as Mastercard's libraries write it. The
// plaintext is one strict JSON value (ErrOptions) of at most MaxPlaintext bytes.
func SealJWE(pub *rsa.PublicKey, kid string, plaintext []byte) ([]byte, error) {
	if len(plaintext) > MaxPlaintext {
		return nil, ErrTooLarge
	}
	fingerprint, err := KeySHA256(pub)
	if err != nil {
		return nil, err
	}
	if !isJSON(plaintext) {
		return nil, code.Wrap(ErrOptions, "the plaintext is no strict JSON value")
	}
	header := jose.Header{
		jose.Text("kid", cmp.Or(kid, fingerprint)), jose.Text("cty", "application/json"), jose.Here("enc"), jose.Here("alg"),
	}
	token, err := jose.Seal(jose.RSAOAEP256, jose.A256GCM, pub, header, plaintext)
	if err != nil {
		return nil, err
	}
	return canon.NewWriter(nil).Object().Key(jweMember).String(token).EndObject().Bytes(), nil
}

// OpenJWE returns the plaintext of {"encryptedData":"<JWE>"}: RSA-OAEP-256 with
// A128GCM, A192GCM, A256GCM, or A128CBC-HS256, whose tag is checked before anything
// is decrypted. key returns our RSA key for a kid, "" when the header has none. Every
// error wraps ErrOpen and has its text.
func OpenJWE(body []byte, key func(kid string) (crypto.Decrypter, bool)) ([]byte, error) {
	token, ok := strictjson.Text(body, jweMember, strictjson.Limits{MaxBytes: MaxEnvelope, MaxDepth: 8, MaxValues: 64})
	if !ok {
		return nil, unopened("it is no strict JSON object with encryptedData")
	}
	jwe, err := jose.ParseJWEUpTo(token, MaxEnvelope)
	if err != nil {
		return nil, unopened(err.Error())
	}
	if key == nil {
		return nil, unopened("there are no keys")
	}
	ours, ok := key(jwe.KeyID)
	if !ok || ours == nil {
		return nil, unopened("no key of the named id")
	}
	if pub, ok := ours.Public().(*rsa.PublicKey); !ok || keyring.CheckRSA(pub) != nil {
		return nil, unopened("the key of the named id is not RSA, or weak")
	}
	plaintext, err := jwe.Open(jose.RSAOAEP256, ours, jose.A128GCM, jose.A192GCM, jose.A256GCM, jose.A128CBCHS256)
	if err != nil {
		return nil, unopened(cmp.Or(code.Detail(err), err.Error()))
	}
	return plaintext, nil
}
