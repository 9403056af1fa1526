package engine

import (
	"slices"
	"time"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/digest"
	"github.com/issuant/issuant/internal/word"
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
type recollection [256]recalled

// maxRecalled bounds a text that is kept, in bytes.
const maxRecalled = 1024

// at returns where the text of a verdict is or would be, and whether it is there. Where
// methods are asked for, there is one for each choice.
func (r *recollection) at(v *verdict, j *joiner) (e *recalled, there bool) {
	const spread = 0x9e3779b97f4a7c15
	hash := (v.first*spread ^ v.second) * spread
	e = &r[hash>>56]
	if e.verdict != *v || e.methods == 0 {
		return e, e.verdict == *v && e.before != nil
	}
	methods := j.choice()
	if e.methods != methods {
		e = &r[(hash^methods)*spread>>56]
	}
	return e, e.verdict == *v && e.methods == methods
}

// verdict tells what the run that was made says; ok is false where more than a verdict
// holds goes into the decision.
func (j *joiner) verdict(v *verdict) (ok bool) {
	notes, sections, greens := j.run.Notes, j.run.Sections, j.greens
	if len(j.ev.Guards) > 0 || j.kill.used || len(notes) > maxVerdictNotes || len(sections) > maxVerdictSections || len(greens) > maxVerdictGreens {
		return false
	}
	var told [4]uint64
	for i, field := range j.told {
		told[i] = word.Short(j.text(field))
	}
	if told[0] == isNone || cardFails(told[2], told[3]) || j.expired() {
		return false
	}
	for i := range sections {
		if s := &sections[i]; s.Ran && s.Truth != rules.True && s.Truth != rules.False {
			return false
		}
	}
	first, second := uint64(j.floor(told[0], told[1]))|uint64(j.run.Section+1)<<2|uint64(len(notes))<<10, uint64(0)
	for i := range greens {
		if !j.ev.Present(greens[i].field) {
			second |= 1 << (46 + i)
		}
	}
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
			first |= x << (18 + 22*i)
		} else {
			second |= x << (22 * (i - 2))
		}
	}
	v.first, v.second = first, second
	return true
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

// appendRecalled is AppendDecision with l's own joiner, which keeps texts, on an event that
// fits. As decideWith it lets no panic out.
func (l *loaded) appendRecalled(dst []byte, ev *Event, now time.Time) (out []byte) {
	j := l.spare
	l.spare = nil
	defer func() {
		if recover() != nil {
			out = l.broken(ev, now).AppendJSON(dst) // what broke is not used again
		}
	}()
	if j.loaded != l || j.ev != ev {
		j.loaded, j.ev, j.man = l, ev, l.pack.Manifest()
	}
	l.pack.RunInto(&j.run, ev.Facts, now)
	var v verdict
	e, there := (*recalled)(nil), false
	if id := j.text(l.on.id); id != "" && j.verdict(&v) {
		if e, there = j.texts.at(&v, j); there {
			out = e.append(dst, j, id, now)
		}
	}
	if out == nil {
		out = j.appendJoined(dst, &v, e, now)
	}
	l.spare = j
	return out
}

// append appends the decision whose text is kept, on the event with that id.
func (e *recalled) append(dst []byte, j *joiner, id string, now time.Time) []byte {
	const longest = len(`,"now":"2006-01-02T15:04:05.999999999Z"`) + 20 // and a cost
	l, n := j.loaded, len(dst)
	b := slices.Grow(dst, len(l.head)+len(id)+len(e.before)+len(e.after)+longest)
	b = append(b, l.head...)
	from := len(b)
	b = canon.AppendString(b, id)
	to := len(b)
	b = canon.AppendTime(append(b, `,"now":`...), now)
	j.ids.of(&l.ids, b[from:to], b[to+len(`,"now":`):])
	digest.Text((*[64]byte)(b[n+len(decisionBegin)+1:]), &j.ids.sum)
	b = canon.AppendInt(append(b, e.before...), j.run.Cost)
	return append(b, e.after...)
}

// appendJoined appends the decision on what was run, and keeps its text in e, which is nil
// where none is to be kept.
func (j *joiner) appendJoined(dst []byte, v *verdict, e *recalled, now time.Time) []byte {
	j.now = now
	d := j.begin(&j.draft, &j.ids, j.ev, now)
	j.conclude(d, nil, nil)
	b := j.appendHead(dst, d, &j.ids)
	from := len(b)
	b = d.appendVerdict(b)
	cost := len(b)
	b = canon.AppendInt(b, d.Cost)
	after := len(b)
	b = d.appendRest(b)
	if e != nil {
		e.keep(v, j, b[from:cost], b[after:])
	}
	j.draft = draft{}
	j.clear()
	return b
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
