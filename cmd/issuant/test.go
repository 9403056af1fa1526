package main

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/report"
	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/engine/packtest"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
)

type testFlags struct {
	run       string
	coverage  bool
	threshold float64
	verbose   bool
}

func (a *app) testCmd() *cobra.Command {
	f := testFlags{}
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Run the tests of a pack",
		Long: `Run the tests of a pack: tests/*_test.yaml.

Coverage counts leaf outcomes: each comparison of each condition has two, true
and false. --threshold N fails the run when fewer than N per cent of them were seen.

Exit code 1 when a case fails, when coverage is under the threshold, and when there
is nothing to run.`,
		Example: `  issuant test --pack my-pack
  issuant test --pack my-pack --coverage --threshold 90
  issuant test --pack my-pack --run 'R12|velocity' --format junit`,
	}
	cmd.RunE = func(*cobra.Command, []string) error { return a.test(&f, cmd.Flags().Changed("threshold")) }
	a.packFlag(cmd)
	cmd.Flags().StringVar(&f.run, "run", "", "only cases whose name matches this `REGEXP`")
	cmd.Flags().BoolVar(&f.coverage, "coverage", false, "measure which leaf outcomes were seen")
	cmd.Flags().Float64Var(&f.threshold, "threshold", 0, "per cent of leaf outcomes that must be seen (implies --coverage)")
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "list passed cases too")
	cmd.Flags().StringVar(&a.now, "now", "", "decide cases as of this `TIME` whose file sets no options.now")
	return a.verb(cmd, "pretty", "json", "github", "sarif", "junit")
}

func (a *app) test(f *testFlags, gate bool) error {
	opt := packtest.Options{Coverage: f.coverage || gate}
	if gate && (math.IsNaN(f.threshold) || f.threshold < 0 || f.threshold > 100) {
		return usage("test: --threshold is a percentage, 0 to 100")
	}
	if f.run != "" {
		re, err := regexp.Compile(f.run)
		if err != nil {
			return usage("test: --run: %w", err)
		}
		opt.Match = re.MatchString
	}
	if a.now != "" {
		now, err := a.instant()
		if err != nil {
			return err
		}
		opt.Now = now
	}
	s, pack, files, err := a.loadTests()
	if err != nil {
		return err
	}
	r, err := packtest.Run(pack, files, opt)
	if err != nil {
		return err
	}
	if len(r.Results) == 0 {
		return fail(exitFailed, "%s", nothingToRun(s, f.run, len(files)))
	}
	if err := a.printTests(f, s, r); err != nil {
		return err
	}
	if r.Failed > 0 {
		return done(exitFailed)
	}
	if gate && r.Coverage.Percent() < f.threshold {
		return fail(exitFailed, "coverage %.1f %% is under the threshold of %g %%", r.Coverage.Percent(), f.threshold)
	}
	return nil
}

// nothingToRun says why: a run that tests nothing must not look like one that passed.
func nothingToRun(s *packSource, run string, files int) string {
	switch {
	case s.fsys == nil:
		return s.name + ": a compiled pack has no tests; name its source folder"
	case run != "" && files > 0:
		return fmt.Sprintf("%s: no test case matches --run %q", s.name, run)
	}
	return s.name + ": there are no test cases in tests/*_test.yaml"
}

// loadTests compiles the pack and reads its tests.
func (a *app) loadTests() (*packSource, *rules.Pack, []compile.TestFile, error) {
	s, err := a.openPack()
	if err != nil {
		return nil, nil, nil, err
	}
	pack, err := s.compile()
	if err != nil {
		return nil, nil, nil, a.compileError(s, err)
	}
	if s.fsys == nil {
		return s, pack, nil, nil
	}
	files, err := compile.Tests(s.fsys, pack)
	if err != nil {
		return nil, nil, nil, a.compileError(s, err)
	}
	return s, pack, files, nil
}

func (a *app) printTests(f *testFlags, s *packSource, r *packtest.Report) error {
	switch a.format {
	case "json":
		_, err := fmt.Fprintf(a.out, "%s\n", testJSON(s, r))
		return err
	case "github":
		return report.GitHub(a.out, report.Failures(testCases(s, r)))
	case "sarif":
		return report.SARIF(a.out, build().version, report.Failures(testCases(s, r)), map[string]string{"test": "A test case of the pack fails."})
	case "junit":
		return report.JUnit(a.out, testCases(s, r))
	}
	var b strings.Builder
	st := a.style()
	for _, res := range r.Results {
		writeResult(&b, st, s, &res, f.verbose)
	}
	if r.Coverage != nil {
		a.writeCoverage(&b, r.Coverage)
	}
	writeTotals(&b, st, r)
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

func writeResult(b *strings.Builder, st term.Style, s *packSource, res *packtest.Result, verbose bool) {
	word := map[packtest.Status]string{
		packtest.Failed: st.Paint("FAIL", term.Bold, term.Red),
		packtest.Passed: st.Paint("ok  ", term.Green),
		packtest.Todo:   st.Paint("todo", term.Yellow),
	}[res.Status]
	if res.Status == packtest.Passed && !verbose {
		return
	}
	fmt.Fprintf(b, "%s  %s  %s\n", word, term.Safe(res.Name), st.Paint(fmt.Sprintf("%s:%d", s.path(res.File), res.Line), term.Dim))
	if res.Status == packtest.Failed {
		for _, line := range res.Diff {
			fmt.Fprintf(b, "        %s\n", term.Safe(line))
		}
	}
}

func writeTotals(b *strings.Builder, st term.Style, r *packtest.Report) {
	parts := []string{st.Paint(fmt.Sprintf("%d passed", r.Passed), term.Green)}
	if r.Failed > 0 {
		parts = append(parts, st.Paint(fmt.Sprintf("%d failed", r.Failed), term.Bold, term.Red))
	}
	if r.Todo > 0 {
		parts = append(parts, st.Paint(fmt.Sprintf("%d todo", r.Todo), term.Yellow))
	}
	if c := r.Coverage; c != nil {
		seen, total := c.Seen()
		parts = append(parts, fmt.Sprintf("coverage %.1f %% (%d of %d leaf outcomes)", c.Percent(), seen, total))
	}
	fmt.Fprintln(b, strings.Join(parts, ", "))
}

// writeCoverage lists the leaf outcomes that no case saw.
func (a *app) writeCoverage(b *strings.Builder, c *packtest.Coverage) {
	st := a.style()
	for i := range c.Rules {
		rc := &c.Rules[i]
		seen, total := rc.Seen()
		if seen == total {
			continue
		}
		fmt.Fprintf(b, "%s  %d of %d leaf outcomes, %d hits\n", rc.ID, seen, total, rc.Hits)
		for _, l := range rc.Leaves {
			var never []string
			if l.True == 0 {
				never = append(never, "true")
			}
			if l.False == 0 {
				never = append(never, "false")
			}
			if len(never) > 0 {
				text := term.Clip(term.Safe(strings.Join(strings.Fields(l.Text), " ")), a.columns()-24)
				fmt.Fprintf(b, "        %s  %s\n", text, st.Paint("never "+strings.Join(never, " or "), term.Yellow))
			}
		}
	}
}

func testCases(s *packSource, r *packtest.Report) []report.Case {
	var cases []report.Case
	for _, res := range r.Results {
		c := report.Case{Suite: res.File, Name: res.Name, File: s.path(res.File), Line: res.Line, Todo: res.Status == packtest.Todo}
		if res.Status == packtest.Failed {
			c.Failure = strings.Join(res.Diff, "\n")
		}
		cases = append(cases, c)
	}
	return cases
}

func testJSON(s *packSource, r *packtest.Report) []byte {
	w := canon.NewWriter(nil).Object()
	w.Key("passed").Int(int64(r.Passed)).Key("failed").Int(int64(r.Failed)).Key("todo").Int(int64(r.Todo))
	w.Key("cases").Array()
	for _, res := range r.Results {
		w.Object().Key("file").String(s.path(res.File)).Key("line").Int(int64(res.Line)).Key("name").String(res.Name)
		w.Key("status").String(res.Status.String()).Key("diff").Strings(res.Diff).Key("outcome")
		if res.Decision == nil {
			w.Null()
		} else {
			w.String(res.Decision.Outcome.String())
		}
		w.EndObject()
	}
	w.EndArray().Key("coverage")
	if r.Coverage == nil {
		w.Null()
	} else {
		coverageJSON(w, r.Coverage)
	}
	return w.EndObject().Bytes()
}

func coverageJSON(w *canon.Writer, c *packtest.Coverage) {
	seen, total := c.Seen()
	w.Object().Key("percent").Float(c.Percent()).Key("seen").Int(int64(seen)).Key("total").Int(int64(total))
	w.Key("rules").Array()
	for _, rc := range c.Rules {
		w.Object().Key("id").String(rc.ID).Key("hits").Int(int64(rc.Hits)).Key("leaves").Array()
		for _, l := range rc.Leaves {
			w.Object().Key("text").String(l.Text).Key("true").Int(int64(l.True))
			w.Key("false").Int(int64(l.False)).Key("neither").Int(int64(l.Neither)).EndObject()
		}
		w.EndArray().EndObject()
	}
	w.EndArray().EndObject()
}

// compileFindings turns what the compiler says into findings with paths that the
// user can open; an error without diagnostics becomes one without place.
func compileFindings(s *packSource, err error) []report.Finding {
	var ce *compile.Error
	if !errors.As(err, &ce) {
		return []report.Finding{{Code: "pack", File: s.path("pack.yaml"), Message: err.Error()}}
	}
	return findings(s, ce.Diagnostics)
}

func findings(s *packSource, list []compile.Diagnostic) []report.Finding {
	var out []report.Finding
	for _, d := range list {
		out = append(out, report.Finding{
			Code: d.Code, Warning: d.Severity == compile.SeverityWarning, Note: d.Severity == compile.SeverityNote, File: s.path(d.File),
			Line: d.Line, Column: d.Column, EndColumn: d.EndColumn, Message: d.Message, Hint: d.Hint,
		})
	}
	return out
}
