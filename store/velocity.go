package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/issuant/issuant/engine"
)

// What windows count is kept in two tables: the latest observations one by one,
// and what is older packed into segments. Each process has a window in memory. It
// is filled when the store is opened, and follows what is committed: its own
// entries where it is alone, the tables where others write them too.

// Fill implements Store.
func (s *sqlStore) Fill(ctx context.Context, ev *engine.Event, at time.Time) error {
	if s.opt.ReadOnly {
		return fmt.Errorf("%w: it does not count", ErrReadOnly)
	}
	if s.shared {
		if err := s.tail.follow(ctx); errors.Is(err, ErrDamaged) {
			return err
		} else if err != nil {
			return s.unavailable("read what is counted", err)
		}
	}
	s.window.Fill(ev, at)
	return nil
}

// load fills the window.
func (s *sqlStore) load(ctx context.Context) error {
	w, err := engine.NewWindow(engine.WindowOptions{CompleteSince: instant(s.complete.Load()), Max: s.opt.MaxWindow})
	if err != nil {
		return err
	}
	s.window = w
	return s.readTail(ctx)
}

// selectTail: the rows of segments come before those that follow them, since their
// seqs do.
const selectTail = `SELECT 1 AS packed, last_seq AS seq, data FROM segments WHERE last_seq > $1
	UNION ALL SELECT 0, seq, data FROM observations WHERE seq > $1
	UNION ALL SELECT 2, seq, NULL FROM head WHERE seq < $1 ORDER BY seq`

// readTail adds to the window what was committed since it was read last. Commits
// of all processes have one order, so nothing can appear before what was seen.
func (s *sqlStore) readTail(ctx context.Context) error {
	r, err := s.db.query(ctx, selectTail, int64(s.tail.seen))
	return each(r, err, func(r rows) error {
		var packed int
		var seq uint64
		var data []byte
		if err := r.Scan(&packed, &seq, &data); err != nil {
			return err
		}
		switch packed {
		case 1:
			return s.addSegment(data, seq)
		case 2:
			return fmt.Errorf("%w: it ends at record %d, and had %d before: it was set back, and what this process counts with it is wrong; restart the process", ErrDamaged, seq, s.tail.seen)
		}
		o, rest, err := engine.DecodeObservation(data)
		if err != nil || len(rest) > 0 {
			return fmt.Errorf("%w: the observation of record %d cannot be read", ErrDamaged, seq)
		}
		s.window.Add(o)
		s.tail.seen = seq
		return nil
	})
}

// addSegment adds what is new in a segment: the seq of each observation, as the
// distance from the one before, stands in front of it.
func (s *sqlStore) addSegment(data []byte, last uint64) error {
	var seq uint64
	for len(data) > 0 {
		step, n := binary.Uvarint(data)
		if n <= 0 {
			return fmt.Errorf("%w: the observations up to record %d cannot be read", ErrDamaged, last)
		}
		o, rest, err := engine.DecodeObservation(data[n:])
		if err != nil {
			return fmt.Errorf("%w: the observations up to record %d cannot be read", ErrDamaged, last)
		}
		seq, data = seq+step, rest
		if seq > s.tail.seen {
			s.window.Add(o)
		}
	}
	if seq != last {
		return fmt.Errorf("%w: the observations up to record %d end at %d", ErrDamaged, last, seq)
	}
	s.tail.seen = last
	return nil
}

// tail lets many share one reading: who comes while a reading runs may have been
// too late for it, and shares the next one.
type tail struct {
	read    func(context.Context) error
	timeout time.Duration // of one reading, on behalf of all who share it; each waits as its own context allows
	seen    uint64        // seq up to which the window has seen; of the one that reads

	mu      sync.Mutex
	running *reading
	next    *reading
}

type reading struct {
	done chan struct{}
	err  error
}

// follow returns when everything that was committed before the call was read.
func (t *tail) follow(ctx context.Context) error {
	t.mu.Lock()
	if t.next == nil {
		t.next = &reading{done: make(chan struct{})}
	}
	r := t.next
	if t.running == nil {
		t.start()
	}
	t.mu.Unlock()
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return errors.New("it took too long")
	}
}

// ahead reads in the background, so that there is never much to read for those who
// wait for it.
func (t *tail) ahead() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running == nil {
		t.next = &reading{done: make(chan struct{})}
		t.start()
	}
}

// start begins the next reading. The caller holds mu.
func (t *tail) start() {
	r := t.next
	t.running, t.next = r, nil
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), t.timeout)
		defer cancel()
		r.err = t.read(ctx)
		close(r.done)
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.running = nil; t.next != nil {
			t.start()
		}
	}()
}

const (
	looseBeyond     = `SELECT seq FROM observations ORDER BY seq DESC LIMIT 1 OFFSET $1`
	oldestLoose     = `SELECT seq, newest, data FROM observations ORDER BY seq LIMIT $1`
	insertSegment   = `INSERT INTO segments (last_seq, first_seq, newest, data) VALUES ($1, $2, $3, $4)`
	deleteLoose     = `DELETE FROM observations WHERE seq <= $1`
	deleteSegments  = `DELETE FROM segments WHERE last_seq IN (SELECT last_seq FROM segments WHERE newest < $1 ORDER BY last_seq LIMIT 20)`
	oldObservations = `SELECT seq, newest FROM observations ORDER BY seq LIMIT $1`
	moveComplete    = `UPDATE head SET complete_since = $1 WHERE complete_since < $1`
)

// pack moves the oldest observations that nobody follows any more into a segment.
func pack(ctx context.Context, x executor, _ time.Time) (more bool, err error) {
	var beyond int64
	r, err := x.query(ctx, looseBeyond, looseRows+packRows)
	if found, err := one(r, err, &beyond); err != nil || !found {
		return false, err
	}
	var data []byte
	var first, last, newest int64
	r, err = x.query(ctx, oldestLoose, packRows)
	err = each(r, err, func(r rows) error {
		var seq, at int64
		var one []byte
		if err := r.Scan(&seq, &at, &one); err != nil {
			return err
		}
		if first == 0 {
			first = seq
		}
		data = append(binary.AppendUvarint(data, uint64(seq-last)), one...)
		last, newest = seq, max(newest, at)
		return nil
	})
	if err != nil {
		return false, err
	}
	if _, err := x.exec(ctx, insertSegment, last, first, newest, data); err != nil {
		return false, err
	}
	_, err = x.exec(ctx, deleteLoose, last)
	return err == nil, err
}

// dropObservations deletes what is older than cutoff, and remembers that it is gone.
func dropObservations(ctx context.Context, x executor, cutoff int64) (bool, error) {
	n, err := x.exec(ctx, deleteSegments, cutoff)
	if err != nil {
		return false, err
	}
	var last int64
	old := true
	r, err := x.query(ctx, oldObservations, page)
	err = each(r, err, func(r rows) error {
		var seq, newest int64
		err := r.Scan(&seq, &newest)
		if old = old && newest < cutoff; old {
			last = seq
		}
		return err
	})
	if err == nil && last > 0 {
		n++
		_, err = x.exec(ctx, deleteLoose, last)
	}
	if err == nil && n > 0 {
		_, err = x.exec(ctx, moveComplete, cutoff)
	}
	return n > 0, err
}
