package keyring_test

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/testkey"
)

func Example() {
	old, _ := keyring.NewRing(keyring.Key{ID: "k1", Use: keyring.UseVerify, Secret: secret.NewBytes(bytes.Repeat([]byte{1}, 32))})
	live := keyring.NewLive(old)
	_, ok := live.Lookup("k2")
	fmt.Println(ok)
	next, _ := keyring.NewRing(keyring.Key{ID: "k2", Use: keyring.UseVerify, Secret: secret.NewBytes(bytes.Repeat([]byte{2}, 32))})
	live.Swap(next)
	k, ok := live.Lookup("k2")
	fmt.Println(k.ID, k.Use, k.Secret, ok)
	// Output:
	// false
	// k2 verify [key] true
}

func good(id string) keyring.Key {
	return keyring.Key{ID: id, Use: keyring.UseVerify, Secret: secret.NewBytes(bytes.Repeat([]byte{1}, 32))}
}

func TestNewRingRefusesDoubtfulIDs(t *testing.T) {
	if _, err := keyring.NewRing(good("a"), good("b"), good("a")); !errors.Is(err, keyring.ErrDuplicateID) || code.Of(err) != code.DuplicateKey || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("twice: %v", err)
	}
	for _, id := range []string{"", strings.Repeat("a", 257)} {
		if _, err := keyring.NewRing(good(id)); !errors.Is(err, keyring.ErrNoKey) || code.Of(err) != code.NoKey {
			t.Errorf("id of %d bytes: %v", len(id), err)
		}
	}
	if r, err := keyring.NewRing(good("a"), good("A"), good(strings.Repeat("a", 256))); err != nil || r.Len() != 3 {
		t.Errorf("ids that differ in case: %v", err)
	}
}

func TestLookupIsExact(t *testing.T) {
	r, err := keyring.NewRing(good("Key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"key", "KEY", "Key ", "Ke", "", "Key\x00", "\u212Aey"} {
		if _, ok := r.Lookup(id); ok {
			t.Errorf("%q is found", id)
		}
	}
	if k, ok := r.Lookup("Key"); !ok || k.ID != "Key" {
		t.Error("the key is not found")
	}
}

func TestEmptyRingsHoldNothing(t *testing.T) {
	var none *keyring.Ring
	for name, l := range map[string]keyring.Lookup{"nil": none, "zero": &keyring.Ring{}, "live": &keyring.Live{}, "live of nil": keyring.NewLive(nil)} {
		if _, ok := l.Lookup("a"); ok {
			t.Errorf("%s: holds a key", name)
		}
	}
	if none.Len() != 0 || none.Keys() != nil || none.All() != nil || none.Valid(time.Now()) != 0 {
		t.Error("the nil ring is not empty")
	}
	var live keyring.Live
	if live.Ring() == nil || live.Swap(nil) == nil || live.Ring() == nil {
		t.Error("a live ring is nil")
	}
}

func TestWeakKeysAreRefusedNotLost(t *testing.T) {
	a := testkey.RSA(t, "rsa2048-a").N
	bits := func(n uint) *big.Int {
		b := new(big.Int).Lsh(big.NewInt(1), n-1)
		return b.Add(b, big.NewInt(1))
	}
	for name, c := range map[string]struct {
		n    *big.Int
		e    int
		weak bool
	}{
		"2048": {a, 65537, false}, "2048 least": {bits(2048), 65537, false}, "8192": {bits(8192), 65537, false}, "greatest e": {a, 1<<31 - 1, false},
		"2047": {bits(2047), 65537, true}, "8193": {bits(8193), 65537, true}, "1024": {bits(1024), 65537, true}, "even modulus": {new(big.Int).Add(bits(2048), big.NewInt(1)), 65537, true},
		"e 1": {a, 1, true}, "e 3": {a, 3, true}, "e 2^16": {a, 65536, true}, "e 65535": {a, 65535, true}, "e even": {a, 65538, true}, "e negative": {a, -65537, true},
		"no modulus": {nil, 65537, true}, "zero": {new(big.Int), 65537, true}, "negative": {new(big.Int).Neg(a), 65537, true},
	} {
		pub := &rsa.PublicKey{N: c.n, E: c.e}
		err := keyring.CheckRSA(pub)
		if (err != nil) != c.weak || err != nil && (!errors.Is(err, keyring.ErrWeakKey) || code.Of(err) != code.WeakKey) {
			t.Errorf("%s: %v", name, err)
		}
		r, err := keyring.NewRing(keyring.Key{ID: "k", Use: keyring.UseVerify, Public: pub}, good("other"))
		if err != nil {
			t.Fatal(err)
		}
		k, ok := r.Lookup("k")
		if !ok || (k.Refused != "") != c.weak {
			t.Errorf("%s: Refused = %q", name, k.Refused)
		}
		if o, _ := r.Lookup("other"); o.Refused != "" {
			t.Errorf("%s spoils the other key", name)
		}
	}
	if err := keyring.CheckRSA(nil); !errors.Is(err, keyring.ErrWeakKey) {
		t.Errorf("nil: %v", err)
	}
}

func TestKeysWithoutUseOrMaterialAreRefused(t *testing.T) {
	short := good("k")
	short.Secret = secret.NewBytes(make([]byte, 15))
	noUse, strange := good("k"), good("k")
	noUse.Use, strange.Use = 0, 9
	for name, k := range map[string]keyring.Key{"short secret": short, "no use": noUse, "strange use": strange, "nothing": {ID: "k", Use: keyring.UseVerify}} {
		r, err := keyring.NewRing(k)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := r.Lookup("k"); got.Refused == "" || r.Valid(time.Now()) != 0 {
			t.Errorf("%s: not refused", name)
		}
	}
}

func TestPasswordsOfTheirSchemeMayBeShorter(t *testing.T) {
	for scheme, least := range map[string]int{"": 16, "github": 16, keyring.PasswordScheme: 8} {
		for _, n := range []int{least - 1, least} {
			r, err := keyring.NewRing(keyring.Key{ID: "k", Use: keyring.UseVerify, Scheme: scheme, Secret: secret.NewBytes(make([]byte, n))})
			if err != nil {
				t.Fatal(err)
			}
			if k, _ := r.Lookup("k"); (k.Refused == "") != (n >= least) {
				t.Errorf("scheme %q, %d bytes: %q", scheme, n, k.Refused)
			}
		}
	}
}

func TestUsable(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	base := good("k")
	if why := base.Usable(keyring.UseVerify, "RS256", "pismo", now); why != "" {
		t.Errorf("a key without bounds: %s", why)
	}
	for name, change := range map[string]func(*keyring.Key){
		"refused": func(k *keyring.Key) { k.Refused = "weak" }, "use": func(k *keyring.Key) { k.Use = keyring.UseSign }, "alg": func(k *keyring.Key) { k.Alg = "RS384" }, "scheme": func(k *keyring.Key) { k.Scheme = "x" },
		"future": func(k *keyring.Key) { k.NotBefore = now.Add(1) }, "past": func(k *keyring.Key) { k.NotAfter = now.Add(-1) },
	} {
		k := base
		change(&k)
		if why := k.Usable(keyring.UseVerify, "RS256", "pismo", now); why == "" {
			t.Errorf("%s: usable", name)
		}
	}
	exact := base
	exact.Alg, exact.Scheme, exact.NotBefore, exact.NotAfter = "RS256", "pismo", now, now
	if why := exact.Usable(keyring.UseVerify, "RS256", "pismo", now); why != "" {
		t.Errorf("both dates are now: %s", why)
	}
	if keyring.Use(0).String() != "none" || keyring.UseDecrypt.String() != "decrypt" || keyring.Use(9).String() != "use_9" {
		t.Error("names of uses")
	}
}

func TestRingIsImmutable(t *testing.T) {
	keys := []keyring.Key{good("b"), good("a")}
	r, err := keyring.NewRing(keys...)
	if err != nil {
		t.Fatal(err)
	}
	keys[0].ID, keys[0].Refused = "x", "x"
	list := r.Keys()
	if len(list) != 2 || list[0].ID != "a" || list[1].ID != "b" {
		t.Fatalf("Keys() = %v", list)
	}
	list[0].Refused = "x"
	if all := r.All(); len(all) != 2 || all[0].ID != "a" || all[1].ID != "b" || all[0].Refused != "" || cap(all) != 2 {
		t.Errorf("All() = %v", all)
	}
	if a, b := r.All(), r.All(); &a[0] != &b[0] {
		t.Error("All makes a new slice each time")
	}
	if k, _ := r.Lookup("a"); k.Refused != "" {
		t.Error("Keys shares its keys")
	}
	if k, ok := r.Lookup("b"); !ok || k.Refused != "" {
		t.Error("NewRing shares its keys")
	}
}

func TestKeysDoNotPrintSecrets(t *testing.T) {
	k := good("k")
	k.Secret = secret.NewBytes([]byte("planted-secret-planted-secret-pl"))
	r, err := keyring.NewRing(k)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{k, &k, []keyring.Key{k}, r, keyring.NewLive(r), r.Keys()} {
		for _, f := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			if out := fmt.Sprintf(f, v); strings.Contains(out, "planted") || strings.Contains(out, "706c616e746564") {
				t.Errorf("%T %s: %s", v, f, out)
			}
		}
	}
}

func TestSwapUnderLoad(t *testing.T) {
	rings := make([]*keyring.Ring, 4)
	for i := range rings {
		var err error
		if rings[i], err = keyring.NewRing(good("always"), good(fmt.Sprint("k", i))); err != nil {
			t.Fatal(err)
		}
	}
	live := keyring.NewLive(rings[0])
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if k, ok := live.Lookup("always"); !ok || k.ID != "always" {
					t.Error("a key is gone during a swap")
					return
				}
				if r := live.Ring(); r.Len() != 2 {
					t.Error("a ring is torn")
					return
				}
			}
		})
	}
	for i := range 20_000 {
		if live.Swap(rings[i%len(rings)]) == nil {
			t.Fatal("the ring before is nil")
		}
	}
	close(stop)
	wg.Wait()
}

func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "github.com/issuant/issuant/crypto/keyring").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"net/http", "net", "crypto/x509", "encoding/json", "log/slog"} {
		if slices.Contains(strings.Fields(string(out)), bad) {
			t.Errorf("crypto/keyring imports %s", bad)
		}
	}
}
