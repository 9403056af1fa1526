package house_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/testutil"
)

var papers = []string{
	"README.md", "RATIONALE.md", "SECURITY.md", "CONTRIBUTING.md", "RELEASING.md", "CHANGELOG.md",
	"rules/LANGUAGE.md", "testdata/README.md", "benchmarks/METHOD.md", "deploy/OPERATING.md",
	"crypto/keyring/CUSTODY.md", "crypto/webhook/SCHEMES.md", "crypto/provision/README.md", "crypto/provision/GRANTS.md", "rules/starter/provision/FACTS.md",
}

// TestReadmeProgramRuns builds and runs the first Go block of the README, and
// compares what it prints with the block's last comment.
func TestReadmeProgramRuns(t *testing.T) {
	root := testutil.Root(t)
	block := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(testutil.Read(t, filepath.Join(root, "README.md")))
	if block == nil {
		t.Fatal("README.md has no Go block")
	}
	src := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(src, block[1], 0o600); err != nil {
		t.Fatal(err)
	}
	// The overlay puts the program into a folder of the module that does not exist.
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(root, "internal", "house", "readme", "main.go"): src,
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "run", "-overlay", file, "./internal/house/readme")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, want, ok := strings.Cut(string(block[1]), "// Prints: ")
	if !ok {
		t.Fatal("the program does not say what it prints")
	}
	if want, _, _ = strings.Cut(want, "\n"); strings.TrimSpace(string(out)) != want {
		t.Errorf("prints %q, README.md says %q", out, want)
	}
}

var (
	quoted     = regexp.MustCompile("`([^`\n]+)`")
	namePath   = regexp.MustCompile(`^\.?[A-Za-z][A-Za-z0-9_.-]*(/[A-Za-z0-9_.*-]+)+/?$`)
	nameAPI    = regexp.MustCompile(`^([a-z]+)\.([A-Z][A-Za-z0-9]*)(\.([A-Z][A-Za-z0-9]*))?$`)
	nameTest   = regexp.MustCompile(`^(Test|Fuzz|Benchmark|Example)[A-Z]\w*$`)
	nameTarget = regexp.MustCompile(`^make ([a-z-]+)`)
)

// TestPapersNameWhatExists: a paper that names a path, an exported identifier, a
// test or a make target names one that is there.
func TestPapersNameWhatExists(t *testing.T) {
	root := testutil.Root(t)
	api := apiNames(t)
	tests := testNames(t)
	makefile := string(testutil.Read(t, filepath.Join(root, "Makefile")))
	checked := 0
	for _, paper := range papers {
		for _, m := range quoted.FindAllStringSubmatch(string(testutil.Read(t, filepath.Join(root, paper))), -1) {
			name := m[1]
			ok := true
			switch {
			case nameAPI.MatchString(name) && api[nameAPI.FindStringSubmatch(name)[1]] != nil:
				parts := nameAPI.FindStringSubmatch(name)
				ok = api[parts[1]][parts[2]] && (parts[4] == "" || api[parts[1]][parts[4]])
			case nameTest.MatchString(name):
				ok = tests[name]
			case nameTarget.MatchString(name):
				ok = strings.Contains(makefile, "\n"+nameTarget.FindStringSubmatch(name)[1]+":")
			case strings.Contains(name, "vX.Y.Z") || paper == "rules/LANGUAGE.md" && strings.HasPrefix(name, "rules/"):
				continue // a pattern, and a path within a pack
			case namePath.MatchString(name) && ours(root, name):
				ok = exists(root, path.Dir(paper), name)
			default:
				continue
			}
			checked++
			if !ok {
				t.Errorf("%s names `%s`, which does not exist", paper, name)
			}
		}
	}
	if checked < 30 {
		t.Errorf("checked only %d names: the walk is broken", checked)
	}
}

// ours tells our paths from others': the first part is a room or a folder here.
func ours(root, name string) bool {
	first, _, _ := strings.Cut(name, "/")
	switch first {
	case "bindings": // a room of a later release may be named
		return false
	case "bin": // what make writes, which may be there in part
		return false
	}
	_, err := os.Stat(filepath.Join(root, first))
	return err == nil
}

func exists(root, dir, name string) bool {
	for _, base := range []string{root, filepath.Join(root, dir)} {
		if found, _ := filepath.Glob(filepath.Join(base, name)); len(found) > 0 {
			return true
		}
	}
	return false
}

// apiNames reads the golden list: package base name to the names that it exports,
// methods and fields included.
func apiNames(t *testing.T) map[string]map[string]bool {
	t.Helper()
	all := map[string]map[string]bool{}
	var cur map[string]bool
	word := regexp.MustCompile(`[A-Z][A-Za-z0-9]*`)
	for _, line := range strings.Split(string(testutil.Read(t, "/testdata/api.txt")), "\n") {
		if name, ok := strings.CutPrefix(line, "package "); ok {
			cur = map[string]bool{}
			all[path.Base(name)] = cur
			continue
		}
		for _, w := range word.FindAllString(line, -1) {
			cur[w] = true
		}
	}
	return all
}

func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	decl := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)\w*)\(`)
	err := filepath.WalkDir(testutil.Root(t), func(p string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(p, "_test.go") {
			for _, m := range decl.FindAllSubmatch(testutil.Read(t, p), -1) {
				names[string(m[1])] = true
			}
		}
		return err
	})
	if err != nil || len(names) == 0 {
		t.Fatalf("no test found: %v", err)
	}
	return names
}
