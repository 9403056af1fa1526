package main

import (
	"context"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// stdio is the world around a run, so that tests can bring their own.
type stdio struct {
	in          io.Reader
	out, err    io.Writer
	inTerminal  bool
	outTerminal bool
	errTerminal bool
	env         []string
	width       func() int       // cells of the window; 0 = not a terminal
	clock       func() time.Time // what serve goes by; nil = time.Now
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

func terminalWidth() int {
	if w, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		return w
	}
	return 0
}

// pipeWriter tells a reader that went away (errPipe) from an output that is broken
// or full (exit code 6).
type pipeWriter struct{ w io.Writer }

func (p pipeWriter) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	switch {
	case isPipe(err):
		err = errPipe
	case err != nil:
		err = fail(exitUnavailable, "standard output: %w", err)
	}
	return n, err
}

// contextReader fails once the run was interrupted, between two reads.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	type result struct {
		n   int
		err error
	}
	// A read from a terminal or pipe blocks beyond an interrupt; the buffer of a
	// read that is given up must not be written to afterwards.
	own := make([]byte, len(b))
	ch := make(chan result, 1)
	go func() {
		n, err := c.r.Read(own)
		ch <- result{n, err}
	}()
	select {
	case <-c.ctx.Done():
		return 0, c.ctx.Err()
	case r := <-ch:
		return copy(b, own[:r.n]), r.err
	}
}
