package engine

import (
	"strconv"

	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/internal/code"
)

// Errors of the package; errors.Is finds them in what the functions return.
var (
	// ErrConfig: an engine, gate, memory or window was put together wrongly.
	ErrConfig = code.New(code.Config, "engine: bad configuration")
	// ErrSchema: a pack cannot take the place of another, since it judges other events.
	ErrSchema = code.New(code.Config, "engine: the pack judges another event schema")
	// ErrRecord: the record could not be written, so no answer may leave.
	ErrRecord = code.New(code.Record, "engine: the record cannot be written")
	// ErrChain: a journal's hash chain is broken.
	ErrChain = code.New(code.Record, "engine: the journal's hash chain is broken")
	// ErrReplayed: a verified message was seen before, too long ago or on another
	// route for it to be a retry.
	ErrReplayed = webhook.ErrReplayed
	// ErrStale: a verified message is older than what the memory can vouch for, or
	// was issued before the start.
	ErrStale = webhook.ErrStale
	// ErrRepeat: a genuine retry; it is answered with the stored bytes.
	ErrRepeat = code.New(code.Repeat, "engine: the message is a retry")
	// ErrBusy: the message was not taken; it may be sent again.
	ErrBusy = code.New(code.Busy, "engine: too busy to take the message")
	// ErrTooLarge: the body is longer than the route takes.
	ErrTooLarge = webhook.ErrTooLarge
	// ErrObserve: a window cannot count an event that has no id.
	ErrObserve = code.New(code.Event, "engine: an event without id cannot be observed")
	// ErrObservation: an encoded observation is damaged, or of an unknown version.
	ErrObservation = code.New(code.Store, "engine: an observation cannot be read")
	// ErrDeadline: the time for an answer has passed.
	ErrDeadline = code.New(code.Deadline, "engine: the deadline has passed")
	// ErrNotGranted: the decision permits no wallet payload.
	ErrNotGranted = code.New(code.NotGranted, "engine: the decision permits no wallet payload")
	// ErrStepUpProof: a message does not prove that the decision's step-up was passed.
	ErrStepUpProof = code.New(code.StepUpProof, "engine: the step-up is not proven")
	// ErrGrantFacts: what a payload is asked for is not what was decided on.
	ErrGrantFacts = code.New(code.GrantFacts, "engine: a payload is asked for something else than was decided on")
	// ErrInternal: our own mistake.
	ErrInternal = code.New(code.Internal, "engine: internal error")
)

// DecodeError tells why a verified body is not what its counterpart sends.
type DecodeError struct {
	Offset  int    // byte offset in the body, -1 when there is none
	Pointer string // RFC 6901 pointer to the member, or ""
	Msg     string // what is wrong; it never quotes the body
	Err     error  // the cause, or nil
}

func (e *DecodeError) Error() string {
	text := "decode: "
	if e.Offset >= 0 {
		text += "offset " + strconv.Itoa(e.Offset) + ": "
	}
	if e.Pointer != "" {
		text += "at " + strconv.Quote(e.Pointer) + ": "
	}
	if e.Msg == "" && e.Err != nil {
		return text + e.Err.Error()
	}
	return text + e.Msg
}

// Unwrap returns the cause.
func (e *DecodeError) Unwrap() error { return e.Err }

// Code returns the code "decode".
func (e *DecodeError) Code() uint32 { return uint32(code.Decode) }
