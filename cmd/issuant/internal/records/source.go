package records

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/issuant/issuant/engine"
)

// Text is one line as it stands in its source.
type Text struct {
	N     int    // 1-based number in the journal; 0 in a store, where Seq counts
	Seq   uint64 // of a store; 0 in a journal
	Bytes []byte // without its end; valid until the next one
	Torn  bool   // it is the last one and has no end
	Long  bool   // it is longer than a record can be; Bytes is nil
}

// Walk says which lines Each visits.
type Walk struct {
	After    uint64       // lines of a store up to this seq are left out; a journal is visited whole
	Follow   bool         // wait for more at the end
	CaughtUp func() error // with Follow: called once, when the end was reached first; may be nil
}

// Source is where lines come from.
type Source interface {
	// Each visits lines in their order until the end, or until visit fails, or ctx
	// ends. Only a journal that is a file can be walked twice.
	Each(ctx context.Context, w Walk, visit func(Text) error) error
	// Bounds returns the place after which the lines go on and the place where they
	// end, as far as the source itself knows them.
	Bounds(ctx context.Context) (begin, end *engine.Chain, err error)
	// Find visits the lines of a decision or event.
	Find(ctx context.Context, id string, visit func(Text) error) error
	// DataKey returns the sealed form of a data key, "" when there is none of that id.
	DataKey(ctx context.Context, id string) (wrapped string, err error)
	Close() error
}

// Poll is how often a source is looked at while it is followed.
const Poll = 250 * time.Millisecond

// ErrShrunk: a journal that is followed became shorter.
var ErrShrunk = errors.New("the journal became shorter")

// Journal is a Source of lines in a file, or of a stream that is read once.
type Journal struct {
	Path string    // "" for Stream
	In   io.Reader // the stream
}

// Bounds implements Source: a journal does not know where it began or ends.
func (*Journal) Bounds(context.Context) (begin, end *engine.Chain, err error) { return nil, nil, nil }

// Close implements Source.
func (*Journal) Close() error { return nil }

// Find implements Source.
func (j *Journal) Find(ctx context.Context, id string, visit func(Text) error) error {
	return j.Each(ctx, Walk{}, func(t Text) error {
		if !bytes.Contains(t.Bytes, []byte(id)) { // cheap; Parse decides
			return nil
		}
		return visit(t)
	})
}

// DataKey implements Source.
func (j *Journal) DataKey(ctx context.Context, id string) (wrapped string, err error) {
	err = j.Find(ctx, id, func(t Text) error {
		if l, err := Parse(t.Bytes); err == nil && l.Kind == "data_key" && l.text("key_id") == id {
			wrapped = l.text("wrapped")
		}
		return nil
	})
	return wrapped, err
}

// Each implements Source.
func (j *Journal) Each(ctx context.Context, w Walk, visit func(Text) error) error {
	if j.Path == "" {
		r := &lineReader{in: bufio.NewReaderSize(j.In, 64<<10)}
		if w.Follow && w.CaughtUp != nil { // a stream has no end to catch up with
			if err := w.CaughtUp(); err != nil {
				return err
			}
		}
		return r.all(ctx, visit, true)
	}
	f, err := os.Open(j.Path)
	if err != nil {
		return err
	}
	defer func() { f.Close() }()
	r := &lineReader{in: bufio.NewReaderSize(f, 64<<10)}
	if err := r.all(ctx, visit, !w.Follow); err != nil || !w.Follow {
		return err
	}
	if w.CaughtUp != nil {
		if err := w.CaughtUp(); err != nil {
			return err
		}
	}
	for {
		if err := sleep(ctx); err != nil {
			return err
		}
		if err := r.all(ctx, visit, false); err != nil {
			return err
		}
		if info, err := f.Stat(); err != nil || info.Size() < r.read {
			return errors.Join(ErrShrunk, err)
		}
		if replaced(f, j.Path) {
			next, err := os.Open(j.Path)
			if err != nil {
				return err
			}
			f.Close()
			f, r = next, &lineReader{in: bufio.NewReaderSize(next, 64<<10)}
		}
	}
}

// replaced reports whether the path names another file by now.
func replaced(f *os.File, path string) bool {
	old, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(path)
	return err == nil && !os.SameFile(old, now)
}

func sleep(ctx context.Context) error {
	t := time.NewTimer(Poll)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// lineReader reads lines and can go on after the end of what there was.
type lineReader struct {
	in   *bufio.Reader
	n    int
	read int64
	buf  []byte
	long bool
}

// all visits the lines up to the end; what stands there without a line end is kept
// for the next call, or, with last, visited as torn.
func (r *lineReader) all(ctx context.Context, visit func(Text) error, last bool) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		part, err := r.in.ReadSlice('\n')
		r.read += int64(len(part))
		whole := err == nil
		if r.long = r.long || len(r.buf)+len(part) > engine.MaxRecordLine; r.long {
			r.buf = r.buf[:0]
		} else {
			r.buf = append(r.buf, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return err
		case !whole && (!last || len(r.buf) == 0 && !r.long):
			return nil
		}
		r.n++
		t := Text{N: r.n, Bytes: bytes.TrimSuffix(r.buf, []byte("\n")), Torn: !whole, Long: r.long}
		r.buf, r.long = r.buf[:0], false
		if err := visit(t); err != nil {
			return err
		}
		if !whole {
			return nil
		}
	}
}

// Place names a line for a message.
func (t Text) Place() string {
	if t.N == 0 {
		return fmt.Sprintf("record %d", t.Seq)
	}
	return fmt.Sprintf("line %d", t.N)
}
