package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/records"
	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/internal/canon"
)

const maxExamples = 1000

type diffFlags struct {
	recordSource
	counterpart []string
	examples    int
}

func (a *app) recordsDiffCmd() *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Compare our verdicts with the incumbent's, message by message",
		Long: `Compare what serve would have answered with what the incumbent answered, for the
messages that were taken in shadow mode: a matrix of action codes, ours in rows, theirs
in columns, and examples of each disagreement. "looser" means that we would have
allowed what they did not.

Copies of a message are counted once. Exit code 1 when there is nothing to compare.`,
		Example: `  issuant records diff
  issuant records diff --journal records.ndjson --examples 10 --format json`,
		RunE: func(*cobra.Command, []string) error { return a.recordsDiff(&f) },
	}
	cmd.Flags().IntVar(&f.examples, "examples", 3, "how many examples of each disagreement, the newest: `N`")
	cmd.Flags().StringSliceVar(&f.counterpart, "counterpart", nil, "only messages of the counterpart of this `NAME`")
	f.flags(cmd.Flags())
	return a.verb(cmd, "pretty", "json")
}

func (a *app) recordsDiff(f *diffFlags) error {
	if f.examples < 0 || f.examples > maxExamples {
		return usage("records diff: --examples is not between 0 and %d", maxExamples)
	}
	m := records.NewMatrix(f.examples)
	filter := records.Filter{Counterpart: f.counterpart}
	err := a.eachRecord(&f.recordSource, func(l *records.Line) {
		if filter.Wants(l) {
			m.Add(l)
		}
	})
	if err != nil {
		return err
	}
	text := ""
	if a.format == "json" {
		text = string(matrixJSON(m)) + "\n"
	} else if m.Compared > 0 {
		text = a.matrixPage(m)
	}
	if _, err := fmt.Fprint(a.out, text); err != nil {
		return err
	}
	if m.Compared == 0 {
		return fail(exitFailed, "records diff: no record holds an incumbent's answer; is there a shadow in the configuration?")
	}
	return nil
}

// eachRecord visits the records of a source to its end.
func (a *app) eachRecord(s *recordSource, visit func(*records.Line)) error {
	src, err := a.openRecords(s)
	if err != nil {
		return err
	}
	defer src.Close()
	return a.readingError(s, src.Each(a.ctx, records.Walk{}, func(t records.Text) error {
		l, err := s.parse(t)
		if err == nil {
			visit(l)
		}
		return err
	}))
}

// meanings are the verdicts in a word.
var meanings = map[string]string{
	"00": "approve", "85": "step up", "05": "decline", "14": "no such card", "54": "expiry", "N7": "CVV2", "96": "system error",
	records.Refused: "401", records.Unavailable: "503", records.Unread: "not read", records.Failed: "no answer",
}

func verdictCodes(v string) []string {
	switch v {
	case "00":
		return term.Outcome("green")
	case "85":
		return term.Outcome("yellow")
	case records.Unavailable, records.Unread, records.Failed:
		return []string{term.Dim}
	}
	return term.Outcome("red")
}

func (a *app) matrixPage(m *records.Matrix) string {
	p := page{Style: a.style(), width: a.columns()}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", p.Paint(count(m.Compared, "message")+" compared", term.Bold), p.Paint(utc(m.From)+" to "+utc(m.To), term.Dim))
	for _, v := range slices.Backward(records.Verdicts) {
		n, codes := m.Total(v), disagreementCodes(v)
		if n == 0 {
			codes = []string{term.Dim}
		}
		share := fmt.Sprintf("%s %d (%.1f %%)", verdictNames[v], n, 100*float64(n)/float64(m.Compared))
		fmt.Fprintf(&b, "  %s  %s\n", p.Paint(term.Pad(share, 26), codes...), p.Paint(verdictTexts[v], term.Dim))
	}
	p.skipped(&b, m)
	b.WriteByte('\n')
	p.grid(&b, m)
	p.disagreements(&b, m)
	return b.String()
}

var verdictNames = map[string]string{"same": "same", "other_code": "other code", "silent": "silent", "stricter": "stricter", "looser": "looser"}

var verdictTexts = map[string]string{
	"same": "the same action code", "other_code": "both allow nothing, with different codes", "silent": "one of the two did not answer in the counterpart's words",
	"stricter": "we would have allowed less", "looser": "we would have allowed more",
}

func (p page) skipped(b *strings.Builder, m *records.Matrix) {
	var parts []string
	for _, s := range []struct{ name, word string }{{"repeat", "copy of a message"}, {"replayed", "replay"}, {"alone", "message without an incumbent"}} {
		if n := m.Skipped[s.name]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d (%s)", n, s.word))
		}
	}
	if len(parts) > 0 {
		fmt.Fprintf(b, "  %s\n", p.Paint("left out: "+strings.Join(parts, ", "), term.Dim))
	}
}

// grid prints the matrix: a heading of two lines, then a row for each of our verdicts.
func (p page) grid(b *strings.Builder, m *records.Matrix) {
	ours, theirs := m.Axes()
	const first = 28
	bare, width := 0, 0
	for _, v := range theirs {
		bare, width = max(bare, len(v)), max(width, len(meanings[v]))
	}
	for _, c := range m.Cells() {
		bare = max(bare, len(strconv.Itoa(c.Count)))
	}
	// A narrow window has no room for what the columns mean.
	explained := first+(max(bare, width)+2)*len(theirs) <= p.width
	if !explained {
		width = 0
	}
	width = max(bare, width) + 2
	right := func(text string, codes ...string) string {
		return strings.Repeat(" ", max(0, width-term.Width(text))) + p.Paint(text, codes...)
	}
	head, sub := term.Pad("  OURS \\ THEIRS", first), term.Pad("", first)
	head = p.Paint(head, term.Dim)
	for _, v := range theirs {
		head += right(term.Safe(v), verdictCodes(v)...)
		sub += right(meanings[v], term.Dim)
	}
	fmt.Fprintln(b, strings.TrimRight(head, " "))
	if explained {
		fmt.Fprintln(b, strings.TrimRight(sub, " "))
	}
	for _, o := range ours {
		row := "  " + p.Paint(term.Pad(term.Safe(o), 12), verdictCodes(o)...) + p.Paint(term.Pad(meanings[o], first-14), term.Dim)
		for _, v := range theirs {
			switch n := m.Count(o, v); {
			case n == 0:
				row += right("·", term.Dim)
			case o == v:
				row += right(strconv.Itoa(n), term.Green)
			default:
				row += right(strconv.Itoa(n), term.Bold)
			}
		}
		fmt.Fprintln(b, row)
	}
}

func (p page) disagreements(b *strings.Builder, m *records.Matrix) {
	for _, c := range m.Cells() {
		if c.Verdict == "same" {
			continue
		}
		fmt.Fprintf(b, "\n%s  ours %s %s, theirs %s %s: %s\n", p.Paint(verdictNames[c.Verdict], disagreementCodes(c.Verdict)...),
			p.Paint(term.Safe(c.Ours), verdictCodes(c.Ours)...), meanings[c.Ours],
			p.Paint(term.Safe(c.Theirs), verdictCodes(c.Theirs)...), meanings[c.Theirs], count(c.Count, "message"))
		for _, l := range c.Examples {
			id := l.DecisionID
			if id == "" {
				id = "refused: " + l.Refusal
			}
			fmt.Fprintf(b, "  %s  %s\n", p.Paint("record "+strconv.FormatUint(l.Seq, 10), term.Dim), term.Safe(id))
			because := strings.Join(l.Rules, ", ")
			if because == "" {
				because = strings.Join(l.Reasons, ", ")
			}
			for _, line := range term.Wrap(term.Safe(because), p.width-6) {
				if because != "" {
					fmt.Fprintf(b, "    %s\n", line)
				}
			}
		}
	}
}

func disagreementCodes(verdict string) []string {
	switch verdict {
	case "looser":
		return []string{term.Bold, term.Red}
	case "stricter":
		return []string{term.Yellow}
	case "same":
		return []string{term.Green}
	}
	return []string{term.Dim}
}

func matrixJSON(m *records.Matrix) []byte {
	w := canon.NewWriter(nil).Object().Key("compared").Int(int64(m.Compared)).Key("from")
	if m.Compared > 0 {
		w.Time(m.From).Key("to").Time(m.To)
	} else {
		w.Null().Key("to").Null()
	}
	for _, v := range slices.Backward(records.Verdicts) {
		w.Key(v).Int(int64(m.Total(v)))
	}
	w.Key("left_out").Object()
	for _, reason := range []string{"repeat", "replayed", "alone"} {
		w.Key(reason).Int(int64(m.Skipped[reason]))
	}
	w.EndObject().Key("cells").Array()
	for _, c := range m.Cells() {
		w.Object().Key("ours").String(c.Ours).Key("theirs").String(c.Theirs).Key("count").Int(int64(c.Count)).Key("verdict").String(c.Verdict)
		w.Key("examples").Array()
		for _, l := range c.Examples {
			w.Object().Key("seq").Uint(l.Seq).Key("decision_id").StringOrNull(l.DecisionID).Key("event_id").StringOrNull(l.EventID)
			w.Key("outcome").StringOrNull(l.Outcome).Key("refusal").StringOrNull(l.Refusal)
			w.Key("rules").Strings(l.Rules).Key("reasons").Strings(l.Reasons).EndObject()
		}
		w.EndArray().EndObject()
	}
	return w.EndArray().EndObject().Bytes()
}
