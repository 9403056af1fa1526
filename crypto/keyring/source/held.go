package source

import (
	"sync/atomic"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
)

// held are the keys that a source has, for as long as they may be used. Readers take
// no lock.
type held struct {
	set      atomic.Pointer[keySet]
	maxStale time.Duration
	now      func() time.Time
}

// keySet is what one good look brought; immutable.
type keySet struct {
	ring    *keyring.Ring
	fetched time.Time
	maxAge  time.Duration // how long until the next fetch; of HTTPS alone
}

// Lookup returns the key of that exact id from the last good look at the source.
// There is none before the first and MaxStale after the last good one.
func (h *held) Lookup(id string) (*keyring.Key, bool) { return h.Ring().Lookup(id) }

// Ring returns the keys in force, nil (an empty ring) when there are none.
func (h *held) Ring() *keyring.Ring {
	set := h.set.Load()
	if set == nil || h.now().Sub(set.fetched) > h.maxStale {
		return nil
	}
	return set.ring
}

// All returns the keys in force, sorted by id, as keyring.Ring.All does.
func (h *held) All() []*keyring.Key { return h.Ring().All() }

// Fetched returns the time of the last good look, zero before the first.
func (h *held) Fetched() time.Time {
	if set := h.set.Load(); set != nil {
		return set.fetched
	}
	return time.Time{}
}

// take puts keys in force and returns, as attributes of a log, how many there are and
// which ids are new or gone.
func (h *held) take(set *keySet) []any {
	before := h.Ring()
	h.set.Store(set)
	attrs := []any{"keys", set.ring.Len()}
	if ids := only(set.ring, before); ids != nil {
		attrs = append(attrs, "new", ids)
	}
	if ids := only(before, set.ring); ids != nil {
		attrs = append(attrs, "gone", ids)
	}
	return attrs
}

// only returns the ids, quoted, that are in one ring and not in the other.
func only(in, notIn *keyring.Ring) (ids []string) {
	for _, k := range in.All() {
		if _, ok := notIn.Lookup(k.ID); !ok {
			ids = append(ids, quoteID(k.ID))
		}
	}
	return ids
}
