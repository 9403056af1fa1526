package lists

import (
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/store"
)

// maxPast bounds the states that Find tries. A process may decide with lists that are
// a second or two old, and nobody makes more changes than this meanwhile.
const maxPast = 2000

// Find makes a list again that had that digest, of its own entries, own may be nil,
// and its changes, oldest first. The newest state that fits is returned; nil when none does.
func Find(name string, own *rules.List, changes []store.ListChange, digest string) (*rules.List, error) {
	for n := len(changes); n >= 0 && n > len(changes)-maxPast; n-- {
		l, err := Lay(name, own, after(changes[:n]))
		if err != nil {
			return nil, err
		}
		if l.Digest() == digest {
			return l, nil
		}
	}
	return nil, nil
}

// after returns the entries that changes leave.
func after(changes []store.ListChange) []store.ListEntry {
	at := map[string]store.ListEntry{}
	for _, c := range changes {
		if c.Action == "remove" {
			delete(at, c.Value)
		} else {
			at[c.Value] = c.ListEntry
		}
	}
	entries := make([]store.ListEntry, 0, len(at))
	for _, e := range at {
		entries = append(entries, e)
	}
	return entries
}
