package engine

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/digest"
	"github.com/issuant/issuant/internal/strictjson"
)

// Chain is a place in a journal: what the next line must follow. The zero Chain
// is the beginning.
type Chain struct {
	Seq  uint64 // of the last line; the first line has 1
	Hash string // lower-case hexadecimal SHA-256 of the last line without its newline; "" = none yet
	Size int64  // bytes up to and including the last good line
}

var zeroHash = strings.Repeat("0", 64)

// Prev returns what the member prev of the line after c says.
func (c Chain) Prev() string {
	if c.Hash == "" {
		return zeroHash
	}
	return c.Hash
}

// After returns the place after a line, given without its newline.
func (c Chain) After(line []byte) Chain {
	return Chain{c.Seq + 1, digest.Of(line), c.Size + int64(len(line)) + 1}
}

// JournalOptions of a Journal; the zero options begin a new journal.
type JournalOptions struct {
	// After is the end of what w already holds, as VerifyChain returns it.
	After Chain
	// Commit, when not nil, is called after each line was written and must return
	// when that line is durable. It is called without a lock, by many goroutines
	// at once, so that it can commit many lines together.
	Commit func() error
	// Card tells how records name cards; the zero value is the keyed reference.
	Card CardForm
}

// Journal appends records as lines, each chained to the one before by its hash.
// It is safe for concurrent use.
//
// A line goes out in one Write. When a Write fails, Append fails with ErrRecord,
// and so does every later Append until the writer takes bytes again. When only a
// part of a line was taken, the rest of it goes out before the next line, so that
// the chain has no torn line while the process lives; such a line tells of a
// message whose sender was answered 503. After a crash VerifyChain reports a torn
// last line and where the good part ends.
type Journal struct {
	card   CardForm
	commit func() error

	mu    sync.Mutex
	w     io.Writer
	chain Chain
	rest  []byte // of a line that was taken in part
	buf   []byte
	err   error
}

// NewJournal returns a journal that appends to w.
func NewJournal(w io.Writer, opt JournalOptions) (*Journal, error) {
	if w == nil {
		return nil, fmt.Errorf("%w: a journal needs a writer", ErrConfig)
	}
	if (opt.After.Seq == 0) != (opt.After.Hash == "") || opt.After.Hash != "" && !digest.Is(opt.After.Hash) {
		return nil, fmt.Errorf("%w: the place after which a journal goes on is no place of a chain", ErrConfig)
	}
	return &Journal{w: w, card: opt.Card, commit: opt.Commit, chain: opt.After, buf: make([]byte, 0, usualLine)}, nil
}

// usualLine is more than most lines are long, in bytes.
const usualLine = 2048

// AppendLine appends the record as the line that follows the place after, without
// newline, to dst. A line that would be longer than MaxRecordLine is an ErrRecord,
// and dst is returned as it was.
func (r *Record) AppendLine(dst []byte, after Chain) ([]byte, error) {
	out := r.appendLine(dst, after.Seq+1, after.Prev())
	if len(out)-len(dst) >= MaxRecordLine {
		return dst, fmt.Errorf("%w: the line would be longer than %d bytes", ErrRecord, MaxRecordLine)
	}
	return out, nil
}

// Append writes the record; when it returns nil, the line is written and, with
// Commit, durable. Every error is an ErrRecord.
func (j *Journal) Append(r *Record) error {
	if err := j.append(r); err != nil {
		return err
	}
	if j.commit == nil {
		return nil
	}
	if err := j.commit(); err != nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.err = fmt.Errorf("%w: %w", ErrRecord, err)
		return j.err
	}
	return nil
}

func (j *Journal) append(r *Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.rest) > 0 {
		n, err := j.write(j.rest)
		if j.rest = j.rest[n:]; err != nil {
			return err
		}
	}
	var err error
	if j.buf, err = r.AppendLine(j.buf[:0], j.chain); err != nil {
		return err
	}
	next := j.chain.After(j.buf)
	j.buf = append(j.buf, '\n')
	n, err := j.write(j.buf)
	if n > 0 { // the line is there, or will be
		j.chain = next
		j.rest = append([]byte(nil), j.buf[n:]...)
	}
	return err
}

func (j *Journal) write(b []byte) (int, error) {
	n, err := j.w.Write(b)
	n = min(max(n, 0), len(b))
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if j.err = nil; err != nil {
		j.err = fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return n, j.err
}

// Err returns why the last Append could not write, or nil: for health checks.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// Chain returns the present end of the journal.
func (j *Journal) Chain() Chain {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.chain
}

// ChainError tells which line of a journal is the first bad one. Its text quotes nothing.
type ChainError struct {
	Line int  // 1-based; 0 when it was not read from a journal, see Chain.Follow
	Torn bool // it is the last line and has no newline: the good part before it can go on
	Msg  string
}

func (e *ChainError) Error() string {
	if e.Line == 0 {
		return "engine: journal: " + e.Msg
	}
	return fmt.Sprintf("engine: journal, line %d: %s", e.Line, e.Msg)
}

// Code returns the code "record".
func (e *ChainError) Code() uint32 { return uint32(code.Record) }

// Is makes errors.Is find ErrChain.
func (e *ChainError) Is(target error) bool { return target == error(ErrChain) }

// VerifyChain reads a journal from its beginning and returns the end of its good
// part; see VerifyChainFrom.
func VerifyChain(r io.Reader) (Chain, error) { return VerifyChainFrom(r, Chain{}) }

// VerifyChainFrom reads lines that must follow the place from. It returns the end
// of the good part always, and a *ChainError for the first line that does not
// follow. A chain shows that lines were changed, removed or moved; it cannot show
// that lines were cut off at its end: keep the end elsewhere to see that.
func VerifyChainFrom(r io.Reader, from Chain) (Chain, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	at := from
	for n := 1; ; n++ {
		line, err := readLine(in)
		if err == io.EOF && len(line) == 0 {
			return at, nil
		}
		if err == io.EOF {
			return at, &ChainError{Line: n, Torn: true, Msg: "the last line has no end"}
		}
		if err == bufio.ErrTooLong {
			return at, &ChainError{Line: n, Msg: "the line is too long"}
		}
		if err != nil {
			return at, fmt.Errorf("%w: %w", ErrRecord, err)
		}
		if at, err = at.Follow(line); err != nil {
			err.(*ChainError).Line = n
			return at, err
		}
	}
}

// Follow checks that a line, given without its newline, follows the place c, and
// returns the place after it. A line that does not follow is a *ChainError, beside
// which c is returned.
func (c Chain) Follow(line []byte) (Chain, error) {
	if msg := followsChain(c, line); msg != "" {
		return c, &ChainError{Msg: msg}
	}
	return c.After(line), nil
}

// readLine returns a line without its newline.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > MaxRecordLine:
			return nil, bufio.ErrTooLong
		case err == bufio.ErrBufferFull:
		case err != nil:
			return line, err
		default:
			return bytes.TrimSuffix(line, []byte("\n")), nil
		}
	}
}

func followsChain(at Chain, line []byte) string {
	v, err := strictjson.Parse(line, strictjson.Limits{MaxBytes: MaxRecordLine})
	if err != nil || v.Kind != strictjson.Object {
		return "it is not a JSON object"
	}
	format, _ := v.Get("format")
	if n, ok := format.Int64(); !ok || n != RecordFormat {
		return "it is of an unknown format"
	}
	seq, _ := v.Get("seq")
	if n, ok := seq.Int64(); !ok || n < 1 || uint64(n) != at.Seq+1 {
		return fmt.Sprintf("its seq is not %d", at.Seq+1)
	}
	prev, _ := v.Get("prev")
	if prev.Kind != strictjson.String || prev.Str != at.Prev() {
		return "its prev is not the hash of the line before"
	}
	return ""
}
