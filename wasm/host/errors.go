package host

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/issuant/issuant/internal/code"
)

// Errors of this package; all may be wrapped with what was wrong.
var (
	ErrOptions  = code.New(code.Config, "host: options that cannot work")
	ErrModule   = code.New(code.Module, "host: not a module that may run here")
	ErrABI      = code.New(code.ABI, "host: the module speaks another major version of the ABI")
	ErrRuntime  = code.New(code.WASMRuntime, "host: wazero has no compiler for this platform; Options.Runtime: RuntimeInterpreter runs the module several hundred times slower")
	ErrCacheDir = code.New(code.CacheDir, "host: the folder of compiled modules cannot be trusted or used; it holds machine code: make it the process's own, with mode 0700")
	ErrClosed   = code.New(code.Closed, "host: the pool is closed")
	ErrBusy     = code.New(code.Busy, "host: no instance became free in time; raise Options.Size or send less")
)

// GuestError is a refusal by the module: a code other than 0. The instance that answered
// it is sound, unless the code is 500.
type GuestError struct {
	// Export is the function that refused, such as "issuant_decide".
	Export string
	// Message is the module's own text: what a library user finds in the error itself.
	Message string
	// Reply is the JSON that came with the code, copied; wasm/ABI.md has its form.
	Reply []byte

	code uint32
}

func newGuestError(export string, c uint32, reply []byte) *GuestError {
	var told struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(reply, &told) // a reply of another form has no message
	return &GuestError{Export: export, Message: told.Message, Reply: reply, code: c}
}

// Code returns the module's code: the numbers are those of every error of this project.
func (e *GuestError) Code() uint32 { return e.code }

// Error says which function refused, with which code, and what the module said.
func (e *GuestError) Error() string {
	text := "host: " + e.Export + " refused: " + code.Code(e.code).String() + " (" + strconv.FormatUint(uint64(e.code), 10) + ")"
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

// FaultError is a call that did not come back as the ABI says: a trap, an exit, an answer
// outside of the module's memory. The instance is gone; whether the call had an effect
// inside of it does not matter, since the module has none outside.
type FaultError struct {
	// Export is the function that was called, or "_initialize".
	Export string
	// Stderr is what the module wrote to standard error during the call: its first and its
	// last kilobytes. It may hold addresses and lengths, and parts of what was being worked on.
	Stderr string
	// Err is wazero's error, or what was wrong with the answer.
	Err error
}

// Code returns 361, fault.
func (e *FaultError) Code() uint32 { return uint32(code.Fault) }

// Unwrap returns Err: under Options.UntrustedModule errors.Is finds
// context.DeadlineExceeded and context.Canceled.
func (e *FaultError) Unwrap() error { return e.Err }

// Error holds the first line of wazero's error and of standard error, the latter quoted.
func (e *FaultError) Error() string {
	const most = 200
	what, _, _ := strings.Cut(e.Err.Error(), "\n")
	text := "host: " + e.Export + " failed and its instance was discarded: " + what[:min(len(what), most)]
	line, _, _ := strings.Cut(strings.TrimLeft(e.Stderr, "\n"), "\n")
	if line != "" {
		text += "; it said " + strconv.Quote(line[:min(len(line), most)])
	}
	return text
}
