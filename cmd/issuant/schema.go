package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/schemas"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules"
)

// formatVersions are the versions of what the tool reads and writes.
var formatVersions = []struct {
	name    string
	version int64
}{
	{"pack", 1}, {"decision", engine.DecisionFormat}, {"record", engine.RecordFormat},
}

func (a *app) schemaCmd() *cobra.Command {
	list := strings.Join(schemas.Names(), ", ")
	return a.verb(&cobra.Command{
		Use:   "schema NAME",
		Short: "Print a JSON Schema for editors and tools",
		Long: "Print a JSON Schema (draft 2020-12) for editors and tools: " + list + `.

Write it to a file and name it on the first line of a rules file:
# yaml-language-server: $schema=../rules.schema.json`,
		Example:   "  issuant schema rules > rules.schema.json",
		ValidArgs: schemas.Names(),
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) != 1:
				return usage("schema takes one name: %s", list)
			case !oneOf(args[0], schemas.Names()):
				hint := ""
				if near := rules.Nearest(args[0], schemas.Names()); near != "" {
					hint = fmt.Sprintf(", did you mean %q?", near)
				}
				return usage("unknown schema %q%s; schemas: %s", args[0], hint, list)
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			text, _ := schemas.JSON(args[0])
			_, err := a.out.Write(text)
			return err
		},
	})
}
