package pismo

import (
	"fmt"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
)

// ErrAnswer is wrapped by the errors of ReadAnswer: bytes that Pismo would not take
// for an answer.
var ErrAnswer = code.New(code.Decode, "pismo: not an answer to the anti-fraud webhook")

// maxAnswer bounds an answer that is read, in bytes, inclusive.
const maxAnswer = 1 << 20

// ReadAnswer implements engine.AnswerReader: it reads approve and action_code of
// an answer with status 200, and passes over everything else in it. The code is
// as it was sent, also one that Pismo's page does not name.
func (c *Codec) ReadAnswer(r engine.Reply) (engine.AnswerSummary, error) {
	bad := func(msg string) (engine.AnswerSummary, error) {
		return engine.AnswerSummary{}, fmt.Errorf("%w: %s", ErrAnswer, msg)
	}
	if r.Status != statusOK {
		return bad("its status is not 200")
	}
	v, err := strictjson.Parse(r.Body, strictjson.Limits{MaxBytes: maxAnswer})
	if err != nil || v.Kind != strictjson.Object {
		return bad("its body is not one JSON object")
	}
	approve, _ := v.Get("approve")
	action, _ := v.Get("action_code")
	switch {
	case approve.Kind != strictjson.Bool:
		return bad("approve is missing or not a truth value")
	case action.Kind != strictjson.String:
		return bad("action_code is missing or not a string")
	}
	return engine.AnswerSummary{Approve: approve.Bool, ActionCode: action.Str}, nil
}
