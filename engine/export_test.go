package engine

import "time"

// Recaller appends decisions as a module of WASM does, which keeps texts of decisions.
type Recaller struct {
	l     *loaded
	j     joiner
	Found int // decisions whose text was there
}

func NewRecaller(e *Engine) *Recaller {
	return &Recaller{l: e.live.Load(), j: joiner{texts: new(recollection)}}
}

func (r *Recaller) AppendDecision(dst []byte, ev *Event, now time.Time) []byte {
	r.j.draft.Outcome = 9 // what is concluded is a colour
	out, whole := r.l.appendDecision(&r.j, dst, ev, now)
	if r.j.draft.Outcome == 9 {
		r.Found++
	}
	if whole {
		r.l.release(&r.j)
	}
	return out
}
