package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/internal/wasmfile"
	"github.com/issuant/issuant/wasm/snapshot"
)

func smallImage(t testing.TB) *snapshot.Image {
	t.Helper()
	image := must[*snapshot.Image](t)(snapshot.NewImage(must[[]byte](t)(smallSnapshot())))
	t.Cleanup(func() { image.Close() })
	return image
}

func TestImageIsSharedWhereTheSystemCan(t *testing.T) {
	image := smallImage(t)
	can := (runtime.GOOS == "linux" || runtime.GOOS == "darwin") && (runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64")
	if image.CopyOnWrite() != can {
		t.Errorf("copy-on-write: %v on %s/%s", image.CopyOnWrite(), runtime.GOOS, runtime.GOARCH)
	}
	m := must[*wasmfile.Module](t)(wasmfile.Parse(image.Module()))
	if can && len(m.Data) != 0 {
		t.Errorf("%d data segments are left", len(m.Data))
	}
}

// TestInstancesOfAnImageAreApart: what one writes, and how far it grows, no other sees.
func TestInstancesOfAnImageAreApart(t *testing.T) {
	image, rt := smallImage(t), newRuntime(t)
	compiled, ctx := compileModule(t, rt, image.Module()), image.Context(context.Background())
	before := start(t, rt, compiled, ctx)
	grown := start(t, rt, compiled, ctx)
	for i := range 20 {
		if call(t, grown, "grow", 1<<20) != 1 {
			t.Fatalf("MiB %d: fresh memory was not zero", i)
		}
	}
	decide(t, grown, 1)
	for _, mod := range []api.Module{before, start(t, rt, compiled, ctx)} {
		if a := decide(t, mod, 1); a.Calls != 1 || a.Pack != "rules" {
			t.Errorf("%+v", a)
		}
	}
	if a := decide(t, grown, 1); a.Calls != 2 {
		t.Errorf("%+v", a)
	}
}

// TestImageIsTheSnapshot: an instance of the image begins with the memory with which
// one of the module begins.
func TestImageIsTheSnapshot(t *testing.T) {
	image, rt := smallImage(t), newRuntime(t)
	cfg := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	memory := func(module []byte, ctx context.Context) []byte {
		mod := must[api.Module](t)(rt.InstantiateModule(ctx, compileModule(t, rt, module), cfg))
		defer mod.Close(ctx)
		view, _ := mod.Memory().Read(0, mod.Memory().Size())
		return bytes.Clone(view)
	}
	plain := memory(must[[]byte](t)(smallSnapshot()), context.Background())
	if shared := memory(image.Module(), image.Context(context.Background())); !bytes.Equal(plain, shared) {
		t.Errorf("%d and %d bytes of memory differ", len(plain), len(shared))
	}
}

func TestImageServesManyAtOnce(t *testing.T) {
	image, rt := smallImage(t), newRuntime(t)
	compiled, ctx := compileModule(t, rt, image.Module()), image.Context(context.Background())
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				mod, err := rt.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(""))
				if err != nil {
					t.Error(err)
					return
				}
				if a := decide(t, mod, 1); a.Calls != 1 {
					t.Errorf("%+v", a)
				}
				mod.Close(ctx)
			}
		})
	}
	group.Wait()
}

func TestClosedImageMakesNoInstance(t *testing.T) {
	image, rt := smallImage(t), newRuntime(t)
	compiled, ctx := compileModule(t, rt, image.Module()), image.Context(context.Background())
	mod := start(t, rt, compiled, ctx)
	if err := errors.Join(image.Close(), image.Close()); err != nil {
		t.Fatal(err)
	}
	if a := decide(t, mod, 1); a.Calls != 1 {
		t.Errorf("an instance that was there: %+v", a)
	}
	if !image.CopyOnWrite() {
		return
	}
	defer func() {
		if recover() == nil {
			t.Error("a closed image made an instance")
		}
	}()
	rt.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(""))
}

func TestNewImageRefuses(t *testing.T) {
	if _, err := snapshot.NewImage(must[[]byte](t)(small())); !errors.Is(err, snapshot.ErrSnapshot) {
		t.Error(err)
	}
	whole := must[[]byte](t)(smallSnapshot())
	change := func(f func(m *wasmfile.Module)) []byte {
		m := must[*wasmfile.Module](t)(wasmfile.Parse(whole))
		f(m)
		return m.Encode()
	}
	for name, module := range map[string][]byte{
		"data beyond the memory": change(func(m *wasmfile.Module) { m.Data[0].Offset.Value = -1 }),
		"passive data":           change(func(m *wasmfile.Module) { m.Data[0].Passive = true }),
		"data at a global":       change(func(m *wasmfile.Module) { m.Data[0].Offset.Op = wasmfile.OpGlobalGet }),
		"huge memory":            change(func(m *wasmfile.Module) { m.Memories[0].Min = 65536 }),
		"no memory": change(func(m *wasmfile.Module) {
			m.Memories, m.Exports = nil, nil
		}),
	} {
		if _, err := snapshot.NewImage(module); !errors.Is(err, snapshot.ErrSnapshot) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i, b := range testutil.Mutations(whole[:4096], 200, 3) {
		if image, err := snapshot.NewImage(append(b, whole[4096:]...)); err == nil {
			image.Close()
		} else if _, ok := err.(interface{ Code() uint32 }); !ok && !errors.Is(err, snapshot.ErrSnapshot) {
			t.Errorf("mutation %d: %v has no code", i, err)
		}
	}
}
