//go:build !unix

package storetest

import (
	"errors"
	"os/exec"
)

type process struct{}

func runAs(*exec.Cmd, int, int) {}

func launch(*exec.Cmd) (*process, error) {
	return nil, errors.New("storetest: cannot start a server on this system")
}

func (*process) kill() {}

func (*process) ended() bool { return true }
