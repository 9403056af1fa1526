package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// Exit codes of the tool.
const (
	exitOK          = 0
	exitFailed      = 1   // ran, but tests, gates or lint levels failed
	exitUsage       = 2   // usage, configuration, a named file that is missing
	exitCompile     = 3   // rules do not compile
	exitInput       = 4   // bad input data
	exitRefused     = 5   // a signature or key was refused, or a key file is unusable
	exitUnavailable = 6   // a dependency is unavailable
	exitInterrupted = 130 // interrupted
)

// exitError ends the run with a code. A nil err means that what there is to say
// has been printed already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func fail(code int, format string, args ...any) error {
	return &exitError{code, fmt.Errorf(format, args...)}
}

func usage(format string, args ...any) error { return fail(exitUsage, format, args...) }

// done ends the run with a code, without another word.
func done(code int) error {
	if code == exitOK {
		return nil
	}
	return &exitError{code: code}
}

// exitCode tells how the run ends. What cobra itself reports is a usage error.
func exitCode(ctx context.Context, err error) int {
	var e *exitError
	var faults faultList
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &faults):
		return faults.code()
	case errors.Is(err, errPipe):
		return exitOK
	case errors.As(err, &e):
		return e.code
	case ctx.Err() != nil:
		return exitInterrupted
	}
	return exitUsage
}

// errPipe tells that the reader of standard output went away. It is not a
// failure: "issuant ... | head" is a normal thing to type.
var errPipe = errors.New("standard output was closed")

func isPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, fs.ErrClosed)
}
