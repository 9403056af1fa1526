//go:build race

package webhook_test

// underRace is true where times and allocations tell nothing.
const underRace = true
