package store

import (
	"sync"
	"time"

	"github.com/issuant/issuant/engine"
)

// flights are the messages that this process is answering: a copy waits for the
// first instead of being decided beside it.
type flights struct {
	mu   sync.Mutex
	open map[string]*flight
}

type flight struct {
	digest, route string
	done          chan struct{} // closed when it has ended
	committing    bool          // its entry was handed over: Forget comes too late

	// Valid once done is closed.
	answered bool // else it was forgotten, or ended elsewhere: the store must be asked
	answer   engine.Reply
	until    time.Time
}

// start returns the flight of a copy that is being answered, or nil when s is the first.
func (f *flights) start(s engine.Sighting) *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	if have, ok := f.open[s.Key]; ok {
		return have
	}
	f.open[s.Key] = &flight{digest: s.Digest, route: s.Route, done: make(chan struct{})}
	return nil
}

// commit marks that the entry is on its way.
func (f *flights) commit(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if have, ok := f.open[key]; ok {
		have.committing = true
	}
}

// forget ends a flight without an effect, unless its entry is on its way.
func (f *flights) forget(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if have, ok := f.open[key]; ok && !have.committing {
		delete(f.open, key)
		close(have.done)
	}
}

// land ends a flight with the fate of its entry.
func (f *flights) land(e *engine.Entry, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	have, ok := f.open[e.Sighting.Key]
	if !ok {
		return
	}
	if err == nil {
		have.answered, have.answer, have.until = true, e.Answer, e.Until
	}
	delete(f.open, e.Sighting.Key)
	close(have.done)
}

// count returns how many messages are being answered.
func (f *flights) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.open)
}
