package gatehttp_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/gatehttp"
)

// incumbent is a system in charge that keeps what it was asked.
type incumbent struct {
	*httptest.Server
	mu    sync.Mutex
	asked []asked
}

type asked struct {
	line   string // method and request URI
	header http.Header
	body   string
}

func (i *incumbent) all() []asked {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.asked)
}

func newIncumbent(t *testing.T, answer http.HandlerFunc) *incumbent {
	t.Helper()
	i := &incumbent{}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		i.mu.Lock()
		i.asked = append(i.asked, asked{r.Method + " " + r.RequestURI, r.Header.Clone(), string(b)})
		i.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(i.Close)
	return i
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func shadowOf(t *testing.T, opt gatehttp.ShadowOptions) gatehttp.Options {
	t.Helper()
	s, err := gatehttp.NewShadow(opt)
	return gatehttp.Options{Shadow: must(t, s, err)}
}

// lastLine is the journal's last line as text.
func (r *rig) lastLine() string {
	r.t.Helper()
	r.records() // checks the chain
	r.journal.mu.Lock()
	defer r.journal.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(r.journal.buf.String()), "\n")
	return lines[len(lines)-1]
}

const declined = `{"approve":false,"action_code":"05"}`

func TestShadowAnswersWithTheIncumbentsWordsAndRecordsBoth(t *testing.T) {
	in := newIncumbent(t, says(200, declined+"\n"))
	r := newRig(t, parts{opt: shadowOf(t, gatehttp.ShadowOptions{URL: in.URL})})
	got := r.want(r.request(clean("1")), 200, declined+"\n")
	if ct := got.header.Get("Content-Type"); ct != "application/json; charset=utf-8" {
		t.Errorf("content type %s", ct)
	}
	r.server.Close() // waits for the record
	r.last("", "green")
	if line := r.lastLine(); !strings.Contains(line, `"incumbent":{"status":200,"failure":null,"approve":false,"action_code":"05","micros":`) {
		t.Error(line)
	}
	x := r.seen[0]
	if x.Incumbent == nil || x.Incumbent.Reply.Status != 200 || x.Incumbent.Reply.Body != nil || string(x.Reply.Body) != approved || x.Decision == nil {
		t.Errorf("exchange %+v", x)
	}
}

// TestShadowForwardsAsReceived: the request line, the body and every end-to-end
// header reach the incumbent as they came, and nothing is added.
func TestShadowForwardsAsReceived(t *testing.T) {
	in := newIncumbent(t, says(200, approved))
	r := newRig(t, parts{opt: shadowOf(t, gatehttp.ShadowOptions{URL: in.URL + "/"})})
	body := " \r\n{\"not\": \"canonical\"}\x00\xff"
	conn, err := net.Dial("tcp", r.server.Listener.Addr().String())
	must(t, conn, err)
	defer conn.Close()
	fmt.Fprintf(conn, "POST /a%%2Fb/c%%20d;x=1?b=%%20&a&b=2 HTTP/1.1\r\nHost: ours.example\r\nx-pismo-sign: one\r\nX-Two: 1\r\nX-Two: 2, 3\r\nAuthorization: Bearer x\r\n"+
		"Cookie: a=b\r\nX-Forwarded-For: 192.0.2.1\r\nConnection: keep-alive, X-Mine\r\nX-Mine: secret\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nProxy-Authorization: Basic x\r\nUpgrade: h2c\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
	fmt.Fprintf(conn, "5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", body[:5], len(body)-5, body[5:])
	in2 := bufio.NewReader(conn)
	res, err := http.ReadResponse(in2, nil)
	must(t, res, err)
	if res.StatusCode == http.StatusContinue {
		res, err = http.ReadResponse(in2, nil)
		must(t, res, err)
	}
	answer, err := io.ReadAll(res.Body)
	if res.StatusCode != 200 || string(answer) != approved || err != nil {
		t.Fatalf("%d %s %v", res.StatusCode, answer, err)
	}
	got := in.all()[0]
	if got.line != "POST /a%2Fb/c%20d;x=1?b=%20&a&b=2" || got.body != body {
		t.Errorf("%q %q", got.line, got.body)
	}
	got.header.Del("Content-Length")
	want := http.Header{
		"X-Pismo-Sign": {"one"}, "X-Two": {"1", "2, 3"}, "Authorization": {"Bearer x"}, "Cookie": {"a=b"}, "X-Forwarded-For": {"192.0.2.1"},
	}
	if fmt.Sprint(got.header) != fmt.Sprint(want) {
		t.Errorf("header\ngot  %v\nwant %v", got.header, want)
	}
}

func TestShadowWithAPathIsTheWholeAddress(t *testing.T) {
	in := newIncumbent(t, says(200, approved))
	r := newRig(t, parts{opt: shadowOf(t, gatehttp.ShadowOptions{URL: in.URL + "/old%2Fhook"})})
	req := r.request(clean("1"))
	req.URL.RawQuery = "tenant=7"
	r.want(req, 200, approved)
	if got := in.all()[0].line; got != "POST /old%2Fhook?tenant=7" {
		t.Errorf("asked %s", got)
	}
}

// TestShadowPassesTheAnswerOnAsItIs: status, end-to-end headers and bytes.
func TestShadowPassesTheAnswerOnAsItIs(t *testing.T) {
	var packed strings.Builder
	zip := gzip.NewWriter(&packed)
	io.WriteString(zip, declined)
	zip.Close()
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		status int
		body   string
		header http.Header
		record string
	}{
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(307)
		},
			307, "", http.Header{"Location": {"/elsewhere"}}, `"status":307,"failure":null,"approve":null`},
		"error": {says(500, "oops"), 500, "oops", http.Header{"Content-Type": {"application/json; charset=utf-8"}}, `"status":500,"failure":null,"approve":null`},
		"empty": {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }, 204, "", nil, `"status":204,`},
		"headers": {func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = nil
			w.Header().Add("X-Answer", "1")
			w.Header().Add("X-Answer", "2")
			w.Header().Set("Connection", "X-Hop")
			w.Header().Set("X-Hop", "secret")
			io.WriteString(w, approved)
		}, 200, approved, http.Header{"X-Answer": {"1", "2"}, "X-Hop": nil, "Content-Type": nil, "Cache-Control": nil}, `"status":200,"failure":null,"approve":true,"action_code":"00"`},
		"packed": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, packed.String())
		}, 200, packed.String(), http.Header{"Content-Encoding": {"gzip"}}, `"status":200,"failure":null,"approve":false,"action_code":"05"`},
	} {
		t.Run(name, func(t *testing.T) {
			in := newIncumbent(t, c.answer)
			r := newRig(t, parts{opt: shadowOf(t, gatehttp.ShadowOptions{URL: in.URL})})
			req := r.request(clean("1"))
			req.Header.Set("Accept-Encoding", "gzip") // or the test's client unpacks
			client := r.server.Client()
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			got := r.want(req, c.status, c.body)
			for k, v := range c.header {
				if !slices.Equal(got.header.Values(k), v) {
					t.Errorf("%s: %q, want %q", k, got.header.Values(k), v)
				}
			}
			r.server.Close()
			if line := r.lastLine(); !strings.Contains(line, `"incumbent":{`+c.record) {
				t.Errorf("%s lacks %s", line, c.record)
			}
			if n := len(in.all()); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// TestShadowForwardsWhatItWouldRefuse: forgeries and retries are the incumbent's
// affair; our own view of them is recorded.
func TestShadowForwardsWhatItWouldRefuse(t *testing.T) {
	in := newIncumbent(t, says(200, approved))
	r := newRig(t, parts{opt: shadowOf(t, gatehttp.ShadowOptions{URL: in.URL})})
	req := r.request(clean("1"))
	r.want(again(req), 200, approved)
	r.want(again(req), 200, approved)
	forged := r.request(clean("2"))
	forged.Header.Set("X-Pismo-Sign", "forged")
	r.want(forged, 200, approved)
	r.want(r.request(`{"card":1}`), 200, approved)
	r.server.Close()
	if n := len(in.all()); n != 4 {
		t.Errorf("asked %d times", n)
	}
	var refusals []string
	for _, l := range r.records() {
		refusals = append(refusals, text(l.Refusal))
	}
	slices.Sort(refusals) // a record may come after the next request
	if fmt.Sprint(refusals) != "[ decode malformed repeat]" {
		t.Errorf("refusals %q", refusals)
	}
	if n := strings.Count(r.journal.buf.String(), `"incumbent":{"status":200`); n != 4 {
		t.Errorf("%d records hold the incumbent's answer", n)
	}
}

func TestShadowSaysFlatlyThatTheIncumbentFailed(t *testing.T) {
	gone := newIncumbent(t, says(200, approved))
	gone.Close()
	for name, c := range map[string]struct {
		answer  http.HandlerFunc
		url     string
		status  int
		body    string
		failure string
	}{
		"gone":      {nil, gone.URL, 502, `{"error":"incumbent_unavailable"}`, "unreachable"},
		"late":      {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "", 504, `{"error":"incumbent_timeout"}`, "timeout"},
		"too large": {says(200, strings.Repeat("x", 101)), "", 502, `{"error":"incumbent_unavailable"}`, "too_large"},
		"breaks off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "50")
			io.WriteString(w, "some")
		}, "", 502, `{"error":"incumbent_unavailable"}`, "unreachable"},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "", 502, `{"error":"incumbent_unavailable"}`, "unreachable"},
		"late body": {func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "some")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "", 504, `{"error":"incumbent_timeout"}`, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.url == "" {
				c.url = newIncumbent(t, c.answer).URL
			}
			r := newRig(t, parts{opt: shadowOf(t, gatehttp.ShadowOptions{URL: c.url, Timeout: 300 * time.Millisecond, MaxAnswer: 100})})
			r.want(r.request(clean("1")), c.status, c.body)
			r.server.Close()
			r.last("", "green")
			if line := r.lastLine(); !strings.Contains(line, `"incumbent":{"status":null,"failure":"`+c.failure+`","approve":null,"action_code":null`) {
				t.Error(line)
			}
		})
	}
}

// TestShadowDoesNotWaitForUs: the incumbent's answer leaves while we still gather,
// and when we cannot record; a server that shuts down waits for the record.
func TestShadowDoesNotWaitForUs(t *testing.T) {
	in := newIncumbent(t, says(200, declined))
	release := make(chan struct{})
	opt := shadowOf(t, gatehttp.ShadowOptions{URL: in.URL})
	opt.Deadline = gatehttp.MaxDeadline
	opt.Gather = func(context.Context, *engine.Event) { <-release }
	r := newRig(t, parts{opt: opt})
	r.want(r.request(clean("1")), 200, declined)
	if len(r.records()) != 0 {
		t.Error("it was recorded before it was decided")
	}
	down := make(chan error, 1)
	go func() { down <- r.server.Config.Shutdown(context.Background()) }()
	select {
	case err := <-down:
		t.Errorf("the server went down before the record was written: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	if err := <-down; err != nil {
		t.Error(err)
	}
	r.last("", "green")
}

func TestShadowAnswersThoughWeFail(t *testing.T) {
	in := newIncumbent(t, says(200, declined))
	for name, change := range map[string]func(*parts){
		"no record": func(p *parts) { p.journal = &journal{fail: true} },
		"gather panics": func(p *parts) {
			p.opt.Gather = func(context.Context, *engine.Event) { panic("mistake") }
		},
		"codec panics": func(p *parts) { p.opt.Observe = func(gatehttp.Exchange) { panic("mistake in a log") } },
	} {
		p := parts{opt: shadowOf(t, gatehttp.ShadowOptions{URL: in.URL})}
		change(&p)
		r := newRig(t, p)
		if got := r.send(r.request(clean("1"))); got.status != 200 || got.body != declined {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		r.server.Close()
	}
}

// TestShadowKeepsItsOwnBounds: what the handler keeps out is not forwarded.
func TestShadowKeepsItsOwnBounds(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	in := newIncumbent(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		says(200, approved)(w, r)
	})
	opt := shadowOf(t, gatehttp.ShadowOptions{URL: in.URL})
	opt.MaxInFlight, opt.MaxBody = 1, 1000
	r := newRig(t, parts{opt: opt})
	first := make(chan answered, 1)
	req := r.request(clean("1"))
	go func() { first <- r.send(req) }()
	<-arrived
	r.want(r.request(clean("2")), 503, flat503)
	r.last("busy", "")
	close(release)
	if got := <-first; got.body != approved {
		t.Errorf("%+v", got)
	}
	go func() { // a place is free only when the record of the first is written
		for range arrived {
		}
	}()
	for r.send(r.request(clean("3"))).status == 503 {
		time.Sleep(time.Millisecond)
	}
	for {
		if got := r.send(r.request(clean(strings.Repeat("1", 2000)))); got.status == 413 {
			break
		} else if got.status != 503 {
			t.Fatalf("%+v", got)
		}
	}
	get, err := http.Get(r.server.URL)
	must(t, get, err)
	get.Body.Close()
	if get.StatusCode != 405 || len(in.all()) != 2 {
		t.Errorf("%d, asked %d times", get.StatusCode, len(in.all()))
	}
	r.server.Close()
	close(arrived)
}

func TestShadowRefusesUnsafeOptions(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "not an absolute one",
		"incumbent":                   "not an absolute one",
		"https:///path":               "not an absolute one",
		"https://%zz":                 "not an absolute one",
		"http://incumbent.example":    "neither https nor http on the loopback",
		"ftp://127.0.0.1":             "neither https nor http on the loopback",
		"http://127.0.0.1.example":    "neither https nor http on the loopback",
		"https://u:hunter2@i.example": "a user or password",
		"https://i.example/?a=b":      "a query or fragment",
		"https://i.example/?":         "a query or fragment",
		"https://i.example/#x":        "a query or fragment",
	} {
		_, err := gatehttp.NewShadow(gatehttp.ShadowOptions{URL: text})
		if !errors.Is(err, gatehttp.ErrConfig) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"https://incumbent.example", "http://127.0.0.1:8080/hook", "http://[::1]:1", "http://localhost"} {
		if _, err := gatehttp.NewShadow(gatehttp.ShadowOptions{URL: text}); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, opt := range []gatehttp.ShadowOptions{{Timeout: -1}, {Timeout: gatehttp.MaxDeadline + 1}, {MaxAnswer: -1}, {MaxAnswer: gatehttp.MaxMaxAnswer + 1}} {
		opt.URL = "https://incumbent.example"
		if _, err := gatehttp.NewShadow(opt); !errors.Is(err, gatehttp.ErrConfig) {
			t.Errorf("%+v: %v", opt, err)
		}
	}
}

// TestShadowGoesStraightToTheIncumbent: a proxy of the environment would read every
// message, and unpacking would change answers.
func TestShadowGoesStraightToTheIncumbent(t *testing.T) {
	s, err := gatehttp.NewShadow(gatehttp.ShadowOptions{URL: "https://incumbent.example"})
	must(t, s, err)
	tr := gatehttp.TransportOf(s).(*http.Transport)
	if tr.Proxy != nil || !tr.DisableCompression || tr.TLSClientConfig.InsecureSkipVerify || tr.MaxResponseHeaderBytes == 0 {
		t.Errorf("transport %+v", tr)
	}
}
