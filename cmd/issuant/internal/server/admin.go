package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/store"
)

const (
	healthTimeout = time.Second
	healthEvery   = time.Second // a store is asked at most so often, however many ask us
	expirySoon    = 14 * 24 * time.Hour
)

// admin answers operators and their machines. Without a token everything is for
// loopback alone; with one, a stranger learns ready or not, and nothing else.
func (s *Server) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", s.readyz)
	scrape := promhttp.HandlerFor(s.metrics.reg, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
	mux.Handle("GET /metrics", s.authorised(scrape))
	s.operatorRoutes(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "not_found"})
	})
	return mux
}

// authorised lets a request through that has the token, where there is one.
func (s *Server) authorised(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.trusted(r) {
			unauthorized(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func unauthorized(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="issuant"`)
	writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "unauthorized"})
}

// trusted tells whether the request may see more than ready or not.
func (s *Server) trusted(r *http.Request) bool {
	p := s.parts.Load()
	if !p.hasToken {
		return config.Loopback(s.adminAddr)
	}
	got, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	sum := sha256.Sum256([]byte(got))
	return ok && subtle.ConstantTimeCompare(sum[:], p.token[:]) == 1
}

// readyReport is the body of /readyz.
type readyReport struct {
	Status   string      `json:"status"` // ready, not_ready
	Reasons  []problem   `json:"reasons"`
	Warnings []problem   `json:"warnings"`
	Pack     *packReport `json:"pack,omitempty"`
}

type packReport struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Version string `json:"version"`
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	ready, reasons := s.readiness()
	status, word := http.StatusOK, "ready"
	if !ready {
		status, word = http.StatusServiceUnavailable, "not_ready"
	}
	if !s.trusted(r) {
		writeJSON(w, status, map[string]string{"status": word})
		return
	}
	p := s.parts.Load()
	man := p.pack.Manifest()
	writeJSON(w, status, readyReport{word, reasons, append(s.status.warnings(), s.notices()...), &packReport{p.pack.ID(), man.Name, man.Version}})
}

// readiness tells whether webhooks can be decided on and recorded, and why not.
func (s *Server) readiness() (bool, []problem) {
	reasons := []problem{}
	if s.status.isDraining() {
		reasons = append(reasons, problem{Check: "drain", Msg: "the server was told to stop"})
	}
	if err := s.health.ask(s.keeper); err != nil {
		reasons = append(reasons, problem{Check: "store", Msg: err.Error()})
	}
	p, now := s.parts.Load(), s.opt.Now()
	for name, keys := range p.keys {
		if msg := unusableKeys(keys, now); msg != "" {
			reasons = append(reasons, problem{Check: "keys/" + name, Msg: msg})
		}
	}
	sort.Slice(reasons, func(i, k int) bool { return reasons[i].Check < reasons[k].Check })
	return len(reasons) == 0, reasons
}

func unusableKeys(keys keySource, now time.Time) string {
	ring := keys.Ring()
	switch {
	case keys.Fetched().IsZero():
		return "no keys were fetched yet"
	case ring == nil:
		return "the keys are older than max_stale: the last good ones are of " + keys.Fetched().UTC().Format(time.RFC3339)
	case ring.Valid(now) == 0:
		return "no key is in date"
	}
	return ""
}

// notices are warnings that no reload causes.
func (s *Server) notices() []problem {
	list := []problem{}
	p, now := s.parts.Load(), s.opt.Now()
	if p.cfg.Store == config.MemoryStore {
		list = append(list, problem{Check: "store", Msg: "records, replays and counts are in memory: they are lost when the process ends", Since: s.started})
	}
	if k, ok := s.keeper.(interface{ Stats() store.Stats }); ok {
		if stats := k.Stats(); stats.RetentionPaused {
			list = append(list, problem{Check: "store/retention", Msg: "the clock jumped, so nothing is deleted by age until it is right again"})
		} else if stats.MaintenanceError != "" {
			list = append(list, problem{Check: "store/maintenance", Msg: stats.MaintenanceError})
		}
	}
	for name, keys := range p.keys {
		if end := lastExpiry(keys.Ring(), now); !end.IsZero() && end.Sub(now) < expirySoon {
			list = append(list, problem{Check: "keys/" + name, Msg: "the last usable key ends at " + end.UTC().Format(time.RFC3339)})
		}
	}
	sort.Slice(list, func(i, k int) bool { return list[i].Check < list[k].Check })
	return list
}

// lastExpiry returns when the last usable key ends; zero when one never does, or there is none.
func lastExpiry(ring *keyring.Ring, now time.Time) time.Time {
	var last time.Time
	for _, k := range ring.Keys() {
		if k.Refused != "" || !k.ValidAt(now) {
			continue
		}
		if k.NotAfter.IsZero() {
			return time.Time{}
		}
		if k.NotAfter.After(last) {
			last = k.NotAfter
		}
	}
	return last
}

// health asks a store how it is, not more often than it is worth.
type health struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

func (h *health) ask(k Keeper) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.at.IsZero() && time.Since(h.at) < healthEvery {
		return h.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), healthTimeout)
	defer cancel()
	h.err, h.at = k.Health(ctx), time.Now()
	return h.err
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"internal"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}
