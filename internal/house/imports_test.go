package house_test

import (
	"encoding/json"
	"go/ast"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/testutil"
)

const module = "github.com/issuant/issuant/"

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
	GoFiles    []string
}

// packages lists the packages of the root module, of the tool and of the store.
func packages(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps,GoFiles", "./...", "./cmd/issuant/...", "./store/...")
	cmd.Dir = testutil.Root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	all := map[string]pkg{}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := dec.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimPrefix(p.ImportPath, module)] = p
	}
	if len(all) < 10 {
		t.Fatalf("go list found only %d packages", len(all))
	}
	return all
}

// guest are the packages that the WASM module will link.
var guest = []string{
	"internal/code", "internal/canon", "internal/digest", "internal/strictjson", "internal/keycheck", "internal/jwa", "internal/sfv",
	"rules", "crypto/secret", "crypto/keyring", "crypto/jose", "crypto/webhook",
	"crypto/outbound", "internal/grant", "crypto/provision", "crypto/provision/card", "crypto/provision/mastercard", "crypto/provision/visa",
	"crypto/provision/googlepay", "crypto/provision/samsungpay",
	"engine", "engine/wire/pismo",
	"crypto/trust",
	"internal/accel", "internal/word", "crypto/keyring/jwk", "wasm/abi",
	"internal/evecc", "internal/once",
}

// clockless are other packages that read no clock and draw nothing.
var clockless = []string{"crypto/provision/applepay"}

// banned are what would make the module large, slow to start or impure.
var banned = []string{
	"net/http", "net", "crypto/x509", "encoding/xml", "log/slog", "log", "os/exec", "encoding/json", "text/template",
	"go.yaml.in/yaml", "github.com/expr-lang/expr", "filippo.io/age",
}

func TestGuestPackagesStayLean(t *testing.T) {
	all := packages(t)
	for _, name := range guest {
		p, ok := all[name]
		if !ok {
			t.Errorf("%s does not exist", name)
			continue
		}
		for _, dep := range p.Deps {
			for _, b := range banned {
				if dep == b || strings.HasPrefix(dep, b+"/") && strings.Contains(b, ".") {
					t.Errorf("%s depends on %s", name, dep)
				}
			}
		}
	}
}

// level orders the rooms; a package may import only rooms of a lower level, or
// its own room.
func level(path string) (room string, n int) {
	for _, r := range []struct {
		prefix string
		n      int
	}{
		{"internal/vectorrun", 9}, {"internal/house", 9}, {"internal", 0},
		{"rules/starter", 3}, {"rules/lint", 3}, {"rules/compile", 2}, {"rules", 1},
		{"crypto/secret", 1}, {"crypto/keyring", 2}, {"crypto/jose", 2}, {"crypto/webhook/schemefile", 4}, {"crypto/webhook", 3}, {"crypto/seal", 3}, {"crypto/trust", 3},
		{"crypto/outbound", 3}, {"crypto/provision/profile/profilefile", 4}, {"crypto/provision", 3},
		{"engine/gatehttp", 6}, {"engine/enginetest", 7}, {"engine/packtest", 6}, {"engine/wire", 5}, {"engine", 4},
		{"wasm/abi", 1}, {"wasm/module", 8}, {"wasm/guest", 9}, {"wasm/wasmtest", 9}, {"wasm/build", 2}, {"wasm/mkwasm", 10},
		{"wasm/snapshot", 2}, {"wasm/host", 3},
		{"store/storetest", 8}, {"store", 5}, {"cmd/issuant", 8},
	} {
		if path == r.prefix || strings.HasPrefix(path, r.prefix+"/") {
			return r.prefix, r.n
		}
	}
	return "", -1
}

func TestImportsRunOneWay(t *testing.T) {
	for name, p := range packages(t) {
		room, n := level(name)
		if n < 0 {
			t.Errorf("%s lies in no room that this test knows", name)
		}
		for _, imp := range p.Imports {
			if !strings.HasPrefix(imp, module) {
				continue
			}
			other, m := level(strings.TrimPrefix(imp, module))
			if m >= n && other != room {
				t.Errorf("%s imports %s, against the direction of the rooms", name, imp)
			}
		}
	}
}

func TestOnlyTheCompilerReadsSource(t *testing.T) {
	for name, p := range packages(t) {
		for _, imp := range p.Imports {
			if name == "rules/compile" || name == "internal/strictyaml" || name == "crypto/webhook/schemefile" || name == "crypto/provision/profile/profilefile" || strings.HasPrefix(name, "rules/compile/") || strings.HasPrefix(name, "cmd/issuant") {
				continue
			}
			if strings.HasPrefix(imp, "github.com/expr-lang/expr") || strings.HasPrefix(imp, "go.yaml.in/yaml") {
				t.Errorf("%s imports %s", name, imp)
			}
		}
	}
}

// TestOnlySealKnowsAge: everybody else seals through crypto/seal, and the engine
// takes a function, so that no room of the guest links age.
func TestOnlySealKnowsAge(t *testing.T) {
	for name, p := range packages(t) {
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, "filippo.io/age") && name != "crypto/seal" {
				t.Errorf("%s imports %s", name, imp)
			}
		}
	}
}

// TestHostLinksNoEngine: a service that only hosts the module links wasm/host and
// wasm/abi, and of the rest what holds no engine: snapshots, secrets, small helpers.
func TestHostLinksNoEngine(t *testing.T) {
	p, ok := packages(t)["wasm/host"]
	if !ok {
		t.Fatal("wasm/host does not exist")
	}
	may := []string{"wasm/host", "wasm/abi", "wasm/snapshot", "crypto/secret"}
	for _, dep := range p.Deps {
		if name, ours := strings.CutPrefix(dep, module); ours && !slices.Contains(may, name) && !strings.HasPrefix(name, "internal/") {
			t.Errorf("wasm/host links %s", dep)
		}
	}
}

// TestNothingReadsAClock: inside the pure rooms the instant is an argument, and
// randomness is none.
func TestNothingReadsAClock(t *testing.T) {
	impure := map[string]bool{
		"time.Now": true, "time.Since": true, "time.Until": true, "time.Sleep": true, "time.After": true,
		"time.NewTimer": true, "time.NewTicker": true, "time.AfterFunc": true, "os.Getenv": true, "os.LookupEnv": true,
	}
	// What signs and seals draws its nonces and keys itself: a caller that could hand
	// them in could repeat them.
	draws := map[string]bool{"crypto/jose": true, "internal/evecc": true, "crypto/provision/mastercard": true, "crypto/provision/visa": true}
	for _, name := range append(slices.Clone(guest), clockless...) {
		fset, files := parsed(t, name)
		for _, f := range files {
			for _, imp := range f.Imports {
				if path := imp.Path.Value; !draws[name] && (strings.HasSuffix(path, `rand"`) || strings.HasSuffix(path, `rand/v2"`)) {
					t.Errorf("%s imports %s", fset.Position(imp.Pos()), path)
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if _, ok := n.(*ast.GoStmt); ok {
					t.Errorf("%s starts a goroutine", fset.Position(n.Pos()))
				}
				if sel, ok := n.(*ast.SelectorExpr); ok && impure[oneLine(fset, sel)] {
					t.Errorf("%s uses %s", fset.Position(n.Pos()), oneLine(fset, sel))
				}
				return true
			})
		}
	}
}

func goFiles(t *testing.T, room string) []string {
	t.Helper()
	var files []string
	for _, f := range testutil.Files(t, "/"+room+"/*.go") {
		if !strings.HasSuffix(f, "_test.go") {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		t.Fatalf("%s has no Go file", room)
	}
	return files
}
