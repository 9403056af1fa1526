// Package plain is the rule set as a programmer would write it out in Go, one if after
// another, without an index: what a rule engine without an idea is to be weighed
// against. It is generated, a thousand rules of it.
package plain

//go:generate go run ./gen -o rules.gen.go

import "github.com/issuant/issuant/benchmarks/ruleset"

// Decide appends to hits the first n rules that match the event, n of Sizes.
func Decide(n int, e *ruleset.Event, hits []int32) []int32 {
	for _, b := range blocks {
		if b.to > n {
			break
		}
		hits = b.run(e, hits)
	}
	return hits
}

// Sizes are the numbers of rules that Decide knows.
func Sizes() []int {
	var sizes []int
	for _, n := range ruleset.Sizes() {
		if n <= blocks[len(blocks)-1].to {
			sizes = append(sizes, n)
		}
	}
	return sizes
}

// block is a run of rules.
type block struct {
	to  int // number of the rules up to its end
	run func(e *ruleset.Event, hits []int32) []int32
}
