//go:build !linux

package benchmarks

import (
	"runtime"
	"time"
)

// timed is the time that f takes, with what else runs on the machine.
func timed(f func()) time.Duration {
	runtime.Gosched()
	start := time.Now()
	f()
	return time.Since(start)
}

func timedWhole(f func()) time.Duration { return timed(f) }
