// Package storetest is for tests: the claims that every ledger and every store has
// to keep, and throw-away PostgreSQL servers from installed binaries.
package storetest
