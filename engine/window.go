package engine

import (
	"fmt"
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
	versions map[string][]*observation // by event id, in the order of their observation
	all      []*observation            // by at, id
	index    map[windowKey][]*observation
	newest   time.Time // latest observation
	gone     time.Time // what happened before it may be missing; zero = nothing is
}

type windowKey struct {
	field keyField
	value string
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

// observation is one form of one event, in a window.
type observation struct {
	Observation
	superseded time.Time // from then on a correction counts; zero = never
	kept       bool      // it stands in all and index
}

// key returns the key under which o is found by that field; ok is false when it is not.
func (o *observation) key(f keyField) (k windowKey, ok bool) {
	k = windowKey{f, [keyFields]string{o.Card, o.Device, o.Requestor, o.BIN}[f]}
	return k, o.Attempt && k.value != ""
}

// NewWindow returns an empty window.
func NewWindow(opt WindowOptions) (*Window, error) {
	if opt.Max == 0 {
		opt.Max = DefaultMaxWindow
	}
	if opt.Max < 0 {
		return nil, fmt.Errorf("%w: a window keeps a positive number of events", ErrConfig)
	}
	return &Window{opt: opt, versions: map[string][]*observation{}, index: map[windowKey][]*observation{}}, nil
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

// Add adds an observation, which must have an ID.
func (w *Window) Add(obs Observation) {
	o := &observation{Observation: obs}
	w.mu.Lock()
	defer w.mu.Unlock()
	if o.Observed.After(w.newest) {
		w.newest = o.Observed
	}
	w.supersede(o)
	if !o.At.Before(w.gone) {
		o.kept = true
		w.all = insert(w.all, o)
		for f := range keyFields {
			if k, ok := o.key(f); ok {
				w.index[k] = insert(w.index[k], o)
			}
		}
	} else if len(w.versions[o.ID]) == 1 {
		delete(w.versions, o.ID) // too old for any window, and it corrects nothing
	}
	w.evict()
}

// Forget lets go of what happened before that instant. Facts whose windows reach
// back before it are absent from then on.
func (w *Window) Forget(before time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.all) > 0 && w.all[0].At.Before(before) {
		w.dropOldest()
	}
	if before.After(w.gone) {
		w.gone = before
	}
}

// supersede puts o among the forms of its event.
func (w *Window) supersede(o *observation) {
	forms := w.versions[o.ID]
	i := len(forms)
	for i > 0 && forms[i-1].Observed.After(o.Observed) {
		i--
	}
	forms = slices.Insert(forms, i, o)
	if i > 0 {
		forms[i-1].superseded = o.Observed
	}
	if i+1 < len(forms) {
		o.superseded = forms[i+1].Observed
	}
	w.versions[o.ID] = forms
}

func byTime(a, b *observation) int {
	if c := a.At.Compare(b.At); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
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
	horizon := w.newest.Add(-windowKeep)
	for len(w.all) > 0 && (w.all[0].At.Before(horizon) || len(w.all) > w.opt.Max) {
		w.dropOldest()
	}
}

func (w *Window) dropOldest() {
	o := w.all[0]
	w.all[0] = nil
	w.all = w.all[1:]
	if end := o.At.Add(1); end.After(w.gone) {
		w.gone = end
	}
	for f := range keyFields {
		if k, ok := o.key(f); ok {
			w.drop(k, o)
		}
	}
	o.kept = false
	forms := slices.DeleteFunc(w.versions[o.ID], func(f *observation) bool { return !f.kept })
	if w.versions[o.ID] = forms; len(forms) == 0 {
		delete(w.versions, o.ID)
	}
}

// drop removes o from an index, where it is among the oldest.
func (w *Window) drop(k windowKey, o *observation) {
	list := w.index[k]
	for i, have := range list {
		if have == o {
			if i == 0 {
				list[0] = nil
				list = list[1:]
			} else {
				list = slices.Delete(list, i, i+1)
			}
			break
		}
	}
	if w.index[k] = list; len(list) == 0 {
		delete(w.index, k)
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
	q := question{w: w, id: ev.Text("id"), at: at}
	card, device := ev.Text("card.ref"), ev.Text("device.ref")
	for _, v := range velocities {
		key := windowKey{v.field, ev.Text(v.field.fact())}
		if key.value == "" || v.device && device == "" || !w.covers(at.Add(-v.length)) {
			continue
		}
		t := newTally()
		q.each(key, v.length, func(o *observation) { t.add(o, card, device) })
		// The schema may lack the field, or have it in another type: then it is not ours.
		_ = ev.Set(v.fact, v.count(t))
	}
}

// covers reports whether all that happened from that instant on is known.
func (w *Window) covers(from time.Time) bool {
	if from.Before(w.gone) {
		return false
	}
	return w.opt.TrustedComplete || !w.opt.CompleteSince.IsZero() && !from.Before(w.opt.CompleteSince)
}

type question struct {
	w  *Window
	id string
	at time.Time
}

// each visits the attempts with the key in [at - length, at), as known at at.
func (q *question) each(key windowKey, length time.Duration, visit func(*observation)) {
	list := q.w.index[key]
	from := q.at.Add(-length)
	i, _ := slices.BinarySearchFunc(list, from, func(o *observation, t time.Time) int {
		if o.At.Before(t) {
			return -1
		}
		return 1
	})
	for ; i < len(list) && list[i].At.Before(q.at); i++ {
		o := list[i]
		known := !o.Observed.After(q.at) && (o.superseded.IsZero() || o.superseded.After(q.at))
		if known && (q.id == "" || o.ID != q.id) {
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
	{"vel.cards_device_24h", day, byDevice, false, func(t *tally) any { return len(t.cards) }},
	{"vel.names_device_30d", 30 * day, byDevice, false, func(t *tally) any { return len(t.holders) }},
	{"vel.readds_card_30d", 30 * day, byCard, false, func(t *tally) any { return t.readds() }},
	{"vel.readds_card_180d", 180 * day, byCard, false, func(t *tally) any { return t.readds() }},
	{"vel.cvv_fail_card_24h", day, byCard, false, func(t *tally) any { return t.cvvFails }},
	{"vel.declines_device_24h", day, byDevice, false, func(t *tally) any { return t.failures }},
	{"vel.cards_requestor_10m", 10 * time.Minute, byRequestor, false, func(t *tally) any { return len(t.cards) }},
	{"vel.decline_rate_bin_10m", 10 * time.Minute, byBIN, false, func(t *tally) any { return t.failureRate() }},
}

// tally is what one window holds.
type tally struct {
	attempts, onDevice, cvvFails, failures int64
	devices                                map[string]int64 // attempts on each
	cards, holders                         map[string]bool
}

func newTally() *tally {
	return &tally{devices: map[string]int64{}, cards: map[string]bool{}, holders: map[string]bool{}}
}

func (t *tally) add(o *observation, card, device string) {
	t.attempts++
	if o.Device != "" {
		t.devices[o.Device]++
	}
	if device != "" && o.Device == device && o.Card == card {
		t.onDevice++
	}
	if o.Card != "" {
		t.cards[o.Card] = true
	}
	if o.Holder != "" {
		t.holders[o.Holder] = true
	}
	if o.CVVFail {
		t.cvvFails++
	}
	if o.Failure {
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
