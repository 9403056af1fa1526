package transport_test

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/outbound"
	"github.com/issuant/issuant/crypto/outbound/transport"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testkey"
)

func ExampleXPay() {
	visa := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, strings.Count(r.Header.Get("X-Pay-Token"), ":"))
	}))
	defer visa.Close()
	signer, err := transport.XPay(transport.Options{
		Hosts: []string{strings.TrimPrefix(visa.URL, "https://")}, // in production "api.visa.com"
		Base:  visa.Client().Transport,
	}, secret.NewText("an-example-of-a-shared-secret"), false)
	if err != nil {
		panic(err)
	}
	client := &http.Client{Transport: signer, Timeout: 10 * time.Second}
	res, err := client.Post(visa.URL+"/vdp/helloworld?apikey=KEY", "application/json", strings.NewReader(`{}`))
	if err != nil {
		panic(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Println(res.StatusCode, string(body))
	// Output: 200 2
}

var (
	now    = time.Unix(1700000000, 0)
	shared = secret.NewText("an-example-of-a-shared-secret-of-64-bytes-for-all-the-algorithms")
	meaKey = secret.NewBytes([]byte("0123456789abcdef"))
	meaID  = "68e05e04-a54d-479c-a85f-b7f6c7531598"
)

// received is what a server saw.
type received struct {
	*http.Request
	body []byte
}

type server struct {
	*httptest.Server
	mu   sync.Mutex
	seen []received
}

func serve(t *testing.T) (*server, transport.Options) {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.seen = append(s.seen, received{r, body})
		s.mu.Unlock()
		if to := r.URL.Query().Get("redirect"); to != "" {
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		}
	}))
	t.Cleanup(s.Close)
	return s, transport.Options{Hosts: []string{s.host()}, Base: s.Client().Transport, Now: func() time.Time { return now }}
}

func (s *server) host() string { return strings.TrimPrefix(s.URL, "https://") }

func (s *server) last(t *testing.T) received {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) == 0 {
		t.Fatal("the server saw no request")
	}
	return s.seen[len(s.seen)-1]
}

// schemes are all transports, and how a receiver that knows the secret checks a request.
func schemes(t *testing.T) map[string]scheme {
	t.Helper()
	key := testkey.RSA(t, "rsa2048-a")
	auth, err := outbound.NewOAuth1("consumer!key", key)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]scheme{
		"basic": {
			make: func(o transport.Options) (*transport.Transport, error) { return transport.Basic(o, "user", shared) },
			check: func(r received) error {
				if user, pass, ok := r.BasicAuth(); !ok || user != "user" || pass != shared.Reveal() {
					return errors.New("wrong credentials")
				}
				return nil
			},
		},
		"x-pay-token": {
			make:  func(o transport.Options) (*transport.Transport, error) { return transport.XPay(o, shared, false) },
			check: checkXPay,
		},
		"oauth1": {
			make:  func(o transport.Options) (*transport.Transport, error) { return transport.OAuth1(o, auth) },
			check: func(r received) error { return checkOAuth(r, &key.PublicKey) },
		},
		"mea-secret": {
			make:  func(o transport.Options) (*transport.Transport, error) { return transport.MeaSecret(o, meaKey, meaID) },
			check: checkMea,
		},
		"sitesecurity": {
			make: func(o transport.Options) (*transport.Transport, error) {
				return transport.SiteSecurity(o, []string{"currencyiso3a", "mainamount", "orderreference"}, shared)
			},
			contentType: "application/x-www-form-urlencoded; charset=UTF-8", body: "mainamount=10.00&currencyiso3a=GBP&x=%C3%A9",
			check: checkSite,
		},
		"trust-jwt": {
			make: func(o transport.Options) (*transport.Transport, error) {
				return transport.TrustJWT(o, "HS256", "user", shared)
			},
			check: checkJWT,
		},
	}
}

type scheme struct {
	make              func(transport.Options) (*transport.Transport, error)
	check             func(received) error
	contentType, body string
}

func (s scheme) request(t *testing.T, target string) *http.Request {
	t.Helper()
	kind, body := s.contentType, s.body
	if body == "" {
		kind, body = "application/json", `{"a":"b"}`
	}
	r, err := http.NewRequest(http.MethodPost, target, io.NopCloser(strings.NewReader(body))) // of unknown length
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	return r
}

func checkXPay(r received) error {
	parts := strings.Split(r.Header.Get("x-pay-token"), ":")
	if len(parts) != 3 || parts[0] != "xv2" || parts[1] != "1700000000" {
		return fmt.Errorf("token %q", parts)
	}
	h := hmac.New(sha256.New, []byte(shared.Reveal()))
	fmt.Fprintf(h, "%s%s%s%s", parts[1], strings.TrimPrefix(r.URL.EscapedPath(), "/context/"), r.URL.RawQuery, r.body)
	if hex.EncodeToString(h.Sum(nil)) != parts[2] {
		return errors.New("wrong MAC")
	}
	return nil
}

func checkOAuth(r received, pub *rsa.PublicKey) error {
	params := map[string]string{}
	for _, p := range strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "OAuth "), ",") {
		name, value, _ := strings.Cut(p, "=")
		params[name] = strings.Trim(value, `"`)
	}
	sum := sha256.Sum256(r.body)
	if params["oauth_body_hash"] != base64.StdEncoding.EncodeToString(sum[:]) {
		return errors.New("wrong body hash")
	}
	text, err := url.PathUnescape(params["oauth_signature"])
	if err != nil {
		return err
	}
	sig, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	delete(params, "oauth_signature")
	var pairs []string
	for name, value := range params {
		pairs = append(pairs, name+"="+value)
	}
	pairs = append(pairs, strings.Split(r.URL.RawQuery, "&")...) // encoded as a client encodes it
	slices.Sort(pairs)
	base := r.Method + "&" + url.QueryEscape("https://"+r.Host+r.URL.EscapedPath()) + "&" + url.QueryEscape(strings.Join(pairs, "&"))
	digest := sha256.Sum256([]byte(base))
	return rsa.VerifyPKCS1v15(pub, crypto.SHA256, digest[:], sig)
}

func checkMea(r received) error {
	sealed, err := hex.DecodeString(r.Header.Get("Mea-Secret"))
	if err != nil || len(sealed) != 80 {
		return fmt.Errorf("%d bytes, %v", len(sealed), err)
	}
	block, err := aes.NewCipher(meaKey.Reveal())
	if err != nil {
		return err
	}
	cipher.NewCBCDecrypter(block, make([]byte, 16)).CryptBlocks(sealed, sealed)
	want := r.Header.Get("Mea-Trace-Id") + "#" + meaID + strings.Repeat("\x07", 7)
	if string(sealed) != want || r.Header.Get("Mea-Api-Key-Id") != meaID {
		return fmt.Errorf("it says %q", sealed)
	}
	return nil
}

func checkSite(r received) error {
	form, err := url.ParseQuery(string(r.body))
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte("GBP" + "10.00" + "2023-11-14 22:13:20" + shared.Reveal()))
	if form.Get("sitesecurity") != "h"+hex.EncodeToString(sum[:]) || form.Get("sitesecuritytimestamp") != "2023-11-14 22:13:20" || form.Get("x") != "é" {
		return fmt.Errorf("form %v", form)
	}
	return nil
}

func checkJWT(r received) error {
	parts := strings.Split(strings.TrimPrefix(string(r.body), "jwt="), ".")
	if len(parts) != 3 || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		return fmt.Errorf("body %q", r.body)
	}
	h := hmac.New(sha256.New, []byte(shared.Reveal()))
	fmt.Fprintf(h, "%s.%s", parts[0], parts[1])
	if base64.RawURLEncoding.EncodeToString(h.Sum(nil)) != parts[2] {
		return errors.New("wrong MAC")
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if string(claims) != `{"iss":"user","iat":1700000000,"payload":{"a":"b"}}` {
		return fmt.Errorf("claims %s %v", claims, err)
	}
	return nil
}

func TestAReceiverAcceptsWhatEachTransportSends(t *testing.T) {
	for name, s := range schemes(t) {
		t.Run(name, func(t *testing.T) {
			srv, o := serve(t)
			signer, err := s.make(o)
			if err != nil {
				t.Fatal(err)
			}
			if signer.String() != "transport: "+name {
				t.Errorf("it calls itself %q", signer)
			}
			res, err := signer.RoundTrip(s.request(t, srv.URL+"/context/a%2Fb?q=x%20y&a=1"))
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if err := s.check(srv.last(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTheRequestIsNotChanged: RoundTrip works on a copy, closes the body, and
// replaces headers that the caller set instead of adding to them.
func TestTheRequestIsNotChanged(t *testing.T) {
	for name, s := range schemes(t) {
		t.Run(name, func(t *testing.T) {
			srv, o := serve(t)
			signer, err := s.make(o)
			if err != nil {
				t.Fatal(err)
			}
			r := s.request(t, srv.URL+"/context/p?a=1")
			body := &closeCounter{Reader: r.Body}
			r.Body = body
			for _, h := range []string{"Authorization", "authorization", "x-pay-token", "Mea-Secret", "Mea-Trace-Id", "mea-api-key-id"} {
				r.Header[h] = []string{"old", "older"}
			}
			before := fmt.Sprint(r.Method, r.URL, r.Header, r.ContentLength)
			res, err := signer.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if after := fmt.Sprint(r.Method, r.URL, r.Header, r.ContentLength); after != before || body.closed != 1 {
				t.Errorf("before %s\nafter  %s, closed %d times", before, after, body.closed)
			}
			if err := s.check(srv.last(t)); err != nil {
				t.Errorf("headers that stood there stayed: %v", err)
			}
		})
	}
}

type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error { c.closed++; return nil }

// TestASentBodyCanBeSentAgain: the base can rewind it.
func TestASentBodyCanBeSentAgain(t *testing.T) {
	for name, s := range schemes(t) {
		_, o := serve(t)
		o.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			first, err := io.ReadAll(r.Body)
			if err != nil || int64(len(first)) != r.ContentLength {
				t.Errorf("%s: %d bytes of %d, %v", name, len(first), r.ContentLength, err)
			}
			again, err := r.GetBody()
			if err != nil {
				t.Fatal(err)
			}
			if second, _ := io.ReadAll(again); !bytes.Equal(first, second) {
				t.Errorf("%s: %q, then %q", name, first, second)
			}
			return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
		})
		signer, err := s.make(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := signer.RoundTrip(s.request(t, "https://"+o.Hosts[0]+"/context/p")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestCredentialsDoNotFollowARedirect: a host that is not named never sees a
// request, nor does plain http.
func TestCredentialsDoNotFollowARedirect(t *testing.T) {
	stranger, _ := serve(t)
	for name, s := range schemes(t) {
		t.Run(name, func(t *testing.T) {
			srv, o := serve(t)
			signer, err := s.make(o)
			if err != nil {
				t.Fatal(err)
			}
			r := s.request(t, srv.URL+"/context/p?redirect="+url.QueryEscape(stranger.URL+"/"))
			r.GetBody = func() (io.ReadCloser, error) { return s.request(t, srv.URL).Body, nil }
			_, err = (&http.Client{Transport: signer}).Do(r)
			if !errors.Is(err, transport.ErrHost) || code.Of(err) != code.Host {
				t.Errorf("a redirect to a stranger: %v", err)
			}
			if _, err = signer.RoundTrip(s.request(t, "http://"+srv.host()+"/")); !errors.Is(err, transport.ErrHost) {
				t.Errorf("plain http: %v", err)
			}
		})
	}
	if len(stranger.seen) > 0 {
		t.Error("a stranger saw a request")
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	for name, s := range schemes(t) {
		_, o := serve(t)
		o.MaxBody = 64
		o.Base = roundTripper(func(*http.Request) (*http.Response, error) {
			t.Errorf("%s: it was sent", name)
			return nil, io.EOF
		})
		signer, err := s.make(o)
		if err != nil {
			t.Fatal(err)
		}
		there := "https://" + o.Hosts[0] + "/context/p"
		for what, tc := range map[string]struct {
			change func(*http.Request)
			want   error
		}{
			"a body that is too long": {func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(strings.Repeat("x", 65))) }, outbound.ErrTooLarge},
			"a length that is":        {func(r *http.Request) { r.ContentLength = 65 }, outbound.ErrTooLarge},
			"a body that breaks off":  {func(r *http.Request) { r.Body = io.NopCloser(brokenReader{}) }, io.ErrUnexpectedEOF},
			"an opaque URL":           {func(r *http.Request) { r.URL.Opaque = "x" }, transport.ErrRequest},
			"a user in the URL":       {func(r *http.Request) { r.URL.User = url.User("x") }, transport.ErrRequest},
			"another Host":            {func(r *http.Request) { r.Host = "example.com" }, transport.ErrRequest},
		} {
			r := s.request(t, there)
			tc.change(r)
			if _, err := signer.RoundTrip(r); !errors.Is(err, tc.want) {
				t.Errorf("%s: %s: %v, want %v", name, what, err, tc.want)
			}
		}
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestHostsAreComparedAsAClientReachesThem(t *testing.T) {
	sent := roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
	})
	signer, err := transport.Basic(transport.Options{Hosts: []string{"API.example.com", "other.example.com:443"}, Base: sent}, "user", shared)
	if err != nil {
		t.Fatal(err)
	}
	for target, ok := range map[string]bool{
		"https://api.example.com/": true, "https://API.EXAMPLE.COM:443/": true, "https://other.example.com/": true,
		"https://api.example.com:8443/": false, "https://api.example.com.evil/": false, "https://xapi.example.com/": false,
		"https://example.com/": false, "http://api.example.com/": false, "https://api.example.com@evil/": false,
	} {
		r, err := http.NewRequest(http.MethodGet, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := signer.RoundTrip(r); (err == nil) != ok {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestFormsThatSiteSecurityRefuses(t *testing.T) {
	_, o := serve(t)
	s := schemes(t)["sitesecurity"]
	signer, err := s.make(o)
	if err != nil {
		t.Fatal(err)
	}
	for what, tc := range map[string][2]string{
		"JSON":                  {"application/json", "{}"},
		"a covered field twice": {"application/x-www-form-urlencoded", "mainamount=1&mainamount=2"},
		"its own field":         {"application/x-www-form-urlencoded", "sitesecurity=h00"},
		"its own timestamp":     {"application/x-www-form-urlencoded", "sitesecuritytimestamp="},
		"no form":               {"application/x-www-form-urlencoded", "a=%zz"},
	} {
		s.contentType, s.body = tc[0], tc[1]
		if _, err := signer.RoundTrip(s.request(t, "https://"+o.Hosts[0]+"/")); !errors.Is(err, transport.ErrRequest) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestOptionsThatAreRefused(t *testing.T) {
	for name, s := range schemes(t) {
		for what, o := range map[string]transport.Options{
			"no host":      {},
			"a URL":        {Hosts: []string{"https://api.visa.com"}},
			"a pattern":    {Hosts: []string{"*.visa.com"}},
			"a large body": {Hosts: []string{"h"}, MaxBody: outbound.MaxBody + 1},
		} {
			if _, err := s.make(o); !errors.Is(err, transport.ErrOptions) {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
	}
	o := transport.Options{Hosts: []string{"h"}}
	for what, f := range map[string]func() error{
		"basic without a password":       func() error { _, err := transport.Basic(o, "u", secret.Text{}); return err },
		"x-pay-token with a weak secret": func() error { _, err := transport.XPay(o, secret.NewText("short"), false); return err },
		"OAuth without a key":            func() error { _, err := transport.OAuth1(o, nil); return err },
		"Mea-Secret with a long key":     func() error { _, err := transport.MeaSecret(o, secret.NewBytes(make([]byte, 32)), meaID); return err },
		"site security over nothing":     func() error { _, err := transport.SiteSecurity(o, nil, shared); return err },
		"site security over itself":      func() error { _, err := transport.SiteSecurity(o, []string{"sitesecurity"}, shared); return err },
		"site security without password": func() error { _, err := transport.SiteSecurity(o, []string{"a"}, secret.Text{}); return err },
		"a JWT under none":               func() error { _, err := transport.TrustJWT(o, "none", "u", shared); return err },
	} {
		if err := f(); code.Of(err) != code.Config {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := new(transport.Transport).RoundTrip(httptest.NewRequest("GET", "https://h/", nil)); !errors.Is(err, transport.ErrOptions) {
		t.Errorf("the zero Transport: %v", err)
	}
}

// TestNoSecretIsPrinted: neither a Transport nor its errors show a secret, a body
// or a header that was made.
func TestNoSecretIsPrinted(t *testing.T) {
	for name, s := range schemes(t) {
		srv, o := serve(t)
		o.Base = roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("no network") })
		signer, err := s.make(o)
		if err != nil {
			t.Fatal(err)
		}
		_, failed := signer.RoundTrip(s.request(t, srv.URL+"/context/p"))
		for _, text := range []string{
			fmt.Sprint(signer), fmt.Sprintf("%+v", signer), fmt.Sprintf("%#v", signer), fmt.Sprintf("%#v", *signer), fmt.Sprint(failed),
		} {
			for _, hidden := range []string{shared.Reveal(), string(meaKey.Reveal()), `{"a":"b"}`} {
				if strings.Contains(text, hidden) || strings.Contains(text, hex.EncodeToString([]byte(hidden))) {
					t.Errorf("%s: a secret in %s", name, text)
				}
			}
		}
	}
}

// TestNoncesAreFresh: the default nonces and trace ids do not repeat, also when
// many send at once.
func TestNoncesAreFresh(t *testing.T) {
	for name, header := range map[string]string{"oauth1": "Authorization", "mea-secret": "Mea-Trace-Id"} {
		srv, o := serve(t)
		signer, err := schemes(t)[name].make(o)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 8 {
					res, err := signer.RoundTrip(schemes(t)[name].request(t, srv.URL+"/context/p?a=1"))
					if err != nil {
						t.Error(err)
						return
					}
					res.Body.Close()
				}
			})
		}
		wg.Wait()
		seen := map[string]bool{}
		for _, r := range srv.seen {
			seen[r.Header.Get(header)] = true
			if err := schemes(t)[name].check(r); err != nil {
				t.Error(err)
			}
		}
		if len(seen) != 32 {
			t.Errorf("%s: %d values in 32 requests", name, len(seen))
		}
	}
}
