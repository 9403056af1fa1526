package benchmarks

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// timed is the CPU time that f takes on its own thread: what else runs on the machine
// does not count, and neither does what the garbage collector does on other threads,
// which is a gift to those who allocate.
func timed(f func()) time.Duration {
	runtime.Gosched()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := threadTime()
	f()
	return threadTime() - start
}

func threadTime() time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at); err != nil {
		panic(err)
	}
	return time.Duration(at.Nano())
}
