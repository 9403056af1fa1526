package outbound

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/strictjson"
)

// Fields of a Trust Payments request form.
const (
	SiteSecurityField     = "sitesecurity"
	SiteSecurityTimestamp = "sitesecuritytimestamp"
)

// SiteSecurity returns the fields sitesecuritytimestamp (UTC, "2006-01-02 15:04:05")
// and sitesecurity of a Trust Payments request form: "h" and the lower-case hex of
// SHA-256 over the values, the timestamp and the password, with nothing between
// them. The values stand in the order that was agreed with Trust Payments, by
// default those of currencyiso3a, mainamount, sitereference and the rest that its
// support names.
//
// It is not an HMAC, and it has no separators: "1","23" and "12","3" give the same
// hash. Values that a customer can shape should not stand side by side in the list.
// An empty password is ErrCredentials, an empty list ErrRequest.
//
// Source: Trust Payments' help pages and public clients (medium to high confidence).
func SiteSecurity(values []string, now time.Time, password secret.Text) (timestamp, hash string, err error) {
	pass := password.Reveal()
	if pass == "" || len(pass) > maxCredential {
		return "", "", credentials("a site security password has 1 to %d bytes", maxCredential)
	}
	if len(values) == 0 {
		return "", "", request("site security needs the values that it covers")
	}
	if _, err := seconds(now); err != nil {
		return "", "", err
	}
	timestamp = now.UTC().Format("2006-01-02 15:04:05")
	h := sha256.New()
	size := 0
	for _, v := range values {
		if size += len(v); size > MaxBody {
			return "", "", ErrTooLarge
		}
		h.Write([]byte(v))
	}
	h.Write([]byte(timestamp))
	h.Write([]byte(pass))
	return timestamp, "h" + hex.EncodeToString(h.Sum(nil)), nil
}

// TrustJWT returns the token for the field "jwt" of a Trust Payments request: a
// compact JWS with the header {"alg":...,"typ":"JWT"} over
// {"iss":user,"iat":now,"payload":payload}. The algorithm is HS256, HS384 or HS512;
// the secret, from Trust Payments' support, has at least as many bytes as the
// hash (ErrCredentials). The payload is one strict JSON object (ErrRequest), the token at
// most 16 KiB (ErrTooLarge); put
// into it only what the customer must not change. How long a token is good is
// Trust Payments' affair: its older page says 15 minutes.
//
// Source: Trust Payments' public documentation (high confidence).
func TrustJWT(alg, user string, shared secret.Text, payload []byte, now time.Time) (string, error) {
	size, known := map[string]int{jose.HS256: 32, jose.HS384: 48, jose.HS512: 64}[alg]
	switch {
	case !known:
		return "", credentials("the algorithm of a Trust Payments JWT is HS256, HS384 or HS512")
	case len(shared.Reveal()) < size:
		return "", credentials("a secret for %s has at least %d bytes", alg, size)
	case user == "" || !printable(user):
		return "", credentials("a JWT user is 1 to %d bytes of UTF-8 without control characters", maxCredential)
	case len(payload) > jose.MaxTokenBytes:
		return "", ErrTooLarge
	}
	s, err := seconds(now)
	if err != nil {
		return "", err
	}
	v, err := strictjson.Parse(payload, strictjson.Limits{MaxBytes: jose.MaxTokenBytes})
	if err != nil || v.Kind != strictjson.Object {
		return "", request("the payload of a JWT is one strict JSON object")
	}
	claims := canon.NewWriter(nil).Object().Key("iss").String(user).Key("iat").Int(s).Key("payload").Raw(payload).EndObject()
	token, err := jose.Sign(alg, secret.NewBytes([]byte(shared.Reveal())), jose.Header{jose.Text("typ", "JWT")}, claims.Bytes())
	switch {
	case errors.Is(err, jose.ErrTooLarge):
		return "", ErrTooLarge
	case err != nil:
		return "", credentials("%v", err)
	}
	return token, nil
}
