package server

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// files are the files of one part: single files, and folders with some folders below
// them. Without roots a part has no files.
type files struct {
	roots []string
	subs  []string // folders below a root that belong to it
}

func fileOf(name string) files { return files{roots: []string{name}} }

// list returns the names of the files, sorted; hidden ones are nobody's. A root that
// does not exist is listed as itself, so that its coming is a change.
func (f files) list() []string {
	var names []string
	for _, root := range f.roots {
		if !isDir(root) {
			names = append(names, root)
			continue
		}
		for _, dir := range append([]string{"."}, f.subs...) {
			entries, _ := os.ReadDir(filepath.Join(root, dir))
			for _, e := range entries {
				if name := filepath.Join(root, dir, e.Name()); !strings.HasPrefix(e.Name(), ".") && !isDir(name) {
					names = append(names, name)
				}
			}
		}
	}
	sort.Strings(names)
	return names
}

func isDir(name string) bool {
	st, err := os.Stat(name) // not Lstat: Kubernetes mounts links
	return err == nil && st.IsDir()
}

// stat is a cheap sign of change: names, sizes, times and modes.
func (f files) stat() string {
	var b strings.Builder
	for _, name := range f.list() {
		st, err := os.Stat(name)
		if err != nil {
			fmt.Fprintf(&b, "%s\x00-\n", name)
			continue
		}
		fmt.Fprintf(&b, "%s\x00%d %d %v\n", name, st.Size(), st.ModTime().UnixNano(), st.Mode())
	}
	return b.String()
}

// sum is the digest of names, modes and contents. What cannot be read is part of it.
func (f files) sum() string {
	all := sha256.New()
	for _, name := range f.list() {
		fmt.Fprintf(all, "%s\x00%s\n", name, fileSum(name))
	}
	return hex.EncodeToString(all.Sum(nil))
}

func fileSum(name string) string {
	f, err := os.Open(name)
	if err != nil {
		return "unreadable"
	}
	defer f.Close()
	one := sha256.New()
	if st, err := f.Stat(); err == nil {
		fmt.Fprintf(one, "%v\x00", st.Mode())
	}
	if _, err := io.Copy(one, f); err != nil {
		return "unreadable"
	}
	return hex.EncodeToString(one.Sum(nil))
}
