// Package benchmarks weighs Issuant against the bare standard library, in one
// process and in turns, and prints ratios. METHOD.md says how to read them.
package benchmarks
