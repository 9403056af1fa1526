package host

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/wasmfile"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/snapshot"
)

const (
	pageSize = 64 << 10
	maxPages = 1 << 16
)

// compiled is a module as machine code, with the wazero runtime that it belongs to.
// Generations share it, one after another; the last one closes it.
type compiled struct {
	digest  string
	runtime wazero.Runtime
	cache   wazero.CompilationCache // nil without a CacheDir
	module  wazero.CompiledModule
	image   *snapshot.Image // nil: the module is no snapshot
	profile profile
	users   int // generations; guarded by Pool.mu
}

// profile is what an instance is given besides memory. There is one that is right; tests
// have those of other hosts, to see what the module makes of them.
type profile struct {
	// starts are called in turn, those that the module exports.
	starts []string
	config func(wazero.ModuleConfig) wazero.ModuleConfig
	// deaf hosts know nothing of issuant_entropy.
	deaf bool
}

// ours names everything, since wazero's defaults are a random source with a fixed seed and
// clocks that stand in 2022. Files, arguments and environment are absent unless given.
var ours = profile{starts: []string{abi.ExportInitialize}, config: func(c wazero.ModuleConfig) wazero.ModuleConfig {
	return c.WithRandSource(rand.Reader).WithSysWalltime().WithSysNanotime()
}}

// newCompiled checks what a module is as far as that shows without running it.
func newCompiled(ctx context.Context, module []byte, digest string, opt *Options, prof profile) (*compiled, error) {
	c := &compiled{digest: digest, profile: prof}
	module, err := c.takeImage(module)
	if err != nil {
		return nil, err
	}
	files, err := newFiled(opt, digest, module)
	switch {
	case err != nil:
	case files == nil:
		err = c.compile(ctx, "", module, opt)
	case !files.open(ctx, c, opt):
		err = files.make(ctx, c, module, opt)
	}
	if err != nil {
		c.closeImage()
		return nil, err
	}
	return c, nil
}

// compile gives c the module as machine code, which wazero keeps in a folder, or takes from
// there; "" keeps none. After an error nothing is left open.
func (c *compiled) compile(ctx context.Context, folder string, module []byte, opt *Options) (err error) {
	if folder != "" {
		if c.cache, err = wazero.NewCompilationCacheWithDir(folder); err != nil {
			return fmt.Errorf("%w: %w", ErrCacheDir, err)
		}
	}
	if err := c.newRuntime(ctx, opt); err != nil {
		return err
	}
	if c.module, err = c.runtime.CompileModule(experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0)), module); err != nil {
		err = fmt.Errorf("%w: %w", ErrModule, err)
	} else if err = c.checkExports(); err == nil {
		err = c.provide(ctx)
	}
	if err != nil {
		c.closeRuntime(ctx)
	}
	return err
}

// takeImage keeps the memory of a module that is a snapshot, for all of its instances, and
// returns what is to be compiled.
func (c *compiled) takeImage(module []byte) ([]byte, error) {
	if !bytes.Contains(module, []byte(abi.SnapshotSection)) { // which spares reading it
		return module, nil
	}
	m, err := wasmfile.Parse(module)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModule, err)
	}
	if _, ok := m.Custom(abi.SnapshotSection); !ok {
		return module, nil
	}
	if c.image, err = snapshot.NewImage(module); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModule, err)
	}
	return c.image.Module(), nil
}

// newRuntime turns the panic of a wazero that has no compiler here into ErrRuntime.
func (c *compiled) newRuntime(ctx context.Context, opt *Options) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w (%s/%s): %v", ErrRuntime, runtime.GOOS, runtime.GOARCH, r)
		}
	}()
	var config wazero.RuntimeConfig
	if opt.Runtime == RuntimeInterpreter {
		config = wazero.NewRuntimeConfigInterpreter()
	} else {
		config = newCompilerConfig()
	}
	config = config.WithMemoryLimitPages(uint32(opt.MaxMemory / pageSize)).
		WithCloseOnContextDone(opt.UntrustedModule).
		WithDebugInfoEnabled(false)
	if c.cache != nil {
		config = config.WithCompilationCache(c.cache)
	}
	c.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	return nil
}

// newCompilerConfig is a variable so that a test can be a platform without a compiler.
var newCompilerConfig = wazero.NewRuntimeConfigCompiler

// signatures are the parameters, all i32, and the result of the exports in wasm/ABI.md.
var signatures = map[string]struct {
	params int
	result api.ValueType
	needed bool // every flavour has it
}{
	abi.ExportABI: {0, api.ValueTypeI32, true}, abi.ExportIn: {1, api.ValueTypeI32, true},
	abi.ExportInfo: {0, api.ValueTypeI64, true}, abi.ExportSelftest: {0, api.ValueTypeI64, false},
	abi.ExportLoad: {1, api.ValueTypeI64, false}, abi.ExportRing: {1, api.ValueTypeI64, false},
	abi.ExportDecide: {2, api.ValueTypeI64, false}, abi.ExportExplain: {2, api.ValueTypeI64, false},
	abi.ExportDecideBatch: {2, api.ValueTypeI64, false}, abi.ExportOpen: {2, api.ValueTypeI64, false},
	abi.ExportAnswer: {3, api.ValueTypeI64, false}, abi.ExportEntropy: {1, api.ValueTypeI64, false},
	abi.ExportProvision: {2, api.ValueTypeI64, false}, abi.ExportSeal: {2, api.ValueTypeI64, false},
	abi.ExportCompile: {1, api.ValueTypeI64, false}, abi.ExportDrop: {1, api.ValueTypeI64, false},
}

// checkExports holds what a module exports against that table, so that no call can meet
// a function of another type.
func (c *compiled) checkExports() error {
	if c.module.ExportedMemories()[abi.ExportMemory] == nil {
		return code.Wrap(ErrModule, "it exports no memory")
	}
	exports := c.module.ExportedFunctions()
	for name, want := range signatures {
		f := exports[name]
		if f == nil && want.needed {
			return code.Wrap(ErrModule, "it does not export "+name)
		} else if f == nil {
			continue
		}
		params, results := f.ParamTypes(), f.ResultTypes()
		if len(params) != want.params || slices.ContainsFunc(params, func(t api.ValueType) bool { return t != api.ValueTypeI32 }) || !slices.Equal(results, []api.ValueType{want.result}) {
			return code.Wrap(ErrModule, "its "+name+" has other parameters or results than wasm/ABI.md says")
		}
	}
	return nil
}

// provide makes the modules that this one imports from, and refuses imports that nobody
// here provides.
func (c *compiled) provide(ctx context.Context) error {
	imports := c.module.ImportedFunctions()
	for _, f := range imports {
		if module, name, _ := f.Import(); module != abi.ImportWASI && module != abi.ImportHost {
			return code.Wrap(ErrModule, fmt.Sprintf("it imports %q.%q: an Issuant module asks for WASI and %s alone", module, name, abi.ImportHost))
		}
	}
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, c.runtime); err != nil {
		return fmt.Errorf("%w: %w", ErrModule, err)
	}
	if slices.ContainsFunc(imports, func(f api.FunctionDefinition) bool { module, _, _ := f.Import(); return module == abi.ImportHost }) {
		return provideHost(ctx, c.runtime)
	}
	return nil
}

// instantiate makes an instance of the module, not yet initialised. It is the one place
// where that is done: whatever gives instances another memory does so here.
func (c *compiled) instantiate(ctx context.Context, std io.Writer) (api.Module, error) {
	// Without a name: wazero has one module of each name, and as many as one likes without.
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions().WithStdout(std).WithStderr(std)
	if c.image != nil {
		ctx = c.image.Context(ctx)
	}
	mod, err := c.runtime.InstantiateModule(ctx, c.module, c.profile.config(config))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModule, err)
	}
	return mod, nil
}

// close gives the machine code back. What it fails with nobody could act on.
func (c *compiled) close(ctx context.Context) {
	c.closeRuntime(ctx)
	c.closeImage()
}

func (c *compiled) closeRuntime(ctx context.Context) {
	_ = c.runtime.Close(ctx)
	if c.cache != nil {
		_ = c.cache.Close(ctx)
	}
}

func (c *compiled) closeImage() {
	if c.image != nil {
		_ = c.image.Close()
	}
}

// snapshotPack returns the handle of the pack that the module brings along.
func (c *compiled) snapshotPack() (handle uint32, ok bool) {
	if c.image == nil {
		return 0, false
	}
	return c.image.Manifest().Handle, true
}
