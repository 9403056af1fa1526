package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
)

// released plays like play, and gives the memory back.
func (r *rig) released(body string, n int) (reply engine.Reply, id string, err error) {
	a := r.arrival(body, r.now, enginetest.Claims{"iat": r.now.Unix() - int64(n%200)})
	call, err := r.gate.Receive(context.Background(), a)
	if err != nil {
		return engine.ReplyTo(err), "", err
	}
	reply, err = r.gate.Answer(call, a.Now)
	if d := call.Decision(); d != nil {
		id = d.ID
	}
	call.Release()
	call.Release()
	if call.Event != nil || call.Decision() != nil || call.Message != nil {
		return reply, id, errors.New("a released call still shows something")
	}
	if _, again := r.gate.Answer(call, a.Now); !errors.Is(again, engine.ErrInternal) {
		return reply, id, fmt.Errorf("a released call was answered: %v", again)
	}
	r.gate.Abandon(call, nil)
	return reply, id, err
}

// TestReleasedMemoryChangesNoAnswer: what is recorded and answered with memory that is used
// again is what new memory gives.
func TestReleasedMemoryChangesNoAnswer(t *testing.T) {
	fresh := newRig(t, func(o *engine.GateOptions) { o.Observe = nil })
	again := newRig(t, func(o *engine.GateOptions) { o.Observe = nil })
	var ids, texts []string
	for i, body := range []string{"ok a", "mute b", "ok b", "panic", "nothing", "ok c", "rubbish", "ok d"} {
		a := fresh.arrival(body, fresh.now, enginetest.Claims{"iat": fresh.now.Unix() - int64(i)})
		call, err := fresh.gate.Receive(context.Background(), a)
		want, id := engine.ReplyTo(err), ""
		if err == nil {
			want, err = fresh.gate.Answer(call, a.Now)
			id = call.Decision().ID
		}
		got, gotID, gotErr := again.released(body, i)
		if got.Status != want.Status || string(got.Body) != string(want.Body) || fmt.Sprint(err) != fmt.Sprint(gotErr) || gotID != id {
			t.Errorf("%q: %v %s %v, want %v %s %v", body, got, gotID, gotErr, want, id, err)
		}
		ids, texts = append(ids, gotID), append(texts, id)
	}
	if fmt.Sprint(ids) != fmt.Sprint(texts) {
		t.Errorf("ids that were kept changed: %q, want %q", ids, texts)
	}
	if fresh.journal.String() != again.journal.String() {
		t.Errorf("records\n%s\nwant\n%s", again.journal, fresh.journal)
	}
}

func TestReleaseLeavesAloneWhatOthersMayHold(t *testing.T) {
	r := newRig(t, nil) // which observes
	call, err := r.gate.Receive(context.Background(), r.arrival("ok a", r.now, nil))
	ok(t, call, err)
	call.Release()
	if call.Event == nil {
		t.Fatal("a call was released before it was answered")
	}
	_, err = r.gate.Answer(call, r.now)
	ok(t, call, err)
	d := call.Decision()
	call.Release()
	if call.Event == nil || call.Decision() != d || d.ID == "" || r.last().DecisionID != d.ID {
		t.Error("what an observer may hold was given back")
	}
}

func TestReleasedMemoryServesManyAtOnce(t *testing.T) {
	r := newRig(t, func(o *engine.GateOptions) { o.Observe = nil })
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 25 {
				body := fmt.Sprint("ok ", g, "-", i)
				if reply, id, err := r.released(body, i); err != nil || reply.Status != 200 || id == "" {
					t.Errorf("%s: %v %q %v", body, reply, id, err)
				}
			}
		})
	}
	all.Wait()
}
