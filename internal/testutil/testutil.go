// Package testutil is what the tests of this module share. It is the only way
// in which they list files: a pattern that matches nothing fails the test.
package testutil

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
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
