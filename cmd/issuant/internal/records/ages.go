package records

import "time"

// AgeBounds are the upper bounds of the buckets of Ages, inclusive. The first tells
// of senders whose clock is ahead, or of none.
var AgeBounds = []time.Duration{
	0, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 6 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 6 * time.Hour, 24 * time.Hour,
}

// Ages is a histogram of how old verified messages were when they came: what a
// maximum would have refused is told before it is enforced.
type Ages struct {
	Counts   []int // one more than AgeBounds: the last is what is older still
	Total    int
	Observed map[string]int // messages that failed a check which is observed
	Oldest   time.Duration
}

// NewAges returns an empty histogram.
func NewAges() *Ages { return &Ages{Counts: make([]int, len(AgeBounds)+1), Observed: map[string]int{}} }

// Add counts a line; a message that nobody proved has no age.
func (a *Ages) Add(l *Line) {
	if !l.Verified {
		return
	}
	i := 0
	for i < len(AgeBounds) && l.Age > AgeBounds[i] {
		i++
	}
	a.Counts[i]++
	if a.Total++; a.Total == 1 || l.Age > a.Oldest {
		a.Oldest = l.Age
	}
	for _, check := range l.Observed {
		a.Observed[check]++
	}
}
