package server

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/store"
)

// TestEventsShareDataKeysUntilTheyAreSpent: and each key is in the store before a text
// that needs it exists.
func TestEventsShareDataKeysUntilTheyAreSpent(t *testing.T) {
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "s.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	file, recipient, err := seal.NewKeyFile(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	to, err := seal.ParseRecipients([]byte(recipient))
	if err != nil {
		t.Fatal(err)
	}
	ids, err := seal.ParseIdentities(file)
	if err != nil {
		t.Fatal(err)
	}
	var hours atomic.Int64
	begin := time.Now()
	s := &eventSealer{to: to, db: db, now: func() time.Time { return begin.Add(time.Duration(hours.Load()) * time.Hour) }}
	keys := func() []store.DataKey {
		t.Helper()
		list, err := db.DataKeys(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	for want := 1; want <= 3; want++ {
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				id := fmt.Sprint("decision ", i)
				text, err := s.seal(id, []byte("event"))
				if err != nil {
					t.Error(err)
					return
				}
				name, _ := seal.DataKeyOf(text)
				list, err := db.DataKeys(t.Context(), name)
				if err != nil || len(list) != 1 {
					t.Errorf("the key of a text is not in the store: %v %v", list, err)
					return
				}
				opener, err := seal.OpenDataKey(ids, list[0].Wrapped)
				if err != nil {
					t.Error(err)
					return
				}
				if plain, err := opener.Open(id, 0, text); string(plain) != "event" || err != nil {
					t.Errorf("%q %v", plain, err)
				}
			})
		}
		wg.Wait()
		if n := len(keys()); n != want {
			t.Errorf("%d keys, want %d", n, want)
		}
		hours.Add(25)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := s.seal("d", []byte("event")); text != "" || err == nil || errors.Is(err, seal.ErrSpent) {
		t.Errorf("without a store: %q %v", text, err)
	}
	s = &eventSealer{to: to, now: time.Now}
	text, err := s.seal("d", []byte("event"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := seal.Open(ids, text); string(plain) != "event" || err != nil {
		t.Errorf("sealed on its own: %q %v", plain, err)
	}
}
