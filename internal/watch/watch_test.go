package watch_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/issuant/issuant/internal/watch"
)

const patience = 20 * time.Second

func newWatcher(t *testing.T, paths ...string) *watch.Watcher {
	t.Helper()
	w, err := watch.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	if err := w.Set(paths); err != nil {
		t.Fatal(err)
	}
	return w
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func told(t *testing.T, w *watch.Watcher, what string) {
	t.Helper()
	select {
	case <-w.Events():
	case <-time.After(patience):
		t.Fatal("not told: " + what)
	}
	for { // what belongs to the same change
		select {
		case <-w.Events():
		case <-time.After(400 * time.Millisecond):
			return
		}
	}
}

func TestEveryWayToChangeAFileIsTold(t *testing.T) {
	dir := t.TempDir()
	file, pack := filepath.Join(dir, "a.yaml"), filepath.Join(dir, "pack")
	put(t, file, "1")
	put(t, filepath.Join(pack, "rules", "r.yaml"), "1")
	w := newWatcher(t, file, pack, filepath.Join(dir, "absent.json"))

	put(t, file, "2")
	told(t, w, "a write")
	put(t, filepath.Join(dir, "next"), "3")
	if err := os.Rename(filepath.Join(dir, "next"), file); err != nil {
		t.Fatal(err)
	}
	told(t, w, "another file in its place")
	put(t, file, "4")
	told(t, w, "a write to the other file")
	put(t, filepath.Join(pack, "rules", "r.yaml"), "2")
	told(t, w, "a write in a folder's folder")
	put(t, filepath.Join(dir, "absent.json"), "1")
	told(t, w, "a file that comes")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	told(t, w, "a file that goes")
	if err := os.Chmod(pack, 0o700); err != nil {
		t.Fatal(err)
	}
	told(t, w, "a mode")
}

func TestAMountThatIsExchangedIsTold(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "..1", "a"), "1")
	put(t, filepath.Join(dir, "..2", "a"), "2")
	if err := os.Symlink("..1", filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("..data/a", filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	w := newWatcher(t, filepath.Join(dir, "a"))
	if err := os.Symlink("..2", filepath.Join(dir, "..data_tmp")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	told(t, w, "the link is exchanged")
}

func TestOtherFilesOfTheFolderAreNotTold(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "issuant.yaml")
	put(t, file, "1")
	w := newWatcher(t, file)
	for i := range 5 {
		put(t, filepath.Join(dir, "issuant.db"), string(rune('a'+i)))
	}
	select {
	case <-w.Events():
		t.Error("a database beside the configuration is told")
	case <-time.After(500 * time.Millisecond):
	}
	put(t, file, "2")
	told(t, w, "the file itself")
}

func TestChangesAreToldTogether(t *testing.T) {
	dir := t.TempDir()
	w := newWatcher(t, dir)
	for i := range 200 {
		put(t, filepath.Join(dir, string(rune('a'+i%26))+".yaml"), "x")
	}
	told(t, w, "the changes")
}
