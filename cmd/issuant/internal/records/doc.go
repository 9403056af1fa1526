// Package records reads the record chain for people: lines of a journal or of a
// store, what they say, whether they hang together, and where two systems differ.
package records
