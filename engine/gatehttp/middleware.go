package gatehttp

import (
	"context"
	"fmt"
	"net/http"

	"github.com/issuant/issuant/engine"
)

type eventKey struct{}

// NewMiddleware returns a middleware: the handler that it wraps is called for
// verified and decoded messages alone, finds the event with EventFrom and the
// verified body in the request, and gathers facts into the event. It does not
// answer: what it writes is discarded, and the gate's answer leaves when it
// returns, or at the deadline. Options.Gather must be nil; errors are ErrConfig.
func NewMiddleware(opt Options) (func(http.Handler) http.Handler, error) {
	if opt.Gather != nil {
		return nil, fmt.Errorf("%w: in a middleware the wrapped handler gathers", ErrConfig)
	}
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	return func(next http.Handler) http.Handler {
		h, err := newHandler(opt, func(ctx context.Context, r *http.Request, ev *engine.Event) {
			next.ServeHTTP(discard{}, r.WithContext(context.WithValue(ctx, eventKey{}, ev)))
		})
		if err != nil {
			panic(err) // opt was checked above
		}
		return h
	}, nil
}

// EventFrom returns the event that a handler within NewMiddleware fills facts
// into; nil elsewhere. It must not be used after that handler has returned.
func EventFrom(ctx context.Context) *engine.Event {
	ev, _ := ctx.Value(eventKey{}).(*engine.Event)
	return ev
}

// discard is the ResponseWriter of a handler that gathers and does not answer.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}
