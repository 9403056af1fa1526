// Package compile turns a pack's source, YAML and expressions in the syntax of
// expr, into a *rules.Pack that is ready to run.
//
// A pack is a folder, read through fs.FS: pack.yaml, rules/*.yaml, lists/*.csv and
// tests/*_test.yaml. rules/LANGUAGE.md is the author's manual. Everything that is
// wrong with a pack is reported at once, as an *Error of diagnostics with stable
// codes and exact places; a pack is never loaded in part.
//
// Conditions are parsed by expr's parser, checked against the event schema by this
// package's own checker, rewritten so that every operator is a call of a Go
// function that knows absent values and errors, and run on expr's VM. A second
// implementation, in internal/reference, reads the tree as it was written; tests
// compare the two.
//
// Source text is a stranger's: nothing in it makes this package panic, recurse
// without bound or allocate beyond the limits of limits.go.
package compile
