package lists_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/lists"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/store"
)

var now = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func pack(t *testing.T) *rules.Pack {
	t.Helper()
	p, err := compile.FS(fstest.MapFS{
		"pack.yaml":      {Data: []byte("name: p\nversion: '1'\nschema: event/v1\ndefault: green\nlists:\n  deny: {file: lists/deny.csv}\n")},
		"rules/r.yaml":   {Data: []byte("- id: R1\n  when: token.requestor_id in list(\"deny\")\n  effect: red\n  reason: DENIED\n  why: The requestor is denied.\n")},
		"lists/deny.csv": {Data: []byte("value,expires,note\nown,,\nending,2026-12-01,\nended,2026-01-01,\n")},
	}, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func open(t *testing.T) store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "s", "issuant.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// desk changes the lists of one store and looks at what comes of it.
type desk struct {
	t *testing.T
	s store.Store
	p *rules.Pack
}

func (d *desk) apply(action, list, value string, until time.Time) (lists.Done, error) {
	return lists.Apply(d.t.Context(), d.s, d.p, lists.Change{Action: action, List: list, Value: value, Who: "ana", Why: "because", Until: until, Now: now})
}

func (d *desk) must(action, list, value string, until time.Time, want string) {
	d.t.Helper()
	done, err := d.apply(action, list, value, until)
	if err != nil || done.Action != want {
		d.t.Fatalf("%s %s: %q, want %q: %v", action, value, done.Action, want, err)
	}
}

func (d *desk) refused(action, list, value string, until time.Time, words string) {
	d.t.Helper()
	before, _ := d.s.Head(d.t.Context())
	_, err := d.apply(action, list, value, until)
	if !errors.Is(err, lists.ErrChange) || !strings.Contains(fmt.Sprint(err), words) {
		d.t.Errorf("%s %s: %v, want %q", action, value, err, words)
	}
	if after, _ := d.s.Head(d.t.Context()); after != before {
		d.t.Errorf("%s %s: refused, and written", action, value)
	}
}

// member looks into the list as an engine gets it.
func (d *desk) member(list, value string, at time.Time) bool {
	d.t.Helper()
	entries, err := d.s.ListEntries(d.t.Context(), "")
	if err != nil {
		d.t.Fatal(err)
	}
	laid, kill, err := lists.NewOverlay(entries).Lay(d.p)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, l := range append(append([]*rules.List(nil), laid.Lists()...), kill...) {
		if l.Name() == list {
			return l.Contains(value, at)
		}
	}
	d.t.Fatal("no list", list)
	return false
}

func TestEntriesAreLaidOverThoseOfThePack(t *testing.T) {
	d := &desk{t, open(t), pack(t)}
	hour := now.Add(time.Hour)
	check := func(value string, at time.Time, want bool) {
		t.Helper()
		if got := d.member("deny", value, at); got != want {
			t.Errorf("%s at %v: %v", value, at, got)
		}
	}
	check("own", now, true)
	d.must(lists.Remove, "deny", "own", time.Time{}, "mask")
	check("own", now, false)
	d.refused(lists.Remove, "deny", "own", time.Time{}, "no member")
	d.must(lists.Add, "deny", "own", hour, "put")
	check("own", hour, true) // the pack says so again, whatever until is
	d.must(lists.Expire, "deny", "own", hour, "mask")
	check("own", now, true)
	check("own", hour, false)
	d.refused(lists.Expire, "deny", "own", hour.Add(1), "ends earlier already")

	d.must(lists.Add, "deny", "new", time.Time{}, "put")
	d.refused(lists.Add, "deny", "new", hour, "for longer already")
	d.must(lists.Expire, "deny", "new", hour, "mask")
	check("new", hour.Add(-1), true)
	check("new", hour, false)
	d.must(lists.Remove, "deny", "new", time.Time{}, "remove")
	check("new", now, false)
	d.refused(lists.Remove, "deny", "new", time.Time{}, "no such value")

	d.refused(lists.Expire, "deny", "ending", now.AddDate(0, 1, 0), "ends earlier already")
	d.must(lists.Expire, "deny", "ending", hour, "mask")
	check("ending", hour, false)
	d.refused(lists.Remove, "deny", "ended", time.Time{}, "no such value")
	d.must(lists.Add, "deny", "ended", hour, "put")
	check("ended", now, true)
	check("ended", hour, false)

	if p := lists.Own(d.p, "deny"); !p.Contains("own", now) || p.Len() != 3 {
		t.Error("the pack's own list was changed")
	}
	if _, err := d.s.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestChangesThatCannotBeAreRefused(t *testing.T) {
	d := &desk{t, open(t), pack(t)}
	for _, c := range []struct{ list, value, words string }{
		{"dney", "v", `did you mean "deny"?`}, {"kill.bn", "411111", `did you mean "kill.bin"?`}, {"4111111111111111", "v", "looks like a card number"},
		{"deny", "", "missing"}, {"deny", "4111 1111-11111111", "looks like a card number"}, {"deny", "x4111111111111111y", "looks like a card number"},
		{"deny", strings.Repeat("v", 257), "256 bytes"}, {"deny", " v", "no blank"}, {"deny", "a\nb", "one line"}, {"deny", "\x1b[2J", "one line"}, {"deny", "\xff", "one line"},
		{engine.KillBIN, "41111", "6 to 8 digits"}, {engine.KillBIN, "411111111", "6 to 8 digits"}, {engine.KillBIN, "41111x", "6 to 8 digits"},
	} {
		d.refused(lists.Add, c.list, c.value, time.Time{}, c.words)
		if _, err := d.apply(lists.Add, c.list, c.value, time.Time{}); strings.Contains(fmt.Sprint(err), "4111111111111111") {
			t.Error("a card number stands in the error:", err)
		}
	}
	d.refused(lists.Add, "deny", "v", now, "past")
	d.refused(lists.Add, "deny", "v", now.AddDate(11, 0, 0), "3650 days")
	d.refused(lists.Expire, "deny", "own", time.Time{}, "until is missing")
	d.refused(lists.Remove, "deny", "own", now.Add(time.Hour), "has no end")
	d.refused("drop", "deny", "own", time.Time{}, "add, expire or remove")
	for what, c := range map[string]lists.Change{
		"nobody": {Why: "w"}, "no reason": {Who: "a"}, "blank": {Who: " ", Why: "w"}, "long": {Who: "a", Why: strings.Repeat("w", 1025)}, "a card": {Who: "a", Why: "on 4111-1111-1111-1111"},
	} {
		c.Action, c.List, c.Value, c.Now = lists.Add, "deny", "v", now
		if _, err := lists.Apply(t.Context(), d.s, d.p, c); !errors.Is(err, lists.ErrChange) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAnOverlayMakesOnlyTheListsAnewThatChanged(t *testing.T) {
	p := pack(t)
	o := lists.NewOverlay([]store.ListEntry{{List: "deny", Value: "a", Seq: 1}, {List: engine.KillBIN, Value: "411111", Seq: 2}, {List: "gone", Value: "x", Seq: 3}})
	first, kill, err := o.Lay(p)
	if err != nil {
		t.Fatal(err)
	}
	again, kill2, err := o.Lay(p)
	if err != nil || again.Lists()[0] != first.Lists()[0] || kill2[0] != kill[0] {
		t.Error("lists were made again:", err)
	}
	o.Set([]store.ListEntry{{List: "deny", Value: "b", Seq: 4}, {List: engine.KillBIN, Value: "411111", Seq: 2}})
	next, kill3, err := o.Lay(p)
	if err != nil || next.Lists()[0] == first.Lists()[0] || kill3[0] != kill[0] || !next.Lists()[0].Contains("b", now) || next.Lists()[0].Contains("a", now) {
		t.Error("after a change:", err)
	}
	o.Set(nil)
	if last, _, err := o.Lay(p); err != nil || last.Lists()[0] != p.Lists()[0] {
		t.Error("without entries the pack's own list decides:", err)
	}
}

func TestFindTakesTheNewestStateThatFits(t *testing.T) {
	d := &desk{t, open(t), pack(t)}
	own := lists.Own(d.p, "deny")
	var digests []string
	note := func() {
		entries, err := d.s.ListEntries(t.Context(), "deny")
		if err != nil {
			t.Fatal(err)
		}
		l, err := lists.Lay("deny", own, entries)
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, l.Digest())
	}
	note()
	for _, step := range []string{"remove own", "add a", "add b", "remove a", "add own", "remove b"} {
		action, value, _ := strings.Cut(step, " ")
		if _, err := d.apply(action, "deny", value, time.Time{}); err != nil {
			t.Fatal(step, err)
		}
		note()
	}
	changes, more, err := lists.History(t.Context(), d.s, "deny", 100)
	if err != nil || more || len(changes) != 6 {
		t.Fatal(len(changes), more, err)
	}
	for i, digest := range digests {
		if l, err := lists.Find("deny", own, changes, digest); err != nil || l == nil || l.Digest() != digest {
			t.Errorf("after %d changes: %v %v", i, l, err)
		}
	}
	if l, err := lists.Find("deny", own, changes[:2], digests[3]); err != nil || l != nil {
		t.Error("found in the future:", l, err)
	}
	if last, more, err := lists.History(t.Context(), d.s, "deny", 2); err != nil || !more || len(last) != 2 || last[1].Seq != 6 {
		t.Error(last, more, err)
	}
}
