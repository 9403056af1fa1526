package module

import (
	"runtime"
	"slices"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/internal/accel"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/wasm/abi"
)

func (m *instance) info(*call) error {
	packs, rings := 0, 0
	for i := range m.loaded {
		if m.loaded[i].pack != nil {
			packs++
		} else {
			rings++
		}
	}
	m.write(func(w *canon.Writer) {
		w.Object()
		m.describe(w)
		w.Key("loaded").Object().Key("packs").Int(int64(packs)).Key("rings").Int(int64(rings)).EndObject().EndObject()
	})
	return nil
}

// describe writes what does not change while the module runs.
func (m *instance) describe(w *canon.Writer) {
	w.Key("abi").Int(abi.Version).Key("release").String(abi.Release).Key("flavour").String(flavours[m.flavour])
	w.Key("accelerated").Bool(accel.Linked).Key("built_ms").Int(abi.BuiltMs).Key("go").String(runtime.Version())
	w.Key("operations").Strings(operations(m.flavour)).Key("algorithms").Strings(algorithms(m.flavour))
	w.Key("limits").Object().Key("tray").Int(abi.MaxTray).Key("reply").Int(abi.MaxReply).Key("event").Int(abi.MaxEvent)
	w.Key("handles").Int(abi.MaxHandles).Key("ring").Int(abi.MaxRing).Key("batch_lines").Int(abi.MaxBatchLines)
	w.Key("headers").Int(abi.MaxHeaders).Key("body").Int(abi.MaxBody).EndObject()
}

// operations are the exports that a flavour answers; the others answer with ErrFlavour.
func operations(flavour int) []string {
	names := []string{abi.ExportRing, abi.ExportOpen, abi.ExportDrop, abi.ExportSelftest}
	if flavour >= decide {
		names = append(names, abi.ExportLoad, abi.ExportDecide, abi.ExportExplain, abi.ExportDecideBatch, abi.ExportAnswer)
	}
	if flavour >= full {
		names = append(names, abi.ExportEntropy, abi.ExportProvision, abi.ExportSeal, abi.ExportCompile)
	}
	return names
}

// algorithms are those of signatures that a flavour verifies.
func algorithms(flavour int) []string {
	return slices.DeleteFunc(jose.SignatureAlgorithms(), func(name string) bool { return flavour < full && hasCurves(name) })
}
