package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/cmd/issuant/internal/lists"
	"github.com/issuant/issuant/cmd/issuant/internal/server"
	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/crypto/webhook"
	"github.com/issuant/issuant/engine/wire/pismo"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/store"
)

const listHelp = `Change the lists of the rules while servers run, on every process within seconds.

An entry is laid over the pack's own list of that name. add makes a value a member, at
least until --until; expire ends it at --until, and remove now, in both cases whatever
the pack itself says. Every change needs who and why, and is a line in the chain of
records (issuant records tail, list history).

Four lists belong to no pack. While they hold a value, what has it is declined, whatever
the rules say:

    kill.bin        what begins with these 6 to 8 digits; more of them than the
                    counterpart sends as BIN stop nothing
    kill.requestor  a token requestor: its id, or its name as apple_pay
    kill.device     a device's reference, device.ref (--device-id makes it of an id)
    kill.card       a card's reference, card.ref

A running server is asked at its admin address, with the token of its setting
admin_token. Without one, --store changes the store itself; a SQLite file that a server
owns has to be changed through the server.`

// listFlags say where the lists are.
type listFlags struct {
	adminFlags
	store  string
	direct bool // --store was given
	change lists.Change
	until  string

	deviceID bool // the value is a device's id, not its reference
	refKey   string
}

func (a *app) listCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Change lists while servers run, and stop a BIN, requestor, device or card",
		Long:  listHelp,
		Example: `  issuant list add kill.bin 411111 --who ana --why "attack on this BIN" --until 24h
  issuant list show kill.bin
  issuant list remove kill.bin 411111 --who ben --why "attack is over"
  issuant list history kill.bin`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownVerb(cmd, args[0])
			}
			return usage("list: say what to do: %s", strings.Join(subverbs(cmd), ", "))
		},
	}
	cmd.AddCommand(
		a.listChangeCmd(lists.Add, "Make a value a member of a list"), a.listChangeCmd(lists.Expire, "End a value of a list at an instant"),
		a.listChangeCmd(lists.Remove, "Take a value out of a list"), a.listShowCmd(), a.listHistoryCmd())
	for _, sub := range cmd.Commands() {
		sub.Flags().SortFlags = false
	}
	return cmd
}

func (a *app) listVerb(cmd *cobra.Command, f *listFlags) *cobra.Command {
	f.register(cmd)
	cmd.Flags().StringVar(&f.store, "store", "", "not through a server: the SQLite file or postgres `URL` itself")
	cmd.Flags().StringVar(&a.pack, "pack", "", "with --store: the pack whose lists these are, a `DIR` or compiled FILE (default the starter pack)")
	cmd.PreRun = func(cmd *cobra.Command, _ []string) { f.direct = cmd.Flags().Changed("store") } // not what a configuration says for serve
	return a.verb(cmd, "pretty", "json")
}

func (a *app) listChangeCmd(action, short string) *cobra.Command {
	f := &listFlags{change: lists.Change{Action: action}}
	cmd := &cobra.Command{
		Use:   action + " NAME VALUE",
		Short: short,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage("list %s takes the name of a list and a value", action)
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			f.change.List, f.change.Value = args[0], args[1]
			return a.listChange(f)
		},
	}
	cmd.Flags().StringVar(&f.change.Who, "who", "", "who changes it: your `NAME`, for the chain of records (needed)")
	cmd.Flags().StringVar(&f.change.Why, "why", "", "why: a `TEXT` for the chain of records (needed)")
	if action != lists.Remove {
		cmd.Flags().StringVar(&f.until, "until", "", "when it ends: a `TIME` as 2026-11-24T10:00:00Z, Unix seconds, or from now as 24h or 30d")
	}
	cmd.Flags().BoolVar(&f.deviceID, "device-id", false, "VALUE is the id of a device as the counterpart sends it; its reference is meant")
	cmd.Flags().StringVar(&f.refKey, "ref-key", "", "with --device-id: `FILE` with the key of references, as for serve")
	return a.listVerb(cmd, f)
}

func (a *app) listShowCmd() *cobra.Command {
	f := &listFlags{}
	cmd := &cobra.Command{
		Use:   "show [NAME]",
		Short: "Print the runtime entries of a list, or which lists there are",
		Args:  atMostOneList("show"),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listAll(f)
			}
			return a.listShow(f, args[0])
		},
	}
	return a.listVerb(cmd, f)
}

func (a *app) listHistoryCmd() *cobra.Command {
	f := &listFlags{}
	cmd := &cobra.Command{
		Use:   "history NAME",
		Short: "Print the changes of a list, who made them and why",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("list history takes the name of a list")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.listHistory(f, args[0]) },
	}
	return a.listVerb(cmd, f)
}

func atMostOneList(verb string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usage("list %s takes the name of one list", verb)
		}
		return nil
	}
}

// parseUntil reads an instant, or a time from now.
func parseUntil(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok && strings.Trim(days, "0123456789") == "" && len(days) > 0 && len(days) < 6 {
		var n int
		_, _ = fmt.Sscan(days, &n) // five digits
		return now.Add(time.Duration(n) * 24 * time.Hour), nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(d), nil
	}
	at, err := parseTime(text)
	if err != nil {
		return at, usage("--until is no time: give an instant as 2026-11-24T10:00:00Z, Unix seconds, or a time from now as 24h or 30d")
	}
	return at, nil
}

// deviceRef makes the reference of a device's id, which then need not leave this process.
func deviceRef(name, id string) (string, error) {
	if name == "" || id == "" {
		return "", usage("--device-id needs an id and --ref-key FILE, the key that serve makes references with")
	}
	key, err := server.LoadRefKey(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", usage("--ref-key names a file that does not exist; the key itself does not belong here")
	}
	if err != nil {
		return "", fail(exitRefused, "--ref-key: %w", plainPathError(name, err))
	}
	return pismo.DeviceRef(key, id), nil
}

func (a *app) listChange(f *listFlags) error {
	c := &f.change
	c.Now = time.Now().UTC()
	var err error
	if c.Until, err = parseUntil(f.until, c.Now); err != nil {
		return err
	}
	c.Until = c.Until.Truncate(time.Second)
	if f.deviceID {
		if c.Value, err = deviceRef(f.refKey, c.Value); err != nil {
			return err
		}
	}
	if err := c.Check(); err != nil { // before a card number leaves this process
		return usage("list %s: %w", c.Action, err)
	}
	text, err := a.listText(f, http.MethodPost, "/"+url.PathEscape(c.List), c.JSON(), true, func(ctx context.Context, s store.Store, p *rules.Pack) (*canon.Writer, error) {
		done, err := lists.Apply(ctx, s, p, *c)
		return done.Write(canon.NewWriter(nil), c.List), err
	})
	if err != nil || a.format == "json" {
		return a.printJSON(text, err)
	}
	var done struct {
		Record uint64
		Action string
		Until  *time.Time
	}
	if err := json.Unmarshal(text, &done); err != nil {
		return fail(exitUnavailable, "the answer is not one of issuant's")
	}
	what := map[string]string{"put": "is a member of", "remove": "was removed from", "mask": "was removed from"}[done.Action]
	if c.Action == lists.Expire {
		what = "ends in"
	}
	end := ""
	if done.Until != nil {
		end = " until " + done.Until.UTC().Format(time.RFC3339)
	}
	_, err = fmt.Fprintf(a.out, "%s %s %s%s (record %d)\n", term.Safe(c.Value), what, term.Safe(c.List), end, done.Record)
	return err
}

// printJSON prints an answer as it is.
func (a *app) printJSON(text []byte, err error) error {
	if err == nil {
		_, err = fmt.Fprintf(a.out, "%s\n", strings.TrimSpace(string(text)))
	}
	return err
}

// listText asks a server at /v1/lists and path, or does with the store what the server would do.
func (a *app) listText(f *listFlags, method, path string, body []byte, write bool, direct func(context.Context, store.Store, *rules.Pack) (*canon.Writer, error)) ([]byte, error) {
	if !f.direct {
		return a.callAdmin(&f.adminFlags, method, "/v1/lists"+path, body)
	}
	p, err := a.loadPack()
	if err != nil {
		return nil, err
	}
	s, err := a.openStore(f.store, write)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	out, err := direct(a.ctx, s, p)
	switch {
	case errors.Is(err, lists.ErrChange):
		return nil, usage("%w", err)
	case err != nil:
		return nil, a.storeError(f.store, err)
	}
	return out.Bytes(), nil
}

// openStore opens a store that is there, to be read or changed beside servers.
func (a *app) openStore(url string, write bool) (store.Store, error) {
	if url == config.MemoryStore || url == "" {
		return nil, usage("--store: name the file or URL of a store; the store memory lives in a server alone")
	}
	s, err := store.Open(a.ctx, url, store.Options{ReadOnly: true})
	if err != nil {
		return nil, a.storeError(url, err)
	}
	if !write {
		return s, nil
	}
	card := s.Card()
	if err := s.Close(); err != nil {
		return nil, a.storeError(url, err)
	}
	// Nothing that a server still wants to remember may be let go of here.
	keep := webhook.MaxMaxAge + 2*webhook.MaxSkew
	s, err = store.Open(a.ctx, url, store.Options{Card: card, Keep: keep})
	if errors.Is(err, store.ErrLocked) {
		return nil, fail(exitUnavailable, "%s: a server owns the file; change the list through its --admin address", store.Redacted(url))
	}
	if err != nil {
		return nil, a.storeError(url, err)
	}
	return s, nil
}
