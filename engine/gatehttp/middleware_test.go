package gatehttp_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"testing"

	"github.com/issuant/issuant/engine/gatehttp"
)

func TestTheMiddlewareLetsAHandlerGather(t *testing.T) {
	r := newRig(t, parts{})
	around, err := gatehttp.NewMiddleware(r.opt)
	must(t, around, err)
	called := 0
	r.server.Config.Handler = around(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		called++
		body, err := io.ReadAll(q.Body)
		ev := gatehttp.EventFrom(q.Context())
		if err != nil || string(body) != clean("432") || ev == nil || ev.Text("token.ref") != "432" {
			t.Errorf("body %s, %v, event %v", body, err, ev)
			return
		}
		_ = ev.Set("card.expired", true)
		w.WriteHeader(500) // is not its to say
		_, _ = io.WriteString(w, "noise")
	}))
	unsigned := r.request(clean("432"))
	unsigned.Header.Del("X-Pismo-Sign")
	r.want(unsigned, 401, flat401)
	r.want(r.request(clean("432")), 200, `{"approve":false,"action_code":"54"}`)
	if called != 1 {
		t.Errorf("the wrapped handler was called %d times", called)
	}
	if gatehttp.EventFrom(context.Background()) != nil {
		t.Error("there is an event outside")
	}
}

func TestTheMiddlewareSurvivesAbortHandler(t *testing.T) {
	r := newRig(t, parts{})
	around, err := gatehttp.NewMiddleware(r.opt)
	must(t, around, err)
	r.server.Config.Handler = around(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	r.want(r.request(clean("432")), 200, stepUp)
}

func traceReuse(ctx context.Context, reused *[]bool) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { *reused = append(*reused, i.Reused) }})
}
