package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// WindowOptions of NewWindow. The zero options compute nothing: a history that
// nobody vouches for makes every count a guess, and a count that is too low is
// worse than none.
type WindowOptions struct {
	// CompleteSince is the instant from which on the history that is observed is
	// complete. A fact whose window reaches before it is left absent.
	CompleteSince time.Time
	// TrustedComplete declares the history complete from its beginning: for tests
	// and replays, where what is not in it did not happen.
	TrustedComplete bool
	// Max bounds the events that are kept, corrections counted apart; default
	// DefaultMaxWindow. A full window lets go of the oldest events, and leaves those
	// facts absent whose windows reach back to them.
	Max int
}

// Window counts what happened before an event, exactly and as it was known at that
// instant. The window of length w at the instant t is [t - w, t): the event itself
// and all that happens at t stay out. An event counts only if it was observed at
// or before t, so that one that arrives late cannot leak into the past. An event
// that is observed again with the same id is a correction: from its observation on
// it takes the place of the earlier form. The order of calls does not matter.
//
// Attempts are events of kind authorize, check_eligibility or provision, and those
// without kind; nothing else is counted. An external failure is an attempt that
// somebody else refused: verify.cvv fail, card.expiry_match false, verify.avs_*
// fail, wallet.recommendation decline, or a red guard of the counterpart. Our own
// declines never count, else one decline would breed the next.
//
// Facts, each left absent when its key facts are absent or its window is not covered:
//
//	vel.attempts_card_1h, _24h    attempts with this card.ref
//	vel.attempts_card_device_72h  attempts with this card.ref and device.ref
//	vel.devices_card_30d          distinct device.ref of attempts with this card.ref
//	vel.cards_device_24h          distinct card.ref of attempts with this device.ref
//	vel.names_device_30d          distinct holder.ref of attempts with this device.ref
//	vel.readds_card_30d, _180d    attempts with this card.ref on a device on which an earlier attempt
//	                              within the window had it, over all devices
//	vel.cvv_fail_card_24h         attempts with this card.ref and verify.cvv fail
//	vel.declines_device_24h       external failures with this device.ref
//	vel.cards_requestor_10m       distinct card.ref of attempts with this token.requestor_id
//	vel.decline_rate_bin_10m      external failures per attempt with this card.bin, 0 to 1; 0 without attempts
//
// vel.tokens_card_active is the counterpart's to tell; Window does not compute it.
// A Window is safe for concurrent use.
type Window struct {
	opt WindowOptions

	mu       sync.RWMutex
	versions map[string]*observation // the forms of each event, the one that was observed last first
	all      []*observation          // by at, id
	index    map[windowKey]*bucket
	newest   int64 // latest observation
	gone     int64 // what happened before it may be missing

	corrected []*observation // forms that were superseded, by when
	forgotten int64          // of what was superseded at or before it, corrected knows nothing
}

type windowKey struct {
	field keyField
	value string
}

// bucket holds the attempts with one value of a key fact. They point to it instead
// of holding the value: a window has many events, and few cards among them.
type bucket struct {
	value string
	list  []*observation // by at, id
	sums  *sums          // of a requestor or BIN
}

// keyField is a fact by whose value attempts are found.
type keyField uint8

const (
	byCard keyField = iota
	byDevice
	byRequestor
	byBIN
	keyFields
)

func (f keyField) fact() string {
	return [keyFields]string{"card.ref", "device.ref", "token.requestor_id", "card.bin"}[f]
}

func (o *Observation) key(f keyField) windowKey {
	return windowKey{f, [keyFields]string{o.Card, o.Device, o.Requestor, o.BIN}[f]}
}

// observation is one form of one event, in a window. Instants are nanoseconds.
type observation struct {
	id, holder       string
	in               [keyFields]*bucket // those in which it stands
	older            *observation       // form of the same event
	prev, next       *observation       // attempts with the same card, at the same requestor; see sums
	at, observed     int64
	superseded       int64 // from then on a correction counts; never = none does
	cvvFail, failure bool
	kept             bool // it stands in all and its buckets
}

// The ends of what nanoseconds since 1970 can tell, the years 1678 to 2262.
const (
	never  = math.MaxInt64
	always = math.MinInt64
)

var (
	firstNano = time.Unix(0, always+1)
	lastNano  = time.Unix(0, never-1)
)

// nano returns t in nanoseconds; what lies beyond their ends is moved there.
func nano(t time.Time) int64 {
	switch {
	case t.Before(firstNano):
		return always + 1
	case t.After(lastNano):
		return never - 1
	}
	return t.UnixNano()
}

// NewWindow returns an empty window.
func NewWindow(opt WindowOptions) (*Window, error) {
	if opt.Max == 0 {
		opt.Max = DefaultMaxWindow
	}
	if opt.Max < 0 {
		return nil, fmt.Errorf("%w: a window keeps a positive number of events", ErrConfig)
	}
	return &Window{opt: opt, versions: map[string]*observation{}, index: map[windowKey]*bucket{}, newest: always, gone: always, forgotten: always}, nil
}

// Observe adds the event as it was known at the instant observed; see
// ObservationOf. Nothing of ev is kept but references, times and findings.
func (w *Window) Observe(ev *Event, observed time.Time) error {
	o, err := ObservationOf(ev, observed)
	if err != nil {
		return err
	}
	w.Add(o)
	return nil
}

// Add adds an observation, which must have an ID. Its texts are copied: they may be
// parts of something larger that is not to stay in memory.
func (w *Window) Add(obs Observation) {
	o := &observation{
		id: strings.Clone(obs.ID), at: nano(obs.At), observed: nano(obs.Observed), superseded: never,
		cvvFail: obs.CVVFail, failure: obs.Failure,
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.newest = max(w.newest, o.observed)
	w.supersede(o)
	if o.at >= w.gone {
		w.keep(o, &obs)
	} else if w.versions[o.id] == o && o.older == nil {
		delete(w.versions, o.id) // too old for any window, and it corrects nothing
	}
	w.evict()
}

func (w *Window) keep(o *observation, obs *Observation) {
	o.kept = true
	w.all = insert(w.all, o)
	if !obs.Attempt {
		return
	}
	o.holder = strings.Clone(obs.Holder)
	for f := range keyFields {
		k := obs.key(f)
		if k.value == "" {
			continue
		}
		b := w.index[k]
		if b == nil {
			k.value = strings.Clone(k.value)
			b = &bucket{value: k.value, sums: newSums(f)}
			w.index[k] = b
		}
		o.in[f], b.list = b, insert(b.list, o)
	}
	for _, b := range o.in {
		if b != nil && b.sums != nil && o.superseded == never {
			b.sums.add(o)
		}
	}
}

// newSums returns the sums of a bucket that has many attempts, nil for the others.
func newSums(f keyField) *sums {
	switch f {
	case byRequestor:
		return &sums{last: map[*bucket]*observation{}}
	case byBIN:
		return &sums{}
	}
	return nil
}

// Forget lets go of what happened before that instant. Facts whose windows reach
// back before it are absent from then on.
func (w *Window) Forget(before time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	horizon := nano(before)
	for len(w.all) > 0 && w.all[0].at < horizon {
		w.dropOldest()
	}
	w.gone = max(w.gone, horizon)
}

// supersede puts o among the forms of its event.
func (w *Window) supersede(o *observation) {
	var newer *observation
	older := w.versions[o.id]
	for older != nil && older.observed > o.observed {
		newer, older = older, older.older
	}
	if o.older = older; older != nil {
		if older.superseded == never {
			w.uncount(older)
		}
		older.superseded = o.observed
		w.correct(older)
	}
	if newer == nil {
		w.versions[o.id] = o
		return
	}
	newer.older, o.superseded = o, newer.observed
	w.correct(o)
}

func byTime(a, b *observation) int {
	if c := cmp.Compare(a.at, b.at); c != 0 {
		return c
	}
	return strings.Compare(a.id, b.id)
}

func insert(list []*observation, o *observation) []*observation {
	i := len(list)
	for i > 0 && byTime(list[i-1], o) > 0 {
		i--
		if len(list)-i > 32 { // it is very late: search instead
			i, _ = slices.BinarySearchFunc(list, o, byTime)
			break
		}
	}
	return slices.Insert(list, i, o)
}

// evict lets go of what no window reaches, and of the oldest beyond Max.
func (w *Window) evict() {
	horizon := w.newest - int64(windowKeep)
	if horizon > w.newest { // there is nothing before the beginning
		horizon = always
	}
	for len(w.all) > 0 && (w.all[0].at < horizon || len(w.all) > w.opt.Max) {
		w.dropOldest()
	}
}

func (w *Window) dropOldest() {
	o := w.all[0]
	w.all[0] = nil
	w.all = w.all[1:]
	w.gone = max(w.gone, o.at+1)
	if o.superseded == never {
		w.uncount(o)
	}
	for f, b := range o.in {
		if b != nil {
			w.drop(keyField(f), b, o)
		}
	}
	o.kept = false
	w.forgetForms(o.id)
}

// forgetForms lets go of the forms of an event that no window counts any more.
func (w *Window) forgetForms(id string) {
	var head, last *observation
	for o := w.versions[id]; o != nil; o = o.older {
		switch {
		case !o.kept:
			continue
		case last == nil:
			head = o
		default:
			last.older = o
		}
		last = o
	}
	if last == nil {
		delete(w.versions, id)
		return
	}
	last.older = nil
	w.versions[id] = head
}

// drop removes o from a bucket, where it is among the oldest.
func (w *Window) drop(f keyField, b *bucket, o *observation) {
	for i, have := range b.list {
		if have != o {
			continue
		}
		if i == 0 {
			b.list[0] = nil
			b.list = b.list[1:]
		} else {
			b.list = slices.Delete(b.list, i, i+1)
		}
		break
	}
	if len(b.list) == 0 {
		delete(w.index, windowKey{f, b.value})
	}
}

// Len returns how many events are kept, corrections counted apart.
func (w *Window) Len() int {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return len(w.all)
}

// Fill sets the facts of ev that the window can tell, as they were at the instant
// at. Facts that it cannot tell are left as they are.
func (w *Window) Fill(ev *Event, at time.Time) {
	if ev == nil || ev.Facts == nil {
		return
	}
	w.mu.RLock()
	defer w.mu.RUnlock()
	var asked [keyFields]*bucket // nil: no attempt has that value
	for f := range keyFields {
		asked[f] = w.index[windowKey{f, ev.Text(f.fact())}]
	}
	device := ev.Text("device.ref") != ""
	q := question{id: ev.Text("id"), at: nano(at)}
	for _, v := range velocities {
		if ev.Text(v.field.fact()) == "" || v.device && !device || !w.covers(at.Add(-v.length)) {
			continue
		}
		t := w.tally(&q, asked[v.field], v.length, asked[byCard], asked[byDevice])
		// The schema may lack the field, or have it in another type: then it is not ours.
		_ = ev.Set(v.fact, v.count(t))
	}
}

// tally counts a window of a bucket, which may be nil.
func (w *Window) tally(q *question, b *bucket, length time.Duration, card, device *bucket) *tally {
	if b != nil && b.sums != nil {
		if t, ok := w.reckon(b, q, length); ok {
			return t
		}
	}
	t := newTally()
	q.each(b, length, func(o *observation) { t.add(o, card, device) })
	return t
}

// covers reports whether all that happened from that instant on is known.
func (w *Window) covers(from time.Time) bool {
	if nano(from) < w.gone {
		return false
	}
	return w.opt.TrustedComplete || !w.opt.CompleteSince.IsZero() && !from.Before(w.opt.CompleteSince)
}

type question struct {
	id string
	at int64
}

// each visits the attempts of a bucket in [at - length, at), as known at at.
func (q *question) each(b *bucket, length time.Duration, visit func(*observation)) {
	if b == nil {
		return
	}
	from := q.at - int64(length)
	i, _ := slices.BinarySearchFunc(b.list, from, func(o *observation, at int64) int {
		if o.at < at {
			return -1
		}
		return 1
	})
	for ; i < len(b.list) && b.list[i].at < q.at; i++ {
		o := b.list[i]
		known := o.observed <= q.at && o.superseded > q.at
		if known && (q.id == "" || o.id != q.id) {
			visit(o)
		}
	}
}

// velocity defines one fact.
type velocity struct {
	fact   string
	length time.Duration
	field  keyField // besides which device.ref is one too if device
	device bool
	count  func(*tally) any
}

var velocities = [...]velocity{
	{"vel.attempts_card_1h", time.Hour, byCard, false, func(t *tally) any { return t.attempts }},
	{"vel.attempts_card_24h", day, byCard, false, func(t *tally) any { return t.attempts }},
	{"vel.attempts_card_device_72h", 3 * day, byCard, true, func(t *tally) any { return t.onDevice }},
	{"vel.devices_card_30d", 30 * day, byCard, false, func(t *tally) any { return len(t.devices) }},
	{"vel.cards_device_24h", day, byDevice, false, func(t *tally) any { return int64(len(t.cards)) + t.moreCards }},
	{"vel.names_device_30d", 30 * day, byDevice, false, func(t *tally) any { return len(t.holders) }},
	{"vel.readds_card_30d", 30 * day, byCard, false, func(t *tally) any { return t.readds() }},
	{"vel.readds_card_180d", 180 * day, byCard, false, func(t *tally) any { return t.readds() }},
	{"vel.cvv_fail_card_24h", day, byCard, false, func(t *tally) any { return t.cvvFails }},
	{"vel.declines_device_24h", day, byDevice, false, func(t *tally) any { return t.failures }},
	{"vel.cards_requestor_10m", 10 * time.Minute, byRequestor, false, func(t *tally) any { return int64(len(t.cards)) + t.moreCards }},
	{"vel.decline_rate_bin_10m", 10 * time.Minute, byBIN, false, func(t *tally) any { return t.failureRate() }},
}

// tally is what one window holds.
type tally struct {
	attempts, onDevice, cvvFails, failures int64
	devices                                map[*bucket]int64 // attempts on each
	cards                                  map[*bucket]bool
	moreCards                              int64 // distinct ones that are not listed
	holders                                map[string]bool
}

func newTally() *tally {
	return &tally{devices: map[*bucket]int64{}, cards: map[*bucket]bool{}, holders: map[string]bool{}}
}

func (t *tally) add(o *observation, card, device *bucket) {
	t.attempts++
	if d := o.in[byDevice]; d != nil {
		t.devices[d]++
		if d == device && card != nil && o.in[byCard] == card {
			t.onDevice++
		}
	}
	if c := o.in[byCard]; c != nil {
		t.cards[c] = true
	}
	if o.holder != "" {
		t.holders[o.holder] = true
	}
	if o.cvvFail {
		t.cvvFails++
	}
	if o.failure {
		t.failures++
	}
}

func (t *tally) readds() int64 {
	n := int64(0)
	for _, attempts := range t.devices {
		n += attempts - 1
	}
	return n
}

func (t *tally) failureRate() float64 {
	if t.attempts == 0 {
		return 0
	}
	return float64(t.failures) / float64(t.attempts)
}
