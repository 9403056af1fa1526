//go:build race

package jose

// underRace is true where times and allocations tell nothing.
const underRace = true
