package storetest

import (
	"os/exec"
	"runtime"
	"syscall"
)

// startBound starts the command so that it ends with us, however we end. The
// signal comes when the starting thread ends, so that thread must stay.
func startBound(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	return cmd.Start()
}
