package module

import (
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
)

// Errors of this package, as codes of replies and natively. What the packages behind
// an operation return keeps its own code.
var (
	ErrEntropy    = code.New(code.Entropy, "module: what encrypts waits for issuant_entropy, with at least 32 bytes of the host's randomness")
	ErrRandomness = code.New(code.Randomness, "module: the host's random source is fixed or repeats; give WASI a real one")
	ErrClock      = code.New(code.Clock, "module: now_ms is before this release was made, or beyond the year 9999; set the host's clock")
	ErrHandle     = code.New(code.Handle, "module: no pack or ring of that handle")
	ErrHandles    = code.New(code.Handles, "module: too many packs and rings are loaded; drop some")
	ErrFlavour    = code.New(code.Flavour, "module: this flavour of the module does not have the operation")
	ErrReentrant  = code.New(code.Reentrant, "module: it is answering a call already; one instance takes one call at a time")
	ErrInput      = code.New(code.Input, "module: the input is not what the export takes")
	ErrTray       = code.New(code.Tray, "module: the input is longer than issuant_in was asked for, or than the export takes")
	ErrBatch      = code.New(code.Batch, "module: the batch has too many lines, or too long a reply")
	ErrInternal   = code.New(code.Internal, "module: an operation broke; the input that did it is worth a report")
)

// codeOf is the code of the reply to an error.
func codeOf(err error) uint32 { return uint32(code.Of(err)) }

// appendError appends the JSON of a reply to an error.
func appendError(dst []byte, err error) []byte {
	w := canon.NewWriter(dst).Object()
	writeError(w, err)
	return w.EndObject().Bytes()
}

func writeError(w *canon.Writer, err error) {
	w.Key("error").String(code.Code(codeOf(err)).String()).Key("message").String(err.Error())
}
