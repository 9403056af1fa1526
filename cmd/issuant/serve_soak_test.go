package main

import (
	"bufio"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// soakTime is how long the soak lasts: a few seconds, 10 minutes with ISSUANT_SOAK=1,
// or what ISSUANT_SOAK_TIME says.
func soakTime(t *testing.T) time.Duration {
	if text := os.Getenv("ISSUANT_SOAK_TIME"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if os.Getenv("ISSUANT_SOAK") == "1" {
		return 10 * time.Minute
	}
	return 4 * time.Second
}

// TestServeStaysSmallUnderLoad: a server on SQLite answers signed messages, retries and
// rubbish while its pack changes every second. Nothing is lost, and memory grows by no
// more than what it is there to remember.
func TestServeStaysSmallUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process")
	}
	s := newServed(t, "")
	pack := s.path("pack")
	unpack(t, pack)
	g := newSiege(t, s, s.path("issuant.db")+"\npack: "+pack, 1)
	s.admin = "http://" + freeAddress(t)
	v := g.servers[0]
	edit(t, s.path("issuant.yaml"), "admin: 127.0.0.1:0", "admin: "+strings.TrimPrefix(s.admin, "http://"))
	if err := os.Chmod(s.path("issuant.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	g.store = s.path("issuant.db")
	g.begin(v)

	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range siegeSenders {
		seed := g.random.Int63()
		wg.Go(func() { g.soak(v, rand.New(rand.NewSource(seed)), stop) })
	}
	wg.Go(func() { versions(t, filepath.Join(pack, "pack.yaml"), stop) })
	end := time.Now().Add(soakTime(t))
	time.Sleep(time.Until(end) / 4) // warm
	warm, before := s.number("process_resident_memory_bytes"), s.number("issuant_journal_seq")
	time.Sleep(time.Until(end))
	close(stop)
	wg.Wait()
	size, after := s.number("process_resident_memory_bytes"), s.number("issuant_journal_seq")
	t.Logf("resident: %.0f MiB warm, %.0f MiB at the end; %.0f records, %.0f bytes each", warm/(1<<20), size/(1<<20), after, s.number("issuant_journal_bytes")/after)
	// A message is remembered for minutes and counted for half a year: that is some
	// hundred bytes; the rest is the allocator's slack.
	if grown := size - warm; grown > 96<<20+1024*(after-before) {
		t.Errorf("it grew by %.0f MiB over %.0f records", grown/(1<<20), after-before)
	}
	g.askAgain()
	v.cmd.Process.Signal(os.Interrupt)
	if code := exitOf(t, v.cmd); code != 0 {
		t.Error("exit code", code)
	}
	v.cmd = nil
	g.examine()
}

// soak sends new messages, some twice, and now and then something that is none.
func (g *siege) soak(v *siegeServer, random *rand.Rand, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(siegeSenders * siegeRate):
		}
		m := g.message(false)
		switch random.Intn(10) {
		case 0:
			// 503 where the machine is too busy to record a refusal; never an answer.
			if _, status := g.postTo(v, &siegeMessage{m.body + " ", m.token}); status != 401 && status != 503 && status != 0 {
				g.t.Errorf("another body under the same signature: %d", status)
			}
		case 1:
			g.deliver(v, m)
		}
		g.deliver(v, m)
	}
}

// versions gives the pack a new version every second.
func versions(t *testing.T, name string, stop <-chan struct{}) {
	text, err := os.ReadFile(name)
	if err != nil {
		t.Error(err)
		return
	}
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-time.After(time.Second):
			write(t, name, strings.Replace(string(text), "version: ", fmt.Sprintf("version: %d.", i), 1), 0o644)
		}
	}
}

// number reads one number without labels from /metrics.
func (s *served) number(name string) float64 {
	s.t.Helper()
	_, text := s.get("/metrics")
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		if v, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			n, err := strconv.ParseFloat(v, 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return n
		}
	}
	s.t.Fatalf("there is no %s", name)
	return 0
}
