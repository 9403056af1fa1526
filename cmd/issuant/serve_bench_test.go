package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/issuant/issuant/engine/enginetest"
)

// BenchmarkServe posts signed webhooks, each of its own, over loopback HTTP by many
// clients at once: to serve with a durable store, to serve without one, and to a bare
// echo, in one run. Client and server share the machine. Signing happens before.
func BenchmarkServe(b *testing.B) {
	for _, c := range []struct{ name, store string }{
		{"echo", ""}, {"memory", "memory"}, {"sqlite", "DIR/issuant.db"}, {"sqlite-always", "DIR/always.db\ndurability: always"}, {"sqlite-off", "DIR/off.db\ndurability: off"},
	} {
		b.Run("store="+c.name, func(b *testing.B) {
			url, sender := "", (*enginetest.PismoSender)(nil)
			if c.store == "" {
				url, sender = echo(b)
			} else {
				url, sender = benchServer(b, c.store)
			}
			load(b, url, sender)
		})
	}
}

func echo(b *testing.B) (string, *enginetest.PismoSender) {
	sender, err := enginetest.NewPismoSender(time.Now())
	if err != nil {
		b.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	}))
	b.Cleanup(s.Close)
	return s.URL, sender
}

func benchServer(b *testing.B, store string) (string, *enginetest.PismoSender) {
	s := newServed(b, "")
	s.configure("log_level: warn\nstore: " + strings.ReplaceAll(store, "DIR", s.dir) + "\n")
	s.startQuietly()
	return s.hooks, s.sender
}

// load reports requests a second and the latency that clients see.
func load(b *testing.B, url string, sender *enginetest.PismoSender) {
	const clients = 64
	bodies, tokens := make([][]byte, b.N), make([]string, b.N)
	now := time.Now()
	var next, wrong atomic.Int64
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				bodies[i] = []byte(body(int(i)))
				tokens[i] = sender.Sign(bodies[i], now, enginetest.Claims{"iat": time.Now().Unix()})
			}
		})
	}
	wg.Wait()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	took := make([]time.Duration, b.N)
	next.Store(0)
	b.ResetTimer()
	start := time.Now()
	for range clients {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				at := time.Now()
				if post(client, url, bodies[i], tokens[i]) != 200 {
					wrong.Add(1)
				}
				took[i] = time.Since(at)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	elapsed := time.Since(start)
	if wrong.Load() > 0 {
		b.Fatalf("%d of %d were not answered", wrong.Load(), b.N)
	}
	slices.Sort(took)
	at := func(q float64) float64 {
		return float64(took[min(len(took)-1, int(q*float64(len(took))))].Microseconds())
	}
	b.ReportMetric(float64(b.N)/elapsed.Seconds(), "req/s")
	for name, q := range map[string]float64{"p50-µs": .5, "p99-µs": .99, "p99.9-µs": .999} {
		b.ReportMetric(at(q), name)
	}
}

func post(client *http.Client, url string, text []byte, token string) int {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return 0
	}
	req.Header.Set("X-Pismo-Sign", token)
	res, err := client.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0
	}
	return res.StatusCode
}
