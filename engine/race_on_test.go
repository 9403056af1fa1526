//go:build race

package engine

// underRace is true where allocations tell nothing.
const underRace = true
