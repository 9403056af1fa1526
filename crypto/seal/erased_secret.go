//go:build goexperiment.runtimesecret

package seal

import "runtime/secret"

// erased runs f; its stack and registers are overwritten when it ends, and what it
// allocated as soon as the collector finds it unreachable.
func erased(f func()) { secret.Do(f) }
