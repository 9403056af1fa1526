package snapshot

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"runtime"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/internal/wasmfile"
	"github.com/issuant/issuant/wasm/abi"
)

// state is a module that has run: what has to be written.
type state struct {
	memory   []byte
	globals  []int64 // of the mutable globals, in their order; of floats, their bits
	manifest Manifest
}

// compileFrom is from how many bytes of pack on the module is compiled: that takes some
// seconds, and the interpreter takes longer only for larger packs. What comes out is the
// same. It is a variable for the test that says so.
var compileFrom = 64 << 10

// capture runs the module, loads the pack and returns what it then holds.
func capture(ctx context.Context, module, pack []byte, mutable []int, seed [32]byte) (*state, error) {
	ctx = experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0))
	config := wazero.NewRuntimeConfigInterpreter()
	if len(pack) >= compileFrom {
		config = wazero.NewRuntimeConfig() // the interpreter again where there is no compiler
	}
	rt := wazero.NewRuntimeWithConfig(ctx, config.WithMemoryLimitPages(MaxMemory/wasmfile.PageSize))
	defer rt.Close(context.WithoutCancel(ctx))
	compiled, err := rt.CompileModule(ctx, module)
	if err != nil {
		return nil, wrap(ErrModule, "it does not compile: %v", err)
	}
	if err := hosts(ctx, rt, compiled); err != nil {
		return nil, err
	}
	instance, err := rt.InstantiateModule(ctx, compiled, world(seed))
	if err != nil {
		return nil, wrap(ErrModule, "it cannot be instantiated: %v", err)
	}
	g := &guest{ctx: ctx, mod: instance}
	g.call(abi.ExportInitialize)
	version := uint32(g.call(abi.ExportABI))
	if g.err == nil && version>>16 != abi.Major {
		return nil, wrap(ErrModule, "it has the ABI %d.%d, and this program speaks %d", version>>16, version&0xffff, abi.Major)
	}
	handle, id := g.load(pack)
	if g.err != nil {
		return nil, g.err
	}
	s := &state{manifest: Manifest{Handle: handle, PackID: id, ABI: version}}
	view, _ := instance.Memory().Read(0, instance.Memory().Size())
	s.memory = append(s.memory, view...)
	for _, i := range mutable {
		s.globals = append(s.globals, globalValue(instance.ExportedGlobal(globalExport(i))))
	}
	return s, nil
}

// world is what the module sees while it runs: no files, no arguments, and a clock and
// a source of randomness that are the same each time, so that its memory is too. The
// clocks stand at their very beginning: those of an instance must not run backwards.
func world(seed [32]byte) wazero.ModuleConfig {
	var ticks int64
	return wazero.NewModuleConfig().WithName("").WithStartFunctions().
		WithRandSource(rand.NewChaCha8(seed)).
		WithWalltime(func() (int64, int32) { return 0, 0 }, 1).
		WithNanotime(func() int64 { ticks++; return ticks }, 1)
}

// hosts gives the module what it imports: WASI, and of the functions of accelerated
// builds ones that say that they are not there.
func hosts(ctx context.Context, rt wazero.Runtime, compiled wazero.CompiledModule) error {
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, rt); err != nil {
		return wrap(ErrModule, "WASI: %v", err)
	}
	accelerated := false
	b := rt.NewHostModuleBuilder(abi.ImportHost)
	for _, f := range compiled.ImportedFunctions() {
		module, name, _ := f.Import()
		switch module {
		case abi.ImportWASI:
		case abi.ImportHost:
			accelerated = true
			b = b.NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
				if len(stack) > 0 {
					stack[0] = abi.HostUnsupported
				}
			}), f.ParamTypes(), f.ResultTypes()).Export(name)
		default:
			return wrap(ErrModule, "it imports %q from %q, which is neither WASI nor ours", name, module)
		}
	}
	if !accelerated {
		return nil
	}
	if _, err := b.Instantiate(ctx); err != nil {
		return wrap(ErrModule, "%s: %v", abi.ImportHost, err)
	}
	return nil
}

func globalValue(g api.Global) int64 {
	switch g.Type() {
	case api.ValueTypeI32, api.ValueTypeF32:
		return int64(int32(uint32(g.Get())))
	}
	return int64(g.Get())
}

// guest calls an instance; its first error stays.
type guest struct {
	ctx context.Context
	mod api.Module
	err error
}

func (g *guest) call(name string, args ...uint64) uint64 {
	if g.err == nil {
		g.err = context.Cause(g.ctx)
	}
	if g.err != nil {
		return 0
	}
	results, err := g.mod.ExportedFunction(name).Call(g.ctx, args...)
	if err != nil {
		g.err = wrap(ErrModule, "%s fails: %v", name, err)
		return 0
	}
	if len(results) == 0 {
		return 0
	}
	return results[0]
}

// load loads the pack and returns its handle and ID. The tray is zeroed afterwards:
// the pack has been taken in, and its bytes would only make the file larger.
func (g *guest) load(pack []byte) (handle uint32, id string) {
	tray := uint32(g.call(abi.ExportIn, uint64(len(pack))))
	if g.err == nil && (tray == 0 || !g.mod.Memory().Write(tray, pack)) {
		g.err = wrap(ErrPack, "the module has no room for its %d bytes", len(pack))
	}
	reply := g.reply(g.call(abi.ExportLoad, uint64(len(pack))))
	if g.err != nil {
		return 0, ""
	}
	g.mod.Memory().Write(tray, make([]byte, len(pack)))
	v, err := strictjson.Parse(reply, strictjson.Limits{MaxDepth: 8})
	if err != nil {
		g.err = wrap(ErrModule, "its answer to %s is no JSON", abi.ExportLoad)
		return 0, ""
	}
	h, _ := v.Get("handle")
	n, ok := h.Int64()
	if !ok || n < 1 || n > 1<<31-1 {
		g.err = wrap(ErrModule, "its answer to %s has no handle", abi.ExportLoad)
		return 0, ""
	}
	about, _ := v.Get("pack")
	pid, _ := about.Get("id")
	return uint32(n), pid.Str
}

// reply returns the JSON of a result, copied; a code other than 0 is a *GuestError.
func (g *guest) reply(result uint64) []byte {
	if g.err != nil {
		return nil
	}
	address, length := abi.Split(result)
	view, ok := g.mod.Memory().Read(address, length)
	if !ok || len(view) < abi.CodeBytes {
		g.err = wrap(ErrModule, "an answer lies outside its memory")
		return nil
	}
	body := append([]byte(nil), view[abi.CodeBytes:]...)
	if n := binary.LittleEndian.Uint32(view); n != 0 {
		message := "it says no more"
		if v, err := strictjson.Parse(body, strictjson.Limits{MaxDepth: 8}); err == nil {
			if m, ok := v.Get("message"); ok && m.Str != "" {
				message = m.Str
			}
		}
		g.err = &GuestError{n, message}
	}
	return body
}
