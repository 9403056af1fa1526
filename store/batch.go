package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/issuant/issuant/engine"
)

// item is one entry or one change on its way into the store.
type item struct {
	entry  engine.Entry // Record is nil for a change
	change *change
	key    [sha256.Size]byte // of the sighting

	state atomic.Int32
	done  chan struct{} // closed when err and seq are there
	err   error
	seq   uint64
}

// States of an item. Who waits may withdraw it until a batch has taken it.
const (
	waiting = iota
	taken
	withdrawn
)

// change is a line of the chain that comes from an operator.
type change struct {
	at    time.Time
	list  bool // it moves the version of the lists
	line  func(dst []byte, after engine.Chain) ([]byte, error)
	apply func(ctx context.Context, x executor, seq uint64) error
}

func newItem(e engine.Entry) (*item, error) {
	it := &item{entry: e, done: make(chan struct{})}
	if e.Record == nil {
		return nil, fmt.Errorf("%w: an entry has a record", engine.ErrRecord)
	}
	s := e.Sighting
	if s == nil {
		return it, nil
	}
	for _, text := range []string{s.Digest, s.Route, e.Answer.ContentType} {
		if !isText(text) {
			return nil, fmt.Errorf("%w: the digest, route or content type of a message is not text", engine.ErrRecord)
		}
	}
	it.key = sha256.Sum256([]byte(s.Key))
	return it, nil
}

func isText(s string) bool { return utf8.ValidString(s) && bytes.IndexByte([]byte(s), 0) < 0 }

// head is the row that stands for the whole store.
type head struct {
	chain       engine.Chain
	floor       int64 // nanoseconds; noFloor: none
	sightings   int64
	listVersion uint64
}

// stored is what the store knows of an earlier copy of a message.
type stored struct {
	digest, route string
	until         int64
	answer        engine.Reply // Status 0: blanked
}

// answerFor is what a copy gets: the stored answer, or why not.
func (s *stored) answerFor(copy *engine.Sighting, now int64) (engine.Reply, error) {
	if s.digest != copy.Digest || s.route != copy.Route || s.answer.Status == 0 || now > s.until {
		return engine.Reply{}, engine.ErrReplayed
	}
	return s.answer, nil
}

type recordRow struct {
	seq             uint64
	at              int64
	decision, event *int64
	line            string
}

type sightingRow struct {
	item     *item
	issuedAt int64
	until    int64
}

type observationRow struct {
	seq    uint64
	newest int64
	data   []byte
}

// batch is what one transaction brings in.
type batch struct {
	items []*item

	head         head // as it will be
	now          int64
	records      []recordRow
	sightings    []sightingRow
	observations []observationRow
	changes      []*item
	buf          []byte
}

// settle decides about each item, given the head row, which the transaction has
// locked, and what the store knows of their keys. An item that does not come in
// gets its err, and is as if it had never been.
func (b *batch) settle(h head, known map[[sha256.Size]byte]*stored) {
	*b = batch{items: b.items, head: h, buf: b.buf, now: math.MinInt64,
		records: b.records[:0], sightings: b.sightings[:0], observations: b.observations[:0], changes: b.changes[:0]}
	for _, it := range b.items {
		it.err = nil
		if it.change != nil {
			it.err = b.addChange(it)
			continue
		}
		if s := it.entry.Sighting; s != nil {
			if it.err = b.admit(it, known[it.key]); it.err != nil {
				continue
			}
		}
		if it.err = b.addEntry(it); it.err == nil && it.entry.Sighting != nil {
			known[it.key] = &stored{it.entry.Sighting.Digest, it.entry.Sighting.Route, nanos(it.entry.Until), it.entry.Answer}
		}
	}
}

// admit checks that the message has not been answered, and that the store can tell.
func (b *batch) admit(it *item, have *stored) error {
	s := it.entry.Sighting
	if have != nil {
		answer, err := have.answerFor(s, nanos(it.entry.Record.At))
		if err != nil {
			return err
		}
		return &engine.TakenError{Answer: answer}
	}
	if nanos(s.IssuedAt) <= b.head.floor {
		return engine.ErrStale
	}
	return nil
}

func (b *batch) addEntry(it *item) error {
	rec := it.entry.Record
	line, err := rec.AppendLine(b.buf[:0], b.head.chain)
	if err != nil {
		return err
	}
	if err := b.addLine(it, line, rec.At, idHash(rec.DecisionID), idHash(rec.EventID)); err != nil {
		return err
	}
	if s := it.entry.Sighting; s != nil {
		b.sightings = append(b.sightings, sightingRow{it, nanos(s.IssuedAt), nanos(it.entry.Until)})
		b.head.sightings++
	}
	if o := it.entry.Observed; o != nil {
		b.observations = append(b.observations, observationRow{it.seq, max(nanos(o.At), nanos(o.Observed)), o.Append(nil)})
	}
	return nil
}

func (b *batch) addChange(it *item) error {
	line, err := it.change.line(b.buf[:0], b.head.chain)
	if err != nil {
		return err
	}
	if err := b.addLine(it, line, it.change.at, nil, nil); err != nil {
		return err
	}
	if it.change.list {
		b.head.listVersion = it.seq
	}
	b.changes = append(b.changes, it)
	return nil
}

func (b *batch) addLine(it *item, line []byte, at time.Time, decision, event *int64) error {
	b.buf = line
	if len(line) >= engine.MaxRecordLine || !utf8.Valid(line) || bytes.IndexByte(line, 0) >= 0 {
		return fmt.Errorf("%w: the line is too long or is not text", engine.ErrRecord)
	}
	b.head.chain = b.head.chain.After(line)
	it.seq = b.head.chain.Seq
	b.now = max(b.now, nanos(at))
	b.records = append(b.records, recordRow{it.seq, nanos(at), decision, event, string(line)})
	return nil
}

// idHash is what records are found by: eight bytes instead of the whole id keep
// the indexes small; Find compares the ids themselves.
func idHash(id string) *int64 {
	if id == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(id))
	return new(int64(binary.BigEndian.Uint64(sum[:8])))
}

// noFloor is the floor of a store that never had to let go of a message.
const noFloor = math.MinInt64

// The instants that nanoseconds since 1970 can tell.
var (
	firstInstant = time.Unix(0, math.MinInt64+1)
	lastInstant  = time.Unix(0, math.MaxInt64)
)

// nanos moves what lies outside of the years 1678 to 2262 to their edge, never to noFloor.
func nanos(t time.Time) int64 {
	switch {
	case t.Before(firstInstant):
		return math.MinInt64 + 1
	case t.After(lastInstant):
		return math.MaxInt64
	}
	return t.UnixNano()
}

func instant(n int64) time.Time { return time.Unix(0, n).UTC() }
