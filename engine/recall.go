package engine

import (
	"time"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/rules"
)

// A module of WASM pays more for walking through code that runs once a decision than for
// anything that this code does: joining and writing one were a third of all the machine
// code that a decision went through. Yet what stands behind the instant is the same text
// for nearly all events, and holds nothing of any. So a module keeps the last of these
// texts, each under all that it was made of. Natively to join takes no longer than to look
// that up, and threads would share the memory.

// verdict is all that the members of a decision from outcome on, but for the cost, are made
// of besides the engine with its pack, and the step-up methods where some are chosen.
// Few decisions are of more.
type verdict struct {
	// The wallet's floor, the section and one more, how many notes; the first two of these.
	first uint64
	// The other two, and the facts of green_requires that are absent, a bit each.
	second uint64
}

// What a verdict has room for.
const (
	maxVerdictNotes    = 4
	maxVerdictGreens   = 16
	maxVerdictSections = 254
	maxVerdictRules    = 1 << 20
)

// recalled is the text of a decision that was made.
type recalled struct {
	verdict verdict
	methods uint64 // which of them could be chosen; 0 where none were asked for
	before  []byte // from outcome to the name of the cost; nil: nothing is kept here
	after   []byte // what follows the cost
}

// recollection is the texts that are kept, by a hash of their verdict.
type recollection [64]recalled

// maxRecalled bounds a text that is kept, in bytes.
const maxRecalled = 1024

// at returns where the text of a verdict is or would be, and whether it is there. Where
// methods are asked for, there is one for each choice.
func (r *recollection) at(v *verdict, j *joiner) (e *recalled, there bool) {
	const spread = 0x9e3779b97f4a7c15
	hash := (v.first*spread ^ v.second) * spread
	e = &r[hash>>58]
	if e.verdict != *v || e.methods == 0 {
		return e, e.verdict == *v && e.before != nil
	}
	methods := j.choice()
	if e.methods != methods {
		e = &r[(hash^methods)*spread>>58]
	}
	return e, e.verdict == *v && e.methods == methods
}

// verdict tells what the run that was made says; ok is false where more than a verdict
// holds goes into the decision.
func (j *joiner) verdict(v *verdict) (ok bool) {
	notes := j.run.Notes
	if len(j.ev.Guards) > 0 || j.kill.used || len(notes) > maxVerdictNotes ||
		len(j.run.Sections) > maxVerdictSections || len(j.greens) > maxVerdictGreens || j.cardFails() {
		return false
	}
	for i := range j.run.Sections {
		if s := &j.run.Sections[i]; s.Ran && s.Truth != rules.True && s.Truth != rules.False {
			return false
		}
	}
	v.first = uint64(j.floor()) | uint64(j.run.Section+1)<<2 | uint64(len(notes))<<10
	v.second = j.absentGreens() << 46
	for i := range notes {
		n := &notes[i]
		if n.Rule >= maxVerdictRules || !n.Ran || n.Truth != rules.True && n.Truth != rules.Unknown {
			return false
		}
		x := uint64(n.Rule) << 2
		if n.Hit {
			x |= 1
		}
		if n.Truth == rules.True {
			x |= 2
		}
		if i < 2 {
			v.first |= x << (18 + 22*i)
		} else {
			v.second |= x << (22 * (i - 2))
		}
	}
	return true
}

// absentGreens are the facts of green_requires that are absent, a bit each.
func (j *joiner) absentGreens() (absent uint64) {
	for i := range j.greens {
		if !j.ev.Present(j.greens[i].field) {
			absent |= 1 << i
		}
	}
	return absent
}

// choice tells which methods could be chosen, and more than 0.
func (j *joiner) choice() uint64 {
	bits := uint64(1)
	for i := range j.methods {
		bits <<= 2
		if m := &j.methods[i]; j.reachable(m.Channel) {
			bits |= 1
			if j.tenured(m) {
				bits |= 2
			}
		}
	}
	return bits
}

// appendDecision appends the decision on an event, from a text that is kept where there is
// one. It lets no panic out, as decideWith does not.
func (l *loaded) appendDecision(j *joiner, dst []byte, ev *Event, now time.Time) (out []byte, whole bool) {
	defer func() {
		if recover() != nil {
			out, whole = l.broken(ev, now).AppendJSON(dst), false
		}
	}()
	ev, unfit := l.fit(ev)
	j.judge(l, ev, now)
	var v verdict
	var e *recalled
	if j.texts != nil && len(unfit) == 0 && j.verdict(&v) {
		there := false
		if e, there = j.texts.at(&v, j); there {
			d := &j.draft.Decision
			l.identify(&j.draft, &j.ids, ev, now)
			b := append(l.appendHead(dst, d, &j.ids), e.before...)
			d.ID, d.EventID = "", ""
			return append(canon.AppendInt(b, j.run.Cost), e.after...), true
		}
	}
	d := l.begin(&j.draft, &j.ids, ev, now)
	j.conclude(d, unfit, nil)
	b := l.appendHead(dst, d, &j.ids)
	from := len(b)
	b = d.appendVerdict(b)
	cost := len(b)
	b = canon.AppendInt(b, d.Cost)
	after := len(b)
	b = d.appendRest(b)
	if e != nil {
		e.keep(&v, j, b[from:cost], b[after:])
	}
	j.draft = draft{}
	return b, true
}

// keep keeps the text of the decision that was just made.
func (e *recalled) keep(v *verdict, j *joiner, before, after []byte) {
	if len(before)+len(after) > maxRecalled {
		return
	}
	e.verdict, e.methods = *v, 0
	if j.run.Section < 0 && (j.joined == rules.Yellow || j.joined == rules.Orange) {
		e.methods = j.choice()
	}
	e.before, e.after = append(e.before[:0], before...), append(e.after[:0], after...)
}
