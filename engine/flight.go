package engine

import (
	"context"
	"sync"
	"time"

	"github.com/issuant/issuant/crypto/webhook"
)

// flight is what a Call keeps to itself until it is answered, in one piece of memory with
// its record.
type flight struct {
	ctx      context.Context // of Receive
	arrival  Arrival
	seen     Sighting
	decision *Decision
	room     any // the codec's, see Decoded
	record   Record
	recorded bool
	late     bool
	closed   bool
	gate     *Gate
	draft    *draft // for the decision, where the flight goes back to flights; else nil
}

// flights is memory for calls; nothing of a message stays in it.
var flights = sync.Pool{New: func() any { return &flight{draft: new(draft)} }}

func (g *Gate) newCall(m *webhook.Message) *Call {
	if !g.recycles {
		whole := new(struct {
			Call
			flight
		})
		whole.Call = Call{Message: m, flight: &whole.flight}
		return &whole.Call
	}
	c := &Call{Message: m, flight: flights.Get().(*flight)}
	c.gate = g
	return c
}

// over tells whether the call needs no answer any more.
func (c *Call) over() bool { return c.flight == nil || c.closed }

// newRecord returns an empty record. It is the call's own only once: a ledger may still
// hold the one that it could not write.
func (f *flight) newRecord() *Record {
	if f.recorded {
		return new(Record)
	}
	f.recorded = true
	return &f.record
}

// decide decides in the call's own memory where that goes back, else in new memory: who
// keeps a decision does not keep the message.
func (g *Gate) decide(c *Call, now time.Time) *Decision {
	var late []Degradation
	if c.late {
		late = tooLate
	}
	if c.draft == nil || c.draft.lent {
		return g.opt.Engine.live.Load().decide(c.Event, now, late...)
	}
	c.draft.lent = true
	return g.opt.Engine.live.Load().decideInto(c.draft, c.Event, now, late)
}

// Release gives the memory of a call that was answered or abandoned back, so that the next
// message needs less of its own. Neither the call nor its Event nor its Decision may be
// used any more, and no list of theirs: they will be another message's. Texts that were
// read from them stay good, and so do the Message and the Reply.
//
// Nobody has to call it. It does nothing for a call that is not answered yet, and where
// somebody else may hold what it would give back: where the Ledger is none that NewLedger
// made, or the gate has GateOptions.Observe.
func (c *Call) Release() {
	f := c.flight
	if f == nil || !f.closed || f.draft == nil {
		return
	}
	if codec, ok := f.gate.opt.Codec.(interface{ Recycle(room any) }); ok && f.room != nil {
		codec.Recycle(f.room)
	}
	*c = Call{}
	f.clear()
	flights.Put(f)
}

// clear empties f, its decision and the memory for the decision's texts.
func (f *flight) clear() {
	d := f.draft
	clear(d.texts)
	*d = draft{texts: d.texts[:0]}
	*f = flight{draft: d}
}
