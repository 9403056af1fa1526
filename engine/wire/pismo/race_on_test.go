//go:build race

package pismo_test

// underRace is true where allocations tell nothing.
const underRace = true
