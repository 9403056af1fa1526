package outbound

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
)

// OAuth1 signs requests to Mastercard's APIs: OAuth 1.0a with RSA-SHA256 and the
// extension oauth_body_hash. It is immutable and safe for concurrent use; NewOAuth1
// makes one.
//
// It follows Mastercard's published signer where that differs from RFC 5849: the
// values of oauth_* parameters are not percent-encoded before they are joined, and
// values of the query only when the query as written is percent-encoded anywhere.
// (Confidence high: Mastercard's own test values pass.)
type OAuth1 struct {
	consumerKey string
	key         crypto.Signer
}

// NewOAuth1 takes the consumer key and the signing key of a Mastercard project; the
// key may live in an HSM. A consumer key that is empty, longer than 1024 bytes or
// not printable ASCII without " , \ % & = is ErrCredentials, as is a key that is not RSA
// or weak (keyring.CheckRSA).
func NewOAuth1(consumerKey string, key crypto.Signer) (*OAuth1, error) {
	if consumerKey == "" || len(consumerKey) > maxCredential || !visible(consumerKey, `",\%&=`) {
		return nil, credentials(`a consumer key is 1 to %d printable ASCII characters without " , \ %% & =`, maxCredential)
	}
	if key == nil {
		return nil, credentials("OAuth needs a signing key")
	}
	pub, ok := key.Public().(*rsa.PublicKey)
	if !ok {
		return nil, credentials("OAuth with RSA-SHA256 needs an RSA key")
	}
	if err := keyring.CheckRSA(pub); err != nil {
		return nil, credentials("%v", err)
	}
	return &OAuth1{consumerKey, key}, nil
}

// Authorization returns the value of the header Authorization for one request: its
// method, its whole URL, and its body as sent (nil for none). The nonce must never
// be used twice under one consumer key at one second: 8 to 64 letters and digits.
//
// A URL without scheme or host, a query that cannot be read or that holds oauth_
// parameters, a nonce of another form and an unset clock are ErrRequest, a body
// longer than MaxBody is ErrTooLarge. An error of the key is passed on.
func (o *OAuth1) Authorization(method string, u *url.URL, body []byte, now time.Time, nonce string) (string, error) {
	base, params, err := o.base(method, u, body, now, nonce)
	if err != nil {
		return "", err
	}
	sig, err := signBase(o.key, base)
	if err != nil {
		return "", err
	}
	params = append(params, pair{"oauth_signature", percentEncode(base64.StdEncoding.EncodeToString(sig))})
	var b strings.Builder
	for i, p := range params {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(p.name + `="` + p.value + `"`)
	}
	return "OAuth " + b.String(), nil
}

func signBase(key crypto.Signer, base string) ([]byte, error) {
	digest := sha256.Sum256([]byte(base))
	// A nil source is allowed: PKCS #1 v1.5 signatures are deterministic.
	return key.Sign(nil, digest[:], crypto.SHA256)
}

// BaseString returns the text that Authorization signs, which is what to compare
// with the counterpart's when a signature is refused. Errors are those of Authorization.
func (o *OAuth1) BaseString(method string, u *url.URL, body []byte, now time.Time, nonce string) (string, error) {
	base, _, err := o.base(method, u, body, now, nonce)
	return base, err
}

func (o *OAuth1) base(method string, u *url.URL, body []byte, now time.Time, nonce string) (string, []pair, error) {
	s, err := seconds(now)
	switch {
	case err != nil:
		return "", nil, err
	case method == "" || !visible(method, `&="`):
		return "", nil, request("the method is no HTTP method")
	case !alphanumeric(nonce) || len(nonce) < 8 || len(nonce) > 64:
		return "", nil, request("a nonce is 8 to 64 letters and digits")
	case len(body) > MaxBody:
		return "", nil, ErrTooLarge
	}
	where, err := baseURL(u)
	if err != nil {
		return "", nil, err
	}
	query, err := queryPairs(u.RawQuery)
	if err != nil {
		return "", nil, err
	}
	params := []pair{
		{"oauth_consumer_key", o.consumerKey},
		{"oauth_nonce", nonce},
		{"oauth_signature_method", "RSA-SHA256"},
		{"oauth_timestamp", strconv.FormatInt(s, 10)},
		{"oauth_version", "1.0"},
		{"oauth_body_hash", bodyHash(body)},
	}
	all := joinPairs(append(query, params...))
	return strings.ToUpper(method) + "&" + percentEncode(where) + "&" + percentEncode(all), params, nil
}

// bodyHash is sent for an empty body too: Mastercard's gateway asks for it.
func bodyHash(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// baseURL is the base string URI of RFC 5849 section 3.4.1.2.
func baseURL(u *url.URL) (string, error) {
	if u == nil || u.Host == "" || u.Opaque != "" || u.User != nil {
		return "", request("the URL is not absolute, or names a user")
	}
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	switch {
	case scheme == "https":
		host = strings.TrimSuffix(host, ":443")
	case scheme == "http":
		host = strings.TrimSuffix(host, ":80")
	default:
		return "", request("the URL is neither https nor http")
	}
	path := u.EscapedPath()
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	if len(path)+len(u.RawQuery) > maxURL {
		return "", request("path and query are longer than %d bytes", maxURL)
	}
	return scheme + "://" + host + path, nil
}

// queryPairs reads a query. Where nothing in it is percent-encoded the values stay
// as they decode, as in Mastercard's signer.
func queryPairs(raw string) ([]pair, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, request("the query cannot be read: encode it with net/url")
	}
	encode := strings.Contains(raw, "%")
	var pairs []pair
	for name, list := range values {
		if strings.HasPrefix(name, "oauth_") {
			return nil, request("the query has parameters of OAuth itself")
		}
		for _, v := range list {
			p := pair{name, v}
			if encode {
				p = pair{percentEncode(name), percentEncode(v)}
			}
			pairs = append(pairs, p)
		}
	}
	return pairs, nil
}

func alphanumeric(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return true
}
