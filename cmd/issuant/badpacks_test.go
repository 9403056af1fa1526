package main

import (
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/rules/compile"
)

// Every bad pack of the compiler ends check with the exit code of its findings,
// in every format, and never with a panic.
func TestCheckOfEveryBadPack(t *testing.T) {
	for _, file := range testutil.Files(t, "/testdata/badpacks/*/want.txt") {
		dir := strings.TrimSuffix(file, "/want.txt")
		if _, err := compile.Dir(dir); err == nil {
			continue // warnings, or faults that stand in its tests
		}
		for _, format := range []string{"pretty", "json", "github", "sarif", "junit"} {
			code, out, errs := runTool(t, t.Context(), nil, "check", "--pack", dir, "--format", format)
			if code != exitCompile || out == "" || errs != "" {
				t.Errorf("%s, %s: exit code %d, %d bytes out, %s", dir, format, code, len(out), errs)
			}
		}
	}
}
