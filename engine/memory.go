package engine

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Sighting is what a Memory keeps of one verified message.
type Sighting struct {
	Key      string    // Message.ReplayKey, which begins with the scheme: the same for every copy of the message, on every route
	Digest   string    // of the body; lies in the message's memory, so that who keeps it clones it
	Route    string    // where it came in
	IssuedAt time.Time // by its sender
}

// Memory remembers verified messages, so that each has one effect. It is safe for
// concurrent use. NewMemory has the one that lives in the process; stores have
// those that outlive it.
type Memory interface {
	// Begin inserts s, atomically and once. The first to come gets first = true, and
	// must call Finish or Forget. A copy of equal digest and route waits until
	// that is done, at most as long as ctx allows, and gets the stored answer
	// while now is not after its end. Other errors: ErrReplayed for a copy that is
	// too late or of another digest or route; ErrStale for a message that is older
	// than what the memory can vouch for; the error of ctx.
	Begin(ctx context.Context, s Sighting, now time.Time) (first bool, answer Reply, err error)
	// Finish stores the answer, which copies may get up to and including until.
	Finish(key string, answer Reply, until time.Time) error
	// Forget takes the message back: it had no effect, and a copy may come again.
	Forget(key string)
	// Keep is how long after its issue a message is remembered at least.
	Keep() time.Duration
	// Durable tells whether what was remembered outlives the process.
	Durable() bool
}

// MemoryOptions of NewMemory.
type MemoryOptions struct {
	// Keep is how long after its issue a message is remembered; default DefaultKeep.
	// A gate refuses a memory that keeps less than max_age + 2 skew.
	Keep time.Duration
	// Max bounds the messages that are remembered; default DefaultMaxMemory, at least MinMaxMemory.
	// A full memory lets go of the message that was issued first, and from then on
	// refuses everything that was issued at that instant or before it.
	Max int
}

// NewMemory returns a Memory in the process. It is not durable: a gate needs to
// know when the process started.
func NewMemory(opt MemoryOptions) (*ProcessMemory, error) {
	if opt.Keep == 0 {
		opt.Keep = DefaultKeep
	}
	if opt.Max == 0 {
		opt.Max = DefaultMaxMemory
	}
	if opt.Keep < 0 || opt.Max < MinMaxMemory {
		return nil, fmt.Errorf("%w: a memory keeps for a positive time and at least %d messages", ErrConfig, MinMaxMemory)
	}
	return &ProcessMemory{keep: opt.Keep, max: opt.Max, seen: make(map[string]*sighting, roomForSightings),
		byIssue: make(issueHeap, 0, roomForSightings), answers: make([]*sighting, 0, roomForSightings)}, nil
}

const (
	roomForSightings = 256 // messages that a new memory holds before it has to grow
	sightingsAtOnce  = 32  // for which memory is taken in one piece
)

// ProcessMemory is a bounded Memory in the process; see NewMemory.
type ProcessMemory struct {
	keep time.Duration
	max  int

	mu      sync.Mutex
	seen    map[string]*sighting
	byIssue issueHeap
	answers []*sighting // that hold an answer, in the order in which they were finished
	free    []sighting  // for the next ones; messages go in about the order in which they came, so that pieces do too
	floor   time.Time   // what was issued at or before it is refused; zero = none
}

type sighting struct {
	key, route string
	issuedAt   time.Time
	digest     bodyDigest

	index  int           // in byIssue
	done   bool          // Finish or Forget was called, or it was let go
	wait   chan struct{} // closed when it is done; nil while nobody waits
	forgot bool
	answer Reply
	until  time.Time
}

// Keep implements Memory.
func (m *ProcessMemory) Keep() time.Duration { return m.keep }

// Durable implements Memory: false.
func (m *ProcessMemory) Durable() bool { return false }

// Len returns how many messages are remembered.
func (m *ProcessMemory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.seen)
}

// Floor returns the instant at or before which messages must not have been issued,
// since the memory had to let go of some; the zero time when it never had to.
func (m *ProcessMemory) Floor() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.floor
}

// Begin implements Memory.
func (m *ProcessMemory) Begin(ctx context.Context, s Sighting, now time.Time) (bool, Reply, error) {
	for {
		have, wait, err := m.insert(s, now)
		if err != nil || have == nil {
			return err == nil, Reply{}, err
		}
		if !have.digest.is(s.Digest) || have.route != s.Route {
			return false, Reply{}, ErrReplayed
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return false, Reply{}, ctx.Err()
		}
		if answer, again, err := m.answerOf(have, now); !again {
			return false, answer, err
		}
	}
}

// insert returns the sighting of an earlier copy and what is closed when it is done,
// or nil when s is the first.
func (m *ProcessMemory) insert(s Sighting, now time.Time) (have *sighting, wait chan struct{}, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expire(now)
	if have, ok := m.seen[s.Key]; ok {
		return have, have.waiting(), nil
	}
	if !m.floor.IsZero() && !s.IssuedAt.After(m.floor) {
		return nil, nil, ErrStale
	}
	if len(m.seen) >= m.max {
		if oldest := m.byIssue[0]; s.IssuedAt.Before(oldest.issuedAt) {
			return nil, nil, ErrStale
		}
		m.evict()
		if !s.IssuedAt.After(m.floor) {
			return nil, nil, ErrStale
		}
	}
	if len(m.free) == 0 {
		m.free = make([]sighting, sightingsAtOnce)
	}
	e := &m.free[0]
	m.free = m.free[1:]
	e.key, e.route, e.issuedAt = s.Key, s.Route, s.IssuedAt
	e.digest.set(s.Digest)
	m.seen[s.Key] = e
	heap.Push(&m.byIssue, e)
	return nil, nil, nil
}

// bodyDigest is a Sighting's digest, in memory of its own.
type bodyDigest struct {
	hex   [2 * sha256.Size]byte
	whole bool   // hex is it
	other string // what is no SHA-256
}

func (d *bodyDigest) set(s string) {
	if d.whole = len(s) == len(d.hex); d.whole {
		copy(d.hex[:], s)
	} else {
		d.other = strings.Clone(s)
	}
}

func (d *bodyDigest) is(s string) bool {
	if d.whole {
		return string(d.hex[:]) == s
	}
	return d.other == s
}

// expire lets go of what the verifier refuses by itself by now, and of answers
// that nobody may get any more. The floor moves along, so that a clock that is set
// back brings nothing to life again.
func (m *ProcessMemory) expire(now time.Time) {
	for len(m.byIssue) > 0 && m.byIssue[0].issuedAt.Add(m.keep).Before(now) {
		m.evict()
	}
	for len(m.answers) > 0 && m.answers[0].until.Before(now) {
		m.answers[0].answer = Reply{}
		m.answers[0] = nil
		m.answers = m.answers[1:]
	}
}

func (m *ProcessMemory) evict() {
	e := heap.Pop(&m.byIssue).(*sighting)
	delete(m.seen, e.key)
	if e.issuedAt.After(m.floor) || m.floor.IsZero() {
		m.floor = e.issuedAt
	}
	e.end() // copies that wait go away without an answer
}

// answerOf returns the answer for a copy; again tells that the first was forgotten
// and the copy may take its place.
func (m *ProcessMemory) answerOf(have *sighting, now time.Time) (answer Reply, again bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if have.forgot {
		return Reply{}, true, nil
	}
	if now.After(have.until) || have.answer.Status == 0 {
		return Reply{}, false, ErrReplayed
	}
	return have.answer, false, nil
}

// Finish implements Memory; it returns nil always.
func (m *ProcessMemory) Finish(key string, answer Reply, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.seen[key]
	if !ok || e.done {
		return nil
	}
	e.answer, e.until = answer, until
	m.answers = append(m.answers, e)
	e.end()
	return nil
}

// Forget implements Memory. A message that was answered stays.
func (m *ProcessMemory) Forget(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.seen[key]
	if !ok || e.done {
		return
	}
	e.forgot = true
	delete(m.seen, key)
	heap.Remove(&m.byIssue, e.index)
	e.end()
}

// waiting returns what is closed when e is done; most are never waited for.
func (e *sighting) waiting() chan struct{} {
	if e.wait == nil {
		e.wait = make(chan struct{})
		if e.done {
			close(e.wait)
		}
	}
	return e.wait
}

func (e *sighting) end() {
	if !e.done && e.wait != nil {
		close(e.wait)
	}
	e.done = true
}

// issueHeap has the message that was issued first at its top; equal instants are
// ordered by key, so that what is let go does not depend on chance.
type issueHeap []*sighting

func (h issueHeap) Len() int { return len(h) }
func (h issueHeap) Less(i, k int) bool {
	if !h[i].issuedAt.Equal(h[k].issuedAt) {
		return h[i].issuedAt.Before(h[k].issuedAt)
	}
	return h[i].key < h[k].key
}
func (h issueHeap) Swap(i, k int) {
	h[i], h[k] = h[k], h[i]
	h[i].index, h[k].index = i, k
}

// Push implements heap.Interface.
func (h *issueHeap) Push(x any) {
	e := x.(*sighting)
	e.index = len(*h)
	*h = append(*h, e)
}

// Pop implements heap.Interface.
func (h *issueHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return e
}
