package engine

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

// Options of an Engine. The zero Options are the strict ones.
type Options struct {
	// Methods are the step-up methods that the issuer offers; nil means
	// DefaultMethods. An empty slice that is not nil means none: then every yellow
	// and orange becomes red. At most MaxMethods, each channel once. The slice is copied.
	Methods []Method
	// Card tells how explanations name a card; facts that belong to the other form
	// are masked there. Give it the form that the journal has.
	Card CardForm
}

// Engine decides on events with the pack that it holds at the moment. It is safe
// for concurrent use; a decision sees one pack from its start to its end.
type Engine struct {
	methods []Method
	card    CardForm
	live    atomic.Pointer[loaded]
}

// loaded is a pack with the indices of the fields that the engine itself reads.
type loaded struct {
	pack     *rules.Pack
	ids      idBegin
	said     string // the pack, as the JSON of its decisions names it
	kill     *kill
	on       fields
	decision Decision // what the decisions of the pack begin as
	methods  []methodField
	greens   []green
	marks    []mark // by rule
	prefers  []int  // the step-up methods that the pack prefers, as indices of methods

	preferences [][]int // the same of each rule
	masked      []bool  // by field: explanations must not show it
	head        string  // decisionBegin, room for an id, and said
	told        [4]int  // fields: the wallet's recommendation, the token's channel, the card's status and stage

	// In a module of WASM the joiner of the pack, which keeps texts; nil while it is used.
	// Nothing there runs at the same time. Elsewhere it is always nil.
	spare *joiner
}

// mark is what is asked of every rule that an event's run notes, in one byte: rules lie far
// apart.
type mark uint8

const (
	isShadow mark = 1 << iota
	isRed
	mustKnow // a fact that is absent is an error
)

func markOf(r *rules.Rule) (m mark) {
	if r.Shadow {
		m |= isShadow
	}
	if r.Effect == rules.EffectRed {
		m |= isRed
	}
	if r.OnMissing == rules.ErrorIt {
		m |= mustKnow
	}
	return m
}

// green is a fact that green requires.
type green struct {
	field int
	name  string
}

// fields are indices into the schema; -1 where it has no such field of that type.
// The built-in guards and the wallet's floor exist for the schema event/v1 alone.
type fields struct {
	id, channels                       int
	cardStatus, cardStage, cardExpired int
	walletRecommendation, tokenChannel int

	cardBIN, cardRef, requestorID, requestor, deviceRef int // of the kill switch

	kind, network, accountRef int // of a decision to build a payload
}

type methodField struct {
	Method
	age int // index of AgeFact, -1 when the schema has no such Int field
}

// New returns an engine that decides with p.
func New(p *rules.Pack, opt Options) (*Engine, error) {
	if p == nil {
		return nil, fmt.Errorf("%w: an engine needs a pack", ErrConfig)
	}
	methods := opt.Methods
	if methods == nil {
		methods = DefaultMethods()
	}
	if len(methods) > MaxMethods {
		return nil, fmt.Errorf("%w: more than %d step-up methods", ErrConfig, MaxMethods)
	}
	seen := map[string]bool{}
	for _, m := range methods {
		if m.Channel == "" || seen[m.Channel] {
			return nil, fmt.Errorf("%w: step-up methods need channels that differ", ErrConfig)
		}
		seen[m.Channel] = true
	}
	e := &Engine{methods: append([]Method(nil), methods...), card: opt.Card}
	e.live.Store(e.load(p, new(kill)))
	return e, nil
}

// Swap puts p in the place of the present pack, atomically: decisions under way
// end with the pack they began with. A pack of another schema name or major
// version is refused with ErrSchema, and the present pack stays.
func (e *Engine) Swap(p *rules.Pack) error {
	if p == nil {
		return fmt.Errorf("%w: an engine needs a pack", ErrConfig)
	}
	for {
		old := e.live.Load()
		have, want := p.Schema(), old.pack.Schema()
		if have.Name() != want.Name() || have.Version() != want.Version() {
			return fmt.Errorf("%w: %s/v%d in place of %s/v%d", ErrSchema, have.Name(), have.Version(), want.Name(), want.Version())
		}
		if e.live.CompareAndSwap(old, e.load(p, old.kill)) {
			return nil
		}
	}
}

// Pack returns the present pack.
func (e *Engine) Pack() *rules.Pack { return e.live.Load().pack }

// Methods returns a copy of the step-up methods that the engine offers.
func (e *Engine) Methods() []Method { return append([]Method(nil), e.methods...) }

func (e *Engine) load(p *rules.Pack, k *kill) *loaded {
	s := p.Schema()
	at := func(name string, t rules.Type) int {
		if i, ok := s.Lookup(name); ok && s.Field(i).Type == t {
			return i
		}
		return -1
	}
	l := &loaded{pack: p, ids: newIDBegin(p.ID()), said: packMember(p), kill: k, masked: maskedFields(s, e.card), on: fields{
		id: at("id", rules.String), channels: at("holder.channels", rules.Strings),
		cardStatus: -1, cardStage: -1, cardExpired: -1, walletRecommendation: -1, tokenChannel: -1,
		cardBIN: -1, cardRef: -1, requestorID: -1, requestor: -1, deviceRef: -1,
		kind: -1, network: -1, accountRef: -1,
	}}
	if s.Name() == "event" && s.Version() == 1 {
		l.on.cardStatus, l.on.cardStage = at("card.status", rules.String), at("card.stage", rules.String)
		l.on.cardExpired = at("card.expired", rules.Bool)
		l.on.walletRecommendation = at("wallet.recommendation", rules.String)
		l.on.tokenChannel = at("token.channel", rules.String)
		l.on.cardBIN, l.on.cardRef = at("card.bin", rules.String), at("card.ref", rules.String)
		l.on.requestorID, l.on.requestor = at("token.requestor_id", rules.String), at("token.requestor", rules.String)
		l.on.deviceRef = at("device.ref", rules.String)
		l.on.kind, l.on.network = at("kind", rules.String), at("token.network", rules.String)
		l.on.accountRef = at("wallet.account_ref", rules.String)
	}
	for _, m := range e.methods {
		l.methods = append(l.methods, methodField{m, at(m.AgeFact, rules.Int)})
	}
	l.told = [...]int{l.on.walletRecommendation, l.on.tokenChannel, l.on.cardStatus, l.on.cardStage}
	l.head = decisionBegin + `"` + strings.Repeat("0", 2*sha256.Size) + l.said
	d, man := &l.decision, p.Manifest()
	d.PackID, d.PackName, d.PackVersion, d.Floor = p.ID(), man.Name, man.Version, rules.Green
	for _, list := range p.Lists() {
		d.Lists = append(d.Lists, ListDigest{list.Name(), list.Digest()})
	}
	d.Lists = slices.Clip(append(d.Lists, k.digests()...))
	d.written = writtenOf(d)
	for i := range man.Rules {
		l.marks = append(l.marks, markOf(&man.Rules[i]))
		l.preferences = append(l.preferences, l.methodsOf(man.Rules[i].StepUp))
	}
	l.prefers = l.methodsOf(man.StepUp)
	for _, i := range p.GreenRequires() {
		l.greens = append(l.greens, green{i, s.Field(i).Name})
	}
	return l
}

// methodsOf returns the indices of the methods of these channels, in their order.
func (l *loaded) methodsOf(channels []string) (list []int) {
	for _, channel := range channels {
		for i := range l.methods {
			if l.methods[i].Channel == channel {
				list = append(list, i)
			}
		}
	}
	return list
}

// Decide judges ev at the instant now and joins what it finds:
//
//	outcome = worst of (guards, hits, wallet floor, on_error when something failed, default)
//
// No rule lowers a colour. The wallet's floor is yellow at least for a wallet token
// without a recommendation; an event of kind provision may say "none", since it comes
// before any wallet has spoken. Where a fact of green_requires is absent, or a red
// rule that runs cannot be judged, the outcome is at least yellow; the second
// holds for every pack and hit policy, since green is earned. A yellow or orange
// for which no step-up method is left is red.
//
// Decide never panics and never returns nil. The same pack, lists, methods, event
// and now give the same decision, byte for byte. An event of another schema is
// taken over by field names; what cannot be taken over joins in as on_error.
func (e *Engine) Decide(ev *Event, now time.Time) *Decision {
	return e.live.Load().decide(ev, now)
}

// AppendDecision appends the JSON form of what Decide returns, see Decision.AppendJSON.
// It takes no memory of its own for most decisions: for those who need the text alone.
func (e *Engine) AppendDecision(dst []byte, ev *Event, now time.Time) []byte {
	l := e.live.Load()
	if l.spare != nil && ev != nil && ev.Facts != nil && ev.Schema() == l.pack.Schema() {
		return l.appendRecalled(dst, ev, now)
	}
	j := l.takeJoiner()
	d, whole := l.decideWith(j, &j.draft, ev, now, nil)
	if !whole {
		return d.AppendJSON(dst)
	}
	dst = d.appendTail(l.appendHead(dst, d, &j.ids))
	j.draft = draft{}
	l.release(j)
	return dst
}

// DecideLate is Decide for an event whose deadline has passed: the pack's
// on_error joins in, with the code "deadline".
func (e *Engine) DecideLate(ev *Event, now time.Time) *Decision {
	return e.live.Load().decide(ev, now, tooLate...)
}

// tooLate is what joins in when the deadline has passed.
var tooLate = []Degradation{{Code: code.Deadline.String()}}

func (l *loaded) decide(ev *Event, now time.Time, late ...Degradation) *Decision {
	return l.decideInto(new(draft), ev, now, late)
}

func (l *loaded) decideInto(m *draft, ev *Event, now time.Time, late []Degradation) *Decision {
	j := l.takeJoiner()
	d, whole := l.decideWith(j, m, ev, now, late)
	if whole {
		l.release(j)
	}
	return d
}

// decideWith makes a decision in m, which is empty. It lets no panic out: a decision that
// broke is a decline that says so, and not whole.
func (l *loaded) decideWith(j *joiner, m *draft, ev *Event, now time.Time, late []Degradation) (d *Decision, whole bool) {
	defer func() {
		if recover() != nil {
			d, whole = l.broken(ev, now), false
		}
	}()
	ev, unfit := l.fit(ev)
	j.judge(l, ev, now)
	d = l.begin(m, &j.ids, ev, now)
	j.conclude(d, unfit, late)
	if m != &j.draft {
		m.keepTexts()
	}
	return d, true
}

// judge runs the pack, the first half of a decision.
func (j *joiner) judge(l *loaded, ev *Event, now time.Time) {
	j.loaded, j.ev, j.now, j.man = l, ev, now, l.pack.Manifest()
	l.pack.RunInto(&j.run, ev.Facts, now)
}

// conclude joins what was found into d, the second half.
func (j *joiner) conclude(d *Decision, unfit, late []Degradation) {
	j.d, j.joined = d, rules.Green
	d.Reasons, d.StepUp = j.because[:0], j.offered[:0]
	j.guards()
	j.hits()
	j.walletFloor()
	j.failures(unfit, late)
	j.greenRequires()
	j.join(j.man.Default, kindDefault, ReasonDefault)
	j.finish()
	j.provisioning()
	j.because, j.offered = d.Reasons, d.StepUp
}

// draft is a decision and the memory of its id and of most of its hits and guards, in one
// piece. Its texts lie with the joiner until the decision is complete.
type draft struct {
	Decision
	id     [64]byte
	rules  [3]RuleHit
	guards [4]Guard
	texts  []string
	lent   bool // it will be another decision's; the id, which may be kept, gets memory of its own
}

func (l *loaded) begin(m *draft, ids *identifier, ev *Event, now time.Time) *Decision {
	m.Decision = l.decision
	d := &m.Decision
	d.Now = now.UTC().Round(0)
	d.Rules, d.Guards = m.rules[:0], m.guards[:0]
	if l.on.id >= 0 {
		d.EventID, _ = ev.StringAt(l.on.id)
	}
	id := &m.id
	if m.lent {
		id = new([64]byte)
	}
	d.ID = ids.write(id, &l.ids, d.EventID, d.Now)
	return d
}

// keepTexts moves the texts of a decision that outlives its joiner into memory of their
// own, in one piece.
func (d *draft) keepTexts() {
	lists := [...]*[]string{&d.Reasons, &d.StepUp, &d.MissingFacts, &d.Unjudged}
	room := d.texts[:0]
	if n := len(d.Reasons) + len(d.StepUp) + len(d.MissingFacts) + len(d.Unjudged); cap(room) < n {
		room = make([]string, 0, n)
	}
	for _, list := range lists {
		if *list != nil {
			from := len(room)
			room = append(room, *list...)
			*list = slices.Clip(room[from:])
		}
	}
	d.texts = room
}

func (l *loaded) broken(ev *Event, now time.Time) *Decision {
	if ev == nil || ev.Facts == nil || ev.Schema() != l.pack.Schema() {
		ev = NewEvent(l.pack.Schema())
	}
	d := l.begin(new(draft), new(identifier), ev, now)
	d.Outcome, d.SystemError, d.ActionCode = rules.Red, true, actionSystemError
	d.Degraded = []Degradation{{Code: code.Internal.String()}}
	d.Reasons = []string{ReasonDegraded}
	return d
}

// fit returns ev with the facts of the pack's own schema, and what was lost.
func (l *loaded) fit(ev *Event) (*Event, []Degradation) {
	s := l.pack.Schema()
	if ev != nil && ev.Facts != nil && ev.Schema() == s {
		return ev, nil
	}
	lost := []Degradation{{Code: code.Event.String()}}
	if ev == nil || ev.Facts == nil {
		return NewEvent(s), lost
	}
	fitted := &Event{Facts: rules.NewFacts(s), Guards: ev.Guards}
	complete := ev.Schema().Name() == s.Name() && ev.Schema().Version() == s.Version()
	for i := range ev.Schema().Len() {
		f := ev.Schema().Field(i)
		v := ev.At(i)
		if v == nil {
			continue
		}
		k, ok := s.Lookup(f.Name)
		if !ok || s.Field(k).Type != f.Type || fitted.Set(f.Name, v) != nil {
			complete = false
		}
	}
	if complete {
		lost = nil
	}
	return fitted, lost
}
