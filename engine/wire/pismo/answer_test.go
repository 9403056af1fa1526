package pismo_test

import (
	"errors"
	"testing"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/wire/pismo"
)

func TestReadAnswerReadsWhatEncodeWrites(t *testing.T) {
	c := newCodec(t)
	for text, want := range map[string]engine.AnswerSummary{
		`{"approve":true,"action_code":"00"}`:                                                         {Approve: true, ActionCode: "00"},
		`{"approve":true,"action_code":"85","step_up_methods":[{"method":"OTPSMS","value":null}]}`:    {Approve: true, ActionCode: "85"},
		`{"approve":false,"action_code":"N7"}`:                                                        {ActionCode: "N7"},
		" {\n\"action_code\" : \"57\", \"approve\": false, \"card\": {\"pan\":\"4111111111111111\"}}": {ActionCode: "57"},
	} {
		got, err := c.ReadAnswer(engine.Reply{Status: 200, Body: []byte(text)})
		if err != nil || got != want {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	if got, err := c.ReadAnswer(c.SystemError()); err != nil || got != (engine.AnswerSummary{ActionCode: "96"}) {
		t.Errorf("%+v %v", got, err)
	}
}

func TestReadAnswerRefusesWhatIsNoAnswer(t *testing.T) {
	c := newCodec(t)
	for _, text := range []string{
		``, `null`, `[]`, `{}`, `{"approve":true}`, `{"action_code":"00"}`, `{"approve":"true","action_code":"00"}`,
		`{"approve":true,"action_code":0}`, `{"approve":true,"approve":false,"action_code":"00"}`, `{"approve":true,"action_code":"00"}x`, `<html>`,
	} {
		if _, err := c.ReadAnswer(engine.Reply{Status: 200, Body: []byte(text)}); !errors.Is(err, pismo.ErrAnswer) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := c.ReadAnswer(engine.Reply{Status: 500, Body: []byte(`{"approve":true,"action_code":"00"}`)}); !errors.Is(err, pismo.ErrAnswer) {
		t.Errorf("status 500: %v", err)
	}
}
