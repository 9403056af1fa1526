package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/digest"
	"github.com/issuant/issuant/rules"
)

// GateOptions puts a gate together. Verifier, Codec, Engine and Ledger are
// required; Memory and Journal may stand for a Ledger, and become one as NewLedger makes it.
type GateOptions struct {
	Name        string // counterpart in records; default: the codec's name
	Verifier    *webhook.Verifier
	Codec       Codec
	Engine      *Engine
	Ledger      Ledger
	Memory      Memory
	Journal     *Journal
	RetryWindow time.Duration // inclusive; default DefaultRetryWindow, at most what Ledger keeps
	// StartedAt is when the process started. With a Ledger that is not durable,
	// messages issued before it are refused, since an earlier process may have
	// answered them. It is required then, unless UnsafeNoStart.
	StartedAt     time.Time
	UnsafeNoStart bool
	// AwaitKey, when not nil, is asked once when a message names a key that is not
	// known, and may wait until it has arrived, within ctx and bounds of its own;
	// true means that it is worth looking again. source.HTTPS has such a method.
	AwaitKey func(ctx context.Context, keyID string) bool
	// Observe, when not nil, sees each record after it was written: for metrics. It
	// must not change the record, and is called by many goroutines at once.
	Observe func(*Record)
	// SealEvidence, when not nil, seals the Evidence of each decision, given as JSON,
	// to an auditor, and binds it to the decision's id: a closure around a DataKey, or
	// around Seal, of package crypto/seal. It brings its own randomness and must be safe
	// for concurrent use. Where it fails, the answer is
	// 503: who wants decisions that can be made again gets no other.
	SealEvidence func(decisionID string, evidence []byte) (string, error)
}

// Gate carries a signed webhook from its bytes to its answer: verify, remember,
// decode, decide, encode, record. It is safe for concurrent use.
//
// The caller reads the body (at most Verifier.MaxBody bytes and one more), calls
// Receive, fills facts of its own into Call.Event, and calls Answer; what it sends
// back is a Reply in every case:
//
//	call, err := gate.Receive(ctx, arrival)
//	if err != nil {
//		return engine.ReplyTo(err) // refused, a retry, or not decodable
//	}
//	gather(call.Event)
//	reply, err := gate.Answer(call, time.Now()) // the reply is to be sent even if err != nil
//	call.Release()                              // only where nobody keeps anything of it
//
// Every message leaves one record, and leaves it before its answer; where it
// cannot be written, the answer is 503.
type Gate struct {
	opt      GateOptions
	started  time.Time
	observes bool // the ledger wants observations
	recycles bool // nobody else holds a call's memory once it is answered
}

// NewGate checks how the parts fit together; every error is an ErrConfig.
func NewGate(opt GateOptions) (*Gate, error) {
	bad := func(format string, args ...any) (*Gate, error) {
		return nil, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...)
	}
	if opt.Verifier == nil || opt.Codec == nil || opt.Engine == nil {
		return bad("a gate needs a verifier, a codec and an engine")
	}
	if err := opt.makeLedger(); err != nil {
		return nil, err
	}
	if channel, ok := unspeakable(opt.Engine, opt.Codec); ok {
		return bad("the engine offers the step-up channel %q, for which the codec is not configured", channel)
	}
	if opt.Engine.card != opt.Ledger.Card() {
		return bad("engine and ledger name cards in two forms; together these can be searched back to the card number")
	}
	if opt.Name == "" {
		opt.Name = opt.Codec.Name()
	}
	if opt.RetryWindow == 0 {
		opt.RetryWindow = DefaultRetryWindow
	}
	keep, need := opt.Ledger.Keep(), opt.Verifier.MaxAge()+2*opt.Verifier.Skew()
	if keep < need {
		return bad("the ledger keeps messages for %v; max_age + 2 skew is %v", keep, need)
	}
	if opt.RetryWindow < 0 || opt.RetryWindow > keep {
		return bad("the retry window must lie between 0 and %v, which is what the ledger keeps", keep)
	}
	g := &Gate{opt: opt, observes: true}
	if l, ok := opt.Ledger.(interface{ observes() bool }); ok {
		g.observes = l.observes()
	}
	_, ours := opt.Ledger.(*ProcessLedger)
	g.recycles = ours && opt.Observe == nil
	if !opt.Ledger.Durable() && !opt.UnsafeNoStart {
		if opt.StartedAt.IsZero() {
			return bad("a ledger that is not durable needs StartedAt")
		}
		g.started = opt.StartedAt
	}
	return g, nil
}

// makeLedger puts a ledger together where only its parts were given.
func (o *GateOptions) makeLedger() error {
	if o.Ledger != nil {
		if o.Memory != nil || o.Journal != nil {
			return fmt.Errorf("%w: a gate takes a ledger, or a memory and a journal, not both", ErrConfig)
		}
		return nil
	}
	l, err := NewLedger(LedgerOptions{Memory: o.Memory, Journal: o.Journal})
	if err != nil {
		return err
	}
	o.Ledger = l
	return nil
}

// unspeakable returns a channel that the engine may offer and that a codec which
// tells its methods has no words for: each such decision would be a system error.
func unspeakable(e *Engine, c Codec) (channel string, ok bool) {
	teller, tells := c.(interface{ Methods() []Method })
	if !tells {
		return "", false
	}
	words := teller.Methods()
	for _, m := range e.methods {
		if !slices.ContainsFunc(words, func(w Method) bool { return w.Channel == m.Channel }) {
			return m.Channel, true
		}
	}
	return "", false
}

// Arrival is a message as it came in.
type Arrival struct {
	Method string              // as received; this and the next two are for schemes that sign them
	Target string              // path and query as received
	Host   string              // where Header does not have it, as net/http's does not
	Header map[string][]string // names match without regard to case
	Body   []byte              // as received; not to be changed until the call is answered
	Now    time.Time           // when it came
	// Took, when not nil, tells how long ago it came: for the record alone.
	Took func() time.Duration
	// Incumbent, when not nil, waits for what the incumbent answered to the same
	// message, for the record alone. It is called right before the record is made
	// durable, must return within bounds of its own, and may be called again.
	Incumbent func() IncumbentAnswer
}

func (a *Arrival) micros() int64 {
	if a.Took == nil {
		return 0
	}
	return a.Took().Microseconds()
}

// Call is a verified message on its way to its answer. The caller may fill facts
// into Event; exactly one of Answer, AnswerLate and Abandon must follow, else
// copies of the message wait in vain. A Call is not safe for concurrent use.
type Call struct {
	Message       *webhook.Message
	Event         *Event
	UnknownFields int

	*flight // nil after Release
}

// Decision returns what was decided, nil before Answer and after Release.
func (c *Call) Decision() *Decision {
	if c.flight == nil {
		return nil
	}
	return c.decision
}

// Refusal is the error for a message that is not to be decided: it was refused, is
// a retry that has its answer already, or cannot be decoded. Reply is what its
// sender gets; errors.Is finds the reason: ErrRepeat, ErrReplayed, webhook.ErrStale.
type Refusal struct {
	Reply Reply
	Err   error
}

func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns the reason.
func (r *Refusal) Unwrap() error { return r.Err }

// Code returns the code of the reason.
func (r *Refusal) Code() uint32 { return uint32(code.Of(r.Err)) }

// ReplyTo returns the reply that an error of Receive or Answer carries, and 503
// for any other error.
func ReplyTo(err error) Reply {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Reply
	}
	return unavailable()
}

// Replies before and beside a decision: flat, so that a stranger learns nothing.
func unauthorized() Reply { return flat(401, "unauthorized") }
func tooLarge() Reply     { return flat(413, "too_large") }
func unavailable() Reply  { return flat(503, "unavailable") }

func flat(status int, what string) Reply {
	return Reply{status, "application/json", []byte(`{"error":"` + what + `"}`)}
}

// ReplyFor returns the reply to a message that was refused for this reason, or could
// not be judged, before anything is known of its sender: 413, 503, else 401. It is for
// those who carry a message through themselves, without a Gate.
func ReplyFor(reason error) Reply {
	switch code.Of(reason) {
	case code.TooLarge:
		return tooLarge()
	case code.Busy, code.Deadline, code.Record, code.MemoryFull, code.Internal, code.KeySource:
		return unavailable()
	}
	return unauthorized()
}

// Receive verifies, remembers and decodes. Every error is a *Refusal, whose Reply
// is to be sent. A copy of a message that is being answered waits for that answer,
// at most as long as ctx allows.
func (g *Gate) Receive(ctx context.Context, a Arrival) (*Call, error) {
	m, err := g.open(ctx, &a)
	if err != nil {
		return nil, g.refuse(ctx, err, &a, nil)
	}
	issued := m.IssuedAt()
	if issued.Before(g.started) {
		return nil, g.refuse(ctx, fmt.Errorf("%w: it was issued before the start", ErrStale), &a, m)
	}
	c := g.newCall(m)
	c.ctx, c.arrival = ctx, a
	c.seen = Sighting{Key: m.ReplayKey(), Digest: m.Digest(), Route: g.route(m), IssuedAt: issued}
	if c.seen.IssuedAt.IsZero() {
		// The scheme tells no instant: it is remembered from when it came, or a memory
		// would let go of it at once.
		c.seen.IssuedAt = a.Now
	}
	first, answer, err := g.opt.Ledger.Begin(ctx, c.seen, a.Now)
	if err != nil {
		return nil, g.refuse(ctx, memoryError(err), &a, m)
	}
	if !first {
		return nil, g.repeat(ctx, answer, &a, m)
	}
	return g.decode(c)
}

// open verifies; the first message after a rotation waits for its key.
func (g *Gate) open(ctx context.Context, a *Arrival) (*webhook.Message, error) {
	r := webhook.Request{Method: a.Method, Target: a.Target, Host: a.Host, Header: a.Header, Body: a.Body}
	m, err := g.opt.Verifier.OpenRequest(r, a.Now)
	if g.opt.AwaitKey == nil || !errors.Is(err, webhook.ErrKeyUnknown) {
		return m, err
	}
	unknown, ok := errors.AsType[*webhook.Error](err)
	if !ok || unknown.KeyID() == "" || !g.opt.AwaitKey(ctx, unknown.KeyID()) {
		return m, err
	}
	return g.opt.Verifier.OpenRequest(r, a.Now)
}

// route names where a message came in: a verifier that has no route of its own
// stands for its gate.
func (g *Gate) route(m *webhook.Message) string {
	if r := m.Route(); r != "" {
		return r
	}
	return g.opt.Name
}

// memoryError gives an error without a code the one of a memory that cannot say
// whether the message was seen: then it must not be decided.
func memoryError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: a copy of the message is still being answered", ErrBusy)
	}
	return err
}

func (g *Gate) repeat(ctx context.Context, answer Reply, a *Arrival, m *webhook.Message) error {
	r := g.record(new(Record), a, m)
	r.Refusal = code.Repeat.String()
	if err := g.write(ctx, Entry{Record: r}); err != nil {
		return err
	}
	return &Refusal{answer, ErrRepeat}
}

// decode runs the codec; what it cannot read is answered as a system error, once
// and for all copies.
func (g *Gate) decode(c *Call) (*Call, error) {
	decoded, err := g.decodeSafely(c.Message)
	if err == nil {
		c.Event, c.UnknownFields, c.room = decoded.Event, decoded.UnknownFields, decoded.Room
		return c, nil
	}
	reply, sysErr := g.systemError()
	if sysErr != nil {
		g.opt.Ledger.Forget(c.seen.Key)
		return nil, g.refuse(c.ctx, sysErr, &c.arrival, c.Message)
	}
	r := g.record(new(Record), &c.arrival, c.Message)
	r.Refusal = code.Of(err).String()
	if err := g.finish(c, Entry{Record: r}, reply); err != nil {
		return nil, err
	}
	return nil, &Refusal{reply, err}
}

func (g *Gate) decodeSafely(m *webhook.Message) (d *Decoded, err error) {
	defer func() {
		if recover() != nil {
			d, err = nil, fmt.Errorf("%w: the codec broke on a body", ErrInternal)
		}
	}()
	d, err = g.opt.Codec.Decode(m)
	if err == nil && (d == nil || d.Event == nil || d.Event.Facts == nil) {
		err = fmt.Errorf("%w: the codec made no event", ErrInternal)
	}
	return d, err
}

func (g *Gate) systemError() (r Reply, err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("%w: the codec has no system error", ErrInternal)
		}
	}()
	return g.opt.Codec.SystemError(), nil
}

// Answer decides, encodes, records and stores the answer for copies. The Reply is
// to be sent whether or not there is an error; an error is a *Refusal.
func (g *Gate) Answer(c *Call, now time.Time) (Reply, error) {
	return g.answer(c, now)
}

// AnswerLate is Answer for a call whose deadline has passed: the pack's on_error
// joins in, with the code "deadline".
func (g *Gate) AnswerLate(c *Call, now time.Time) (Reply, error) {
	if !c.over() {
		c.late = true
	}
	return g.answer(c, now)
}

func (g *Gate) answer(c *Call, now time.Time) (Reply, error) {
	if c.over() {
		return unavailable(), &Refusal{unavailable(), fmt.Errorf("%w: the call is answered already", ErrInternal)}
	}
	reply, err := g.answerOnce(c, now, g.decide(c, now))
	c.closed = true // not before: after a panic of a writer or store, Abandon still works
	return reply, err
}

func (g *Gate) answerOnce(c *Call, now time.Time, d *Decision) (Reply, error) {
	reply, err := g.encodeSafely(c.Event, d)
	if err != nil {
		d = asSystemError(d, err)
		if reply, err = g.systemError(); err != nil {
			g.opt.Ledger.Forget(c.seen.Key)
			refusal := g.refuse(c.ctx, err, &c.arrival, c.Message)
			return ReplyTo(refusal), refusal
		}
	}
	c.decision = d
	r := g.record(c.newRecord(), &c.arrival, c.Message)
	r.At, r.UnknownFields = now, c.UnknownFields
	r.decided(d)
	r.Card = CardOf(c.Event, g.opt.Ledger.Card())
	if err := g.sealEvidence(r, c); err != nil {
		c.decision = nil
		g.opt.Ledger.Forget(c.seen.Key)
		refusal := g.refuse(c.ctx, err, &c.arrival, c.Message)
		return ReplyTo(refusal), refusal
	}
	e := Entry{Record: r}
	if g.observes {
		if o, err := ObservationOf(c.Event, now); err == nil { // without an id there is nothing to count
			e.Observed = &o
		}
	}
	if err := g.finish(c, e, reply); err != nil {
		return ReplyTo(err), err
	}
	return reply, nil
}

// encodeSafely encodes a decision; one that broke is the system error whatever a
// codec makes of it.
func (g *Gate) encodeSafely(ev *Event, d *Decision) (r Reply, err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("%w: the codec broke on a decision", ErrInternal)
		}
	}()
	if d.SystemError {
		return g.opt.Codec.SystemError(), nil
	}
	return g.opt.Codec.Encode(ev, d)
}

// asSystemError returns the decision as it leaves when it cannot be said in the
// counterpart's words.
func asSystemError(d *Decision, why error) *Decision {
	out := *d
	out.Outcome, out.SystemError, out.ActionCode, out.StepUp = rules.Red, true, actionSystemError, nil
	out.provision = nil
	out.Degraded = append(append([]Degradation(nil), d.Degraded...), Degradation{Code: code.Of(why).String()})
	return &out
}

// finish commits an answered message. One that another process answered first gets
// that answer, and what was decided here is as if it had never been.
func (g *Gate) finish(c *Call, e Entry, reply Reply) error {
	e.Sighting, e.Answer, e.Until = &c.seen, reply, c.arrival.Now.Add(g.opt.RetryWindow)
	err := g.commit(c.ctx, e)
	if err == nil {
		return nil
	}
	if taken, ok := errors.AsType[*TakenError](err); ok {
		c.decision = nil
		return g.repeat(c.ctx, taken.Answer, &c.arrival, c.Message)
	}
	if errors.Is(err, ErrReplayed) || errors.Is(err, ErrStale) {
		c.decision = nil
		return g.refuse(c.ctx, err, &c.arrival, c.Message)
	}
	return &Refusal{unavailable(), err}
}

// Abandon takes a call back that will not be answered: its message had no effect,
// and a copy may come again. The sender gets the Reply, a 503.
func (g *Gate) Abandon(c *Call, reason error) Reply {
	if c.over() {
		return unavailable()
	}
	c.closed = true
	g.opt.Ledger.Forget(c.seen.Key)
	if reason == nil {
		reason = ErrBusy
	}
	return ReplyTo(g.refuse(c.ctx, fmt.Errorf("%w: %w", ErrBusy, reason), &c.arrival, c.Message))
}

// Refuse records and answers a message that the caller does not hand to Receive:
// ErrBusy and ErrDeadline get 503, ErrTooLarge gets 413, every other reason 401.
// The body may be nil or cut off; its digest is recorded when it is whole.
func (g *Gate) Refuse(reason error, a Arrival) Reply {
	if errors.Is(reason, ErrTooLarge) {
		a.Body = nil
	}
	return ReplyTo(g.refuse(context.Background(), reason, &a, nil))
}

// refuse records a refusal and returns it.
func (g *Gate) refuse(ctx context.Context, reason error, a *Arrival, m *webhook.Message) error {
	r := g.record(new(Record), a, m)
	r.Refusal = code.Of(reason).String()
	if w, ok := errors.AsType[*webhook.Error](reason); ok && m == nil {
		if r.KeyID = w.KeyID(); rules.LooksLikePAN(r.KeyID) {
			r.KeyID = "" // a stranger wrote it
		}
	}
	if code.Of(reason) == code.TooLarge {
		r.MessageDigest = "" // a stranger must not make us digest megabytes
	}
	if err := g.write(ctx, Entry{Record: r}); err != nil {
		return err
	}
	return &Refusal{ReplyFor(reason), reason}
}

// record begins the record of a message in r, which is empty; m is nil when it was not verified.
func (g *Gate) record(r *Record, a *Arrival, m *webhook.Message) *Record {
	r.At, r.Counterpart, r.Micros = a.Now, g.opt.Name, a.micros()
	switch {
	case m != nil:
		r.KeyID, r.MessageDigest = m.KeyID(), m.Digest()
		r.Verified, r.Observed = true, m.Observed()
		if !m.IssuedAt().IsZero() { // a scheme without a timestamp tells no age
			r.Age = a.Now.Sub(m.IssuedAt())
		}
	case a.Body != nil && len(a.Body) <= g.opt.Verifier.MaxBody():
		r.MessageDigest = digest.Of(a.Body)
	}
	r.Incumbent = g.incumbent(a)
	return r
}

// write commits an entry; where it cannot, no answer but 503 may leave.
func (g *Gate) write(ctx context.Context, e Entry) error {
	if err := g.commit(ctx, e); err != nil {
		return &Refusal{unavailable(), err}
	}
	return nil
}

// commit commits an entry. What was decided is committed however late: ctx is without its end there.
func (g *Gate) commit(ctx context.Context, e Entry) error {
	if ctx.Done() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	if err := g.opt.Ledger.Commit(ctx, e); err != nil {
		return err
	}
	if g.opt.Observe != nil {
		g.opt.Observe(e.Record)
	}
	return nil
}
