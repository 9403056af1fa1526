//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func (s *served) dial() net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.address())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

// readAll reads until the server ends the connection.
func readAll(t *testing.T, c net.Conn) string {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	b, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the server keeps the connection")
	}
	return string(b)
}

func TestServeCutsSlowSenders(t *testing.T) {
	t.Parallel()
	s := newServed(t, "deadline: 500ms\n").start()
	silent, heads, bodies := s.dial(), s.dial(), s.dial()
	fmt.Fprint(heads, "POST /v1/webhooks/pismo HTTP/1.1\r\nHost: x\r\nX-A: ")
	fmt.Fprint(bodies, "POST /v1/webhooks/pismo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	stop := make(chan struct{})
	defer close(stop)
	go func() { // a byte now and then keeps nothing open
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
				heads.Write([]byte("a"))
				bodies.Write([]byte(" "))
			}
		}
	}()
	if status, _ := s.send(body(1), nil); status != 200 {
		t.Error("others wait for them:", status)
	}
	readAll(t, silent)
	readAll(t, heads)
	if got := readAll(t, bodies); !strings.HasPrefix(got, "HTTP/1.1 503 ") || !strings.Contains(got, "Connection: close") {
		t.Errorf("a slow body: %q", got)
	}
	eventually(t, "it is counted as busy", func() bool {
		return s.metric(`issuant_requests_total{counterpart="pismo",refusal="busy",status="503"} 1`)
	})
}

func TestServeRefusesHugeHeaders(t *testing.T) {
	t.Parallel()
	s := newServed(t, "").start()
	c := s.dial()
	go func() {
		fmt.Fprint(c, "POST /v1/webhooks/pismo HTTP/1.1\r\nHost: x\r\nX-Pismo-Sign: ")
		io.WriteString(c, strings.Repeat("a", 1<<20)+"\r\n\r\n") // it may fail: nobody reads that much
	}()
	if got := readAll(t, c); got != "" && !strings.HasPrefix(got, "HTTP/1.1 431 ") {
		t.Errorf("%.200q", got)
	}
	// What fits into the server's bound, but not into a token's.
	req, _ := http.NewRequest(http.MethodPost, s.hooks, strings.NewReader(body(1)))
	req.Header.Set("X-Pismo-Sign", strings.Repeat("a", 20<<10))
	if status, answer := s.do(req); status != 413 && status != 401 {
		t.Error(status, answer)
	}
	if status, _ := s.send(body(1), nil); status != 200 {
		t.Error("afterwards:", status)
	}
}

func TestServeRefusesConnectionsBeyondItsBound(t *testing.T) {
	t.Parallel()
	s := newServed(t, "max_connections: 20\n").start()
	for range 20 {
		s.dial()
	}
	eventually(t, "all are open", func() bool { return s.metric("issuant_connections 20") })
	if got := readAll(t, s.dial()); !strings.HasPrefix(got, "HTTP/1.1 503 ") {
		t.Errorf("the one too many: %q", got)
	}
	if !s.metric("issuant_refused_connections_total 1") {
		t.Error("it is not counted")
	}
	eventually(t, "those who say nothing have to go", func() bool {
		req, err := s.sender.Request(context.Background(), s.hooks, []byte(body(1)), time.Now(), nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.client.Do(req)
		if err != nil {
			return false // refused, and closed before the answer was read
		}
		defer res.Body.Close()
		return res.StatusCode == 200
	})
}

func TestServeGivesUpIdleConnectionsForNewOnes(t *testing.T) {
	t.Parallel()
	s := newServed(t, "max_connections: 5\n").start()
	for range 5 { // each has asked something, and may stay for a minute
		c := s.dial()
		fmt.Fprint(c, "GET /v1/webhooks/pismo HTTP/1.1\r\nHost: x\r\n\r\n")
		if _, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "a new one gets in", func() bool {
		c := s.dial()
		fmt.Fprint(c, "GET /v1/webhooks/pismo HTTP/1.1\r\nHost: x\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		return err == nil && res.StatusCode == 405
	})
}

// many is how many connections this system lets a test hold, 10,000 at most.
func many(t *testing.T) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	n := 10_000
	if room := int(limit.Cur) - 3000; room < n {
		n = max(room, 500)
		t.Logf("this system allows %d open files: %d connections in place of 10,000", limit.Cur, n)
	}
	return n
}

func TestServeOutlivesTenThousandConnections(t *testing.T) {
	if testing.Short() {
		t.Skip("opens thousands of connections")
	}
	s := newServed(t, "").start()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var open []net.Conn
	for range many(t) {
		c, err := net.DialTimeout("tcp", s.address(), patience)
		if err != nil {
			t.Fatalf("after %d connections: %v", len(open), err)
		}
		open = append(open, c)
	}
	runtime.ReadMemStats(&after)
	if grown := int64(after.Sys) - int64(before.Sys); grown > 256<<20 {
		t.Errorf("%d connections took %d MiB", len(open), grown>>20)
	}
	for _, c := range open {
		c.Close()
	}
	eventually(t, "it answers again", func() bool {
		req, err := s.sender.Request(context.Background(), s.hooks, []byte(body(1)), time.Now(), nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := s.client.Do(req)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == 200
	})
}

func TestServeAnswersWhatIsInFlightBeforeItEnds(t *testing.T) {
	t.Parallel()
	s := newServed(t, "deadline: 20s\ndrain_wait: 1s\n").start()
	req, err := s.sender.Request(context.Background(), s.hooks, []byte(body(1)), time.Now(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	text := body(1)
	req.Body = r
	type reply struct {
		status int
		err    error
	}
	got := make(chan reply, 1)
	go func() {
		res, err := s.client.Do(req)
		if err != nil {
			got <- reply{0, err}
			return
		}
		defer res.Body.Close()
		got <- reply{res.StatusCode, nil}
	}()
	io.WriteString(w, text[:10])
	eventually(t, "it is in flight", func() bool { return s.metric(`issuant_requests_in_flight{counterpart="pismo"} 1`) })
	s.stop()
	eventually(t, "readyz says no", func() bool {
		status, r := s.ready()
		return status == 503 && len(r.Reasons) == 1 && r.Reasons[0].Check == "drain"
	})
	if status, _ := s.send(body(2), nil); status != 200 {
		t.Error("while load balancers look away:", status)
	}
	io.WriteString(w, text[10:])
	w.Close()
	if a := <-got; a.err != nil || a.status != 200 {
		t.Error("what was in flight:", a)
	}
	if code := s.end(); code != 0 {
		t.Error("exit code", code)
	}
}

func TestServeSaysWhenItCouldNotDrain(t *testing.T) {
	t.Parallel()
	s := newServed(t, "deadline: 50s\ndrain_timeout: 1s\n").start()
	c := s.dial()
	fmt.Fprint(c, "POST /v1/webhooks/pismo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	eventually(t, "it is in flight", func() bool { return s.metric(`issuant_requests_in_flight{counterpart="pismo"} 1`) })
	if code := s.end(); code != exitFailed || !strings.Contains(s.log.String(), "did not end within") {
		t.Error("exit code", code, s.log.String())
	}
}

func TestServeIsNotThereForOtherPathsAndMethods(t *testing.T) {
	t.Parallel()
	s := newServed(t, "").start()
	for path, want := range map[string]int{"/": 404, "/v1/webhooks/": 404, "/v1/webhooks/nobody": 404, "/v1/webhooks/pismo/": 404, "/metrics": 404, "/readyz": 404, "/v1/webhooks/pismo": 405} {
		req, _ := http.NewRequest(http.MethodGet, "http://"+s.address()+path, nil)
		if status, _ := s.do(req); status != want {
			t.Errorf("%s: %d", path, status)
		}
	}
	s.hooks = s.admin + webhookPath
	if status, answer := s.send(body(1), nil); status != 404 && status != 401 || strings.Contains(answer, "action_code") {
		t.Error("the admin address takes webhooks:", status, answer)
	}
}
