// Package filemode judges who may read and change the files that hold keys and what
// else is trusted, and reads them. The rules are PostgreSQL's: a secret is for its
// owner alone, and what is trusted is for nobody else to change.
package filemode

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// MaxBytes bounds what is read, inclusive: of key, token and certificate files.
const MaxBytes = 1 << 20

// ReadSecret reads a file that nobody but its reader may see, of at most MaxBytes.
func ReadSecret(name string) ([]byte, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if err := CheckSecret(st); err != nil {
		return nil, err
	}
	return ReadSmall(name)
}

// The owner of a file, as far as its permissions are judged.
type owner uint8

const (
	someone owner = iota // neither root nor we
	us
	root    // and we are not
	unknown // the system has no such permissions
)

// CheckSecret says what is wrong with the mode of a file that holds a secret.
func CheckSecret(st fs.FileInfo) error { return checkSecret(st, ownerOf(st)) }

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

// CheckTrusted is for files that are no secrets, but that nobody else may change;
// groupToo: nor may the group.
func CheckTrusted(name string, groupToo bool) error {
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
	return checkParent(name)
}

// open reports whether everybody may change what is in a folder.
func open(st fs.FileInfo) bool { return st.Mode().Perm()&0o002 != 0 && st.Mode()&fs.ModeSticky == 0 }

// ReadSmall reads a file of at most MaxBytes.
func ReadSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("it is longer than %d bytes", MaxBytes)
	}
	return data, nil
}
