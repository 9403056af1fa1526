package engine

// Reads returns the names of the fields that a decision, its explanation and its
// record read, in the order of the schema: those of the present pack (Pack.Reads),
// of the engine's own guards, floor, kill switch, step-up methods and grants, and of
// the record's card. An event that was decoded with these alone (DecoderOptions.Fields)
// is decided like the whole one. A Window reads more, and a sealed event holds what
// was decoded; after Swap, ask again.
func (e *Engine) Reads() []string {
	l := e.live.Load()
	s := l.pack.Schema()
	read := make([]bool, s.Len())
	names := append(l.pack.Reads(), "card.ref", "card.bin", "card.last4")
	for _, name := range names {
		if i, ok := s.Lookup(name); ok {
			read[i] = true
		}
	}
	on := &l.on
	own := []int{
		on.id, on.channels, on.cardStatus, on.cardStage, on.cardExpired, on.walletRecommendation, on.tokenChannel,
		on.cardBIN, on.cardRef, on.requestorID, on.requestor, on.deviceRef,
		on.kind, on.network, on.accountRef,
	}
	for _, m := range l.methods {
		own = append(own, m.age)
	}
	for _, i := range own {
		if i >= 0 {
			read[i] = true
		}
	}
	names = names[:0]
	for i, yes := range read {
		if yes {
			names = append(names, s.Field(i).Name)
		}
	}
	return names
}
