package host

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/digest"
	"github.com/issuant/issuant/internal/wasmfile"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/snapshot"
)

// snapshotted is the misbehaving guest with a pack loaded.
var snapshotted = sync.OnceValues(func() ([]byte, error) {
	module, err := misbehaving()
	if err != nil {
		return nil, err
	}
	return snapshot.Build(context.Background(), module, []byte("pack"))
})

func snapshotOptions(t testing.TB) Options {
	t.Helper()
	module, err := snapshotted()
	if err != nil {
		t.Fatal(err)
	}
	opt := options(t)
	opt.Module, opt.SHA256, opt.Pack = module, digest.Of(module), nil
	return opt
}

// TestASnapshotBringsItsPack: in every isolation and runtime, and beside a ring.
func TestASnapshotBringsItsPack(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"pooled":      func(*Options) {},
		"per call":    func(o *Options) { o.Isolation = PerCall },
		"interpreter": func(o *Options) { o.Runtime = RuntimeInterpreter },
	} {
		opt := snapshotOptions(t)
		opt.Ring = secret.NewBytes([]byte("the key"))
		change(&opt)
		p := pool(t, opt)
		got, err := p.Answer(t.Context(), Request{Body: []byte("x")})
		if err != nil || !strings.HasPrefix(string(got), `{"pack":7,"ring":8,`) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if got := must(t, p, "ring"); name == "pooled" && got != "the key" {
			t.Errorf("%s: ring %q", name, got)
		}
		if a, b := must(t, p, "random"), must(t, p, "random"); a == b {
			t.Errorf("%s: random %q twice", name, a)
		}
	}
}

// TestPerCallOfASnapshotSharesNothing: neither what a call counts nor what it keeps, nor
// the memory that it grows by, and a fault is the fault of one call.
func TestPerCallOfASnapshotSharesNothing(t *testing.T) {
	opt := snapshotOptions(t)
	opt.Isolation, opt.Size = PerCall, 4
	p := pool(t, opt)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 20 {
				if got, err := say(t, p, "calls"); got != "1" || err != nil {
					t.Errorf("an instance had %s calls: %v", got, err)
				}
				switch i % 3 {
				case 0:
					if _, err := say(t, p, "grow"); err != nil {
						t.Error(err)
					}
				case 1:
					var fault *FaultError
					if _, err := say(t, p, "deadlock"); !errors.As(err, &fault) {
						t.Errorf("deadlock: %v", err)
					}
				}
			}
		})
	}
	group.Wait()
	if s := p.Stats(); s.Idle != 0 || s.Running != 0 {
		t.Errorf("%+v", s)
	}
}

// TestSwapToASnapshotAndBack: the image of a generation goes with it, and no call meets
// one that is gone.
func TestSwapToASnapshotAndBack(t *testing.T) {
	plain, shared := options(t), snapshotOptions(t)
	plain.Isolation = PerCall
	p := pool(t, plain)
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for ctx.Err() == nil {
				if got, err := say(t, p, "calls"); got != "1" || err != nil {
					t.Errorf("%s calls: %v", got, err)
					return
				}
			}
		})
	}
	for i := range 3 {
		change := Change{Module: shared.Module, SHA256: shared.SHA256}
		if i%2 == 1 {
			change = Change{Module: plain.Module, SHA256: plain.SHA256, Pack: plain.Pack}
		}
		if err := p.Swap(t.Context(), change); err != nil {
			t.Error(err)
		}
	}
	stop()
	group.Wait()
}

// TestTheServedPackIsNotLost: a snapshot's pack takes the place of the one before, and
// does not silently end with its module.
func TestTheServedPackIsNotLost(t *testing.T) {
	plain, shared := options(t), snapshotOptions(t)
	p := pool(t, plain)
	if err := p.Swap(t.Context(), Change{Module: shared.Module, SHA256: shared.SHA256}); err != nil || p.gen.pack != nil {
		t.Fatalf("a snapshot: %v, pack %q", err, p.gen.pack)
	}
	err := p.Swap(t.Context(), Change{Module: plain.Module, SHA256: plain.SHA256})
	if !errors.Is(err, ErrOptions) || p.Stats().Generation != 2 {
		t.Errorf("a module without a pack: %v, %+v", err, p.Stats())
	}
	if err := p.Swap(t.Context(), Change{Pack: []byte("another")}); err != nil || string(p.gen.pack) != "another" {
		t.Errorf("a pack beside a snapshot: %v, pack %q", err, p.gen.pack)
	}
	must(t, p, "calls")
}

func TestOpenRefusesDamagedSnapshots(t *testing.T) {
	module, err := snapshotted()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(m *wasmfile.Module){
		"manifest": func(m *wasmfile.Module) { m.AddCustom(abi.SnapshotSection, []byte("{}")) },
		"data":     func(m *wasmfile.Module) { m.Data[0].Offset.Value = -1 },
	} {
		m, err := wasmfile.Parse(module)
		if err != nil {
			t.Fatal(err)
		}
		change(m)
		opt := snapshotOptions(t)
		opt.Module = m.Encode()
		opt.SHA256 = digest.Of(opt.Module)
		if _, err := Open(t.Context(), opt); !errors.Is(err, ErrModule) || !errors.Is(err, snapshot.ErrSnapshot) || code.Of(err) == code.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnImageHoldsNoKeys: what an instance is given stays in that instance.
func TestAnImageHoldsNoKeys(t *testing.T) {
	const key = "a key that nobody may find"
	opt := snapshotOptions(t)
	opt.Ring = secret.NewBytes([]byte(key))
	p := pool(t, opt)
	if got := must(t, p, "ring"); got != key {
		t.Fatalf("ring %q", got)
	}
	p.mu.Lock()
	gen := p.gen
	p.mu.Unlock()
	if gen.image == nil || runtime.GOOS == "linux" && !gen.image.CopyOnWrite() {
		t.Fatal("the snapshot's memory is not shared")
	}
	fresh, err := gen.instantiate(t.Context(), &stderr{})
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close(t.Context())
	if all, _ := fresh.Memory().Read(0, fresh.Memory().Size()); bytes.Contains(all, []byte(key)) {
		t.Error("a fresh instance has the key of another one")
	}
}
