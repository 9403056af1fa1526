package lists

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/store"
)

// Bounds, inclusive.
const (
	MaxUntil   = 3650 * 24 * time.Hour // how far ahead an entry may end
	MaxEntries = 100_000               // runtime entries of one list
)

// The actions of a change.
const (
	Add    = "add"    // the value is a member, until Until at least
	Expire = "expire" // the value is a member no longer than until Until
	Remove = "remove" // the value is no member
)

// Change is what an operator asks for.
type Change struct {
	Action      string
	List, Value string
	Who, Why    string
	Until       time.Time // zero: Add: for ever; Expire: needed; Remove: none
	Now         time.Time
}

// ErrChange is wrapped when a change is not one that may be made; the text tells why
// and holds no value. ErrUnknown is wrapped, beside it, when there is no such list.
var (
	ErrChange  = errors.New("refused")
	ErrUnknown = errors.New("unknown list")
)

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrChange}, args...)...)
}

// Names are the lists that can be changed while a pack decides: its own and the
// kill switch's.
func Names(p *rules.Pack) []string {
	var names []string
	for _, d := range p.Manifest().Lists {
		names = append(names, d.Name)
	}
	return append(names, engine.KillLists()...)
}

// CheckName refuses a list that the pack does not declare, and tells which was meant.
func CheckName(p *rules.Pack, name string) error {
	names := Names(p)
	if slices.Contains(names, name) {
		return nil
	}
	if rules.HoldsPAN(name) || len(name) > store.MaxListName {
		return fmt.Errorf("%w: %w: what stands for its name is too long, or looks like a card number", ErrChange, ErrUnknown)
	}
	hint := "; there are " + strings.Join(names, ", ")
	if near := rules.Nearest(name, names); near != "" {
		hint = fmt.Sprintf(", did you mean %q?", near)
	}
	return fmt.Errorf("%w: %w: the pack declares no list %q%s", ErrChange, ErrUnknown, name, hint)
}

// Check refuses what cannot be a change whatever the pack is. It says nothing of the
// value itself, which may be what it should not be.
func (c *Change) Check() error {
	switch {
	case c.Action != Add && c.Action != Expire && c.Action != Remove:
		return refused("an action is add, expire or remove")
	case c.Value == "":
		return refused("the value is missing")
	case len(c.Value) > rules.MaxListValue || !plain(c.Value) || strings.TrimSpace(c.Value) != c.Value:
		return refused("a value has 1 to %d bytes of text on one line, and no blank at its ends", rules.MaxListValue)
	case rules.HoldsPAN(c.Value):
		return refused("the value looks like a card number; lists hold keyed references, BINs and ids; a card's reference is card.ref")
	case c.Who == "" || c.Why == "":
		return refused("who and why are needed: they stand in the chain of records")
	case len(c.Who) > store.MaxText || len(c.Why) > store.MaxText || !plain(c.Who) || !plain(c.Why) || strings.TrimSpace(c.Who) == "" || strings.TrimSpace(c.Why) == "":
		return refused("who and why have 1 to %d bytes of text on one line", store.MaxText)
	case rules.HoldsPAN(c.Who) || rules.HoldsPAN(c.Why):
		return refused("who or why holds what looks like a card number")
	case c.Action == Remove && !c.Until.IsZero():
		return refused("what is removed has no end; expire it to end it later")
	case c.Action == Expire && c.Until.IsZero():
		return refused("until is missing: when the value ends; remove it to end it now")
	case !c.Until.IsZero() && !c.Until.After(c.Now):
		return refused("until is past")
	case c.Until.Sub(c.Now) > MaxUntil:
		return refused("until is more than %d days ahead; leave it out for an entry without end", MaxUntil/(24*time.Hour))
	}
	return c.checkKill()
}

func (c *Change) checkKill() error {
	if c.List != engine.KillBIN || c.Action != Add {
		return nil
	}
	if n := len(c.Value); n < engine.MinKillBIN || n > engine.MaxKillBIN || strings.Trim(c.Value, "0123456789") != "" {
		return refused("a BIN of the kill switch has %d to %d digits; it stops every BIN that begins with them", engine.MinKillBIN, engine.MaxKillBIN)
	}
	return nil
}

// Done is what came of a change.
type Done struct {
	Seq    uint64 // of its line in the chain
	Action string // as the line has it: put, mask or remove
	Until  time.Time
}

// Apply makes a change in the store. Names that p does not declare, and what the
// change would not change, are refused with ErrChange; other errors are the store's.
func Apply(ctx context.Context, s store.Store, p *rules.Pack, c Change) (Done, error) {
	if err := CheckName(p, c.List); err != nil {
		return Done{}, err
	}
	if err := c.Check(); err != nil {
		return Done{}, err
	}
	entries, err := s.ListEntries(ctx, c.List)
	if err != nil {
		return Done{}, err
	}
	own := Own(p, c.List)
	have, has := NewOverlay(entries).Entry(c.List, c.Value)
	member := Member(own, have, has, c.Value, c.Now)
	owned := own != nil && own.Contains(c.Value, c.Now)
	e := store.ListEntry{List: c.List, Value: c.Value, Who: c.Who, Why: c.Why, At: c.Now, Until: c.Until}
	switch {
	case c.Action == Add && !has && (len(entries) >= MaxEntries || own != nil && own.Len()+len(entries) >= rules.MaxListEntries):
		return Done{}, refused("the list is full with %d runtime entries; put them into the pack", len(entries))
	case c.Action == Add && has && shortens(endOf(nil, c.Value, have, true), c.Until):
		return Done{}, refused("the list has the value for longer already; expire it to end it earlier")
	case c.Action == Add:
		return put(ctx, s, e)
	case !member && !has:
		return Done{}, refused("the list has no such value")
	case !member && (have.Mask || c.Action == Expire):
		return Done{}, refused("the value is no member of the list any more")
	case c.Action == Expire && !shortens(endOf(own, c.Value, have, has), c.Until):
		return Done{}, refused("the value ends earlier already; add it to have it longer")
	case c.Action == Expire:
		e.Mask = true // whatever the pack says, and whatever it will say
		return put(ctx, s, e)
	case owned:
		e.Mask = true
		return put(ctx, s, e)
	}
	seq, err := s.RemoveListEntry(ctx, store.ListRemoval{List: c.List, Value: c.Value, Who: c.Who, Why: c.Why, At: c.Now})
	return Done{Seq: seq, Action: "remove"}, err
}

// endless is the end of what has none.
var endless = time.Unix(1<<40, 0)

// endOf is when a value ceases to be a member; zero when it is none.
func endOf(own *rules.List, value string, e store.ListEntry, has bool) time.Time {
	end := func(at time.Time) time.Time {
		if at.IsZero() {
			return endless
		}
		return at
	}
	var last time.Time
	switch {
	case has && e.Mask:
		return e.Until
	case has:
		last = end(e.Until)
	}
	if own == nil {
		return last
	}
	if at, ok := own.Expiry(value); ok && end(at).After(last) {
		return end(at)
	}
	return last
}

// shortens reports whether an entry until then ends before end; a zero until never does.
func shortens(end, until time.Time) bool { return !until.IsZero() && until.Before(end) }

func put(ctx context.Context, s store.Store, e store.ListEntry) (Done, error) {
	d := Done{Action: "put", Until: e.Until}
	if e.Mask {
		d.Action = "mask"
	}
	var err error
	d.Seq, err = s.PutListEntry(ctx, e)
	return d, err
}

// plain: text on one line that a terminal does not obey.
func plain(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) < 0
}
