package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/issuant/issuant/cmd/issuant/internal/modules"
	"github.com/issuant/issuant/internal/digest"
	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/internal/wasmfile"
	"github.com/issuant/issuant/wasm/abi"
)

// wasmFolder is a folder in which the tool runs, with caches of its own.
type wasmFolder struct{ *testing.T }

func newWASMFolder(t *testing.T) *wasmFolder {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Chdir(dir)
	return &wasmFolder{t}
}

// run runs issuant, and fails when it ends with another code.
func (f *wasmFolder) run(want int, args ...string) (out, errs string) {
	f.Helper()
	code, out, errs := runTool(f.T, f.Context(), nil, args...)
	if code != want {
		f.Errorf("issuant %s: exit code %d, want %d\n%.500s%s", strings.Join(args, " "), code, want, out, errs)
	}
	if code != 0 && strings.Count(errs, "\n") > 1 {
		f.Errorf("issuant %s: not one line: %q", strings.Join(args, " "), errs)
	}
	return out, errs
}

func (f *wasmFolder) put(name string, data []byte) string {
	f.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		f.Fatal(err)
	}
	return name
}

// smallModule is a module with an initialiser, as little as there can be.
func smallModule(change func(m *wasmfile.Module)) []byte {
	m, err := wasmfile.Parse([]byte("\x00asm\x01\x00\x00\x00"))
	if err != nil {
		panic(err)
	}
	m.Imports = []wasmfile.Import{{Module: "env", Name: "a\x1b[31m\n", Kind: wasmfile.Global, Global: wasmfile.GlobalType{Type: wasmfile.I32}}}
	m.Memories = []wasmfile.Limits{{Min: 1, Max: 2, HasMax: true}}
	i := m.AddFunc(wasmfile.FuncType{}, []byte{0, 0x0b})
	m.Exports = []wasmfile.Export{{Name: "_initialize", Kind: wasmfile.Func, Index: i}, {Name: "memory", Kind: wasmfile.Memory}}
	change(m)
	return m.Encode()
}

func TestWASMInspectShowsAnyModule(t *testing.T) {
	f := newWASMFolder(t)
	f.put("small.wasm", smallModule(func(m *wasmfile.Module) {
		m.AddCustom(abi.ManifestSection, []byte("{\n \"flavour\": \"none\"\n}"))
	}))
	out, _ := f.run(0, "wasm", "inspect", "small.wasm")
	for _, want := range []string{"manifest   flavour none\n", "_initialize () -> ()", "1 pages of 64 KiB at the start, at most 2", "1 import\n", "2 exports\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Errorf("a name in the module steers the terminal: %q", out)
	}
	out, _ = f.run(0, "wasm", "inspect", "small.wasm", "--format", "json")
	var got struct {
		Manifest struct{ Flavour string }
		Memory   struct{ Min, Max int } `json:"memory_pages"`
		Exports  []struct{ Name, Kind, Type string }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || strings.Count(out, "\n") != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	if got.Manifest.Flavour != "none" || got.Memory.Max != 2 || got.Exports[0].Type != "() -> ()" {
		t.Errorf("%+v", got)
	}
}

func TestWASMVerbsRefuseBadInput(t *testing.T) {
	f := newWASMFolder(t)
	small := smallModule(func(*wasmfile.Module) {})
	f.put("small.wasm", small)
	f.put("text.wasm", []byte("(module)"))
	f.put("empty.wasm", nil)
	f.put("cut.wasm", small[:len(small)-3])
	f.put("manifest.wasm", smallModule(func(m *wasmfile.Module) { m.AddCustom(abi.ManifestSection, []byte("[")) }))
	f.put("snapshot.wasm", smallModule(func(m *wasmfile.Module) { m.AddCustom(abi.SnapshotSection, []byte("{}")) }))
	f.put("start.wasm", smallModule(func(m *wasmfile.Module) { m.Exports[0].Name = "_start" }))
	f.put("e.json", []byte(`{"id":"e"}`))
	f.put("bad.ring", []byte(`{`))
	f.put("r.http", []byte("POST / HTTP/1.1\r\n\r\n"))
	if err := os.Mkdir("folder", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		code int
		args string
		want string
	}{
		{4, "inspect text.wasm", "no WebAssembly module"},
		{4, "inspect empty.wasm", "no WebAssembly module"},
		{4, "inspect cut.wasm", "should follow"},
		{4, "inspect manifest.wasm", "issuant.manifest is no JSON object"},
		{4, "inspect snapshot.wasm", "issuant.snapshot"},
		{2, "inspect missing.wasm", "no such file"},
		{2, "inspect folder", "is a directory"},
		{2, "inspect", "name a module FILE"},
		{2, "inspect small.wasm text.wasm", "one module"},
		{2, "inspect small.wasm --format xml", "--format"},
		{2, "", "say what to do: adapt, build, inspect, run"},
		{2, "inspekt", "did you mean"},
		{2, "adapt small.wasm -o out.wasm", "--start"},
		{2, "adapt small.wasm --start", "-o names"},
		{4, "adapt start.wasm --start -o out.wasm", "exports _start already"},
		{4, "adapt text.wasm --start -o out.wasm", "no WebAssembly module"},
		{2, "adapt small.wasm --start -o folder/none/out.wasm", "--output"},
		{2, "build --flavour fast", "is not one of verify, decide, full"},
		{2, "build --pack x", "--snapshot"},
		{2, "build --snapshot", "-o names"},
		{2, "build --snapshot --pack missing -o out.wasm", "--pack"},
		{2, "build --module small.wasm --flavour full -o out.wasm", "--module names one module"},
		{2, "build --module small.wasm", "-o names"},
		{4, "build --module text.wasm -o out.wasm", "no WebAssembly module"},
		{4, "build --module small.wasm --snapshot -o out.wasm", "no function issuant_abi"},
		{4, "run --module text.wasm -i e.json", "no WebAssembly module"},
		{4, "run --module small.wasm -i e.json", "not a module that may run here"},
		{2, "run --module small.wasm -i missing.json", "no such file"}, // said before anything is compiled
		{2, "run --module small.wasm -i e.json --now yesterday", "--now"},
		{2, "run --module small.wasm --ring bad.ring -i e.json", "--request"},
		{2, "run --module small.wasm --request r.http", "--ring FILE and --scheme NAME"},
		{2, "run --module small.wasm --request r.http --ring missing --scheme pismo", "no such file"},
		{4, "run --module small.wasm --request e.json --ring bad.ring --scheme pismo", "request message"},
	} {
		_, errs := f.run(tt.code, append([]string{"wasm"}, strings.Fields(tt.args)...)...)
		if !strings.Contains(errs, tt.want) {
			t.Errorf("issuant wasm %s: %q, want %q", tt.args, errs, tt.want)
		}
	}
	if _, err := os.Stat("out.wasm"); err == nil {
		t.Error("something was written all the same")
	}
	if err := os.Chmod("bad.ring", 0o644); err != nil {
		t.Fatal(err)
	}
	if _, errs := f.run(5, "wasm", "run", "--module", "small.wasm", "--request", "r.http", "--ring", "bad.ring", "--scheme", "pismo"); !strings.Contains(errs, "chmod 600") {
		t.Errorf("%q", errs)
	}
}

func TestWASMAdaptRenamesTheInitialiser(t *testing.T) {
	f := newWASMFolder(t)
	f.put("small.wasm", smallModule(func(*wasmfile.Module) {}))
	out, _ := f.run(0, "wasm", "adapt", "small.wasm", "--start", "-o", "start.wasm", "--format", "json")
	data := testutil.Read(t, "start.wasm")
	if !strings.Contains(out, digest.Of(data)) {
		t.Errorf("%s", out)
	}
	m, err := wasmfile.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := m.Export("_start"); !ok || e.Index != 0 {
		t.Errorf("%+v", m.Exports)
	}
	if _, ok := m.Export("_initialize"); ok {
		t.Error("the initialiser has both names")
	}
}

// TestWASMRunDecidesAsEvalDoes builds the module as the tool does, and holds what it
// prints to what eval prints: for one event, for many, for ones that are none, and from a
// snapshot.
func TestWASMRunDecidesAsEvalDoes(t *testing.T) {
	if underRace {
		t.Skip("the module is not compiled under the race detector")
	}
	f := newWASMFolder(t)
	f.put("red.json", []byte(`{"id": "e1", "verify": {"cvv": "fail"}}`))
	f.put("bad.json", []byte("{\"id\": \"e1\",\n \"card\": {\"staus\": 1}}"))
	f.put("two.json", []byte("{}\n{}"))
	f.put("empty.json", nil)
	f.put("events.ndjson", []byte("{\"id\":\"a\"}\n{\"x\":1}\n{\n{\"id\":\"b\",\"wallet\":{\"device_score\":1}}\n\n{\"id\":\"c\",\"id\":\"d\"}\n"))
	out, _ := f.run(0, "wasm", "build", "--flavour", "decide", "--format", "json")
	var built struct {
		File, SHA256 string
		Bytes        int
	}
	if err := json.Unmarshal([]byte(out), &built); err != nil || built.File != "issuant-decide.wasm" || built.SHA256 != digest.Of(testutil.Read(t, built.File)) {
		t.Fatalf("%v: %s", err, out)
	}
	f.run(0, "wasm", "build", "--module", built.File, "--snapshot", "-o", "starter.wasm")
	out, _ = f.run(0, "wasm", "inspect", "starter.wasm", "--format", "json")
	if !strings.Contains(out, fmt.Sprintf(`"guest_sha256":%q,"handle":1,"pack_id":%q`, built.SHA256, mustPack(t).ID())) {
		t.Errorf("%.700s", out)
	}

	const now = "2026-11-24T10:00:00Z"
	for _, in := range []struct {
		code         int
		module, args string
	}{
		{4, "starter.wasm", "--stream -i events.ndjson"},
		{0, built.File, "-i red.json --interpreter"}, {4, "starter.wasm", "-i bad.json --interpreter"},
		{4, "starter.wasm", "-i two.json --interpreter"}, {4, "starter.wasm", "-i empty.json --interpreter"},
	} {
		args := append([]string{"--now", now}, strings.Fields(in.args)...)
		wantOut, wantErr := f.run(in.code, strings.Fields("eval --format json "+strings.TrimSuffix(strings.Join(args, " "), " --interpreter"))...)
		out, errs := f.run(in.code, append([]string{"wasm", "run", "--module", in.module}, args...)...)
		if out != wantOut || errs != wantErr {
			t.Errorf("%s %s:\n%s%swant:\n%s%s", in.module, in.args, out, errs, wantOut, wantErr)
		}
	}
	if _, errs := f.run(4, "wasm", "run", "--module", "starter.wasm", "--interpreter", "-i", "red.json", "--now", "2020-01-01T00:00:00Z"); !strings.Contains(errs, "(352)") {
		t.Errorf("%q", errs)
	}
}

// TestModulesSayWhatIsMissing: without a module, its source or a toolchain.
func TestModulesSayWhatIsMissing(t *testing.T) {
	if modules.Embedded() {
		t.Skip("this tool carries the modules")
	}
	f := newWASMFolder(t)
	t.Setenv("PATH", t.TempDir())
	if _, errs := f.run(6, "wasm", "build"); !strings.Contains(errs, "install Go") {
		t.Errorf("%q", errs)
	}
}
