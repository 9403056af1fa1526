package server

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
)

const maxSmallFile = 1 << 20 // bytes, inclusive; of key, token and certificate files

// fileFault says what is wrong with a file that a setting names: one that is missing
// is a mistake of the configuration, everything else one of the file.
func fileFault(place, key, name string, err error) config.Fault {
	class := config.BadKeyFile
	if errors.Is(err, fs.ErrNotExist) {
		class = config.BadSetting
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return config.Fault{Place: place, Key: key, Msg: fmt.Sprintf("%s: %v", name, err), Class: class}
}

// secretFault is fileFault for the file of a secret. A name that leads nowhere is not
// shown: it may be the secret itself, in the wrong place.
func secretFault(place, key, name string, err error) config.Fault {
	f := fileFault(place, key, name, err)
	if f.Class == config.BadSetting || strings.Contains(f.Msg, "name too long") {
		f.Msg = "names a file that does not exist; the secret itself does not belong here"
	}
	return f
}

// readSecret reads a file that nobody but its reader may see.
func readSecret(name string) ([]byte, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if err := checkSecret(st, ownerOf(st)); err != nil {
		return nil, err
	}
	return readSmall(name)
}

// The owner of a file, as far as its permissions are judged.
type owner uint8

const (
	someone owner = iota // neither root nor we
	us
	root    // and we are not
	unknown // the system has no such permissions
)

// checkSecret follows PostgreSQL's rule: a secret is for its owner alone; one that
// root owns may be read by its group, since that is how platforms hand secrets to a
// process that is not root.
func checkSecret(st fs.FileInfo, who owner) error {
	mode := st.Mode().Perm()
	switch {
	case who == unknown:
		return nil
	case who == root && mode&0o027 == 0:
		return nil
	case mode&0o077 != 0:
		return fmt.Errorf("its mode is %04o: others may read or write this secret; chmod 600 it", mode)
	}
	return nil
}

// checkTrusted is for files that are no secrets, but that nobody else may change.
func checkTrusted(name string, groupToo bool) error {
	st, err := os.Stat(name)
	if err != nil {
		return err
	}
	if ownerOf(st) == unknown {
		return nil
	}
	mask := fs.FileMode(0o002)
	if groupToo {
		mask = 0o022
	}
	if mode := st.Mode().Perm(); mode&mask != 0 && st.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("its mode is %04o: others may change what is trusted here; chmod go-w it", mode)
	}
	dir := filepath.Dir(name)
	open := func(st fs.FileInfo) bool { return st.Mode().Perm()&0o002 != 0 && st.Mode()&fs.ModeSticky == 0 }
	// Kubernetes mounts a ConfigMap as a folder of mode 0777, for reading alone.
	if st, err := os.Stat(dir); err == nil && open(st) && !readOnly(dir) {
		return fmt.Errorf("its folder %s has mode %04o: everybody may put another file in its place; chmod o-w it", dir, st.Mode().Perm())
	}
	return nil
}

func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSmallFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxSmallFile {
		return nil, fmt.Errorf("it is longer than %d bytes", maxSmallFile)
	}
	return data, nil
}
