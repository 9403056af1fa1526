package store

import (
	"encoding/binary"

	"context"
	"time"

	"github.com/issuant/issuant/engine"
)

// Run runs a statement in the writer's transaction, or on its connection.
func Run(s Store, sql string, args ...any) error {
	st := s.(*sqlStore)
	result := make(chan error, 1)
	st.jobs <- func() {
		if d, ok := st.db.(*sqliteDB); ok {
			r, err := d.w.query(context.Background(), sql, args...)
			result <- each(r, err, func(rows) error { return nil })
			return
		}
		result <- st.db.update(context.Background(), func(x executor) error {
			_, err := x.exec(context.Background(), sql, args...)
			return err
		})
	}
	return <-result
}

// Setup gives the writer a new connection on which a statement was run, and so
// every one after it.
func Setup(s Store, sql string) error {
	result := make(chan error, 1)
	s.(*sqlStore).jobs <- func() {
		w := s.(*sqlStore).db.(*sqliteDB).w
		w.discard(true)
		w.setup = sql
		result <- w.connect(context.Background())
	}
	return <-result
}

// Hold keeps the writer from committing until the function that it returns is called.
func Hold(s Store) (release func()) {
	held, done := make(chan struct{}), make(chan struct{})
	s.(*sqlStore).jobs <- func() { close(held); <-done }
	<-held
	return func() { close(done) }
}

// Maintain runs maintenance now, as often as there is something to do.
func Maintain(s Store) {
	st := s.(*sqlStore)
	done := make(chan struct{})
	st.jobs <- func() {
		for more := true; more; {
			var err error
			if more, err = st.maintainOnce(); err != nil {
				break
			}
		}
		close(done)
	}
	<-done
}

// Count returns how many rows a table has.
func Count(s Store, table string) (n int) {
	r, err := s.(*sqlStore).db.query(context.Background(), "SELECT count(*) FROM "+table)
	if _, err := one(r, err, &n); err != nil {
		return -1
	}
	return n
}

// JumpClock makes the machine's clock look as if it had been put forward since the
// store was opened.
func JumpClock(s Store, by time.Duration) {
	done := make(chan struct{})
	s.(*sqlStore).jobs <- func() {
		c := &s.(*sqlStore).clock
		c.wall = c.wall.Add(-by)
		close(done)
	}
	<-done
}

// ParseURL is parseURL without the rest.
func ParseURL(raw string, opt Options) error {
	_, err := parseURL(raw, opt)
	return err
}

// LooseRows and PackRows are how many observations stay loose, and go into a segment.
const (
	LooseRows = looseRows
	PackRows  = packRows
)

// Seed packs observations into segments, as maintenance does with those that
// entries bring.
func Seed(s Store, n int, observation func(i int) *engine.Observation) error {
	ctx := context.Background()
	result := make(chan error, 1)
	s.(*sqlStore).jobs <- func() {
		result <- s.(*sqlStore).db.update(ctx, func(x executor) error {
			for i := 0; i < n; i += packRows {
				var data []byte
				var newest int64
				last := min(i+packRows, n)
				for k := i; k < last; k++ {
					o := observation(k)
					step := uint64(1)
					if k == i {
						step = uint64(i + 1)
					}
					data = o.Append(binary.AppendUvarint(data, step))
					newest = max(newest, nanos(o.Observed))
				}
				if _, err := x.exec(ctx, insertSegment, last, i+1, newest, data); err != nil {
					return err
				}
			}
			_, err := x.exec(ctx, `UPDATE head SET seq = $1, anchor_seq = $1`, n)
			return err
		})
	}
	return <-result
}
