//go:build unix && !linux

package storetest

import "os/exec"

func startBound(cmd *exec.Cmd) error { return cmd.Start() }
