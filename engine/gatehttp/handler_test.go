package gatehttp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/engine/gatehttp"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

func Example() {
	var gate *engine.Gate // engine.NewGate, with a verifier, a codec, an engine, a memory and a journal
	handler, err := gatehttp.NewHandler(gatehttp.Options{
		Gate: gate,
		Gather: func(ctx context.Context, ev *engine.Event) {
			// what the issuer knows: ev.Set("holder.channels", []string{"app", "sms"})
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/webhooks/pismo", handler)
	_ = gatehttp.NewServer("127.0.0.1:8080", mux)
	// Output: gatehttp: bad configuration: it needs a gate
}

func TestASignedMessageIsAnsweredAndRecorded(t *testing.T) {
	r := newRig(t, parts{})
	got := r.want(r.request(clean("432")), 200, approved)
	if got.header.Get("Content-Type") != "application/json" || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", got.header)
	}
	l := r.last("", "green")
	if text(l.Action) != "00" || !strings.HasPrefix(text(l.EventID), "432.") {
		t.Errorf("record: %v", l)
	}
}

// The rows of the table "answers when something is wrong".

func TestRefusedBeforeAValidSignatureIsAFlat401(t *testing.T) {
	for want, spoil := range map[string]func(*rig, *http.Request){
		"not_signed":  func(_ *rig, q *http.Request) { q.Header.Del(webhook.PismoHeader) },
		"malformed":   func(_ *rig, q *http.Request) { q.Header.Set(webhook.PismoHeader, "a.b") },
		"algorithm":   func(r *rig, q *http.Request) { setToken(q, enginetest.Claims{"alg": "none"}) },
		"key_unknown": func(r *rig, q *http.Request) { setToken(q, enginetest.Claims{"kid": "other"}) },
		"signature": func(_ *rig, q *http.Request) {
			token := q.Header.Get(webhook.PismoHeader)
			q.Header.Set(webhook.PismoHeader, token[:len(token)-8]+"AAAAAAAA")
		},
		"claims": func(r *rig, q *http.Request) { r.sign(q, clean("432"), enginetest.Claims{"iss": "evil"}) },
		"stale":  func(r *rig, q *http.Request) { r.sign(q, clean("432"), enginetest.Claims{"iat": 1}) },
		"body_hash": func(r *rig, q *http.Request) {
			r.sign(q, clean("433"), nil)
		},
	} {
		t.Run(want, func(t *testing.T) {
			r := newRig(t, parts{})
			req := r.request(clean("432"))
			spoil(r, req)
			got := r.want(req, 401, flat401)
			r.last(want, "")
			if len(got.header["Www-Authenticate"]) > 0 {
				t.Error("a stranger learns how to sign")
			}
			if len(r.seen) != 1 || r.seen[0].Refusal() != want || r.seen[0].Decision != nil {
				t.Errorf("observed: %+v", r.seen)
			}
		})
	}
}

func setToken(q *http.Request, header enginetest.Claims) {
	q.Header.Set(webhook.PismoHeader, sender().Token(header, []byte(`{}`)))
}

func (r *rig) sign(q *http.Request, body string, claims enginetest.Claims) {
	q.Header.Set(webhook.PismoHeader, sender().Sign([]byte(body), r.clock.Now(), claims))
}

func TestEveryRefusalLooksTheSame(t *testing.T) {
	r := newRig(t, parts{})
	unsigned := r.request(clean("1"))
	unsigned.Header.Del(webhook.PismoHeader)
	first := r.send(unsigned)
	wrong := r.request(clean("1"))
	r.sign(wrong, clean("2"), nil)
	second := r.send(wrong)
	first.header.Del("Date")
	second.header.Del("Date")
	if fmt.Sprint(first) != fmt.Sprint(second) {
		t.Errorf("%v\n%v", first, second)
	}
}

func TestTheHeaderTwiceIsMalformed(t *testing.T) {
	r := newRig(t, parts{})
	req := r.request(clean("432"))
	req.Header.Add(webhook.PismoHeader, req.Header.Get(webhook.PismoHeader))
	r.want(req, 401, flat401)
	r.last("malformed", "")
}

func TestABodyThatIsTooLargeIsA413(t *testing.T) {
	for name, length := range map[string]int{"one byte more": 256<<10 + 1, "one MiB": 1 << 20} {
		for _, declared := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/declared=%v", name, declared), func(t *testing.T) {
				r := newRig(t, parts{})
				body := clean("432") + strings.Repeat(" ", length-len(clean("432")))
				req := r.request(body)
				if !declared {
					req.ContentLength, req.Body = -1, io.NopCloser(strings.NewReader(body))
				}
				r.want(req, 413, flat413)
				if l := r.last("too_large", ""); l.Digest != nil {
					t.Errorf("a stranger's megabyte was digested: %s", *l.Digest)
				}
			})
		}
	}
	r := newRig(t, parts{})
	r.want(r.request(clean("432")+strings.Repeat(" ", 256<<10-len(clean("432")))), 200, approved)
}

func TestTheSameMessageAgainGetsTheStoredBytes(t *testing.T) {
	var gathered atomic.Int32
	r := newRig(t, parts{opt: gatehttp.Options{Gather: func(context.Context, *engine.Event) { gathered.Add(1) }}})
	req := r.request(clean("432"))
	copies := []*http.Request{again(req), again(req), again(req)}
	first := r.want(req, 200, approved)
	for _, at := range []time.Duration{0, 29 * time.Second, time.Second} {
		r.clock.Advance(at)
		if got := r.send(copies[0]); got.body != first.body || got.status != first.status {
			t.Errorf("after %v: %v", at, got)
		}
		r.last("repeat", "")
		copies = copies[1:]
	}
	if n := gathered.Load(); n != 1 {
		t.Errorf("facts were gathered %d times", n)
	}
}

func TestTheSameMessageLaterIsReplayed(t *testing.T) {
	r := newRig(t, parts{})
	req := r.request(clean("432"))
	late := again(req)
	r.want(req, 200, approved)
	r.clock.Advance(31 * time.Second)
	r.want(late, 401, flat401)
	r.last("replayed", "")
}

func TestTheSameMessageOnAnotherRouteIsReplayed(t *testing.T) {
	shared, err := engine.NewMemory(engine.MemoryOptions{})
	must(t, shared, err)
	clock := enginetest.NewClock(enginetest.Now())
	one := newRig(t, parts{memory: shared, clock: clock, route: "one"})
	two := newRig(t, parts{memory: shared, clock: clock, route: "two"})
	req := one.request(clean("432"))
	other := again(req)
	other.URL.Host = strings.TrimPrefix(two.server.URL, "http://")
	other.Host = ""
	one.want(req, 200, approved)
	two.want(other, 401, flat401)
	two.last("replayed", "")
}

func TestABodyThatCannotBeDecodedIsTheSystemError(t *testing.T) {
	for _, body := range []string{``, `{`, `[]`, `{"token_id":"432"}`, strings.Replace(clean("432"), `"vts"`, `7`, 1)} {
		r := newRig(t, parts{})
		req := r.request(body)
		twin := again(req)
		r.want(req, 200, system96)
		r.last("decode", "")
		r.want(twin, 200, system96)
		r.last("repeat", "")
	}
}

func TestADecisionWithErrorsIsTheJoinedOutcome(t *testing.T) {
	broken := verdict{truth: rules.Error, code: code.DivideByZero}
	for _, c := range []struct {
		name    string
		onError rules.Outcome
		methods []engine.Method
		body    string
		want    string
		outcome string
	}{
		{"on_error yellow", rules.Yellow, nil, clean("1"), stepUp, "yellow"},
		{"on_error red", rules.Red, nil, clean("1"), `{"approve":false,"action_code":"05"}`, "red"},
		{"a worse finding stays", rules.Yellow, nil, strings.Replace(clean("1"), `[]`, `["EXPCRD"]`, 1), `{"approve":false,"action_code":"54"}`, "red"},
		{"a yellow without a method", rules.Yellow, []engine.Method{}, clean("1"), system96, "red"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, parts{pack: pack(t, c.onError, broken), methods: c.methods})
			r.want(r.request(c.body), 200, c.want)
			l := r.last("", c.outcome)
			if len(l.Degraded) != 1 || l.Degraded[0].Code != "divide_by_zero" {
				t.Errorf("degraded: %v", l.Degraded)
			}
		})
	}
}

func TestADeadlineAfterVerificationJoinsOnError(t *testing.T) {
	release := make(chan struct{})
	slow := func(_ context.Context, ev *engine.Event) {
		<-release // keeps to nothing
		_ = ev.Set("card.expired", true)
	}
	defer close(release)
	for name, c := range map[string]struct {
		methods []engine.Method
		want    string
		outcome string
	}{
		"decided":               {nil, stepUp, "yellow"},
		"else the system error": {[]engine.Method{}, system96, "red"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, parts{methods: c.methods, opt: gatehttp.Options{Gather: slow, Deadline: 60 * time.Millisecond}})
			r.want(r.request(clean("432")), 200, c.want)
			l := r.last("", c.outcome)
			if len(l.Degraded) != 1 || l.Degraded[0].Code != "deadline" {
				t.Errorf("degraded: %v", l.Degraded)
			}
			if len(r.seen) != 1 || !r.seen[0].Late || r.seen[0].Event.Has("card.expired") {
				t.Errorf("observed: %+v", r.seen)
			}
		})
	}
}

func TestFactsThatArriveAtTheDeadlineCount(t *testing.T) {
	polite := func(ctx context.Context, ev *engine.Event) {
		_ = ev.Set("card.expired", true) // known at once
		<-ctx.Done()                     // the next source is too slow
	}
	r := newRig(t, parts{opt: gatehttp.Options{Gather: polite, Deadline: 60 * time.Millisecond}})
	r.want(r.request(clean("432")), 200, `{"approve":false,"action_code":"54"}`)
	if l := r.last("", "red"); len(l.Degraded) != 1 {
		t.Errorf("degraded: %v", l.Degraded)
	}
}

func TestADeadlineBeforeVerificationIsA503(t *testing.T) {
	r := newRig(t, parts{opt: gatehttp.Options{Deadline: 80 * time.Millisecond}})
	conn, err := net.Dial("tcp", r.server.Listener.Addr().String())
	must(t, conn, err)
	defer conn.Close()
	req := r.request(clean("432"))
	fmt.Fprintf(conn, "POST /hook HTTP/1.1\r\nHost: x\r\nX-Pismo-Sign: %s\r\nContent-Length: %d\r\n\r\n{", req.Header.Get(webhook.PismoHeader), len(clean("432")))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, resp, err)
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != 503 || string(body) != flat503 || err != nil || !resp.Close {
		t.Errorf("%d %s %v, close %v", resp.StatusCode, body, err, resp.Close)
	}
	r.last("busy", "")
}

func TestTooManyInFlightAreA503(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	hold := func(context.Context, *engine.Event) { entered <- struct{}{}; <-release }
	r := newRig(t, parts{opt: gatehttp.Options{Gather: hold, MaxInFlight: 2}})
	var done sync.WaitGroup
	for _, token := range []string{"1", "2"} {
		done.Add(1)
		req := r.request(clean(token))
		go func() { defer done.Done(); r.want(req, 200, approved) }()
		<-entered
	}
	r.want(r.request(clean("3")), 503, flat503)
	r.last("busy", "")
	close(release)
	done.Wait()
	go func() { <-entered }()
	r.want(r.request(clean("3")), 200, approved) // the slot is free again, and 503 had no effect
}

func TestTwinsHaveOneEffectAndOneAnswer(t *testing.T) {
	var gathered atomic.Int32
	slow := func(context.Context, *engine.Event) { gathered.Add(1); time.Sleep(30 * time.Millisecond) }
	r := newRig(t, parts{opt: gatehttp.Options{Gather: slow}})
	req := r.request(clean("432"))
	const n = 24
	var done sync.WaitGroup
	for range n {
		done.Add(1)
		twin := again(req)
		go func() { defer done.Done(); r.want(twin, 200, approved) }()
	}
	done.Wait()
	decided, repeats := 0, 0
	for _, l := range r.records() {
		switch {
		case text(l.Refusal) == "repeat":
			repeats++
		case text(l.Outcome) == "green":
			decided++
		}
	}
	if decided != 1 || repeats != n-1 || gathered.Load() != 1 {
		t.Errorf("%d decided, %d repeats, %d times gathered", decided, repeats, gathered.Load())
	}
}

func TestTwinsOnTwoRoutesGetOneAnswer(t *testing.T) {
	shared, err := engine.NewMemory(engine.MemoryOptions{})
	must(t, shared, err)
	clock := enginetest.NewClock(enginetest.Now())
	rigs := []*rig{
		newRig(t, parts{memory: shared, clock: clock, route: "one"}),
		newRig(t, parts{memory: shared, clock: clock, route: "two"}),
	}
	req := rigs[0].request(clean("432"))
	var statuses [2]int
	var done sync.WaitGroup
	for i, r := range rigs {
		twin := again(req)
		twin.URL.Host, twin.Host = strings.TrimPrefix(r.server.URL, "http://"), ""
		done.Add(1)
		go func() { defer done.Done(); statuses[i] = r.send(twin).status }()
	}
	done.Wait()
	if statuses != [2]int{200, 401} && statuses != [2]int{401, 200} {
		t.Errorf("statuses %v", statuses)
	}
}

func TestARecordThatCannotBeWrittenIsA503(t *testing.T) {
	r := newRig(t, parts{})
	req := r.request(clean("432"))
	twin := again(req)
	r.journal.fail = true
	r.want(req, 503, flat503)
	unsigned := again(twin)
	unsigned.Header.Del(webhook.PismoHeader)
	r.want(unsigned, 503, flat503)
	r.journal.fail = false
	r.want(twin, 200, approved) // the first had no effect
	r.last("", "green")
}

func TestAnythingButPostIsA405(t *testing.T) {
	r := newRig(t, parts{})
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		req := r.request(clean("432"))
		req.Method = method
		got := r.send(req)
		if got.status != 405 || got.header.Get("Allow") != "POST" {
			t.Errorf("%s: %v", method, got)
		}
	}
	if n := len(r.records()); n != 0 {
		t.Errorf("%d records", n)
	}
}

func TestTheContentTypeIsNotTrusted(t *testing.T) {
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"} {
		r := newRig(t, parts{})
		req := r.request(clean("432"))
		req.Header.Set("Content-Type", kind)
		r.want(req, 200, approved)
	}
}

func TestABodyThatBreaksOffIsRecorded(t *testing.T) {
	r := newRig(t, parts{})
	conn, err := net.Dial("tcp", r.server.Listener.Addr().String())
	must(t, conn, err)
	fmt.Fprintf(conn, "POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	conn.Close()
	for range 100 {
		if len(r.records()) > 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	r.last("bad_request", "")
}

func TestNothingOfTheSenderIsEchoed(t *testing.T) {
	r := newRig(t, parts{})
	for _, body := range []string{`{"MARKER`, strings.Replace(clean("432"), `"vts"`, `"MARKER"`, 1), `MARKER`} {
		req := r.request(body)
		req.Header.Set("X-Marker", "MARKER")
		req.URL.Path = "/MARKER"
		got := r.send(req)
		if strings.Contains(fmt.Sprint(got), "MARKER") {
			t.Errorf("%v", got)
		}
	}
	r.journal.mu.Lock()
	defer r.journal.mu.Unlock()
	if strings.Contains(r.journal.buf.String(), "MARKER") {
		t.Errorf("the journal holds it: %s", r.journal.buf.String())
	}
}

func TestPanicsEndAsAnswers(t *testing.T) {
	boom := func() { panic("MARKER") }
	for name, c := range map[string]struct {
		parts  parts
		status int
		body   string
	}{
		"while gathering": {parts{opt: gatehttp.Options{Gather: func(context.Context, *engine.Event) { boom() }}}, 200, stepUp},
		"in a condition":  {parts{pack: pack(t, rules.Yellow, verdict{panics: true})}, 200, system96},
		"in the codec":    {parts{codec: brokenCodec{newCodec(t)}}, 200, system96},
		"in the clock":    {parts{opt: gatehttp.Options{Clock: func() time.Time { boom(); return time.Time{} }}}, 503, flat503},
		"in the observer": {parts{opt: gatehttp.Options{Observe: func(gatehttp.Exchange) { boom() }}}, 200, approved},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.parts)
			r.want(r.request(clean("432")), c.status, c.body)
			if len(r.records()) != 1 {
				t.Errorf("%d records", len(r.records()))
			}
		})
	}
}

// brokenCodec panics on every decision.
type brokenCodec struct{ engine.Codec }

func (brokenCodec) Encode(*engine.Event, *engine.Decision) (engine.Reply, error) {
	panic("mistake in a codec")
}

func TestGatheredFactsDecideAndGuardsStay(t *testing.T) {
	r := newRig(t, parts{opt: gatehttp.Options{Gather: func(_ context.Context, ev *engine.Event) {
		ev.Guards = nil // a mistake: it must not open the gate
		if ev.Text("token.ref") == "2" {
			_ = ev.Set("card.expired", true)
		}
	}}})
	r.want(r.request(strings.Replace(clean("1"), `[]`, `["UBT"]`, 1)), 200, `{"approve":false,"action_code":"05"}`)
	r.want(r.request(clean("2")), 200, `{"approve":false,"action_code":"54"}`)
	r = newRig(t, parts{opt: gatehttp.Options{Gather: func(_ context.Context, ev *engine.Event) {
		ev.Guards = append(ev.Guards, engine.Guard{Code: "own", Outcome: rules.Red, ActionCode: "14"})
	}}})
	r.want(r.request(clean("1")), 200, `{"approve":false,"action_code":"14"}`)
}

func TestTheFirstMessageAfterARotationWaits(t *testing.T) {
	empty, err := keyring.NewRing()
	must(t, empty, err)
	live := keyring.NewLive(empty)
	full, err := keyring.NewRing(sender().Key())
	must(t, full, err)
	var asked atomic.Int32
	arriving := waiter(func(ctx context.Context, id string) bool {
		asked.Add(1)
		if id != sender().KeyID() {
			return false
		}
		time.Sleep(20 * time.Millisecond)
		live.Swap(full)
		return true
	})
	r := newRig(t, parts{keys: live, await: gatehttp.AwaitKey(arriving, 0)})
	stranger := r.request(clean("1"))
	setToken(stranger, enginetest.Claims{"kid": "nobody"})
	r.want(stranger, 401, flat401)
	r.last("key_unknown", "")
	r.want(r.request(clean("1")), 200, approved)
	r.want(r.request(clean("2")), 200, approved)
	if asked.Load() != 2 {
		t.Errorf("asked %d times", asked.Load())
	}
}

type waiter func(context.Context, string) bool

func (w waiter) Await(ctx context.Context, id string) bool { return w(ctx, id) }

func TestAwaitKeyIsBounded(t *testing.T) {
	never := waiter(func(ctx context.Context, _ string) bool { <-ctx.Done(); return false })
	start := time.Now()
	if gatehttp.AwaitKey(never, 0)(context.Background(), "k") {
		t.Error("a key that never came is there")
	}
	if took := time.Since(start); took < 250*time.Millisecond || took > time.Minute {
		t.Errorf("waited %v", took)
	}
}

func TestTheHandlerWorksUnderMuxesAndWrappers(t *testing.T) {
	for name, wrap := range map[string]func(http.Handler) http.Handler{
		"pattern": func(h http.Handler) http.Handler {
			m := http.NewServeMux()
			m.Handle("POST /hook", h)
			return m
		},
		"prefix":          func(h http.Handler) http.Handler { return http.StripPrefix("/hook", h) },
		"timeout handler": func(h http.Handler) http.Handler { return http.TimeoutHandler(h, time.Second, "") },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, parts{wrap: wrap})
			r.want(r.request(clean("432")), 200, approved)
		})
	}
	r := newRig(t, parts{})
	h, err := gatehttp.NewHandler(r.opt)
	must(t, h, err)
	w := httptest.NewRecorder() // has no deadlines to set
	h.ServeHTTP(w, r.request(clean("7")))
	if w.Code != 200 || w.Body.String() != approved {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestConnectionsAreKeptPastTheDeadline(t *testing.T) {
	r := newRig(t, parts{opt: gatehttp.Options{Deadline: 50 * time.Millisecond}})
	var reused []bool
	for i := range 3 {
		req := r.request(clean(fmt.Sprint(i)))
		ctx := traceReuse(req.Context(), &reused)
		r.want(req.WithContext(ctx), 200, approved)
		time.Sleep(70 * time.Millisecond)
	}
	if len(reused) != 3 || !reused[1] || !reused[2] {
		t.Errorf("connections reused: %v", reused)
	}
}

func TestNewHandlerRefusesBadOptions(t *testing.T) {
	gate := newGate(t, &parts{})
	for name, o := range map[string]gatehttp.Options{
		"no gate":           {},
		"negative body":     {Gate: gate, MaxBody: -1},
		"body too large":    {Gate: gate, MaxBody: webhook.MaxMaxBody + 1},
		"negative flight":   {Gate: gate, MaxInFlight: -1},
		"negative deadline": {Gate: gate, Deadline: -1},
		"endless deadline":  {Gate: gate, Deadline: time.Hour},
	} {
		if _, err := gatehttp.NewHandler(o); !errors.Is(err, gatehttp.ErrConfig) || code.Of(err) != code.Config {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := gatehttp.NewMiddleware(o); !errors.Is(err, gatehttp.ErrConfig) {
			t.Errorf("%s, middleware: %v", name, err)
		}
	}
	o := gatehttp.Options{Gate: gate, Gather: func(context.Context, *engine.Event) {}}
	if _, err := gatehttp.NewMiddleware(o); !errors.Is(err, gatehttp.ErrConfig) {
		t.Errorf("a middleware with Gather: %v", err)
	}
}

func TestTheHandlersOwnBoundOnBodiesHolds(t *testing.T) {
	length := len(clean("432"))
	r := newRig(t, parts{opt: gatehttp.Options{MaxBody: length}})
	r.want(r.request(clean("432")), 200, approved)
	longer := r.request(clean("432") + " ")
	longer.ContentLength, longer.Body = -1, io.NopCloser(strings.NewReader(clean("432")+" "))
	r.want(longer, 413, flat413)
}

func TestADeclaredLengthThatIsTooLargeIsNotWaitedFor(t *testing.T) {
	r := newRig(t, parts{opt: gatehttp.Options{Deadline: time.Minute}})
	conn, err := net.Dial("tcp", r.server.Listener.Addr().String())
	must(t, conn, err)
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(conn, "POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, resp, err)
	if resp.StatusCode != 413 || !resp.Close {
		t.Errorf("status %d, close %v", resp.StatusCode, resp.Close)
	}
	r.last("too_large", "")
}

// A connection that is lost must not change what is decided: the sender comes
// again and gets what was stored.
func TestASenderThatHangsUpDoesNotChangeTheDecision(t *testing.T) {
	gathering, hungUp := make(chan struct{}), make(chan struct{})
	r := newRig(t, parts{opt: gatehttp.Options{Deadline: 10 * time.Second, Gather: func(ctx context.Context, _ *engine.Event) {
		close(gathering)
		<-hungUp
		select {
		case <-ctx.Done():
			t.Error("the context ended with the connection")
		case <-time.After(50 * time.Millisecond):
		}
	}}})
	req := r.request(clean("432"))
	twin := again(req)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-gathering
		cancel()
		time.Sleep(50 * time.Millisecond) // the server notices
		close(hungUp)
	}()
	if resp, err := r.server.Client().Do(req.WithContext(ctx)); err == nil {
		resp.Body.Close()
		t.Error("the request was to be cancelled")
	}
	r.want(twin, 200, approved)
	if l := r.records()[0]; text(l.Outcome) != "green" || len(l.Degraded) != 0 {
		t.Errorf("record: %v", l)
	}
}
