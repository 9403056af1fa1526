package gatehttp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/engine/gatehttp"
	"github.com/issuant/issuant/engine/wire/pismo"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

const (
	flat401  = `{"error":"unauthorized"}`
	flat413  = `{"error":"too_large"}`
	flat503  = `{"error":"unavailable"}`
	system96 = `{"approve":false,"action_code":"96"}`
	approved = `{"approve":true,"action_code":"00"}`
	stepUp   = `{"approve":true,"action_code":"85","step_up_methods":[{"method":"OTPCALL","value":"+551130039500"},{"method":"OTPSMS","value":null}]}`
)

// clean is green with an empty pack; token tells bodies apart.
func clean(token string) string {
	return `{"card":{"id":134142,"type":"PLASTIC","program_id":1234,"bin":"412345","status":"normal","stage":"unblocked"},` +
		`"token_id":` + token + `,"network_brand":"vts","custom_codes":[],"original_network_data":` +
		`{"tokenInfo":{"tokenType":"HCE"},"riskInformation":{"visaTokenDecisioning":"00"}}}`
}

// rig is a server on the loopback with everything that a gate needs.
type rig struct {
	t       *testing.T
	clock   *enginetest.Clock
	journal *journal
	gate    *engine.Gate
	engine  *engine.Engine
	server  *httptest.Server
	opt     gatehttp.Options

	mu   sync.Mutex
	seen []gatehttp.Exchange
}

type journal struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	fail bool
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fail {
		return 0, io.ErrClosedPipe
	}
	return j.buf.Write(b)
}

type parts struct {
	pack    *rules.Pack
	methods []engine.Method // nil: the codec's
	codec   engine.Codec    // nil: pismo
	memory  engine.Memory
	journal *journal
	clock   *enginetest.Clock
	route   string
	started time.Time // zero: an hour before the clock
	await   func(context.Context, string) bool
	engine  *engine.Engine // set by newGate
	keys    keyring.Lookup
	opt     gatehttp.Options
	wrap    func(http.Handler) http.Handler // nil: the bare handler
}

var sender = sync.OnceValue(func() *enginetest.PismoSender {
	s, err := enginetest.NewPismoSender(enginetest.Now())
	if err != nil {
		panic(err)
	}
	return s
})

func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newCodec(t *testing.T) *pismo.Codec {
	t.Helper()
	key, err := secret.NewRefKey("t1", make([]byte, 32))
	must(t, key, err)
	c, err := pismo.New(pismo.Config{RefKey: key, SMS: &pismo.SMS{}, Call: &pismo.Call{Number: "+551130039500"}})
	return must(t, c, err)
}

// newGate puts a gate together from the parts, and fills those that are missing.
func newGate(t *testing.T, p *parts) *engine.Gate {
	t.Helper()
	if p.clock == nil {
		p.clock = enginetest.NewClock(enginetest.Now())
	}
	if p.keys == nil {
		ring, err := keyring.NewRing(sender().Key())
		p.keys = must(t, ring, err)
	}
	v, err := webhook.NewPismo(webhook.PismoOptions{Keys: p.keys, Accounts: []string{enginetest.PismoAccount}, Route: p.route})
	must(t, v, err)
	codec := newCodec(t)
	if p.methods == nil {
		p.methods = codec.Methods()
	}
	if p.codec == nil {
		p.codec = codec
	}
	if p.pack == nil {
		p.pack = pack(t, rules.Yellow)
	}
	e, err := engine.New(p.pack, engine.Options{Methods: p.methods})
	p.engine = must(t, e, err)
	if p.memory == nil {
		m, err := engine.NewMemory(engine.MemoryOptions{})
		p.memory = must(t, m, err)
	}
	if p.journal == nil {
		p.journal = &journal{}
	}
	j, err := engine.NewJournal(p.journal, engine.JournalOptions{})
	must(t, j, err)
	if p.started.IsZero() {
		p.started = p.clock.Now().Add(-time.Hour)
	}
	g, err := engine.NewGate(engine.GateOptions{
		Verifier: v, Codec: p.codec, Engine: e, Memory: p.memory, Journal: j,
		StartedAt: p.started, AwaitKey: p.await,
	})
	return must(t, g, err)
}

func newRig(t *testing.T, p parts) *rig {
	t.Helper()
	r := &rig{t: t, gate: newGate(t, &p), clock: p.clock, journal: p.journal, opt: p.opt}
	r.opt.Gate, r.engine = r.gate, p.engine
	if r.opt.Clock == nil {
		r.opt.Clock = p.clock.Now
	}
	if r.opt.Observe == nil {
		r.opt.Observe = func(x gatehttp.Exchange) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.seen = append(r.seen, x)
		}
	}
	h, err := gatehttp.NewHandler(r.opt)
	must(t, h, err)
	if p.wrap != nil {
		h = p.wrap(h)
	}
	r.server = httptest.NewServer(h)
	t.Cleanup(r.server.Close)
	return r
}

// pack has no rules but the given ones, each yellow.
func pack(t *testing.T, onError rules.Outcome, conditions ...rules.Condition) *rules.Pack {
	t.Helper()
	m := &rules.Manifest{
		Name: "test", Version: "1", Schema: rules.EventV1(), Default: rules.Green, OnError: onError,
		StepUp: []string{"call", "sms"}, TenuredDays: 30, MaxCost: rules.DefaultMaxCost,
	}
	for i := range conditions {
		m.Rules = append(m.Rules, rules.Rule{ID: "R" + string(rune('A'+i)), Version: "1", Effect: rules.EffectYellow, Reason: "TEST", Percent: 100})
	}
	p, err := rules.NewPack(m, conditions, nil)
	return must(t, p, err)
}

// verdict is a condition that is always the same; Panic panics.
type verdict struct {
	truth  rules.Truth
	code   code.Code
	panics bool
}

func (v verdict) Judge(*rules.Env) (rules.Truth, code.Code) {
	if v.panics {
		panic("mistake in a condition")
	}
	return v.truth, v.code
}
func (verdict) Cost() int64                    { return 1 }
func (verdict) Fields() []int                  { return nil }
func (verdict) Leaves(*rules.Env) []rules.Leaf { return nil }

// request signs a body at the rig's present instant.
func (r *rig) request(body string) *http.Request {
	r.t.Helper()
	req, err := sender().Request(context.Background(), r.server.URL+"/hook", []byte(body), r.clock.Now(), nil)
	return must(r.t, req, err)
}

// again returns a copy of a request, with its body.
func again(req *http.Request) *http.Request {
	c := req.Clone(context.Background())
	c.Body, _ = req.GetBody()
	return c
}

type answered struct {
	status int
	body   string
	header http.Header
}

func (r *rig) send(req *http.Request) answered {
	r.t.Helper()
	resp, err := r.server.Client().Do(req)
	must(r.t, resp, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(r.t, b, err)
	return answered{resp.StatusCode, string(b), resp.Header}
}

// want sends a request and checks its answer.
func (r *rig) want(req *http.Request, status int, body string) answered {
	r.t.Helper()
	got := r.send(req)
	if got.status != status || got.body != body {
		r.t.Errorf("got  %d %s\nwant %d %s", got.status, got.body, status, body)
	}
	return got
}

type line struct {
	Outcome  *string  `json:"outcome"`
	Action   *string  `json:"action_code"`
	Refusal  *string  `json:"refusal"`
	EventID  *string  `json:"event_id"`
	Digest   *string  `json:"message_digest"`
	Reasons  []string `json:"reasons"`
	Degraded []struct {
		Code string `json:"code"`
	} `json:"degraded"`
}

// records returns the lines of the journal, and checks their chain.
func (r *rig) records() []line {
	r.t.Helper()
	r.journal.mu.Lock()
	defer r.journal.mu.Unlock()
	if _, err := engine.VerifyChain(bytes.NewReader(r.journal.buf.Bytes())); err != nil {
		r.t.Error(err)
	}
	var list []line
	for text := range strings.Lines(r.journal.buf.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			r.t.Fatal(err)
		}
		list = append(list, l)
	}
	return list
}

// last checks what the journal's last line says of a refusal and an outcome, ""
// for none.
func (r *rig) last(refusal, outcome string) line {
	r.t.Helper()
	lines := r.records()
	if len(lines) == 0 {
		r.t.Fatal("the journal is empty")
	}
	l := lines[len(lines)-1]
	if text(l.Refusal) != refusal || text(l.Outcome) != outcome {
		r.t.Errorf("record: refusal %q, outcome %q; want %q, %q", text(l.Refusal), text(l.Outcome), refusal, outcome)
	}
	return l
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
