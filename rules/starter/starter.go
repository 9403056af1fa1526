// Package starter holds the pack that Issuant starts with: forty-one rules for
// the tokenisation of cards in wallets and at merchants, with their tests, lists
// and sources. It runs as it stands, and it is the pattern for one's own.
//
// A token becomes green only when every fact that a rule reads is known: the
// facts in green_requires of pack.yaml for all tokens, those in the rule
// Y14_cannot_assess for wallet tokens besides, and those of red rules because a
// red rule that could not be judged makes the outcome at least yellow.
//
// Thresholds are starting values, not mandates of a network. Where each rule
// comes from stands in its source.
package starter

import (
	"embed"
	"io/fs"
	"sync"

	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
)

//go:embed pack.yaml rules/*.yaml lists/*.csv tests/*_test.yaml
var files embed.FS

// FS returns the files of the pack: pack.yaml, rules, lists and tests, as an
// author writes them. It is read-only and safe for concurrent use.
func FS() fs.FS { return files }

var pack = sync.OnceValues(func() (*rules.Pack, error) {
	return compile.FS(files, compile.Options{})
})

// Pack returns the compiled pack. It compiles at the first call, which takes some
// milliseconds; every call returns the same immutable pack. An error means that
// this package was changed and no longer compiles.
func Pack() (*rules.Pack, error) { return pack() }
