package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/issuant/issuant/store"
	"github.com/issuant/issuant/store/storetest"
)

// TestServeLosesNothingWhenItIsKilled: signed requests come at up to 500 a second while
// servers are killed at random moments and started again. Afterwards every answered
// request has its record and one decision, no message was answered in two ways, and
// the chain verifies. ISSUANT_SOAK=1 kills 50 times, else it is a few.
func TestServeLosesNothingWhenItIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills processes")
	}
	t.Run("store=sqlite", func(t *testing.T) {
		s := newServed(t, "")
		newSiege(t, s, s.path("issuant.db"), 1).run()
	})
	t.Run("store=postgres", func(t *testing.T) {
		newSiege(t, newServed(t, ""), storetest.StartPostgres(t).URL(t), 2).run()
	})
}

// siege is servers on one store, those who send to them, and what was answered.
type siege struct {
	*served
	t       *testing.T
	store   string
	servers []*siegeServer
	random  *rand.Rand
	client  *http.Client

	mu       sync.Mutex
	next     int
	answers  map[string]string // body to answer
	doubtful []*siegeMessage   // sent, and nobody knows what became of them
}

type siegeServer struct {
	cmd    *exec.Cmd
	listen string
}

type siegeMessage struct{ body, token string }

const (
	siegeRate    = 2 * time.Millisecond // between two requests: 500 a second
	siegeSenders = 8
)

func newSiege(t *testing.T, s *served, store string, servers int) *siege {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	g := &siege{
		served: s, t: t, store: store, random: rand.New(rand.NewSource(seed)), answers: map[string]string{},
		client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: siegeSenders}},
	}
	s.configure("log_level: error\nstore: " + store + "\n")
	for range servers {
		g.servers = append(g.servers, &siegeServer{listen: freeAddress(t)}) // the same when it starts again
	}
	t.Cleanup(func() {
		for _, v := range g.servers {
			if v.cmd != nil {
				v.cmd.Process.Kill()
				v.cmd.Wait()
			}
		}
	})
	return g
}

func (g *siege) run() {
	rounds := 4
	if os.Getenv("ISSUANT_SOAK") == "1" {
		rounds = 50
	}
	for _, v := range g.servers {
		g.begin(v)
	}
	for range rounds {
		g.round(g.servers[g.random.Intn(len(g.servers))])
	}
	g.askAgain()
	for _, v := range g.servers {
		if err := v.cmd.Process.Signal(os.Interrupt); err != nil {
			g.t.Fatal(err)
		}
		if code := exitOf(g.t, v.cmd); code != 0 {
			g.t.Errorf("exit code %d", code)
		}
		v.cmd = nil
	}
	g.examine()
}

func (g *siege) begin(v *siegeServer) {
	g.t.Helper()
	v.cmd = tool(g.t, "serve", "--config", g.path("issuant.yaml"), "--listen", v.listen)
	var errs bytes.Buffer
	v.cmd.Stderr = &errs
	if err := v.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	eventually(g.t, "it serves", func() bool {
		c, err := net.Dial("tcp", v.listen)
		if err != nil {
			return false
		}
		c.Close()
		return true
	})
}

// round sends, kills one server at some moment, and starts it again.
func (g *siege) round(victim *siegeServer) {
	stop := make(chan struct{})
	ticks := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(siegeRate)
		defer tick.Stop()
		defer close(ticks)
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				select {
				case ticks <- struct{}{}:
				case <-stop:
					return
				}
			}
		}
	})
	for range siegeSenders {
		seed := g.random.Int63()
		wg.Go(func() { g.sender(rand.New(rand.NewSource(seed)), ticks) })
	}
	time.Sleep(time.Duration(100+g.random.Intn(400)) * time.Millisecond)
	if err := victim.cmd.Process.Kill(); err != nil {
		g.t.Fatal(err)
	}
	victim.cmd.Wait()
	close(stop)
	wg.Wait()
	g.begin(victim)
}

// sender sends new messages, and now and then one again whose end nobody knows.
func (g *siege) sender(random *rand.Rand, ticks <-chan struct{}) {
	for range ticks {
		m := g.message(random.Intn(5) == 0)
		g.deliver(g.servers[random.Intn(len(g.servers))], m)
	}
}

// message is a new one, or one that may have been answered already.
func (g *siege) message(again bool) *siegeMessage {
	g.mu.Lock()
	if n := len(g.doubtful); again && n > 0 {
		m := g.doubtful[n-1]
		g.doubtful = g.doubtful[:n-1]
		g.mu.Unlock()
		return m
	}
	g.next++
	text := body(g.next)
	g.mu.Unlock()
	return &siegeMessage{text, g.served.sender.Sign([]byte(text), time.Now(), nil)}
}

func (g *siege) deliver(v *siegeServer, m *siegeMessage) {
	answer, status := g.postTo(v, m)
	g.mu.Lock()
	defer g.mu.Unlock()
	switch status {
	case 200:
		if before, ok := g.answers[m.body]; ok && before != answer {
			g.t.Errorf("answered in two ways: %s and %s", before, answer)
		}
		g.answers[m.body] = answer
	case 0, 503:
		g.doubtful = append(g.doubtful, m)
	default:
		g.t.Errorf("status %d: %s", status, answer)
	}
}

func (g *siege) postTo(v *siegeServer, m *siegeMessage) (answer string, status int) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+v.listen+webhookPath, strings.NewReader(m.body))
	if err != nil {
		return "", 0
	}
	req.Header.Set("X-Pismo-Sign", m.token)
	res, err := g.client.Do(req)
	if err != nil {
		return "", 0
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return "", 0
	}
	return string(b), res.StatusCode
}

// askAgain sends everything in doubt until it is answered, twice: the second answer
// is the stored one.
func (g *siege) askAgain() {
	for range 2 {
		list := g.doubtful
		for _, m := range list {
			g.doubtful = nil
			eventually(g.t, "a message in doubt is answered", func() bool {
				answer, status := g.postTo(g.servers[0], m)
				if status == 401 && time.Since(g.signedAt(m)) > 25*time.Second {
					return true // it was answered, and the time of retries is over
				}
				if status != 200 {
					return false
				}
				if before, ok := g.answers[m.body]; ok && before != answer {
					g.t.Errorf("answered in two ways: %s and %s", before, answer)
				}
				g.answers[m.body] = answer
				return true
			})
		}
		g.doubtful = list
	}
}

// signedAt reads iat from the message's token.
func (g *siege) signedAt(m *siegeMessage) time.Time {
	var claims struct{ Iat int64 }
	if err := json.Unmarshal(decodePart(g.t, strings.Split(m.token, ".")[1]), &claims); err != nil {
		g.t.Fatal(err)
	}
	return time.Unix(claims.Iat, 0)
}

// examine reads the chain and holds it against what was answered.
func (g *siege) examine() {
	db, err := store.Open(g.t.Context(), g.store, store.Options{ReadOnly: true})
	if err != nil {
		g.t.Fatal(err)
	}
	defer db.Close()
	end, err := db.Verify(g.t.Context())
	if err != nil {
		g.t.Error("the chain:", err)
	}
	decided := map[string]int{}
	for line, err := range db.Records(g.t.Context(), 0) {
		if err != nil {
			g.t.Fatal(err)
		}
		var r struct {
			Outcome *string
			Digest  string `json:"message_digest"`
		}
		if err := json.Unmarshal(line.Text, &r); err != nil {
			g.t.Fatal(err)
		}
		if r.Outcome != nil {
			decided[r.Digest]++
		}
	}
	for text := range g.answers {
		sum := sha256.Sum256([]byte(text))
		if n := decided[hex.EncodeToString(sum[:])]; n != 1 {
			g.t.Errorf("an answered message has %d decisions on record", n)
		}
	}
	for digest, n := range decided {
		if n != 1 {
			g.t.Errorf("message %s was decided %d times", digest, n)
		}
	}
	g.t.Logf("%d messages answered, %d in doubt at some time, %d records", len(g.answers), len(g.doubtful), end.Seq)
	if len(g.answers) < 50 {
		g.t.Errorf("only %d messages were answered: nothing was tried", len(g.answers))
	}
}

func decodePart(t *testing.T, part string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
