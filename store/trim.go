package store

import "context"

// Messages leave the replay memory when they are older than Keep, and when there
// are too many. In both cases the floor moves with them, so that nothing comes to
// life again, whatever the clock does and whichever process asks.
const (
	expireSightings = `DELETE FROM sightings WHERE key IN (SELECT key FROM sightings WHERE issued_at < $1 ORDER BY issued_at LIMIT $2) RETURNING issued_at`
	evictSightings  = `DELETE FROM sightings WHERE key IN (SELECT key FROM sightings ORDER BY issued_at, key LIMIT $1) RETURNING issued_at`
	blankAnswers    = `UPDATE sightings SET status = 0, content_type = '', body = $3
		WHERE key IN (SELECT key FROM sightings WHERE status <> 0 AND until < $1 ORDER BY until LIMIT $2)`
)

// trim lets go of at most limit messages that were issued before cutoff, and of
// all beyond most. It changes h, which the caller writes.
func trim(ctx context.Context, x executor, h *head, cutoff int64, most, limit int) error {
	gone := func(r rows) error {
		var issued int64
		err := r.Scan(&issued)
		h.floor = max(h.floor, issued)
		h.sightings--
		return err
	}
	r, err := x.query(ctx, expireSightings, cutoff, limit)
	if err := each(r, err, gone); err != nil {
		return err
	}
	if excess := h.sightings - int64(most); excess > 0 {
		r, err := x.query(ctx, evictSightings, excess)
		return each(r, err, gone)
	}
	return nil
}
