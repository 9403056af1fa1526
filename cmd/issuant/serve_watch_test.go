package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/issuant/issuant/engine/enginetest"
)

func TestMetricsAreNamedAsPrometheusAsks(t *testing.T) {
	t.Parallel()
	s := newServed(t, "")
	s.configure("store: " + s.path("issuant.db") + "\n")
	s.start()
	s.send(body(1), nil)
	s.send(body(1), nil)
	_, text := s.get("/metrics")
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if !strings.HasPrefix(p.Metric, "go_") && !strings.HasPrefix(p.Metric, "process_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	for _, name := range []string{
		"requests_total", "decisions_total", "rule_hits_total", "request_duration_seconds_bucket", "requests_in_flight", "unrouted_requests_total",
		"refused_connections_total", "gather_errors_total", "record_wait_duration_seconds_bucket", "record_errors_total", "build_info", "pack_info",
		"key_age_seconds", "usable_keys", "key_expiry_timestamp_seconds", "ready", "warnings", "connections", "journal_seq", "journal_bytes",
		"replay_messages", "replay_floor_timestamp_seconds", "velocity_events", "store_waiting_entries", "store_entries_total", "store_failures_total",
		"store_busy_total", "store_deleted_records_total", "store_batch_entries_bucket", "store_commit_duration_seconds_bucket",
	} {
		if !strings.Contains(text, "\nissuant_"+name+"{") && !strings.Contains(text, "\nissuant_"+name+" ") {
			t.Errorf("there is no issuant_%s", name)
		}
	}
}

// TestNothingASenderWritesBecomesALabelOrALine: not its key ids, nor its paths, nor a
// card number wherever it stands.
func TestNothingASenderWritesBecomesALabelOrALine(t *testing.T) {
	t.Parallel()
	s := newServed(t, "log_level: debug\n").start()
	const pan = "4111111111111111"
	s.send(body(1), nil)
	_, before := s.get("/metrics")
	for i := range 40 {
		kid := fmt.Sprintf("planted-kid-%d-%s", i, pan)
		payload := []byte(`{"account-id":98665386,"kid":"` + kid + `"}`)
		req, _ := http.NewRequest(http.MethodPost, s.hooks, strings.NewReader(strings.Replace(body(2), `"custom_codes":[]`, `"custom_codes":["`+pan+`"]`, 1)))
		req.Header.Set("X-Pismo-Sign", s.sender.Token(enginetest.Claims{"kid": kid}, payload))
		req.Header.Set("X-Planted-"+kid, pan)
		if status, _ := s.do(req); status != 401 {
			t.Fatal(status)
		}
		get, _ := http.NewRequest(http.MethodGet, "http://"+s.address()+"/planted-"+kid, nil)
		s.do(get)
	}
	status, _ := s.send(`{"card":{"id":1,"type":"PLASTIC"},"token_id":9,"network_brand":"vts","custom_codes":["`+pan+`"],"original_network_data":{"primaryAccountNumber":"`+pan+`"}}`, nil)
	if status != 200 {
		t.Error(status)
	}
	_, after := s.get("/metrics")
	for where, text := range map[string]string{"metrics": after, "log": s.log.String()} {
		if strings.Contains(text, pan) || strings.Contains(text, "planted") {
			t.Errorf("the %s hold what a sender wrote", where)
		}
	}
	if grown := strings.Count(after, "\n") - strings.Count(before, "\n"); grown > 60 {
		t.Errorf("%d new lines of metrics for 40 strange keys", grown)
	}
}

func (s *served) address() string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(s.hooks, "https://"), "http://"), "/v1/webhooks/pismo")
}

func TestAdminAsksForItsTokenWhereThereIsOne(t *testing.T) {
	t.Parallel()
	s := newServed(t, "")
	const token = "0123456789abcdef0123456789abcdef"
	write(t, s.path("token"), token+"\n", 0o600)
	s.configure("admin_token: " + s.path("token") + "\n")
	s.start()
	for _, wrong := range []string{"", "Bearer ", "Bearer x", "Bearer " + token + "x", "Basic " + token, token} {
		req, _ := http.NewRequest(http.MethodGet, s.admin+"/metrics", nil)
		if wrong != "" {
			req.Header.Set("Authorization", wrong)
		}
		if status, text := s.do(req); status != 401 || strings.Contains(text, "issuant_") {
			t.Errorf("%q: %d", wrong, status)
		}
	}
	if status, text := s.get("/readyz"); status != 200 || text != `{"status":"ready"}`+"\n" {
		t.Error("a probe learns", status, text)
	}
	if status, _ := s.get("/healthz"); status != 200 {
		t.Error("healthz:", status)
	}
	bearer := func(token string) (int, string) {
		req, _ := http.NewRequest(http.MethodGet, s.admin+"/metrics", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		return s.do(req)
	}
	if status, text := bearer(token); status != 200 || !strings.Contains(text, "issuant_ready 1") {
		t.Error("with the token:", status)
	}
	write(t, s.path("token"), "another-token-of-some-length", 0o600)
	eventually(t, "the new token is asked for", func() bool { status, _ := bearer("another-token-of-some-length"); return status == 200 })
	if status, _ := bearer(token); status != 401 {
		t.Error("the old token:", status)
	}
	if strings.Contains(s.log.String(), token) {
		t.Error("the log betrays the token")
	}
}

// certificate makes a self-signed certificate of that name for 127.0.0.1.
func certificate(t *testing.T, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

func TestServeTakesNewCertificatesOfItsOwn(t *testing.T) {
	t.Parallel()
	s := newServed(t, "")
	cert, key := certificate(t, "first")
	write(t, s.path("cert.pem"), cert, 0o644)
	write(t, s.path("key.pem"), key, 0o600)
	s.configure("tls_cert: " + s.path("cert.pem") + "\ntls_key: " + s.path("key.pem") + "\n")
	s.start()
	shown := func() string {
		c, err := tls.Dial("tcp", s.address(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := shown(); got != "first" || !strings.HasPrefix(s.hooks, "https://") {
		t.Fatal(got, s.hooks)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(cert))
	admin := s.client
	s.client = &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	if status, _ := s.send(body(1), nil); status != 200 {
		t.Error("over TLS:", status)
	}
	s.client = admin
	if _, err := tls.Dial("tcp", s.address(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is taken")
	}
	cert2, key2 := certificate(t, "second")
	write(t, s.path("cert.pem"), cert2, 0o644)
	eventually(t, "a pair that does not match is warned of", func() bool { return s.warns("tls", "private key does not match") })
	if got := shown(); got != "first" {
		t.Error("half a pair is in force:", got)
	}
	write(t, s.path("key.pem"), key2, 0o600)
	eventually(t, "the new pair is in force", func() bool { return shown() == "second" })
	if s.warns("tls", "") {
		t.Error("it warns on")
	}
}

// keyServer serves keys over https as a process would find it: its authority is in a
// file that SSL_CERT_FILE names.
type keyServer struct {
	*httptest.Server
	document atomic.Pointer[string]
	date     atomic.Pointer[string] // of the answers; nil: the clock's
	down     atomic.Bool
	asked    atomic.Int64
}

func newKeyServer(t *testing.T) (*keyServer, string) {
	k := &keyServer{}
	cert, key := certificate(t, "keys")
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	k.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.asked.Add(1)
		if date := k.date.Load(); date != nil {
			w.Header().Set("Date", *date)
		}
		if k.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		io.WriteString(w, *k.document.Load())
	}))
	k.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	k.StartTLS()
	t.Cleanup(k.Close)
	return k, cert
}

func TestServeGoesOnWhileTheKeySourceIsDown(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a process")
	}
	s := newServed(t, "")
	server, authority := newKeyServer(t)
	doc := string(s.sender.X509Map())
	server.document.Store(&doc)
	server.down.Store(true)
	write(t, s.path("ca.pem"), authority, 0o644)
	edit(t, s.path("issuant.yaml"), s.path("keys.json"), server.URL+"/keys")
	if err := os.Chmod(s.path("issuant.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := tool(t, "serve", "--config", s.path("issuant.yaml"))
	cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+s.path("ca.pem"))
	cmd.Stderr = s.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	eventually(t, "it serves", func() bool { return len(s.log.lines("serving")) > 0 })
	s.hooks, _ = s.log.lines("serving")[0]["webhooks"].(string)
	s.admin, _ = s.log.lines("serving")[0]["admin"].(string)

	if status, r := s.ready(); status != 503 || r.Reasons[0].Check != "keys/pismo" {
		t.Error("without keys it is ready:", status, r)
	}
	eventually(t, "the log tells of a fetch that failed", func() bool { return len(s.log.lines("keys_refresh_failed")) > 0 })
	server.down.Store(false)
	// The first message names a key that is not there, and waits for it. A fetch for
	// unknown keys is allowed now and then, so this may take a moment.
	eventually(t, "the keys come", func() bool { status, _ := s.send(body(1), nil); return status == 200 })
	if status, r := s.ready(); status != 200 {
		t.Error("with keys it is not ready:", status, r)
	}
	server.down.Store(true)
	if status, _ := s.send(body(2), nil); status != 200 {
		t.Error("the last good keys are gone:", status)
	}
	if !s.metric(`issuant_key_fetches_total{counterpart="pismo",result="ok"} 1`) {
		t.Error("fetches are not counted")
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := exitOf(t, cmd); code != 0 {
		t.Error("exit code", code)
	}
}

// traces is a collector of OTLP over HTTP.
type traces struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*otlp.Span
	raw   strings.Builder
}

func newTraces(t *testing.T) *traces {
	tr := &traces{}
	tr.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		var req collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(b, &req)
		}
		if err != nil {
			t.Error(err)
		}
		tr.mu.Lock()
		defer tr.mu.Unlock()
		tr.raw.Write(b)
		for _, rs := range req.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				tr.spans = append(tr.spans, ss.Spans...)
			}
		}
	}))
	t.Cleanup(tr.Close)
	return tr
}

func TestTracesTellTheStagesAndNothingOfTheCard(t *testing.T) {
	t.Parallel()
	tr := newTraces(t)
	s := newServed(t, "otlp: "+tr.URL+"/v1/traces\n").start()
	const foreign = "0af7651916cd43dd8448eb211c80319c"
	req, err := s.sender.Request(context.Background(), s.hooks, []byte(body(7)), time.Now(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("traceparent", "00-"+foreign+"-b7ad6b7169203331-01")
	if status, _ := s.do(req); status != 200 {
		t.Fatal(status)
	}
	if status, _ := s.send(body(8), enginetest.Claims{"iss": "x"}); status != 401 {
		t.Fatal(status)
	}
	if code := s.end(); code != 0 { // traces are sent at the end at the latest
		t.Fatal(code)
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	byTrace, roots := map[string][]string{}, map[string]*otlp.Span{}
	for _, span := range tr.spans {
		id := hex.EncodeToString(span.TraceId)
		byTrace[id] = append(byTrace[id], span.Name)
		if span.Name == "webhook" {
			roots[id] = span
		}
	}
	if len(roots) != 2 || byTrace[foreign] != nil {
		t.Fatalf("%d traces; the sender's own trace id is used: %v", len(roots), byTrace[foreign] != nil)
	}
	var complete, refused bool
	for id, root := range roots {
		names := strings.Join(byTrace[id], " ")
		switch {
		case len(root.Links) == 1:
			complete = true
			if hex.EncodeToString(root.Links[0].TraceId) != foreign || len(root.ParentSpanId) != 0 {
				t.Error("the sender's trace is not linked, or is the parent")
			}
			if names != "receive verify remember decide commit webhook" {
				t.Errorf("stages of a decision: %s", names)
			}
		default:
			refused = true
			if strings.Contains(names, "decide") && !strings.Contains(names, "commit") {
				t.Errorf("stages of a refusal: %s", names)
			}
		}
	}
	if !complete || !refused {
		t.Error("a trace is missing")
	}
	for _, secret := range []string{"411111", "134142", enginetest.PismoAccount, s.sender.KeyID()} {
		if strings.Contains(tr.raw.String(), secret) {
			t.Errorf("the traces hold %q", secret)
		}
	}
}

func TestServeNeedsNoCollector(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	s := newServed(t, "otlp: http://"+address+"/v1/traces\n").start()
	if status, _ := s.send(body(1), nil); status != 200 {
		t.Error(status)
	}
	if code := s.end(); code != 0 {
		t.Error("exit code", code)
	}
}
