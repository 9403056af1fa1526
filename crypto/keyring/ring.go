package keyring

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/issuant/issuant/internal/word"
)

// Lookup finds a key by its exact id. An implementation is safe for concurrent
// use, does not block, and takes no lock that a rotation holds.
type Lookup interface {
	Lookup(id string) (*Key, bool)
}

// Ring is an immutable set of keys. The zero Ring is empty.
type Ring struct {
	keys map[string]*Key
	all  []*Key // the same, sorted by id
}

// NewRing copies the keys. A weak key does not spoil the others: it stays in the
// ring with its Refused set, so that a message that names it can be told from one
// that names an unknown key. An id that is empty or longer than MaxIDBytes is an
// error that wraps ErrNoKey, an id that occurs twice one that wraps ErrDuplicateID.
func NewRing(keys ...Key) (*Ring, error) {
	r := &Ring{keys: make(map[string]*Key, len(keys)), all: make([]*Key, 0, len(keys))}
	for i := range keys {
		k := keys[i]
		if k.ID == "" || len(k.ID) > MaxIDBytes {
			return nil, fmt.Errorf("%w: key %d has an id that is empty or longer than %d bytes", ErrNoKey, i+1, MaxIDBytes)
		}
		if r.keys[k.ID] != nil {
			return nil, fmt.Errorf("%w: %q", ErrDuplicateID, k.ID)
		}
		k.complete()
		if k.Refused == "" {
			k.Refused = k.check()
		}
		r.keys[k.ID] = &k
		r.all = append(r.all, &k)
	}
	slices.SortFunc(r.all, func(a, b *Key) int { return strings.Compare(a.ID, b.ID) })
	r.all = slices.Clip(r.all)
	return r, nil
}

// Lookup returns the key of that exact id, usable or not.
func (r *Ring) Lookup(id string) (*Key, bool) {
	if r == nil {
		return nil, false
	}
	if len(r.all) <= fewKeys {
		for _, k := range r.all {
			if word.Equal(k.ID, id) {
				return k, true
			}
		}
		return nil, false
	}
	k, ok := r.keys[id]
	return k, ok
}

// fewKeys are compared one by one: that is quicker than a map, in WASM by far.
const fewKeys = 4

// Len returns the number of keys, refused ones included.
func (r *Ring) Len() int {
	if r == nil {
		return 0
	}
	return len(r.keys)
}

// All returns all keys, sorted by id: for messages that name none. It allocates
// nothing: the slice and the keys are the ring's own and must not be changed, and
// every call returns the same ones.
func (r *Ring) All() []*Key {
	if r == nil {
		return nil
	}
	return r.all
}

// Keys returns copies of all keys, sorted by id.
func (r *Ring) Keys() []Key {
	all := r.All()
	if all == nil {
		return nil
	}
	list := make([]Key, 0, len(all))
	for _, k := range all {
		list = append(list, *k)
	}
	return list
}

// Valid returns the number of keys that are not refused and in date at now.
func (r *Ring) Valid(now time.Time) int {
	n := 0
	if r != nil {
		for _, k := range r.keys {
			if k.Refused == "" && k.ValidAt(now) {
				n++
			}
		}
	}
	return n
}

// Current returns the key to sign or encrypt with now: of those that Usable allows,
// the one that came into force last, so that a rotation begins by itself when the new
// key's NotBefore has come; among equals the one of the greatest id. ErrNoKey when there
// is none.
func (r *Ring) Current(use Use, alg, scheme string, now time.Time) (*Key, error) {
	var best *Key
	if r != nil {
		for _, k := range r.all {
			if k.Usable(use, alg, scheme, now) != "" {
				continue
			}
			if best == nil || k.NotBefore.After(best.NotBefore) || k.NotBefore.Equal(best.NotBefore) {
				best = k
			}
		}
	}
	if best == nil {
		return nil, fmt.Errorf("%w: none may %s with %q at this time", ErrNoKey, use, alg)
	}
	return best, nil
}

// Join looks a key up in several places, in their order: the first that has the id
// answers. While a counterpart moves from one source to another, both are asked.
type Join []Lookup

// Lookup implements the interface of that name.
func (j Join) Lookup(id string) (*Key, bool) {
	for _, l := range j {
		if k, ok := l.Lookup(id); ok {
			return k, true
		}
	}
	return nil, false
}

// Live is a ring that can be exchanged while others look keys up; readers take no
// lock. The zero Live holds the empty ring.
type Live struct{ ring atomic.Pointer[Ring] }

// NewLive returns a Live that holds r; nil is the empty ring.
func NewLive(r *Ring) *Live {
	l := new(Live)
	l.Swap(r)
	return l
}

// Swap exchanges the ring and returns the one before, which is never nil.
func (l *Live) Swap(r *Ring) *Ring {
	if r == nil {
		r = new(Ring)
	}
	if old := l.ring.Swap(r); old != nil {
		return old
	}
	return new(Ring)
}

// Ring returns the ring that is in force now, never nil.
func (l *Live) Ring() *Ring {
	if r := l.ring.Load(); r != nil {
		return r
	}
	return new(Ring)
}

// Lookup returns the key of that exact id from the ring in force.
func (l *Live) Lookup(id string) (*Key, bool) { return l.ring.Load().Lookup(id) }
