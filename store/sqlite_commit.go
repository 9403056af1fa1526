package store

import (
	"context"
	"crypto/sha256"
)

const (
	insertRecord      = `INSERT INTO records (seq, at, decision, event, line) VALUES ($1, $2, $3, $4, $5)`
	insertSighting    = `INSERT INTO sightings (key, issued_at, digest, route, until, status, content_type, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	insertObservation = `INSERT INTO observations (seq, newest, data) VALUES ($1, $2, $3)`
	updateHead        = `UPDATE head SET seq = $1, hash = $2, size = $3, floor = $4, sightings = $5, list_version = $6`
)

func (d *sqliteDB) commit(ctx context.Context, b *batch) error {
	return d.w.transact(ctx, func() error {
		var h head
		if _, err := d.w.one(ctx, selectHead, h.dest()...); err != nil {
			return err
		}
		known, err := d.known(ctx, b)
		if err != nil {
			return err
		}
		b.settle(h, known)
		if err := d.insert(ctx, b); err != nil {
			return err
		}
		return d.finish(ctx, b)
	})
}

// known returns what the store knows of the messages of a batch.
func (d *sqliteDB) known(ctx context.Context, b *batch) (map[[sha256.Size]byte]*stored, error) {
	known := map[[sha256.Size]byte]*stored{}
	for _, it := range b.items {
		if it.entry.Sighting == nil {
			continue
		}
		r, err := d.w.query(ctx, lookupSighting, it.key[:])
		err = each(r, err, func(r rows) error {
			have, _, err := scanSighting(r)
			if have != nil {
				known[it.key] = have
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return known, nil
}

func (d *sqliteDB) insert(ctx context.Context, b *batch) error {
	for i := range b.records {
		r := &b.records[i]
		if _, err := d.w.exec(ctx, insertRecord, r.seq, r.at, r.decision, r.event, r.line); err != nil {
			return err
		}
	}
	for _, s := range b.sightings {
		e := &s.item.entry
		_, err := d.w.exec(ctx, insertSighting, s.item.key[:], s.issuedAt, e.Sighting.Digest, e.Sighting.Route,
			s.until, e.Answer.Status, e.Answer.ContentType, notNil(e.Answer.Body))
		if err != nil {
			return err
		}
	}
	for _, o := range b.observations {
		if _, err := d.w.exec(ctx, insertObservation, o.seq, o.newest, o.data); err != nil {
			return err
		}
	}
	for _, it := range b.changes {
		if err := it.change.apply(ctx, d.w, it.seq); err != nil {
			return err
		}
	}
	return nil
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// finish lets go of what is too old or too much, and writes the head row.
func (d *sqliteDB) finish(ctx context.Context, b *batch) error {
	if len(b.records) == 0 {
		return nil
	}
	if err := trim(ctx, d.w, &b.head, b.now-d.opt.Keep.Nanoseconds(), d.opt.Max, 2*len(b.items)+64); err != nil {
		return err
	}
	h := &b.head
	_, err := d.w.exec(ctx, updateHead, h.chain.Seq, h.chain.Hash, h.chain.Size, h.floor, h.sightings, h.listVersion)
	return err
}
