package lists

import (
	"context"
	"time"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/store"
)

// ParseChange reads the members action, value, who, why and until of a change. The
// action is needed unless it is given; names that are none of these, and members of
// another type than text, are refused with ErrChange.
func ParseChange(v strictjson.Value, action string) (Change, error) {
	c := Change{Action: action}
	until := ""
	fields := map[string]*string{"value": &c.Value, "who": &c.Who, "why": &c.Why, "until": &until}
	if action == "" {
		fields["action"] = &c.Action
	}
	for _, m := range v.Members {
		to := fields[m.Name]
		switch {
		case to == nil && rules.Nearest(m.Name, keys(fields)) != "":
			return c, refused("unknown member %q, did you mean %q?", m.Name, rules.Nearest(m.Name, keys(fields)))
		case to == nil:
			return c, refused("unknown member; there are action, value, who, why, until")
		case m.Value.Kind == strictjson.Null && m.Name == "until":
		case m.Value.Kind != strictjson.String:
			return c, refused("the member %q is not text", m.Name)
		default:
			*to = m.Value.Str
		}
	}
	if until == "" {
		return c, nil
	}
	at, err := time.Parse(time.RFC3339Nano, until)
	if err != nil {
		return c, refused("until is no instant as 2026-11-24T10:00:00Z")
	}
	c.Until = at.UTC()
	return c, nil
}

func keys(m map[string]*string) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	return names
}

// JSON is the change as ParseChange reads it.
func (c *Change) JSON() []byte {
	w := canon.NewWriter(nil).Object().Key("action").String(c.Action).Key("value").String(c.Value)
	w.Key("who").String(c.Who).Key("why").String(c.Why)
	writeUntil(w, c.Until)
	return w.EndObject().Bytes()
}

func writeUntil(w *canon.Writer, at time.Time) {
	if w.Key("until"); at.IsZero() {
		w.Null()
		return
	}
	w.Time(at)
}

// Write writes the members list, record, action and until.
func (d Done) Write(w *canon.Writer, list string) *canon.Writer {
	w.Object().Key("list").String(list).Key("record").Uint(d.Seq).Key("action").String(d.Action)
	writeUntil(w, d.Until)
	return w.EndObject()
}

// View is a list as operators see it.
type View struct {
	Name    string
	Own     *rules.List // nil for one of the kill switch
	Laid    *rules.List
	Entries []store.ListEntry // of the runtime, sorted by value
	Now     time.Time
}

// Write writes the members name, digest, own_entries and entries: value, member (now),
// mask, until, who, why, at and record.
func (v View) Write(w *canon.Writer) *canon.Writer {
	n := 0
	if v.Own != nil {
		n = v.Own.Len()
	}
	w.Object().Key("name").String(v.Name).Key("digest").String(v.Laid.Digest()).Key("own_entries").Int(int64(n)).Key("entries").Array()
	for _, e := range v.Entries {
		w.Object().Key("value").String(e.Value).Key("member").Bool(v.Laid.Contains(e.Value, v.Now)).Key("mask").Bool(e.Mask)
		writeUntil(w, e.Until)
		w.Key("who").String(e.Who).Key("why").String(e.Why).Key("at").Time(e.At).Key("record").Uint(e.Seq).EndObject()
	}
	return w.EndArray().EndObject()
}

// WriteAll writes the lists of a pack as an overlay has them, and those of the kill
// switch, without values: name, digest, entries and own_entries.
func WriteAll(w *canon.Writer, p *rules.Pack, o *Overlay) (*canon.Writer, error) {
	laid, kill, err := o.Lay(p)
	if err != nil {
		return nil, err
	}
	w.Object().Key("lists").Array()
	write := func(l *rules.List, own int) {
		w.Object().Key("name").String(l.Name()).Key("digest").String(l.Digest()).Key("entries").Int(int64(l.Len()))
		w.Key("own_entries").Int(int64(own)).EndObject()
	}
	for i, l := range laid.Lists() {
		write(l, p.Lists()[i].Len())
	}
	for _, l := range kill {
		write(l, 0)
	}
	return w.EndArray().EndObject(), nil
}

// History returns the last changes of a list, oldest first, at most most; more tells
// that there are older ones.
func History(ctx context.Context, s store.Store, list string, most int) (changes []store.ListChange, more bool, err error) {
	for c, err := range s.ListChanges(ctx, list) {
		if err != nil {
			return nil, false, err
		}
		if changes = append(changes, c); len(changes) > 2*most {
			changes, more = append(changes[:0], changes[len(changes)-most:]...), true
		}
	}
	if len(changes) > most {
		changes, more = changes[len(changes)-most:], true
	}
	return changes, more, nil
}

// WriteHistory writes the members name, more and changes: record, at, action, value,
// who, why and until.
func WriteHistory(w *canon.Writer, name string, changes []store.ListChange, more bool) *canon.Writer {
	w.Object().Key("name").String(name).Key("more").Bool(more).Key("changes").Array()
	for _, c := range changes {
		w.Object().Key("record").Uint(c.Seq).Key("at").Time(c.At).Key("action").String(c.Action).Key("value").String(c.Value)
		w.Key("who").String(c.Who).Key("why").String(c.Why)
		writeUntil(w, c.Until)
		w.EndObject()
	}
	return w.EndArray().EndObject()
}
