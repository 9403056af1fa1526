package engine

import (
	"github.com/issuant/issuant/crypto/webhook"
)

// Reply is what goes back to a sender. Beside the content type it has no headers
// of its own.
type Reply struct {
	Status      int // HTTP status
	ContentType string
	Body        []byte // not to be changed
}

// Decoded is what a codec made of a message.
type Decoded struct {
	Event         *Event // never nil
	UnknownFields int    // members of the body that the codec does not know; only counted
	Room          any    // what the codec gets back when nobody uses Event any more; nil: nothing
}

// Codec translates between a counterpart's words and ours. Implementations are
// immutable, safe for concurrent use, and read no clock; they take a verified
// Message, never bytes. One that has Methods() []Method tells which step-up methods
// it can say: give them to Options.Methods; NewGate refuses an engine that offers others.
// One that has Recycle(room any) gets the Room of what it decoded back where a caller
// says that it uses the event no more: see Call.Release.
type Codec interface {
	// Name is the counterpart's name, lower case: "pismo".
	Name() string
	// Decode makes an event of a verified message; an error is a *DecodeError.
	Decode(m *webhook.Message) (*Decoded, error)
	// Encode says the decision in the counterpart's words.
	Encode(ev *Event, d *Decision) (Reply, error)
	// SystemError is the counterpart's own answer for "we failed"; it never approves.
	SystemError() Reply
}
