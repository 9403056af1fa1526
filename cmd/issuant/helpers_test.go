package main

import (
	"testing"

	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/starter"
)

func cells(s string) int { return term.Width(s) }

func mustPack(t *testing.T) *rules.Pack {
	t.Helper()
	p, err := starter.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return p
}
