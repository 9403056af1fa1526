// Package testutil is what the tests of this module share. It is the only way
// in which they list files: a pattern that matches nothing fails the test.
package testutil

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite golden files instead of comparing with them")

// Root returns the root folder of the repository.
func Root(tb testing.TB) string {
	tb.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		tb.Fatal("testutil: no caller information")
	}
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// Files returns the files that match the pattern, sorted, and fails when there is none.
// A pattern that starts with "/" is taken from the root of the repository.
func Files(tb testing.TB, pattern string) []string {
	tb.Helper()
	if strings.HasPrefix(pattern, "/") {
		pattern = filepath.Join(Root(tb), pattern)
	}
	files, err := filepath.Glob(pattern)
	if err != nil {
		tb.Fatalf("testutil: pattern %q: %v", pattern, err)
	}
	if len(files) == 0 {
		tb.Fatalf("testutil: pattern %q matches no file", pattern)
	}
	return files
}

// Read returns the contents of a file, and fails when it cannot be read.
func Read(tb testing.TB, path string) []byte {
	tb.Helper()
	if strings.HasPrefix(path, "/testdata/") {
		path = filepath.Join(Root(tb), path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// Golden compares got with the file, whole; "go test -update" rewrites it.
func Golden(tb testing.TB, path string, got []byte) {
	tb.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			tb.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		tb.Fatalf("%v (write it with: go test -run %q -update)", err, tb.Name())
	}
	if string(want) != string(got) {
		tb.Errorf("differs from %s:\n--- got\n%s\n--- want\n%s", path, got, want)
	}
}

// InFIPSOnly runs the calling test again, in a process with GODEBUG=fips140=only, and
// reports whether this is that process: the caller then does its work, and returns
// where it is not.
func InFIPSOnly(t *testing.T) bool {
	t.Helper()
	const mark = "ISSUANT_TEST_IN_FIPS_ONLY"
	if os.Getenv(mark) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), mark+"=1", "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("in FIPS 140-only mode: %v\n%s", err, out)
	}
	return false
}

// Mutations returns n messages that differ from msg: flipped bits, parts that are cut
// off, left out, doubled, exchanged or written in another alphabet, bytes put in. The
// same seed gives the same ones.
func Mutations(msg []byte, n int, seed uint64) [][]byte {
	r := rand.New(rand.NewPCG(seed, uint64(len(msg))))
	var out [][]byte
	for len(out) < n {
		if b := mutate(bytes.Clone(msg), r); !bytes.Equal(b, msg) {
			out = append(out, b)
		}
	}
	return out
}

func mutate(b []byte, r *rand.Rand) []byte {
	i, j := r.IntN(len(b)), r.IntN(len(b))
	i, j = min(i, j), max(i, j)
	switch r.IntN(10) {
	case 0:
		return b[:i]
	case 1:
		return b[i:]
	case 2: // a part left out
		return append(b[:i], b[j:]...)
	case 3: // a part doubled
		return slices.Concat(b[:j], b[i:])
	case 4: // two bytes exchanged
		b[i], b[j] = b[j], b[i]
	case 5: // a byte put in that readers like to skip or to take for another
		return slices.Insert(b, i, "\r\n \t=.-_+/\"{}\x00"[r.IntN(14)])
	case 6: // letters in the other case, from here to there
		copy(b[i:j], bytes.ToUpper(b[i:j]))
	case 7: // the other Base64 alphabet
		copy(b, strings.NewReplacer("-", "+", "_", "/").Replace(string(b)))
		b[i] ^= 1
	default:
		b[i] ^= 1 << r.IntN(8)
	}
	return b
}
