package compile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/rules/compile"
)

// findings returns the text of everything that is wrong with a pack: its
// diagnostics, warnings included, and those of its tests when it compiles.
func findings(t *testing.T, dir string) string {
	t.Helper()
	fsys := os.DirFS(dir)
	p, found, more := compile.Check(fsys, compile.Options{})
	if more != 0 {
		t.Errorf("%d more", more)
	}
	var b strings.Builder
	for _, d := range found {
		b.WriteString(d.String())
		checkDiagnostic(t, d)
	}
	_, err := compile.FS(fsys, compile.Options{})
	if (p == nil) != (err != nil) {
		t.Errorf("Check and FS disagree: %v", err)
	}
	if err != nil && !strings.HasPrefix(err.Error(), b.String()) {
		t.Errorf("FS says otherwise than Check: %v", err)
	}
	if p != nil {
		if _, err := compile.Tests(fsys, p); err != nil {
			b.WriteString(err.Error() + "\n")
		}
	}
	return b.String()
}

func checkDiagnostic(t *testing.T, d compile.Diagnostic) {
	t.Helper()
	if d.Line > 0 && (d.Column < 1 || d.EndColumn <= d.Column || d.Snippet == "") {
		t.Errorf("%s: columns %d to %d, snippet %q", d.Code, d.Column, d.EndColumn, d.Snippet)
	}
	if strings.Contains(d.String(), "4111") || strings.Contains(d.String(), "5500") {
		if !strings.Contains(d.String(), "411111") || strings.Contains(d.String(), "1111 1111") {
			t.Errorf("a diagnostic repeats a card number: %s", d)
		}
	}
}

// TestBadPacks compares the whole text of the diagnostics of each bad pack, carets
// included, and sees that together they show every code.
func TestBadPacks(t *testing.T) {
	unseen := map[string]bool{}
	for _, c := range compile.Codes() {
		unseen[c.Code] = !strings.HasPrefix(c.Code, "R07") // of fmt, not of the compiler
	}
	for _, want := range testutil.Files(t, "/testdata/badpacks/*/want.txt") {
		dir := filepath.Dir(want)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			got := findings(t, dir)
			if got == "" {
				t.Error("the pack has no findings")
			}
			for c := range unseen {
				if strings.Contains(got, " "+c+": ") {
					delete(unseen, c)
				}
			}
			testutil.Golden(t, want, []byte(got))
		})
	}
	for c, missing := range unseen {
		if missing {
			t.Errorf("no bad pack shows %s", c)
		}
	}
}
