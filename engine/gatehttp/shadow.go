package gatehttp

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/issuant/issuant/engine"
)

// Defaults and bounds of a shadow, inclusive.
const (
	DefaultShadowTimeout = 5 * time.Second
	DefaultMaxAnswer     = 1 << 20 // bytes
	MaxMaxAnswer         = 16 << 20

	maxAnswerHeader  = 64 << 10 // bytes
	shadowWriteGrace = 5 * time.Second
)

// ShadowOptions of NewShadow. URL is required; what is zero takes the default.
type ShadowOptions struct {
	// URL is where the incumbent listens: https, or http on the loopback. One
	// without a path gets the path as received; one with a path is the whole
	// address. The query is the one received in both cases, so URL has none.
	URL string
	// Timeout bounds the incumbent's whole answer, at most MaxDeadline.
	Timeout time.Duration
	// MaxAnswer bounds the incumbent's body in bytes, at most MaxMaxAnswer.
	MaxAnswer int
	// Transport carries the request; default: one that trusts the system's
	// certificate authorities, knows no proxy and does not decompress. It must not
	// follow redirects.
	Transport http.RoundTripper
}

// Shadow lets the incumbent, the system that is still in charge, answer, while the
// gate decides and records beside it. It is safe for concurrent use.
//
// The incumbent gets each message as it came in: its method, path, query, body and
// end-to-end headers; what belongs to one connection (RFC 9110, 7.6.1), Host and
// Expect are made anew. The sender gets the incumbent's status, end-to-end headers
// and body; a redirect is passed on, not followed. An incumbent that cannot be
// reached, breaks off or answers more than MaxAnswer is 502, one that is late 504.
//
// What the gate finds changes nothing of that answer and does not delay it: the
// answer leaves when it is there, and the request ends when the record is written.
// The record holds both. Messages that the gate would refuse and retries are
// forwarded too: what to make of them is the incumbent's affair.
//
// Not forwarded is what the handler's own bounds keep out: no POST, longer than
// MaxBody, too many in flight, not read within the deadline.
type Shadow struct {
	opt ShadowOptions
	url *url.URL
}

// NewShadow checks the options; its errors are ErrConfig, and do not quote the URL.
func NewShadow(opt ShadowOptions) (*Shadow, error) {
	bad := func(format string, args ...any) (*Shadow, error) {
		return nil, fmt.Errorf("%w: shadow: "+format, append([]any{ErrConfig}, args...)...)
	}
	u, err := url.Parse(opt.URL)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return bad("the URL is not an absolute one")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return bad("the URL is neither https nor http on the loopback")
	case u.User != nil:
		return bad("the URL holds a user or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(opt.URL, "#"):
		return bad("the URL holds a query or fragment; the query is the one received")
	case opt.Timeout < 0 || opt.Timeout > MaxDeadline:
		return bad("Timeout is not between 0 and %v", MaxDeadline)
	case opt.MaxAnswer < 0 || opt.MaxAnswer > MaxMaxAnswer:
		return bad("MaxAnswer is not between 0 and %d", MaxMaxAnswer)
	}
	if opt.Timeout == 0 {
		opt.Timeout = DefaultShadowTimeout
	}
	if opt.MaxAnswer == 0 {
		opt.MaxAnswer = DefaultMaxAnswer
	}
	if opt.Transport == nil {
		opt.Transport = &http.Transport{
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			DialContext:            (&net.Dialer{Timeout: opt.Timeout, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:    opt.Timeout,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true, // the answer is passed on as it is
			MaxResponseHeaderBytes: maxAnswerHeader,
			MaxIdleConnsPerHost:    DefaultMaxInFlight,
			IdleConnTimeout:        time.Minute,
		}
	}
	return &Shadow{opt: opt, url: u}, nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback() || strings.EqualFold(host, "localhost")
}

// forwarded is one message on its way to the incumbent and back.
type forwarded struct {
	ready  chan struct{} // closed when the fields below are set
	answer engine.IncumbentAnswer
	header http.Header // end-to-end
	body   []byte      // as received
}

// wait returns the incumbent's answer in the form that records read.
func (f *forwarded) wait() engine.IncumbentAnswer {
	<-f.ready
	return f.answer
}

// forward starts to ask the incumbent. A sender that hangs up changes nothing: the
// incumbent may have begun to act.
func (s *Shadow) forward(r *http.Request, body []byte) *forwarded {
	f := &forwarded{ready: make(chan struct{})}
	header := endToEnd(r.Header)
	header.Del("Expect") // the body is here already
	if _, ok := header["User-Agent"]; !ok {
		header["User-Agent"] = []string{""} // else net/http names itself
	}
	target := s.target(r)
	ctx := context.WithoutCancel(r.Context())
	go func() {
		defer close(f.ready)
		start := time.Now()
		f.answer.Failure = engine.IncumbentUnreachable // unless told otherwise, also by a panic of a transport
		defer func() {
			_ = recover()
			f.answer.Took = time.Since(start)
		}()
		ctx, cancel := context.WithTimeout(ctx, s.opt.Timeout)
		defer cancel()
		f.answer.Failure = s.ask(ctx, f, target, header, body)
	}()
	return f
}

// target is the incumbent's address for a request.
func (s *Shadow) target(r *http.Request) string {
	u, received := *s.url, r.URL
	// A mux may have cut the path; the request line is as it came.
	if line, err := url.ParseRequestURI(r.RequestURI); err == nil {
		received = line
	}
	if u.Path == "" || u.Path == "/" {
		u.Path, u.RawPath = received.Path, received.RawPath
	}
	u.RawQuery, u.ForceQuery = received.RawQuery, received.ForceQuery
	return u.String()
}

// ask carries one request; it returns why there is no answer, "" when there is one.
func (s *Shadow) ask(ctx context.Context, f *forwarded, target string, header http.Header, body []byte) (failure string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return engine.IncumbentUnreachable
	}
	req.Header = header
	res, err := s.opt.Transport.RoundTrip(req)
	if err != nil {
		return whyNot(ctx, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, int64(s.opt.MaxAnswer)+1))
	switch {
	case err != nil:
		return whyNot(ctx, err)
	case len(answer) > s.opt.MaxAnswer:
		return engine.IncumbentTooLarge
	case res.StatusCode < 200 || res.StatusCode > 599: // switched protocols, or no status of HTTP
		return engine.IncumbentUnreachable
	}
	f.header, f.body = endToEnd(res.Header), answer
	f.answer.Reply = engine.Reply{
		Status: res.StatusCode, ContentType: res.Header.Get("Content-Type"),
		Body: plain(answer, res.Header.Get("Content-Encoding"), s.opt.MaxAnswer),
	}
	return ""
}

func whyNot(ctx context.Context, err error) string {
	var timeout interface{ Timeout() bool }
	if ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout() {
		return engine.IncumbentTimeout
	}
	return engine.IncumbentUnreachable
}

// plain returns the body for the codec that reads it for the record; what cannot
// be unpacked within the bound stays packed, and is then no answer to it.
func plain(body []byte, encoding string, limit int) []byte {
	if !strings.EqualFold(encoding, "gzip") {
		return body
	}
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return body
	}
	unpacked, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil || len(unpacked) > limit {
		return body
	}
	return unpacked
}

// hopByHop are the fields that belong to one connection.
var hopByHop = []string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// endToEnd returns a copy of the fields that are meant for the other end.
func endToEnd(h http.Header) http.Header {
	out := h.Clone()
	if out == nil {
		out = http.Header{}
	}
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			out.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range hopByHop {
		out.Del(name)
	}
	return out
}

// serveShadow answers with the incumbent's words and records beside it.
func (h *handler) serveShadow(w http.ResponseWriter, r *http.Request, start time.Time) {
	a, x, ok := h.admit(w, r, start)
	if !ok {
		x.Took = time.Since(start)
		h.observe(x)
		send(w, x.Reply)
		return
	}
	defer func() { <-h.slots }()
	f := h.opt.Shadow.forward(r, a.Body)
	a.Incumbent = f.wait
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		x := h.beside(r, a, start)
		answer := f.wait()
		answer.Reply.Body = nil // a log has no use for it
		x.Incumbent, x.Took = &answer, time.Since(start)
		h.observe(x)
	}()
	<-f.ready
	h.pass(w, f)
	// The sender has its answer; the connection, the place in flight and a server
	// that is shutting down wait for the record.
	<-recorded
}

// admit finds a place in flight and reads the body; when it cannot, ok is false, x
// is the answer, and no place is taken.
func (h *handler) admit(w http.ResponseWriter, r *http.Request, start time.Time) (a engine.Arrival, x Exchange, ok bool) {
	a = engine.Arrival{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header, Took: func() time.Duration { return time.Since(start) }}
	taken := false
	defer func() {
		if recover() != nil {
			x = h.panicked(nil, a)
		}
		if taken && !ok {
			<-h.slots
		}
	}()
	a.Now = h.opt.Clock()
	select {
	case h.slots <- struct{}{}:
		taken = true
	default:
		return a, h.refuse(w, a, fmt.Errorf("%w: too many requests in flight", engine.ErrBusy)), false
	}
	var err error
	if a.Body, err = h.body(w, r, start); err != nil {
		return a, h.refuse(w, a, err), false
	}
	return a, x, true
}

// beside does what would be done without the incumbent, but for the answer.
func (h *handler) beside(r *http.Request, a engine.Arrival, start time.Time) (x Exchange) {
	var call *engine.Call
	defer func() {
		if recover() != nil {
			x = h.panicked(call, a)
		}
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), h.opt.Deadline-time.Since(start))
	defer cancel()
	return h.decide(ctx, nil, r, a, &call)
}

// pass sends the incumbent's answer, or says flatly that there is none.
func (h *handler) pass(w http.ResponseWriter, f *forwarded) {
	control := http.NewResponseController(w)
	// The server's own bound counts from the request's headers on; the incumbent may
	// have needed most of it. Not every ResponseWriter can, and then it stays.
	_ = control.SetWriteDeadline(time.Now().Add(shadowWriteGrace))
	switch f.answer.Failure {
	case "":
		sendAsIs(w, f)
	case engine.IncumbentTimeout:
		send(w, flat(http.StatusGatewayTimeout, "incumbent_timeout"))
	default:
		send(w, flat(http.StatusBadGateway, "incumbent_unavailable"))
	}
	_ = control.Flush() // else it would leave with the end of the request
}

func sendAsIs(w http.ResponseWriter, f *forwarded) {
	head := w.Header()
	for name, values := range f.header {
		head[name] = values
	}
	if _, ok := head["Content-Type"]; !ok {
		head["Content-Type"] = nil // else net/http would guess one
	}
	status := f.answer.Reply.Status
	if head.Del("Content-Length"); status != http.StatusNoContent && status != http.StatusNotModified {
		head.Set("Content-Length", strconv.Itoa(len(f.body)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(f.body) // a sender that has gone has its own reasons
}
