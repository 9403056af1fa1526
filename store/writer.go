package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/issuant/issuant/engine"
)

// Begin implements engine.Ledger.
func (s *sqlStore) Begin(ctx context.Context, sight engine.Sighting, now time.Time) (bool, engine.Reply, error) {
	if s.opt.ReadOnly {
		return false, engine.Reply{}, s.record("begin", ErrReadOnly)
	}
	s.clock.tell(now)
	for {
		other := s.flights.start(sight)
		if other == nil {
			return s.first(ctx, sight, now)
		}
		if other.digest != sight.Digest || other.route != sight.Route {
			return false, engine.Reply{}, engine.ErrReplayed
		}
		select {
		case <-other.done:
		case <-ctx.Done():
			return false, engine.Reply{}, ctx.Err()
		}
		if !other.answered {
			continue
		}
		if now.After(other.until) {
			return false, engine.Reply{}, engine.ErrReplayed
		}
		return false, other.answer, nil
	}
}

// first asks the store what it knows of the message that this process sees first.
func (s *sqlStore) first(ctx context.Context, sight engine.Sighting, now time.Time) (bool, engine.Reply, error) {
	keep := false
	defer func() {
		if !keep {
			s.flights.forget(sight.Key)
		}
	}()
	key := sha256.Sum256([]byte(sight.Key))
	have, floor, err := s.db.lookup(ctx, key[:])
	switch {
	case err != nil && ctx.Err() != nil:
		return false, engine.Reply{}, ctx.Err()
	case err != nil:
		s.stats.failed(s.hide(err))
		return false, engine.Reply{}, s.record("look a message up", err)
	case have != nil:
		answer, err := have.answerFor(&sight, nanos(now))
		return false, answer, err
	case nanos(sight.IssuedAt) <= floor:
		return false, engine.Reply{}, engine.ErrStale
	}
	keep = true
	return true, engine.Reply{}, nil
}

// Forget implements engine.Ledger.
func (s *sqlStore) Forget(key string) { s.flights.forget(key) }

// Commit implements engine.Ledger.
func (s *sqlStore) Commit(ctx context.Context, e engine.Entry) error {
	it, err := newItem(e)
	if err == nil {
		if e.Sighting != nil {
			s.flights.commit(e.Sighting.Key)
		}
		s.clock.tell(e.Record.At)
		err = s.submit(ctx, it)
	}
	// What a batch has taken ends with the batch, however long its sender waits.
	if err != nil && e.Sighting != nil && (it == nil || it.state.Load() != taken) {
		s.flights.land(&e, err)
	}
	return err
}

// submit hands an item over and waits for its fate.
func (s *sqlStore) submit(ctx context.Context, it *item) error {
	if s.opt.ReadOnly {
		return s.record("write", ErrReadOnly)
	}
	ctx, cancel := context.WithTimeout(ctx, s.opt.CommitTimeout)
	defer cancel()
	if err := s.enqueue(it); err != nil {
		return err
	}
	select {
	case <-it.done:
		return it.err
	case <-ctx.Done():
	}
	if it.state.CompareAndSwap(waiting, withdrawn) {
		s.stats.failed("the commit before takes too long")
		return s.record("commit", errors.New("the commits before it took too long; nothing was written"))
	}
	select {
	case <-it.done:
		return it.err
	default:
		s.stats.failed("a commit takes too long")
		return s.record("commit", errors.New("it takes too long; it may come to pass all the same"))
	}
}

func (s *sqlStore) enqueue(it *item) error {
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return s.record("write", ErrClosed)
	}
	select {
	case s.queue <- it:
		return nil
	default:
		s.stats.busy.Add(1)
		return fmt.Errorf("%w: %d entries wait to be committed", engine.ErrBusy, s.opt.MaxWaiting)
	}
}

// write is the goroutine that commits. It ends when the queue is closed and empty.
func (s *sqlStore) write() {
	defer close(s.written)
	tick := time.NewTicker(maintainEvery)
	defer tick.Stop()
	for {
		select {
		case it, ok := <-s.queue:
			if !ok {
				return
			}
			s.collect(it)
			s.commit()
		case job := <-s.jobs:
			job()
		case <-tick.C:
			s.maintain()
		}
	}
}

// collect takes what arrived while the commit before was running. It does not wait
// for more: an entry that comes alone is not delayed, and under load the commit
// itself is the time in which entries gather.
func (s *sqlStore) collect(first *item) {
	s.batch.items = append(s.batch.items[:0], first)
	most := maxBatch
	if s.opt.Durability == Always {
		most = 1
	}
	for len(s.batch.items) < most {
		select {
		case it, ok := <-s.queue:
			if !ok {
				return
			}
			s.batch.items = append(s.batch.items, it)
		default:
			return
		}
	}
}

// commit brings the batch in. One item that the database refuses does not take the
// others with it.
func (s *sqlStore) commit() {
	items := s.batch.items[:0]
	for _, it := range s.batch.items {
		if it.state.CompareAndSwap(waiting, taken) {
			items = append(items, it)
		}
	}
	if s.batch.items = items; len(items) == 0 {
		return
	}
	err := s.commitOnce()
	if err != nil && len(items) > 1 && s.db.refused(err) {
		for _, it := range items {
			s.batch.items = []*item{it}
			s.finish(s.commitOnce())
		}
		return
	}
	s.finish(err)
}

func (s *sqlStore) commitOnce() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.opt.CommitTimeout)
	defer cancel()
	start := time.Now()
	err := s.db.commit(ctx, &s.batch)
	s.stats.committed(len(s.batch.records), time.Since(start), err, func() string { return s.hide(err) })
	if err == nil {
		s.stats.at(s.batch.head)
	}
	return err
}

// finish tells everybody.
func (s *sqlStore) finish(err error) {
	if err == nil && !s.shared {
		for _, it := range s.batch.items {
			if it.err == nil && it.entry.Observed != nil {
				s.window.Add(*it.entry.Observed)
			}
		}
	}
	for _, it := range s.batch.items {
		if err != nil {
			it.err = s.record("commit", err)
		}
		if it.entry.Sighting != nil {
			s.flights.land(&it.entry, it.err)
		}
		close(it.done)
	}
	clear(s.batch.items)
}

// Keep implements engine.Ledger.
func (s *sqlStore) Keep() time.Duration { return s.opt.Keep }

// Durable implements engine.Ledger: false where the power may take what was committed.
func (s *sqlStore) Durable() bool { return s.opt.Durability != Off }

// Card implements engine.Ledger.
func (s *sqlStore) Card() engine.CardForm { return s.opt.Card }
