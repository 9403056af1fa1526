package main

import (
	"encoding/json"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/server"
	"github.com/issuant/issuant/cmd/issuant/internal/term"
)

func (a *app) doctorCmd() *cobra.Command {
	flags := rawFlags{}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look at what serve needs: configuration, clock, keys, rules, store",
		Long: `Look at what issuant serve needs, with the same configuration: the settings and the
modes of files, the clock (against the key server's, where keys have an https address),
keys and how long they are good, the rules and their tests, the store and its chain.

It changes nothing, and may run beside a server. Exit code 1 when a check failed;
warnings do not fail it.`,
		Example: `  issuant doctor --config issuant.yaml
  issuant doctor --config issuant.yaml --format json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.doctor(cmd, flags) },
	}
	cmd.Flags().StringVar(&a.format, "format", "pretty", "print as this `FORMAT`: pretty, json")
	flags.register(cmd)
	return cmd
}

func (a *app) doctor(cmd *cobra.Command, flags rawFlags) error {
	if !cmd.Flags().Changed("format") && a.getenv("ISSUANT_FORMAT") != "" {
		a.format = a.getenv("ISSUANT_FORMAT")
	}
	if !oneOf(a.format, []string{"pretty", "json"}) {
		return usage("doctor: --format %q is not one of pretty, json", a.format)
	}
	opt, err := a.serverOptions(cmd, flags)
	if err != nil {
		return err
	}
	opt.Log = slog.New(slog.DiscardHandler) // the findings tell
	findings := server.Examine(a.ctx, opt)
	if a.ctx.Err() != nil {
		return a.ctx.Err()
	}
	failed := 0
	for _, f := range findings {
		if f.Status == server.Failed {
			failed++
		}
	}
	if err := a.printFindings(findings, failed); err != nil {
		return err
	}
	if failed > 0 {
		return done(exitFailed)
	}
	return nil
}

func (a *app) printFindings(findings []server.Finding, failed int) error {
	if a.format == "json" {
		enc := json.NewEncoder(a.out)
		enc.SetEscapeHTML(false)
		return enc.Encode(struct {
			OK     bool             `json:"ok"`
			Checks []server.Finding `json:"checks"`
		}{failed == 0, findings})
	}
	colour := map[server.Status]string{server.OK: term.Green, server.Warning: term.Yellow, server.Failed: term.Red}
	table := term.Table{Style: a.style(), Columns: []term.Column{{Title: "CHECK"}, {Title: "STATUS"}, {Title: "WHAT", Grow: 1, Min: 30}}}
	width := 5
	for _, f := range findings {
		width = max(width, term.Width(f.Check))
	}
	table.Fit(min(a.columns(), 160), []int{width, 7, 0})
	if err := table.Head(a.out); err != nil {
		return err
	}
	for _, f := range findings {
		err := table.Row(a.out, term.Cell{Text: f.Check, Codes: []string{term.Bold}}, term.Cell{Text: string(f.Status), Codes: []string{colour[f.Status]}}, term.Cell{Text: f.Message})
		if err != nil {
			return err
		}
	}
	return nil
}
