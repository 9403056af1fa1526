package store

import (
	"context"
	"fmt"
	"time"

	"github.com/issuant/issuant/engine"
)

// DataKey is a key under which the events of records are sealed. The store keeps it
// sealed, and cannot open it.
type DataKey struct {
	ID      string // at most MaxText bytes, not empty
	Wrapped string // sealed to the auditors; at most MaxWrapped bytes, not empty
	At      time.Time
	Seq     uint64 // of the line in the chain; set by the store
}

// Mark is the newest signed file of a name that was put in force in a place.
type Mark struct {
	Place    string // "pack", or the name of a counterpart's keys; at most MaxText bytes, not empty
	Name     string // of the file; at most MaxText bytes, not empty
	Revision uint64 // at least 1
	SHA256   string // of its content; at most MaxText bytes, not empty
	At       time.Time
	Seq      uint64 // of the line in the chain; set by the store
}

// PutDataKey implements Store. Its line has the members format, seq, prev, kind
// ("data_key"), at, key_id, wrapped.
func (s *sqlStore) PutDataKey(ctx context.Context, k DataKey) (uint64, error) {
	if !plain(k.ID, MaxText) || !plain(k.Wrapped, MaxWrapped) || k.At.IsZero() {
		return 0, fmt.Errorf("%w: a data key has an id, at most %d bytes of text and an instant", ErrConfig, MaxWrapped)
	}
	line := func(dst []byte, after engine.Chain) ([]byte, error) {
		w := beginLine(dst, after, "data_key", k.At)
		return w.Key("key_id").String(k.ID).Key("wrapped").String(k.Wrapped).EndObject().Bytes(), nil
	}
	apply := func(ctx context.Context, x executor, seq uint64) error {
		_, err := x.exec(ctx, `INSERT INTO data_keys (id, wrapped, at, seq) VALUES ($1, $2, $3, $4)`, k.ID, k.Wrapped, nanos(k.At), int64(seq))
		return err
	}
	return s.change(ctx, &change{at: k.At, line: line, apply: apply})
}

// DataKeys implements Store.
func (s *sqlStore) DataKeys(ctx context.Context, id string) ([]DataKey, error) {
	var list []DataKey
	r, err := s.db.query(ctx, `SELECT id, wrapped, at, seq FROM data_keys WHERE $1 = '' OR id = $1 ORDER BY seq`, id)
	err = each(r, err, func(r rows) error {
		var k DataKey
		var at int64
		err := r.Scan(&k.ID, &k.Wrapped, &at, &k.Seq)
		k.At = instant(at)
		list = append(list, k)
		return err
	})
	if err != nil {
		return nil, s.unavailable("read the data keys", err)
	}
	return list, nil
}

// PutMark implements Store. Its line has the members format, seq, prev, kind ("mark"),
// at, place, name, revision, sha256.
func (s *sqlStore) PutMark(ctx context.Context, m Mark) (uint64, error) {
	if !plain(m.Place, MaxText) || !plain(m.Name, MaxText) || !plain(m.SHA256, MaxText) || m.Revision < 1 || m.Revision > maxRevision || m.At.IsZero() {
		return 0, fmt.Errorf("%w: a mark has a place, a name, a digest, a revision from 1 on and an instant", ErrConfig)
	}
	line := func(dst []byte, after engine.Chain) ([]byte, error) {
		w := beginLine(dst, after, "mark", m.At).Key("place").String(m.Place).Key("name").String(m.Name)
		return w.Key("revision").Uint(m.Revision).Key("sha256").String(m.SHA256).EndObject().Bytes(), nil
	}
	// The database compares, so that of two processes neither can lower it.
	apply := func(ctx context.Context, x executor, seq uint64) error {
		_, err := x.exec(ctx, `INSERT INTO marks (place, name, revision, sha256, at, seq) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (place, name) DO UPDATE SET revision = $3, sha256 = $4, at = $5, seq = $6 WHERE marks.revision < $3`,
			m.Place, m.Name, int64(m.Revision), m.SHA256, nanos(m.At), int64(seq))
		return err
	}
	return s.change(ctx, &change{at: m.At, line: line, apply: apply})
}

// Marks implements Store.
func (s *sqlStore) Marks(ctx context.Context, place string) ([]Mark, error) {
	var list []Mark
	r, err := s.db.query(ctx, `SELECT place, name, revision, sha256, at, seq FROM marks WHERE $1 = '' OR place = $1 ORDER BY seq DESC`, place)
	err = each(r, err, func(r rows) error {
		var m Mark
		var at, revision int64
		err := r.Scan(&m.Place, &m.Name, &revision, &m.SHA256, &at, &m.Seq)
		m.At, m.Revision = instant(at), uint64(revision)
		list = append(list, m)
		return err
	})
	if err != nil {
		return nil, s.unavailable("read the marks", err)
	}
	return list, nil
}
