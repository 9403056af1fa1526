package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/records"
	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/internal/canon"
)

func (a *app) recordsAgesCmd() *cobra.Command {
	var s recordSource
	var counterpart []string
	cmd := &cobra.Command{
		Use:   "ages",
		Short: "Print how old messages were when they came",
		Long: `Print a histogram of the age of verified messages, from the instant that their sender
gives (iat) to their arrival, and how many failed a check that is observed only: what
max_age would refuse, before it is enforced.`,
		Example: `  issuant records ages`,
		RunE: func(*cobra.Command, []string) error {
			ages, filter := records.NewAges(), records.Filter{Counterpart: counterpart}
			err := a.eachRecord(&s, func(l *records.Line) {
				if filter.Wants(l) {
					ages.Add(l)
				}
			})
			if err != nil {
				return err
			}
			return a.printAges(ages)
		},
	}
	cmd.Flags().StringSliceVar(&counterpart, "counterpart", nil, "only messages of the counterpart of this `NAME`")
	s.flags(cmd.Flags())
	return a.verb(cmd, "pretty", "json")
}

func (a *app) printAges(ages *records.Ages) error {
	checks := []string{}
	for name := range ages.Observed {
		checks = append(checks, name)
	}
	slices.Sort(checks)
	if a.format == "json" {
		w := canon.NewWriter(nil).Object().Key("messages").Int(int64(ages.Total)).Key("buckets").Array()
		for i, n := range ages.Counts {
			w.Object().Key("up_to_s")
			if i < len(records.AgeBounds) {
				w.Int(int64(records.AgeBounds[i] / time.Second))
			} else {
				w.Null()
			}
			w.Key("count").Int(int64(n)).EndObject()
		}
		w.EndArray().Key("observed").Object()
		for _, name := range checks {
			w.Key(name).Int(int64(ages.Observed[name]))
		}
		_, err := fmt.Fprintf(a.out, "%s\n", w.EndObject().EndObject().Bytes())
		return err
	}
	_, err := fmt.Fprint(a.out, a.agesPage(ages, checks))
	return err
}

func (a *app) agesPage(ages *records.Ages, checks []string) string {
	st := a.style()
	var b strings.Builder
	fmt.Fprintf(&b, "%s", st.Paint(count(ages.Total, "verified message"), term.Bold))
	if ages.Total > 0 {
		fmt.Fprintf(&b, "%s", st.Paint("  the oldest was "+ages.Oldest.Round(time.Millisecond).String()+" old", term.Dim))
	}
	b.WriteByte('\n')
	most := slices.Max(ages.Counts)
	bar := max(10, a.columns()-36)
	first := slices.IndexFunc(ages.Counts, func(n int) bool { return n > 0 })
	for i, n := range ages.Counts {
		if first < 0 || i < first || slices.Max(ages.Counts[i:]) == 0 {
			continue // nothing before or after it
		}
		label := "older"
		if i < len(records.AgeBounds) {
			label = "up to " + plainDuration(records.AgeBounds[i])
		}
		if i == 0 {
			label = "dated ahead"
		}
		length := 0
		if n > 0 {
			length = max(1, n*bar/most)
		}
		fmt.Fprintf(&b, "  %s %8d  %s\n", st.Paint(term.Pad(label, 12), term.Dim), n, st.Paint(strings.Repeat("█", length), term.Cyan))
	}
	for _, name := range checks {
		fmt.Fprintf(&b, "  %s\n", st.Paint(fmt.Sprintf("%s: %s would have been refused", name, count(ages.Observed[name], "message")), term.Yellow))
	}
	return b.String()
}

// plainDuration is a duration of whole seconds without its zero parts.
func plainDuration(d time.Duration) string {
	switch {
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}
