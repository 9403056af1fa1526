//go:build unix

package filemode

import (
	"io/fs"
	"os"
	"syscall"
)

func ownerOf(st fs.FileInfo) owner {
	s, ok := st.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return unknown
	case int(s.Uid) == os.Geteuid():
		return us
	case s.Uid == 0:
		return root
	}
	return someone
}
