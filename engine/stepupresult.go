package engine

import (
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
)

// StepUpResultFormat is the version of the JSON form of a StepUpResult.
const StepUpResultFormat = 1

// StepUpResult says that a cardholder passed the step-up of a decision. Whoever asked
// him signs it, under a scheme of package webhook that covers the body and has a
// timestamp; a step-up that was not passed has no such message.
type StepUpResult struct {
	DecisionID string // Decision.ID
	CardRef    string // card.ref of the event
	Method     string // the channel that was used, one of Decision.StepUp
}

// AppendJSON appends the JSON form:
//
//	{"format":1,"kind":"step_up_result","decision_id":"...","card_ref":"...","method":"app","result":"passed"}
func (r *StepUpResult) AppendJSON(dst []byte) []byte {
	w := canon.NewWriter(dst).Object().Key("format").Int(StepUpResultFormat).Key("kind").String("step_up_result")
	w.Key("decision_id").String(r.DecisionID).Key("card_ref").String(r.CardRef).Key("method").String(r.Method)
	return w.Key("result").String("passed").EndObject().Bytes()
}

// ParseStepUpResult reads the JSON form, of at most MaxStepUpResult bytes: strict
// JSON with all of these members, in any order, and no other. The error is an ErrStepUpProof.
func ParseStepUpResult(body []byte) (StepUpResult, error) {
	bad := func(text string) (StepUpResult, error) { return StepUpResult{}, code.Wrap(ErrStepUpProof, text) }
	doc, err := strictjson.Read(body, strictjson.Limits{MaxBytes: MaxStepUpResult, MaxDepth: 2, MaxValues: 16})
	if err != nil {
		return bad("the message's body is not strict JSON of up to 4096 bytes")
	}
	defer doc.Release()
	root := doc.Root()
	if root.Kind() != strictjson.Object {
		return bad("the message's body is no object")
	}
	var r StepUpResult
	kind, result, format := "", "", int64(0)
	texts := map[string]*string{"kind": &kind, "decision_id": &r.DecisionID, "card_ref": &r.CardRef, "method": &r.Method, "result": &result}
	for m, ok := root.First(); ok; m, ok = m.Next(root) {
		if m.Name() == "format" {
			format, _ = m.Int64()
			continue
		}
		text, known := texts[m.Name()]
		if !known || m.Kind() != strictjson.String {
			return bad("the message's body has a member that is unknown or no text")
		}
		*text = m.Str()
	}
	switch {
	case format != StepUpResultFormat:
		return bad("the message's body is not of format 1")
	case kind != "step_up_result" || r.DecisionID == "" || r.CardRef == "" || r.Method == "":
		return bad("the message's body is no step_up_result with decision_id, card_ref and method")
	case result != "passed":
		return bad("the message does not say that the step-up was passed")
	}
	return r, nil
}
