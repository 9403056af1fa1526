package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// maintain does what no commit has to do: it blanks answers that nobody may get any
// more, forgets messages that are too old while none arrive, packs observations and
// deletes what is kept no longer. It takes a page of rows in a transaction between
// two commits, and goes on while nobody waits for an answer.
func (s *sqlStore) maintain() {
	if s.shared {
		s.tail.ahead()
	}
	for range 16 {
		more, err := s.maintainOnce()
		text := ""
		if err != nil {
			text = s.hide(err)
		}
		s.stats.maintained(!s.clock.steady(), text)
		if err != nil || !more || len(s.queue) > 0 {
			return
		}
	}
}

func (s *sqlStore) maintainOnce() (more bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.opt.CommitTimeout)
	defer cancel()
	now, told := s.clock.now()
	steps := []func(context.Context, executor, time.Time) (bool, error){pack}
	if told { // a process without messages leaves the memory to those that have some
		steps = append(steps, blank, s.expire)
	}
	if s.clock.steady() {
		steps = append(steps, s.dropObservations, s.dropRecords)
		s.window.Forget(now.Add(-s.opt.RetainObservations))
	}
	err = s.db.maintain(ctx, func(x executor) error {
		for _, step := range steps {
			again, err := step(ctx, x, now)
			if err != nil {
				return err
			}
			more = more || again
		}
		return nil
	})
	return more, err
}

// blank takes away the answers that nobody may get any more.
func blank(ctx context.Context, x executor, now time.Time) (more bool, err error) {
	n, err := x.exec(ctx, blankAnswers, nanos(now.Add(-blankAfter)), page, []byte{})
	return n == page, err
}

// expire forgets messages that are too old.
func (s *sqlStore) expire(ctx context.Context, x executor, now time.Time) (more bool, err error) {
	var h head
	r, err := x.query(ctx, selectHead)
	if _, err := one(r, err, h.dest()...); err != nil {
		return false, err
	}
	before := h.sightings
	if err := trim(ctx, x, &h, nanos(now.Add(-s.opt.Keep)), s.opt.Max, page); err != nil || h.sightings == before {
		return false, err
	}
	_, err = x.exec(ctx, `UPDATE head SET floor = $1, sightings = $2`, h.floor, h.sightings)
	return before-h.sightings == page, err
}

func (s *sqlStore) dropObservations(ctx context.Context, x executor, now time.Time) (more bool, err error) {
	return dropObservations(ctx, x, nanos(now.Add(-s.opt.RetainObservations)))
}

func (s *sqlStore) dropRecords(ctx context.Context, x executor, now time.Time) (more bool, err error) {
	if s.opt.Retain == 0 {
		return false, nil
	}
	n, err := dropRecords(ctx, x, nanos(now.Add(-s.opt.Retain)))
	s.stats.deleted.Add(uint64(n)) // or so: the transaction may still fail
	return n == page, err
}

const (
	oldestRecords = `SELECT seq, at, line FROM records ORDER BY seq LIMIT $1`
	deleteRecords = `DELETE FROM records WHERE seq <= $1`
	moveAnchor    = `UPDATE head SET anchor_seq = $1, anchor_hash = $2, anchor_size = anchor_size + $3`
)

// dropRecords deletes the oldest part of the chain, up to the first line that is
// not older than cutoff, and moves the anchor to its last line.
func dropRecords(ctx context.Context, x executor, cutoff int64) (deleted int, err error) {
	var last, size int64
	var hash [sha256.Size]byte
	old := true
	r, err := x.query(ctx, oldestRecords, page)
	err = each(r, err, func(r rows) error {
		var seq, at int64
		var line string
		if err := r.Scan(&seq, &at, &line); err != nil {
			return err
		}
		if old = old && at < cutoff; old {
			last, hash = seq, sha256.Sum256([]byte(line))
			size += int64(len(line)) + 1
			deleted++
		}
		return nil
	})
	if err != nil || deleted == 0 {
		return 0, err
	}
	if _, err := x.exec(ctx, deleteRecords, last); err != nil {
		return 0, err
	}
	if _, err := x.exec(ctx, moveAnchor, last, hex.EncodeToString(hash[:]), size); err != nil {
		return 0, err
	}
	return deleted, nil
}
