package engine

// Recall makes e append decisions as a module of WASM does, which keeps texts of them, until
// a decision breaks; e then serves one goroutine.
func (e *Engine) Recall() {
	e.live.Load().spare = &joiner{texts: new(recollection)}
}

// Recalls tells whether a decision that decide appends is one whose text was kept.
func (e *Engine) Recalls(decide func()) bool {
	const mark = 9 // what is joined leaves a colour
	j := e.live.Load().spare
	if j == nil {
		return false
	}
	j.draft.Outcome = mark
	decide()
	return j.draft.Outcome == mark
}
