package filemode

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// mode is a file of that mode, for checkSecret.
type mode fs.FileMode

func (m mode) Name() string       { return "f" }
func (m mode) Size() int64        { return 0 }
func (m mode) Mode() fs.FileMode  { return fs.FileMode(m) }
func (m mode) ModTime() time.Time { return time.Time{} }
func (m mode) IsDir() bool        { return false }
func (m mode) Sys() any           { return nil }

func TestASecretIsForItsReaderAlone(t *testing.T) {
	for _, c := range []struct {
		mode fs.FileMode
		who  owner
		ok   bool
	}{
		{0o600, us, true}, {0o400, us, true}, {0o700, us, true}, {0o640, us, false}, {0o440, us, false}, {0o604, us, false}, {0o644, us, false}, {0o620, us, false},
		{0o600, root, true}, {0o440, root, true}, {0o640, root, true}, {0o660, root, false}, {0o644, root, false}, {0o441, root, false},
		{0o600, someone, true}, {0o640, someone, false}, {0o777, unknown, true},
	} {
		if err := checkSecret(mode(c.mode), c.who); (err == nil) != c.ok {
			t.Errorf("%04o of owner %d: %v", c.mode, c.who, err)
		}
	}
}

func TestWhatIsTrustedIsNotForOthersToChange(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file, dir fs.FileMode
		group, ok bool
	}{
		{0o644, 0o755, true, true}, {0o664, 0o755, false, true}, {0o664, 0o755, true, false}, {0o646, 0o755, false, false},
		{0o644, 0o777, false, false}, {0o644, 0o777 | fs.ModeSticky, false, true}, {0o644, 0o775, true, true},
	} {
		if os.Chmod(name, c.file) != nil || os.Chmod(dir, c.dir) != nil {
			t.Fatal("chmod")
		}
		if err := CheckTrusted(name, c.group); (err == nil) != c.ok {
			t.Errorf("%v in %v: %v", c.file, c.dir, err)
		}
	}
}
