//go:build !unix

package main

import "os"

// reloadSignals: there are none; files are watched and looked at.
var reloadSignals = []os.Signal{}
