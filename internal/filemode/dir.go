package filemode

import (
	"fmt"
	"os"
	"path/filepath"
)

// MakePrivateDir makes a folder that is for its owner alone, where there is none, and
// says what is wrong with one that others may read or change, or that is not ours. The
// last part of the name must not be a link: its target could be exchanged.
func MakePrivateDir(name string) error {
	if err := os.MkdirAll(name, 0o700); err != nil {
		return err
	}
	st, err := os.Lstat(name)
	if err != nil {
		return err
	}
	who := ownerOf(st)
	switch mode := st.Mode(); {
	case !mode.IsDir():
		return fmt.Errorf("%s is not a folder", name)
	case who == unknown:
		return nil
	case who != us:
		return fmt.Errorf("%s is not ours", name)
	case mode.Perm()&0o077 != 0:
		return fmt.Errorf("the mode of %s is %04o: chmod 700 it", name, mode.Perm())
	}
	return checkParent(name)
}

// checkParent refuses a folder where everybody may put another one in its place.
func checkParent(name string) error {
	name, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	dir := filepath.Dir(name)
	// Kubernetes mounts a ConfigMap as a folder of mode 0777, for reading alone.
	if st, err := os.Stat(dir); err == nil && open(st) && !readOnly(dir) {
		return fmt.Errorf("its folder %s has mode %04o: everybody may put another file in its place; chmod o-w it", dir, st.Mode().Perm())
	}
	return nil
}
