package gatehttp

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/code"
)

// Defaults and bounds, inclusive.
const (
	DefaultMaxBody     = webhook.DefaultMaxBody  // bytes
	DefaultMaxInFlight = 256                     // requests
	DefaultDeadline    = 1500 * time.Millisecond // Pismo's neighbouring webhooks must be answered within 2 s
	MaxDeadline        = time.Minute
	DefaultKeyWait     = 300 * time.Millisecond
)

// ErrConfig is wrapped by the errors of NewHandler and NewMiddleware.
var ErrConfig = code.New(code.Config, "gatehttp: bad configuration")

// ErrBody is the reason of a record when a body broke off before its end.
var ErrBody = code.New(code.BadRequest, "gatehttp: the body broke off")

// Options of a handler. Gate is required; what is zero takes the default.
type Options struct {
	Gate *engine.Gate

	MaxBody     int           // bytes, inclusive; more is refused unread; should be the verifier's MaxBody
	MaxInFlight int           // requests at once, from their headers to their answers; more get 503. A body that comes slowly holds a place until the deadline
	Deadline    time.Duration // from the request's arrival to its answer, at most MaxDeadline

	// Gather fills facts that the pack needs (counts, holder, session) into ev. It
	// must keep to ctx, which ends at the deadline; what it could not find out it
	// leaves absent. It works on a copy: what it found counts when it returns at the
	// deadline, and is discarded when it returns later; in both cases on_error joins
	// in. It cannot take back a guard. A panic in it raises the guard gather_failed:
	// at least yellow.
	Gather func(ctx context.Context, ev *engine.Event)

	// Clock is what freshness and decisions go by; default time.Now. Deadlines go by
	// the real clock.
	Clock func() time.Time

	// Shadow, when not nil, lets the incumbent answer; see Shadow.
	Shadow *Shadow

	// Observe sees each exchange before its answer leaves, for logs and metrics. It is
	// called by many goroutines at once and must be quick.
	Observe func(Exchange)
}

// Exchange is one request and its answer. It is not to be changed.
type Exchange struct {
	call     *engine.Call // that was answered; nil where there is none
	Reply    engine.Reply
	Event    *engine.Event    // as it was decided; nil when nothing was decided
	Decision *engine.Decision // nil when nothing was decided
	Err      error            // why nothing was decided, or why Reply is no answer to Decision
	Late     bool             // the deadline passed while facts were gathered
	Took     time.Duration    // in shadow mode with the wait for the incumbent
	// Incumbent is what the sender got in shadow mode, without the body; Reply is then
	// what it would have got from us. nil without a shadow, and when nothing was forwarded.
	Incumbent *engine.IncumbentAnswer
}

// Refusal returns the stable name of the code of Err, "" without one: too_large,
// signature, repeat, decode, busy, ...
func (x Exchange) Refusal() string {
	if x.Err == nil {
		return ""
	}
	return code.Of(x.Err).String()
}

// Sent returns the HTTP status that the sender got.
func (x Exchange) Sent() int {
	switch in := x.Incumbent; {
	case in == nil:
		return x.Reply.Status
	case in.Failure == "":
		return in.Reply.Status
	case in.Failure == engine.IncumbentTimeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}

func (o Options) withDefaults() (Options, error) {
	bad := func(msg string) (Options, error) { return o, fmt.Errorf("%w: %s", ErrConfig, msg) }
	switch {
	case o.Gate == nil:
		return bad("it needs a gate")
	case o.MaxBody < 0 || o.MaxBody > webhook.MaxMaxBody:
		return bad(fmt.Sprintf("MaxBody is not between 0 and %d", webhook.MaxMaxBody))
	case o.MaxInFlight < 0:
		return bad("MaxInFlight is negative")
	case o.Deadline < 0 || o.Deadline > MaxDeadline:
		return bad(fmt.Sprintf("Deadline is not between 0 and %v", MaxDeadline))
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = DefaultMaxInFlight
	}
	if o.Deadline == 0 {
		o.Deadline = DefaultDeadline
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return o, nil
}

// KeyWaiter is what waits for a key to arrive: source.HTTPS.
type KeyWaiter interface {
	Await(ctx context.Context, keyID string) bool
}

// AwaitKey returns a function for engine.GateOptions.AwaitKey: the first message
// after a rotation waits for its key for at most d (0: DefaultKeyWait) instead of
// being refused.
func AwaitKey(keys KeyWaiter, d time.Duration) func(context.Context, string) bool {
	if d == 0 {
		d = DefaultKeyWait
	}
	return func(ctx context.Context, keyID string) bool {
		ctx, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		return keys.Await(ctx, keyID)
	}
}

// NewServer returns a server with bounds on the time and size of everything that a
// stranger controls. The caller gives it a listener and shuts it down.
func NewServer(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           h,
		ReadHeaderTimeout: 2 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10, // a token has at most 16 KiB
	}
}
