// Package benchmarks weighs Issuant against the bare standard library, decoders and
// other rule engines, in one process and in turns, and prints ratios. METHOD.md says
// how to read them.
package benchmarks
