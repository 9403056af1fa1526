package engine

import (
	"time"

	"github.com/issuant/issuant/rules"
)

// FindGreenings returns the names of the facts of ev without which, each taken
// alone, an outcome that is not green would turn green, in the order of the
// schema: hazards of the pack, since an attacker may be able to withhold a fact.
// Facts that the pack lists in green_requires are never among them. It decides
// once for each present fact, with the default step-up methods; a nil pack or
// event has none.
func FindGreenings(p *rules.Pack, ev *Event, now time.Time) []string {
	if p == nil || ev == nil || ev.Facts == nil {
		return nil
	}
	e, err := New(p, Options{})
	if err != nil {
		return nil
	}
	l := e.live.Load()
	ev, _ = l.fit(ev)
	if l.decide(ev, now).Outcome == rules.Green {
		return nil
	}
	var names []string
	for i := range p.Schema().Len() {
		if ev.At(i) == nil {
			continue
		}
		name := p.Schema().Field(i).Name
		trial := ev.Clone()
		trial.Unset(name)
		if l.decide(trial, now).Outcome == rules.Green {
			names = append(names, name)
		}
	}
	return names
}
