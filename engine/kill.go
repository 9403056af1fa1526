package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/issuant/issuant/rules"
)

// Names of the kill switch's lists. No list of a pack can have one: these hold a dot.
const (
	KillBIN       = "kill.bin"       // BINs, or their first digits: what begins card.bin
	KillRequestor = "kill.requestor" // token.requestor_id or token.requestor
	KillDevice    = "kill.device"    // device.ref
	KillCard      = "kill.card"      // card.ref
)

// Digits of an entry of KillBIN, inclusive.
const (
	MinKillBIN = 6
	MaxKillBIN = 8
)

// KillLists returns the names of the kill switch's lists, sorted.
func KillLists() []string { return []string{KillBIN, KillCard, KillDevice, KillRequestor} }

// kill is the kill switch; a nil list stops nothing.
type kill struct {
	bin, requestor, device, card *rules.List
	used                         bool // some list has an entry
}

// slot returns the place of the list with that name; nil when it is none of the kill switch's.
func (k *kill) slot(name string) **rules.List {
	switch name {
	case KillBIN:
		return &k.bin
	case KillRequestor:
		return &k.requestor
	case KillDevice:
		return &k.device
	case KillCard:
		return &k.card
	}
	return nil
}

// SwapKill puts lists in the place of the present kill switch, atomically; those of
// KillLists that are not given are empty. While a list has the BIN, requestor, device
// or card of an event as a member, Decide adds a red guard of code kill_switch:bin,
// kill_switch:requestor, kill_switch:device or kill_switch:card and action code 05,
// which nothing loosens. Lists that are not empty stand in Decision.Lists, behind the pack's.
//
// The switch stays when Swap changes the pack. An event without such a fact is not
// stopped by it; a BIN in the event that is shorter than an entry is not, either.
// A list of another name is an ErrConfig; with a pack of another schema than
// event/v1 a list that is not empty is an ErrSchema. Then nothing changes.
func (e *Engine) SwapKill(lists ...*rules.List) error {
	next := new(kill)
	for _, l := range lists {
		slot := next.slot(l.Name())
		if slot == nil {
			return fmt.Errorf("%w: %q is no list of the kill switch; those are %v", ErrConfig, l.Name(), KillLists())
		}
		*slot = l
		next.used = next.used || l.Len() > 0
	}
	for {
		old := e.live.Load()
		if s := old.pack.Schema(); next.used && (s.Name() != "event" || s.Version() != 1) {
			return fmt.Errorf("%w: the kill switch reads event/v1, and the pack judges %s/v%d", ErrSchema, s.Name(), s.Version())
		}
		if e.live.CompareAndSwap(old, e.load(old.pack, next)) {
			return nil
		}
	}
}

// digests returns those of the lists that are not empty, sorted by name.
func (k *kill) digests() []ListDigest {
	var list []ListDigest
	for _, name := range KillLists() {
		if l := *k.slot(name); l != nil && l.Len() > 0 {
			list = append(list, ListDigest{name, l.Digest()})
		}
	}
	return slices.Clip(list)
}

// has reports whether l stops v.
func has(l *rules.List, v string, now time.Time) bool {
	return l != nil && v != "" && l.Contains(v, now)
}

// hasPrefix reports whether l stops a BIN that begins as this one does.
func hasPrefix(l *rules.List, bin string, now time.Time) bool {
	for n := MinKillBIN; n <= min(len(bin), MaxKillBIN); n++ {
		if has(l, bin[:n], now) {
			return true
		}
	}
	return false
}

// killed joins what the kill switch stops.
func (j *joiner) killed() {
	k := j.kill
	if !k.used {
		return
	}
	if hasPrefix(k.bin, j.text(j.on.cardBIN), j.now) {
		j.guard(Guard{"kill_switch:bin", rules.Red, actionDecline})
	}
	if has(k.requestor, j.text(j.on.requestorID), j.now) || has(k.requestor, j.text(j.on.requestor), j.now) {
		j.guard(Guard{"kill_switch:requestor", rules.Red, actionDecline})
	}
	if has(k.device, j.text(j.on.deviceRef), j.now) {
		j.guard(Guard{"kill_switch:device", rules.Red, actionDecline})
	}
	if has(k.card, j.text(j.on.cardRef), j.now) {
		j.guard(Guard{"kill_switch:card", rules.Red, actionDecline})
	}
}
