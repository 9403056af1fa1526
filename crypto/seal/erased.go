//go:build !goexperiment.runtimesecret

package seal

// erased runs f. A build with GOEXPERIMENT=runtimesecret also overwrites the memory
// that f used.
func erased(f func()) { f() }
