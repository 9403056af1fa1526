package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Conditions cannot call methods of values: events hold none, and the compiler of packs
// refuses such calls. Package expr looks for methods all the same, by reflection, and
// Go's linker then keeps every exported method of every type, a sixth of the module.
// The full flavour is linked with a copy of expr in which these places find nothing, and
// without the two functions that read and write JSON, which packs cannot call either.
const exprModule = "github.com/expr-lang/expr"

// exprVersion is the version whose places stand below: another one has to be read anew.
const exprVersion = "v1.17.8"

// place is a text of a file that stands there exactly once.
type place struct{ file, old, new string }

var places = []place{
	{"vm/runtime/runtime.go", "if methodName, ok := i.(string); ok {", "if _, ok := i.(string); ok {"},
	{"vm/runtime/runtime.go", "v.MethodByName(methodName)", "reflect.Value{}"},
	{"vm/runtime/runtime.go", "v.Method(method.Index)", "reflect.Value{}"},
	{"builtin/lib.go", "if methodName, ok := i.(string); ok {", "if _, ok := i.(string); ok {"},
	{"builtin/lib.go", "v.MethodByName(methodName)", "reflect.Value{}"},
	{"builtin/builtin.go", "\t\"encoding/json\"\n", ""},
	{"builtin/builtin.go", `json.MarshalIndent(args[0], "", "  ")`, `[]byte(nil), fmt.Errorf("toJSON is not linked")`},
	{"builtin/builtin.go", "json.Unmarshal([]byte(args[0].(string)), &v)", `fmt.Errorf("fromJSON is not linked")`},
	{"ast/print.go", "\t\"encoding/json\"\n", ""},
	{"ast/print.go", "json.Marshal(n.Value)", `[]byte(fmt.Sprint(n.Value)), error(nil)`}, // for texts of errors
	{"checker/nature/nature.go", "i < n.NumMethods(c)", "i < 0"},
	{"checker/nature/nature.go", "n.Type.Method(i)", "reflect.Method{}"},
	{"checker/nature/utils.go", "s.rType.Method(s.idx)", "reflect.Method{}"},
	{"checker/info.go", "base.MethodByName(name.Value)", "(reflect.Method{Name: name.Value}), false"},
	{"compiler/compiler.go", "_, ok = callee.Node.Type().MethodByName(prop.Value)", "ok = prop == nil"},
}

// rooms are the folders of the checkout that the module is built of.
var rooms = []string{"crypto", "engine", "internal", "rules", "wasm"}

// prepare copies the sources into a folder, with the copy of expr beside them.
func (o *Options) prepare(ctx context.Context, dir string) error {
	root := o.Root
	if root == "" {
		root = "."
	}
	for _, room := range rooms {
		if err := copyGo(filepath.Join(dir, room), filepath.Join(root, room)); err != nil {
			return err
		}
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return err
	}
	where, err := o.run(ctx, "list", "-m", "-f", "{{.Version}} {{.Dir}}", exprModule)
	if err != nil {
		return err
	}
	version, source, _ := strings.Cut(strings.TrimSpace(string(where)), " ")
	if version != exprVersion || source == "" {
		return fmt.Errorf("%w: %s is at %q; the places where it looks for methods are known of %s", ErrLink, exprModule, version, exprVersion)
	}
	if err := copyGo(filepath.Join(dir, "expr"), source); err != nil {
		return err
	}
	if err := patch(filepath.Join(dir, "expr"), places); err != nil {
		return err
	}
	mod = append(mod, "\nreplace "+exprModule+" => ./expr\n"...)
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), mod, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o644)
}

// patch replaces places in copies of files.
func patch(dir string, places []place) error {
	for _, p := range places {
		name := filepath.Join(dir, filepath.FromSlash(p.file))
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if n := strings.Count(string(text), p.old); n != 1 {
			return fmt.Errorf("%w: %s has %q %d times, not once", ErrLink, p.file, p.old, n)
		}
		if err := os.WriteFile(name, []byte(strings.Replace(string(text), p.old, p.new, 1)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// copyGo copies the files of a folder that a build reads: no tests, nothing that is not
// part of a package.
func copyGo(to, from string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch name := d.Name(); {
		case d.IsDir() && slices.Contains([]string{"testdata", "test", "docs", "repl", "debug"}, name):
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		case strings.HasSuffix(name, "_test.go"):
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), text, 0o644)
	})
}
