package build

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/digest"
	"github.com/issuant/issuant/internal/wasmfile"
	"github.com/issuant/issuant/wasm/abi"
)

// ManifestFormat is the version of a manifest.
const ManifestFormat = 1

// Manifest says what a module is. The custom section abi.ManifestSection has it without
// Bytes and SHA256, which are of the whole file.
type Manifest struct {
	Format      int      `json:"format"`
	ABI         int      `json:"abi"`     // abi.Version
	Release     string   `json:"release"` // of the engine
	Flavour     string   `json:"flavour"`
	Accelerated bool     `json:"accelerated"`
	BuiltMs     int64    `json:"built_ms"`
	Go          string   `json:"go"`
	Operations  []string `json:"operations"` // exports that do not answer "flavour"
	Algorithms  []string `json:"algorithms"` // of signatures
	Imports     []string `json:"imports"`    // module.name, as in the file
	Exports     []string `json:"exports"`
	Bytes       int      `json:"bytes,omitempty"`
	SHA256      string   `json:"sha256,omitempty"`
}

// ParseManifest reads a manifest: a file's, or that of a module's custom section.
func ParseManifest(data []byte) (*Manifest, error) {
	m := new(Manifest)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("%w: the manifest is no JSON object of its form", ErrOptions)
	}
	if m.Format != ManifestFormat {
		return nil, fmt.Errorf("%w: the manifest's format is %d; this release reads %d", ErrOptions, m.Format, ManifestFormat)
	}
	return m, nil
}

func (m *Manifest) append(dst []byte) []byte {
	w := canon.NewWriter(dst).Object().Key("format").Int(int64(m.Format)).Key("abi").Int(int64(m.ABI))
	w.Key("release").String(m.Release).Key("flavour").String(m.Flavour).Key("accelerated").Bool(m.Accelerated)
	w.Key("built_ms").Int(m.BuiltMs).Key("go").String(m.Go)
	w.Key("operations").Strings(m.Operations).Key("algorithms").Strings(m.Algorithms)
	w.Key("imports").Strings(m.Imports).Key("exports").Strings(m.Exports)
	if m.SHA256 != "" {
		w.Key("bytes").Int(int64(m.Bytes)).Key("sha256").String(m.SHA256)
	}
	return w.EndObject().Bytes()
}

// withManifest asks a module what it is, and adds the answer to it.
func withManifest(ctx context.Context, file []byte) (module, manifest []byte, err error) {
	m, err := wasmfile.Parse(file)
	if err != nil {
		return nil, nil, err
	}
	info, err := ask(ctx, m, file)
	if err != nil {
		return nil, nil, err
	}
	man := &Manifest{Format: ManifestFormat}
	if err := json.Unmarshal(info, man); err != nil {
		return nil, nil, fmt.Errorf("%w: its issuant_info is not JSON of the known form", ErrLink)
	}
	for _, i := range m.Imports {
		man.Imports = append(man.Imports, i.Module+"."+i.Name)
	}
	for _, e := range m.Exports {
		man.Exports = append(man.Exports, e.Name)
	}
	m.AddCustom(abi.ManifestSection, man.append(nil))
	module = m.Encode()
	man.Bytes, man.SHA256 = len(module), digest.Of(module)
	return module, append(man.append(nil), '\n'), nil
}

// ask runs issuant_info: what the module says of itself is what it is.
func ask(ctx context.Context, m *wasmfile.Module, file []byte) ([]byte, error) {
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	if err := refuseHost(ctx, r, m); err != nil {
		return nil, err
	}
	config := wazero.NewModuleConfig().WithStartFunctions(abi.ExportInitialize).WithRandSource(rand.Reader).WithSysWalltime().WithSysNanotime()
	instance, err := r.InstantiateWithConfig(ctx, file, config)
	if err != nil {
		return nil, fmt.Errorf("%w: it does not start: %w", ErrLink, err)
	}
	result, err := instance.ExportedFunction(abi.ExportInfo).Call(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: issuant_info: %w", ErrLink, err)
	}
	at, n := abi.Split(result[0])
	reply, ok := instance.Memory().Read(at, n)
	if !ok || n < abi.CodeBytes || binary.LittleEndian.Uint32(reply) != 0 {
		return nil, fmt.Errorf("%w: issuant_info answers with an error", ErrLink)
	}
	return append([]byte(nil), reply[abi.CodeBytes:]...), nil
}

// refuseHost gives an accelerated module a host that does nothing: its self-description
// needs none.
func refuseHost(ctx context.Context, r wazero.Runtime, m *wasmfile.Module) error {
	b, found := r.NewHostModuleBuilder(abi.ImportHost), false
	for _, i := range m.Imports {
		if i.Module != abi.ImportHost {
			continue
		}
		found = true
		params := make([]api.ValueType, len(m.Types[i.Type].Params))
		for k := range params {
			params[k] = api.ValueTypeI32
		}
		b.NewFunctionBuilder().WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
			stack[0] = abi.HostUnsupported
		}), params, []api.ValueType{api.ValueTypeI32}).Export(i.Name)
	}
	if !found {
		return nil
	}
	_, err := b.Instantiate(ctx)
	return err
}
