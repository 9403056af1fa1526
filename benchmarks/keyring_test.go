package benchmarks

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine/enginetest"
)

// ringKeys are 16 keys, as many as a counterpart's set has at most in practice.
func ringKeys() (keys []keyring.Key, ids []string) {
	for i := range 16 {
		id := fmt.Sprintf("13ceeeeb1a0655788ce2084fffcad02f51fc31%02d", i)
		ids = append(ids, id)
		keys = append(keys, keyring.Key{ID: id, Use: keyring.UseVerify, Secret: secret.NewBytes(make([]byte, 32))})
	}
	return keys, ids
}

// lockedMap is what a ring would be without an atomic snapshot.
type lockedMap struct {
	mu   sync.RWMutex
	keys map[string]*keyring.Key
}

func (l *lockedMap) Lookup(id string) (*keyring.Key, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	k, ok := l.keys[id]
	return k, ok
}

type plainMap map[string]*keyring.Key

func (m plainMap) Lookup(id string) (*keyring.Key, bool) { k, ok := m[id]; return k, ok }

// rotating runs swap every 100 µs until the function that it returns is called.
func rotating(swap func()) (end func()) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Microsecond):
				swap()
			}
		}
	})
	return func() { close(stop); wg.Wait() }
}

// parallel looks every id up from several goroutines and returns how long one took of
// all their time together.
func parallel(b *testing.B, l keyring.Lookup, ids []string, goroutines, each int) time.Duration {
	var wg sync.WaitGroup
	start := time.Now()
	for range goroutines {
		wg.Go(func() {
			for i := range each {
				if k, ok := l.Lookup(ids[i&15]); !ok || k == nil {
					b.Error("a key is gone")
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start) / time.Duration(each*goroutines)
}

// BenchmarkRingLookup weighs a look-up in a ring that rotates ten thousand times a
// second against a plain map that nobody changes, and a map behind a lock that rotates.
func BenchmarkRingLookup(b *testing.B) {
	for _, goroutines := range []int{1, 8} {
		b.Run(fmt.Sprintf("goroutines=%d", goroutines), func(b *testing.B) {
			keys, ids := ringKeys()
			rings := make([]*keyring.Ring, 2)
			maps := make([]plainMap, 2)
			for i := range rings {
				ring, err := keyring.NewRing(keys...)
				if err != nil {
					b.Fatal(err)
				}
				rings[i], maps[i] = ring, plainMap{}
				for _, k := range ring.All() {
					maps[i][k.ID] = k
				}
			}
			live, locked := keyring.NewLive(rings[0]), &lockedMap{keys: maps[0]}
			n := 0
			const each = 20_000
			var ring, plain, behindLock []time.Duration
			for range b.N {
				plain = append(plain, parallel(b, maps[0], ids, goroutines, each))
				end := rotating(func() { n++; live.Swap(rings[n&1]) })
				ring = append(ring, parallel(b, live, ids, goroutines, each))
				end()
				end = rotating(func() {
					n++
					locked.mu.Lock()
					locked.keys = maps[n&1]
					locked.mu.Unlock()
				})
				behindLock = append(behindLock, parallel(b, locked, ids, goroutines, each))
				end()
			}
			b.ReportMetric(median(ring), "ns/ring")
			b.ReportMetric(median(ring)/median(plain), "ring/map")
			b.ReportMetric(median(behindLock)/median(plain), "locked/map")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkVerifyUnderRotation weighs opening Pismo's messages with keys that rotate
// ten thousand times a second against the same with a ring that stands still.
func BenchmarkVerifyUnderRotation(b *testing.B) {
	now := enginetest.Now()
	sender, err := enginetest.NewPismoSender(now)
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(`{"x":1}`)
	header := map[string][]string{webhook.PismoHeader: {sender.Sign(body, now, nil)}}
	rings := make([]*keyring.Ring, 2)
	for i := range rings {
		if rings[i], err = keyring.NewRing(sender.Key()); err != nil {
			b.Fatal(err)
		}
	}
	live := keyring.NewLive(rings[0])
	verifier := func(keys keyring.Lookup) *webhook.Verifier {
		v, err := webhook.NewPismo(webhook.PismoOptions{Keys: keys, UnsafeAnyAccount: true})
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
	rotates, still := verifier(live), verifier(rings[0])
	open := func(v *webhook.Verifier) time.Duration {
		const each = 50
		var wg sync.WaitGroup
		start := time.Now()
		for range 4 {
			wg.Go(func() {
				for range each {
					if _, err := v.Open(header, body, now); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		return time.Since(start) / (4 * each)
	}
	var with, without []time.Duration
	n := 0
	for range b.N {
		without = append(without, open(still))
		end := rotating(func() { n++; live.Swap(rings[n&1]) })
		with = append(with, open(rotates))
		end()
	}
	b.ReportMetric(median(with), "ns/message")
	b.ReportMetric(median(with)/median(without), "rotating/still")
	b.ReportMetric(0, "ns/op")
}
