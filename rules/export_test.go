package rules

// Boards tells how many boards a pack's index has, and whether they hold all of it.
func (p *Pack) Boards() (n int, whole bool) { return len(p.index.boards), p.index.whole }

// WithoutBoards is the pack with groups and lists of conjunctions alone.
func (p *Pack) WithoutBoards() *Pack {
	q, x := *p, *p.index
	x.boards, x.whole = nil, false
	q.index = &x
	return &q
}

// ReadAhead makes decoders read what lies behind a body, as in WASM, or not.
func ReadAhead(yes bool) { readsAhead = yes }
