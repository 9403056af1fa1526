package testutil_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/testutil"
)

// recorder is a testing.TB that remembers a failure instead of failing.
type recorder struct {
	testing.TB
	failed string
}

func (r *recorder) Helper()      {}
func (r *recorder) Name() string { return "TestX" }
func (r *recorder) Fatalf(format string, _ ...any) {
	r.failed = format
	panic(r)
}
func (r *recorder) Errorf(format string, _ ...any) { r.failed = format }

func failure(t *testing.T, f func(testing.TB)) (msg string) {
	t.Helper()
	r := &recorder{TB: t}
	defer func() {
		if p := recover(); p != nil && p != any(r) {
			panic(p)
		}
		msg = r.failed
	}()
	f(r)
	return r.failed
}

func TestFilesFailsWhenNothingMatches(t *testing.T) {
	if msg := failure(t, func(tb testing.TB) { testutil.Files(tb, "testdata/none/*.json") }); !strings.Contains(msg, "no file") {
		t.Errorf("an empty glob passed: %q", msg)
	}
	if msg := failure(t, func(tb testing.TB) { testutil.Files(tb, "[") }); msg == "" {
		t.Error("a broken pattern passed")
	}
	if files := testutil.Files(t, "/go.mod"); len(files) != 1 {
		t.Errorf("got %v", files)
	}
}

func TestGoldenFailsOnADifference(t *testing.T) {
	path := filepath.Join(t.TempDir(), "want.txt")
	if err := os.WriteFile(path, []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	testutil.Golden(t, path, []byte("a"))
	if msg := failure(t, func(tb testing.TB) { testutil.Golden(tb, path, []byte("b")) }); !strings.Contains(msg, "differs") {
		t.Errorf("a difference passed: %q", msg)
	}
	if msg := failure(t, func(tb testing.TB) { testutil.Golden(tb, path+"x", []byte("b")) }); msg == "" {
		t.Error("a missing golden file passed")
	}
}

func TestMutationsDifferFromTheirMessage(t *testing.T) {
	const msg = `{"a":"YWJj.ZGVm-_"}`
	all := testutil.Mutations([]byte(msg), 2000, 1)
	kinds := map[string]bool{}
	for _, m := range all {
		if string(m) == msg {
			t.Fatal("a mutation is the message")
		}
		kinds[string(m)] = true
	}
	if len(all) != 2000 || len(kinds) < 500 {
		t.Errorf("%d mutations, %d of them different", len(all), len(kinds))
	}
	if again := testutil.Mutations([]byte(msg), 2000, 1); string(again[1999]) != string(all[1999]) {
		t.Error("the same seed gives others")
	}
}
