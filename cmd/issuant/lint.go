package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/report"
	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/packtest"
	"github.com/issuant/issuant/engine/wire/pismo"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/lint"
)

func (a *app) lintCmd() *cobra.Command {
	var failOn, explain string
	cmd := &cobra.Command{
		Use:   "lint [PACK]",
		Short: "Find what is wrong with a pack that compiles",
		Long: `Find rules that can never hit, that another covers or that no counterpart's events can
reach, clauses that contradict each other or add nothing, facts without which an outcome
turns green, card numbers, labels, and what keeps a rule out of the index.

Findings are errors, warnings or notes. The run ends with exit code 1 when there is one
of the level of --fail-on, or a worse one. --explain says what a code means.`,
		Example: `  issuant lint my-pack
  issuant lint my-pack --format sarif --fail-on error
  issuant lint --explain L0104`,
	}
	a.packArg(cmd)
	cmd.Flags().StringVar(&failOn, "fail-on", "warning", "the `LEVEL` that fails the run: error, warning, note or never")
	cmd.Flags().StringVar(&explain, "explain", "", "explain this `CODE` and exit")
	a.nowFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		if explain != "" {
			return a.explainCode(explain)
		}
		return a.lint(failOn)
	}
	return a.verb(cmd, "pretty", "json", "github", "sarif")
}

var lintLevels = []string{"error", "warning", "note", "never"}

func (a *app) lint(failOn string) error {
	bound := slices.Index(lintLevels, failOn)
	if bound < 0 {
		return usage("lint: --fail-on %q is not one of %s", failOn, strings.Join(lintLevels, ", "))
	}
	now, err := a.instant()
	if err != nil {
		return err
	}
	s, pack, files, err := a.loadTests()
	if err != nil {
		return err
	}
	l := linted{src: s, pack: pack}
	if s.fsys != nil {
		_, l.diags, l.more = compile.Check(s.fsys, compile.Options{})
	}
	if err := l.find(files, now); err != nil {
		return err
	}
	if err := a.printLint(&l); err != nil {
		return err
	}
	for _, d := range l.diags {
		if failOn != "never" && slices.Index(lintLevels, d.Severity.String()) <= bound {
			return done(exitFailed)
		}
	}
	return nil
}

// linted is what lint found: what the compiler warns of, then the rest.
type linted struct {
	src   *packSource
	pack  *rules.Pack
	diags []compile.Diagnostic
	more  int
}

func (l *linted) find(files []compile.TestFile, now time.Time) error {
	eng, err := engine.New(l.pack, engine.Options{})
	if err != nil {
		return err
	}
	tests, err := packtest.Run(l.pack, files, packtest.Options{Now: now})
	if err != nil {
		return err
	}
	opt := lint.Options{
		Now: now,
		Greenings: func(f *rules.Facts, at time.Time) []string {
			return engine.FindGreenings(l.pack, &engine.Event{Facts: f}, at)
		},
		Green: func(f *rules.Facts, at time.Time) bool {
			return eng.Decide(&engine.Event{Facts: f}, at).Outcome == rules.Green
		},
	}
	for i := range tests.Results {
		if res := &tests.Results[i]; res.Decision != nil && len(res.Event.Guards) == 0 {
			opt.Events = append(opt.Events, lint.Event{Name: res.Name, Facts: res.Event.Facts, Now: res.Now})
		}
	}
	if isEventV1(l.pack.Schema()) {
		for _, cp := range counterparts {
			opt.Counterparts = append(opt.Counterparts, lint.Counterpart{Name: cp.name, Fields: append(pismo.Fields(cp.brand), pismo.Gathered()...)})
		}
	}
	found, more := lint.Pack(l.pack, opt)
	l.more += more
	texts, err := l.texts()
	if err != nil {
		return err
	}
	var marks []compile.Mark
	for _, f := range append(texts, found...) {
		marks = append(marks, compile.Mark{Code: f.Code, Severity: compile.Severity(f.Level), Rule: f.Rule, Section: f.Section, Clause: f.Clause,
			File: f.File, Line: f.Line, Column: f.Column, End: f.End, Message: f.Message, Hint: f.Hint})
	}
	l.diags = append(l.diags, compile.Locate(l.src.fsys, marks)...)
	slices.SortStableFunc(l.diags, func(x, y compile.Diagnostic) int {
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line), cmp.Compare(x.Column, y.Column))
	})
	return nil
}

// texts looks for card numbers in every text file of the pack's folder; in a compiled
// pack, in its source form.
func (l *linted) texts() (found []lint.Finding, err error) {
	if l.src.fsys == nil {
		for _, f := range lint.Text("", string(l.pack.Manifest().AppendCanonical(nil))) {
			f.Line, f.Column, f.End = 0, 0, 0
			found = append(found, f)
		}
		return found, nil
	}
	err = fs.WalkDir(l.src.fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fail(exitUnavailable, "%w", plainPathError(l.src.path(name), err))
		case d.IsDir() && name != "." && strings.HasPrefix(path.Base(name), "."):
			return fs.SkipDir
		case d.IsDir(), !d.Type().IsRegular():
			return nil
		}
		if info, err := d.Info(); err != nil || info.Size() > compile.MaxFileBytes {
			return nil // lists may be larger: the compiler reads them itself
		}
		b, err := fs.ReadFile(l.src.fsys, name)
		if err == nil && utf8.Valid(b) {
			found = append(found, lint.Text(name, string(b))...)
		}
		return nil
	})
	return found, err
}

func (a *app) printLint(l *linted) error {
	switch a.format {
	case "json":
		_, err := fmt.Fprintf(a.out, "%s\n", lintJSON(l))
		return err
	case "github":
		return report.GitHub(a.out, findings(l.src, l.diags))
	case "sarif":
		return report.SARIF(a.out, build().version, findings(l.src, l.diags), lintCodes())
	}
	var b strings.Builder
	st := a.style()
	for _, d := range l.diags {
		d.File = l.src.path(d.File)
		b.WriteString(paintDiagnostic(st, d))
	}
	if l.more > 0 {
		fmt.Fprintf(&b, "... and %d more\n", l.more)
	}
	errs, warnings, notes := l.count()
	verdict := st.Paint("clean", term.Bold, term.Green)
	if errs+warnings+notes > 0 {
		verdict = count(errs, "error") + ", " + count(warnings, "warning") + ", " + count(notes, "note")
	}
	fmt.Fprintf(&b, "%s: %s\n", l.src.name, verdict)
	if errs+warnings+notes > 0 {
		fmt.Fprintln(&b, st.Paint("issuant lint --explain "+l.diags[0].Code+" says more about a code", term.Dim))
	}
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

func (l *linted) count() (errs, warnings, notes int) {
	for _, d := range l.diags {
		switch d.Severity {
		case compile.SeverityError:
			errs++
		case compile.SeverityWarning:
			warnings++
		default:
			notes++
		}
	}
	return errs, warnings, notes
}

func lintJSON(l *linted) []byte {
	errs, warnings, notes := l.count()
	w := canon.NewWriter(nil).Object().Key("pack").Object().Key("id").String(l.pack.ID()).Key("name").String(l.pack.Manifest().Name)
	w.Key("version").String(l.pack.Manifest().Version).EndObject()
	w.Key("errors").Int(int64(errs)).Key("warnings").Int(int64(warnings)).Key("notes").Int(int64(notes)).Key("more").Int(int64(l.more))
	w.Key("diagnostics").Array()
	for _, d := range l.diags {
		diagnosticJSON(w, l.src, d)
	}
	return w.EndArray().EndObject().Bytes()
}

// lintCodes are the sentences that explain the codes of lint and of the compiler.
func lintCodes() map[string]string {
	m := diagnosticCodes()
	for _, c := range lint.Codes() {
		m[c.Code] = c.Text
	}
	return m
}

func (a *app) explainCode(name string) error {
	name = strings.ToUpper(name)
	about := lintCodes()
	if about[name] == "" {
		var known []string
		for c := range about {
			known = append(known, c)
		}
		if near := rules.Nearest(name, known); near != "" {
			return usage("lint: --explain: there is no code %q, did you mean %s?", name, near)
		}
		return usage("lint: --explain: there is no code %q; codes are like L0104 and R0402", name)
	}
	info, own := lint.Explain(name)
	level := "error"
	if own {
		level = info.Level.String()
	} else if i := slices.IndexFunc(compile.Codes(), func(c compile.CodeInfo) bool { return c.Code == name }); i >= 0 {
		level = compile.Codes()[i].Severity.String()
	}
	if a.format == "json" {
		w := canon.NewWriter(nil).Object().Key("code").String(name).Key("level").String(level).Key("text").String(about[name])
		_, err := fmt.Fprintf(a.out, "%s\n", w.Key("explanation").StringOrNull(strings.Join(strings.Fields(info.Long), " ")).EndObject().Bytes())
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)  %s\n", a.style().Paint(name, term.Bold), level, about[name])
	if own {
		b.WriteByte('\n')
		for _, line := range term.Wrap(info.Long, min(a.columns(), 92)) {
			fmt.Fprintln(&b, line)
		}
	}
	_, err := fmt.Fprint(a.out, b.String())
	return err
}
