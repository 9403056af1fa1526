package store

import (
	"context"
)

// backend is a database. Its texts of SQL are PostgreSQL's, with $1 for arguments;
// the SQLite one rewrites these.
type backend interface {
	// open brings the schema up to date and makes the head row, unless that is there.
	open(ctx context.Context, fresh freshHead) error
	// lookup returns what is known of a message, nil for nothing, and the floor.
	lookup(ctx context.Context, key []byte) (*stored, int64, error)
	// commit brings a batch in, in one transaction: it locks the head row, settles
	// the batch, writes it, and lets go of what is too old or too much.
	commit(ctx context.Context, b *batch) error
	// refused reports whether the database refused a value, so that the items of a
	// batch should be tried one by one.
	refused(err error) bool
	// update runs f in a transaction that has locked the head row. Like commit it is
	// for one goroutine at a time.
	update(ctx context.Context, f func(executor) error) error
	// maintain is update, but where another process is at it, f does not run.
	maintain(ctx context.Context, f func(executor) error) error
	// probe writes as a commit would. Like commit it is for one goroutine at a time.
	probe(ctx context.Context) error
	// query reads, beside the transaction of the writer.
	query(ctx context.Context, sql string, args ...any) (rows, error)
	// snapshot runs f over one state of the database.
	snapshot(ctx context.Context, f func(executor) error) error
	close() error
}

// executor is a transaction.
type executor interface {
	exec(ctx context.Context, sql string, args ...any) (affected int64, err error)
	query(ctx context.Context, sql string, args ...any) (rows, error)
}

type rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close()
}

// freshHead is what the head row of a new store says.
type freshHead struct{ card, now, completeSince int64 }

const insertHead = `INSERT INTO head (id, seq, hash, size, anchor_seq, anchor_hash, anchor_size, floor, sightings, card,
	created, complete_since, list_version, probes) VALUES (1, 0, '', 0, 0, '', 0, $1, 0, $2, $3, $4, 0, 0)`

const countProbe = `UPDATE head SET probes = probes + 1`

const selectHead = `SELECT seq, hash, size, floor, sightings, list_version FROM head`

// dest is where a row of selectHead goes.
func (h *head) dest() []any {
	return []any{&h.chain.Seq, &h.chain.Hash, &h.chain.Size, &h.floor, &h.sightings, &h.listVersion}
}

const lookupSighting = `SELECT h.floor, s.digest, s.route, s.until, s.status, s.content_type, s.body
	FROM head h LEFT JOIN sightings s ON s.key = $1`

// scanSighting reads a row of lookupSighting.
func scanSighting(r interface{ Scan(...any) error }) (*stored, int64, error) {
	var floor int64
	var digest, route, contentType *string
	var until *int64
	var status *int
	var body []byte
	if err := r.Scan(&floor, &digest, &route, &until, &status, &contentType, &body); err != nil || digest == nil {
		return nil, floor, err
	}
	have := &stored{digest: *digest, route: *route, until: *until}
	have.answer.Status, have.answer.ContentType, have.answer.Body = *status, *contentType, body
	return have, floor, nil
}

// each visits the rows of a query.
func each(r rows, err error, visit func(rows) error) error {
	if err != nil {
		return err
	}
	defer r.Close()
	for r.Next() {
		if err := visit(r); err != nil {
			return err
		}
	}
	return r.Err()
}

// one reads a single row; found is false when there is none.
func one(r rows, err error, dest ...any) (found bool, e error) {
	e = each(r, err, func(r rows) error {
		found = true
		return r.Scan(dest...)
	})
	return found && e == nil, e
}
