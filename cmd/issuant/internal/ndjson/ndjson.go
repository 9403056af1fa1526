// Package ndjson reads lines of bounded length. A line that is too long is
// reported and skipped; the reader holds at most MaxLine bytes of it.
package ndjson

import (
	"bufio"
	"errors"
	"io"
)

// MaxLine bounds a line in bytes, its end not counted, inclusive.
const MaxLine = 64 << 20

// Reader reads lines. It is not safe for concurrent use.
type Reader struct {
	r    *bufio.Reader
	max  int
	line int
	buf  []byte
}

// NewReader returns a Reader of lines of at most max bytes; zero means MaxLine.
func NewReader(r io.Reader, max int) *Reader {
	if max == 0 {
		max = MaxLine
	}
	return &Reader{r: bufio.NewReaderSize(r, 64<<10), max: max}
}

// Line returns the 1-based number of the line that Next returned last.
func (r *Reader) Line() int { return r.line }

// Next returns the next line without its end (LF, or CR LF); the bytes are valid
// until the next call. tooLong means that the line was longer than the bound and has been
// skipped. At the end of the input err is io.EOF; a last line need not end in LF.
func (r *Reader) Next() (line []byte, tooLong bool, err error) {
	r.buf = r.buf[:0]
	read := false
	for {
		part, err := r.r.ReadSlice('\n')
		read = read || len(part) > 0
		done := err == nil
		if done {
			part = part[:len(part)-1]
		}
		// One byte of grace: it may be the CR of a line end.
		if tooLong = tooLong || len(r.buf)+len(part) > r.max+1; tooLong {
			r.buf = nil
		} else {
			r.buf = append(r.buf, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, false, err
		case err != nil && !read:
			return nil, false, io.EOF
		}
		r.line++
		return r.finish(done, tooLong)
	}
}

func (r *Reader) finish(ended, tooLong bool) ([]byte, bool, error) {
	b := r.buf
	if n := len(b); ended && n > 0 && b[n-1] == '\r' {
		b = b[:n-1]
	}
	if tooLong || len(b) > r.max {
		return nil, true, nil
	}
	return b, false, nil
}
