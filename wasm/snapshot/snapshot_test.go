package snapshot_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/issuant/issuant/internal/wasmfile"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/snapshot"
)

func Example() {
	module, err := os.ReadFile("issuant-decide.wasm")
	if err != nil {
		return
	}
	pack, err := os.ReadFile("my-pack.bin") // rules.Pack.MarshalBinary
	if err != nil {
		return
	}
	loaded, err := snapshot.Build(context.Background(), module, pack)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := os.WriteFile("my-pack.wasm", loaded, 0o644); err != nil {
		fmt.Println(err)
	}
}

// small is the guest of testdata, built once.
var small = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "issuant-snapshot-test-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "guest.wasm")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-buildmode=c-shared", "-ldflags=-s -w", "-o", name, "./testdata/guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %v\n%s", err, out)
	}
	return os.ReadFile(name)
})

var smallSnapshot = sync.OnceValues(func() ([]byte, error) {
	module, err := small()
	if err != nil {
		return nil, err
	}
	return snapshot.Build(context.Background(), module, []byte("rules"))
})

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// runtime is a wazero runtime whose compiled code all tests of this package share.
func newRuntime(t testing.TB) wazero.Runtime {
	t.Helper()
	ctx := context.Background()
	cache := must[wazero.CompilationCache](t)(sharedCache())
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCompilationCache(cache).WithMemoryLimitPages(2048))
	t.Cleanup(func() { rt.Close(ctx) })
	must[api.Closer](t)(wasi_snapshot_preview1.Instantiate(ctx, rt))
	return rt
}

var sharedCache = sync.OnceValues(func() (wazero.CompilationCache, error) { return wazero.NewCompilationCache(), nil })

func compileModule(t testing.TB, rt wazero.Runtime, module []byte) wazero.CompiledModule {
	t.Helper()
	return must[wazero.CompiledModule](t)(rt.CompileModule(experimental.WithCompilationWorkers(context.Background(), 2), module))
}

// start makes an instance as a host does that knows nothing of snapshots: it calls
// _initialize.
func start(t testing.TB, rt wazero.Runtime, compiled wazero.CompiledModule, ctx context.Context) api.Module {
	t.Helper()
	cfg := wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize").WithRandSource(rand.Reader).WithSysWalltime().WithSysNanotime()
	mod := must[api.Module](t)(rt.InstantiateModule(ctx, compiled, cfg))
	t.Cleanup(func() { mod.Close(context.Background()) })
	return mod
}

func call(t testing.TB, mod api.Module, name string, args ...uint64) uint64 {
	t.Helper()
	r := must[[]uint64](t)(mod.ExportedFunction(name).Call(context.Background(), args...))
	return r[0]
}

type answer struct {
	Pack, In, Crypto string
	Calls, Math      int
	Ratio            float64
}

func decide(t testing.TB, mod api.Module, handle uint32) (a answer) {
	t.Helper()
	tray := call(t, mod, abi.ExportIn, 2)
	mod.Memory().Write(uint32(tray), []byte{1, 2})
	at, n := abi.Split(call(t, mod, abi.ExportDecide, uint64(handle), 2))
	view, ok := mod.Memory().Read(at+abi.CodeBytes, n-abi.CodeBytes)
	if !ok || json.Unmarshal(view, &a) != nil {
		t.Fatalf("answer %q", view)
	}
	return a
}

func TestSnapshotHasThePackLoaded(t *testing.T) {
	module := must[[]byte](t)(smallSnapshot())
	m := must[*wasmfile.Module](t)(wasmfile.Parse(module))
	manifest := must[*snapshot.Manifest](t)(snapshot.ReadManifest(m))
	if manifest.Handle != 1 || manifest.PackID != "id of 5" || manifest.ABI != 1<<16 {
		t.Errorf("manifest %+v", manifest)
	}
	rt := newRuntime(t)
	mod := start(t, rt, compileModule(t, rt, module), context.Background())
	for i := 1; i <= 3; i++ {
		a := decide(t, mod, manifest.Handle)
		if a.Pack != "rules" || a.Calls != i || a.Ratio != 1/float64(int(1)<<i) || a.In != "0102" {
			t.Errorf("call %d: %+v", i, a)
		}
	}
}

func TestSnapshotOffersWhatTheModuleOffered(t *testing.T) {
	before := must[*wasmfile.Module](t)(wasmfile.Parse(must[[]byte](t)(small())))
	after := must[*wasmfile.Module](t)(wasmfile.Parse(must[[]byte](t)(smallSnapshot())))
	names := func(m *wasmfile.Module) (s []string) {
		for _, e := range m.Exports {
			s = append(s, e.Kind.String()+" "+e.Name)
		}
		for _, i := range m.Imports {
			s = append(s, i.Module+" "+i.Name)
		}
		return s
	}
	if b, a := fmt.Sprint(names(before)), fmt.Sprint(names(after)); a != b {
		t.Errorf("before: %s\nafter:  %s", b, a)
	}
	if n := len(after.Data); n > 10_000 || n == 0 {
		t.Errorf("%d data segments", n)
	}
}

// TestSnapshotIsTheSameEachTime: the first was made by the interpreter, the second by
// the compiler.
func TestSnapshotIsTheSameEachTime(t *testing.T) {
	want := must[[]byte](t)(smallSnapshot())
	defer snapshot.CompileFrom(0)()
	again := must[[]byte](t)(snapshot.Build(context.Background(), must[[]byte](t)(small()), []byte("rules")))
	if !bytes.Equal(again, want) {
		t.Error("the same module and pack gave other bytes")
	}
}

// TestSnapshotDrawsFreshRandomness: what crypto/rand gives is the host's, in every
// instance; what math/rand gives is not, which is why nothing may rely on it.
func TestSnapshotDrawsFreshRandomness(t *testing.T) {
	rt := newRuntime(t)
	compiled := compileModule(t, rt, must[[]byte](t)(smallSnapshot()))
	a := decide(t, start(t, rt, compiled, context.Background()), 1)
	b := decide(t, start(t, rt, compiled, context.Background()), 1)
	if a.Crypto == b.Crypto {
		t.Error("two instances drew the same from crypto/rand")
	}
	if a.Math != b.Math {
		t.Error("math/rand differs: the package comment says that it does not")
	}
}

func TestSnapshotHoldsNoPackBytesInTheTray(t *testing.T) {
	pack := strings.Repeat("a long pack ", 100)
	module := must[[]byte](t)(snapshot.Build(context.Background(), must[[]byte](t)(small()), []byte(pack)))
	if n := bytes.Count(module, []byte(pack)); n != 1 {
		t.Errorf("the pack's text stands %d times in the snapshot", n)
	}
}

func TestBuildRefuses(t *testing.T) {
	module := must[[]byte](t)(small())
	change := func(f func(m *wasmfile.Module)) []byte {
		m := must[*wasmfile.Module](t)(wasmfile.Parse(module))
		f(m)
		return m.Encode()
	}
	without := func(name string) []byte {
		return change(func(m *wasmfile.Module) {
			for i := range m.Exports {
				if m.Exports[i].Name == name {
					m.Exports[i].Name = "other"
				}
			}
		})
	}
	for _, tt := range []struct {
		name   string
		module []byte
		pack   string
		code   uint32
		want   string
	}{
		{"no module", []byte("(module)"), "p", 363, "no WebAssembly module"},
		{"no load", without(abi.ExportLoad), "p", 364, "no function issuant_load"},
		{"no initialiser", without(abi.ExportInitialize), "p", 364, "no function _initialize"},
		{"no memory", without(abi.ExportMemory), "p", 364, "no memory"},
		{"a snapshot", must[[]byte](t)(smallSnapshot()), "p", 364, "a snapshot already"},
		{"passive data", change(func(m *wasmfile.Module) {
			m.Data = append(m.Data, wasmfile.Segment{Passive: true, Data: []byte("x")})
		}), "p", 364, "passive data"},
		{"foreign import", change(func(m *wasmfile.Module) { m.Imports[0].Module = "env" }), "p", 364, `from "env"`},
		{"broken code", change(func(m *wasmfile.Module) { m.Bodies[0] = []byte{0, 0xff, 0x0b} }), "p", 364, "does not compile"},
		{"pack beyond the ABI", module, strings.Repeat("p", abi.MaxTray+1), 364, "the module takes at most"},
		{"pack beyond the module", module, strings.Repeat("p", 1<<20+1), 364, "no room"},
		{"damaged pack", module, "bad", 310, "it is damaged"},
		{"pack refused without a word", module, "wordless", 500, "says no more"},
		{"answer outside the memory", module, "lost", 364, "outside its memory"},
		{"trap", module, "panic", 364, "issuant_load fails"},
		{"no handle", module, "no handle", 364, "no handle"},
	} {
		_, err := snapshot.Build(context.Background(), tt.module, []byte(tt.pack))
		var coded interface{ Code() uint32 }
		if !errors.As(err, &coded) || coded.Code() != tt.code || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q and code %d", tt.name, err, tt.want, tt.code)
		}
	}
}

func TestBuildEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := snapshot.Build(ctx, must[[]byte](t)(small()), []byte("p")); err == nil {
		t.Error("a context that has ended built a snapshot")
	}
}

func TestReadManifestRefuses(t *testing.T) {
	zeros := strings.Repeat("0", 64)
	for _, tt := range []struct{ body, want string }{
		{`{`, "no JSON"},
		{`[]`, "missing"},
		{`{"format":2,"abi":1,"guest_sha256":"` + zeros + `","handle":1,"pack_id":"","pack_sha256":"` + zeros + `"}`, "format 2"},
		{`{"format":1,"abi":1,"guest_sha256":"` + zeros + `","handle":0,"pack_id":"","pack_sha256":"` + zeros + `"}`, "missing"},
		{`{"format":1,"abi":1,"guest_sha256":"` + zeros + `","handle":1,"pack_id":"","pack_sha256":"00"}`, "missing"},
		{`{"format":1,"abi":-1,"guest_sha256":"` + zeros + `","handle":1,"pack_id":"","pack_sha256":"` + zeros + `"}`, "missing"},
		{`{"format":1,"abi":1,"guest_sha256":"` + zeros + `","handle":1,"pack_id":7,"pack_sha256":"` + zeros + `"}`, "missing"},
		{strings.Repeat(" ", 65<<10), "bytes"},
	} {
		m := &wasmfile.Module{}
		m.AddCustom(abi.SnapshotSection, []byte(tt.body))
		if _, err := snapshot.ReadManifest(m); !errors.Is(err, snapshot.ErrSnapshot) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.60s: %v, want %q", tt.body, err, tt.want)
		}
	}
	if _, err := snapshot.ReadManifest(&wasmfile.Module{}); !errors.Is(err, snapshot.ErrSnapshot) {
		t.Error(err)
	}
}
