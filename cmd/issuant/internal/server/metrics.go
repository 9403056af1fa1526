package server

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/gatehttp"
	"github.com/issuant/issuant/rules"
)

// metrics are the server's numbers. Labels come from tables and from the pack, never
// from a message, so that their number is bounded and none holds account data.
type metrics struct {
	reg *prometheus.Registry

	requests     *prometheus.CounterVec
	decisions    *prometheus.CounterVec
	ruleHits     *prometheus.CounterVec
	shadowHits   *prometheus.CounterVec
	degraded     *prometheus.CounterVec
	duration     *prometheus.HistogramVec
	inflight     *prometheus.GaugeVec
	unrouted     prometheus.Counter
	refusedConns prometheus.Counter
	gatherErrors prometheus.Counter
	commit       prometheus.Histogram
	commitErrors prometheus.Counter
	fetches      *prometheus.CounterVec
	listErrors   prometheus.Counter
	reloads      *prometheus.CounterVec
	reloaded     *prometheus.GaugeVec
	payloads     *prometheus.CounterVec
	modes        modeMetrics

	mu    sync.Mutex
	rules map[string]bool // of the pack in force
}

const ns = "issuant"

// buckets are in seconds: from a refusal to the deadline and beyond.
var buckets = []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 1.5, 2.5, 5}

func newMetrics(b Build) *metrics {
	m := &metrics{reg: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return register(m.reg, prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: ns, Name: name, Help: help}, labels))
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return register(m.reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: ns, Name: name, Help: help}, labels))
	}
	m.requests = counter("requests_total", "Webhooks that were answered, by HTTP status and by refusal; a decision has no refusal.", "counterpart", "status", "refusal")
	m.decisions = counter("decisions_total", "Decisions that were answered.", "counterpart", "outcome")
	m.ruleHits = counter("rule_hits_total", "Decisions in which a rule hit.", "rule")
	m.shadowHits = counter("shadow_rule_hits_total", "Decisions in which a shadow rule would have hit.", "rule")
	m.degraded = counter("degraded_total", "Failures that joined in a decision as on_error.", "code")
	m.duration = register(m.reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: ns, Name: "request_duration_seconds", Help: "From a webhook's headers to its answer.", Buckets: buckets,
	}, []string{"counterpart"}))
	m.payloads = counter("payloads_total", "Requests for wallet payloads, by refusal; a payload that was built has none.", "wallet", "refusal")
	m.modes = newModeMetrics(m.reg, counter)
	m.inflight = gauge("requests_in_flight", "Webhooks that are being answered.", "counterpart")
	m.unrouted = counter("unrouted_requests_total", "Requests for a path that is no counterpart's.").WithLabelValues()
	m.refusedConns = counter("refused_connections_total", "Connections beyond max_connections.").WithLabelValues()
	m.gatherErrors = counter("gather_errors_total", "Decisions whose velocity could not be counted.").WithLabelValues()
	m.commit = register(m.reg, prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: ns, Name: "record_wait_duration_seconds", Help: "What an answer waited for until its record was durable.", Buckets: buckets,
	}))
	m.commitErrors = counter("record_errors_total", "Records that could not be written; their senders got 503.").WithLabelValues()
	m.fetches = counter("key_fetches_total", "Fetches of keys from their address.", "counterpart", "result")
	m.listErrors = counter("list_errors_total", "Readings of the runtime lists that failed; those of the last good one stay in force.").WithLabelValues()
	m.reloads = counter("reloads_total", "Changed files that were taken (ok) or not (failed).", "kind", "result")
	m.reloaded = gauge("reload_last_success_timestamp_seconds", "When a part was last taken, as Unix time.", "kind")
	gauge("build_info", "The version that runs; 1.", "version", "commit", "go_version").WithLabelValues(b.Version, b.Commit, b.Go).Set(1)
	m.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func register[C prometheus.Collector](reg *prometheus.Registry, c C) C {
	reg.MustRegister(c)
	return c
}

// gaugeFunc registers a number that is looked up when it is asked for.
func (m *metrics) gaugeFunc(name, help string, f func() float64) {
	m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: ns, Name: name, Help: help}, f))
}

func (m *metrics) exchange(counterpart string, x gatehttp.Exchange) {
	m.requests.WithLabelValues(counterpart, strconv.Itoa(x.Sent()), x.Refusal()).Inc()
	m.duration.WithLabelValues(counterpart).Observe(x.Took.Seconds())
	d := x.Decision
	if d == nil || x.Err != nil {
		return
	}
	m.decisions.WithLabelValues(counterpart, d.Outcome.String()).Inc()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hits(m.ruleHits, d.Rules)
	m.hits(m.shadowHits, d.Shadow)
	for _, g := range d.Degraded {
		m.degraded.WithLabelValues(g.Code).Inc()
	}
}

// hits leaves out rules of a pack that was replaced meanwhile. The caller holds mu.
func (m *metrics) hits(to *prometheus.CounterVec, hits []engine.RuleHit) {
	for _, h := range hits {
		if m.rules[h.ID] {
			to.WithLabelValues(h.ID).Inc()
		}
	}
}

// pack makes the rules of a pack the labels, and drops those of the one before.
func (m *metrics) pack(p *rules.Pack) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := map[string]bool{}
	for _, r := range p.Manifest().Rules {
		next[r.ID] = true
		m.ruleHits.WithLabelValues(r.ID) // 0 is a number too: a rule that never hits is to be seen
	}
	for id := range m.rules {
		if !next[id] {
			m.ruleHits.DeleteLabelValues(id)
			m.shadowHits.DeleteLabelValues(id)
		}
	}
	m.rules = next
}

func (m *metrics) reload(kind string, ok bool, now time.Time) {
	result := "failed"
	if ok {
		result = "ok"
		m.reloaded.WithLabelValues(kind).Set(float64(now.Unix()))
	}
	m.reloads.WithLabelValues(kind, result).Inc()
}

func (m *metrics) inFlight(counterpart string, next http.Handler) http.Handler {
	g := m.inflight.WithLabelValues(counterpart)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.Inc()
		defer g.Dec()
		next.ServeHTTP(w, r)
	})
}

// measured is a ledger whose commits are counted, and traced where a trace runs.
type measured struct {
	engine.Ledger
	m *metrics
}

// Begin implements engine.Ledger.
func (l measured) Begin(ctx context.Context, s engine.Sighting, now time.Time) (bool, engine.Reply, error) {
	mark(ctx, markVerified)
	defer mark(ctx, markBegun)
	return l.Ledger.Begin(ctx, s, now)
}

// Commit implements engine.Ledger.
func (l measured) Commit(ctx context.Context, e engine.Entry) error {
	mark(ctx, markDecided)
	start := time.Now()
	err := l.Ledger.Commit(ctx, e)
	l.m.commit.Observe(time.Since(start).Seconds())
	if err != nil {
		l.m.commitError(err)
	}
	mark(ctx, markCommitted)
	return err
}

// commitError leaves out what is no failure: another process was first, or the
// message came too late.
func (m *metrics) commitError(err error) {
	if errors.Is(err, engine.ErrRepeat) || errors.Is(err, engine.ErrReplayed) || errors.Is(err, engine.ErrStale) {
		return
	}
	m.commitErrors.Inc()
}

// late is a collector of what only the running server knows.
type late struct {
	descs   []*prometheus.Desc
	collect func(ch chan<- prometheus.Metric)
}

// Describe implements prometheus.Collector.
func (l late) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range l.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (l late) Collect(ch chan<- prometheus.Metric) { l.collect(ch) }

var (
	packDesc   = prometheus.NewDesc(ns+"_pack_info", "The pack that decides; 1.", []string{"id", "name", "version"}, nil)
	keyAgeDesc = prometheus.NewDesc(ns+"_key_age_seconds", "Since the keys were last fetched, or seen in their files.", []string{"counterpart"}, nil)
	keysDesc   = prometheus.NewDesc(ns+"_usable_keys", "Keys that are in date and not refused.", []string{"counterpart"}, nil)
	expiryDesc = prometheus.NewDesc(ns+"_key_expiry_timestamp_seconds", "When the last of the usable keys ends, as Unix time.", []string{"counterpart"}, nil)
)

// watch registers what is read from the server when somebody asks.
func (m *metrics) watch(s *Server) {
	m.gaugeFunc("ready", "1 when /readyz says 200.", func() float64 {
		if ready, _ := s.readiness(); ready {
			return 1
		}
		return 0
	})
	m.gaugeFunc("warnings", "Warnings of /readyz: failed reloads, settings that need a restart.", func() float64 { return float64(len(s.status.warnings())) })
	m.gaugeFunc("connections", "Open connections of the webhooks' listener.", func() float64 { return float64(s.connections()) })
	m.gaugeFunc("runtime_list_version", "Number of the record of the last change of a runtime list that is in force; 0 when there was none.", func() float64 { return float64(s.listVersion()) })
	m.gaugeFunc("runtime_list_entries", "Entries of runtime lists, those that have ended too.", func() float64 { return float64(s.runtimeEntries()) })
	m.gaugeFunc("pack_missing_approvals", "Approvals that a pack still waits for before it is taken; 0 when none waits.", func() float64 { return float64(s.waits.missing()) })
	m.watchKeeper(s.keeper)
	m.reg.MustRegister(late{[]*prometheus.Desc{packDesc, keyAgeDesc, keysDesc, expiryDesc}, func(ch chan<- prometheus.Metric) {
		p, now := s.parts.Load(), s.opt.Now()
		man := p.pack.Manifest()
		ch <- prometheus.MustNewConstMetric(packDesc, prometheus.GaugeValue, 1, p.pack.ID(), man.Name, man.Version)
		for name, keys := range p.keys {
			ring := keys.Ring()
			if at := keys.Fetched(); !at.IsZero() {
				ch <- prometheus.MustNewConstMetric(keyAgeDesc, prometheus.GaugeValue, now.Sub(at).Seconds(), name)
			}
			ch <- prometheus.MustNewConstMetric(keysDesc, prometheus.GaugeValue, float64(ring.Valid(now)), name)
			if end := lastExpiry(ring, now); !end.IsZero() {
				ch <- prometheus.MustNewConstMetric(expiryDesc, prometheus.GaugeValue, float64(end.Unix()), name)
			}
		}
	}})
}
