package filemode

import "syscall"

const mountReadOnly = 0x1 // ST_RDONLY

// readOnly tells whether the folder lies on a mount that nobody in this process's
// view can write to.
func readOnly(dir string) bool {
	var st syscall.Statfs_t
	return syscall.Statfs(dir, &st) == nil && st.Flags&mountReadOnly != 0
}
