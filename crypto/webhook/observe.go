package webhook

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Check names a check that can be observed before it is enforced: a message that
// fails it is accepted, and Message.Observed says so. The other checks of a
// message (size, shape, algorithm, key, signature, the other claims, exp, dates
// ahead, body hash) prove who wrote it; they are always enforced and have no Check.
type Check string

// The checks that PismoOptions.UnsafeObserve takes.
const (
	// CheckMaxAge is that iat is not longer ago than MaxAge. While it is observed,
	// ObserveMaxAge bounds the age in its place, so that a memory of replay keys
	// can still hold every message that would be accepted.
	CheckMaxAge Check = "max_age"
	// CheckSubject is that sub is one of Subjects.
	CheckSubject Check = "subject"
	// CheckAccount is that account-id is there and one of Accounts. While it is
	// observed, other tenants of Pismo are answered too.
	CheckAccount Check = "account"
)

// Checks returns the names of all checks that can be observed.
func Checks() []Check { return []Check{CheckMaxAge, CheckSubject, CheckAccount} }

// ParseCheck returns the check of that name. An error wraps ErrOptions: checks
// that prove who wrote a message cannot be observed.
func ParseCheck(name string) (Check, error) {
	if c := Check(name); slices.Contains(Checks(), c) {
		return c, nil
	}
	return "", fmt.Errorf("%w: %q cannot be observed, only %q, %q and %q can", ErrOptions, name, CheckMaxAge, CheckSubject, CheckAccount)
}

// DefaultObserveMaxAge is how old a message may be while CheckMaxAge is observed.
const DefaultObserveMaxAge = MaxMaxAge

// observation is which checks a verifier observes.
type observation struct {
	maxAge, subject, account bool
	bound                    time.Duration // of the age, while maxAge
}

// observation reads the options; what it returns is right only without an error.
func (o *PismoOptions) observation() (ob observation, err error) {
	for _, c := range o.UnsafeObserve {
		if _, err := ParseCheck(string(c)); err != nil {
			return ob, err
		}
		switch c {
		case CheckMaxAge:
			ob.maxAge, ob.bound = true, cmp.Or(o.ObserveMaxAge, DefaultObserveMaxAge)
		case CheckSubject:
			ob.subject = true
		case CheckAccount:
			ob.account = true
		}
	}
	maxAge := cmp.Or(o.MaxAge, DefaultMaxAge)
	switch {
	case o.ObserveMaxAge != 0 && !ob.maxAge:
		return ob, fmt.Errorf("%w: ObserveMaxAge stands without %q in UnsafeObserve", ErrOptions, CheckMaxAge)
	case ob.maxAge && (ob.bound < maxAge || ob.bound > MaxMaxAge):
		return ob, fmt.Errorf("%w: ObserveMaxAge is not between MaxAge, %v, and %v", ErrOptions, maxAge, MaxMaxAge)
	case ob.account && o.UnsafeAnyAccount:
		return ob, fmt.Errorf("%w: with UnsafeAnyAccount there is no account to observe", ErrOptions)
	}
	return ob, nil
}

// saw notes that the message failed a check which is observed.
func (m *Message) saw(c Check) { m.observed = append(m.observed, string(c)) }

// Observed returns the names of the checks that the message failed and that the
// verifier only observes, each once; nil for a message that failed none. They are
// in the order in which they were made: account after subject, max_age last.
func (m *Message) Observed() []string { return slices.Clone(m.observed) }
