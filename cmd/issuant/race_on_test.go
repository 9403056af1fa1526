//go:build race

package main

// underRace is true where the real module is not run: compiling it takes minutes.
const underRace = true
