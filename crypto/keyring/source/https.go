package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
)

// Defaults and bounds of HTTPS.
const (
	DefaultTimeout         = 5 * time.Second
	DefaultAwait           = 300 * time.Millisecond // how long a message may wait for its key
	DefaultRefresh         = time.Hour              // without Cache-Control
	MinRefresh             = time.Minute            // Cache-Control asks for less
	MaxRefresh             = 6 * time.Hour          // Cache-Control asks for more
	DefaultUnknownInterval = 10 * time.Second
	DefaultMaxStale        = 24 * time.Hour
	retryFirst             = 30 * time.Second // after a failed periodic fetch, doubled up to
	retryLast              = 5 * time.Minute
	maxUnknown             = 1024 // key ids remembered as unknown
	maxMisses              = 3    // doublings of how long an id is remembered
)

// HTTPSOptions sets up a source. What is zero takes the default.
type HTTPSOptions struct {
	// Timeout bounds one fetch: default 5 s, at most 1 min.
	Timeout time.Duration
	// UnknownInterval is the least time between two fetches that unknown key ids
	// cause. An id that a fetch did not bring causes none for as long, after each
	// further miss for twice as long as before, at most eight times. Default 10 s, at
	// least 1 s, at most 1 h.
	UnknownInterval time.Duration
	// MaxStale is how long keys may be used after the last good fetch: default and
	// at most 24 h. Then all keys vanish.
	MaxStale time.Duration
	// RootCAs replaces the system's authorities. The server's certificate is always verified.
	RootCAs *x509.CertPool
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Log is told what happens: keys_refreshed (with the ids that are new and those
	// that are gone, as new and gone), keys_refresh_failed, key_warning, with
	// attributes as name, value pairs. Default: nobody. It may be called from
	// several goroutines; it must not call methods of the source,
	// and whoever waits for the fetch waits for it too.
	Log func(event string, attrs ...any)
}

// HTTPS serves the keys of one https address. Lookup takes no lock and does not
// block; nothing is fetched before Refresh, Await or Run is called. Redirects are
// refused, answers are at most 1 MiB, and a document without a usable key is never
// trusted: the last good set stays. Keys that a fetch no longer brings are gone at
// once. Safe for concurrent use.
type HTTPS struct {
	url    string
	opt    HTTPSOptions
	client *http.Client
	held

	mu       sync.Mutex // guards what follows; never held during a fetch
	flight   *flight    // the fetch under way
	later    *flight    // the one that begins when the interval is over; nil when nobody asked for it
	timer    *time.Timer
	unknown  time.Time // of the last fetch for an unknown id
	negative map[string]miss
}

// miss tells how often good fetches did not bring an id, and until when it causes none.
type miss struct {
	times int
	until time.Time
}

type flight struct {
	done chan struct{}
	err  error // to be read after done is closed
}

// NewHTTPS checks the address and the options; it fetches nothing. Errors wrap ErrOptions.
func NewHTTPS(address string, opt HTTPSOptions) (*HTTPS, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, fmt.Errorf("%w: a key source is an https address without user and fragment", ErrOptions)
	}
	for _, d := range []struct {
		name          string
		value         *time.Duration
		def, min, max time.Duration
	}{
		{"Timeout", &opt.Timeout, DefaultTimeout, 0, time.Minute},
		{"UnknownInterval", &opt.UnknownInterval, DefaultUnknownInterval, time.Second, time.Hour},
		{"MaxStale", &opt.MaxStale, DefaultMaxStale, 0, DefaultMaxStale},
	} {
		if *d.value == 0 {
			*d.value = d.def
		}
		if *d.value < d.min || *d.value > d.max {
			return nil, fmt.Errorf("%w: %s is not between %v and %v", ErrOptions, d.name, d.min, d.max)
		}
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = func(string, ...any) {}
	}
	h := &HTTPS{url: u.String(), opt: opt, client: newClient(opt), negative: map[string]miss{}}
	h.maxStale, h.now = opt.MaxStale, opt.Now
	return h, nil
}

func newClient(opt HTTPSOptions) *http.Client {
	return &http.Client{
		Timeout: opt.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the answer is then no 200, and refused
		},
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: opt.RootCAs},
			MaxResponseHeaderBytes: 64 << 10,
			IdleConnTimeout:        90 * time.Second,
			MaxIdleConns:           1,
			ForceAttemptHTTP2:      true,
		},
	}
}

// Refresh fetches now, or waits for the fetch that is under way. When ctx ends
// first its error is returned and the fetch goes on, within its own timeout. Other
// errors wrap ErrFetch; the keys in force then stay.
func (h *HTTPS) Refresh(ctx context.Context) error {
	h.mu.Lock()
	f := h.start()
	h.mu.Unlock()
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Await reports whether the key of that id is there, and fetches when it is not:
// so the first message after a rotation waits, within ctx (give it
// DefaultAwait), instead of being refused. All callers share one fetch.
//
// Strange ids cause at most one fetch per UnknownInterval. Who asks when strangers
// have used the interval up is not forgotten: a fetch begins as soon as it is over,
// whether or not anybody asks again, so a flood delays a genuine new key by one
// interval and a fetch at most. Await waits for that fetch only when ctx has a deadline
// that lies behind its beginning; else it answers at once, so that a flood holds nothing up.
func (h *HTTPS) Await(ctx context.Context, id string) bool {
	if _, ok := h.Lookup(id); ok {
		return true
	}
	f := h.flightFor(ctx, id)
	if f == nil {
		return false
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return false
	}
	_, ok := h.Lookup(id)
	if !ok && f.err == nil {
		h.remember(id)
	}
	return ok
}

// flightFor returns a fetch that may bring the id, nil when none begins before ctx ends.
func (h *HTTPS) flightFor(ctx context.Context, id string) *flight {
	if id == "" || len(id) > keyring.MaxIDBytes {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.opt.Now()
	if m, ok := h.negative[id]; ok && now.Before(m.until) {
		return nil
	}
	if h.flight != nil {
		return h.flight
	}
	wait := h.opt.UnknownInterval - now.Sub(h.unknown)
	if h.unknown.IsZero() || wait <= 0 {
		h.unknown = now
		return h.start()
	}
	if h.later == nil {
		h.later = &flight{done: make(chan struct{})}
		h.timer = time.AfterFunc(wait, h.startLater)
	}
	if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) < wait {
		return nil
	}
	return h.later
}

// startLater begins the fetch that was put off.
func (h *HTTPS) startLater() {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.later == nil: // another fetch has taken its place
	case h.flight != nil:
		h.timer = time.AfterFunc(time.Second, h.startLater)
	default:
		h.unknown = h.opt.Now()
		h.start()
	}
}

// remember notes that a good fetch did not bring the id.
func (h *HTTPS) remember(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.opt.Now()
	if len(h.negative) >= maxUnknown {
		for have, m := range h.negative {
			if !now.Before(m.until) {
				delete(h.negative, have)
			}
		}
	}
	m, known := h.negative[id]
	if known && now.Before(m.until) || !known && len(h.negative) >= maxUnknown {
		return // another waiter of the same fetch was here, or there is no room
	}
	m.until = now.Add(h.opt.UnknownInterval << min(m.times, maxMisses))
	m.times++
	h.negative[id] = m
}

// start returns the fetch under way, or begins one, for those too who wait for a
// later one. The caller holds mu.
func (h *HTTPS) start() *flight {
	if h.flight == nil {
		f := h.later
		if f == nil {
			f = &flight{done: make(chan struct{})}
		} else {
			h.timer.Stop()
		}
		h.flight, h.later = f, nil
		go h.run(f)
	}
	return h.flight
}

func (h *HTTPS) run(f *flight) {
	set, warnings, err := h.fetch()
	for _, w := range warnings {
		h.opt.Log("key_warning", "url", h.url, "warning", w)
	}
	if f.err = err; err != nil {
		h.opt.Log("keys_refresh_failed", "url", h.url, "error", err.Error())
	} else {
		h.opt.Log("keys_refreshed", append([]any{"url", h.url}, h.take(set)...)...)
	}
	h.mu.Lock()
	h.flight = nil
	h.mu.Unlock()
	close(f.done)
}

// fetch reads the address once. It does not take the context of whoever asked
// first: others wait for the same answer.
func (h *HTTPS) fetch() (*keySet, []string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), h.opt.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrFetch, err)
	}
	req.Header.Set("Accept", "application/json")
	asked := h.opt.Now()
	res, err := h.client.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrFetch, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("%w: status %d", ErrFetch, res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxDocumentBytes+1))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrFetch, err)
	}
	return h.read(body, asked, maxAge(res.Header.Values("Cache-Control")))
}

func (h *HTTPS) read(body []byte, asked time.Time, age time.Duration) (*keySet, []string, error) {
	keys, warnings, err := ParseKeys(body)
	if err != nil {
		return nil, warnings, fmt.Errorf("%w: %w", ErrFetch, err)
	}
	ring, err := keyring.NewRing(keys...)
	if err != nil {
		return nil, warnings, fmt.Errorf("%w: %w", ErrFetch, err)
	}
	if ring.Valid(asked) == 0 {
		return nil, warnings, fmt.Errorf("%w: none of %d keys is usable", ErrFetch, ring.Len())
	}
	return &keySet{ring, asked, age}, warnings, nil
}

// maxAge returns how long to keep an answer: its max-age within the bounds, the
// least for no-store and no-cache, the default when it says nothing.
func maxAge(headers []string) time.Duration {
	age := DefaultRefresh
	for _, directive := range strings.Split(strings.ToLower(strings.Join(headers, ",")), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch name {
		case "no-store", "no-cache":
			return MinRefresh
		case "max-age":
			if n, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31); err == nil {
				age = time.Duration(n) * time.Second
			}
		}
	}
	return min(max(age, MinRefresh), MaxRefresh)
}

// Run fetches at once and then when the last answer has aged (Cache-Control
// max-age, 1 min to 6 h, 1 h when it is not given); after a failure again after 30 s,
// doubled up to 5 min. It returns when ctx ends, with its error.
func (h *HTTPS) Run(ctx context.Context) error {
	retry := retryFirst
	for {
		wait := DefaultRefresh
		if err := h.Refresh(ctx); err != nil {
			wait, retry = retry, min(2*retry, retryLast)
		} else {
			wait, retry = h.set.Load().maxAge, retryFirst
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
