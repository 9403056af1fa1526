package build

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/internal/wasmfile"
	"github.com/issuant/issuant/wasm/abi"
)

// linked is the memory of a module as Go's linker made it, without lines.
func linked(t *testing.T) (file, memory []byte, tab *table) {
	t.Helper()
	opt := Options{Root: testutil.Root(t), Flavour: abi.FlavourVerify}
	file, version, err := opt.link(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if version != GoVersion {
		t.Skipf("%s has a runtime of its own; the published modules are made with %s", version, GoVersion)
	}
	m, err := wasmfile.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	if memory, err = m.Image(); err != nil {
		t.Fatal(err)
	}
	if tab, err = findTable(memory); err != nil {
		t.Fatal(err)
	}
	if err := tab.dropLines(); err != nil {
		t.Fatal(err)
	}
	return file, memory, tab
}

// names are the names of the functions of a table that is not packed.
func names(t *testing.T, tab *table) (list []string) {
	t.Helper()
	for i := range tab.funcs {
		f := tab.mem[tab.functions+int(binary.LittleEndian.Uint32(tab.mem[tab.functions+8*i+4:])):]
		name, _, ok := bytes.Cut(tab.mem[tab.names+int(binary.LittleEndian.Uint32(f[offName:])):], []byte{0})
		if !ok {
			t.Fatal("a name has no end")
		}
		list = append(list, string(name))
	}
	return list
}

// TestRuntimeUnpacksTheTableOfFunctions compares a module's memory, when it has started,
// with what the linker had laid there.
func TestRuntimeUnpacksTheTableOfFunctions(t *testing.T) {
	file, memory, tab := linked(t)
	words, err := tab.moduleData(memory)
	if err != nil {
		t.Fatal(err)
	}
	want := names(t, tab)
	m, err := wasmfile.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	points, err := straighten(m, tab, form{addresses: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := tab.narrow(points); err != nil {
		t.Fatal(err)
	}
	module, err := shrink(file, form{addresses: true, packed: true})
	if err != nil {
		t.Fatal(err)
	}
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
	defer r.Close(t.Context())
	wasi_snapshot_preview1.MustInstantiate(t.Context(), r)
	instance, err := r.InstantiateWithConfig(t.Context(), module, wazero.NewModuleConfig().WithStartFunctions(abi.ExportInitialize))
	if err != nil {
		t.Fatal(err)
	}
	started, _ := instance.Memory().Read(0, uint32(len(memory)))
	base := len(memory) - len(tab.mem)
	unpacked := &table{mem: started[base:], funcs: tab.funcs, names: tab.names, cu: tab.cu, functions: tab.functions}
	end := tab.functions + 8*(tab.funcs+1)
	if !bytes.Equal(unpacked.mem[tab.functions:end], tab.mem[tab.functions:end]) {
		t.Error("the list of functions is another one")
	}
	got := bytes.Split(unpacked.mem[tab.names:tab.cu], []byte{0})
	for i := range tab.funcs {
		at := tab.functions + int(binary.LittleEndian.Uint32(tab.mem[tab.functions+8*i+4:]))
		size := recordBytes(tab.mem[at:])
		a, b := bytes.Clone(tab.mem[at:at+size]), bytes.Clone(unpacked.mem[at:at+size])
		if n := int(binary.LittleEndian.Uint32(b[offName:])); n != i+1 || string(got[i]) != want[i] {
			t.Fatalf("function %d has the name %d, %q, want %q", i, n, got[i], want[i])
		}
		clear(a[offName : offName+4])
		clear(b[offName : offName+4])
		if !bytes.Equal(a, b) {
			t.Fatalf("function %d, %s:\n%x\n%x", i, want[i], a, b)
		}
	}
	for i, b := range started[words[wordFindFuncs]:words[wordEndOfTables]] {
		if b != 0 {
			t.Fatalf("byte %d of what it was packed in is left", i)
		}
	}
}

// TestPackRefusesAnotherForm changes what a table is known by.
func TestPackRefusesAnotherForm(t *testing.T) {
	_, memory, tab := linked(t)
	for name, at := range map[string]int{
		"a function's number": tab.functions + 8, "where its record is": tab.functions + 12, "how many there are": 8,
	} {
		other := bytes.Clone(memory)
		other[len(memory)-len(tab.mem)+at]++
		changed, err := findTable(other)
		if err != nil {
			t.Fatal(err)
		}
		if err := changed.pack(other); !errors.Is(err, ErrLink) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
