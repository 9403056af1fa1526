package store

import (
	"context"
	"crypto/sha256"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	pgBegin = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE`
	// The statement after the lock sees what every earlier holder of it has committed.
	pgKnown = `SELECT key, digest, route, until, status, content_type, body FROM sightings WHERE key = ANY($1)`

	pgInsertRecords = `INSERT INTO records (seq, at, decision, event, line)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[])`
	pgInsertSightings = `INSERT INTO sightings (key, issued_at, digest, route, until, status, content_type, body)
		SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::int[], $7::text[], $8::bytea[])`
	pgInsertObservations = `INSERT INTO observations (seq, newest, data) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])`

	// The same as trim does, in one statement: at most $8 that are too old, or the
	// $9 oldest when there are too many.
	pgFinish = `WITH old AS (
			SELECT key FROM (SELECT key, issued_at, row_number() OVER (ORDER BY issued_at, key) AS n
				FROM (SELECT key, issued_at FROM sightings WHERE $9 > 0 OR issued_at < $7 ORDER BY issued_at, key LIMIT greatest($8, $9)) a) b
			WHERE issued_at < $7 OR n <= $9),
		gone AS (DELETE FROM sightings USING old WHERE sightings.key = old.key RETURNING sightings.issued_at)
		UPDATE head SET seq = $1, hash = $2, size = $3, list_version = $4,
			sightings = $5 - (SELECT count(*) FROM gone),
			floor = greatest($6::bigint, (SELECT max(issued_at) FROM gone))
		RETURNING floor, sightings`
)

// commit takes two round trips: one that locks and asks, one that writes.
func (d *pgDB) commit(ctx context.Context, b *batch) error {
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if err := d.commitOn(ctx, conn, b); err != nil {
		// What is left of the transaction ends with the connection: nothing has to be
		// said to a server that may not listen.
		_ = conn.Conn().Close(ctx)
		return err
	}
	return nil
}

func (d *pgDB) commitOn(ctx context.Context, conn *pgxpool.Conn, b *batch) error {
	h, known, err := d.lockAndAsk(ctx, conn, b)
	if err != nil {
		return err
	}
	b.settle(h, known)
	out := &pgx.Batch{}
	if len(b.records) > 0 {
		b.queueRecords(out)
		b.queueSightings(out)
		b.queueObservations(out)
		if err := d.applyChanges(ctx, conn, out, b); err != nil {
			return err
		}
		d.queueFinish(out, b)
	}
	out.Queue("COMMIT")
	return conn.SendBatch(ctx, out).Close()
}

func (d *pgDB) lockAndAsk(ctx context.Context, conn *pgxpool.Conn, b *batch) (h head, known map[[sha256.Size]byte]*stored, err error) {
	var keys [][]byte
	for _, it := range b.items {
		if it.entry.Sighting != nil {
			keys = append(keys, it.key[:])
		}
	}
	known = map[[sha256.Size]byte]*stored{}
	ask := &pgx.Batch{}
	ask.Queue(pgBegin)
	ask.Queue(selectHead + " FOR UPDATE").QueryRow(func(r pgx.Row) error { return r.Scan(h.dest()...) })
	if len(keys) > 0 {
		ask.Queue(pgKnown, keys).Query(func(r pgx.Rows) error {
			return each(r, nil, func(r rows) error {
				var key []byte
				s := &stored{}
				err := r.Scan(&key, &s.digest, &s.route, &s.until, &s.answer.Status, &s.answer.ContentType, &s.answer.Body)
				known[[sha256.Size]byte(key)] = s
				return err
			})
		})
	}
	return h, known, conn.SendBatch(ctx, ask).Close()
}

func (b *batch) queueRecords(out *pgx.Batch) {
	n := len(b.records)
	seqs, ats, lines := make([]int64, n), make([]int64, n), make([]string, n)
	decisions, events := make([]*int64, n), make([]*int64, n)
	for i, r := range b.records {
		seqs[i], ats[i], lines[i], decisions[i], events[i] = int64(r.seq), r.at, r.line, r.decision, r.event
	}
	out.Queue(pgInsertRecords, seqs, ats, decisions, events, lines)
}

func (b *batch) queueSightings(out *pgx.Batch) {
	n := len(b.sightings)
	if n == 0 {
		return
	}
	keys, bodies := make([][]byte, n), make([][]byte, n)
	issued, until, status := make([]int64, n), make([]int64, n), make([]int32, n)
	digests, routes, types := make([]string, n), make([]string, n), make([]string, n)
	for i, s := range b.sightings {
		e := &s.item.entry
		keys[i], bodies[i], issued[i], until[i] = s.item.key[:], notNil(e.Answer.Body), s.issuedAt, s.until
		digests[i], routes[i], types[i], status[i] = e.Sighting.Digest, e.Sighting.Route, e.Answer.ContentType, int32(e.Answer.Status)
	}
	out.Queue(pgInsertSightings, keys, issued, digests, routes, until, status, types, bodies)
}

func (b *batch) queueObservations(out *pgx.Batch) {
	n := len(b.observations)
	if n == 0 {
		return
	}
	seqs, newest, data := make([]int64, n), make([]int64, n), make([][]byte, n)
	for i, o := range b.observations {
		seqs[i], newest[i], data[i] = int64(o.seq), o.newest, o.data
	}
	out.Queue(pgInsertObservations, seqs, newest, data)
}

// applyChanges sends what is queued and then the changes, which are rare, one by one.
func (d *pgDB) applyChanges(ctx context.Context, conn *pgxpool.Conn, out *pgx.Batch, b *batch) error {
	if len(b.changes) == 0 {
		return nil
	}
	if err := conn.SendBatch(ctx, out).Close(); err != nil {
		return err
	}
	*out = pgx.Batch{}
	for _, it := range b.changes {
		if err := it.change.apply(ctx, pgTx{conn}, it.seq); err != nil {
			return err
		}
	}
	return nil
}

func (d *pgDB) queueFinish(out *pgx.Batch, b *batch) {
	h := &b.head
	excess := max(h.sightings-int64(d.opt.Max), 0)
	out.Queue(pgFinish, int64(h.chain.Seq), h.chain.Hash, h.chain.Size, int64(h.listVersion), h.sightings, h.floor,
		b.now-d.opt.Keep.Nanoseconds(), int64(2*len(b.items)+64), excess).
		QueryRow(func(r pgx.Row) error { return r.Scan(&h.floor, &h.sightings) })
}
