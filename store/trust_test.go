package store_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/issuant/issuant/store"
	"github.com/issuant/issuant/store/storetest"
)

func TestDataKeysAndMarksAreLinesOfTheChain(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		now := storetest.Now()
		s := open(t, url, store.Options{})
		if seq, err := s.PutDataKey(bg, store.DataKey{ID: "k1", Wrapped: "sealed", At: now}); err != nil || seq != 1 {
			t.Fatal(seq, err)
		}
		if _, err := s.PutDataKey(bg, store.DataKey{ID: "k1", Wrapped: "another", At: now}); err == nil {
			t.Error("a data key was replaced")
		}
		if _, err := s.PutDataKey(bg, store.DataKey{ID: "k2", Wrapped: strings.Repeat("x", store.MaxWrapped), At: now}); err != nil {
			t.Error(err)
		}
		if k, err := s.DataKeys(bg, "k1"); err != nil || len(k) != 1 || k[0].Wrapped != "sealed" || !k[0].At.Equal(now) || k[0].Seq != 1 {
			t.Errorf("%+v %v", k, err)
		}
		if k, err := s.DataKeys(bg, ""); err != nil || len(k) != 2 || k[1].ID != "k2" {
			t.Errorf("%d %v", len(k), err)
		}
		if k, err := s.DataKeys(bg, "k3"); err != nil || len(k) != 0 {
			t.Errorf("%+v %v", k, err)
		}
		mark := store.Mark{Place: "pack", Name: "a/b", Revision: 7, SHA256: "00ff", At: now}
		seq, err := s.PutMark(bg, mark)
		if err != nil {
			t.Fatal(err)
		}
		for bad, change := range map[string]func(*store.Mark){
			"place": func(m *store.Mark) { m.Place = "" }, "name": func(m *store.Mark) { m.Name = "" }, "digest": func(m *store.Mark) { m.SHA256 = "" },
			"revision": func(m *store.Mark) { m.Revision = 0 }, "huge": func(m *store.Mark) { m.Revision = 1 << 60 }, "instant": func(m *store.Mark) { m.At = time.Time{} },
		} {
			m := mark
			change(&m)
			if _, err := s.PutMark(bg, m); !errors.Is(err, store.ErrConfig) {
				t.Errorf("%s: %v", bad, err)
			}
		}
		for _, k := range []store.DataKey{{Wrapped: "x", At: now}, {ID: "x", At: now}, {ID: "x", Wrapped: "y"}, {ID: "x", Wrapped: strings.Repeat("x", store.MaxWrapped+1), At: now}} {
			if _, err := s.PutDataKey(bg, k); !errors.Is(err, store.ErrConfig) {
				t.Errorf("%.20v: %v", k, err)
			}
		}
		verify(t, s, seq)
		for l, err := range s.Records(bg, seq-1) {
			const want = `"kind":"mark","at":"2026-11-23T10:00:00Z","place":"pack","name":"a/b","revision":7,"sha256":"00ff"}`
			if err != nil || !strings.HasSuffix(string(l.Text), want) {
				t.Errorf("%s %v", l.Text, err)
			}
		}
	})
}

// TestAMarkIsNeverLowered: whoever comes late, and however many come at once.
func TestAMarkIsNeverLowered(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		s := open(t, url, store.Options{})
		put := func(name string, revision uint64) {
			if _, err := s.PutMark(bg, store.Mark{Place: "pack", Name: name, Revision: revision, SHA256: "00", At: storetest.Now()}); err != nil {
				t.Error(err)
			}
		}
		var wg sync.WaitGroup
		for i := range uint64(20) {
			wg.Go(func() { put("a", 1+(i*7)%20) })
		}
		wg.Wait()
		put("a", 3)
		put("b", 2)
		marks, err := s.Marks(bg, "pack")
		if err != nil || len(marks) != 2 || marks[0].Name != "b" || marks[1].Revision != 20 {
			t.Errorf("%+v %v", marks, err)
		}
		if marks, err := s.Marks(bg, "ring/x"); err != nil || len(marks) != 0 {
			t.Errorf("another place: %+v %v", marks, err)
		}
	})
}
