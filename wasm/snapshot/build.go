package snapshot

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/issuant/issuant/internal/digest"
	"github.com/issuant/issuant/internal/wasmfile"
	"github.com/issuant/issuant/wasm/abi"
)

// Build returns a module that begins with the pack loaded. module is a build of the
// guest with the flavour decide or full; pack is a pack's bytes, as issuant_load takes
// them. Neither is kept or changed.
//
// The result exports what the module exports; its _initialize does nothing, for hosts
// that call it all the same. The pack has the handle that [ReadManifest] tells. Equal
// arguments give equal bytes.
//
// The module is run on this machine, by wazero, without files, environment, clock or
// randomness. ctx ends the compilation and the run of it between two calls.
//
// Errors: a *wasmfile.Error for what is no module, ErrModule, ErrPack, and a
// *GuestError with the module's answer when it does not take the pack.
func Build(ctx context.Context, module, pack []byte) ([]byte, error) {
	if len(pack) > abi.MaxTray {
		return nil, wrap(ErrPack, "it has %d bytes, and the module takes at most %d", len(pack), abi.MaxTray)
	}
	m, err := wasmfile.Parse(module)
	if err != nil {
		return nil, err
	}
	mutable, err := check(m)
	if err != nil {
		return nil, err
	}
	seed := sha256.Sum256(slices.Concat([]byte(digest.Of(module)), []byte(digest.Of(pack))))
	state, err := capture(ctx, instrument(module, mutable), pack, mutable, seed)
	if err != nil {
		return nil, err
	}
	state.manifest.Guest, state.manifest.Pack = digest.Of(module), digest.Of(pack)
	return rewrite(m, mutable, state)
}

// check says whether a snapshot of the module can be made, and returns the indices of
// the globals that a run changes.
func check(m *wasmfile.Module) (mutable []int, err error) {
	for _, name := range []string{abi.ExportABI, abi.ExportIn, abi.ExportLoad, abi.ExportInitialize} {
		if e, ok := m.Export(name); !ok || e.Kind != wasmfile.Func {
			return nil, wrap(ErrModule, "it exports no function %s", name)
		}
	}
	if e, ok := m.Export(abi.ExportMemory); !ok || e.Kind != wasmfile.Memory || len(m.Memories) != 1 {
		return nil, wrap(ErrModule, "it exports no memory of its own")
	}
	if _, ok := m.Custom(abi.SnapshotSection); ok {
		return nil, wrap(ErrModule, "it is a snapshot already")
	}
	if m.HasStart() {
		return nil, wrap(ErrModule, "it has a start function")
	}
	if slices.ContainsFunc(m.Data, func(s wasmfile.Segment) bool { return s.Passive }) {
		return nil, wrap(ErrModule, "it has passive data, which its code may still ask for")
	}
	imported := m.ImportedCount(wasmfile.Global)
	if imported > 0 {
		return nil, wrap(ErrModule, "it imports globals")
	}
	for i, g := range m.Globals {
		if g.Mutable {
			mutable = append(mutable, i)
		}
	}
	return mutable, nil
}

// globalExport names a global in the module that is run; the one that is written does
// not have it.
func globalExport(i int) string { return fmt.Sprintf("issuant.snapshot.global.%d", i) }

// instrument returns the module with its mutable globals exported, so that they can be
// read when it has run. It was parsed before.
func instrument(module []byte, mutable []int) []byte {
	m, err := wasmfile.Parse(module)
	if err != nil {
		panic(err) // it has just been read
	}
	for _, i := range mutable {
		m.Exports = append(m.Exports, wasmfile.Export{Name: globalExport(i), Kind: wasmfile.Global, Index: uint32(i)})
	}
	return m.Encode()
}

// rewrite makes the module begin in the state.
func rewrite(m *wasmfile.Module, mutable []int, s *state) ([]byte, error) {
	for k, i := range mutable {
		g := &m.Globals[i]
		if g.Init.Op, g.Init.Value = constOp(g.Type), s.globals[k]; g.Init.Op == 0 {
			return nil, wrap(ErrModule, "a global of the type %s", g.Type)
		}
	}
	m.SetImage(s.memory)
	nothing := m.AddFunc(wasmfile.FuncType{}, []byte{0, 0x0b}) // no locals, end
	for i := range m.Exports {
		if m.Exports[i].Name == abi.ExportInitialize {
			m.Exports[i].Index = nothing
		}
	}
	m.AddCustom(abi.SnapshotSection, s.manifest.AppendJSON(nil))
	out := m.Encode()
	if len(out) > MaxModule {
		return nil, wrap(ErrModule, "with the pack loaded it has %d bytes; at most %d are written", len(out), MaxModule)
	}
	return out, nil
}

func constOp(t wasmfile.ValueType) byte {
	switch t {
	case wasmfile.I32:
		return wasmfile.OpI32Const
	case wasmfile.I64:
		return wasmfile.OpI64Const
	case wasmfile.F32:
		return wasmfile.OpF32Const
	case wasmfile.F64:
		return wasmfile.OpF64Const
	}
	return 0
}
