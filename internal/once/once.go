// Package once remembers what may happen once, in the process and bounded: nonces and
// grants of wallet payloads.
package once

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"
)

// ErrFull is what a full memory answers: it never forgets early.
var ErrFull = errors.New("once: the memory is full")

// ErrPast is the answer for a key whose end is not after that of one that was let go of:
// the clock was set back, and nobody knows any more whether it was spent.
var ErrPast = errors.New("once: keys of that time are forgotten")

// Memory keeps keys until their instants. It is safe for concurrent use; New makes one.
// It reads no clock: what has ended is let go of when a later instant is given.
type Memory struct {
	max int

	mu    sync.Mutex
	spent map[string]bool
	ends  ends
	floor time.Time // the last end that was let go of
}

// New returns a memory of at most max keys.
func New(max int) *Memory { return &Memory{max: max, spent: map[string]bool{}} }

// Spend inserts key, atomically and once: first is true for the one call that did. The
// key is kept while now is not after until. An
// error is ErrFull, ErrPast, or that of ctx.
func (m *Memory) Spend(ctx context.Context, key string, until, now time.Time) (first bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.ends) > 0 && m.ends[0].at.Before(now) {
		e := heap.Pop(&m.ends).(end)
		delete(m.spent, e.key)
		m.floor = e.at
	}
	if m.spent[key] {
		return false, nil
	}
	if !until.After(m.floor) {
		return false, ErrPast
	}
	if len(m.spent) >= m.max {
		return false, ErrFull
	}
	m.spent[key] = true
	heap.Push(&m.ends, end{key, until})
	return true, nil
}

// Len returns how many keys are kept.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.spent)
}

// end is when a key may be let go of.
type end struct {
	key string
	at  time.Time
}

type ends []end

func (e ends) Len() int           { return len(e) }
func (e ends) Less(i, j int) bool { return e[i].at.Before(e[j].at) }
func (e ends) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *ends) Push(x any)        { *e = append(*e, x.(end)) }

func (e *ends) Pop() any {
	last := (*e)[len(*e)-1]
	(*e)[len(*e)-1] = end{}
	*e = (*e)[:len(*e)-1]
	return last
}
