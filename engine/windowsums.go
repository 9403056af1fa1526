package engine

import (
	"cmp"
	"slices"
	"time"
)

// A requestor and a BIN have as many attempts as all cards together: hundreds a
// second. Their windows are not walked attempt by attempt but second by second.
// Sums hold what counts now; what counted at an earlier instant and has been
// corrected since stands in Window.corrected.

// cell sums up the attempts of one second.
type cell struct {
	second             int64
	attempts, failures int32
	latest             int32 // those that are the latest of their card
	observed           int64 // none of them was observed later
}

// sums of a bucket, second by second.
type sums struct {
	cells []cell
	// last is the latest attempt of each card, from which prev leads to the earlier
	// ones. The cards of a window that reaches up to now are those whose latest
	// attempt lies in it.
	last map[*bucket]*observation
}

// maxCorrected bounds the corrections that are told apart from what counts now;
// windows that lie before the oldest of them are walked.
const maxCorrected = 4096

func secondOf(at int64) int64 {
	s := at / int64(time.Second)
	if at%int64(time.Second) < 0 {
		s--
	}
	return s
}

// find returns where the cell of a second is or would be.
func (s *sums) find(second int64) (int, bool) {
	if n := len(s.cells); n > 0 && s.cells[n-1].second <= second {
		if s.cells[n-1].second == second {
			return n - 1, true
		}
		return n, false
	}
	return slices.BinarySearchFunc(s.cells, second, func(c cell, second int64) int { return cmp.Compare(c.second, second) })
}

func (s *sums) cell(o *observation) *cell {
	second := secondOf(o.at)
	i, ok := s.find(second)
	if !ok {
		s.cells = slices.Insert(s.cells, i, cell{second: second, observed: always})
	}
	return &s.cells[i]
}

func (s *sums) add(o *observation) {
	c := s.cell(o)
	c.attempts++
	c.observed = max(c.observed, o.observed)
	if o.failure {
		c.failures++
	}
	if card := o.in[byCard]; s.last != nil && card != nil {
		s.link(o, card)
	}
}

func (s *sums) link(o *observation, card *bucket) {
	last := s.last[card]
	if last == nil || byTime(last, o) < 0 {
		if last != nil {
			last.next = o
			s.cell(last).latest--
		}
		o.prev, s.last[card] = last, o
		s.cell(o).latest++
		return
	}
	next := last
	for next.prev != nil && byTime(next.prev, o) > 0 {
		next = next.prev
	}
	o.prev, o.next = next.prev, next
	if next.prev != nil {
		next.prev.next = o
	}
	next.prev = o
}

func (s *sums) remove(o *observation) {
	if card := o.in[byCard]; s.last != nil && card != nil {
		s.unlink(o, card)
	}
	c := s.cell(o)
	c.attempts--
	if o.failure {
		c.failures--
	}
	for len(s.cells) > 0 && s.cells[0].attempts == 0 {
		s.cells = s.cells[1:]
	}
}

func (s *sums) unlink(o *observation, card *bucket) {
	if o.prev != nil {
		o.prev.next = o.next
	}
	switch {
	case o.next != nil:
		o.next.prev = o.prev
	case o.prev != nil:
		s.cell(o).latest--
		s.cell(o.prev).latest++
		s.last[card] = o.prev
	default:
		s.cell(o).latest--
		delete(s.last, card)
	}
	o.prev, o.next = nil, nil
}

// uncount takes a form that was just superseded out of the sums.
func (w *Window) uncount(o *observation) {
	for _, b := range o.in {
		if b != nil && b.sums != nil {
			b.sums.remove(o)
		}
	}
}

// correct remembers until when a superseded form counted.
func (w *Window) correct(o *observation) {
	w.corrected = slices.DeleteFunc(w.corrected, func(have *observation) bool { return have == o })
	i, _ := slices.BinarySearchFunc(w.corrected, o.superseded, func(have *observation, at int64) int { return cmp.Compare(have.superseded, at) })
	w.corrected = slices.Insert(w.corrected, i, o)
	if len(w.corrected) > maxCorrected {
		w.forgotten = max(w.forgotten, w.corrected[0].superseded)
		w.corrected = slices.Delete(w.corrected, 0, 1)
	}
}

// reckoning answers one question from the sums of one bucket.
type reckoning struct {
	*question
	b     *bucket
	from  int64
	own   []int64 // seconds in which the event that asks stands itself
	tally tally
}

// counts reports whether a form that nothing superseded lies in the window, as it
// was known then.
func (r *reckoning) counts(o *observation) bool {
	return o.at >= r.from && o.at < r.at && o.observed <= r.at && (r.id == "" || o.id != r.id)
}

// reckon sums a window of the bucket up; ok is false where it has to be walked.
func (w *Window) reckon(b *bucket, q *question, length time.Duration) (t *tally, ok bool) {
	r := &reckoning{question: q, b: b, from: q.at - int64(length)}
	edge := 2 * int64(time.Second)
	if q.at < w.forgotten || q.at > never-edge || r.from > q.at || r.from < always+edge {
		return nil, false
	}
	end := r.index(q.at)
	if later := len(b.list) - end; later > maxCorrected && later > end-r.index(r.from) {
		return nil, false // long ago: what came after is more than what there was
	}
	for o := w.versions[q.id]; o != nil; o = o.older {
		r.own = append(r.own, secondOf(o.at))
	}
	last := secondOf(q.at)
	for i, _ := b.sums.find(secondOf(r.from)); i < len(b.sums.cells) && b.sums.cells[i].second <= last; i++ {
		r.addCell(&b.sums.cells[i])
	}
	for _, o := range b.list[r.index((last+1)*int64(time.Second)):] {
		r.addOther(o)
	}
	r.addCorrected(w.corrected)
	return &r.tally, true
}

// index returns where the attempts from that instant on begin.
func (r *reckoning) index(at int64) int {
	i, _ := slices.BinarySearchFunc(r.b.list, at, func(o *observation, at int64) int {
		if o.at < at {
			return -1
		}
		return 1
	})
	return i
}

func (r *reckoning) addCell(c *cell) {
	begin := c.second * int64(time.Second)
	end := begin + int64(time.Second)
	if begin >= r.from && end <= r.at && c.observed <= r.at && !slices.Contains(r.own, c.second) {
		r.tally.attempts += int64(c.attempts)
		r.tally.failures += int64(c.failures)
		r.tally.moreCards += int64(c.latest)
		return
	}
	for _, o := range r.b.list[r.index(max(begin, r.from)):] {
		switch {
		case o.at >= end:
			return
		case o.superseded != never:
		case r.counts(o):
			r.tally.attempts++
			if o.failure {
				r.tally.failures++
			}
			if o.next == nil && o.in[byCard] != nil {
				r.tally.moreCards++
			}
		default:
			r.addOther(o)
		}
	}
}

// addOther: where the latest attempt of a card does not count, an earlier one may.
func (r *reckoning) addOther(o *observation) {
	if o.superseded == never && o.next == nil && r.hasEarlier(o.prev) {
		r.tally.moreCards++
	}
}

func (r *reckoning) hasEarlier(o *observation) bool {
	for ; o != nil && o.at >= r.from; o = o.prev {
		if r.counts(o) {
			return true
		}
	}
	return false
}

// addCorrected adds the forms that were superseded after the instant of the question.
func (r *reckoning) addCorrected(list []*observation) {
	seen := map[*bucket]bool{}
	for _, o := range slices.Backward(list) {
		if o.superseded <= r.at {
			return
		}
		if !o.kept || o.in[byRequestor] != r.b && o.in[byBIN] != r.b || !r.counts(o) {
			continue
		}
		r.tally.attempts++
		if o.failure {
			r.tally.failures++
		}
		if card := o.in[byCard]; card != nil && r.b.sums.last != nil && !seen[card] && !r.hasEarlier(r.b.sums.last[card]) {
			seen[card] = true
			r.tally.moreCards++
		}
	}
}
