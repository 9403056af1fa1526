package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
)

func inputName(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}

// openInput opens a named file, or standard input for "-". A file that cannot be
// opened is a usage error.
func (a *app) openInput(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(contextReader{a.ctx, a.in}), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, usage("%w", plainPathError(name, err))
	}
	if st, err := f.Stat(); err == nil && st.IsDir() {
		f.Close()
		return nil, usage("%s is a directory", name)
	}
	return struct {
		io.Reader
		io.Closer
	}{contextReader{a.ctx, f}, f}, nil
}

// readInput reads an input whole, of at most limit bytes.
func (a *app) readInput(name string, limit int64) ([]byte, error) {
	in, err := a.openInput(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return a.readWhole(name, in, limit)
}

// readWhole reads what was opened under a name, of at most limit bytes.
func (a *app) readWhole(name string, in io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err != nil {
		return nil, a.readError(name, err)
	}
	if int64(len(data)) > limit {
		return nil, fail(exitInput, "%s: %w of %d bytes", inputName(name), errTooLong, limit)
	}
	return data, nil
}

// readError tells an interrupt from an input that broke.
func (a *app) readError(name string, err error) error {
	if a.ctx.Err() != nil {
		return a.ctx.Err()
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fail(exitUnavailable, "%s: %w", inputName(name), err)
}

// eventInput returns the name of the input that -i gave; standard input when it
// was left out and somebody pipes into it.
func (a *app) eventInput() (string, error) {
	if a.input != "" {
		return a.input, nil
	}
	if a.inTerminal {
		return "", usage("no event: give -i FILE, or - and type it")
	}
	return "-", nil
}

// dataError is a fault in an input, with its place.
type dataError struct {
	place string // file, or file:line, or file:line:column
	msg   string
	err   error
}

func (e *dataError) Error() string { return e.place + ": " + e.msg }
func (e *dataError) Unwrap() error { return e.err }

// placed turns an error with a byte offset into one with file, line and column.
// first is the number of the first line of data; 0 means 1.
func placed(file string, data []byte, first int, err error) error {
	offset, msg := -1, err.Error()
	var je *strictjson.Error
	var fe *rules.FactError
	switch {
	case errors.As(err, &je):
		offset, msg = je.Offset, je.Msg
		if je.Pointer != "" {
			msg = fmt.Sprintf("at %q: %s", je.Pointer, msg)
		}
	case errors.As(err, &fe):
		offset = fe.Offset
		plain := &rules.FactError{Field: fe.Field, Offset: -1, Msg: fe.Msg, Suggest: fe.Suggest}
		msg = strings.TrimPrefix(plain.Error(), "event: ")
	}
	place := file
	if offset >= 0 && offset <= len(data) {
		line, column := lineColumn(data, offset)
		place = fmt.Sprintf("%s:%d:%d", file, max(first, 1)+line-1, column)
	} else if first > 0 {
		place = fmt.Sprintf("%s:%d", file, first)
	}
	return &dataError{place, msg, err}
}

// lineColumn returns the 1-based line and column, in characters, of an offset.
func lineColumn(data []byte, offset int) (line, column int) {
	line, column = 1, 1
	for _, r := range string(data[:offset]) {
		if r == '\n' {
			line, column = line+1, 1
		} else {
			column++
		}
	}
	return line, column
}
