//go:build unix

package storetest

import (
	"os/exec"
	"syscall"
	"time"
)

// process is a server that was started in a process group of its own.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func runAs(cmd *exec.Cmd, uid, gid int) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if uid >= 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
}

// launch starts the command. Where the system can do that, it ends with us.
func launch(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		defer close(p.done)
		err := startBound(cmd)
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	return p, <-started
}

// ended reports whether the server has gone.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// kill ends the server and its backends at once, without a farewell to clients and
// without writing anything: PostgreSQL's immediate shutdown, after which it recovers
// as after a crash. One that was killed outright leaves backends that go on for a while.
func (p *process) kill() {
	if p.ended() {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
}
