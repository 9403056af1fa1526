package engine

import "github.com/issuant/issuant/rules"

// sectionFailed reports whether a section could not be judged that, had it
// applied, would make this yellow or orange red. A failure is never kinder than
// the truth it hides.
func (j *joiner) sectionFailed() bool {
	for i := range j.run.Sections {
		v := &j.run.Sections[i]
		if v.Ran && v.Truth == rules.Error && j.man.Sections[i].NoStepUp == rules.Red {
			return true
		}
	}
	return false
}

// noStepUp decides a yellow or orange whose cardholder cannot be asked. It becomes
// green only where the section says so, the colour is yellow, and rules or the
// default alone made it yellow.
func (j *joiner) noStepUp() {
	d := j.d
	if j.joined == rules.Yellow && j.sectionSaysGreen() && j.ordinary() {
		d.Outcome = rules.Green
		d.Reasons = appendNew(d.Reasons, ReasonNoStepUp)
		return
	}
	d.Outcome = rules.Red
	d.Reasons = appendNew(d.Reasons, ReasonNoStepUp)
	saysRed := j.run.Section >= 0 && j.man.Sections[j.run.Section].NoStepUp != rules.Green
	d.SystemError = len(d.Degraded) > 0 && !saysRed
}

// sectionSaysGreen needs more than the section that applies: an earlier one that
// could not be judged might have applied in its place, and must say the same.
func (j *joiner) sectionSaysGreen() bool {
	if j.run.Section < 0 {
		return false
	}
	for i := 0; i <= j.run.Section; i++ {
		if j.run.Sections[i].Truth != rules.False && j.man.Sections[i].NoStepUp != rules.Green {
			return false
		}
	}
	return true
}

func (j *joiner) ordinary() bool {
	for _, p := range j.parts {
		if p.outcome != rules.Green && !p.kind.ordinary() {
			return false
		}
	}
	return true
}

// stepUp offers what is left of the issuer's methods; none left is red, or the
// counterpart's system error where something failed.
func (j *joiner) stepUp() {
	d := j.d
	if j.joined == rules.Orange {
		d.Require.Tenured = true
	}
	var order [MaxMethods]int
	for _, i := range order[:j.preferred(&order)] {
		if m := &j.methods[i]; j.usable(m) {
			d.StepUp = append(d.StepUp, m.Channel)
		}
	}
	if len(d.StepUp) > 0 {
		return
	}
	d.Outcome = rules.Red
	d.Reasons = appendNew(d.Reasons, ReasonNoMethod)
	d.SystemError = len(d.Degraded) > 0
}

// preferred fills order with the indices of the methods, in the order in which the rules that gave the
// colour prefer them, then the pack, then as they were configured. A preference
// orders and never narrows: else one more rule could bring a method back.
func (j *joiner) preferred(order *[MaxMethods]int) (n int) {
	var taken [MaxMethods]bool
	for i := range j.parts {
		if p := &j.parts[i]; p.rule >= 0 && p.outcome == j.joined {
			n = take(order, n, &taken, j.preferences[p.rule])
		}
	}
	n = take(order, n, &taken, j.prefers)
	for i := range j.methods {
		if !taken[i] {
			order[n] = i
			n++
		}
	}
	return n
}

// take adds the methods of a list that are not taken yet to the first n of order.
func take(order *[MaxMethods]int, n int, taken *[MaxMethods]bool, list []int) int {
	for _, i := range list {
		if !taken[i] {
			taken[i] = true
			order[n] = i
			n++
		}
	}
	return n
}

func (j *joiner) usable(m *methodField) bool {
	need := j.d.Require
	return !(need.SCA && !m.SCA) && !(need.NoApp && m.Channel == "app") &&
		!(need.Tenured && !j.tenured(m)) && j.reachable(m.Channel)
}

func (j *joiner) tenured(m *methodField) bool {
	if m.AgeFact == "" {
		return true
	}
	if m.age < 0 {
		return false
	}
	days, ok := j.ev.IntAt(m.age)
	want := j.man.TenuredDays
	if want <= 0 {
		want = defaultTenuredDays
	}
	return ok && days >= want
}

// reachable: where the holder's channels are not known, all may be tried. The
// hotline needs nothing of the holder's.
func (j *joiner) reachable(channel string) bool {
	if channel == "call" || j.on.channels < 0 {
		return true
	}
	have, ok := j.ev.StringsAt(j.on.channels)
	if !ok {
		return true
	}
	for _, c := range have {
		if c == channel {
			return true
		}
	}
	return false
}
