//go:build unix

package main

import (
	"os"
	"syscall"
)

// reloadSignals ask a server to look at its files.
var reloadSignals = []os.Signal{syscall.SIGHUP}
