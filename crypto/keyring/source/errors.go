package source

import (
	"fmt"

	"github.com/issuant/issuant/internal/code"
)

// Sentinels that errors of this package unwrap to.
var (
	ErrKeyFile = code.New(code.KeyFile, "source: key document is unusable") // a file or document
	ErrFetch   = code.New(code.KeySource, "source: keys cannot be fetched") // an address
	ErrOptions = code.New(code.Config, "source: options are not usable")    // of NewHTTPS
)

// Error says what is wrong with a key document, where, and what to do. Its text is
// one line and holds no key material.
type Error struct {
	File         string // "" when the document did not come from a file
	Line, Column int    // 1-based, in characters; 0 when the whole document is meant
	Msg          string
	Err          error // what it came from, when that is for a caller to tell apart: a missing file
}

func (e *Error) Error() string {
	switch {
	case e.File != "" && e.Line > 0:
		return fmt.Sprintf("source: %s:%d:%d: %s", e.File, e.Line, e.Column, e.Msg)
	case e.File != "":
		return fmt.Sprintf("source: %s: %s", e.File, e.Msg)
	case e.Line > 0:
		return fmt.Sprintf("source: key document, line %d, column %d: %s", e.Line, e.Column, e.Msg)
	}
	return "source: key document: " + e.Msg
}

// Code returns the code "key_file".
func (e *Error) Code() uint32 { return uint32(code.KeyFile) }

// Unwrap returns ErrKeyFile, and Err where there is one.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrKeyFile}
	}
	return []error{ErrKeyFile, e.Err}
}
