package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/wallets"
	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
)

// maxProvisionBody bounds a request in bytes, inclusive: of Apple Pay's three certificates
// each may have 8 KiB.
const maxProvisionBody = 128 << 10

// provisionPath is where payloads are asked for: /v1/provision/apple and so on.
const provisionPath = "/v1/provision/"

// Errors of requests for payloads. None tells a stranger more than that.
var (
	errNotAllowed = code.New(code.KeyRefused, "provision: the client may not ask for payloads")
	errBody       = code.New(code.Malformed, "provision: the body is not a request for a payload")
	errNoDecision = code.New(code.NoGrant, "provision: there is neither a grant nor an event to decide on")
)

// payloadRequest is the body: what the phone asks for, with a grant, or with an event to
// decide on in place.
type payloadRequest struct {
	Request json.RawMessage `json:"request"`
	Grant   string          `json:"grant"`
	Event   json.RawMessage `json:"event"`
}

// provisionHandler answers requests for payloads. It never answers without a record.
func (s *Server) provisionHandler(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	kind, ok := strings.CutPrefix(r.URL.Path, provisionPath)
	if !ok || kind != wallets.Apple && kind != wallets.Google && kind != wallets.Samsung {
		s.notFound(w, r)
		return
	}
	p := s.parts.Load().payloads
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		w.Header().Set("Connection", "close")
		flat(w, http.StatusMethodNotAllowed, "method_not_allowed")
		return
	}
	select {
	case s.building <- struct{}{}:
		defer func() { <-s.building }()
	default:
		s.answered(w, kind, nil, engine.ErrBusy, start)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), p.cfg.Deadline)
	defer cancel()
	// A sender who gives his bytes slowly holds one place until the deadline, no longer.
	_ = http.NewResponseController(w).SetReadDeadline(start.Add(p.cfg.Deadline))
	x := &exchange{s: s, p: p, kind: kind, now: s.opt.Now()}
	out, err := x.answer(ctx, w, r)
	if rerr := x.commit(start, err); rerr != nil {
		err, out = rerr, nil
	}
	if err == nil && ctx.Err() != nil {
		err, out = provision.ErrDeadline, nil
	}
	s.answered(w, kind, out, err, start)
}

// exchange is one request on its way.
type exchange struct {
	s        *Server
	p        *payloads
	kind     string
	now      time.Time
	digest   string           // of the body
	sighting *engine.Sighting // of a signed request; nil when it has none, or was not taken
	record   *provision.Record
	decided  *engine.Decision
}

func (x *exchange) answer(ctx context.Context, w http.ResponseWriter, r *http.Request) (*wallets.Outcome, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxProvisionBody))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, engine.ErrTooLarge
		}
		return nil, provision.ErrDeadline // the body did not come in time, or not whole
	}
	sum := sha256.Sum256(body)
	x.digest = hex.EncodeToString(sum[:])
	if err := x.authorise(ctx, r, body); err != nil {
		return nil, err
	}
	doc, req, err := x.parse(body)
	if err != nil {
		return nil, err
	}
	g, err := x.grant(doc, req)
	if err != nil {
		return nil, err
	}
	spent, err := engine.SpentIn(engine.SpentOptions{Ledger: x.s.ledger, Name: wallets.Counterpart, StartedAt: x.s.started})
	if err != nil {
		return nil, err
	}
	out, rec, err := x.p.wallets.Build(ctx, req, g, provision.Ports{Cards: x.p.cards, Spent: spent, Refs: x.p.refs}, x.now)
	x.record = rec
	return out, err
}

// authorise asks who calls: the certificate of the connection, the signature, or both.
func (x *exchange) authorise(ctx context.Context, r *http.Request, body []byte) error {
	if !x.p.allowed(r.TLS, x.now) {
		return errNotAllowed
	}
	if x.p.verifier == nil {
		return nil
	}
	m, err := x.p.verifier.OpenRequest(webhook.Request{Method: r.Method, Target: r.URL.RequestURI(), Host: r.Host, Header: r.Header, Body: body}, x.now)
	if err != nil {
		return err
	}
	x.sighting, err = x.s.once(ctx, m)
	return err
}

func (x *exchange) parse(body []byte) (*payloadRequest, *wallets.Request, error) {
	v, err := strictjson.Parse(body, strictjson.Limits{MaxBytes: maxProvisionBody, MaxDepth: 16, MaxValues: 2048})
	if err != nil {
		return nil, nil, err
	}
	for _, m := range v.Members {
		if m.Name != "request" && m.Name != "grant" && m.Name != "event" {
			return nil, nil, errBody
		}
	}
	d := &payloadRequest{}
	if err := json.Unmarshal(body, d); err != nil || d.Request == nil || (d.Grant != "") == (d.Event != nil) {
		return nil, nil, errBody
	}
	req, err := wallets.ParseRequest(x.kind, d.Request)
	return d, req, err
}

// grant opens the grant, or decides in place.
func (x *exchange) grant(d *payloadRequest, req *wallets.Request) (*provision.Grant, error) {
	switch {
	case d.Grant != "" && x.p.grants != nil:
		return provision.OpenGrant(d.Grant, x.p.grants, x.p.cfg.Audience, x.now)
	case d.Event != nil && x.p.engine != nil:
	default:
		return nil, errNoDecision
	}
	ev, err := engine.ParseEvent(x.p.engine.Pack().Schema(), bytes.Clone(d.Event))
	if err != nil {
		return nil, err
	}
	x.decided = x.p.engine.Decide(ev, x.now)
	return x.p.granter.Grant(x.decided, *req.Grant(), x.now)
}

// commit writes the record of the answer, and with it that the request was answered.
func (x *exchange) commit(start time.Time, err error) error {
	if x.digest == "" && !errors.Is(err, engine.ErrTooLarge) {
		return nil // nothing came that a record could be of
	}
	form := x.s.ledger.Card()
	r := &engine.Record{At: x.now, Counterpart: wallets.Counterpart, Reasons: []string{wallets.ReasonRefused}, Micros: time.Since(start).Microseconds()}
	if x.record != nil {
		r = wallets.AuditRecord(x.record, form, time.Since(start))
	}
	r.MessageDigest = x.digest
	if d := x.decided; d != nil {
		r.DecisionID, r.PackID, r.EventID, r.Rules, r.Decided, r.Outcome, r.Lists = d.ID, d.PackID, d.EventID, d.Rules, true, d.Outcome, d.Lists
	}
	if err != nil {
		r.Refusal = code.Of(err).String()
	}
	// Whoever hung up has no payload, but its record all the same.
	ctx, cancel := context.WithTimeout(context.Background(), x.p.cfg.Deadline)
	defer cancel()
	e := engine.Entry{Record: r, Sighting: x.sighting, Until: x.now}
	if cerr := x.s.ledger.Commit(ctx, e); cerr != nil {
		return cerr
	}
	return nil
}

// answered writes the answer and tells of it: never of a body, a card or a key.
func (s *Server) answered(w http.ResponseWriter, kind string, out *wallets.Outcome, err error, start time.Time) {
	status, word := statusOf(err)
	refusal := ""
	if err != nil {
		refusal = code.Of(err).String()
		if status == http.StatusRequestEntityTooLarge || status == http.StatusServiceUnavailable {
			w.Header().Set("Connection", "close")
		}
		flat(w, status, word)
	} else {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(out.JSON())
	}
	s.metrics.payloads.WithLabelValues(kind, refusal).Inc()
	attrs := []any{"wallet", kind, "status", status, "micros", time.Since(start).Microseconds()}
	if refusal != "" {
		attrs = append(attrs, "refusal", refusal)
	}
	if status >= 500 {
		s.log.Warn("provision", append(attrs, "error", word)...)
		return
	}
	s.log.Info("provision", attrs...)
}

func flat(w http.ResponseWriter, status int, word string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"error":"`+word+`"}`)
}

// statusOf says what a caller is told: a stranger that he is one, a caller whether to
// change the request, to decide again, or to come again.
func statusOf(err error) (int, string) {
	switch c := code.Of(err); {
	case err == nil:
		return http.StatusOK, ""
	case c == code.TooLarge:
		return http.StatusRequestEntityTooLarge, "too_large"
	case c >= code.NotSigned && c <= code.Replayed:
		if errors.Is(err, errBody) {
			return http.StatusBadRequest, "request"
		}
		return http.StatusUnauthorized, "unauthorized"
	case isGrant(err):
		return http.StatusForbidden, c.String()
	case c == code.Busy, c == code.Deadline, c == code.MemoryFull, c == code.Record, c == code.Store:
		return http.StatusServiceUnavailable, "unavailable"
	case c >= 400 && c < 500:
		return http.StatusBadRequest, c.String()
	}
	return http.StatusInternalServerError, "internal"
}

// isGrant tells the errors of grants and decisions.
func isGrant(err error) bool {
	for _, e := range []error{
		errNoDecision, provision.ErrNoGrant, provision.ErrGrantForged, provision.ErrGrantTime, provision.ErrGrantBound, provision.ErrGrantSpent,
		engine.ErrNotGranted, engine.ErrStepUpProof, engine.ErrGrantFacts,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
