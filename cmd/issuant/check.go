package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/outfile"
	"github.com/issuant/issuant/cmd/issuant/internal/report"
	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/engine/wire/pismo"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
)

// counterparts are whom a pack's rules are held against: which fields they can send.
var counterparts = []struct{ name, brand string }{{"pismo, Visa (vts)", "vts"}, {"pismo, Mastercard (mdes)", "mdes"}}

func (a *app) checkCmd() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Compile a pack and print every diagnostic",
		Long: `Compile a pack and print every diagnostic at once: rules, sections, parameters,
lists and tests. Per counterpart it also names the rules that can never be judged from what the
counterpart sends and an issuer usually gathers.

Exit code 3 when the pack does not compile; warnings do not fail it.`,
		Example: `  issuant check --pack my-pack
  issuant check --pack my-pack --format github
  issuant check --pack my-pack --output my-pack.bin`,
		RunE: func(*cobra.Command, []string) error { return a.check(output) },
	}
	a.packFlag(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "write the compiled pack to this `FILE`, for --pack")
	return a.verb(cmd, "pretty", "json", "github", "sarif", "junit")
}

// checked is what check found out.
type checked struct {
	src   *packSource
	pack  *rules.Pack // nil when it does not compile
	tests int         // test cases
	diags []compile.Diagnostic
	more  int   // diagnostics beyond those
	other error // an error without diagnostics
}

func (c *checked) failed() bool {
	errs, _ := c.count()
	return errs > 0
}

func (c *checked) count() (errs, warnings int) {
	for _, d := range c.diags {
		if d.Severity == compile.SeverityWarning {
			warnings++
		} else {
			errs++
		}
	}
	if c.other != nil {
		errs++
	}
	if errs > 0 { // the compiler drops warnings first
		errs += c.more
	}
	return errs, warnings
}

func (c *checked) add(err error) {
	var ce *compile.Error
	switch {
	case err == nil:
	case errors.As(err, &ce):
		c.diags = append(c.diags, ce.Diagnostics...)
		c.more += ce.More
	default:
		c.other = err
	}
}

func (a *app) check(output string) error {
	s, err := a.openPack()
	if err != nil {
		return err
	}
	c := &checked{src: s}
	if s.fsys == nil {
		c.pack, err = s.compile()
		c.add(err)
	} else {
		c.pack, c.diags, c.more = compile.Check(s.fsys, compile.Options{})
	}
	if c.pack != nil && s.fsys != nil {
		c.readTests()
	}
	if err := a.printCheck(c); err != nil {
		return err
	}
	if c.failed() {
		return done(exitCompile)
	}
	if output != "" {
		return writePack(output, c.pack)
	}
	return nil
}

func writePack(name string, p *rules.Pack) error { return writeFlagFile("--output", name, p.Encode()) }

// writeFlagFile writes the file that a flag names, at once.
func writeFlagFile(flag, name string, data []byte) error {
	err := outfile.Put(name, data, outfile.Public)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return usage("%s: %w", flag, plainPathError(name, err))
	}
	return fail(exitUnavailable, "%s: %w", flag, plainPathError(name, err))
}

func (c *checked) readTests() {
	files, err := compile.Tests(c.src.fsys, c.pack)
	c.add(err)
	for _, f := range files {
		c.tests += len(f.Cases)
	}
}

func (a *app) printCheck(c *checked) error {
	list := findings(c.src, c.diags)
	if c.other != nil {
		list = append(list, compileFindings(c.src, c.other)...)
	}
	switch a.format {
	case "json":
		_, err := fmt.Fprintf(a.out, "%s\n", checkJSON(c))
		return err
	case "github":
		return report.GitHub(a.out, list)
	case "sarif":
		return report.SARIF(a.out, build().version, list, diagnosticCodes())
	case "junit":
		return report.JUnit(a.out, report.Cases("check", list))
	}
	_, err := fmt.Fprint(a.out, a.checkPage(c))
	return err
}

func (a *app) checkPage(c *checked) string {
	var b strings.Builder
	st := a.style()
	for _, d := range c.diags {
		d.File = c.src.path(d.File)
		b.WriteString(paintDiagnostic(st, d))
	}
	if c.more > 0 {
		fmt.Fprintf(&b, "... and %d more\n", c.more)
	}
	if c.other != nil {
		fmt.Fprintln(&b, oneLine(c.other.Error()))
	}
	errs, warnings := c.count()
	verdict := st.Paint("compiles", term.Bold, term.Green)
	if errs > 0 {
		verdict = st.Paint("does not compile", term.Bold, term.Red)
	}
	fmt.Fprintf(&b, "%s %s: %s, %s\n", c.src.name, verdict, count(errs, "error"), count(warnings, "warning"))
	if c.pack == nil {
		return b.String()
	}
	man := c.pack.Manifest()
	entries := 0
	for _, l := range c.pack.Lists() {
		entries += l.Len()
	}
	fmt.Fprintf(&b, "%s %s: %s, %s, %s (%s), %s, %s\n", man.Name, man.Version, count(len(man.Rules), "rule"),
		count(len(man.Params), "parameter"), count(len(man.Lists), "list"), entryCount(entries),
		count(len(man.Sections), "section"), count(c.tests, "test case"))
	fmt.Fprintf(&b, "%s\n", st.Paint("id "+c.pack.ID(), term.Dim))
	a.unjudgeable(&b, c.pack)
	return b.String()
}

// unjudgeable names, per counterpart, the rules that want fields which it cannot send
// and which nobody gathers as a matter of course.
func (a *app) unjudgeable(b *strings.Builder, pack *rules.Pack) {
	if !isEventV1(pack.Schema()) {
		return
	}
	st := a.style()
	for _, cp := range counterparts {
		list := pismo.Unjudgeable(pack, cp.brand, pismo.Gathered()...)
		never, longest := 0, 0
		for _, u := range list {
			longest = max(longest, len(u.Rule))
			if u.Never {
				never++
			}
		}
		fmt.Fprintf(b, "%s: %s\n", cp.name, unjudgeableText(never, len(list)-never))
		for _, u := range list {
			word := "in part"
			if u.Never {
				word = "never  "
			}
			fmt.Fprintf(b, "  %s  %s  %s\n", word, term.Pad(u.Rule, longest), st.Paint(strings.Join(u.Missing, ", "), term.Dim))
		}
	}
}

func unjudgeableText(never, part int) string {
	switch {
	case never == 0 && part == 0:
		return "every rule can be judged"
	case never == 0:
		return fmt.Sprintf("every rule can be judged, %d only in part; nobody supplies", part)
	case part == 0:
		return fmt.Sprintf("%s can never be judged; nobody supplies", count(never, "rule"))
	}
	return fmt.Sprintf("%s can never be judged, %d only in part; nobody supplies", count(never, "rule"), part)
}

func isEventV1(s *rules.Schema) bool {
	v1 := rules.EventV1()
	return s.Name() == v1.Name() && s.Version() == v1.Version()
}

// paintDiagnostic colours the word "error", "warning" or "note" of a diagnostic.
func paintDiagnostic(st term.Style, d compile.Diagnostic) string {
	word, colour := d.Severity.String(), term.Red
	switch d.Severity {
	case compile.SeverityWarning:
		colour = term.Yellow
	case compile.SeverityNote:
		colour = term.Cyan
	}
	head := ": " + word + " " + d.Code
	return strings.Replace(d.String(), head, ": "+st.Paint(word+" "+d.Code, term.Bold, colour), 1)
}

func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	if n == 0 {
		return "no " + word + "s"
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func entryCount(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

func checkJSON(c *checked) []byte {
	errs, warnings := c.count()
	w := canon.NewWriter(nil).Object().Key("ok").Bool(errs == 0)
	w.Key("errors").Int(int64(errs)).Key("warnings").Int(int64(warnings)).Key("pack")
	if c.pack == nil {
		w.Null()
	} else {
		man := c.pack.Manifest()
		w.Object().Key("id").String(c.pack.ID()).Key("name").String(man.Name).Key("version").String(man.Version)
		w.Key("rules").Int(int64(len(man.Rules))).Key("params").Int(int64(len(man.Params)))
		w.Key("lists").Int(int64(len(man.Lists))).Key("tests").Int(int64(c.tests)).EndObject()
	}
	w.Key("diagnostics").Array()
	for _, d := range c.diags {
		diagnosticJSON(w, c.src, d)
	}
	if c.other != nil {
		w.Object().Key("code").String("pack").Key("severity").String("error").Key("file").String(c.src.name)
		w.Key("line").Int(0).Key("column").Int(0).Key("end_column").Int(0)
		w.Key("rule").Null().Key("message").String(c.other.Error()).Key("hint").Null().EndObject()
	}
	w.EndArray().Key("counterparts").Array()
	if c.pack != nil && isEventV1(c.pack.Schema()) {
		for _, cp := range counterparts {
			w.Object().Key("name").String("pismo").Key("brand").String(cp.brand).Key("unjudgeable").Array()
			for _, u := range pismo.Unjudgeable(c.pack, cp.brand, pismo.Gathered()...) {
				w.Object().Key("rule").String(u.Rule).Key("never").Bool(u.Never).Key("missing").Strings(u.Missing).EndObject()
			}
			w.EndArray().EndObject()
		}
	}
	return w.EndArray().EndObject().Bytes()
}

func diagnosticJSON(w *canon.Writer, s *packSource, d compile.Diagnostic) {
	w.Object().Key("code").String(d.Code).Key("severity").String(d.Severity.String()).Key("file").String(s.path(d.File))
	w.Key("line").Int(int64(d.Line)).Key("column").Int(int64(d.Column)).Key("end_column").Int(int64(d.EndColumn))
	w.Key("rule").StringOrNull(d.Rule).Key("message").String(d.Message).Key("hint").StringOrNull(d.Hint).EndObject()
}

// diagnosticCodes are the sentences that explain the compiler's codes.
func diagnosticCodes() map[string]string {
	m := map[string]string{"pack": "The pack cannot be read."}
	for _, c := range compile.Codes() {
		m[c.Code] = c.Text
	}
	return m
}
