package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testkey"
)

// clock is a clock that tests move by hand.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.nanos.Store(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time      { return time.Unix(0, c.nanos.Load()) }
func (c *clock) add(d time.Duration) { c.nanos.Add(int64(d)) }

// server serves key documents over TLS and counts what it was asked.
type server struct {
	*httptest.Server
	hits  atomic.Int64
	mu    sync.Mutex
	serve http.HandlerFunc
}

func (s *server) set(f http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serve = f
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.hits.Add(1)
	s.mu.Lock()
	f := s.serve
	s.mu.Unlock()
	f(w, r)
}

func newServer(t testing.TB, f http.HandlerFunc) *server {
	s := &server{serve: f}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *server) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return pool
}

// document returns an X.509 map with good certificates under the given ids.
func document(t testing.TB, ids ...string) []byte {
	t.Helper()
	m := map[string]string{}
	for _, id := range ids {
		m[id] = testkey.Certificate(t, testkey.Template(), &testkey.RSA(t, "rsa2048-a").PublicKey)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func serving(doc []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(doc) }
}

func newSource(t testing.TB, s *server, c *clock) *HTTPS {
	t.Helper()
	h, err := NewHTTPS(s.URL, HTTPSOptions{RootCAs: s.roots(), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func has(h *HTTPS, id string) bool {
	_, ok := h.Lookup(id)
	return ok
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestNewHTTPSRefusesDoubtfulAddresses(t *testing.T) {
	for _, url := range []string{"", "http://example.com/keys", "HTTP://example.com", "ftp://example.com", "file:///etc/keys", "https://", "https:///x", "https://user:secret@example.com/", "example.com/keys", "https://example.com/#x", "https://exa mple.com", "://"} {
		_, err := NewHTTPS(url, HTTPSOptions{})
		if !errors.Is(err, ErrOptions) || code.Of(err) != code.Config || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", url, err)
		}
	}
	for name, o := range map[string]HTTPSOptions{"timeout": {Timeout: time.Hour}, "negative": {Timeout: -1}, "interval": {UnknownInterval: time.Millisecond}, "stale": {MaxStale: 25 * time.Hour}, "negative stale": {MaxStale: -1}} {
		if _, err := NewHTTPS("https://example.com/keys", o); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewHTTPS("https://example.com/robot/v1/metadata/x509/a@b.example?x=1", HTTPSOptions{}); err != nil {
		t.Error(err)
	}
}

func TestRefreshBringsAndDropsKeys(t *testing.T) {
	s, c := newServer(t, serving(document(t, "a", "b"))), newClock()
	h := newSource(t, s, c)
	if has(h, "a") || !h.Fetched().IsZero() || h.Ring() != nil || s.hits.Load() != 0 {
		t.Error("there are keys before the first fetch")
	}
	if err := h.Refresh(t.Context()); err != nil || !has(h, "a") || !has(h, "b") || !h.Fetched().Equal(c.now()) {
		t.Fatalf("after the fetch: %v", err)
	}
	s.set(serving(document(t, "b", "c")))
	if err := h.Refresh(t.Context()); err != nil || has(h, "a") || !has(h, "b") || !has(h, "c") {
		t.Fatalf("a vanished key stays: %v", err)
	}
}

func TestWhatIsNoKeySetIsNotTrusted(t *testing.T) {
	s, c := newServer(t, serving(document(t, "a"))), newClock()
	h := newSource(t, s, c)
	if err := h.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	fetched := h.Fetched()
	c.add(time.Minute)
	other := newServer(t, serving(document(t, "evil")))
	past := testkey.Template()
	past.NotAfter = c.now().Add(-time.Hour)
	expired := `{"x":` + string(mustJSON(t, testkey.Certificate(t, past, &testkey.RSA(t, "rsa2048-a").PublicKey))) + `}`
	for name, f := range map[string]http.HandlerFunc{
		"empty body": serving(nil), "empty map": serving([]byte("{}")), "empty set": serving([]byte(`{"keys":[]}`)), "only bad entries": serving([]byte(`{"a":"x"}`)), "expired": serving([]byte(expired)),
		"page":     serving([]byte("<html>sign in</html>")),
		"large":    serving([]byte(`{"a":"` + strings.Repeat("x", MaxDocumentBytes) + `"}`)),
		"endless":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, io.LimitReader(zeros{}, 64<<20)) },
		"404":      func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404); serving(document(t, "evil"))(w, r) },
		"500":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"204":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) },
		"itself": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, s.URL+"/x", http.StatusMovedPermanently)
		},
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"evil`))
		},
		"abort": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		s.set(f)
		err := h.Refresh(t.Context())
		if !errors.Is(err, ErrFetch) || code.Of(err) != code.KeySource || !has(h, "a") || has(h, "evil") || !h.Fetched().Equal(fetched) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if other.hits.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestServersWithoutAKnownAuthorityAreRefused(t *testing.T) {
	s := newServer(t, serving(document(t, "a")))
	h, err := NewHTTPS(s.URL, HTTPSOptions{RootCAs: x509.NewCertPool()})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Refresh(t.Context()); !errors.Is(err, ErrFetch) || has(h, "a") {
		t.Errorf("unknown authority: %v", err)
	}
	h, err = NewHTTPS(strings.Replace(s.URL, "127.0.0.1", "localhost", 1), HTTPSOptions{RootCAs: s.roots()})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Refresh(t.Context()); !errors.Is(err, ErrFetch) {
		t.Errorf("another host's certificate: %v", err)
	}
	old := httptest.NewUnstartedServer(serving(document(t, "a")))
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.Config.ErrorLog = log.New(io.Discard, "", 0)
	old.StartTLS()
	defer old.Close()
	pool := x509.NewCertPool()
	pool.AddCert(old.Certificate())
	if h, err = NewHTTPS(old.URL, HTTPSOptions{RootCAs: pool}); err != nil {
		t.Fatal(err)
	}
	if err := h.Refresh(t.Context()); !errors.Is(err, ErrFetch) {
		t.Errorf("TLS 1.1: %v", err)
	}
}

func TestASlowServerCostsNoMoreThanTheTimeout(t *testing.T) {
	release := make(chan struct{})
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	h, err := NewHTTPS(s.URL, HTTPSOptions{RootCAs: s.roots(), Timeout: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := h.Refresh(t.Context()); !errors.Is(err, ErrFetch) {
		t.Error(err)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("it took %v", took)
	}
	if err := h.Refresh(within(t, time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the caller's context: %v", err)
	}
}

func TestKeysVanishAfterMaxStale(t *testing.T) {
	s, c := newServer(t, serving(document(t, "a"))), newClock()
	h := newSource(t, s, c)
	if err := h.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	for range 24 {
		c.add(time.Hour)
		if err := h.Refresh(t.Context()); err == nil {
			t.Fatal("the server is down")
		}
		if !has(h, "a") {
			t.Fatal("a key is gone too early")
		}
	}
	c.add(time.Nanosecond)
	if has(h, "a") || h.Ring().Len() != 0 {
		t.Error("a key is used after 24 hours without a good fetch")
	}
	s.set(serving(document(t, "a")))
	if err := h.Refresh(t.Context()); err != nil || !has(h, "a") {
		t.Errorf("the source does not recover: %v", err)
	}
}

func TestAFirstMessageAfterARotationWaits(t *testing.T) {
	s, c := newServer(t, serving(document(t, "old"))), newClock()
	h := newSource(t, s, c)
	if err := h.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	doc := document(t, "old", "new")
	s.set(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(20 * time.Millisecond)
		serving(doc)(w, r)
	})
	if !h.Await(within(t, 10*time.Second), "new") {
		t.Error("the key did not come")
	}
	if !h.Await(t.Context(), "old") || s.hits.Load() != 2 {
		t.Errorf("%d fetches", s.hits.Load())
	}
}

func TestAllWaitersShareOneFetch(t *testing.T) {
	release := make(chan struct{})
	doc := document(t, "a")
	s, c := newServer(t, func(w http.ResponseWriter, r *http.Request) { <-release; serving(doc)(w, r) }), newClock()
	h := newSource(t, s, c)
	var wg sync.WaitGroup
	var found atomic.Int64
	for i := range 200 {
		wg.Go(func() {
			if i%3 == 0 {
				if h.Refresh(context.Background()) == nil && has(h, "a") {
					found.Add(1)
				}
			} else if h.Await(context.Background(), "a") {
				found.Add(1)
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	close(release)
	wg.Wait()
	// A Refresh that began after the fetch had ended begins another one.
	if found.Load() != 200 || s.hits.Load() > 2 {
		t.Errorf("%d found the key with %d fetches", found.Load(), s.hits.Load())
	}
}

func TestUnknownIDsCostOneFetchPerInterval(t *testing.T) {
	s, c := newServer(t, serving(document(t, "a"))), newClock()
	h := newSource(t, s, c)
	for i := range 1000 {
		if h.Await(t.Context(), fmt.Sprint("strange", i)) {
			t.Fatal("a strange key is there")
		}
	}
	if got := s.hits.Load(); got != 1 {
		t.Errorf("%d fetches for 1000 strange ids", got)
	}
	c.add(10*time.Second - 1)
	if h.Await(t.Context(), "x"); s.hits.Load() != 1 {
		t.Error("a fetch before the interval has passed")
	}
	c.add(1)
	if h.Await(t.Context(), "y"); s.hits.Load() != 2 {
		t.Error("no fetch after the interval has passed")
	}
	for _, id := range []string{"", strings.Repeat("x", 257)} {
		c.add(time.Hour)
		if h.Await(t.Context(), id) || s.hits.Load() != 2 {
			t.Errorf("an id that no key can have causes a fetch")
		}
	}
}

func TestUnknownIDsAreRememberedForAWhile(t *testing.T) {
	s, c := newServer(t, serving(document(t, "a"))), newClock()
	h := newSource(t, s, c)
	h.Await(t.Context(), "x")
	c.add(9 * time.Second)
	if h.Await(t.Context(), "x"); s.hits.Load() != 1 {
		t.Errorf("%d fetches for one strange id", s.hits.Load())
	}
	s.set(serving(document(t, "a", "x")))
	if err := h.Refresh(t.Context()); err != nil || !h.Await(t.Context(), "x") {
		t.Errorf("a remembered id hides its key: %v", err)
	}
	s.set(serving(document(t, "a")))
	if err := h.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.add(time.Second)
	if h.Await(t.Context(), "x"); s.hits.Load() != 4 {
		t.Errorf("%d fetches: the id is remembered for too long", s.hits.Load())
	}
}

// bubble is a source whose clock is that of a synctest bubble. Its answers are
// counted with their times.
func bubble(t *testing.T, doc *atomic.Pointer[string]) (h *HTTPS, at func() []time.Duration) {
	t.Helper()
	begin := time.Now()
	h, err := NewHTTPS("https://keys.example/", HTTPSOptions{Now: func() time.Time { return time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC).Add(time.Since(begin)) }})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var times []time.Duration
	h.client.Transport = transport(func() (int, string) {
		time.Sleep(50 * time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		times = append(times, time.Since(begin))
		return 200, *doc.Load()
	})
	return h, func() []time.Duration { mu.Lock(); defer mu.Unlock(); return times }
}

func TestAFloodDelaysAGenuineNewKeyByOneIntervalAtMost(t *testing.T) {
	before, after := string(document(t, "old")), string(document(t, "old", "new"))
	for _, floods := range []bool{true, false} { // after the key was asked for, too?
		synctest.Test(t, func(t *testing.T) {
			var doc atomic.Pointer[string]
			doc.Store(&before)
			h, fetches := bubble(t, &doc)
			if err := h.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			ask := func(id string) bool {
				ctx, cancel := context.WithTimeout(t.Context(), DefaultAwait)
				defer cancel()
				return h.Await(ctx, id)
			}
			stop := make(chan struct{})
			var strangers sync.WaitGroup
			for i := range 20 {
				strangers.Go(func() {
					for j := 0; ; j++ {
						select {
						case <-stop:
							return
						case <-time.After(7 * time.Millisecond):
							ask(fmt.Sprint("strange", i, "-", j))
						}
					}
				})
			}
			time.Sleep(3 * time.Second) // the strangers have used the interval up
			doc.Store(&after)
			if ask("new") {
				t.Error("the key came without a fetch")
			}
			asked := time.Now()
			if !floods {
				close(stop)
				strangers.Wait()
			}
			for !has(h, "new") {
				time.Sleep(10 * time.Millisecond)
				if time.Since(asked) > DefaultUnknownInterval+time.Second {
					t.Fatalf("the key has not come after %v; fetches at %v", time.Since(asked), fetches())
				}
			}
			time.Sleep(35 * time.Second)
			if floods {
				close(stop)
				strangers.Wait()
			}
			at := fetches()[1:] // without the Refresh
			for i := 1; i < len(at); i++ {
				if at[i]-at[i-1] < DefaultUnknownInterval {
					t.Errorf("two fetches within an interval: %v", at)
				}
			}
			if most := 5; len(at) > most || !floods && len(at) != 2 {
				t.Errorf("%d fetches: %v", len(at), at)
			}
		})
	}
}

func TestAwaitWaitsForAFetchThatIsNear(t *testing.T) {
	before, after := string(document(t, "old")), string(document(t, "old", "new"))
	synctest.Test(t, func(t *testing.T) {
		var doc atomic.Pointer[string]
		doc.Store(&before)
		h, fetches := bubble(t, &doc)
		ctx := func(d time.Duration) context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			t.Cleanup(cancel)
			return ctx
		}
		h.Await(ctx(time.Second), "strange")
		doc.Store(&after)
		start := time.Now()
		if h.Await(ctx(time.Second), "new") || time.Since(start) > 0 {
			t.Error("Await waits for a fetch that begins after its deadline")
		}
		time.Sleep(DefaultUnknownInterval - 300*time.Millisecond)
		if !h.Await(ctx(time.Second), "new") || len(fetches()) != 2 {
			t.Errorf("Await did not wait for the fetch that was near: %v", fetches())
		}
	})
}

func TestAnIDThatNeverComesIsAskedForEverMoreSeldom(t *testing.T) {
	doc := string(document(t, "old"))
	synctest.Test(t, func(t *testing.T) {
		var p atomic.Pointer[string]
		p.Store(&doc)
		h, fetches := bubble(t, &p)
		for range 400 {
			h.Await(t.Context(), "retired")
			time.Sleep(time.Second)
		}
		// Misses at 0, then after 10, 20, 40 and each further 80 seconds.
		if n := len(fetches()); n < 7 || n > 9 {
			t.Errorf("%d fetches: %v", n, fetches())
		}
	})
}

func TestAFailedFetchIsNotHeldAgainstTheID(t *testing.T) {
	s, c := newServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }), newClock()
	h := newSource(t, s, c)
	if h.Await(t.Context(), "a") {
		t.Fatal("there is no key")
	}
	s.set(serving(document(t, "a")))
	c.add(30 * time.Second)
	if !h.Await(t.Context(), "a") {
		t.Error("the id was remembered though the fetch had failed")
	}
}

func TestTheMemoryOfUnknownIDsIsBounded(t *testing.T) {
	h := newSource(t, newServer(t, serving(nil)), newClock())
	for i := range 3 * maxUnknown {
		h.remember(fmt.Sprint(i))
	}
	if len(h.negative) != maxUnknown {
		t.Errorf("%d ids", len(h.negative))
	}
}

func TestAwaitGivesUpWithItsContext(t *testing.T) {
	release := make(chan struct{})
	doc := document(t, "a")
	s, c := newServer(t, func(w http.ResponseWriter, r *http.Request) { <-release; serving(doc)(w, r) }), newClock()
	h := newSource(t, s, c)
	start := time.Now()
	if h.Await(within(t, 50*time.Millisecond), "a") || time.Since(start) > time.Minute {
		t.Error("Await does not end with its context")
	}
	close(release)
	// The fetch goes on: the next message finds the key.
	if !h.Await(within(t, 10*time.Second), "a") {
		t.Error("the fetch ended with the context of its first waiter")
	}
}

func TestLogTellsWhatHappened(t *testing.T) {
	var mu sync.Mutex
	var events []string
	s, c := newServer(t, serving([]byte(`{"bad":"x",`+string(document(t, "a"))[1:]))), newClock()
	h, err := NewHTTPS(s.URL, HTTPSOptions{RootCAs: s.roots(), Now: c.now, Log: func(event string, attrs ...any) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, event+" "+fmt.Sprint(attrs[2:]...))
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []http.HandlerFunc{nil, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }} {
		if f != nil {
			s.set(f)
		}
		_ = h.Refresh(t.Context())
	}
	want := []string{`key_warning warningkey "bad" is refused: entry is not PEM`, `keys_refreshed keys2new["a" "bad"]`, "keys_refresh_failed errorsource: keys cannot be fetched: status 503"}
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(events, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("events:\n%s", got)
	}
}

func TestMaxAgeKeepsToItsBounds(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"": time.Hour, "max-age=600": 10 * time.Minute, "public, Max-Age=600, must-revalidate": 10 * time.Minute, `max-age="600"`: 10 * time.Minute,
		"max-age=0": time.Minute, "max-age=59": time.Minute, "max-age=999999": 6 * time.Hour, "max-age=99999999999999999999": time.Hour, "max-age=-5": time.Hour, "max-age=x": time.Hour, "max-age": time.Hour,
		"no-store": time.Minute, "max-age=600, no-cache": time.Minute, "s-maxage=5": time.Hour, ",,": time.Hour,
	} {
		if got := maxAge([]string{header}); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

// transport answers without a network, so that the clock of a test bubble runs.
type transport func() (int, string)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := f()
	return &http.Response{StatusCode: status, Header: http.Header{"Cache-Control": {"max-age=600"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func TestRunFetchesWhenAnswersAgeAndRetriesSooner(t *testing.T) {
	doc := string(document(t, "a"))
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var at []time.Duration
		h, err := NewHTTPS("https://keys.example/", HTTPSOptions{Now: func() time.Time { return time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC).Add(time.Since(begin)) }})
		if err != nil {
			t.Fatal(err)
		}
		h.client.Transport = transport(func() (int, string) {
			at = append(at, time.Since(begin))
			if n := len(at); n >= 3 && n <= 8 {
				return 500, ""
			}
			return 200, doc
		})
		ctx, cancel := context.WithTimeout(t.Context(), 41*time.Minute)
		defer cancel()
		if err := h.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		const m = time.Minute
		want := []time.Duration{0, 10 * m, 20 * m, 20*m + 30*time.Second, 21*m + 30*time.Second, 23*m + 30*time.Second, 27*m + 30*time.Second, 32*m + 30*time.Second, 37*m + 30*time.Second}
		if fmt.Sprint(at) != fmt.Sprint(want) {
			t.Errorf("fetched at %v, want %v", at, want)
		}
	})
}

func TestHammer(t *testing.T) {
	docs := [][]byte{document(t, "always", "a"), document(t, "always", "b"), []byte("{}"), []byte("junk")}
	var n atomic.Int64
	s, c := newServer(t, func(w http.ResponseWriter, r *http.Request) { serving(docs[int(n.Add(1))%len(docs)])(w, r) }), newClock()
	h := newSource(t, s, c)
	for h.Refresh(t.Context()) != nil {
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				if !has(h, "always") {
					t.Error("a key is gone during a rotation")
				}
				switch (i + j) % 4 {
				case 0:
					_ = h.Refresh(context.Background())
				case 1:
					h.Await(context.Background(), fmt.Sprint("x", j))
				case 2:
					c.add(time.Millisecond)
				default:
					_ = h.Fetched()
				}
			}
		})
	}
	wg.Wait()
}
