package lists

import (
	"fmt"
	"sort"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/store"
)

// Overlay lays entries over packs. It keeps the lists that it made, so that only
// those are made again that have changed. It is for one goroutine at a time.
type Overlay struct {
	entries map[string][]store.ListEntry // by list
	made    map[string]made
}

// made is a list and what it was made of.
type made struct {
	base    *rules.List // nil for one of the kill switch
	lastSeq uint64
	count   int
	list    *rules.List
}

// NewOverlay returns an overlay of these entries, in any order.
func NewOverlay(entries []store.ListEntry) *Overlay {
	o := &Overlay{made: map[string]made{}}
	o.Set(entries)
	return o
}

// Set replaces the entries.
func (o *Overlay) Set(entries []store.ListEntry) {
	o.entries = map[string][]store.ListEntry{}
	for _, e := range entries {
		o.entries[e.List] = append(o.entries[e.List], e)
	}
}

// Entries returns the runtime entries of a list, sorted by value.
func (o *Overlay) Entries(list string) []store.ListEntry {
	entries := append([]store.ListEntry(nil), o.entries[list]...)
	sort.Slice(entries, func(i, k int) bool { return entries[i].Value < entries[k].Value })
	return entries
}

// Entry returns the runtime entry of a value.
func (o *Overlay) Entry(list, value string) (store.ListEntry, bool) {
	for _, e := range o.entries[list] {
		if e.Value == value {
			return e, true
		}
	}
	return store.ListEntry{}, false
}

// Lay returns p with its lists as the entries have them, and the lists of the kill
// switch. Entries of lists that p does not declare stay unused: they count again
// when a pack declares the list.
func (o *Overlay) Lay(p *rules.Pack) (laid *rules.Pack, kill []*rules.List, err error) {
	var changed []*rules.List
	for _, own := range p.Lists() {
		if len(o.entries[own.Name()]) == 0 {
			delete(o.made, own.Name())
			continue
		}
		l, err := o.list(own.Name(), own)
		if err != nil {
			return nil, nil, err
		}
		changed = append(changed, l)
	}
	if laid, err = p.WithLists(changed...); err != nil {
		return nil, nil, err
	}
	for _, name := range engine.KillLists() {
		l, err := o.list(name, nil)
		if err != nil {
			return nil, nil, err
		}
		kill = append(kill, l)
	}
	return laid, kill, nil
}

func (o *Overlay) list(name string, own *rules.List) (*rules.List, error) {
	entries := o.entries[name]
	now := made{base: own, count: len(entries)}
	for _, e := range entries {
		now.lastSeq = max(now.lastSeq, e.Seq)
	}
	// With every change a new seq comes or the number falls, so equal means the same.
	if m, ok := o.made[name]; ok && m.base == own && m.lastSeq == now.lastSeq && m.count == now.count {
		return m.list, nil
	}
	var err error
	if now.list, err = Lay(name, own, entries); err != nil {
		return nil, fmt.Errorf("runtime list %q: %w", name, err)
	}
	o.made[name] = now
	return now.list, nil
}

// Lay makes the list of that name of its own entries, own may be nil, and the
// runtime ones.
func Lay(name string, own *rules.List, entries []store.ListEntry) (*rules.List, error) {
	masked := map[string]bool{}
	var all []rules.ListEntry
	for _, e := range entries {
		masked[e.Value] = e.Mask
		if !e.Mask || !e.Until.IsZero() {
			all = append(all, rules.ListEntry{Value: e.Value, Expires: e.Until})
		}
	}
	if own != nil {
		for _, e := range own.Entries() {
			if !masked[e.Value] {
				all = append(all, e)
			}
		}
	}
	return rules.NewList(name, all) // of equal values the one that ends last counts
}

// Member tells whether a value is in a list at an instant; own may be nil.
func Member(own *rules.List, e store.ListEntry, has bool, value string, now time.Time) bool {
	if has && (e.Until.IsZero() && !e.Mask || now.Before(e.Until)) {
		return true
	}
	return own != nil && !(has && e.Mask) && own.Contains(value, now)
}

// Own returns the pack's own list of that name; nil when it has none.
func Own(p *rules.Pack, name string) *rules.List {
	for _, l := range p.Lists() {
		if l.Name() == name {
			return l
		}
	}
	return nil
}
