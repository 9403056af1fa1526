package webhook

import (
	"crypto/rsa"
	"errors"
	"time"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/internal/strictjson"
)

// compact verifies compact tokens with iat and exp, whose payload may hold the
// body's hash.
type compact struct {
	*common
	plan
	headers jose.Headers
}

func isCompactAlgorithm(a Algorithm) bool {
	return !errors.Is(jose.Linked(string(a)), jose.ErrAlgorithm)
}

func (v *compact) coverage() Coverage { return v.scheme.Coverage() }

func (v *compact) open(m *Message, of *Verifier, r Request, now time.Time) *Error {
	token, refusal := of.token(&r)
	if refusal != nil {
		return refusal
	}
	jws, err := v.headers.Parse(token)
	if err != nil {
		return fromJOSE(err)
	}
	at := instantOf(now)
	if refusal = v.verify(m, &jws, &at); refusal != nil {
		refusal.keyID = saneKeyID(jws.KeyID)
		return refusal
	}
	v.headers.Keep(&jws)
	s := newState(0, 0)
	defer s.release()
	m.sign(s, content{pre: m.claims}, "")
	return nil
}

func (v *compact) verify(m *Message, jws *jose.JWS, now *instant) *Error {
	if jws.Alg != string(v.scheme.Algorithm) {
		return refuse(ErrAlgorithm, "it must be "+string(v.scheme.Algorithm))
	}
	payload, refusal := v.payload(m, jws, now)
	if refusal != nil {
		return refusal
	}
	hash, nbf, refusal := v.claims(m, payload)
	if refusal != nil {
		return refusal
	}
	if refusal := v.fresh(time.Unix(m.iat, 0), now); refusal != nil {
		return refusal
	}
	switch {
	case !now.t.Add(-v.skew).Before(time.Unix(m.exp, 0)):
		return refuse(ErrStale, "exp has passed")
	case time.Unix(nbf, 0).After(now.t.Add(v.skew)):
		return refuse(ErrStale, "nbf lies ahead")
	}
	if v.scheme.Claims.BodyHash == "" {
		m.hashBody(false)
		return nil
	}
	return checkBodyHash(m, hash)
}

// payload verifies the signature: with the key that the token names, or, where the
// scheme's tokens need not name any, with each key of the scheme.
func (v *compact) payload(m *Message, jws *jose.JWS, now *instant) ([]byte, *Error) {
	if v.scheme.Key.ID != "" || jws.KeyID != "" {
		key, ok := v.keys.Lookup(jws.KeyID)
		if !ok || jws.KeyID == "" {
			return nil, refuse(ErrKeyUnknown, "")
		}
		return v.with(m, key, jws, now)
	}
	furthest, tried := refuse(ErrKeyUnknown, "no key for this scheme"), 0
	for _, key := range ringOf(v.keys).All() {
		if key.Scheme != "" && key.Scheme != v.scheme.Name {
			continue
		}
		if tried++; tried > maxCandidates {
			return nil, refuse(ErrKeyRefused, "more than 16 keys for messages that name none")
		}
		payload, refusal := v.with(m, key, jws, now)
		if refusal == nil {
			return payload, nil
		}
		if refusal.Code() > furthest.Code() {
			furthest = refusal
		}
	}
	return nil, furthest
}

func (v *compact) with(m *Message, key *keyring.Key, jws *jose.JWS, now *instant) ([]byte, *Error) {
	alg := string(v.scheme.Algorithm)
	if why := key.Usable(keyring.UseVerify, alg, v.scheme.Name, now.t); why != "" {
		return nil, refuse(ErrKeyRefused, why)
	}
	if pub, ok := key.Public.(*rsa.PublicKey); ok {
		if err := keyring.CheckRSA(pub); err != nil {
			return nil, refuse(ErrKeyRefused, err.Error())
		}
	}
	var material any = key.Public
	if key.Public == nil {
		material = key.Secret
	}
	payload, err := jws.Verify(alg, material)
	if err != nil {
		return nil, fromJOSE(err)
	}
	m.keyID = key.ID
	return payload, nil
}

// compactNames are the claims that are read.
var compactNames = []string{"exp", "iat", "nbf", "iss"}

// claims reads the payload, whose signature holds already. Dates outside the years
// 1970 to 9999 are refused, so that none overflows when it is compared; nbf is 0
// when there is none.
func (v *compact) claims(m *Message, payload []byte) (bodyHash string, nbf int64, refusal *Error) {
	doc, err := strictjson.Read(payload, claimsLimits)
	if err != nil {
		return "", 0, refuse(ErrClaims, "payload is not a strict JSON object")
	}
	defer doc.Release()
	root := doc.Root()
	want := v.scheme.Claims
	if root.Kind() != strictjson.Object || root.MisCased(compactNames) || want.BodyHash != "" && root.MisCased([]string{want.BodyHash}) {
		return "", 0, refuse(ErrClaims, "payload is not a strict JSON object, or a known claim is written in another case")
	}
	for _, date := range []struct {
		name  string
		value *int64
	}{{"iat", &m.iat}, {"exp", &m.exp}, {"nbf", &nbf}} {
		claim, has := root.Get(date.name)
		if !has && date.value == &nbf {
			continue
		}
		n, ok := claim.Int64()
		if !ok || n < minNow || n > maxNow {
			return "", 0, refuse(ErrClaims, date.name+" is missing, not an integer, or outside the years 1970 to 9999")
		}
		*date.value = n
	}
	if iss, _ := root.Get("iss"); want.Issuer != "" && (iss.Kind() != strictjson.String || iss.Str() != want.Issuer) {
		return "", 0, refuse(ErrClaims, "iss is not the issuer of this scheme")
	}
	m.claims, m.canonical = payload, doc.Canonical()
	if want.BodyHash == "" {
		return "", nbf, nil
	}
	hash, _ := root.Get(want.BodyHash)
	if hash.Kind() != strictjson.String {
		return "", 0, refuse(ErrClaims, "the claim with the body's hash is missing or not a string")
	}
	return hash.Str(), nbf, nil
}
