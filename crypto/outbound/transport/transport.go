package transport

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/issuant/issuant/crypto/outbound"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
)

// Options are what every Transport needs. What is zero takes the default; nothing
// means "off".
type Options struct {
	Hosts      []string          // required: where credentials may go, as in a URL: "api.visa.com", "localhost:8443"; neither case nor :443 matters
	Base       http.RoundTripper // what sends; default http.DefaultTransport
	MaxBody    int               // bytes of a request's or an answer's body, inclusive: default and at most outbound.MaxBody (1 MiB)
	Now        func() time.Time  // default time.Now
	Nonce      func() string     // a fresh nonce or trace id for each request; default from crypto/rand
	UnsafeHTTP bool              // let credentials go over plain http
}

// Transport is an http.RoundTripper that signs. It is safe for concurrent use when
// its base, Now and Nonce are. A constructor such as XPay makes one; the zero
// Transport refuses everything.
type Transport struct {
	o     Options
	name  string
	seal  func(r *http.Request, body []byte) ([]byte, error) // sets headers of r, returns what is sent
	open  func(r *http.Response) error                       // nil: the answer passes as it is
	hosts []string
}

func newTransport(o Options, name string, seal func(*http.Request, []byte) ([]byte, error)) (*Transport, error) {
	if len(o.Hosts) == 0 {
		return nil, code.Wrap(ErrOptions, "Hosts is missing: name the hosts that may see the credentials")
	}
	t := &Transport{o: o, name: name, seal: seal}
	for _, h := range o.Hosts {
		if h == "" || strings.ContainsAny(h, "/@?#* ") {
			return nil, code.Wrap(ErrOptions, "a host is a name or an address, with a port where the URL has one, and no pattern")
		}
		t.hosts = append(t.hosts, strings.TrimSuffix(strings.ToLower(h), ":443"))
	}
	if o.MaxBody < 0 || o.MaxBody > outbound.MaxBody {
		return nil, code.Wrap(ErrOptions, "MaxBody is not between 0 and 1 MiB")
	}
	if o.Base == nil {
		t.o.Base = http.DefaultTransport
	}
	if o.Now == nil {
		t.o.Now = time.Now
	}
	t.o.MaxBody = cmp.Or(o.MaxBody, outbound.MaxBody)
	return t, nil
}

// String returns the name of the scheme.
func (t *Transport) String() string { return "transport: " + t.name }

// RoundTrip signs a copy of the request and sends it through the base. It closes the
// request's body, as every RoundTripper does. Its errors are ErrHost, ErrRequest,
// outbound.ErrTooLarge, what reading the body gives, and what the base gives.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := t.check(r)
	if err != nil {
		return nil, err
	}
	signed := r.Clone(r.Context())
	if signed.Header == nil {
		signed.Header = http.Header{}
	}
	if body, err = t.seal(signed, body); err != nil {
		return nil, err
	}
	setBody(signed, body)
	res, err := t.o.Base.RoundTrip(signed)
	if err != nil || t.open == nil {
		return res, err
	}
	if err := t.open(res); err != nil {
		return nil, err
	}
	return res, nil
}

// check reads the body, after it has looked at the address: nothing is read for a
// request that is not sent.
func (t *Transport) check(r *http.Request) (body []byte, err error) {
	if r.Body != nil {
		defer func() {
			if closed := r.Body.Close(); err == nil {
				err = closed
			}
		}()
	}
	switch {
	case t == nil || t.seal == nil:
		return nil, code.Wrap(ErrOptions, "the transport was not made by a constructor")
	case r.URL == nil || r.URL.Opaque != "" || r.URL.User != nil:
		return nil, code.Wrap(ErrRequest, "the URL is opaque, missing or names a user")
	case r.URL.Scheme != "https" && (r.URL.Scheme != "http" || !t.o.UnsafeHTTP):
		return nil, code.Wrap(ErrHost, "it is not https")
	case !slices.Contains(t.hosts, strings.TrimSuffix(strings.ToLower(r.URL.Host), ":443")):
		return nil, code.Wrap(ErrHost, "the host is none of Hosts; an http.Client follows redirects unless its CheckRedirect forbids it")
	case r.Host != "" && !strings.EqualFold(r.Host, r.URL.Host):
		return nil, code.Wrap(ErrRequest, "the header Host differs from the URL")
	case r.ContentLength > int64(t.o.MaxBody):
		return nil, outbound.ErrTooLarge
	case r.Body == nil:
		return nil, nil
	}
	body, err = io.ReadAll(io.LimitReader(r.Body, int64(t.o.MaxBody)+1))
	if err == nil && len(body) > t.o.MaxBody {
		return nil, outbound.ErrTooLarge
	}
	return body, err
}

// setBody gives a request a body that can be sent again.
func setBody(r *http.Request, body []byte) {
	r.TransferEncoding = nil
	r.ContentLength = int64(len(body))
	r.GetBody = func() (io.ReadCloser, error) {
		if len(body) == 0 {
			return http.NoBody, nil
		}
		return io.NopCloser(bytes.NewReader(body)), nil
	}
	r.Body, _ = r.GetBody() // it gives no error
	setHeader(r, "Content-Length", "")
}

// setHeader leaves exactly one value, whatever stood there in whatever case; "" leaves none.
func setHeader(r *http.Request, name, value string) {
	for have := range r.Header {
		if strings.EqualFold(have, name) {
			delete(r.Header, have)
		}
	}
	if value != "" {
		r.Header.Set(name, value)
	}
}

// Basic returns a Transport for HTTP Basic, as outbound.BasicAuthorization writes it.
func Basic(o Options, user string, password secret.Text) (*Transport, error) {
	if _, err := outbound.BasicAuthorization(user, password); err != nil {
		return nil, err
	}
	return newTransport(o, "basic", func(r *http.Request, body []byte) ([]byte, error) {
		value, err := outbound.BasicAuthorization(user, password)
		if err != nil { // the password was wiped
			return nil, err
		}
		setHeader(r, "Authorization", value)
		return body, nil
	})
}

// XPay returns a Transport for Visa's x-pay-token. The resource path leaves the first
// segment of the URL's path out unless wholePath (outbound.XPayResource). The query
// is signed as it stands: write it with outbound.XPayQuery.
func XPay(o Options, shared secret.Text, wholePath bool) (*Transport, error) {
	if _, err := outbound.XPayToken(shared, time.Unix(0, 0), "p", "", nil); err != nil {
		return nil, err
	}
	var t *Transport
	t, err := newTransport(o, "x-pay-token", func(r *http.Request, body []byte) ([]byte, error) {
		path, query := outbound.XPayResource(r.URL, wholePath)
		token, err := outbound.XPayToken(shared, t.o.Now(), path, query, body)
		if err != nil {
			return nil, err
		}
		setHeader(r, outbound.XPayHeader, token)
		return body, nil
	})
	return t, err
}

// OAuth1 returns a Transport for Mastercard's OAuth 1.0a. Options.Nonce gives 8 to
// 64 letters and digits; the default gives 26, of 130 random bits.
func OAuth1(o Options, auth *outbound.OAuth1) (*Transport, error) {
	if auth == nil {
		return nil, code.Wrap(ErrOptions, "OAuth1 needs what outbound.NewOAuth1 makes")
	}
	if o.Nonce == nil {
		o.Nonce = rand.Text
	}
	var t *Transport
	t, err := newTransport(o, "oauth1", func(r *http.Request, body []byte) ([]byte, error) {
		value, err := auth.Authorization(cmp.Or(r.Method, http.MethodGet), r.URL, body, t.o.Now(), t.o.Nonce())
		if err != nil {
			return nil, err
		}
		setHeader(r, "Authorization", value)
		return body, nil
	})
	return t, err
}

// MeaSecret returns a Transport for MeaWallet's API: the headers Mea-Api-Key-Id,
// Mea-Trace-Id and Mea-Secret. Options.Nonce gives the trace id, a UUID in lower
// case; the default gives random ones. Neither body nor time is covered.
func MeaSecret(o Options, key secret.Bytes, keyID string) (*Transport, error) {
	if o.Nonce == nil {
		o.Nonce = randomUUID
	}
	if _, err := outbound.MeaSecret(key, keyID, randomUUID()); err != nil {
		return nil, err
	}
	var t *Transport
	t, err := newTransport(o, "mea-secret", func(r *http.Request, body []byte) ([]byte, error) {
		trace := t.o.Nonce()
		value, err := outbound.MeaSecret(key, keyID, trace)
		if err != nil {
			return nil, err
		}
		setHeader(r, outbound.MeaKeyIDHeader, keyID)
		setHeader(r, outbound.MeaTraceIDHeader, trace)
		setHeader(r, outbound.MeaSecretHeader, value)
		return body, nil
	})
	return t, err
}

// randomUUID returns a version 4 UUID (RFC 9562) in lower case.
func randomUUID() string {
	var b [16]byte
	rand.Read(b[:]) // it never fails: it crashes the process instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
