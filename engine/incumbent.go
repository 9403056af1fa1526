package engine

import (
	"fmt"
	"time"

	"github.com/issuant/issuant/internal/canon"
)

// AnswerReader is a Codec that can also read answers: for comparing what another
// system answered to the same message with what we would have.
type AnswerReader interface {
	// ReadAnswer reads an answer in the counterpart's words. The summary holds
	// nothing that the counterpart's rules do not name: an action code that is not of
	// the common stock is an error, since what it holds is anybody's guess.
	ReadAnswer(r Reply) (AnswerSummary, error)
}

// AnswerSummary is what an answer comes down to.
type AnswerSummary struct {
	Approve    bool
	ActionCode string // two characters, see the package comment
}

// IncumbentAnswer is what the incumbent, the system that is still in charge, made
// of a message; see Arrival.Incumbent.
type IncumbentAnswer struct {
	Reply   Reply         // Status is 0 when none came
	Failure string        // why none came: one of the Incumbent constants; "" when one came
	Took    time.Duration // until the whole answer was there, or until it failed
}

// Why the incumbent gave no answer that could be passed on.
const (
	IncumbentTimeout     = "timeout"
	IncumbentUnreachable = "unreachable" // no connection, or it broke off
	IncumbentTooLarge    = "too_large"   // its answer was longer than the bound
)

// Incumbent is the incumbent's answer as a record keeps it: without the bytes,
// which may hold anything.
type Incumbent struct {
	Status     int    // HTTP status; 0 when no answer came
	Failure    string // one of the Incumbent constants; "" when an answer came
	Read       bool   // the codec could read the answer: Approve and ActionCode apply
	Approve    bool
	ActionCode string
	Micros     int64 // time it took, microseconds
}

// incumbent waits for the incumbent's answer, if there is one to wait for, and
// reads it. A codec that cannot read it, or breaks on it, leaves Read false.
func (g *Gate) incumbent(a *Arrival) *Incumbent {
	if a.Incumbent == nil {
		return nil
	}
	answer := a.Incumbent()
	in := &Incumbent{Status: answer.Reply.Status, Failure: answer.Failure, Micros: answer.Took.Microseconds()}
	if in.Failure != "" {
		in.Status = 0
		return in
	}
	if summary, err := readAnswer(g.opt.Codec, answer.Reply); err == nil {
		in.Read, in.Approve, in.ActionCode = true, summary.Approve, summary.ActionCode
	}
	return in
}

func readAnswer(c Codec, r Reply) (s AnswerSummary, err error) {
	reader, ok := c.(AnswerReader)
	if !ok {
		return s, fmt.Errorf("%w: the codec reads no answers", ErrConfig)
	}
	defer func() {
		if recover() != nil {
			s, err = AnswerSummary{}, fmt.Errorf("%w: the codec broke on an answer", ErrInternal)
		}
	}()
	if s, err = reader.ReadAnswer(r); err == nil && !actionCode(s.ActionCode) {
		err = fmt.Errorf("%w: the codec read an action code that is none", ErrInternal)
	}
	return s, err
}

// actionCode reports whether s is of the shape of an action code of ISO 8583: two
// digits or capitals. A record must not hold what else a stranger may write there.
func actionCode(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return len(s) == 2
}

// append appends null, or the members status, failure, approve, action_code and
// micros; what does not apply is null.
func (in *Incumbent) append(b []byte) []byte {
	if in == nil {
		return append(b, "null"...)
	}
	w := canon.NewWriter(b)
	if w.Object().Key("status"); in.Status > 0 {
		w.Int(int64(in.Status))
	} else {
		w.Null()
	}
	w.Key("failure").StringOrNull(in.Failure).Key("approve")
	if in.Read {
		w.Bool(in.Approve).Key("action_code").String(in.ActionCode)
	} else {
		w.Null().Key("action_code").Null()
	}
	return w.Key("micros").Int(in.Micros).EndObject().Bytes()
}
