package server

import (
	"context"
	"net/http"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/gatehttp"
	"github.com/issuant/issuant/engine/wire/pismo"
	"github.com/issuant/issuant/rules"
)

// NewPismoGate puts together what answers Pismo's webhooks: the verifier, the codec,
// an engine with the codec's step-up methods, and the gate. What opt says of these
// three is replaced; opt.Ledger, or Memory and Journal, are the caller's.
func NewPismoGate(v webhook.PismoOptions, c pismo.Config, pack *rules.Pack, card engine.CardForm, opt engine.GateOptions) (*engine.Gate, *engine.Engine, error) {
	verifier, err := webhook.NewPismo(v)
	if err != nil {
		return nil, nil, err
	}
	codec, err := pismo.New(c)
	if err != nil {
		return nil, nil, err
	}
	eng, err := engine.New(pack, engine.Options{Methods: codec.Methods(), Card: card})
	if err != nil {
		return nil, nil, err
	}
	opt.Verifier, opt.Codec, opt.Engine = verifier, codec, eng
	gate, err := engine.NewGate(opt)
	return gate, eng, err
}

func pismoConfig(c *config.Counterpart, ref secret.RefKey) pismo.Config {
	p := pismo.Config{
		RefKey: ref, Apps: c.Apps, NPL: c.NPL, NPLPrograms: c.NPLPrograms, Requestors: c.Requestors,
		RejectedApproveFalse85: c.RejectedApproveFalse85, TrustedFindings: c.TrustedFindings,
	}
	if c.SMS {
		p.SMS = &pismo.SMS{Source: c.SMSSource}
	}
	if c.Call != "" {
		p.Call = &pismo.Call{Number: c.Call, Source: c.CallSource}
	}
	return p
}

// newRoute makes the handler of one counterpart from parts that are in order, and
// the engine that decides in it.
func (s *Server) newRoute(c *config.Counterpart, p *parts) (http.Handler, *engine.Engine, error) {
	keys := p.keys[c.Name]
	v := webhook.PismoOptions{
		Keys: keys, Header: c.Header, Accounts: c.Accounts, UnsafeAnyAccount: c.UnsafeAnyAccount, Subjects: c.Subjects,
		Skew: c.Skew, MaxAge: c.MaxAge, MaxBody: p.cfg.MaxBody, Route: c.Name,
		UnsafeObserve: c.UnsafeObserve, ObserveMaxAge: c.ObserveMaxAge,
	}
	opt := engine.GateOptions{
		Name: c.Name, Ledger: s.ledger, RetryWindow: c.RetryWindow, StartedAt: s.started,
		Observe: func(r *engine.Record) { s.metrics.record(c.Name, r) },
	}
	if p.seal != nil {
		opt.SealEvidence = s.sealerFor(p.seal).seal
	}
	if h, ok := keys.(*source.HTTPS); ok {
		opt.AwaitKey = gatehttp.AwaitKey(h, 0)
	}
	gate, eng, err := NewPismoGate(v, pismoConfig(c, p.refs[c.Name]), p.pack, cardForm(p.cfg), opt)
	if err != nil {
		return nil, nil, err
	}
	shadow, err := newShadow(c)
	if err != nil {
		return nil, nil, err
	}
	if len(c.UnsafeObserve) > 0 {
		s.log.Warn("checks are observed, not enforced", "counterpart", c.Name, "checks", c.UnsafeObserve)
	}
	if shadow != nil {
		s.log.Info("the incumbent answers; ours is only recorded", "counterpart", c.Name)
	}
	h, err := gatehttp.NewHandler(gatehttp.Options{
		Shadow: shadow,
		Gate:   gate, MaxBody: p.cfg.MaxBody, MaxInFlight: p.cfg.MaxInFlight, Deadline: p.cfg.Deadline,
		Gather: s.gather, Clock: s.opt.Now, Observe: func(x gatehttp.Exchange) { s.observe(c.Name, x) },
	})
	if err != nil {
		return nil, nil, err
	}
	return s.traced(c.Name, s.metrics.inFlight(c.Name, h)), eng, nil
}

// newShadow returns nil where we answer ourselves.
func newShadow(c *config.Counterpart) (*gatehttp.Shadow, error) {
	if c.Shadow == "" {
		return nil, nil
	}
	return gatehttp.NewShadow(gatehttp.ShadowOptions{URL: c.Shadow, Timeout: c.ShadowTimeout})
}

// gather counts velocity at the instant of the decision: a burst whose messages carry
// one and the same second counts too. Other facts of the issuer have no source yet.
func (s *Server) gather(ctx context.Context, ev *engine.Event) {
	if err := s.keeper.Fill(ctx, ev, s.opt.Now()); err != nil {
		s.metrics.gatherErrors.Inc()
		s.log.WarnContext(ctx, "velocity could not be counted; its facts are absent", "error", err)
	}
}

// observe logs and counts an exchange: never a body, a header, a token or a fact.
func (s *Server) observe(counterpart string, x gatehttp.Exchange) {
	s.metrics.exchange(counterpart, x)
	attrs := []any{"counterpart", counterpart, "status", x.Sent(), "micros", x.Took.Microseconds()}
	if x.Incumbent != nil { // the status is that of its answer; ours, if it were not for the shadow:
		attrs = append(attrs, "our_status", x.Reply.Status)
		if x.Incumbent.Failure != "" {
			attrs = append(attrs, "incumbent", x.Incumbent.Failure)
		}
	}
	if d := x.Decision; d != nil {
		ids := make([]string, len(d.Rules))
		for i, r := range d.Rules {
			ids[i] = r.ID
		}
		attrs = append(attrs, "outcome", d.Outcome.String(), "action_code", d.ActionCode, "rules", ids, "decision_id", d.ID)
		if len(d.Degraded) > 0 {
			attrs = append(attrs, "degraded", d.Degraded[0].Code)
		}
	}
	if x.Err != nil {
		attrs = append(attrs, "refusal", x.Refusal())
	}
	if x.Late {
		attrs = append(attrs, "late", true)
	}
	switch {
	case x.Reply.Status >= 500:
		s.log.Warn("webhook", append(attrs, "error", errorText(x.Err))...)
	default:
		s.log.Info("webhook", attrs...)
	}
}

// errorText: the errors of a gate quote nothing that a sender wrote.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// notFound answers what is no counterpart's path.
func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	s.metrics.unrouted.Inc()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Connection", "close") // nobody has to read its body
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte(`{"error":"not_found"}`))
}

// routes are handlers by path.
type routes map[string]http.Handler

// generation is what is made of one generation of parts.
type generation struct {
	routes  routes
	engines []*engine.Engine // one for each counterpart
}

// webhookPath is where a counterpart posts.
func webhookPath(counterpart string) string { return "/v1/webhooks/" + counterpart }

// ServeHTTP sends a request to the present generation; one that is under way ends
// with the generation that it began with.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := (*s.routes.Load())[r.URL.Path]; h != nil {
		h.ServeHTTP(w, r)
		return
	}
	s.notFound(w, r)
}

// newRoutes makes a generation.
func (s *Server) newRoutes(p *parts) (*generation, []config.Fault) {
	next, faults := &generation{routes: routes{}}, []config.Fault(nil)
	for _, c := range p.cfg.Counterparts {
		h, eng, err := s.newRoute(c, p)
		if err != nil {
			faults = append(faults, config.Fault{Place: c.Place(""), Key: "counterparts." + c.Name, Msg: err.Error()})
			continue
		}
		next.routes[webhookPath(c.Name)] = h
		next.engines = append(next.engines, eng)
	}
	return next, faults
}
