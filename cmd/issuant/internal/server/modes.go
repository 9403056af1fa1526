package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/issuant/issuant/cmd/issuant/internal/records"
	"github.com/issuant/issuant/engine"
)

// modeMetrics are the numbers that tell what enforcing would refuse, and where we
// and the incumbent differ.
type modeMetrics struct {
	age       *prometheus.HistogramVec
	observed  *prometheus.CounterVec
	compared  *prometheus.CounterVec
	incumbent *prometheus.HistogramVec
}

func newModeMetrics(reg *prometheus.Registry, counter func(name, help string, labels ...string) *prometheus.CounterVec) modeMetrics {
	ages := make([]float64, len(records.AgeBounds))
	for i, d := range records.AgeBounds {
		ages[i] = d.Seconds()
	}
	histogram := func(name, help string, bounds []float64, labels ...string) *prometheus.HistogramVec {
		return register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: ns, Name: name, Help: help, Buckets: bounds}, labels))
	}
	return modeMetrics{
		age:       histogram("message_age_seconds", "From the instant that a verified message's sender gives (iat) to its arrival; negative where that clock is ahead.", ages, "counterpart"),
		observed:  counter("observed_total", "Messages that failed a check which is observed only, and were accepted.", "counterpart", "check"),
		compared:  counter("shadow_compared_total", "Messages whose two answers were compared: same, other_code, stricter, looser (ours against the incumbent's), silent.", "counterpart", "verdict"),
		incumbent: histogram("incumbent_duration_seconds", "What the incumbent took for an answer, or until it failed.", buckets, "counterpart", "result"),
	}
}

// record counts a record that was written.
func (m *metrics) record(counterpart string, r *engine.Record) {
	if r.Verified {
		m.modes.age.WithLabelValues(counterpart).Observe(r.Age.Seconds())
	}
	for _, check := range r.Observed {
		m.modes.observed.WithLabelValues(counterpart, check).Inc()
	}
	in := r.Incumbent
	if in == nil {
		return
	}
	result := "read"
	switch {
	case in.Failure != "":
		result = in.Failure
	case !in.Read:
		result = "unread"
	}
	m.modes.incumbent.WithLabelValues(counterpart, result).Observe(float64(in.Micros) / 1e6)
	if _, _, verdict, ok := records.Compare(r.ActionCode, r.Refusal, in); ok {
		m.modes.compared.WithLabelValues(counterpart, verdict).Inc()
	}
}
