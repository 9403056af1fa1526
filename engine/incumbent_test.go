package engine_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
)

// readingCodec reads "approve CODE" and "refuse CODE".
type readingCodec struct{ wordCodec }

func (readingCodec) ReadAnswer(r engine.Reply) (engine.AnswerSummary, error) {
	verb, action, ok := strings.Cut(string(r.Body), " ")
	if verb == "panic" {
		panic("mistake in a codec")
	}
	if !ok {
		return engine.AnswerSummary{}, errors.New("not an answer")
	}
	return engine.AnswerSummary{Approve: verb == "approve", ActionCode: action}, nil
}

func TestRecordHoldsTheIncumbentsAnswer(t *testing.T) {
	r := newRig(t, func(o *engine.GateOptions) { o.Codec = readingCodec{} })
	for body, c := range map[string]struct {
		answer engine.IncumbentAnswer
		want   string
	}{
		"ok read":   {engine.IncumbentAnswer{Reply: engine.Reply{Status: 200, Body: []byte("approve 00")}, Took: 5 * time.Millisecond}, `{"status":200,"failure":null,"approve":true,"action_code":"00","micros":5000}`},
		"ok no":     {engine.IncumbentAnswer{Reply: engine.Reply{Status: 200, Body: []byte("refuse N7")}}, `{"status":200,"failure":null,"approve":false,"action_code":"N7","micros":0}`},
		"ok foul":   {engine.IncumbentAnswer{Reply: engine.Reply{Status: 500, Body: []byte("oops")}}, `{"status":500,"failure":null,"approve":null,"action_code":null,"micros":0}`},
		"ok panic":  {engine.IncumbentAnswer{Reply: engine.Reply{Status: 200, Body: []byte("panic")}}, `{"status":200,"failure":null,"approve":null,"action_code":null,"micros":0}`},
		"ok digits": {engine.IncumbentAnswer{Reply: engine.Reply{Status: 200, Body: []byte("approve 4111111111111111")}}, `{"status":200,"failure":null,"approve":null,"action_code":null,"micros":0}`},
		"ok slow":   {engine.IncumbentAnswer{Failure: engine.IncumbentTimeout, Took: time.Second}, `{"status":null,"failure":"timeout","approve":null,"action_code":null,"micros":1000000}`},
		"what":      {engine.IncumbentAnswer{Reply: engine.Reply{Status: 200, Body: []byte("approve 85")}}, `{"status":200,"failure":null,"approve":true,"action_code":"85","micros":0}`},
	} {
		r.journal.Reset()
		a := r.arrival(body, r.now, nil)
		a.Incumbent = func() engine.IncumbentAnswer { return c.answer }
		_, _ = r.play(a)
		if line := r.journal.String(); !strings.Contains(line, `"incumbent":`+c.want+`,"sealed"`) {
			t.Errorf("%s: %s, want %s", body, line, c.want)
		}
	}
	// A refusal, a repeat and a message that was not taken have theirs as well.
	for name, act := range map[string]func(a engine.Arrival){
		"refused": func(a engine.Arrival) { a.Header = nil; _, _ = r.play(a) },
		"repeat":  func(a engine.Arrival) { _, _ = r.play(a); r.journal.Reset(); _, _ = r.play(a) },
		"busy":    func(a engine.Arrival) { r.gate.Refuse(engine.ErrBusy, a) },
	} {
		r.journal.Reset()
		a := r.arrival("ok "+name, r.now, nil)
		a.Incumbent = func() engine.IncumbentAnswer {
			return engine.IncumbentAnswer{Reply: engine.Reply{Status: 200, Body: []byte("approve 00")}}
		}
		act(a)
		if line := r.journal.String(); strings.Count(line, "\n") != 1 || !strings.Contains(line, `"incumbent":{"status":200,`) {
			t.Errorf("%s: %s", name, line)
		}
	}
}

// TestObservedMessagesAreNotReplayable: what is accepted only because its age is
// observed has one effect, and its record tells; a memory that would forget it
// while it is still accepted is refused.
func TestObservedMessagesAreNotReplayable(t *testing.T) {
	ring, err := keyring.NewRing(oneSender().Key())
	ok(t, ring, err)
	v, err := webhook.NewPismo(webhook.PismoOptions{
		Keys: ring, Accounts: []string{enginetest.PismoAccount},
		UnsafeObserve: []webhook.Check{webhook.CheckMaxAge}, ObserveMaxAge: 2 * time.Hour,
	})
	ok(t, v, err)
	r := newRig(t, nil)
	opt := r.opt
	opt.Verifier = v
	if _, err := engine.NewGate(opt); !errors.Is(err, engine.ErrConfig) {
		t.Errorf("a memory that keeps too short was taken: %v", err)
	}
	mem, err := engine.NewMemory(engine.MemoryOptions{Keep: 2*time.Hour + 2*v.Skew()})
	ok(t, mem, err)
	opt.Memory, opt.StartedAt = mem, r.now.Add(-3*time.Hour)
	r.gate, err = engine.NewGate(opt)
	ok(t, r.gate, err)
	old := r.now.Add(-time.Hour - time.Second)
	a := r.arrival("ok old", r.now, enginetest.Claims{"iat": old.Unix()})
	r.want("old", a, 200, "yellow old", "")
	if rec := r.last(); len(rec.Observed) != 1 || rec.Observed[0] != "max_age" || !rec.Verified || rec.Age != time.Hour+time.Second {
		t.Errorf("record %+v", rec)
	}
	if !strings.Contains(r.journal.String(), `"age_ms":3601000,"observed":["max_age"],`) {
		t.Error(r.journal.String())
	}
	for at := r.now.Add(time.Minute); at.Before(old.Add(2*time.Hour + 2*v.Skew())); at = at.Add(7 * time.Minute) {
		a.Now = at
		if _, err := r.play(a); err == nil || errors.Is(err, engine.ErrRepeat) {
			t.Fatalf("at %v: %v", at, err)
		}
	}
}
