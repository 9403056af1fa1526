package gatehttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules"
)

// gatherFunc fills facts; r is the request with its verified body.
type gatherFunc func(ctx context.Context, r *http.Request, ev *engine.Event)

type handler struct {
	opt    Options
	gather gatherFunc // nil: nothing is gathered
	slots  chan struct{}
}

// NewHandler returns a handler that answers signed webhooks. It is safe for
// concurrent use; its errors are ErrConfig.
func NewHandler(opt Options) (http.Handler, error) {
	var gather gatherFunc
	if opt.Gather != nil {
		gather = func(ctx context.Context, _ *http.Request, ev *engine.Event) { opt.Gather(ctx, ev) }
	}
	return newHandler(opt, gather)
}

func newHandler(opt Options, gather gatherFunc) (*handler, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	return &handler{opt: opt, gather: gather, slots: make(chan struct{}, opt.MaxInFlight)}, nil
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		send(w, flat(http.StatusMethodNotAllowed, "method_not_allowed"))
		return
	}
	start := time.Now()
	if h.opt.Shadow != nil {
		h.serveShadow(w, r, start)
		return
	}
	x := h.exchange(w, r, start)
	x.Took = time.Since(start)
	h.observe(x)
	send(w, x.Reply)
	// An observer may keep what it was shown, and who gathers late still reads.
	if x.call != nil && h.opt.Observe == nil && !x.Late {
		x.call.Release()
	}
}

// observe lets no panic of a log stand between a recorded answer and its sender.
func (h *handler) observe(x Exchange) {
	defer func() { _ = recover() }()
	if h.opt.Observe != nil {
		h.opt.Observe(x)
	}
}

// exchange makes one request into one answer. A panic of the embedder's clock or
// of ours becomes a 503 that is recorded.
func (h *handler) exchange(w http.ResponseWriter, r *http.Request, start time.Time) (x Exchange) {
	a := engine.Arrival{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header, Took: func() time.Duration { return time.Since(start) }}
	var call *engine.Call
	defer func() {
		if recover() != nil {
			x = h.panicked(call, a)
		}
	}()
	a.Now = h.opt.Clock()
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		return h.refuse(w, a, fmt.Errorf("%w: too many requests in flight", engine.ErrBusy))
	}
	// A sender that hangs up does not change what is decided: it may come again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), h.opt.Deadline-time.Since(start))
	defer cancel()
	var err error
	if a.Body, err = h.body(w, r, start); err != nil {
		return h.refuse(w, a, err)
	}
	return h.decide(ctx, w, r, a, &call)
}

// panicked answers and records a request whose handling broke; call is nil before
// its message was verified.
func (h *handler) panicked(call *engine.Call, a engine.Arrival) Exchange {
	err := fmt.Errorf("%w: panic while a request was answered", engine.ErrInternal)
	if call != nil {
		return Exchange{Reply: h.opt.Gate.Abandon(call, err), Err: err}
	}
	return Exchange{Reply: h.opt.Gate.Refuse(err, a), Err: err}
}

// decide carries a message whose body was read through the gate. w is nil when
// the answer is not for the sender; call is set as soon as there is one.
func (h *handler) decide(ctx context.Context, w http.ResponseWriter, r *http.Request, a engine.Arrival, call **engine.Call) (x Exchange) {
	if ctx.Err() != nil {
		return h.refuse(w, a, fmt.Errorf("%w: the deadline passed before the message was verified", engine.ErrBusy))
	}
	var err error
	if *call, err = h.opt.Gate.Receive(ctx, a); err != nil {
		return Exchange{Reply: engine.ReplyTo(err), Err: err}
	}
	return h.answer(ctx, r, *call, a.Now)
}

// refuse records and answers what does not reach the gate's verifier. The
// connection ends with it, so that nobody has to read what is left of the body; w
// is nil when the answer is not for the sender.
func (h *handler) refuse(w http.ResponseWriter, a engine.Arrival, reason error) Exchange {
	if w != nil {
		w.Header().Set("Connection", "close")
	}
	return Exchange{Reply: h.opt.Gate.Refuse(reason, a), Err: reason}
}

// body reads at most MaxBody bytes and one more, until the deadline.
func (h *handler) body(w http.ResponseWriter, r *http.Request, start time.Time) ([]byte, error) {
	if r.ContentLength > int64(h.opt.MaxBody) {
		return nil, engine.ErrTooLarge
	}
	control := http.NewResponseController(w)
	// Not every ResponseWriter can; then the server's own timeout bounds the body.
	bounded := control.SetReadDeadline(start.Add(h.opt.Deadline)) == nil
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(h.opt.MaxBody)+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("%w: the deadline passed while the body was read", engine.ErrBusy)
	case err != nil:
		return nil, ErrBody // its text may hold what the sender wrote
	case len(body) > h.opt.MaxBody:
		return nil, engine.ErrTooLarge
	}
	if bounded { // else the connection would end at the deadline, answered or not
		_ = control.SetReadDeadline(time.Time{})
	}
	return body, nil
}

func (h *handler) answer(ctx context.Context, r *http.Request, call *engine.Call, now time.Time) Exchange {
	late := h.gathered(ctx, r, call)
	decide := h.opt.Gate.Answer
	if late {
		decide = h.opt.Gate.AnswerLate
	}
	reply, err := decide(call, now)
	return Exchange{Reply: reply, Event: call.Event, Decision: call.Decision(), Err: err, Late: late, call: call}
}

// GatherFailed is the code of the guard that a panic while gathering raises.
const GatherFailed = "gather_failed"

// gathered lets facts be filled into a copy of the call's event, and reports
// whether the deadline has passed. A copy that is still being filled then is left
// alone, and the event stays as it was decoded.
func (h *handler) gathered(ctx context.Context, r *http.Request, call *engine.Call) (late bool) {
	if h.gather == nil {
		return ctx.Err() != nil
	}
	ev := call.Event.Clone()
	r = r.Clone(ctx)
	r.Body = io.NopCloser(bytes.NewReader(call.Message.Body()))
	ok := make(chan bool, 1)
	go func() {
		fine := false
		defer func() {
			_ = recover()
			ok <- fine
		}()
		h.gather(ctx, r, ev)
		fine = true
	}()
	select {
	case fine := <-ok:
		h.take(call, ev, fine)
		return ctx.Err() != nil
	case <-ctx.Done():
	}
	grace := time.NewTimer(gatherGrace)
	defer grace.Stop()
	select {
	case fine := <-ok:
		h.take(call, ev, fine)
	case <-grace.C:
	}
	return true
}

// gatherGrace lets a gatherer that keeps to its context hand over, at the
// deadline, what it has found out by then.
const gatherGrace = 20 * time.Millisecond

// take puts the gathered facts in place. Guards are a floor: those of the codec
// stay, whatever was done to the copy.
func (h *handler) take(call *engine.Call, ev *engine.Event, fine bool) {
	if !fine {
		call.Event.Guards = append(call.Event.Guards, engine.Guard{Code: GatherFailed, Outcome: rules.Yellow})
		return
	}
	if ev.Facts == nil {
		ev.Facts = call.Event.Facts
	}
	codecs := call.Event.Guards
	more := ev.Guards[min(len(codecs), len(ev.Guards)):]
	ev.Guards = append(append([]engine.Guard(nil), codecs...), more...)
	call.Event = ev
}

// send writes the answer; headers are fixed, and nothing of the request is in them.
func send(w http.ResponseWriter, reply engine.Reply) {
	head := w.Header()
	head.Set("Content-Type", reply.ContentType)
	head.Set("Content-Length", strconv.Itoa(len(reply.Body)))
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(reply.Status)
	_, _ = w.Write(reply.Body) // a sender that has gone comes again and gets the stored answer
}

func flat(status int, what string) engine.Reply {
	return engine.Reply{Status: status, ContentType: "application/json", Body: []byte(`{"error":"` + what + `"}`)}
}
