package outbound_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/outbound"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testkey"
	"github.com/issuant/issuant/internal/vectorfile"
)

func ExampleXPayToken() {
	u, _ := url.Parse("https://sandbox.api.visa.com/inapp/provisioning/cardData/googlePay?apikey=KEY")
	path, query := outbound.XPayResource(u, false)
	token, err := outbound.XPayToken(secret.NewText("an-example-of-a-shared-secret"), time.Unix(1700000000, 0), path, query, []byte(`{}`))
	fmt.Println(path, query)
	fmt.Println(token, err)
	// Output:
	// provisioning/cardData/googlePay apikey=KEY
	// xv2:1700000000:37809022e7d4f05e19969f63f3f334f8af8d1fce742e168c8ed1c20cdd69d110 <nil>
}

// input is the union of what the schemes take.
type input struct {
	Scheme      string   `json:"scheme"`
	Secret      string   `json:"secret"`
	Path        string   `json:"path"`
	Query       string   `json:"query"`
	Body        []byte   `json:"body_b64"`
	Method      string   `json:"method"`
	URL         string   `json:"url"`
	Nonce       string   `json:"nonce"`
	ConsumerKey string   `json:"consumer_key"`
	Key         []byte   `json:"key_b64"`
	KeyID       string   `json:"key_id"`
	TraceID     string   `json:"trace_id"`
	Values      []string `json:"values"`
	Alg         string   `json:"alg"`
	User        string   `json:"user"`
	Payload     string   `json:"payload"`
}

type answer struct {
	Value     string `json:"value"`
	Base      string `json:"base"`
	Timestamp string `json:"timestamp"`
}

func run(t *testing.T, key *rsa.PrivateKey, in input, now time.Time) (a answer, err error) {
	text := secret.NewText(in.Secret)
	switch in.Scheme {
	case "x_pay_token":
		a.Value, err = outbound.XPayToken(text, now, in.Path, in.Query, in.Body)
	case "oauth1":
		u, parseErr := url.Parse(in.URL)
		if parseErr != nil {
			t.Fatal(parseErr)
		}
		o, newErr := outbound.NewOAuth1(in.ConsumerKey, key)
		if newErr != nil {
			return a, newErr
		}
		if a.Base, err = o.BaseString(in.Method, u, in.Body, now, in.Nonce); err == nil {
			a.Value, err = o.Authorization(in.Method, u, in.Body, now, in.Nonce)
		}
	case "mea_secret":
		a.Value, err = outbound.MeaSecret(secret.NewBytes(in.Key), in.KeyID, in.TraceID)
	case "site_security":
		a.Timestamp, a.Value, err = outbound.SiteSecurity(in.Values, now, text)
	case "trust_jwt":
		a.Value, err = outbound.TrustJWT(in.Alg, in.User, text, []byte(in.Payload), now)
	case "basic":
		a.Value, err = outbound.BasicAuthorization(in.User, text)
	default:
		t.Fatalf("scheme %q is unknown", in.Scheme)
	}
	return a, err
}

func TestVectors(t *testing.T) {
	f := vectorfile.Load(t, "/testdata/vectors/outbound.json")
	var setup struct {
		Key string `json:"rsa_key_pem"`
	}
	vectorfile.Into(t, f.Setup, &setup)
	key := parseKey(t, setup.Key)
	for _, c := range f.Cases {
		t.Run(c.ID, func(t *testing.T) {
			var in input
			vectorfile.Into(t, c.Input, &in)
			got, err := run(t, key, in, time.UnixMilli(c.NowMS))
			if code.Of(err).String() != c.Expect {
				t.Fatalf("got %v, want %s", err, c.Expect)
			}
			if err != nil {
				if got != (answer{}) {
					t.Errorf("an error came with an answer: %+v", got)
				}
				mustNotHold(t, err.Error(), in)
				return
			}
			var want answer
			vectorfile.Into(t, c.Want, &want)
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// mustNotHold: no error names a secret, a body, a user or a nonce.
func mustNotHold(t *testing.T, text string, in input) {
	t.Helper()
	for _, s := range []string{in.Secret, string(in.Body), in.Nonce, in.User, in.Payload, in.TraceID, string(in.Key)} {
		if len(s) > 6 && strings.Contains(text, s) {
			t.Errorf("the error %q holds an input", text)
		}
	}
}

func parseKey(t *testing.T, text string) *rsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatal("no PEM")
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestOAuth1RefusesKeysOfAnotherKindAndWeakOnes(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := outbound.NewOAuth1("key", ec); !errors.Is(err, outbound.ErrCredentials) {
		t.Errorf("an EC key: %v", err)
	}
	if _, err := outbound.NewOAuth1("key", testkey.RSA(t, "rsa1024")); !errors.Is(err, outbound.ErrCredentials) {
		t.Errorf("RSA of 1024 bits: %v", err)
	}
	if _, err := outbound.NewOAuth1("key", nil); !errors.Is(err, outbound.ErrCredentials) {
		t.Errorf("no key: %v", err)
	}
}

// TestEveryPartIsCovered: a change of any covered part changes the value.
func TestEveryPartIsCovered(t *testing.T) {
	now, text := time.Unix(1700000000, 0), secret.NewText("an-example-of-a-shared-secret")
	mac := func(s secret.Text, now time.Time, path, query, body string) string {
		v, err := outbound.XPayToken(s, now, path, query, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return v[strings.LastIndexByte(v, ':'):]
	}
	seen := map[string]bool{}
	for _, v := range []string{
		mac(text, now, "a", "b", "c"), mac(text, now.Add(time.Second), "a", "b", "c"), mac(text, now, "x", "b", "c"),
		mac(text, now, "a", "x", "c"), mac(text, now, "a", "b", "x"), mac(secret.NewText("another-example-of-a-secret"), now, "a", "b", "c"),
	} {
		if seen[v] {
			t.Errorf("%s came out twice", v)
		}
		seen[v] = true
	}
}

func TestXPayResource(t *testing.T) {
	for _, tc := range []struct {
		url         string
		whole       bool
		path, query string
	}{
		{"https://h/vdp/helloworld?apikey=1", false, "helloworld", "apikey=1"},
		{"https://h/vts/panEnrollments", true, "vts/panEnrollments", ""},
		{"https://h/inapp/provisioning/a%2Fb?x=%20", false, "provisioning/a%2Fb", "x=%20"},
		{"https://h/only", false, "", ""},
	} {
		u, err := url.Parse(tc.url)
		if err != nil {
			t.Fatal(err)
		}
		if path, query := outbound.XPayResource(u, tc.whole); path != tc.path || query != tc.query {
			t.Errorf("%s: %q %q", tc.url, path, query)
		}
	}
}

func TestXPayQuerySortsWhatIsEncoded(t *testing.T) {
	got := outbound.XPayQuery(url.Values{"b": {"2", "1"}, "a b": {"~-._/"}, "A": {""}})
	if want := "A=&a%20b=~-._%2F&b=1&b=2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	big, now := make([]byte, outbound.MaxBody+1), time.Unix(1700000000, 0)
	if _, err := outbound.XPayToken(secret.NewText("an-example-of-a-shared-secret"), now, "p", "", big); !errors.Is(err, outbound.ErrTooLarge) {
		t.Errorf("x-pay-token: %v", err)
	}
	o, err := outbound.NewOAuth1("key", testkey.RSA(t, "rsa2048-a"))
	if err != nil {
		t.Fatal(err)
	}
	u := &url.URL{Scheme: "https", Host: "h"}
	if _, err := o.Authorization("POST", u, big, now, "12345678"); !errors.Is(err, outbound.ErrTooLarge) {
		t.Errorf("OAuth: %v", err)
	}
	if _, _, err := outbound.SiteSecurity([]string{string(big)}, now, secret.NewText("p")); !errors.Is(err, outbound.ErrTooLarge) {
		t.Errorf("site security: %v", err)
	}
	if _, err := outbound.TrustJWT("HS256", "u", secret.NewText(strings.Repeat("s", 32)), big, now); !errors.Is(err, outbound.ErrTooLarge) {
		t.Errorf("JWT: %v", err)
	}
}

// FuzzOAuth1: whatever the URL, the base string has its three parts and no
// parameter of the query reaches the header.
func FuzzOAuth1(f *testing.F) {
	for _, s := range []string{"https://example.com/?a=b", "https://h/%zz", "https://h:443/p?a=%3D&b=c+d#f", "http://[::1]:80/?x", "//h", "https://h/?a=\"b"} {
		f.Add(s, []byte("body"))
	}
	block, _ := pem.Decode([]byte(mustVectorKey(f)))
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		f.Fatal(err)
	}
	o, err := outbound.NewOAuth1("consumer!key", key)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string, body []byte) {
		u, err := url.Parse(raw)
		if err != nil {
			return
		}
		base, err := o.BaseString("POST", u, body, time.Unix(1700000000, 0), "0123456789abcdef")
		if err != nil {
			if c := code.Of(err); c != code.Outgoing && c != code.Limit {
				t.Fatalf("code %v for %v", c, err)
			}
			return
		}
		if strings.Count(base, "&") != 2 || strings.ContainsAny(base, "\r\n \"") {
			t.Fatalf("base string %q", base)
		}
		value, err := o.Authorization("POST", u, body, time.Unix(1700000000, 0), "0123456789abcdef")
		if err != nil || strings.Count(value, `"`) != 14 {
			t.Fatalf("%q %v", value, err)
		}
	})
}

func mustVectorKey(tb testing.TB) string {
	tb.Helper()
	var setup struct {
		Key string `json:"rsa_key_pem"`
	}
	vectorfile.Into(tb, vectorfile.Load(tb, "/testdata/vectors/outbound.json").Setup, &setup)
	return setup.Key
}

// TestPublishedSignatureOfMastercard: signing the very text of Mastercard's own
// test, under its key, gives its published signature; so the key of the vectors
// is that key.
func TestPublishedSignatureOfMastercard(t *testing.T) {
	const want = "IJeNKYGfUhFtj5OAPRI92uwfjJJLCej3RCMLbp7R6OIYJhtwxnTkloHQ2bgV7fks4GT/A7rkqrgUGk0ewbwIC6nS3piJHyKVc7rvQXZuCQeeeQpFzLRiH3rsb+ZS+AULK+jzDje4Fb+BQR6XmxuuJmY6YrAKkj13Ln4K6bZJlSxOizbNvt+Htnx+hNd4VgaVBeJKcLhHfZbWQxK76nMnjY7nDcM/2R6LUIR2oLG1L9m55WP3bakAvmOr392ulv1+mWCwDAZZzQ4lakDD2BTu0ZaVsvBW+mcKFxYeTq7SyTQMM4lEwFPJ6RLc8jJJ+veJXHekLVzWg4qHRtzNBLz1mA=="
	got, err := outbound.SignBase(parseKey(t, mustVectorKey(t)), "baseString")
	if err != nil || base64.StdEncoding.EncodeToString(got) != want {
		t.Errorf("got %x, %v", got, err)
	}
}
