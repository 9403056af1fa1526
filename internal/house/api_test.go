package house_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/testutil"
)

// parsed are the non-test files of one package.
func parsed(t *testing.T, room string) (*token.FileSet, []*ast.File) {
	t.Helper()
	fset := token.NewFileSet()
	var files []*ast.File
	for _, path := range goFiles(t, room) {
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return fset, files
}

// public are the packages that users import.
func public(t *testing.T) []string {
	var names []string
	for name, p := range packages(t) {
		if !strings.HasPrefix(name, "internal") && !strings.HasPrefix(name, "cmd/") && len(p.GoFiles) > 0 && !strings.Contains(name, "/internal/") {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// TestExportedAPI holds the exported names against the golden list: a change of
// the API is seen in review. Rewrite it with: go test ./internal/house -run TestExportedAPI -update
func TestExportedAPI(t *testing.T) {
	var out bytes.Buffer
	for _, name := range public(t) {
		fset, files := parsed(t, name)
		var lines []string
		for _, f := range files {
			for _, d := range f.Decls {
				lines = append(lines, exported(fset, d)...)
			}
		}
		sort.Strings(lines)
		fmt.Fprintf(&out, "package %s\n", name)
		for _, l := range lines {
			fmt.Fprintf(&out, "\t%s\n", l)
		}
		out.WriteByte('\n')
	}
	testutil.Golden(t, filepath.Join(testutil.Root(t), "testdata", "api.txt"), out.Bytes())
}

func exported(fset *token.FileSet, d ast.Decl) []string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if !d.Name.IsExported() || d.Recv != nil && !ast.IsExported(receiver(d)) {
			return nil
		}
		return []string{oneLine(fset, &ast.FuncDecl{Recv: d.Recv, Name: d.Name, Type: d.Type})}
	case *ast.GenDecl:
		var lines []string
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					lines = append(lines, typeLines(fset, s)...)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() {
						lines = append(lines, d.Tok.String()+" "+n.Name)
					}
				}
			}
		}
		return lines
	}
	return nil
}

func receiver(d *ast.FuncDecl) string {
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if id, ok := typ.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

func typeLines(fset *token.FileSet, s *ast.TypeSpec) []string {
	head := "type " + s.Name.Name
	switch typ := s.Type.(type) {
	case *ast.StructType:
		lines := []string{head + " struct"}
		for _, f := range typ.Fields.List {
			for _, n := range f.Names {
				if n.IsExported() {
					lines = append(lines, head+" struct, "+n.Name+" "+oneLine(fset, f.Type))
				}
			}
			if len(f.Names) == 0 {
				lines = append(lines, head+" struct, embeds "+oneLine(fset, f.Type))
			}
		}
		return lines
	case *ast.InterfaceType:
		lines := []string{head + " interface"}
		for _, m := range typ.Methods.List {
			for _, n := range m.Names {
				lines = append(lines, head+" interface, "+n.Name+strings.TrimPrefix(oneLine(fset, m.Type), "func"))
			}
		}
		return lines
	}
	return []string{head + " " + oneLine(fset, s.Type)}
}

func oneLine(fset *token.FileSet, node any) string {
	var b bytes.Buffer
	if err := format.Node(&b, fset, node); err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// TestEveryExportedErrorHasACode: an exported ErrX is made by code.New (or wraps
// one), an exported XError has a method Code() uint32.
func TestEveryExportedErrorHasACode(t *testing.T) {
	found := 0
	for _, name := range public(t) {
		fset, files := parsed(t, name)
		coded, types := map[string]bool{}, map[string]token.Pos{}
		for _, f := range files {
			for _, d := range f.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					if d.Recv != nil && d.Name.Name == "Code" && strings.HasSuffix(oneLine(fset, d.Type), "uint32") {
						coded[receiver(d)] = true
					}
				case *ast.GenDecl:
					found += checkSentinels(t, fset, d)
					for _, spec := range d.Specs {
						if s, ok := spec.(*ast.TypeSpec); ok && s.Name.IsExported() && strings.HasSuffix(s.Name.Name, "Error") {
							types[s.Name.Name] = s.Pos()
						}
					}
				}
			}
		}
		for typ, pos := range types {
			found++
			if !coded[typ] {
				t.Errorf("%s: %s.%s has no method Code() uint32", fset.Position(pos), name, typ)
			}
		}
	}
	if found < 10 {
		t.Errorf("found only %d exported errors: the walk is broken", found)
	}
}

// coded matches a sentinel that is made here, or shared with another package.
var coded = regexp.MustCompile(`^(code\.New\(code\.[A-Z]|[a-z]+\.Err[A-Z]\w*$)`)

func checkSentinels(t *testing.T, fset *token.FileSet, d *ast.GenDecl) (found int) {
	for _, spec := range d.Specs {
		s, ok := spec.(*ast.ValueSpec)
		if !ok || d.Tok != token.VAR {
			continue
		}
		for i, n := range s.Names {
			if !n.IsExported() || !strings.HasPrefix(n.Name, "Err") {
				continue
			}
			found++
			if i >= len(s.Values) || !coded.MatchString(oneLine(fset, s.Values[i])) {
				t.Errorf("%s: %s is neither made by code.New nor one that another package made", fset.Position(n.Pos()), n.Name)
			}
		}
	}
	return found
}

// TestExportedNamesAreDocumented: a doc comment on every exported type, function
// and method of a public package.
func TestExportedNamesAreDocumented(t *testing.T) {
	for _, name := range public(t) {
		fset, files := parsed(t, name)
		packageDoc := false
		for _, f := range files {
			packageDoc = packageDoc || f.Doc != nil
			for _, d := range f.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || ast.IsExported(receiver(d)) && !obvious[d.Name.Name]) {
						t.Errorf("%s: %s has no doc comment", fset.Position(d.Pos()), d.Name.Name)
					}
				case *ast.GenDecl:
					for _, spec := range d.Specs {
						if s, ok := spec.(*ast.TypeSpec); ok && s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
							t.Errorf("%s: %s has no doc comment", fset.Position(s.Pos()), s.Name.Name)
						}
					}
				}
			}
		}
		if !packageDoc {
			t.Errorf("package %s has no package comment", name)
		}
	}
}

// obvious are methods whose meaning the standard library fixes.
var obvious = map[string]bool{"Error": true, "Unwrap": true, "Is": true, "String": true, "Len": true, "Less": true, "Swap": true}
