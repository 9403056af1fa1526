package snapshot_test

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/internal/vectorfile"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/starter"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/build"
	"github.com/issuant/issuant/wasm/module"
	"github.com/issuant/issuant/wasm/snapshot"
	"github.com/issuant/issuant/wasm/wasmtest"
)

// decideGuest and fullGuest are the module, built as releases are.
var (
	decideGuest = guestOnce(abi.FlavourDecide)
	fullGuest   = guestOnce(abi.FlavourFull) // with the algorithms of all vectors
)

// realGuest skips the test where the module would take minutes.
func realGuest(t *testing.T, build func() ([]byte, error)) []byte {
	t.Helper()
	if underRace {
		t.Skip("the module is not compiled under the race detector")
	}
	return must[[]byte](t)(build())
}

func guestOnce(flavour string) func() ([]byte, error) {
	return sync.OnceValues(func() ([]byte, error) {
		r, err := build.Guest(context.Background(), build.Options{Root: "../..", Flavour: flavour})
		if err != nil {
			return nil, err
		}
		return r.Module, nil
	})
}

// requests are inputs of issuant_decide: whole events, and ones that are refused.
func requests(t *testing.T) (list [][]byte) {
	for _, c := range vectorfile.Load(t, "/testdata/vectors/decisions.json").Cases {
		var in struct{ Event json.RawMessage }
		if err := json.Unmarshal(c.Input, &in); err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Appendf(nil, `{"now_ms":%d,"event":%s}`, max(c.NowMS, abi.BuiltMs), in.Event))
	}
	return append(list,
		[]byte(`{"now_ms":1,"event":{}}`), []byte(`{"now_ms":1795478400000,"event":{"no":1}}`),
		[]byte(`{"now_ms":1795478400000,"event":{"id":"e","wallet":{"device_score":1}}}`), []byte(`{`), []byte{})
}

// TestSnapshotOfTheModuleAnswersAsTheEngineDoes: each of the replies of one instance, and
// the first reply of a fresh one, is what the engine gives that runs in this process.
func TestSnapshotOfTheModuleAnswersAsTheEngineDoes(t *testing.T) {
	guest := realGuest(t, decideGuest)
	pack := must[*rules.Pack](t)(starter.Pack())
	loaded := must[[]byte](t)(snapshot.Build(context.Background(), guest, pack.Encode()))
	image := must[*snapshot.Image](t)(snapshot.NewImage(loaded))
	defer image.Close()
	about := image.Manifest()
	if about.PackID != pack.ID() || about.ABI != abi.Version {
		t.Errorf("manifest %+v", about)
	}

	native := newNative(t)
	rt := newRuntime(t)
	compiled, ctx := compileModule(t, rt, image.Module()), image.Context(context.Background())
	long := start(t, rt, compiled, ctx)
	for i, in := range requests(t) {
		want := string(wasmtest.Native(native, wasmtest.Call{Export: abi.ExportDecide, Args: []uint32{1}, Input: in}))
		if got := ask(t, long, about.Handle, in); got != want {
			t.Errorf("request %d:\n%q, want\n%q", i, got, want)
		}
		fresh := start(t, rt, compiled, ctx)
		if got := ask(t, fresh, about.Handle, in); got != want {
			t.Errorf("request %d to a fresh instance:\n%q, want\n%q", i, got, want)
		}
		fresh.Close(ctx)
	}
}

// newNative is the module's code in this process, with the starter pack under handle 1.
func newNative(t *testing.T) *module.Module {
	t.Helper()
	m := must[*module.Module](t)(module.New(module.Options{Flavour: abi.FlavourDecide}))
	pack := must[*rules.Pack](t)(starter.Pack()).Encode()
	if reply := wasmtest.Native(m, wasmtest.Call{Export: abi.ExportLoad, Input: pack}); wasmtest.Code(reply) != 0 {
		t.Fatalf("%q", reply)
	}
	return m
}

func ask(t *testing.T, mod api.Module, handle uint32, in []byte) string {
	t.Helper()
	tray := call(t, mod, abi.ExportIn, uint64(len(in)))
	if !mod.Memory().Write(uint32(tray), in) {
		t.Fatal("the tray lies outside the memory")
	}
	view, ok := mod.Memory().Read(abi.Split(call(t, mod, abi.ExportDecide, uint64(handle), uint64(len(in)))))
	if !ok {
		t.Fatal("the reply lies outside the memory")
	}
	return string(view)
}

// judgedMaps are the functions of the module that make maps, and what bounds the number
// of keys that a sender can put into one, or why there are none. The seeds of all maps
// can be read in a snapshot, so that a sender could choose names that collide.
var judgedMaps = map[string]string{
	"crypto/webhook NormalizeHeader":    "at most abi.MaxHeaders",
	"wasm/module headers":               "at most abi.MaxHeaders, and three times that in JSON, whose values are bounded before",
	"crypto/jose ephemeral":             "its four names are ours",
	"crypto/keyring/jwk ec":             "its names are ours",
	"crypto/webhook parseCavage":        "its four names are ours",
	"crypto/webhook readParams":         "its names are ours",
	"rules AppendJSON":                  "the schema's groups",
	"crypto/webhook Sign":               "it makes messages",
	"crypto/webhook signDeclared":       "it makes messages",
	"crypto/webhook signCompact":        "it makes messages",
	"engine NewMemory":                  "of the gate, which the module does not run: a message is remembered by the host",
	"engine NewWindow":                  "of the velocity window, which the module does not run",
	"engine newSums":                    "of the velocity window",
	"engine newTally":                   "of the velocity window",
	"engine addCorrected":               "of the velocity window",
	"crypto/provision/card Parse":       "its names are ours",
	"crypto/provision/card ParseWallet": "its names are ours",
	"crypto/provision grantAlg":         "its names are ours",
	"crypto/provision/mastercard read":  "its names are ours",
	"wasm/module build":                 "the one card of the call",
	"engine ParseStepUpResult":          "its names are ours",
	"internal/once New":                 "at most its max; of what a host remembers, and an instance does not",
}

// trustedMaps are packages all of whose maps hold what an operator or author wrote: keys,
// settings, packs.
var trustedMaps = map[string][]string{
	"internal/code":     {"All"},
	"crypto/keyring":    {"NewRing"},
	"crypto/webhook":    {"prepared", "templates", "signed"},
	"rules":             {"compile", "memberOfTexts", "append", "sweep", "except", "newIndex", "learn", "divide", "NewList", "check", "NewSchema"},
	"engine":            {"New", "NewGranter", "flips", "candidates"},
	"engine/wire/pismo": {"copyMap", "DefaultRequestors", "Methods", "setOf", "namesOf", "sealed", "names"},
	"wasm/module":       {"readPismo", "readRequestors", "list"},
	"rules/compile":     nil, // all of them: it reads packs
}

// TestNoMapOfTheModuleIsFilledByASender fails for a function in a package of the module
// that makes a map and that nobody has judged yet.
func TestNoMapOfTheModuleIsFilledByASender(t *testing.T) {
	found := 0
	for _, p := range guestPackages(t) {
		for _, fn := range mapMakers(t, p.dir, p.files) {
			found++
			trusted, whole := trustedMaps[p.name]
			if judgedMaps[p.name+" "+fn] == "" && !slices.Contains(trusted, fn) && (!whole || trusted != nil) {
				t.Errorf("%s: %s makes a map: can a sender fill it without a bound? Judge it here", p.name, fn)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d functions make maps: this test does not see them", found)
	}
}

type guestPackage struct {
	name, dir string
	files     []string
}

func guestPackages(t *testing.T) (list []guestPackage) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}}\t{{.Dir}}\t{{range .GoFiles}}{{.}} {{end}}", "./wasm/guest")
	cmd.Dir = testutil.Root(t)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if name, ours := strings.CutPrefix(f[0], "github.com/issuant/issuant/"); ours && len(f) == 3 {
			list = append(list, guestPackage{name, f[1], strings.Fields(f[2])})
		}
	}
	return list
}

// mapMakers are the names of the functions that make maps.
func mapMakers(t *testing.T, dir string, files []string) (names []string) {
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if makesMap(n) && !slices.Contains(names, fn.Name.Name) {
					names = append(names, fn.Name.Name)
				}
				return true
			})
		}
	}
	return names
}

func makesMap(n ast.Node) bool {
	var typ ast.Expr
	switch n := n.(type) {
	case *ast.CallExpr:
		if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "make" && len(n.Args) > 0 {
			typ = n.Args[0]
		}
	case *ast.CompositeLit:
		typ = n.Type
	}
	_, ok := typ.(*ast.MapType)
	return ok
}
