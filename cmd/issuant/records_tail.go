package main

import (
	"bufio"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/records"
	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

const maxTail = 100_000

type tailFlags struct {
	recordSource
	records.Filter
	count  int
	follow bool
}

func (a *app) recordsTailCmd() *cobra.Command {
	var f tailFlags
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Print the last records, and those that come",
		Long: `Print the last records, oldest first, a line each; with --follow go on as they are
written. --format json prints the lines of the chain as they are.`,
		Example: `  issuant records tail -n 20 --outcome red
  issuant records tail --follow --format json --journal records.ndjson`,
		RunE: func(*cobra.Command, []string) error { return a.recordsTail(&f) },
	}
	cmd.Flags().IntVarP(&f.count, "lines", "n", 10, "how many records at first: `N`")
	cmd.Flags().BoolVarP(&f.follow, "follow", "f", false, "go on as records are written, until Ctrl-C")
	filterFlags(cmd.Flags(), &f.Filter)
	f.flags(cmd.Flags())
	return a.verb(cmd, "pretty", "json")
}

func (a *app) recordsTail(f *tailFlags) error {
	if f.count < 0 || f.count > maxTail {
		return usage("records tail: -n is not between 0 and %d", maxTail)
	}
	if err := checkFilter("records tail", &f.Filter); err != nil {
		return err
	}
	src, err := a.openRecords(&f.recordSource)
	if err != nil {
		return err
	}
	defer src.Close()
	w := records.Walk{Follow: f.follow}
	if _, end, err := src.Bounds(a.ctx); err != nil {
		return a.readingError(&f.recordSource, err)
	} else if end != nil && f.Empty() && end.Seq > uint64(f.count) {
		w.After = end.Seq - uint64(f.count) // a store need not be read from its beginning
	}
	t := tail{app: a, f: f, out: bufio.NewWriter(a.out)}
	w.CaughtUp = t.caughtUp
	if err = src.Each(a.ctx, w, t.visit); err == nil && !t.live {
		err = t.caughtUp()
	}
	if ferr := t.out.Flush(); err == nil {
		err = ferr
	}
	return a.readingError(&f.recordSource, err)
}

// tail keeps the last records until the end is reached, and prints the later ones
// as they come.
type tail struct {
	*app
	f     *tailFlags
	last  []*records.Line // a ring from next on
	next  int
	live  bool
	table *term.Table
	out   *bufio.Writer
}

func (t *tail) visit(text records.Text) error {
	l, err := t.f.parse(text)
	if err != nil {
		if !t.live { // what was good before it is of use
			if err := t.caughtUp(); err != nil {
				return err
			}
		}
		return err
	}
	switch {
	case !t.f.Wants(l):
	case t.live:
		if err := t.print(l); err != nil {
			return err
		}
		return t.out.Flush()
	case len(t.last) < t.f.count:
		t.last = append(t.last, l)
	case t.f.count > 0:
		t.last[t.next] = l
		t.next = (t.next + 1) % len(t.last)
	}
	return nil
}

func (t *tail) caughtUp() error {
	t.live = true
	for i := range t.last {
		if err := t.print(t.last[(t.next+i)%len(t.last)]); err != nil {
			return err
		}
	}
	t.last = nil
	return t.out.Flush()
}

func (t *tail) print(l *records.Line) error {
	if t.format == "json" {
		_, err := fmt.Fprintf(t.out, "%s\n", l.Raw)
		return err
	}
	if t.table == nil {
		t.table = &term.Table{Style: t.style(), Columns: []term.Column{
			{Title: "SEQ", Min: 3, Right: true}, {Title: "TIME", Min: 19}, {Title: "FROM", Min: 5, Max: 12}, {Title: "VERDICT", Min: 7, Max: 18}, {Title: "CODE", Min: 4},
			{Title: "THEIRS", Min: 6}, {Title: "RULES", Min: 12, Grow: 1}, {Title: "MS", Min: 5, Right: true},
		}}
		theirs := 6
		if slices.ContainsFunc(t.last, func(l *records.Line) bool { return l.Incumbent != nil }) {
			theirs = len(engine.IncumbentUnreachable)
		}
		seq := len(strconv.FormatUint(l.Seq, 10)) + 1
		t.table.Fit(t.columns(), []int{max(4, seq), 19, max(5, len(l.Counterpart)), 14, 4, theirs, 0, 7})
		if err := t.table.Head(t.out); err != nil {
			return err
		}
	}
	return t.table.Row(t.out, recordCells(l)...)
}

// recordCells is a record as one row.
func recordCells(l *records.Line) []term.Cell {
	verdict := term.Cell{Text: l.Refusal, Codes: []string{term.Dim}}
	detail := term.Cell{Text: strings.Join(l.Rules, ", ")}
	switch {
	case l.Kind != "":
		verdict.Text = l.Kind
		detail.Text = changeText(l)
	case l.Outcome != "":
		verdict = term.Cell{Text: l.Outcome, Codes: term.Outcome(l.Outcome)}
	case len(l.Reasons) > 0: // of a wallet payload or its grant
		verdict.Text = orWord(l.Refusal, reasonText(l.Reasons[0]))
		for _, r := range l.Reasons[1:] {
			detail.Notes = append(detail.Notes, reasonText(r))
		}
	}
	for _, g := range l.Degraded {
		detail.Notes = append(detail.Notes, "error: "+g.Code+" "+g.Rule)
	}
	if len(l.Observed) > 0 {
		detail.Notes = append(detail.Notes, "observed: "+strings.Join(l.Observed, ", "))
	}
	micros := ""
	if l.Kind == "" {
		micros = fmt.Sprintf("%.2f", float64(l.Micros)/1000)
	}
	return []term.Cell{
		{Text: strconv.FormatUint(l.Seq, 10), Codes: []string{term.Dim}},
		{Text: l.At.UTC().Format("2006-01-02 15:04:05"), Codes: []string{term.Dim}},
		{Text: l.Counterpart}, verdict, {Text: l.ActionCode}, {Text: theirText(l)}, detail,
		{Text: micros, Codes: []string{term.Dim}},
	}
}

// reasonText makes words of a reason: "payload built" of PAYLOAD_BUILT.
func reasonText(reason string) string { return strings.ToLower(strings.ReplaceAll(reason, "_", " ")) }

// theirText is the incumbent's answer in a word; "" without one.
func theirText(l *records.Line) string {
	switch in := l.Incumbent; {
	case in == nil:
		return ""
	case in.Failure != "":
		return in.Failure
	case !in.Read:
		return "(" + strconv.Itoa(in.Status) + ")"
	default:
		return in.ActionCode
	}
}

// changeText says what an operator's line in the chain changed.
func changeText(l *records.Line) string {
	var parts []string
	for _, name := range []string{"action", "list", "value", "pack_id", "approver", "who", "why", "until"} {
		if v, ok := l.Value.Get(name); ok && v.Str != "" {
			parts = append(parts, name+" "+v.Str)
		}
	}
	return strings.Join(parts, ", ")
}

// verdictsByName are the outcomes by the names that records have.
var verdictsByName = func() map[string]string {
	m := map[string]string{}
	for o, text := range verdicts {
		m[o.String()] = text
	}
	return m
}()

// refusalNames are the names that Record.Refusal may have.
var refusalNames = func() map[string]bool {
	m := map[string]bool{}
	for c, name := range code.All() {
		if c != code.OK {
			m[name] = true
		}
	}
	return m
}()

func didYouMean(s string, names map[string]bool) string {
	var list []string
	for n := range names {
		list = append(list, n)
	}
	if near := rules.Nearest(s, list); near != "" {
		return fmt.Sprintf(", did you mean %q?", near)
	}
	return ""
}

// utc is an instant as the pages print it.
func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000 UTC") }
