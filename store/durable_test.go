package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/store"
	"github.com/issuant/issuant/store/storetest"
)

var bg = context.Background()

// put answers message i, and fails the test when that does not work.
func put(t testing.TB, s engine.Ledger, i int64, now time.Time) engine.Entry {
	t.Helper()
	e := entry(i, now)
	if first, _, err := s.Begin(bg, *e.Sighting, now); !first || err != nil {
		t.Fatalf("message %d: first %v, %v", i, first, err)
	}
	if err := s.Commit(bg, e); err != nil {
		t.Fatalf("message %d: %v", i, err)
	}
	return e
}

func verify(t testing.TB, s store.Store, lines uint64) engine.Chain {
	t.Helper()
	end, err := s.Verify(bg)
	if err != nil || end.Seq != lines {
		t.Errorf("the chain ends at %d, want %d: %v", end.Seq, lines, err)
	}
	return end
}

func TestAStoreOutlivesItsProcess(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		now := storetest.Now()
		opt := store.Options{Max: 16, CompleteSince: now.AddDate(-1, 0, 0)}
		s := open(t, url, opt)
		var entries []engine.Entry
		for i := range int64(20) {
			entries = append(entries, put(t, s, i, now.Add(time.Duration(i)*time.Second)))
		}
		if _, err := s.PutListEntry(bg, store.ListEntry{List: "deny_bin", Value: "411111", Who: "ops", Why: "attack", At: now}); err != nil {
			t.Fatal(err)
		}
		floor, end := s.Stats().Floor, verify(t, s, 21)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}

		s = open(t, url, store.Options{Max: 16})
		if got := s.Stats(); !got.Floor.Equal(floor) || floor.IsZero() || got.Sightings != 16 || got.Seq != 21 || !got.CompleteSince.Equal(opt.CompleteSince) {
			t.Errorf("%+v, want the floor %v", got, floor)
		}
		if got := verify(t, s, 21); got != end {
			t.Errorf("the chain ends at %+v, want %+v", got, end)
		}
		last, first := entries[19], entries[0]
		if isFirst, got, err := s.Begin(bg, *last.Sighting, last.Until); isFirst || err != nil || string(got.Body) != string(last.Answer.Body) {
			t.Errorf("a retry: %v %q %v", isFirst, got.Body, err)
		}
		if isFirst, _, err := s.Begin(bg, *first.Sighting, now); isFirst || !errors.Is(err, engine.ErrStale) {
			t.Errorf("what the memory let go of: %v %v", isFirst, err)
		}
		put(t, s, 21, now.Add(21*time.Second))
		verify(t, s, 22)
		ev := entryEvent(21)
		if err := s.Fill(bg, ev, now.Add(30*time.Second)); err != nil || ev.Get("vel.attempts_card_1h") != int64(1) || ev.Get("vel.cards_requestor_10m") != int64(21) {
			t.Errorf("%v, %v attempts, %v cards", err, ev.Get("vel.attempts_card_1h"), ev.Get("vel.cards_requestor_10m"))
		}
		if v, err := s.ListVersion(bg); err != nil || v != 21 {
			t.Errorf("version %d of the lists, %v", v, err)
		}
	})
}

func TestAStoreAnswersAfterItsEndWithErrors(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		s := open(t, url, store.Options{})
		e := entry(1, storetest.Now())
		if first, _, err := s.Begin(bg, *e.Sighting, storetest.Now()); !first || err != nil {
			t.Fatal(first, err)
		}
		s.Close()
		s.Close()
		if err := s.Commit(bg, e); !errors.Is(err, engine.ErrRecord) {
			t.Errorf("commit: %v", err)
		}
		if _, _, err := s.Begin(bg, *e.Sighting, storetest.Now()); !errors.Is(err, engine.ErrRecord) {
			t.Errorf("begin: %v", err)
		}
		if err := s.Health(bg); code.Of(err) != code.Store {
			t.Errorf("health: %v", err)
		}
	})
}

func TestRecordsAreFoundAndRead(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		now := storetest.Now()
		s := open(t, url, store.Options{})
		for i := range int64(10) {
			put(t, s, i, now.Add(time.Duration(i)*time.Second))
		}
		if err := s.Commit(bg, engine.Entry{Record: &engine.Record{At: now, Counterpart: "pismo", EventID: "pismo/98665386/3", Refusal: "repeat"}}); err != nil {
			t.Fatal(err)
		}
		var seqs []string
		for l, err := range s.Records(bg, 4) {
			if err != nil {
				t.Fatal(err)
			}
			seqs = append(seqs, fmt.Sprint(l.Seq))
			if l.Seq < 11 && (!l.At.Equal(now.Add(time.Duration(l.Seq-1)*time.Second)) || !strings.HasPrefix(string(l.Text), fmt.Sprintf(`{"format":1,"seq":%d,`, l.Seq))) {
				t.Errorf("line %d at %v: %s", l.Seq, l.At, l.Text)
			}
		}
		if got := strings.Join(seqs, " "); got != "5 6 7 8 9 10 11" {
			t.Errorf("read %s", got)
		}
		for id, want := range map[string]string{"pismo/98665386/3": "11 4", fmt.Sprintf("%064d", 5): "6", "nobody": "", "": ""} {
			found, err := s.Find(bg, id)
			var got []string
			for _, l := range found {
				got = append(got, fmt.Sprint(l.Seq))
			}
			if err != nil || strings.Join(got, " ") != want {
				t.Errorf("find %q: %v %v, want %s", id, got, err, want)
			}
		}
		for range s.Records(bg, 0) {
			break
		}
		for range s.Records(bg, 99) {
			t.Error("a line beyond the end")
		}
	})
}

func TestVerifyFindsWhatWasChanged(t *testing.T) {
	for name, sql := range map[string]string{
		"a changed line":            `UPDATE records SET line = replace(line, '"cost":131', '"cost":132') WHERE seq = 4`,
		"a deleted line":            `DELETE FROM records WHERE seq = 4`,
		"a deleted end":             `DELETE FROM records WHERE seq > 8`,
		"a deleted beginning":       `DELETE FROM records WHERE seq <= 3`,
		"a changed last line":       `UPDATE records SET line = replace(line, '"cost":131', '"cost":132') WHERE seq = 10`,
		"no line":                   `DELETE FROM records`,
		"a beginning that is moved": `UPDATE head SET anchor_seq = 3`,
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, url string) {
				s := open(t, url, store.Options{})
				for i := range int64(10) {
					put(t, s, i, storetest.Now())
				}
				verify(t, s, 10)
				if err := store.Run(s, sql); err != nil {
					t.Fatal(err)
				}
				if end, err := s.Verify(bg); !errors.Is(err, store.ErrDamaged) {
					t.Errorf("%+v %v", end, err)
				}
			})
		})
	}
}

func TestListsAndApprovalsAreLinesOfTheChain(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		now := storetest.Now()
		s := open(t, url, store.Options{})
		good := store.ListEntry{List: "deny_bin", Value: "411111", Who: "ana", Why: "attack on this BIN", At: now, Until: now.Add(time.Hour)}
		seq, err := s.PutListEntry(bg, good)
		if err != nil || seq != 1 {
			t.Fatal(seq, err)
		}
		again := good
		again.Why, again.Until = "for good", time.Time{}
		if _, err := s.PutListEntry(bg, again); err != nil {
			t.Fatal(err)
		}
		other := good
		other.List, other.Value = "deny_device", "k1:device"
		if _, err := s.PutListEntry(bg, other); err != nil {
			t.Fatal(err)
		}
		all, err := s.ListEntries(bg, "")
		if err != nil || len(all) != 2 || all[0].Why != "for good" || !all[0].Until.IsZero() || all[0].Seq != 2 || !all[1].Until.Equal(good.Until) {
			t.Errorf("%+v %v", all, err)
		}
		if _, err := s.RemoveListEntry(bg, store.ListRemoval{List: "deny_bin", Value: "411111", Who: "bob", Why: "over", At: now}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.RemoveListEntry(bg, store.ListRemoval{List: "deny_bin", Value: "411111", Who: "bob", Why: "over", At: now}); !errors.Is(err, store.ErrConfig) {
			t.Errorf("removed twice: %v", err)
		}
		if bins, err := s.ListEntries(bg, "deny_bin"); err != nil || len(bins) != 0 {
			t.Errorf("%v %v", bins, err)
		}
		for _, who := range []string{"ana", "bob"} {
			if _, err := s.PutApproval(bg, store.Approval{Pack: "p1", Lists: "l1", Approver: who, At: now}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.PutApproval(bg, store.Approval{Pack: "p1", Lists: "l1", Approver: "bob", At: now}); !errors.Is(err, store.ErrConfig) {
			t.Errorf("approved twice: %v", err)
		}
		if a, err := s.Approvals(bg, "p1"); err != nil || len(a) != 2 || a[0].Approver != "ana" || a[1].Seq != 6 {
			t.Errorf("%+v %v", a, err)
		}
		if a, err := s.Approvals(bg, ""); err != nil || len(a) != 2 {
			t.Errorf("of all packs: %+v %v", a, err)
		}
		if v, err := s.ListVersion(bg); err != nil || v != 4 {
			t.Errorf("version %d, %v", v, err)
		}
		verify(t, s, 6)
		lines := map[uint64]string{}
		for l, err := range s.Records(bg, 0) {
			if err != nil {
				t.Fatal(err)
			}
			lines[l.Seq] = string(l.Text[strings.Index(string(l.Text), `"kind"`):])
		}
		for seq, want := range map[uint64]string{
			1: `"kind":"list","at":"2026-11-23T10:00:00Z","list":"deny_bin","action":"put","value":"411111","who":"ana","why":"attack on this BIN","until":"2026-11-23T11:00:00Z"}`,
			4: `"kind":"list","at":"2026-11-23T10:00:00Z","list":"deny_bin","action":"remove","value":"411111","who":"bob","why":"over","until":null}`,
			5: `"kind":"approval","at":"2026-11-23T10:00:00Z","pack_id":"p1","lists_digest":"l1","approver":"ana","signed":null}`,
		} {
			if lines[seq] != want {
				t.Errorf("line %d:\n%s\nwant\n%s", seq, lines[seq], want)
			}
		}
	})
}

func TestChangesOfAListOutliveItsEntriesAndItsRecords(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		now := storetest.Now()
		s := open(t, url, store.Options{})
		for i, value := range []string{"a", "b", "a"} {
			e := store.ListEntry{List: "kill.bin", Value: value, Who: "ana", Why: "attack", At: now, Mask: i == 2}
			if i == 1 {
				e.Until = now.Add(time.Hour)
			}
			if _, err := s.PutListEntry(bg, e); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.RemoveListEntry(bg, store.ListRemoval{List: "kill.bin", Value: "b", Who: "bob", Why: "over", At: now}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.PutListEntry(bg, store.ListEntry{List: "other", Value: "x", Who: "ana", Why: "w", At: now}); err != nil {
			t.Fatal(err)
		}
		entries, err := s.ListEntries(bg, "kill.bin")
		if err != nil || len(entries) != 1 || !entries[0].Mask || entries[0].Value != "a" {
			t.Errorf("%+v %v", entries, err)
		}
		var got []string
		for c, err := range s.ListChanges(bg, "kill.bin") {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(c.Seq, " ", c.Action, " ", c.Value, " ", c.Who, " ", c.Mask, " ", !c.Until.IsZero()))
		}
		if want := "1 put a ana false false|2 put b ana false true|3 mask a ana true false|4 remove b bob false false"; strings.Join(got, "|") != want {
			t.Errorf("%q", got)
		}
		n := 0
		for _, err := range s.ListChanges(bg, "") {
			if n++; err != nil {
				t.Fatal(err)
			}
		}
		if n != 5 {
			t.Errorf("%d changes", n)
		}
		verify(t, s, 5)
	})
}

func TestListsRefuseWhatTheyMustNotHold(t *testing.T) {
	s := open(t, places()[0].url(t), store.Options{})
	good := store.ListEntry{List: "deny", Value: "v", Who: "w", Why: "y", At: storetest.Now()}
	for name, change := range map[string]func(*store.ListEntry){
		"no name": func(e *store.ListEntry) { e.List = "" }, "a name with a blank": func(e *store.ListEntry) { e.List = "a b" },
		"a long name": func(e *store.ListEntry) { e.List = strings.Repeat("a", 65) }, "no value": func(e *store.ListEntry) { e.Value = "" },
		"a card number": func(e *store.ListEntry) { e.Value = "4111 1111 1111 1111" }, "a line break": func(e *store.ListEntry) { e.Value = "a\nb" },
		"a card number in a reason": func(e *store.ListEntry) { e.Why = "see 4111111111111111 from yesterday" },
		"a card number as who":      func(e *store.ListEntry) { e.Who = "4111111111111111" },
		"nobody":                    func(e *store.ListEntry) { e.Who = "" }, "no reason": func(e *store.ListEntry) { e.Why = "" }, "no instant": func(e *store.ListEntry) { e.At = time.Time{} },
		"an end before its beginning": func(e *store.ListEntry) { e.Until = e.At },
		"bad text":                    func(e *store.ListEntry) { e.Why = "\xff" }, "a terminal's command": func(e *store.ListEntry) { e.Why = "\x1b[2J" },
	} {
		e := good
		change(&e)
		if _, err := s.PutListEntry(bg, e); !errors.Is(err, store.ErrConfig) || strings.Contains(fmt.Sprint(err), "4111") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, a := range map[string]store.Approval{
		"no pack": {Lists: "l", Approver: "a", At: storetest.Now()}, "nobody": {Pack: "p", Lists: "l", At: storetest.Now()}, "no instant": {Pack: "p", Lists: "l", Approver: "a"},
		"no lists": {Pack: "p", Approver: "a", At: storetest.Now()}, "much that was signed": {Pack: "p", Lists: "l", Approver: "a", Signed: strings.Repeat("x", 4097), At: storetest.Now()},
	} {
		if _, err := s.PutApproval(bg, a); !errors.Is(err, store.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if head, err := s.Head(bg); err != nil || head.Seq != 0 {
		t.Errorf("%+v %v", head, err)
	}
}

func TestRetentionKeepsTheRestVerifiable(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		now := storetest.Now()
		s := open(t, url, store.Options{Retain: 24 * time.Hour, RetainObservations: 24 * time.Hour, CompleteSince: now.AddDate(-1, 0, 0)})
		for i := range int64(5) {
			put(t, s, i, now.Add(-30*time.Hour))
		}
		for i := range int64(5) {
			put(t, s, 10+i, now)
		}
		end := verify(t, s, 10)
		store.Maintain(s)
		anchor, err := s.Anchor(bg)
		if err != nil || anchor.Seq != 5 || store.Count(s, "records") != 5 || store.Count(s, "observations") != 5 {
			t.Errorf("anchor %+v %v, %d records, %d observations", anchor, err, store.Count(s, "records"), store.Count(s, "observations"))
		}
		if got := verify(t, s, 10); got != end {
			t.Errorf("the chain ends at %+v, want %+v", got, end)
		}
		var text strings.Builder
		for l, err := range s.Records(bg, anchor.Seq) {
			if err != nil {
				t.Fatal(err)
			}
			text.Write(append(l.Text, '\n'))
		}
		if got, err := engine.VerifyChainFrom(strings.NewReader(text.String()), anchor); err != nil || got != end {
			t.Errorf("outside of the store: %+v %v", got, err)
		}
		ev := entryEvent(99)
		if err := s.Fill(bg, ev, now.Add(time.Second)); err != nil || ev.Has("vel.devices_card_30d") || ev.Get("vel.cards_requestor_10m") != int64(5) {
			t.Errorf("%v: %v, %v", err, ev.Get("vel.devices_card_30d"), ev.Get("vel.cards_requestor_10m"))
		}
		if got := s.Stats(); got.Deleted != 5 || got.MaintenanceError != "" {
			t.Errorf("%+v", got)
		}
		s.Close()
		s = open(t, url, store.Options{})
		verify(t, s, 10)
		ev = entryEvent(99)
		if err := s.Fill(bg, ev, now.Add(time.Second)); err != nil || ev.Has("vel.devices_card_30d") {
			t.Errorf("after a restart: %v, %v", err, ev.Get("vel.devices_card_30d"))
		}
	})
}

func TestRetentionWaitsWhileTheClockIsWrong(t *testing.T) {
	s := open(t, places()[0].url(t), store.Options{Retain: 24 * time.Hour})
	store.JumpClock(s, 2*time.Hour)
	put(t, s, 1, storetest.Now().Add(-30*time.Hour))
	put(t, s, 2, storetest.Now())
	store.Maintain(s)
	if got := s.Stats(); store.Count(s, "records") != 2 {
		t.Errorf("%d records, %+v", store.Count(s, "records"), got)
	}
}

func TestAnswersAreBlankedWhenNobodyMayGetThem(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		now := storetest.Now()
		s := open(t, url, store.Options{})
		e := put(t, s, 1, now)
		put(t, s, 2, now.Add(91*time.Second))
		store.Maintain(s)
		if n := store.Count(s, "sightings WHERE status = 0 AND length(body) = 0"); n != 1 {
			t.Errorf("%d answers are blank, want 1", n)
		}
		if first, got, err := s.Begin(bg, *e.Sighting, now); first || !errors.Is(err, engine.ErrReplayed) || got.Status != 0 {
			t.Errorf("%v %+v %v", first, got, err)
		}
		put(t, s, 3, now.Add(time.Hour))
		store.Maintain(s)
		if got := s.Stats(); store.Count(s, "sightings") != 1 || got.Sightings != 1 || got.Floor.IsZero() {
			t.Errorf("%d messages, %+v", store.Count(s, "sightings"), got)
		}
	})
}

func TestAnEntryThatTheDatabaseRefusesGoesAlone(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		s := open(t, url, store.Options{CommitTimeout: time.Minute})
		// Two approvals by one person that passed the check at the same time meet in
		// one transaction; the entries beside them come in all the same.
		release := store.Hold(s)
		results := make(chan error, 6)
		for i := range 2 {
			go func() {
				_, err := s.PutApproval(bg, store.Approval{Pack: "p", Lists: "l", Approver: "ana", At: storetest.Now().Add(time.Duration(i))})
				results <- err
			}()
		}
		for i := range 4 {
			go func() { results <- s.Commit(bg, entry(int64(i), storetest.Now())) }()
		}
		for s.Stats().Waiting < 6 {
			time.Sleep(time.Millisecond)
		}
		release()
		failed := 0
		for range 6 {
			if err := <-results; err != nil {
				failed++
				if !errors.Is(err, engine.ErrRecord) {
					t.Error(err)
				}
			}
		}
		if failed != 1 {
			t.Errorf("%d failed, want 1", failed)
		}
		verify(t, s, 5)
	})
}

func TestEntriesThatNoStoreCanHoldAreRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		s := open(t, url, store.Options{})
		for name, change := range map[string]func(*engine.Entry){
			"no record":           func(e *engine.Entry) { e.Record = nil },
			"a route of no text":  func(e *engine.Entry) { e.Sighting.Route = "\xff" },
			"a digest with zeros": func(e *engine.Entry) { e.Sighting.Digest = "\x00" },
			"a long line":         func(e *engine.Entry) { e.Record.Counterpart = strings.Repeat("x", engine.MaxRecordLine) },
		} {
			e := entry(1, storetest.Now())
			change(&e)
			if first, _, err := s.Begin(bg, *e.Sighting, storetest.Now()); !first || err != nil {
				t.Fatal(name, first, err)
			}
			if err := s.Commit(bg, e); !errors.Is(err, engine.ErrRecord) {
				t.Errorf("%s: %v", name, err)
			}
		}
		put(t, s, 1, storetest.Now())
		verify(t, s, 1)
	})
}
