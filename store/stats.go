package store

import (
	"sync"
	"sync/atomic"
	"time"
)

// Stats are numbers for metrics. Counters begin at 0 when the store is opened.
type Stats struct {
	Name       string // without secrets
	Durability Durability

	Seq       uint64    // of the last line, as this process knows it
	Bytes     int64     // of all lines since the beginning, with those that were deleted
	Sightings int64     // messages in the replay memory
	Floor     time.Time // what was issued at or before it is refused; zero: the memory never had to let go
	Window    int       // events that are counted

	Waiting  int // entries in the queue
	Answered int // messages between Begin and Commit

	Entries  uint64 // lines that were committed by this process
	Commits  uint64 // transactions
	Failures uint64 // transactions and look-ups that failed
	Busy     uint64 // entries that were turned away because too many waited

	Batch      Histogram // entries of a commit
	CommitTime Histogram // of a transaction, seconds

	CompleteSince    time.Time // from when on the observations are complete
	Deleted          uint64    // lines that retention deleted
	RetentionPaused  bool      // the machine's clock jumped, so nothing is deleted by age
	LastError        string    // of the last failure; "" when what came after it went well
	MaintenanceError string    // of the last step of maintenance; "" when it went well
}

// Histogram counts values by upper bounds, inclusive.
type Histogram struct {
	Bounds []float64
	Counts []uint64 // one more than Bounds: the last are the values beyond; not cumulative
	Sum    float64
	Count  uint64
}

func (h *Histogram) add(v float64) {
	i := 0
	for i < len(h.Bounds) && v > h.Bounds[i] {
		i++
	}
	h.Counts[i]++
	h.Sum += v
	h.Count++
}

func (h Histogram) clone() Histogram {
	h.Counts = append([]uint64(nil), h.Counts...)
	h.Bounds = append([]float64(nil), h.Bounds...)
	return h
}

var (
	batchBounds = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}
	timeBounds  = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}
)

type stats struct {
	busy, deleted atomic.Uint64

	mu       sync.Mutex
	s        Stats
	lastGood time.Time
}

// failed takes down what went wrong.
func (s *stats) failed(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Failures++
	s.s.LastError, s.lastGood = text, time.Time{}
}

func (s *stats) committed(entries int, took time.Duration, err error, text func() string) {
	if err != nil {
		s.failed(text())
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Commits++
	s.s.Entries += uint64(entries)
	if s.s.Batch.Bounds == nil {
		s.s.Batch = Histogram{Bounds: batchBounds, Counts: make([]uint64, len(batchBounds)+1)}
		s.s.CommitTime = Histogram{Bounds: timeBounds, Counts: make([]uint64, len(timeBounds)+1)}
	}
	s.s.Batch.add(float64(entries))
	s.s.CommitTime.add(took.Seconds())
	s.s.LastError, s.lastGood = "", time.Now()
}

// probed takes down that Health wrote.
func (s *stats) probed(err error, hide func(error) string) {
	if err != nil {
		s.failed(hide(err))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.LastError, s.lastGood = "", time.Now()
}

func (s *stats) goodSince(d time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.lastGood.IsZero() && time.Since(s.lastGood) < d
}

func (s *stats) at(h head) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Seq, s.s.Bytes, s.s.Sightings = h.chain.Seq, h.chain.Size, h.sightings
	if h.floor != noFloor {
		s.s.Floor = instant(h.floor)
	}
}

func (s *stats) maintained(paused bool, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.RetentionPaused, s.s.MaintenanceError = paused, text
}

// Stats implements Store.
func (s *sqlStore) Stats() Stats {
	s.stats.mu.Lock()
	out := s.stats.s
	out.Batch, out.CommitTime = out.Batch.clone(), out.CommitTime.clone()
	s.stats.mu.Unlock()
	out.Name, out.Durability, out.CompleteSince = s.name, s.opt.Durability, instant(s.complete.Load())
	out.Deleted = s.stats.deleted.Load()
	out.Busy, out.Waiting, out.Answered = s.stats.busy.Load(), len(s.queue), s.flights.count()
	if s.window != nil {
		out.Window = s.window.Len()
	}
	return out
}
