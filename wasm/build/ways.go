package build

import "github.com/issuant/issuant/internal/wasmfile"

// ways follows what is known along the ways through a function's code, forward: at the
// beginning of a loop only what holds of every way there is, so it is told anew.
type ways[S any] struct {
	now  S
	live bool // something gets here

	loop func(label int) S         // what holds where a loop begins
	join func(label int, a, b S) S // what holds where two ways meet; may change a
	copy func(S) S                 // for a state that is changed in place

	at     map[int]S       // what holds at the end of a block, of all that goes there
	before map[int]*ifs[S] // what holds where an if begins
	loops  map[int]bool    // labels that lead back
}

// ifs is what held before an if.
type ifs[S any] struct {
	state S
	live  bool
}

func (w *ways[S]) begin(s S) {
	w.now, w.live = s, true
	w.at, w.before, w.loops = map[int]S{}, map[int]*ifs[S]{}, map[int]bool{}
}

// node goes on behind a node.
func (w *ways[S]) node(n node) {
	switch n.Op {
	case wasmfile.OpLoop:
		w.loops[n.label] = true
		if w.live {
			w.now = w.loop(n.label)
		}
	case wasmfile.OpIf:
		w.before[n.label] = &ifs[S]{w.copy(w.now), w.live}
	case wasmfile.OpElse:
		w.branch(n.label)
		w.resume(n.label)
	case wasmfile.OpEnd:
		w.end(n.label)
	case wasmfile.OpBrIf:
		w.branch(n.label)
	case wasmfile.OpBr:
		w.branch(n.label)
		w.live = false
	case wasmfile.OpBrTable:
		for _, l := range n.labels {
			w.branch(l)
		}
		w.live = false
	case wasmfile.OpReturn, wasmfile.OpUnreachable:
		w.live = false
	}
}

// resume goes on with what held before an if.
func (w *ways[S]) resume(label int) {
	w.now, w.live = w.before[label].state, w.before[label].live
	delete(w.before, label)
}

// branch joins what holds here with what holds elsewhere on the way to a block's end.
func (w *ways[S]) branch(label int) {
	if !w.live || w.loops[label] {
		return
	}
	if there, ok := w.at[label]; ok {
		w.at[label] = w.join(label, there, w.now)
		return
	}
	w.at[label] = w.copy(w.now)
}

func (w *ways[S]) end(label int) {
	if w.loops[label] {
		return // one leaves a loop behind its last instruction
	}
	w.branch(label)
	if w.before[label] != nil { // an if without an else
		w.resume(label)
		w.branch(label)
	}
	there, ok := w.at[label]
	w.now, w.live = there, ok
}
