package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/cmd/issuant/internal/redact"
	"github.com/issuant/issuant/cmd/issuant/internal/server"
)

const serveHelp = `Answer signed webhooks: POST /v1/webhooks/NAME for each counterpart of the
configuration. On an address of its own, loopback by default, /healthz, /readyz and
/metrics tell how it is.

The least configuration is the counterpart's keys, the accounts that are ours, a key for
references and a way to ask the cardholder:

    (umask 077; echo "k1:$(openssl rand -hex 32)" > ref.key)
    issuant serve --keys keys.json --account 98665386 --ref-key ref.key --sms

What is more than a value goes into issuant.yaml:

    store: postgres://issuant@db.internal/issuant
    counterparts:
      pismo:
        keys: https://keys.example.com/certificates
        accounts: ["98665386"]
        ref_key: /etc/issuant/ref.key
        sms: true
        call: "+551130039500"
        apps: [{url: "issuer://wallet", platform: ios}]

Wallet payloads are built on an address of their own when the file has a section
"provision"; with provision.only the process has no webhooks, and none of their keys:
crypto/provision/WALKTHROUGH.md.

Rules, lists, keys, certificates and the configuration are taken anew when their files
change, or after SIGHUP. What is not in order is not taken: the last good one stays, and
the log, a metric and /readyz say why. Addresses, the store and a few more need a restart.

SIGTERM and Ctrl-C let requests in flight end; then the exit code is 0.`

func (a *app) serveCmd() *cobra.Command {
	var check bool
	flags := rawFlags{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Answer signed webhooks",
		Long:  serveHelp,
		Example: `  issuant serve --config issuant.yaml
  issuant serve --config issuant.yaml --check`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd, flags, check) },
	}
	cmd.Flags().BoolVar(&check, "check", false, "look at the configuration and at the files that it names, and exit")
	flags.register(cmd)
	return cmd
}

func (a *app) serve(cmd *cobra.Command, flags rawFlags, check bool) error {
	opt, err := a.serverOptions(cmd, flags)
	if err != nil {
		return err
	}
	if check {
		opt.Log = slog.New(redact.NewHandler(lineHandler{a.err}))
		if faults := server.Check(opt); len(faults) > 0 {
			return faultList(faults)
		}
		return nil
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, reloadSignals...)
	defer signal.Stop(hangup)
	reload := make(chan struct{}, 1)
	opt.Reload = reload
	go func() {
		for range hangup {
			select {
			case reload <- struct{}{}:
			default: // one is waiting already
			}
		}
	}()
	defer close(hangup)
	return serveError(server.Run(a.ctx, opt))
}

// serveError gives the end of the server its exit code.
func serveError(err error) error {
	var faults *server.FaultError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &faults):
		return faultList(faults.Faults)
	case errors.Is(err, server.ErrStore), errors.Is(err, server.ErrListen):
		return fail(exitUnavailable, "serve: %w", err)
	}
	return fail(exitFailed, "serve: %w", err)
}

// serverOptions says how the server finds its configuration, and where it logs.
func (a *app) serverOptions(cmd *cobra.Command, flags rawFlags) (server.Options, error) {
	name, required := a.config, true
	if name == "" {
		name = a.getenv("ISSUANT_CONFIG")
	}
	if name == "" {
		name, required = configFile, false
	}
	load := func() (*config.Config, []config.Fault) {
		src := config.Source{File: name, Flags: flags.given, Env: a.getenv, Known: knownKeys(cmd.Root())}
		data, err := readFile(name, maxConfigFile)
		var faults []config.Fault
		if err != nil && (required || !errors.Is(err, fs.ErrNotExist)) {
			faults = append(faults, config.Fault{Msg: "configuration: " + err.Error()})
		}
		src.Data = data
		c, more := config.Parse(src)
		if len(faults) > 0 {
			return c, faults // what the file would have said is not missing
		}
		return c, more
	}
	c, _ := load()
	b := build()
	return server.Options{
		Load: load, ConfigFile: name, Log: a.logger(c), Now: a.clock,
		Build: server.Build{Version: b.version, Commit: b.commit, Go: runtime.Version()},
	}, nil
}

// logger writes to standard error, through a handler that masks card numbers.
func (a *app) logger(c *config.Config) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // it is one of the four
	opt := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewJSONHandler(a.err, opt)
	if c.LogFormat == "text" || c.LogFormat == "" && a.errTerminal {
		h = slog.NewTextHandler(a.err, opt)
	}
	return slog.New(redact.NewHandler(h))
}

// lineHandler prints warnings as the tool prints everything else: for a person who
// asked, not for a log.
type lineHandler struct{ w io.Writer }

// Enabled implements slog.Handler.
func (h lineHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

// Handle implements slog.Handler.
func (h lineHandler) Handle(_ context.Context, r slog.Record) error {
	text := "issuant: warning: " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += ": " + a.Value.String()
		return true
	})
	_, err := fmt.Fprintln(h.w, oneLine(text))
	return err
}

// WithAttrs and WithGroup implement slog.Handler; the server uses neither.
func (h lineHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup implements slog.Handler.
func (h lineHandler) WithGroup(string) slog.Handler { return h }

// rawFlags keep what the command line says as text, so that every fault of every
// source is told together.
type rawFlags map[string]*rawFlag

type rawFlag struct {
	kind  config.Kind
	arg   string
	texts []string
}

// String implements pflag.Value.
func (f *rawFlag) String() string { return strings.Join(f.texts, ",") }

// Type implements pflag.Value: what stands for the value in the usage text.
func (f *rawFlag) Type() string {
	if f.kind == config.Yes {
		return "bool"
	}
	return f.arg
}

// Set implements pflag.Value. The last of several values wins, but of a list.
func (f *rawFlag) Set(text string) error {
	if f.kind == config.Many {
		f.texts = append(f.texts, text)
	} else {
		f.texts = []string{text}
	}
	return nil
}

// rawList is the rawFlag of a list.
type rawList struct{ *rawFlag }

// Append implements pflag.SliceValue.
func (f rawList) Append(text string) error { return f.Set(text) }

// Replace implements pflag.SliceValue.
func (f rawList) Replace(texts []string) error { f.texts = texts; return nil }

// GetSlice implements pflag.SliceValue.
func (f rawList) GetSlice() []string { return f.texts }

func (r rawFlags) register(cmd *cobra.Command) {
	for _, s := range append(config.Top(), config.PerCounterpart()...) {
		if s.Flag == "" {
			continue
		}
		f := &rawFlag{kind: s.Kind, arg: s.Arg}
		r[s.Flag] = f
		if s.Kind == config.Many {
			cmd.Flags().Var(rawList{f}, s.Flag, s.Doc+"; may stand several times")
			continue
		}
		cmd.Flags().Var(f, s.Flag, s.Doc)
		if s.Kind == config.Yes {
			cmd.Flags().Lookup(s.Flag).NoOptDefVal = "true"
		}
	}
}

// given returns what the command line says for a flag.
func (r rawFlags) given(name string) ([]string, bool) {
	f := r[name]
	if f == nil || f.texts == nil {
		return nil, false
	}
	return f.texts, true
}
