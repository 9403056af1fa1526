package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/server"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/engine/gatehttp"
	"github.com/issuant/issuant/engine/wire/pismo"
	"github.com/issuant/issuant/rules"
)

const (
	webhookPath = "/v1/webhooks/pismo"
	// storyLag is how far in the past the stories begin, so that "later" can be
	// told without waiting and without a clock that runs ahead.
	storyLag = 10 * time.Minute
)

// demo is the loopback server of the demo, its throw-away keys, and what it saw last.
type demo struct {
	pack     *rules.Pack
	engine   *engine.Engine
	sender   *enginetest.PismoSender // whose key the server knows
	stranger *enginetest.PismoSender // whose key it does not
	url      string
	server   *http.Server
	listener net.Listener
	client   *http.Client
	records  io.Writer

	mu     sync.Mutex
	lag    time.Duration
	window *engine.Window
	plays  map[string]*story  // by token.ref
	last   *gatehttp.Exchange // of the last webhook
	own    chan gatehttp.Exchange
	first  sent
}

// sent is the request of the first story, for the retry and the replay.
type sent struct {
	body   []byte
	header map[string]string
	answer []byte
}

// clock is the demo's clock: the real one, put back while the stories are told.
func (d *demo) clock() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now()
}

// now is clock for those who hold d.mu.
func (d *demo) now() time.Time { return time.Now().Add(-d.lag) }

func (d *demo) advance(by time.Duration) {
	d.mu.Lock()
	d.lag = max(0, d.lag-by)
	d.mu.Unlock()
}

// newDemo puts together what serve would: keys, verifier, codec, engine, gate and
// handler. The keys in more are accepted too;
// records go to the writer, line by line.
func newDemo(pack *rules.Pack, addr string, more []keyring.Key, records io.Writer) (*demo, error) {
	d := &demo{pack: pack, records: records, lag: storyLag, plays: map[string]*story{}, client: &http.Client{Timeout: 10 * time.Second}}
	start := d.clock().Truncate(time.Second) // messages are dated in whole seconds
	var err error
	if d.window, err = engine.NewWindow(engine.WindowOptions{TrustedComplete: true}); err != nil {
		return nil, err
	}
	if d.sender, err = enginetest.NewPismoSender(start); err != nil {
		return nil, err
	}
	if d.stranger, err = enginetest.NewPismoSender(start); err != nil {
		return nil, err
	}
	ring, err := d.keys(more)
	if err != nil {
		return nil, err
	}
	gate, err := d.gate(ring, start)
	if err != nil {
		return nil, err
	}
	handler, err := d.handler(gate)
	if err != nil {
		return nil, err
	}
	return d, d.listen(addr, handler)
}

// keys reads the throw-away key the way a real one is read: from the map of
// certificates that the counterpart's endpoint serves.
func (d *demo) keys(more []keyring.Key) (*keyring.Ring, error) {
	keys, _, err := source.ParseX509Map(d.sender.X509Map())
	if err != nil {
		return nil, err
	}
	ring, err := keyring.NewRing(append(keys, more...)...)
	if err != nil {
		return nil, fail(exitRefused, "%w", err)
	}
	return ring, nil
}

func (d *demo) gate(ring *keyring.Ring, start time.Time) (*engine.Gate, error) {
	random := make([]byte, secret.MinRefKeyBytes)
	rand.Read(random) // never fails
	ref, err := secret.NewRefKey("demo", random)
	if err != nil {
		return nil, err
	}
	memory, err := engine.NewMemory(engine.MemoryOptions{})
	if err != nil {
		return nil, err
	}
	journal, err := engine.NewJournal(d.records, engine.JournalOptions{})
	if err != nil {
		return nil, err
	}
	gate, eng, err := server.NewPismoGate(
		webhook.PismoOptions{Keys: ring, Accounts: []string{enginetest.PismoAccount}},
		pismo.Config{
			RefKey: ref, TrustedFindings: true,
			SMS: &pismo.SMS{}, Call: &pismo.Call{Number: "+551130039500"},
			Apps:       []pismo.App{{URL: "issuer-demo://wallet", Platform: pismo.IOS}},
			Requestors: map[string]string{"40010030273": "apple_pay", "50110030273": "apple_pay"},
		},
		d.pack, engine.CardRef, engine.GateOptions{Memory: memory, Journal: journal, StartedAt: start})
	d.engine = eng
	return gate, err
}

func (d *demo) handler(gate *engine.Gate) (http.Handler, error) {
	return gatehttp.NewHandler(gatehttp.Options{Gate: gate, Gather: d.gather, Clock: d.clock, Observe: d.observe})
}

// observe keeps what the handler says of an exchange, and counts the event from now on.
func (d *demo) observe(x gatehttp.Exchange) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = &x
	select {
	case d.own <- x: // nobody watches a nil channel
	default: // a flood is served, but not shown line by line
	}
	if x.Event != nil {
		_ = d.window.Observe(x.Event, d.now()) // every event of the codec has an id
	}
}

// watch returns the exchanges from now on.
func (d *demo) watch() <-chan gatehttp.Exchange {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.own = make(chan gatehttp.Exchange, 64)
	return d.own
}

// gather stands for the issuer's own systems: it counts velocity and adds what the
// story says that they know. It never replaces what the counterpart sent.
func (d *demo) gather(_ context.Context, ev *engine.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.plays[ev.Text("token.ref")]
	if s == nil {
		s = &story{}
	}
	for i := range s.past {
		d.earlier(ev, i)
	}
	if !s.blind {
		d.window.Fill(ev, eventTime(ev, d.now()))
	}
	for name, v := range s.gathered {
		if !ev.Has(name) {
			_ = ev.Set(name, v) // names and types are those of the schema: the stories' test says so
		}
	}
}

// earlier observes that another card was tried on the device of ev, i+1 minutes before.
func (d *demo) earlier(ev *engine.Event, i int) {
	at := eventTime(ev, d.now()).Add(-time.Duration(i+1) * time.Minute)
	past := enginetest.With(engine.NewEvent(ev.Schema()), "id", fmt.Sprintf("earlier/%d", i), "at", at, "kind", "authorize",
		"device.ref", ev.Text("device.ref"), "card.ref", fmt.Sprintf("earlier card %d", i))
	_ = d.window.Observe(past, at)
}

func (d *demo) listen(addr string, handler http.Handler) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fail(exitUnavailable, "demo: cannot listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle(webhookPath, handler)
	d.listener, d.url = l, "http://"+l.Addr().String()+webhookPath
	d.server = gatehttp.NewServer(addr, mux)
	go d.server.Serve(l)
	return nil
}

// close lets requests under way end.
func (d *demo) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := d.server.Shutdown(ctx); err != nil {
		d.server.Close()
	}
}

// post sends one request and returns the answer.
func (d *demo) post(ctx context.Context, body []byte, header map[string]string) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	for name, v := range header {
		req.Header.Set(name, v)
	}
	res, err := d.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res.StatusCode, answer, err
}

// forge signs with the stranger's key and says that it was the sender's.
func (d *demo) forge(body []byte) string {
	return d.stranger.Token(enginetest.Claims{"kid": d.sender.KeyID()}, d.claims(body))
}

// unsigned says that no algorithm was used.
func (d *demo) unsigned(body []byte) string {
	return d.sender.Token(enginetest.Claims{"alg": "none"}, d.claims(body))
}

// claims returns what the sender's token for the body says.
func (d *demo) claims(body []byte) []byte {
	parts := strings.Split(d.sender.Sign(body, d.clock(), nil), ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		panic(errors.New("demo: the sender's own token is malformed"))
	}
	return payload
}

// play sends one story and returns its row.
func (d *demo) play(ctx context.Context, s *story) (row, error) {
	d.advance(s.clock)
	body, header := s.body, map[string]string(nil)
	if s.send != nil {
		body, header = s.send(d, s)
	} else {
		header = map[string]string{webhook.PismoHeader: d.sender.Sign(s.body, d.clock(), nil)}
	}
	d.mu.Lock()
	d.last = nil
	d.mu.Unlock()
	status, answer, err := d.post(ctx, body, header)
	if err != nil {
		return row{}, fmt.Errorf("demo: %s: %w", s.name, err)
	}
	if d.first.body == nil {
		d.first = sent{body, header, answer}
	}
	d.mu.Lock()
	x := d.last
	d.mu.Unlock()
	return d.row(s, status, answer, x), nil
}
