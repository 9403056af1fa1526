package engine_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

func newLedger(t *testing.T, journal *bytes.Buffer, w *engine.Window) *engine.ProcessLedger {
	t.Helper()
	m, err := engine.NewMemory(engine.MemoryOptions{})
	ok(t, m, err)
	j, err := engine.NewJournal(journal, engine.JournalOptions{})
	ok(t, j, err)
	l, err := engine.NewLedger(engine.LedgerOptions{Memory: m, Journal: j, Window: w})
	return ok(t, l, err)
}

// shared is a ledger that other processes write too: what they did first is in loses.
type shared struct {
	engine.Ledger
	loses []error
}

func (s *shared) Commit(ctx context.Context, e engine.Entry) error {
	if e.Sighting != nil && len(s.loses) > 0 {
		err := s.loses[0]
		if s.loses = s.loses[1:]; err != nil {
			s.Forget(e.Sighting.Key)
			return err
		}
	}
	return s.Ledger.Commit(ctx, e)
}

func TestGateGivesWayToAnotherProcess(t *testing.T) {
	winner := engine.Reply{Status: 200, ContentType: "text/plain", Body: []byte("green a")}
	for name, tc := range map[string]struct {
		err     error
		body    string
		status  int
		record  string
		message string
	}{
		"it answered a copy":     {&engine.TakenError{Answer: winner}, "green a", 200, "repeat", "ok a"},
		"it could not decode it": {&engine.TakenError{Answer: winner}, "green a", 200, "repeat", "what"},
		"it answered others":     {engine.ErrReplayed, flat401, 401, "replayed", "ok a"},
		"it shortened the age":   {engine.ErrStale, flat401, 401, "stale", "ok a"},
	} {
		s := &shared{loses: []error{tc.err}}
		r := newRig(t, nil)
		s.Ledger = newLedger(t, r.journal, nil)
		r.opt.Ledger, r.opt.Memory, r.opt.Journal = s, nil, nil
		var err error
		r.gate, err = engine.NewGate(r.opt)
		ok(t, r.gate, err)
		call, err := r.gate.Receive(context.Background(), r.arrival(tc.message, r.now, nil))
		reply := engine.ReplyTo(err)
		if err == nil {
			if reply, err = r.gate.Answer(call, r.now); call.Decision() != nil {
				t.Errorf("%s: it shows a decision that had no effect", name)
			}
		}
		if reply.Status != tc.status || string(reply.Body) != tc.body || err == nil {
			t.Errorf("%s: %d %s %v", name, reply.Status, reply.Body, err)
		}
		if len(r.seen) != 1 || r.last().Refusal != tc.record || r.last().Decided {
			t.Errorf("%s: recorded %+v", name, r.seen)
		}
	}
}

func TestGateAnswers503ForALedgerThatFails(t *testing.T) {
	for _, failure := range []error{engine.ErrRecord, engine.ErrBusy, errFull} {
		s := &shared{loses: []error{failure}}
		r := newRig(t, nil)
		s.Ledger = newLedger(t, r.journal, nil)
		r.opt.Ledger, r.opt.Memory, r.opt.Journal = s, nil, nil
		var err error
		r.gate, err = engine.NewGate(r.opt)
		ok(t, r.gate, err)
		if reply, err := r.play(r.arrival("ok a", r.now, nil)); reply.Status != 503 || !errors.Is(err, failure) || r.journal.Len() > 0 {
			t.Errorf("%v: %d %v, %s", failure, reply.Status, err, r.journal)
		}
		r.want("again", r.arrival("ok a", r.now, nil), 200, "yellow a", "")
	}
}

func TestGateHandsObservationsToTheLedger(t *testing.T) {
	w, err := engine.NewWindow(engine.WindowOptions{TrustedComplete: true})
	ok(t, w, err)
	r := newRig(t, nil)
	r.opt.Ledger, r.opt.Memory, r.opt.Journal = newLedger(t, r.journal, w), nil, nil
	r.gate, err = engine.NewGate(r.opt)
	ok(t, r.gate, err)
	r.want("decided", r.arrival("ok a", r.now, nil), 200, "yellow a", "")
	r.want("a retry", r.arrival("ok a", r.now, nil), 200, "yellow a", "repeat")
	r.want("not decodable", r.arrival("what", r.now, nil), 200, "system error", "decode")
	r.want("another", r.arrival("ok b", r.now.Add(time.Second), nil), 200, "yellow b", "")
	ev := engine.NewEvent(rules.EventV1())
	enginetest.With(ev, "id", "now", "card.ref", "k1:card")
	w.Fill(ev, r.now.Add(time.Minute))
	if got := ev.Get("vel.attempts_card_1h"); got != int64(2) {
		t.Errorf("%v attempts, want 2", got)
	}
}

func TestGateTakesALedgerOrItsParts(t *testing.T) {
	opt := newRig(t, nil).opt
	opt.Ledger = newLedger(t, &bytes.Buffer{}, nil)
	if _, err := engine.NewGate(opt); !errors.Is(err, engine.ErrConfig) {
		t.Errorf("both: %v", err)
	}
	opt.Memory, opt.Journal = nil, nil
	if _, err := engine.NewGate(opt); err != nil {
		t.Error(err)
	}
	if _, err := engine.NewLedger(engine.LedgerOptions{}); !errors.Is(err, engine.ErrConfig) {
		t.Error(err)
	}
	taken := &engine.TakenError{}
	if !errors.Is(taken, engine.ErrRepeat) || code.Of(taken) != code.Repeat || taken.Error() == "" {
		t.Error("a taken message is a repeat")
	}
}

func TestChainFollowsLines(t *testing.T) {
	var at engine.Chain
	rec := &engine.Record{At: enginetest.Now(), Counterpart: "word"}
	one, err := rec.AppendLine([]byte("x"), at)
	ok(t, one, err)
	next, err := at.Follow(one[1:])
	if err != nil || next != at.After(one[1:]) || next.Seq != 1 || next.Prev() != next.Hash {
		t.Errorf("%+v %v", next, err)
	}
	if got, err := next.Follow(one[1:]); !errors.Is(err, engine.ErrChain) || got != next {
		t.Errorf("%+v %v", got, err)
	}
	rec.Counterpart = string(make([]byte, engine.MaxRecordLine))
	if out, err := rec.AppendLine([]byte("x"), at); !errors.Is(err, engine.ErrRecord) || string(out) != "x" {
		t.Errorf("%d bytes, %v", len(out), err)
	}
}
