//go:build race

package compile_test

// underRace is true where the race detector makes memory ten times as dear.
const underRace = true
