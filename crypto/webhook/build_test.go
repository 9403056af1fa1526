package webhook_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/testkey"
)

// at is the instant of most tests.
var at = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

const (
	account = "98665386"
	kidA    = "test-key-a"
	body179 = `{"card":{"id":134142,"type":"PLASTIC","program_id":1234,"bin":"5122"},"combo_card":{},"token_id":432,"network_brand":"vts","custom_codes":["FRB","BNB"],"original_network_data":{}}`
	hash179 = "eE5EwnZO3934ZwiaafnhnN4uhrNup6zZhBdAuw5GpFA="
	// The token that Pismo's page prints; the body beside it does not belong to it.
	pageToken = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEzY2VlZWViMWEwNjU1Nzg4Y2UyMDg0ZmZmY2FkMDJmNTFmYzMxNDAiLCJ0eXAiOiJKV1QifQ.eyJhY2NvdW50LWlkIjo5ODY2NTM4NiwiYm9keS1oYXNoIjoiUm0yNWNpTy9RRjNMdmIwL1JZbmVWMFZRUkMzd3pNbzZjemdlR1NHUE1KWT0iLCJleHAiOjE2NTI1MzY2MzAsImlhdCI6MTY1MTY3MjYzMCwiaXNzIjoiYXBpLnBpc21vLmlvIiwia2lkIjoiMTNjZWVlZWIxYTA2NTU3ODhjZTIwODRmZmZjYWQwMmY1MWZjMzE0MCIsInN1YiI6ImFwaS1jYXJkcy10b2tlbml6YXRpb24ifQ.bE7l7KQHRj_0J7zcXtLXgefQuGVQjdUr2BtetTQzTf25_tbHf6iUXHIsGB8iCVujo2e5aUrglxTQScduo3sUuJgzLNUHEyBOgMUc9b6v9K_-reFLpJa9Co0Ct8PmU_os-AZr6jqrYgzGk343I_FYDDw48BmqSMRgwtaJPzHQesaSdd8pjAw_CdSttobstplJjQiwUetufmSvZkOCQHeU-JHTwgdcTwgmtJwVMnFFERIdWQMzoz1UYtP0oMJivw3Zt-MjutqvodkaymOIx9IjJTywp0Oq61rmPtWlKW0pIsI6HCYDR8pASgantt7sXGpNb8cdynUIyvxlixpy77kdfg"
)

// member is one member of a JSON object whose value is JSON text; a list of them
// can hold what no map can: an order, and a name twice.
type member struct{ name, value string }

// message builds a request; the zero changes give a good one.
type message struct {
	alg, kid   string // JSON texts; "" leaves the member out
	extra      string // more header members, with a comma before them
	header     string // whole header text, when not ""
	claims     []member
	payload    string // whole payload text, when not ""
	body       string
	key        string // test key that signs
	headerName string
	values     []string            // values of the header; nil: the token
	headers    map[string][]string // whole headers, when not nil
	now        time.Time
	edit       func(token string) string
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func bodyHash(body string) string {
	sum := sha256.Sum256([]byte(body))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func good() *message {
	return &message{
		alg: `"RS256"`, kid: quote(kidA), body: body179, key: "rsa2048-a", headerName: "X-Pismo-Sign", now: at,
		claims: []member{
			{"account-id", account}, {"body-hash", quote(hash179)}, {"exp", num(at.Unix() + 864000 - 3)}, {"iat", num(at.Unix() - 3)},
			{"iss", `"api.pismo.io"`}, {"kid", quote(kidA)}, {"sub", `"api-cards-tokenization"`},
		},
	}
}

func num(n int64) string { return strconv.FormatInt(n, 10) }

func (m *message) set(name, value string) *message {
	for i := range m.claims {
		if m.claims[i].name == name {
			m.claims[i].value = value
			return m
		}
	}
	m.claims = append(m.claims, member{name, value})
	return m
}

func (m *message) del(name string) *message {
	m.claims = slices.DeleteFunc(m.claims, func(c member) bool { return c.name == name })
	return m
}

func (m *message) named(kid string) *message {
	m.kid = quote(kid)
	return m.set("kid", quote(kid))
}

func (m *message) payloadText() string {
	if m.payload != "" {
		return m.payload
	}
	var parts []string
	for _, c := range m.claims {
		parts = append(parts, quote(c.name)+":"+c.value)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func (m *message) headerText() string {
	if m.header != "" {
		return m.header
	}
	var parts []string
	if m.alg != "" {
		parts = append(parts, `"alg":`+m.alg)
	}
	if m.kid != "" {
		parts = append(parts, `"kid":`+m.kid)
	}
	return "{" + strings.Join(append(parts, `"typ":"JWT"`), ",") + m.extra + "}"
}

func (m *message) token(tb testing.TB) string {
	tb.Helper()
	token := sign(tb, testkey.RSA(tb, m.key), m.headerText(), m.payloadText())
	if m.edit != nil {
		token = m.edit(token)
	}
	return token
}

func (m *message) request(tb testing.TB) map[string][]string {
	tb.Helper()
	if m.headers != nil {
		return m.headers
	}
	values := m.values
	if values == nil {
		values = []string{m.token(tb)}
	}
	return map[string][]string{"Content-Type": {"application/json"}, m.headerName: values}
}

func b64url(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// sign makes a token independently of package jose, so that tests do not check
// that package against itself.
func sign(tb testing.TB, key *rsa.PrivateKey, header, payload string) string {
	tb.Helper()
	input := b64url(header) + "." + b64url(payload)
	digest := sha256.Sum256([]byte(input))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		tb.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// x509Map is the key document of most tests: good keys, and one of every kind that
// must not be used.
func x509Map(tb testing.TB) []byte {
	tb.Helper()
	a := &testkey.RSA(tb, "rsa2048-a").PublicKey
	b := &testkey.RSA(tb, "rsa2048-b").PublicKey
	cert := func(pub any, change func(*x509.Certificate)) string {
		template := testkey.Template()
		if change != nil {
			change(template)
		}
		return testkey.Certificate(tb, template, pub)
	}
	dates := func(from, to time.Time) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, to }
	}
	certA := cert(a, nil)
	entries := []member{
		{kidA, certA},
		{"TEST-KEY-A", cert(b, nil)},
		{"test-key-b", cert(b, nil)},
		{"test-key-3072", cert(&testkey.RSA(tb, "rsa3072").PublicKey, nil)},
		{"test-key-4096", cert(&testkey.RSA(tb, "rsa4096").PublicKey, nil)},
		{"long-lived", cert(a, dates(testkey.NotBefore.AddDate(-6, 0, 0), testkey.NotAfter))},
		{"no-usage", cert(a, func(c *x509.Certificate) { c.KeyUsage = 0 })},
		{"schlüssel ✓", certA},
		{"expired", cert(a, dates(testkey.NotBefore, at.Add(-time.Second)))},
		{"future", cert(a, dates(at.Add(time.Second), testkey.NotAfter))},
		{"ends-now", cert(a, dates(testkey.NotBefore, at))},
		{"starts-now", cert(a, dates(at, testkey.NotAfter))},
		{"rsa1024", cert(&testkey.RSA(tb, "rsa1024").PublicKey, nil)},
		{"rsa2047", cert(&rsa.PublicKey{N: odd(2047), E: 65537}, nil)},
		{"rsa8193", cert(&rsa.PublicKey{N: odd(8193), E: 65537}, nil)},
		{"exponent-3", cert(&rsa.PublicKey{N: a.N, E: 3}, nil)},
		{"exponent-65535", cert(&rsa.PublicKey{N: a.N, E: 65535}, nil)},
		{"exponent-65538", cert(&rsa.PublicKey{N: a.N, E: 65538}, nil)},
		{"ec-p256", cert(ecKey(tb), nil)},
		{"encipherment-only", cert(a, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })},
		{"two-certificates", certA + certA},
		{"trailing-text", certA + "garbage"},
		{"not-pem", "garbage"},
		{"empty-text", ""},
		{"truncated", certA[:len(certA)/2]},
		{"damaged", strings.Replace(certA, "M", "Q", 3)},
		{"other-block", strings.ReplaceAll(certA, "CERTIFICATE", "PUBLIC KEY")},
	}
	var out []string
	for _, e := range entries {
		out = append(out, quote(e.name)+":"+quote(e.value))
	}
	return []byte("{" + strings.Join(append(out, `"not-text":5`), ",") + "}")
}

// odd returns an odd number of so many bits.
func odd(bits uint) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return n.Add(n, big.NewInt(1))
}

// ecKey is the base point of P-256: a public key whose private key is 1.
func ecKey(tb testing.TB) *ecdsa.PublicKey {
	tb.Helper()
	const doc = `{"keys":[{"x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU","kid":"g","kty":"EC","crv":"P-256"}]}`
	keys, _, err := source.ParseJWKS([]byte(doc))
	if err != nil || keys[0].Refused != "" {
		tb.Fatal(err, keys)
	}
	return keys[0].Public.(*ecdsa.PublicKey)
}

func ring(tb testing.TB, doc []byte) *keyring.Ring {
	tb.Helper()
	keys, _, err := source.ParseKeys(doc)
	if err != nil {
		tb.Fatal(err)
	}
	r, err := keyring.NewRing(keys...)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// verifier returns the default verifier over x509Map, changed by opt.
func verifier(tb testing.TB, change func(*webhook.PismoOptions)) *webhook.Verifier {
	tb.Helper()
	opt := webhook.PismoOptions{Keys: ring(tb, x509Map(tb)), Accounts: []string{account}}
	if change != nil {
		change(&opt)
	}
	v, err := webhook.NewPismo(opt)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// result is what a stranger sees: "ok" or the name of the refusal.
func result(err error) string {
	if err == nil {
		return "ok"
	}
	if e, ok := err.(*webhook.Error); ok {
		return e.Name()
	}
	return fmt.Sprintf("foreign error %T", err)
}

func open(tb testing.TB, v *webhook.Verifier, m *message) string {
	tb.Helper()
	_, err := v.Open(m.request(tb), []byte(m.body), m.now)
	return result(err)
}
