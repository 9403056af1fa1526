package build_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/internal/wasmfile"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/build"
)

func Example() {
	r, err := build.Guest(context.Background(), build.Options{Root: "../..", Flavour: abi.FlavourVerify})
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := build.ParseManifest(r.Manifest)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Flavour, m.Operations, m.Bytes == len(r.Module))
	// Output: verify [issuant_ring issuant_open issuant_drop issuant_selftest] true
}

// guest builds each module once for all tests.
func guest(t *testing.T, flavour string, accelerated bool) *build.Result {
	t.Helper()
	key := fmt.Sprint(flavour, accelerated)
	f, _ := built.LoadOrStore(key, sync.OnceValues(func() (*build.Result, error) {
		return build.Guest(context.Background(), build.Options{Root: "../..", Flavour: flavour, Accelerated: accelerated})
	}))
	r, err := f.(func() (*build.Result, error))()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var built sync.Map

// TestEqualSourcesGiveEqualBytes builds in two folders.
func TestEqualSourcesGiveEqualBytes(t *testing.T) {
	here := guest(t, abi.FlavourVerify, false)
	root, copied := testutil.Root(t), filepath.Join(t.TempDir(), "elsewhere")
	for _, room := range []string{"internal", "rules", "crypto", "engine", "wasm"} {
		if err := os.CopyFS(filepath.Join(copied, room), os.DirFS(filepath.Join(root, room))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		if err := os.WriteFile(filepath.Join(copied, name), testutil.Read(t, filepath.Join(root, name)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GOFLAGS", "-tags=issuant_accel") // what is set on a machine does not matter
	there, err := build.Guest(t.Context(), build.Options{Root: copied, Flavour: abi.FlavourVerify})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(here.Module, there.Module) || !bytes.Equal(here.Manifest, there.Manifest) {
		t.Error("two folders give two modules")
	}
	for _, path := range []string{root, copied, os.Getenv("HOME") + "/"} {
		if path != "/" && bytes.Contains(here.Module, []byte(path)) {
			t.Errorf("the module holds the path %q", path)
		}
	}
}

// rows are the rows of a table of wasm/ABI.md, whose head has these names.
func rows(t *testing.T, head ...string) (out [][]string) {
	t.Helper()
	text := string(testutil.Read(t, "../ABI.md"))
	in := false
	for line := range strings.Lines(text) {
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(strings.TrimSpace(line), "|"), "|") {
			cells = append(cells, strings.Trim(strings.TrimSpace(cell), "`"))
		}
		switch {
		case len(cells) >= len(head) && slices.Equal(cells[:len(head)], head):
			in = true
		case in && strings.HasPrefix(line, "|--"):
		case in && strings.HasPrefix(line, "|"):
			out = append(out, cells)
		default:
			in = false
		}
	}
	if len(out) == 0 {
		t.Fatalf("ABI.md has no table %v", head)
	}
	return out
}

// signature writes a type as ABI.md does, without the names of parameters.
func signature(f wasmfile.FuncType) string {
	var params []string
	for _, p := range f.Params {
		params = append(params, p.String())
	}
	result := "()"
	if len(f.Results) > 0 {
		result = f.Results[0].String()
	}
	return "(" + strings.Join(params, ", ") + ") -> " + result
}

// bare takes the names of parameters out of a type of ABI.md.
func bare(text string) string {
	params, result, _ := strings.Cut(strings.TrimPrefix(text, "("), ") -> ")
	var types []string
	for p := range strings.SplitSeq(params, ", ") {
		if _, typ, named := strings.Cut(p, " "); named {
			p = typ
		}
		if p != "" {
			types = append(types, p)
		}
	}
	return "(" + strings.Join(types, ", ") + ") -> " + result
}

// TestABIIsWhatModulesExport compares the contract's tables with real files.
func TestABIIsWhatModulesExport(t *testing.T) {
	table := map[string]string{}
	for _, row := range rows(t, "export", "type", "flavour", "since") {
		table[row[0]] = bare(row[1])
		if row[1] == "memory" {
			table[row[0]] = "memory"
		}
		if row[3] == "" || !slices.Contains([]string{abi.FlavourVerify, abi.FlavourDecide, abi.FlavourFull}, row[2]) {
			t.Errorf("%s: the row has no flavour or no version", row[0])
		}
	}
	imports, decided := map[string]string{}, map[string]bool{} // decided: those that a verification does not use
	for _, row := range rows(t, "module", "function", "type", "build", "since") {
		if row[0] == abi.ImportHost {
			imports[row[1]], decided[row[1]] = bare(row[2]), row[3] == "accelerated: decide, full"
		}
	}
	for _, flavour := range []string{abi.FlavourVerify, abi.FlavourDecide, abi.FlavourFull} {
		for _, accelerated := range []bool{false, true} {
			r := guest(t, flavour, accelerated)
			m, err := wasmfile.Parse(r.Module)
			if err != nil {
				t.Fatal(err)
			}
			compareExports(t, m, table)
			want := map[string]string{}
			if accelerated {
				want = maps.Clone(imports)
				maps.DeleteFunc(want, func(name, _ string) bool { return flavour == abi.FlavourVerify && decided[name] })
			}
			compareImports(t, m, want)
			compareManifest(t, r, flavour, accelerated)
		}
	}
}

func compareExports(t *testing.T, m *wasmfile.Module, table map[string]string) {
	t.Helper()
	for _, e := range m.Exports {
		got := "memory"
		if f, ok := m.FuncType(e.Index); ok && e.Kind == wasmfile.Func {
			got = signature(f)
		}
		if want, ok := table[e.Name]; !ok || want != got {
			t.Errorf("the module exports %s as %s, ABI.md has it as %q", e.Name, got, want)
		}
	}
	for name := range table {
		if _, ok := m.Export(name); !ok {
			t.Errorf("ABI.md has %s, the module does not", name)
		}
	}
}

func compareImports(t *testing.T, m *wasmfile.Module, want map[string]string) {
	t.Helper()
	found := 0
	for _, i := range m.Imports {
		switch i.Module {
		case abi.ImportWASI:
		case abi.ImportHost:
			found++
			if got := signature(m.Types[i.Type]); want[i.Name] != got {
				t.Errorf("the module imports %s as %s, ABI.md has it as %q", i.Name, got, want[i.Name])
			}
		default:
			t.Errorf("the module imports from %q", i.Module)
		}
	}
	if found != len(want) {
		t.Errorf("%d functions of the host are imported, want %d", found, len(want))
	}
}

func compareManifest(t *testing.T, r *build.Result, flavour string, accelerated bool) {
	t.Helper()
	m, err := wasmfile.Parse(r.Module)
	if err != nil {
		t.Fatal(err)
	}
	section, ok := m.Custom(abi.ManifestSection)
	if !ok {
		t.Fatal("the module has no manifest")
	}
	inside, err := build.ParseManifest(section)
	if err != nil {
		t.Fatal(err)
	}
	beside, err := build.ParseManifest(r.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	if beside.Bytes != len(r.Module) || len(beside.SHA256) != 64 {
		t.Errorf("the manifest is of another file: %+v", beside)
	}
	if inside.Flavour != flavour || inside.Accelerated != accelerated || inside.ABI != abi.Version || inside.BuiltMs != abi.BuiltMs {
		t.Errorf("the manifest says %+v", inside)
	}
	if !slices.Equal(inside.Exports, beside.Exports) || len(inside.Exports) != len(m.Exports) || len(inside.Imports) != len(m.Imports) {
		t.Error("the manifest's imports or exports are not the file's")
	}
}

// maxBytes bounds the modules before compression. Compressed with brotli they are a fifth
// to a sixth of it; make wasm weighs that. What breaks a bound is nearly
// always a new import.
var maxBytes = map[string]int{abi.FlavourVerify: 3_400_000, abi.FlavourDecide: 5_000_000, abi.FlavourFull: 9_800_000}

func TestModulesStaySmall(t *testing.T) {
	for flavour, most := range maxBytes {
		n := len(guest(t, flavour, false).Module)
		t.Logf("%s: %d bytes", flavour, n)
		if n > most {
			t.Errorf("%s has %d bytes, more than %d: look for a new import", flavour, n, most)
		}
	}
}

func TestGuestRefusesOptions(t *testing.T) {
	if _, err := build.Guest(t.Context(), build.Options{Flavour: "tiny"}); !errors.Is(err, build.ErrOptions) {
		t.Errorf("%v", err)
	}
	if _, err := build.Guest(t.Context(), build.Options{Root: t.TempDir(), Flavour: abi.FlavourVerify}); !errors.Is(err, build.ErrGo) {
		t.Errorf("%v", err)
	}
	if _, err := build.Guest(t.Context(), build.Options{Root: "../..", Flavour: abi.FlavourVerify, Go: "no-such-go"}); !errors.Is(err, build.ErrGo) {
		t.Errorf("%v", err)
	}
}

// TestStackTracesTellFunctions: by names without the types of generic functions.
func TestStackTracesTellFunctions(t *testing.T) {
	m, err := wasmfile.Parse(guest(t, abi.FlavourVerify, false).Module)
	if err != nil {
		t.Fatal(err)
	}
	memory, err := m.Image()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"\x00runtime.gopanic\x00": true, "\x00slices.SortFunc[...]\x00": true, "\x00slices.SortFunc[go.shape": false} {
		if bytes.Contains(memory, []byte(name)) != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}
