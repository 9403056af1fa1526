package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

// TestEvidenceDecidesAgain: what the gate hands to be sealed is all that it takes,
// beside the pack and the record's instant, to make the same decision.
func TestEvidenceDecidesAgain(t *testing.T) {
	var texts, ids []string
	r := newRig(t, func(o *engine.GateOptions) {
		e, err := engine.New(emptyPack(t), engine.Options{Methods: []engine.Method{{Channel: "call"}}})
		o.Engine = ok(t, e, err)
		o.SealEvidence = func(id string, b []byte) (string, error) {
			ids = append(ids, id)
			texts = append(texts, string(b))
			return fmt.Sprintf("sealed %d", len(texts)), nil
		}
	})
	for i, late := range []bool{false, true} {
		call, err := r.gate.Receive(context.Background(), r.arrival(fmt.Sprint("ok ", i), r.now, nil))
		ok(t, call, err)
		enginetest.With(call.Event, "holder.phone_changed_days", 3)
		call.Event.Guards = append(call.Event.Guards, engine.Guard{Code: "X", Outcome: rules.Orange})
		answer := r.gate.Answer
		if late {
			answer = r.gate.AnswerLate
		}
		at := r.now.Add(1234567 * time.Microsecond)
		_, err = answer(call, at)
		ok(t, 0, err)
		rec := r.last()
		if ids[i] != rec.DecisionID || rec.Sealed != fmt.Sprintf("sealed %d", i+1) || !strings.Contains(r.journal.String(), `"sealed":"`+rec.Sealed+`"}`) {
			t.Errorf("record %+v", rec)
		}
		ev, err := engine.ParseEvidence([]byte(texts[i]), rules.EventV1())
		ok(t, ev, err)
		if ev.Late != late || string(ev.AppendJSON(nil)) != texts[i] {
			t.Errorf("late %v, %s", ev.Late, texts[i])
		}
		e, err := engine.New(emptyPack(t), engine.Options{Methods: ev.Methods})
		ok(t, e, err)
		d := e.Decide(ev.Event, rec.At)
		x := e.Explain(ev.Event, rec.At)
		if late {
			d, x = e.DecideLate(ev.Event, rec.At), e.ExplainLate(ev.Event, rec.At)
		}
		if string(x.Decision.AppendJSON(nil)) != string(d.AppendJSON(nil)) {
			t.Errorf("explained: %s\ndecided: %s", x.Decision.AppendJSON(nil), d.AppendJSON(nil))
		}
		if d.ID != rec.DecisionID || d.Outcome != rec.Outcome || d.ActionCode != rec.ActionCode || !slices.Equal(d.Reasons, rec.Reasons) || !slices.Equal(d.Degraded, rec.Degraded) {
			t.Errorf("decided again: %+v, recorded: %+v", d, rec)
		}
	}
}

// TestGateAnswers503WhenItCannotSeal: who wants decisions that can be made again
// gets no other; the message may come again, and the refusal is recorded.
func TestGateAnswers503WhenItCannotSeal(t *testing.T) {
	broken := true
	r := newRig(t, func(o *engine.GateOptions) {
		o.SealEvidence = func(string, []byte) (string, error) {
			switch {
			case broken:
				return "", errors.New("no recipient")
			}
			return "sealed", nil
		}
	})
	for _, body := range []string{"ok a", "ok b"} {
		reply, err := r.play(r.arrival(body, r.now, nil))
		if reply.Status != 503 || !errors.Is(err, engine.ErrRecord) || r.last().Refusal != "record" || r.last().Decided {
			t.Errorf("%d %v %+v", reply.Status, err, r.last())
		}
	}
	broken = false
	r.want("again", r.arrival("ok a", r.now, nil), 200, "yellow a", "")
	for name, seal := range map[string]func(string, []byte) (string, error){
		"panic": func(string, []byte) (string, error) { panic("mistake") }, "nothing": func(string, []byte) (string, error) { return "", nil },
	} {
		r = newRig(t, func(o *engine.GateOptions) { o.SealEvidence = seal })
		if reply, err := r.play(r.arrival("ok a", r.now, nil)); reply.Status != 503 || !errors.Is(err, engine.ErrRecord) {
			t.Errorf("%s: %d %v", name, reply.Status, err)
		}
	}
}

func TestOnlyDecisionsAreSealed(t *testing.T) {
	r := newRig(t, func(o *engine.GateOptions) {
		o.SealEvidence = func(string, []byte) (string, error) { return "sealed", nil }
	})
	r.want("not decodable", r.arrival("what", r.now, nil), 200, "system error", "decode")
	if r.last().Sealed != "" {
		t.Error("a message without decision has evidence")
	}
	r.want("decided", r.arrival("ok a", r.now, nil), 200, "yellow a", "")
	r.want("repeat", r.arrival("ok a", r.now, nil), 200, "yellow a", "repeat")
	if r.last().Sealed != "" {
		t.Error("a repeat has evidence")
	}
}

func TestParseEvidenceRefusesWhatItDoesNotKnow(t *testing.T) {
	good := `{"format":1,"schema":"event/v1","late":false,"methods":[{"channel":"sms","sca":false,"age_fact":null}],"event":{"id":"a"}}`
	if ev, err := engine.ParseEvidence([]byte(good), rules.EventV1()); err != nil || ev.Event.Text("id") != "a" || ev.Methods[0].Channel != "sms" {
		t.Fatalf("%+v %v", ev, err)
	}
	for old, new := range map[string]string{
		`"format":1`:                  `"format":2`,
		`"event/v1"`:                  `"event/v2"`,
		`"late":false`:                `"late":0`,
		`"channel":"sms"`:             `"channel":1`,
		`"methods":[`:                 `"methods":[` + strings.Repeat(`{"channel":"sms","sca":false,"age_fact":null},`, engine.MaxMethods),
		`{"id":"a"}`:                  `{"id":1}`,
		`"event":{"id":"a"}`:          `"event":{"unknown":1}`,
		`,"event":{"id":"a"}`:         ``,
		`"schema":"event/v1","late":`: `"late":`,
	} {
		text := strings.Replace(good, old, new, 1)
		if ev, err := engine.ParseEvidence([]byte(text), rules.EventV1()); err == nil || code.Of(err) == code.Internal {
			t.Errorf("%s: %+v %v", text, ev, err)
		}
	}
	if _, err := engine.ParseEvidence([]byte(good)); !errors.Is(err, engine.ErrEvidence) {
		t.Error(err)
	}
}
