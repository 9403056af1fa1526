package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/keyfile"
	"github.com/issuant/issuant/cmd/issuant/internal/server"
	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/seal"
)

const keysHelp = `Make, look at, change and import keys. No secret is ever printed: it goes into a file that
only its owner may read, and what is shown of it is its key check value.

A key file is a JWK set: keys with id (kid), use, algorithm, and dates (nbf, exp). Read are
also a JSON map of key id to PEM certificate, PEM, folders of such files, and what is sealed
with age (--identity). crypto/keyring/CUSTODY.md says which key lives where, and how a
shared secret is handed over.`

func (a *app) keysCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make, list, check, rotate and import keys",
		Long:  keysHelp,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownVerb(cmd, args[0])
			}
			return usage("keys: say what to do: %s", strings.Join(subverbs(cmd), ", "))
		},
	}
	cmd.AddCommand(a.keysGenerateCmd(), a.keysListCmd(), a.keysCheckCmd(), a.keysRotateCmd(), a.keysImportCmd())
	ownFlags(cmd, "format", "now")
	return cmd
}

// keySource names keys, and what opens them when they are sealed.
type keySource struct{ keys, identity string }

func (s *keySource) register(cmd *cobra.Command, what string) {
	cmd.Flags().StringVar(&s.keys, "keys", "", what)
	cmd.Flags().StringVar(&s.identity, "identity", "", "`FILE` of the age identity that opens keys which are sealed")
}

// options reads every kind of key.
func (s *keySource) options() (source.Options, error) {
	opt := source.Options{Uses: source.AnyUse}
	if s.identity == "" {
		return opt, nil
	}
	ids, err := readIdentities(s.identity)
	if err != nil {
		return opt, err
	}
	opt.Open = keyfile.Opener(ids)
	return opt, nil
}

// load reads the keys of a file, a folder, a variable or an https address.
func (a *app) loadAnyKeys(s *keySource) (*keyring.Ring, []string, error) {
	if s.keys == "" {
		return nil, nil, usage("--keys is needed: a FILE, a DIR, env:NAME or an https URL")
	}
	if strings.Contains(s.keys, "://") {
		return a.fetchKeys(s.keys)
	}
	opt, err := s.options()
	if err != nil {
		return nil, nil, err
	}
	var keys []keyring.Key
	var warnings []string
	if name, ok := strings.CutPrefix(s.keys, "env:"); ok {
		keys, warnings, err = source.LoadEnv(name, opt)
	} else {
		keys, warnings, err = source.Load(s.keys, opt)
	}
	if err != nil {
		return nil, warnings, keyError("--keys", err)
	}
	ring, err := keyring.NewRing(keys...)
	if err != nil {
		return nil, warnings, fail(exitRefused, "%s: %w", s.keys, err)
	}
	return ring, warnings, nil
}

func (a *app) fetchKeys(url string) (*keyring.Ring, []string, error) {
	var warnings []string
	h, err := source.NewHTTPS(url, source.HTTPSOptions{Log: func(event string, attrs ...any) {
		if event == "key_warning" {
			warnings = append(warnings, fmt.Sprint(attrs[len(attrs)-1]))
		}
	}})
	if err != nil {
		return nil, nil, usage("--keys: %w", err)
	}
	if err := h.Refresh(a.ctx); err != nil {
		if a.ctx.Err() != nil {
			return nil, nil, a.ctx.Err()
		}
		var doc *source.Error
		if errors.As(err, &doc) {
			return nil, warnings, fail(exitRefused, "%s: %w", url, err)
		}
		return nil, warnings, fail(exitUnavailable, "%s: %w", url, err)
	}
	return h.Ring(), warnings, nil
}

// keyError sorts what is wrong with a key file: one that is missing is a mistake of
// the command line.
func keyError(flag string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return usage("%s: %w", flag, err)
	}
	return fail(exitRefused, "%w", err)
}

// readSecretFile reads the file of a secret that a flag names.
func readSecretFile(flag, name string) ([]byte, error) {
	data, err := server.ReadSecret(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usage("%s: %w", flag, plainPathError(name, err))
	}
	if err != nil {
		return nil, fail(exitRefused, "%s: %w", flag, plainPathError(name, err))
	}
	return data, nil
}

// readRecipients reads the public keys that a file is sealed to.
func (a *app) readRecipients(name string) (*seal.Recipients, error) {
	data, err := readFile(name, seal.MaxKeyFile)
	if err != nil {
		return nil, usage("--seal-to: %w", err)
	}
	to, err := seal.ParseRecipients(data)
	if err != nil {
		return nil, fail(exitRefused, "--seal-to: %s: %w", name, err)
	}
	return to, nil
}

// keyRow is what is shown of a key.
type keyRow struct {
	ID          string  `json:"id"`
	Kind        string  `json:"kind"`
	Use         string  `json:"use"`
	Alg         *string `json:"alg"`
	Scheme      *string `json:"scheme"`
	NotBefore   *string `json:"not_before"`
	NotAfter    *string `json:"not_after"` // the last instant
	Private     bool    `json:"private"`
	Thumbprint  *string `json:"thumbprint"` // RFC 7638, of a public key
	CheckValue  *string `json:"check_value"`
	CheckMethod *string `json:"check_method"`
	Status      string  `json:"status"` // ok, ends_soon, not_yet, expired, refused
	Reason      *string `json:"reason"`
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func stampOf(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return orNull(t.UTC().Format(time.RFC3339))
}

const keyEndsSoon = 30 * 24 * time.Hour

func keyRowOf(k *keyring.Key, now time.Time) keyRow {
	r := keyRow{
		ID: k.ID, Kind: k.Kind(), Use: k.Use.String(), Alg: orNull(k.Alg), Scheme: orNull(k.Scheme),
		NotBefore: stampOf(k.NotBefore), NotAfter: stampOf(k.NotAfter), Private: !k.Private.IsZero(),
		Thumbprint: orNull(keyfile.Thumbprint(k.Public)), Status: "ok", Reason: orNull(strings.TrimPrefix(k.Refused, "keyring: ")),
	}
	if method := keyring.CheckMethodOf(k.Alg); k.Secret.Len() > 0 {
		if v, err := keyring.CheckValue(method, k.Secret); err == nil {
			r.CheckValue, r.CheckMethod = &v, orNull(string(method))
		}
	}
	switch {
	case k.Refused != "":
		r.Status = "refused"
	case !k.NotBefore.IsZero() && now.Before(k.NotBefore):
		r.Status = "not_yet"
	case !k.ValidAt(now):
		r.Status = "expired"
	case !k.NotAfter.IsZero() && k.NotAfter.Sub(now) < keyEndsSoon:
		r.Status = "ends_soon"
	}
	return r
}

var keyColours = map[string][]string{"ok": {term.Green}, "ends_soon": {term.Yellow}, "not_yet": {term.Yellow}, "expired": {term.Red}, "refused": {term.Red}}

// printKeys prints a table of keys.
func (a *app) printKeys(rows []keyRow) error {
	table := term.Table{Style: a.style(), Columns: []term.Column{
		{Title: "ID", Min: 8, Max: 44}, {Title: "KIND", Min: 8}, {Title: "USE"}, {Title: "ALG", Max: 16}, {Title: "SCHEME", Max: 20},
		{Title: "IN FORCE", Min: 10}, {Title: "CHECK", Min: 12}, {Title: "STATUS", Min: 9, Grow: 1},
	}}
	cells := make([][]term.Cell, len(rows))
	need := make([]int, len(table.Columns))
	for i, r := range rows {
		cells[i] = keyCells(r)
		for j, c := range cells[i] {
			need[j] = max(need[j], term.Width(c.Text))
		}
	}
	table.Fit(min(a.columns(), 160), need)
	if err := table.Head(a.out); err != nil {
		return err
	}
	for _, row := range cells {
		if err := table.Row(a.out, row...); err != nil {
			return err
		}
	}
	return nil
}

func keyCells(r keyRow) []term.Cell {
	text := func(s *string) string {
		if s == nil {
			return "-"
		}
		return *s
	}
	date := func(s *string) string {
		if s == nil {
			return ""
		}
		return (*s)[:10]
	}
	dates := "always"
	switch from, to := date(r.NotBefore), date(r.NotAfter); {
	case from != "" && to != "":
		dates = from + " to " + to
	case from != "":
		dates = "from " + from
	case to != "":
		dates = "until " + to
	}
	check := "-"
	if r.CheckValue != nil {
		check = *r.CheckMethod + " " + *r.CheckValue
	} else if r.Thumbprint != nil {
		check = (*r.Thumbprint)[:16] + "…"
	}
	status := strings.ReplaceAll(r.Status, "_", " ")
	if r.Reason != nil {
		status += ": " + *r.Reason
	}
	return []term.Cell{
		{Text: r.ID, Codes: []string{term.Bold}}, {Text: r.Kind}, {Text: r.Use}, {Text: text(r.Alg)}, {Text: text(r.Scheme)},
		{Text: dates}, {Text: check, Codes: []string{term.Dim}}, {Text: status, Codes: keyColours[r.Status]},
	}
}

func (a *app) printJSONValue(v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := a.out.Write(b.Bytes())
	return err
}

func (a *app) warnKeys(name string, warnings []string) {
	for _, w := range warnings {
		fmt.Fprintf(a.err, "issuant: %s: warning: %s\n", name, oneLine(w))
	}
}
