package webhook

import (
	"sync/atomic"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
)

// common is what every verifier of a declared scheme has.
type common struct {
	scheme       Scheme
	alg          *algorithm
	keys         keyring.Lookup
	skew, maxAge time.Duration
	table        atomic.Pointer[table]
}

// table holds the keys of one ring, prepared. It is made anew when the ring is
// another one, so that a key that vanished goes with it.
type table struct {
	ring *keyring.Ring
	keys []*prepared // as ring.All orders them
	byID map[string]*prepared
}

// instant is now, with whether the clock is set at all.
type instant struct {
	t   time.Time
	set bool
}

func instantOf(now time.Time) instant {
	s := now.Unix()
	return instant{now, s >= minNow && s <= maxNow}
}

// ringOf returns the ring behind a Lookup, nil for a Lookup that has none.
func ringOf(keys keyring.Lookup) *keyring.Ring {
	switch k := keys.(type) {
	case *keyring.Ring:
		return k
	case interface{ Ring() *keyring.Ring }:
		return k.Ring()
	}
	return nil
}

// prepared returns the prepared keys of the ring that is in force.
func (c *common) prepared() *table {
	ring := ringOf(c.keys)
	if t := c.table.Load(); t != nil && t.ring == ring {
		return t
	}
	all := ring.All()
	t := &table{ring, make([]*prepared, len(all)), make(map[string]*prepared, len(all))}
	for i, key := range all {
		t.keys[i] = prepare(key, c.alg, c.scheme.Key.Text)
		t.byID[key.ID] = t.keys[i]
	}
	c.table.Store(t)
	return t
}

// named returns the key of that id.
func (c *common) named(id string, now *instant) (*prepared, *Error) {
	var p *prepared
	if ringOf(c.keys) != nil {
		p = c.prepared().byID[id]
	} else if key, ok := c.keys.Lookup(id); ok {
		p = prepare(key, c.alg, c.scheme.Key.Text)
	}
	if p == nil {
		return nil, refuse(ErrKeyUnknown, "")
	}
	if why := p.unusable(c.scheme.Name, now); why != "" {
		return nil, refuse(ErrKeyRefused, why)
	}
	return p, nil
}

// match finds the key that made one of the signatures: the named one, or any usable
// one of the scheme. It fills m.keyID.
func (c *common) match(m *Message, id string, what content, signatures [][]byte, now *instant) *Error {
	if c.scheme.Key.ID != "" {
		p, refusal := c.named(id, now)
		if refusal == nil && !p.matches(what, signatures) {
			refusal = refuse(ErrSignature, "")
		}
		if refusal != nil {
			refusal.keyID = saneKeyID(id)
			return refusal
		}
		m.keyID = p.key.ID
		return nil
	}
	why, tried := "", 0
	for _, p := range c.prepared().keys {
		if p.key.Scheme != "" && p.key.Scheme != c.scheme.Name {
			continue // another scheme's key is none of ours
		}
		if reason := p.unusable(c.scheme.Name, now); reason != "" {
			why = reason
			continue
		}
		if tried++; tried > maxCandidates {
			return refuse(ErrKeyRefused, "more than 16 keys for messages that name none")
		}
		if p.matches(what, signatures) {
			m.keyID = p.key.ID
			return nil
		}
	}
	switch {
	case tried > 0:
		return refuse(ErrSignature, "")
	case why != "":
		return refuse(ErrKeyRefused, why)
	}
	return refuse(ErrKeyUnknown, "no key for this scheme")
}

// fresh holds an instant of the sender against the clock.
func (c *common) fresh(signed time.Time, now *instant) *Error {
	switch {
	case !now.set:
		return refuse(ErrStale, "clock of the check is not set")
	case signed.After(now.t.Add(c.skew)):
		return refuse(ErrStale, "timestamp lies ahead")
	case signed.Before(now.t.Add(-c.skew - c.maxAge)):
		return refuse(ErrStale, "timestamp is too long ago")
	}
	return nil
}

func (c *common) window() (maxAge, skew time.Duration) { return c.maxAge, c.skew }
