package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	plantedPAN    = "4111111111111111"
	plantedSecret = "planted-shared-secret-of-visa-0123456789"
)

// paying is a server that builds wallet payloads alone.
type paying struct {
	*served
	ca, foreign *authority
	url         string
}

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(t, err)
	cert, err := x509.ParseCertificate(der)
	check(t, err)
	return &authority{cert, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// issue makes a certificate for a name, good until then, and its key.
func (a *authority) issue(t testing.TB, name string, until time.Time) (certPEM, keyPEM string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: until.Add(-2 * time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{name},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	check(t, err)
	kder, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: kder}))
}

// newPaying prepares a folder; more are settings of provision.
func newPaying(t *testing.T, more string) *paying {
	t.Helper()
	s := &paying{served: &served{t: t, dir: t.TempDir(), log: &logBuffer{}}, ca: newAuthority(t, "ours"), foreign: newAuthority(t, "theirs")}
	cert, key := s.ca.issue(t, "payloads.internal", time.Now().Add(time.Hour))
	for name, text := range map[string]string{
		"tls.pem": cert, "ca.pem": s.ca.pem,
		"wallets.yaml": "wallets: 1\nkeys: wallet-keys.json\ngoogle:\n  visa: {key: visa-google, requestor: \"40010075001\"}\nsamsung:\n  visa: {key: visa-google, requestor: \"40010043095\"}\n",
		"request.json": `{"network": "visa", "card_ref": "card-1", "wallet": {"account_id": "wallet-1", "device_id": "device-1", "app_id": "TestApp"}}`,
		"scheme.yaml":  "scheme: 1\nname: ours\nalgorithm: hmac-sha256\nsignature: {from: \"header:X-Sig\"}\nsigned: [timestamp, \"literal:.\", method, \"literal:.\", path, \"literal:.\", body]\ntimestamp: {from: \"header:X-Time\"}\n",
	} {
		write(t, s.path(name), text, 0o644)
	}
	for name, text := range map[string]string{
		"tls.key":          key,
		"cards.json":       `{"card-1": {"pan": "` + plantedPAN + `", "expiry": {"month": "12", "year": "2037"}, "name": "PLANTED NAME"}}`,
		"wallet-keys.json": `{"keys":[{"kty":"oct","kid":"visa-google","use":"enc","k":"` + b64url(plantedSecret) + `"}]}`,
		"scheme-keys.json": `{"keys":[{"kty":"oct","kid":"caller","use":"sig","scheme":"ours","k":"` + b64url(hmacKey) + `"}]}`,
	} {
		write(t, s.path(name), text, 0o600)
	}
	s.tool("keys", "generate", "--kind", "ed25519", "--id", "grant-1", "-o", s.path("grant-key.json"), "--public", s.path("grant-public.json"))
	s.configurePaying(more)
	return s
}

const hmacKey = "0123456789abcdef0123456789abcdef"

func b64url(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func (s *paying) tool(args ...string) string {
	s.t.Helper()
	code, out, errs := runTool(s.t, s.t.Context(), nil, args...)
	if code != 0 {
		s.t.Fatalf("%v: exit code %d: %s", args, code, errs)
	}
	return out
}

const mutualTLS = "  tls_cert: DIR/tls.pem\n  tls_key: DIR/tls.key\n  client_ca: DIR/ca.pem\n"

func (s *paying) configurePaying(more string) {
	s.t.Helper()
	text := "admin: 127.0.0.1:0\npoll: 200ms\nstore: DIR/issuant.db\nprovision:\n  only: true\n  listen: 127.0.0.1:0\n  wallets: DIR/wallets.yaml\n  cards: DIR/cards.json\n" + more
	write(s.t, s.path("issuant.yaml"), strings.ReplaceAll(text, "DIR", s.dir), 0o600)
}

func (s *paying) startPaying() *paying {
	s.t.Helper()
	s.start()
	s.url, _ = s.log.lines("serving")[0]["provision"].(string)
	if s.url == "" || s.log.lines("serving")[0]["webhooks"] != "" {
		s.t.Fatal("it serves webhooks, or no payloads: ", s.log.String())
	}
	return s
}

// as is a client with a certificate of that authority; nil: without one.
func (s *paying) as(a *authority, name string, until time.Time) *http.Client {
	s.t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(s.ca.cert)
	c := &tls.Config{RootCAs: pool}
	if a != nil {
		cert, key := a.issue(s.t, name, until)
		pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
		check(s.t, err)
		c.Certificates = []tls.Certificate{pair}
	}
	return &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: c}}
}

var grantNo struct {
	sync.Mutex
	n int
}

// grant makes a grant with the tool, of an event of its own.
func (s *paying) grant(t *testing.T) string {
	t.Helper()
	grantNo.Lock()
	grantNo.n++
	n := grantNo.n
	grantNo.Unlock()
	name := s.path(fmt.Sprintf("event-%d.json", n))
	write(t, name, provisionEvent(fmt.Sprint("ev-", n), "normal"), 0o644)
	s.trialPack()
	return strings.TrimSpace(s.tool("provision", "grant", "--event", name, "--request", s.path("request.json"), "--pack", s.path("pack"), "--key", s.path("grant-key.json")))
}

func provisionEvent(id, status string) string {
	return `{"id": "` + id + `", "kind": "provision", "card": {"ref": "card-1", "status": "` + status + `"}, "token": {"network": "visa", "requestor": "google_pay"}, "device": {"ref": "device-1"}, "wallet": {"account_ref": "wallet-1", "recommendation": "approve"}}`
}

func (s *paying) trialPack() {
	write(s.t, s.path("pack/pack.yaml"), "name: trial\nversion: \"1.0.0\"\nschema: event/v1\ndefault: green\non_error: yellow\non_missing: skip\n", 0o644)
	write(s.t, s.path("pack/rules/cards.yaml"), "- id: R1_lost\n  version: \"1.0.0\"\n  effect: red\n  when: card.status == \"lost\"\n  why: the card is lost\n", 0o644)
}

const phoneRequest = `{"network":"visa","card_ref":"card-1","wallet":{"account_id":"wallet-1","device_id":"device-1","app_id":"TestApp"}}`

func granted(grant string) string { return `{"request":` + phoneRequest + `,"grant":"` + grant + `"}` }

func (s *paying) ask(c *http.Client, wallet, text string, header ...string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+wallet, strings.NewReader(text))
	check(s.t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	check(s.t, err)
	return res.StatusCode, string(b)
}

// TestPayloadsAreForClientsWithOurCertificates, and for grants: each once.
func TestPayloadsAreForClientsWithOurCertificates(t *testing.T) {
	t.Parallel()
	s := newPaying(t, "  grant_keys: DIR/grant-public.json\n  clients: [backend.internal]\n"+mutualTLS).startPaying()
	soon := time.Now().Add(time.Hour)
	good := s.as(s.ca, "backend.internal", soon)
	token := s.grant(t)
	for what, c := range map[string]*http.Client{
		"no certificate":         s.as(nil, "", soon),
		"another authority":      s.as(s.foreign, "backend.internal", soon),
		"an expired certificate": s.as(s.ca, "backend.internal", time.Now().Add(-time.Minute)),
	} {
		if status, text := s.ask(c, "google", granted(token)); status != 0 || !strings.Contains(text, "tls: ") {
			t.Errorf("%s: %d %s", what, status, text)
		}
	}
	if status, text := s.ask(s.as(s.ca, "other.internal", soon), "google", granted(token)); status != 401 || text != `{"error":"unauthorized"}` {
		t.Errorf("another client: %d %s", status, text)
	}
	status, text := s.ask(good, "google", granted(token))
	if status != 200 || !strings.Contains(text, `"opaque_payment_card":"ey`) {
		t.Fatalf("%d %s", status, text)
	}
	other := strings.Replace(granted(s.grant(t)), "device-1", "device-2", 1)
	forged := []byte(s.grant(t))
	forged[len(forged)-5] ^= 1
	for what, tc := range map[string]struct {
		wallet, text string
		status       int
		answer       string
	}{
		"the grant again":         {"google", granted(token), 403, `{"error":"grant_spent"}`},
		"another device":          {"google", other, 403, `{"error":"grant_bound"}`},
		"a forged grant":          {"google", granted(string(forged)), 403, ``},
		"no grant":                {"google", `{"request":` + phoneRequest + `}`, 400, `{"error":"request"}`},
		"an event":                {"google", `{"request":` + phoneRequest + `,"event":` + provisionEvent("x", "normal") + `}`, 403, `{"error":"no_grant"}`},
		"another wallet":          {"samsung", granted(s.grant(t)), 403, `{"error":"grant_bound"}`},
		"a wallet without keys":   {"apple", `{"request":{"network":"visa","card_ref":"card-1","encoding":"hex","nonce":"00","nonce_signature":"40","certificates":["MAA=","MAA="]},"grant":"` + s.grant(t) + `"}`, 400, `{"error":"network"}`},
		"no JSON":                 {"google", `{`, 400, `{"error":"json"}`},
		"a member of no request":  {"google", `{"request":{},"grant":"x","pan":"` + plantedPAN + `"}`, 400, `{"error":"request"}`},
		"a field of no request":   {"google", strings.Replace(granted(token), "card_ref", "card_number", 1), 400, `{"error":"field"}`},
		"a body that is too long": {"google", strings.Repeat(" ", 200<<10), 413, `{"error":"too_large"}`},
		"a wallet of nobody":      {"paypal", granted(token), 404, `{"error":"not_found"}`},
	} {
		if status, text := s.ask(good, tc.wallet, tc.text); status != tc.status || tc.answer != "" && text != tc.answer {
			t.Errorf("%s: %d %s", what, status, text)
		}
	}
	res, err := good.Get(s.url + "google")
	check(t, err)
	res.Body.Close()
	if res.StatusCode != 405 {
		t.Errorf("GET: %d", res.StatusCode)
	}
	s.hidesSecrets(t, text)
}

// hidesSecrets looks for what was planted in logs, metrics, readiness and records.
func (s *paying) hidesSecrets(t *testing.T, answers ...string) {
	t.Helper()
	for _, path := range []string{"/metrics", "/readyz"} {
		res, err := http.Get(s.admin + path)
		check(t, err)
		b, err := io.ReadAll(res.Body)
		check(t, err)
		res.Body.Close()
		answers = append(answers, string(b))
	}
	if !strings.Contains(answers[len(answers)-2], `issuant_payloads_total{refusal="grant_spent",wallet="google"} 1`) {
		t.Error("the metrics do not count payloads")
	}
	s.end()
	records := s.tool("records", "tail", "--store", s.path("issuant.db"), "--format", "json", "--lines", "1000")
	for _, want := range []string{`"PAYLOAD_BUILT"`, `"grant_spent"`, `"grant_bound"`, `"too_large"`, `"card":{"ref":"card-1"}`} {
		if !strings.Contains(records, want) {
			t.Errorf("the records have no %s", want)
		}
	}
	for _, text := range append(answers, s.log.String(), records) {
		for _, hidden := range []string{plantedPAN, plantedSecret, b64url(plantedSecret), "PLANTED NAME", hex.EncodeToString([]byte(plantedSecret))} {
			if strings.Contains(text, hidden) {
				t.Errorf("%s is shown", hidden)
			}
		}
	}
}

func sign(text, at, path string) string {
	h := hmac.New(sha256.New, []byte(hmacKey))
	fmt.Fprintf(h, "%s.POST.%s.%s", at, path, text)
	return hex.EncodeToString(h.Sum(nil))
}

const ownScheme = "  scheme: DIR/scheme.yaml\n  scheme_keys: DIR/scheme-keys.json\n"

// TestSignedRequestsCountOnce: unsigned, stale, changed and replayed ones are a stranger's.
func TestSignedRequestsCountOnce(t *testing.T) {
	t.Parallel()
	s := newPaying(t, "  pack: DIR/pack\n"+ownScheme)
	s.trialPack()
	s.startPaying()
	c := &http.Client{Timeout: patience}
	text := func(id, status string) string {
		return `{"request":` + phoneRequest + `,"event":` + provisionEvent(id, status) + `}`
	}
	ask := func(text, at, signature string) (int, string) {
		return s.ask(c, "google", text, "X-Time", at, "X-Sig", signature)
	}
	at := fmt.Sprint(time.Now().Unix())
	const path = "/v1/provision/google"
	one := text("ev-1", "normal")
	if status, answer := ask(one, at, sign(one, at, path)); status != 200 || !strings.Contains(answer, "opaque_payment_card") {
		t.Fatalf("%d %s", status, answer)
	}
	old := fmt.Sprint(time.Now().Add(-5 * time.Minute).Unix())
	for what, tc := range map[string]struct{ text, at, sig string }{
		"the same again":          {one, at, sign(one, at, path)},
		"no signature":            {one, at, ""},
		"another body":            {text("ev-2", "normal"), at, sign(one, at, path)},
		"an old one":              {text("ev-3", "normal"), old, sign(text("ev-3", "normal"), old, path)},
		"signed for another path": {text("ev-4", "normal"), at, sign(text("ev-4", "normal"), at, "/v1/provision/samsung")},
	} {
		if status, answer := ask(tc.text, tc.at, tc.sig); status != 401 || answer != `{"error":"unauthorized"}` {
			t.Errorf("%s: %d %s", what, status, answer)
		}
	}
	lost := text("ev-5", "lost")
	if status, answer := ask(lost, at, sign(lost, at, path)); status != 403 || answer != `{"error":"not_granted"}` {
		t.Errorf("a red decision: %d %s", status, answer)
	}
	other := strings.Replace(text("ev-6", "normal"), `"device_id":"device-1"`, `"device_id":"device-2"`, 1)
	if status, answer := ask(other, at, sign(other, at, path)); status != 403 || answer != `{"error":"grant_facts"}` {
		t.Errorf("another phone than the event's: %d %s", status, answer)
	}
	// Of many copies at once exactly one is answered.
	race := text("ev-7", "normal")
	var wg sync.WaitGroup
	var mu sync.Mutex
	built := 0
	for range 16 {
		wg.Go(func() {
			if status, _ := ask(race, at, sign(race, at, path)); status == 200 {
				mu.Lock()
				built++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if built != 1 {
		t.Errorf("%d payloads of one request", built)
	}
	s.end()
	records := s.tool("records", "tail", "--store", s.path("issuant.db"), "--format", "json", "--lines", "1000")
	for _, want := range []string{`"not_signed"`, `"signature"`, `"stale"`, `"replayed"`, `"not_granted"`, `"outcome":"red"`, `"R1_lost"`} {
		if !strings.Contains(records, want) {
			t.Errorf("the records have no %s", want)
		}
	}
	if strings.Contains(records+s.log.String(), plantedPAN) {
		t.Error("the card number is shown")
	}
}

// TestProvisionIsNeverOpen: what would let everybody in does not start.
func TestProvisionIsNeverOpen(t *testing.T) {
	t.Parallel()
	s := newPaying(t, "")
	s.trialPack()
	write(t, s.path("bare.yaml"), "scheme: 1\nname: bare\nalgorithm: hmac-sha256\nsignature: {from: \"header:X-Sig\"}\nsigned: [body]\n", 0o644)
	const grants = "  grant_keys: DIR/grant-public.json\n"
	for what, tc := range map[string]struct {
		more, want string
		code       int
	}{
		"nobody is asked":              {grants, "is never open", exitUsage},
		"TLS without clients":          {grants + "  tls_cert: DIR/tls.pem\n  tls_key: DIR/tls.key\n", "is never open", exitUsage},
		"clients without TLS":          {grants + "  client_ca: DIR/ca.pem\n", "client_ca needs tls_cert", exitUsage},
		"no decision":                  {mutualTLS, "a payload is built for a decision", exitUsage},
		"in clear over the network":    {grants + ownScheme + "  listen: 0.0.0.0:0\n", "stands twice", exitUsage},
		"a scheme without a time":      {grants + "  scheme: DIR/bare.yaml\n  scheme_keys: DIR/scheme-keys.json\n", "does not sign when", exitRefused},
		"a scheme without its keys":    {grants + "  scheme: DIR/scheme.yaml\n", "scheme and scheme_keys go together", exitUsage},
		"Pismo's scheme":               {grants + "  scheme: pismo\n  scheme_keys: DIR/scheme-keys.json\n", "is none that signs requests for payloads", exitRefused},
		"an authority that is no one":  {grants + "  tls_cert: DIR/tls.pem\n  tls_key: DIR/tls.key\n  client_ca: DIR/tls.pem\n", "is no certificate authority", exitRefused},
		"an unknown setting":           {grants + mutualTLS + "  open: true\n", "unknown key \"open\"", exitUsage},
		"webhooks beside only":         {grants + mutualTLS + "counterparts:\n  pismo: {keys: k.json}\n", "exclude each other", exitUsage},
		"cards that others may read":   {grants + mutualTLS, "chmod 600", exitRefused},
		"a wallets file that is wrong": {grants + mutualTLS, "wallets.yaml: line 2", exitRefused},
	} {
		s.configurePaying(tc.more)
		mode, walletsText := os.FileMode(0o600), "wallets: 1\nkeys: wallet-keys.json\ngoogle:\n  visa: {key: visa-google, requestor: \"40010075001\"}\n"
		if strings.HasPrefix(what, "cards") {
			mode = 0o644
		}
		if strings.HasPrefix(what, "a wallets file") {
			walletsText = "wallets: 1\nkeyz: wallet-keys.json\n"
		}
		check(t, os.Chmod(s.path("cards.json"), mode))
		write(t, s.path("wallets.yaml"), walletsText, 0o644)
		code, _, errs := runTool(t, t.Context(), nil, "serve", "--config", s.path("issuant.yaml"), "--check")
		if code != tc.code || !strings.Contains(errs, tc.want) {
			t.Errorf("%s: exit code %d: %s", what, code, errs)
		}
	}
}

// TestSlowSendersHoldNoPlaceBeyondTheDeadline, and others get theirs meanwhile.
func TestSlowSendersHoldNoPlaceBeyondTheDeadline(t *testing.T) {
	t.Parallel()
	s := newPaying(t, "  grant_keys: DIR/grant-public.json\n  max_in_flight: 2\n  deadline: 300ms\n"+mutualTLS).startPaying()
	good := s.as(s.ca, "backend.internal", time.Now().Add(time.Hour))
	config := good.Transport.(*http.Transport).TLSClientConfig
	address := strings.TrimSuffix(strings.TrimPrefix(s.url, "https://"), "/v1/provision/")
	for range 2 {
		conn, err := tls.Dial("tcp", address, config)
		check(t, err)
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "POST /v1/provision/google HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
		check(t, err)
	}
	token := s.grant(t)
	eventually(t, "the slow ones are gone and a request is answered", func() bool {
		status, text := s.ask(good, "google", granted(token))
		if status != 200 && status != 503 && status != 0 {
			t.Fatalf("%d %s", status, text)
		}
		return status == 200
	})
}

// TestProvisionReloadsItsFiles: new keys and cards are taken, broken ones are not.
func TestProvisionReloadsItsFiles(t *testing.T) {
	t.Parallel()
	s := newPaying(t, "  grant_keys: DIR/grant-public.json\n"+mutualTLS).startPaying()
	good := s.as(s.ca, "backend.internal", time.Now().Add(time.Hour))
	write(t, s.path("cards.json"), "{", 0o600)
	eventually(t, "the broken cards are refused", func() bool { return len(s.log.lines("not reloaded; the last good one stays")) > 0 })
	if status, text := s.ask(good, "google", granted(s.grant(t))); status != 200 {
		t.Errorf("with the last good cards: %d %s", status, text)
	}
	write(t, s.path("cards.json"), `{"card-2": {"pan": "`+plantedPAN+`", "expiry": {"month": "12", "year": "2037"}}}`, 0o600)
	eventually(t, "the new cards are taken", func() bool {
		status, text := s.ask(good, "google", granted(s.grant(t)))
		return status == 500 && text == `{"error":"internal"}` || status == 503 || status == 403 && strings.Contains(text, "pan_source")
	})
	// An authority that is taken out lets nobody in, on connections that stand open too.
	write(t, s.path("ca.pem"), s.foreign.pem, 0o644)
	eventually(t, "the other authority is taken", func() bool {
		status, _ := s.ask(good, "google", granted("x"))
		return status == 401 || status == 0
	})
}

// TestWebhooksAndPayloadsCanShareAProcess, on addresses of their own: neither answers
// the other's paths.
func TestWebhooksAndPayloadsCanShareAProcess(t *testing.T) {
	t.Parallel()
	s := newPaying(t, "")
	w := newServed(t, strings.ReplaceAll("provision:\n  listen: 127.0.0.1:0\n  wallets: DIR/wallets.yaml\n  cards: DIR/cards.json\n  pack: starter\n"+ownScheme, "DIR", s.dir)).start()
	url, _ := w.log.lines("serving")[0]["provision"].(string)
	if status, answer := w.send(body(7), nil); status != 200 || answer == "" {
		t.Errorf("a webhook: %d %s", status, answer)
	}
	hooks := w.hooks[:strings.Index(w.hooks, "/v1/")]
	pay := url[:strings.Index(url, "/v1/")]
	for _, path := range []string{hooks + "/v1/provision/google", pay + "/v1/webhooks/pismo"} {
		res, err := http.Post(path, "application/json", strings.NewReader("{}"))
		check(t, err)
		res.Body.Close()
		if res.StatusCode != 404 {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	// Its memory ends with the process: what was signed before the start may have been
	// answered by the one before.
	before := fmt.Sprint(time.Now().Add(-20 * time.Second).Unix())
	for what, header := range map[string][2]string{"unsigned": {before, ""}, "signed before the start": {before, sign("{}", before, "/v1/provision/google")}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"google", strings.NewReader("{}"))
		check(t, err)
		req.Header.Set("X-Time", header[0])
		req.Header.Set("X-Sig", header[1])
		res, err := http.DefaultClient.Do(req)
		check(t, err)
		res.Body.Close()
		if res.StatusCode != 401 {
			t.Errorf("%s: %d", what, res.StatusCode)
		}
	}
}
