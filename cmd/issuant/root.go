package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/rules"
)

// app is one run of the tool: the world around it and the common flags.
type app struct {
	*stdio
	ctx context.Context

	format  string
	now     string
	pack    string
	input   string
	noColor bool
	config  string
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, io *stdio) int {
	io.out = pipeWriter{io.out}
	a := &app{stdio: io, ctx: ctx}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(io.in)
	root.SetOut(io.out)
	root.SetErr(io.err)
	err := root.ExecuteContext(ctx)
	code := exitCode(ctx, err)
	var e *exitError
	var faults faultList
	switch {
	case err == nil, errors.Is(err, errPipe):
	case errors.As(err, &faults):
		for _, f := range faults {
			fmt.Fprintln(io.err, "issuant: "+oneLine(f.String()))
		}
	case errors.As(err, &e) && e.err == nil:
	case code == exitInterrupted:
		fmt.Fprintln(io.err, "issuant: interrupted")
	default:
		fmt.Fprintln(io.err, "issuant: "+oneLine(err.Error()))
	}
	return code
}

// oneLine keeps an error on one line, whatever a file name or a library put into it.
func oneLine(s string) string {
	return term.Safe(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; "))
}

const rootHelp = `Issuant decides on signed webhooks of card issuers' counterparts.

Start with:

    issuant demo

Results go to standard output, errors to standard error. Every flag can also be
set by an ISSUANT_* variable (--max-age: ISSUANT_MAX_AGE) or in issuant.yaml
(max_age: 5m); a flag wins over a variable, a variable over the file. Several
values are a list in the file and stand between commas in a variable.

Exit codes: 0 fine, 1 tests or gates failed, 2 usage or a named file is missing,
3 rules do not compile, 4 bad input data, 5 a signature or key was refused,
6 a dependency is unavailable, 130 interrupted.`

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "issuant",
		Short:         "Decide on card provisioning webhooks; write, check and test rules",
		Long:          rootHelp,
		Args:          cobra.ArbitraryArgs,
		Version:       build().version,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownVerb(cmd, args[0])
			}
			fmt.Fprint(a.err, cmd.UsageString())
			return usage("name a verb; \"issuant demo\" is the one to start with")
		},
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(flagError)
	root.PersistentFlags().StringVar(&a.config, "config", "", "configuration `FILE` (default issuant.yaml where there is one)")
	root.PersistentFlags().BoolVar(&a.noColor, "no-color", false, "print without colours (also: NO_COLOR)")
	root.SetHelpCommand(helpCmd())
	root.AddCommand(a.demoCmd(), a.serveCmd(), a.doctorCmd(), a.evalCmd(), a.explainCmd(), a.checkCmd(), a.lintCmd(), a.fmtCmd(), a.testCmd(), a.benchCmd(), a.verifyCmd(), a.recordsCmd(), a.listCmd(), a.packCmd(), a.schemaCmd(), a.versionCmd())
	root.AddCommand(a.keysCmd())
	root.AddCommand(a.sealCmd(), a.openCmd(), a.ringCmd())
	root.AddCommand(a.provisionCmd(), a.wasmCmd())
	for _, cmd := range root.Commands() {
		cmd.Flags().SortFlags = false
	}
	return root
}

// helpCmd is "issuant help VERB"; cobra's own ends well whatever it is asked.
func helpCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB]",
		Short: "Explain a verb",
		RunE: func(cmd *cobra.Command, args []string) error {
			target, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownVerb(cmd.Root(), strings.Join(args, " "))
			}
			target.InitDefaultHelpFlag()
			return target.Help()
		},
	}
}

func unknownVerb(cmd *cobra.Command, name string) error {
	var verbs []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			verbs = append(verbs, c.Name())
		}
	}
	if near := rules.Nearest(name, verbs); near != "" {
		return usage("unknown verb %q, did you mean %q?", name, near)
	}
	return usage("unknown verb %q; issuant --help lists the verbs", name)
}

func flagError(cmd *cobra.Command, err error) error {
	name, ok := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !ok {
		return usage("%s%w", verbPrefix(cmd), err)
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	if near := rules.Nearest(name, known); near != "" {
		return usage("%sunknown flag --%s, did you mean --%s?", verbPrefix(cmd), name, near)
	}
	return usage("%sunknown flag --%s; %s --help lists the flags", verbPrefix(cmd), name, cmd.CommandPath())
}

// verbPrefix names the verb in front of an error; the root command has none.
func verbPrefix(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return ""
	}
	return cmd.Name() + ": "
}

// verb finishes a command: no positional arguments unless it says so, its formats,
// and the configuration read before it runs.
func (a *app) verb(cmd *cobra.Command, formats ...string) *cobra.Command {
	if cmd.Args == nil {
		cmd.Args = noArgs
	}
	if len(formats) > 0 {
		cmd.Flags().StringVar(&a.format, "format", formats[0], "print as this `FORMAT`: "+strings.Join(formats, ", "))
	}
	work := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := a.configure(cmd); err != nil {
			return err
		}
		if len(formats) > 0 && !cmd.Flags().Changed("format") {
			a.format = formats[0] // the variable has the default of the verb that was made last
		}
		if len(formats) > 0 && !oneOf(a.format, formats) {
			return usage("%s: --format %q is not one of %s", cmd.Name(), a.format, strings.Join(formats, ", "))
		}
		return work(cmd, args)
	}
	return cmd
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%s takes no argument %q; files are named by flags", cmd.Name(), args[0])
	}
	return nil
}

func oneOf(s string, list []string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func (a *app) packFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.pack, "pack", "", "rules: a `DIR`, or a compiled FILE (default the starter pack; "+provisionPack+" is that for wallet payloads)")
}

// packArg lets the pack be named without its flag.
func (a *app) packArg(cmd *cobra.Command) {
	a.packFlag(cmd)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) > 1:
			return usage("%s takes one pack, not %q too", cmd.Name(), args[1])
		case len(args) == 1 && cmd.Flags().Changed("pack"):
			return usage("%s: name the pack once, %q or --pack %q", cmd.Name(), args[0], a.pack)
		case len(args) == 1 && args[0] == "":
			return usage("%s: the pack has no name", cmd.Name())
		case len(args) == 1:
			return cmd.Flags().Set("pack", args[0])
		}
		return nil
	}
}

func (a *app) inputFlag(cmd *cobra.Command, what string) {
	cmd.Flags().StringVarP(&a.input, "input", "i", "", what+": a `FILE`, or - for standard input")
}

func (a *app) nowFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.now, "now", "", "decide as of this `TIME`: RFC 3339 or Unix seconds (default the clock)")
}

// instant returns --now, or the clock.
func (a *app) instant() (time.Time, error) {
	if a.now == "" {
		return time.Now().UTC(), nil
	}
	t, err := parseTime(a.now)
	if err != nil {
		return t, usage("--now: %w", err)
	}
	return t, nil
}

// style tells whether standard output is painted: on a terminal, unless somebody objects.
func (a *app) style() term.Style {
	return term.Style{On: a.outTerminal && !a.noColor && a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb"}
}

// errStyle is style for standard error.
func (a *app) errStyle() term.Style {
	return term.Style{On: a.errTerminal && !a.noColor && a.getenv("NO_COLOR") == "" && a.getenv("TERM") != "dumb"}
}

// progress is where to say what takes its time: standard error, on a terminal.
func (a *app) progress() io.Writer {
	if a.errTerminal {
		return a.err
	}
	return io.Discard
}

// columns returns the width of the window; 100 when standard output is not a terminal.
func (a *app) columns() int {
	if w := a.width(); w > 0 {
		return max(w, 40)
	}
	return 100
}

func (a *app) getenv(name string) string {
	for i := len(a.env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(a.env[i], name+"="); ok {
			return v
		}
	}
	return ""
}
