package outfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/issuant/issuant/cmd/issuant/internal/outfile"
)

func TestNewNeverTakesThePlaceOfAFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "k")
	if err := outfile.New(name, []byte("one"), outfile.Secret); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(name); err != nil || st.Mode().Perm() != 0o600 {
		t.Error(st, err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, taken := range []string{"k", "link", "."} {
		if err := outfile.New(filepath.Join(dir, taken), []byte("two"), outfile.Secret); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", taken, err)
		}
	}
	if data, err := os.ReadFile(name); err != nil || string(data) != "one" {
		t.Errorf("%q %v", data, err)
	}
	if err := outfile.New(filepath.Join(dir, "missing", "k"), nil, outfile.Secret); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	// Of many at once, one wins.
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if outfile.New(filepath.Join(dir, "race"), []byte{byte(i)}, outfile.Secret) == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	entries, _ := os.ReadDir(dir)
	if won.Load() != 1 || len(entries) != 3 {
		t.Errorf("%d winners, files %v", won.Load(), entries)
	}
}

func TestReplaceKeepsModeAndLink(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if os.WriteFile(real, []byte("old"), 0o640) != nil || os.Symlink("real", link) != nil {
		t.Fatal("set-up")
	}
	if err := outfile.Replace(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	st, err := os.Lstat(link)
	data, rerr := os.ReadFile(real)
	mode, merr := os.Stat(real)
	if err != nil || rerr != nil || merr != nil || st.Mode()&fs.ModeSymlink == 0 || string(data) != "new" || mode.Mode().Perm() != 0o640 {
		t.Error(st, string(data), mode, err, rerr, merr)
	}
	if err := outfile.Replace(filepath.Join(dir, "missing"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Error("something is left behind:", entries)
	}
}
