package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/outfile"
	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/rules/compile"
)

func (a *app) fmtCmd() *cobra.Command {
	var check, showDiff bool
	cmd := &cobra.Command{
		Use:   "fmt [PACK]",
		Short: "Put the files of a pack into their canonical layout",
		Long: `Put pack.yaml, rules/*.yaml and tests/*_test.yaml of a pack into their canonical
layout and print the names of the files that changed. Comments, texts and conditions
stay as they are, and so does the pack's id.

Nothing is written when one of the files cannot be parsed (exit code 3). Each file is
replaced at once: whoever reads it meanwhile sees the old one or the new one.

With --check or --diff nothing is written; --check ends with exit code 1 when a file
would change.`,
		Example: `  issuant fmt my-pack
  issuant fmt --check --diff my-pack`,
	}
	a.packArg(cmd)
	cmd.Flags().BoolVar(&check, "check", false, "write nothing; exit code 1 when a file would change")
	cmd.Flags().BoolVar(&showDiff, "diff", false, "write nothing; print what would change")
	cmd.RunE = func(*cobra.Command, []string) error { return a.fmt(check, showDiff) }
	return a.verb(cmd, "pretty", "json")
}

func (a *app) fmt(check, showDiff bool) error {
	s, err := a.openPack()
	if err != nil {
		return err
	}
	switch {
	case s.fsys == nil:
		return usage("fmt: %s is a compiled pack; name its source folder", s.name)
	case s.dir == "" && !check && !showDiff:
		return usage("fmt: the starter pack is part of the program and cannot be written; name a folder")
	}
	files, err := compile.FormatFS(s.fsys)
	if err != nil {
		return a.compileError(s, err)
	}
	var changed []compile.Formatted
	for _, f := range files {
		if !bytes.Equal(f.Before, f.After) {
			changed = append(changed, f)
		}
	}
	for _, f := range changed {
		if check || showDiff {
			break
		}
		if err := rewrite(s.path(f.Name), f.After); err != nil {
			return err
		}
	}
	if err := a.printFmt(s, files, changed, showDiff); err != nil {
		return err
	}
	if check && len(changed) > 0 {
		return done(exitFailed)
	}
	return nil
}

// rewrite replaces a file that exists; a link stays one, and keeps its target's mode.
func rewrite(name string, data []byte) error {
	if err := outfile.Replace(name, data); err != nil {
		return fail(exitUnavailable, "fmt: %w", plainPathError(name, err))
	}
	return nil
}

func (a *app) printFmt(s *packSource, files, changed []compile.Formatted, showDiff bool) error {
	if a.format == "json" {
		w := canon.NewWriter(nil).Object().Key("files").Int(int64(len(files))).Key("changed").Array()
		for _, f := range changed {
			w.Object().Key("file").String(s.path(f.Name)).Key("diff")
			if showDiff {
				w.String(string(diffOf(s, f)))
			} else {
				w.Null()
			}
			w.EndObject()
		}
		_, err := fmt.Fprintf(a.out, "%s\n", w.EndArray().EndObject().Bytes())
		return err
	}
	var b strings.Builder
	for _, f := range changed {
		if showDiff {
			paintDiff(&b, a.style(), string(diffOf(s, f)))
		} else {
			fmt.Fprintln(&b, s.path(f.Name))
		}
	}
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

func diffOf(s *packSource, f compile.Formatted) []byte {
	return diff.Diff(s.path(f.Name), f.Before, s.path(f.Name)+" (formatted)", f.After)
}

// paintDiff writes a unified diff; what could move the cursor is made visible on a
// terminal only, so that a diff in a file can be applied.
func paintDiff(b *strings.Builder, st term.Style, text string) {
	if !st.On {
		b.WriteString(text)
		return
	}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		line = term.Safe(strings.ReplaceAll(line, "\t", "    "))
		switch {
		case strings.HasPrefix(line, "diff "), strings.HasPrefix(line, "--- "), strings.HasPrefix(line, "+++ "):
			line = st.Paint(line, term.Bold)
		case strings.HasPrefix(line, "+"):
			line = st.Paint(line, term.Green)
		case strings.HasPrefix(line, "-"):
			line = st.Paint(line, term.Red)
		case strings.HasPrefix(line, "@@"):
			line = st.Paint(line, term.Dim)
		}
		b.WriteString(line + "\n")
	}
}
