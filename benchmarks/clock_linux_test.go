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
	return spent(unix.CLOCK_THREAD_CPUTIME_ID, f)
}

// timedWhole is the CPU time that the process takes while f runs, all threads and the
// garbage collector included.
func timedWhole(f func()) time.Duration { return spent(unix.CLOCK_PROCESS_CPUTIME_ID, f) }

func spent(clock int32, f func()) time.Duration {
	start := clockTime(clock)
	f()
	return clockTime(clock) - start
}

func clockTime(clock int32) time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(clock, &at); err != nil {
		panic(err)
	}
	return time.Duration(at.Nano())
}
