package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/records"
	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/engine"
)

func (a *app) recordsShowCmd() *cobra.Command {
	var s recordSource
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Print the records of a decision or event",
		Long: `Print the records with this decision id, event id or number (seq), oldest first.
Exit code 1 when there is none.`,
		Example: `  issuant records show 1042
  issuant records show --journal records.ndjson --format json 432-1`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return usage("records show takes one decision id, event id or number")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.recordsShow(&s, args[0]) },
	}
	s.flags(cmd.Flags())
	return a.verb(cmd, "pretty", "json")
}

func (a *app) recordsShow(s *recordSource, id string) error {
	list, err := a.findRecords(s, id)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fail(exitFailed, "records show: no record has the id or number %q", id)
	}
	for i, l := range list {
		out := string(l.Raw) + "\n"
		if a.format == "pretty" {
			if out = a.recordPage(l); i > 0 {
				out = "\n" + out
			}
		}
		if _, err := fmt.Fprint(a.out, out); err != nil {
			return err
		}
	}
	return nil
}

// findRecords returns the records with a decision id, event id or seq.
func (a *app) findRecords(s *recordSource, id string) ([]*records.Line, error) {
	src, err := a.openRecords(s)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	var list []*records.Line
	add := func(wants func(*records.Line) bool) func(records.Text) error {
		return func(t records.Text) error {
			l, err := s.parse(t)
			if err == nil && wants(l) {
				list = append(list, l)
			}
			return err
		}
	}
	seq, _ := strconv.ParseUint(id, 10, 63)
	byID := func(l *records.Line) bool { return l.DecisionID == id || l.EventID == id }
	if _, store := src.(*records.Store); !store { // one walk; a stream has no second
		err = src.Each(a.ctx, records.Walk{}, add(func(l *records.Line) bool { return byID(l) || seq > 0 && l.Seq == seq }))
		return list, a.readingError(s, err)
	}
	err = src.Find(a.ctx, id, add(byID))
	if err == nil && seq > 0 {
		err = a.bySeq(src, seq, add(func(l *records.Line) bool { return l.Seq == seq && !byID(l) }))
	}
	return list, a.readingError(s, err)
}

// bySeq visits the line with that number of a store.
func (a *app) bySeq(src records.Source, seq uint64, visit func(records.Text) error) error {
	err := src.Each(a.ctx, records.Walk{After: seq - 1}, func(t records.Text) error {
		if err := visit(t); err != nil {
			return err
		}
		return errFound
	})
	if err == errFound {
		return nil
	}
	return err
}

var errFound = fmt.Errorf("found")

// recordPage prints one record for a person.
func (a *app) recordPage(l *records.Line) string {
	p := page{Style: a.style(), width: a.columns()}
	var b strings.Builder
	var head string
	switch {
	case l.Kind != "":
		head = p.Paint(l.Kind, term.Bold)
	case l.Outcome != "":
		head = p.Paint(strings.ToUpper(l.Outcome), term.Outcome(l.Outcome)...) + "  " + verdictsByName[l.Outcome]
	default:
		head = p.Paint("REFUSED", term.Bold) + "  " + term.Safe(l.Refusal)
	}
	if l.ActionCode != "" {
		head += " (action code " + term.Safe(l.ActionCode) + ")"
	}
	fmt.Fprintf(&b, "%s  %s\n", head, p.Paint("record "+strconv.FormatUint(l.Seq, 10), term.Dim))
	row := func(label, text string) {
		for i, line := range term.Wrap(term.Safe(text), p.width-labelWidth-6) {
			if i > 0 {
				label = ""
			}
			if text != "" {
				fmt.Fprintf(&b, "  %s  %s\n", p.Paint(term.Pad(label, labelWidth+2), term.Dim), line)
			}
		}
	}
	row("at", utc(l.At))
	if l.Kind != "" {
		row("change", changeText(l))
		return b.String()
	}
	row("from", l.Counterpart+keyText(l.KeyID))
	row("event", l.EventID)
	row("decision", l.DecisionID)
	row("pack", l.PackID)
	for _, d := range l.Lists {
		row("list", d.Name+"  "+d.Digest)
	}
	row("card", cardText(l.Card))
	row("rules", strings.Join(l.Rules, ", "))
	row("shadow", strings.Join(l.Shadow, ", "))
	row("reasons", strings.Join(l.Reasons, ", "))
	for _, g := range l.Degraded {
		row("error", strings.TrimSpace(g.Code+" "+g.Rule))
	}
	row("observed", strings.Join(l.Observed, ", "))
	row("incumbent", incumbentText(l.Incumbent))
	if l.Verified {
		row("age", l.Age.String()+" after its sender dated it")
	}
	row("message", l.MessageDigest)
	row("took", (time.Duration(l.Micros) * time.Microsecond).String())
	if l.Sealed != "" {
		row("sealed", fmt.Sprintf("%d bytes: issuant explain --decision %s --identity KEYFILE decides again", len(l.Sealed), l.DecisionID))
	}
	return b.String()
}

func keyText(id string) string {
	if id == "" {
		return ""
	}
	return ", key " + id
}

func cardText(c engine.Card) string {
	if c.BIN != "" || c.Last4 != "" {
		return c.BIN + "..." + c.Last4
	}
	return c.Ref
}

func incumbentText(in *engine.Incumbent) string {
	if in == nil {
		return ""
	}
	took := ", " + (time.Duration(in.Micros) * time.Microsecond).String()
	switch {
	case in.Failure != "":
		return "no answer: " + in.Failure + took
	case !in.Read:
		return fmt.Sprintf("status %d, not the counterpart's words%s", in.Status, took)
	}
	return fmt.Sprintf("status %d, approve %v, action code %s%s", in.Status, in.Approve, in.ActionCode, took)
}
