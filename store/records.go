package store

import (
	"context"
	"fmt"
	"iter"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/strictjson"
)

// Head implements Store.
func (s *sqlStore) Head(ctx context.Context) (engine.Chain, error) {
	var h head
	r, err := s.db.query(ctx, selectHead)
	if _, err := one(r, err, h.dest()...); err != nil {
		return engine.Chain{}, s.unavailable("read the head", err)
	}
	return h.chain, nil
}

// Anchor implements Store.
func (s *sqlStore) Anchor(ctx context.Context) (engine.Chain, error) {
	var c engine.Chain
	r, err := s.db.query(ctx, `SELECT anchor_seq, anchor_hash, anchor_size FROM head`)
	if _, err := one(r, err, &c.Seq, &c.Hash, &c.Size); err != nil {
		return engine.Chain{}, s.unavailable("read the anchor", err)
	}
	return c, nil
}

// lines reads lines; the columns are seq, at and line.
func (s *sqlStore) lines(ctx context.Context, sql string, args ...any) ([]Line, error) {
	var list []Line
	r, err := s.db.query(ctx, sql, args...)
	err = each(r, err, func(r rows) error {
		var l Line
		var at int64
		var text string
		err := r.Scan(&l.Seq, &at, &text)
		l.At, l.Text = instant(at), []byte(text)
		list = append(list, l)
		return err
	})
	if err != nil {
		return nil, s.unavailable("read records", err)
	}
	return list, nil
}

const selectLines = `SELECT seq, at, line FROM records WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3`

// Records implements Store. It reads page by page, so that a slow reader holds no
// transaction open.
func (s *sqlStore) Records(ctx context.Context, after uint64) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		end, err := s.Head(ctx)
		if err != nil {
			yield(Line{}, err)
			return
		}
		for after < end.Seq {
			list, err := s.lines(ctx, selectLines, int64(after), int64(end.Seq), page)
			if err != nil {
				yield(Line{}, err)
				return
			}
			for _, l := range list {
				if !yield(l, nil) {
					return
				}
				after = l.Seq
			}
			if len(list) == 0 {
				return
			}
		}
	}
}

// Find implements Store.
func (s *sqlStore) Find(ctx context.Context, id string) ([]Line, error) {
	hash := idHash(id)
	if hash == nil {
		return nil, nil
	}
	list, err := s.lines(ctx, `SELECT seq, at, line FROM records WHERE decision = $1
		UNION SELECT seq, at, line FROM records WHERE event = $1 ORDER BY seq DESC LIMIT $2`, *hash, MaxFound)
	if err != nil {
		return nil, err
	}
	var found []Line
	for _, l := range list {
		v, err := strictjson.Parse(l.Text, strictjson.Limits{MaxBytes: engine.MaxRecordLine})
		if err != nil {
			return nil, fmt.Errorf("%w: record %d is no JSON", ErrDamaged, l.Seq)
		}
		decision, _ := v.Get("decision_id")
		event, _ := v.Get("event_id")
		if decision.Str == id || event.Str == id {
			found = append(found, l)
		}
	}
	return found, nil
}

// Verify implements Store.
func (s *sqlStore) Verify(ctx context.Context) (engine.Chain, error) {
	at, err := s.Anchor(ctx)
	if err != nil {
		return at, err
	}
	end, err := s.Head(ctx)
	if err != nil {
		return at, err
	}
	for l, err := range s.Records(ctx, at.Seq) {
		if err != nil {
			return at, err
		}
		if l.Seq > end.Seq {
			break
		}
		if l.Seq != at.Seq+1 {
			// Retention may have moved the anchor over lines that were not read yet.
			anchor, err := s.Anchor(ctx)
			if err != nil {
				return at, err
			}
			if anchor.Seq+1 != l.Seq {
				return at, fmt.Errorf("%w: record %d is missing", ErrDamaged, at.Seq+1)
			}
			at = anchor
		}
		if at, err = at.Follow(l.Text); err != nil {
			return at, fmt.Errorf("%w: record %d: %w", ErrDamaged, l.Seq, err)
		}
	}
	return at, s.endsAt(ctx, at, end)
}

// endsAt checks that the lines end where the head says.
func (s *sqlStore) endsAt(ctx context.Context, at, end engine.Chain) error {
	if at == end {
		return nil
	}
	if anchor, err := s.Anchor(ctx); err != nil || anchor.Seq >= end.Seq {
		return err // all that was to be read has been deleted meanwhile
	}
	if at.Seq < end.Seq {
		return fmt.Errorf("%w: record %d is missing", ErrDamaged, at.Seq+1)
	}
	return fmt.Errorf("%w: the last record, %d, is not the one that the head was left at", ErrDamaged, at.Seq)
}
