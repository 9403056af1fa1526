package records

import (
	"cmp"
	"slices"
	"time"

	"github.com/issuant/issuant/engine"
)

// Names of verdicts that are no action code.
const (
	Refused     = "refused"     // not accepted by us: the answer would have been 401 or 413
	Unavailable = "unavailable" // not answered by us: the answer would have been 503
	Unread      = "unread"      // the incumbent answered something else than the counterpart's words
	Failed      = "failed"      // the incumbent did not answer
)

// systemError is what a verified message gets that cannot be decoded.
const systemError = "96"

// Matrix counts our verdicts against the incumbent's.
type Matrix struct {
	From, To time.Time // of the messages that were compared
	Compared int
	Skipped  map[string]int // by reason: messages without incumbent ("alone"), copies ("repeat", "replayed")
	cells    map[[2]string]*Cell
	examples int
}

// Cell is one pair of verdicts.
type Cell struct {
	Ours, Theirs string
	Count        int
	Verdict      string // one of Verdicts
	Examples     []*Line
}

// NewMatrix returns an empty matrix that keeps some examples of each disagreement:
// the newest ones.
func NewMatrix(examples int) *Matrix {
	return &Matrix{Skipped: map[string]int{}, cells: map[[2]string]*Cell{}, examples: examples}
}

// Add counts a line.
func (m *Matrix) Add(l *Line) {
	switch {
	case l.Kind != "":
		return
	case l.Incumbent == nil:
		m.Skipped["alone"]++
		return
	}
	ours, theirs, judged, ok := Compare(l.ActionCode, l.Refusal, l.Incumbent)
	if !ok {
		m.Skipped[l.Refusal]++
		return
	}
	if m.Compared == 0 || l.At.Before(m.From) {
		m.From = l.At
	}
	if m.Compared++; l.At.After(m.To) {
		m.To = l.At
	}
	c := m.cells[[2]string{ours, theirs}]
	if c == nil {
		c = &Cell{Ours: ours, Theirs: theirs, Verdict: judged}
		m.cells[[2]string{ours, theirs}] = c
	}
	c.Count++
	if c.Verdict != "same" && m.examples > 0 {
		if len(c.Examples) == m.examples {
			c.Examples = c.Examples[1:]
		}
		c.Examples = append(c.Examples, l)
	}
}

// Compare gives our verdict, theirs, and one of Verdicts, for what a record says: our
// action code ("" when there is none), our refusal, and their answer. ok is false
// for a copy of a message, of which the first was compared.
func Compare(actionCode, refusal string, in *engine.Incumbent) (ours, theirs, judged string, ok bool) {
	if refusal == "repeat" || refusal == "replayed" {
		return "", "", "", false
	}
	ours, theirs = oursOf(actionCode, refusal), theirsOf(in)
	return ours, theirs, verdict(ours, theirs), true
}

// oursOf is what we would have answered.
func oursOf(actionCode, refusal string) string {
	switch {
	case actionCode != "":
		return actionCode
	case slices.Contains([]string{"busy", "deadline", "record", "memory_full", "internal", "key_source", "store"}, refusal):
		return Unavailable
	case slices.Contains([]string{"decode", "json", "event", "fact", "pan", "limit"}, refusal):
		return systemError
	}
	return Refused
}

func theirsOf(in *engine.Incumbent) string {
	switch {
	case in.Failure != "":
		return Failed
	case !in.Read:
		return Unread
	}
	return in.ActionCode
}

// rank orders verdicts by what they allow, the most generous first. Words that say
// nothing about the request have the rank silent.
func rank(v string) int {
	switch v {
	case "00":
		return 0
	case "85":
		return 1
	case Unavailable, Unread, Failed:
		return silent
	}
	return 2 // nothing is allowed
}

const silent = 3

// position orders verdicts on an axis: within a rank, declines come first.
func position(v string) int {
	switch v {
	case systemError:
		return 1
	case Refused:
		return 2
	}
	return 0
}

// Verdicts are what can be said of a pair, the worst disagreement first: we allow
// more; we allow less; one of the two said nothing; both allow the same under
// different codes; no difference.
var Verdicts = []string{"looser", "stricter", "silent", "other_code", "same"}

func verdict(ours, theirs string) string {
	a, b := rank(ours), rank(theirs)
	switch {
	case ours == theirs:
		return "same"
	case a == silent || b == silent:
		return "silent"
	case a < b:
		return "looser"
	case a > b:
		return "stricter"
	}
	return "other_code"
}

// Cells returns the pairs that were seen: the worst disagreements first.
func (m *Matrix) Cells() []*Cell {
	var list []*Cell
	for _, c := range m.cells {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *Cell) int {
		return cmp.Or(slices.Index(Verdicts, a.Verdict)-slices.Index(Verdicts, b.Verdict), b.Count-a.Count, cmp.Compare(a.Ours, b.Ours), cmp.Compare(a.Theirs, b.Theirs))
	})
	return list
}

// Count returns how often a pair was seen.
func (m *Matrix) Count(ours, theirs string) int {
	if c := m.cells[[2]string{ours, theirs}]; c != nil {
		return c.Count
	}
	return 0
}

// Total returns how many messages had one of Verdicts.
func (m *Matrix) Total(verdict string) int {
	n := 0
	for _, c := range m.cells {
		if c.Verdict == verdict {
			n += c.Count
		}
	}
	return n
}

// Axes returns the verdicts that were seen, the most generous first.
func (m *Matrix) Axes() (ours, theirs []string) {
	for pair := range m.cells {
		if !slices.Contains(ours, pair[0]) {
			ours = append(ours, pair[0])
		}
		if !slices.Contains(theirs, pair[1]) {
			theirs = append(theirs, pair[1])
		}
	}
	order := func(a, b string) int { return cmp.Or(rank(a)-rank(b), position(a)-position(b), cmp.Compare(a, b)) }
	slices.SortFunc(ours, order)
	slices.SortFunc(theirs, order)
	return ours, theirs
}
