package store_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/rules/starter"
	"github.com/issuant/issuant/store"
)

// TestAGrantIsSpentOnceAcrossProcesses: what one process spent, no other can, and none
// that comes after both have gone. A SQLite file belongs to one process at a time.
func TestAGrantIsSpentOnceAcrossProcesses(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		g, atOnce := grantOf(t), 1
		if strings.HasPrefix(url, "postgres") {
			atOnce = 2
		}
		if first, second := spendIn(t, url, g, atOnce), spendIn(t, url, g, 1); first != 1 || second != 0 {
			t.Errorf("%d and %d uses, want 1 and 0", first, second)
		}
	})
}

func grantOf(t *testing.T) *provision.Grant {
	t.Helper()
	pack, err := starter.ProvisionPack()
	if err != nil {
		t.Fatal(err)
	}
	eng, err := engine.New(pack, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	granter, err := engine.NewGranter(engine.GranterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	now := enginetest.Now()
	g, err := granter.Grant(eng.Decide(enginetest.CleanProvision(), now), engine.GrantRequest{AccountID: "walletaccount0000000001", DeviceID: "device000000000000000001"}, now)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// spendIn lets many callers spend g in so many stores, and closes them.
func spendIn(t *testing.T, url string, g *provision.Grant, stores int) int64 {
	t.Helper()
	var won atomic.Int64
	var all sync.WaitGroup
	for range stores {
		s := open(t, url, store.Options{})
		defer s.Close()
		spent, err := engine.SpentIn(engine.SpentOptions{Ledger: s})
		if err != nil {
			t.Fatal(err)
		}
		for range 8 {
			all.Go(func() {
				switch err := spent.Spend(context.Background(), g, enginetest.Now()); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, provision.ErrGrantSpent):
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	return won.Load()
}
