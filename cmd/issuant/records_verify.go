package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/records"
	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/canon"
)

type chainFlags struct {
	recordSource
	after string
}

func (a *app) recordsVerifyCmd() *cobra.Command {
	var f chainFlags
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check the hash chain of records",
		Long: `Check that each record follows the one before it, and print how many there are and
the head: the number and hash of the last. Exit code 1 when the chain is broken.

The chain shows that records were changed, removed or moved. That records were cut off
at its end, or that all of it was written anew, shows only against a head that was
noted elsewhere: give that with --after SEQ:HASH. It may also be the place before the
first line, for a journal that goes on after another.`,
		Example: `  issuant records verify
  issuant records verify --journal records.ndjson --after 1042:5c1f...`,
		RunE: func(*cobra.Command, []string) error { return a.recordsVerify(&f) },
	}
	cmd.Flags().StringVar(&f.after, "after", "", "a head that was noted earlier, as `SEQ:HASH`")
	f.flags(cmd.Flags())
	return a.verb(cmd, "pretty", "json")
}

func (a *app) recordsVerify(f *chainFlags) error {
	var anchor engine.Chain
	if f.after != "" {
		var err error
		if anchor, err = records.ParseAnchor(f.after); err != nil {
			return usage("records verify: --after: %w", err)
		}
	}
	src, err := a.openRecords(&f.recordSource)
	if err != nil {
		return err
	}
	defer src.Close()
	v, err := records.Verify(a.ctx, src, anchor)
	if err != nil {
		return a.readingError(&f.recordSource, err)
	}
	if err := a.printVerdict(v); err != nil {
		return err
	}
	if v.Bad != "" {
		return done(exitFailed)
	}
	return nil
}

func (a *app) printVerdict(v *records.Verdict) error {
	if a.format == "json" {
		w := canon.NewWriter(nil).Object().Key("ok").Bool(v.Bad == "").Key("records").Uint(v.Records)
		w.Key("begin")
		writePlace(w, v.Begin)
		w.Key("head")
		writePlace(w, v.Head)
		w.Key("bad").StringOrNull(v.Bad).Key("place").StringOrNull(v.Place).EndObject()
		_, err := fmt.Fprintf(a.out, "%s\n", w.Bytes())
		return err
	}
	st := a.style()
	verdict := st.Paint("the chain holds", term.Bold, term.Green)
	if v.Bad != "" {
		verdict = st.Paint("the chain is broken", term.Bold, term.Red)
	}
	text := fmt.Sprintf("%s: %s\n", verdict, count(int(v.Records), "record"))
	if v.Begin.Seq > 0 {
		text += fmt.Sprintf("%s %d:%s\n", st.Paint("after", term.Dim), v.Begin.Seq, v.Begin.Hash)
	}
	if v.Head.Seq > 0 {
		text += fmt.Sprintf("%s  %d:%s\n", st.Paint("head", term.Dim), v.Head.Seq, v.Head.Hash)
	}
	if v.Bad != "" {
		place := v.Place
		if place == "" {
			place = "end"
		}
		text += fmt.Sprintf("%s  %s: %s\n", st.Paint("bad", term.Dim), place, v.Bad)
	}
	_, err := fmt.Fprint(a.out, text)
	return err
}

func writePlace(w *canon.Writer, c engine.Chain) {
	if c.Seq == 0 {
		w.Null()
		return
	}
	w.Object().Key("seq").Uint(c.Seq).Key("hash").String(c.Hash).EndObject()
}
