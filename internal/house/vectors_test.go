package house_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/internal/vectorfile"
)

// TestEveryVectorFileIsRun: every file keeps the format, its kind is described for
// readers in other languages, and some package's test names it.
func TestEveryVectorFileIsRun(t *testing.T) {
	root := testutil.Root(t)
	readme := string(testutil.Read(t, "/testdata/README.md"))
	var sources strings.Builder
	err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(p, "_test.go") && !strings.Contains(p, "internal/house") {
			sources.Write(testutil.Read(t, p))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range testutil.Files(t, "/testdata/vectors/*.json") {
		f, name := vectorfile.Load(t, path), filepath.Base(path)
		if !strings.Contains(readme, "`"+f.Kind+"`") {
			t.Errorf("%s is of the kind %q, which testdata/README.md does not describe", name, f.Kind)
		}
		if !strings.Contains(sources.String(), "vectors/"+name) && !strings.Contains(sources.String(), `"`+name+`"`) {
			t.Errorf("no test names %s", name)
		}
	}
}
