package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/crypto/keyring"
)

func (a *app) keysListCmd() *cobra.Command {
	s := &keySource{}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Print what keys there are, but no secret",
		Long: `Print id, kind, use, algorithm, dates and status of each key; of a public key its
thumbprint (RFC 7638), of a secret its key check value with the method that made it.`,
		Example: `  issuant keys list --keys keys.jwks
  issuant keys list --keys https://counterpart.example/jwks.json --format json`,
		RunE: func(*cobra.Command, []string) error { return a.keysList(s) },
	}
	s.register(cmd, "a `FILE`, a DIR, env:NAME or an https URL")
	a.nowFlag(cmd)
	return a.verb(cmd, "pretty", "json")
}

func (a *app) keysList(s *keySource) error {
	rows, _, err := a.keyRows(s)
	if err != nil {
		return err
	}
	if a.format == "json" {
		return a.printJSONValue(map[string]any{"keys": rows})
	}
	return a.printKeys(rows)
}

// keyRows reads keys and what is to be shown of them. Warnings of keys that are shown
// as refused are not said twice.
func (a *app) keyRows(s *keySource) ([]keyRow, *keyring.Ring, error) {
	now, err := a.instant()
	if err != nil {
		return nil, nil, err
	}
	ring, warnings, err := a.loadAnyKeys(s)
	for _, w := range warnings {
		if !strings.Contains(w, " is refused: ") {
			a.warnKeys(s.keys, []string{w})
		}
	}
	if err != nil {
		return nil, nil, err
	}
	rows := make([]keyRow, 0, ring.Len())
	for _, k := range ring.All() {
		rows = append(rows, keyRowOf(k, now))
	}
	return rows, ring, nil
}

type keysCheckFlags struct {
	keySource
	expires       int
	id            string
	value, method string
}

func (a *app) keysCheckCmd() *cobra.Command {
	f := &keysCheckFlags{}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check that keys can be used, and how long",
		Long: `Check that every key can be used: readable, strong enough, its algorithm right for its
kind, its file for nobody else to change, and for nobody else to read when it holds secrets.
With --check-value compare a secret with the value that the other side reads out.

Exit code 5 when a key is refused, none is usable, or a check value differs; 1 when a key
ends within --expires-within days and none of its kind and use follows.`,
		Example: `  issuant keys check --keys keys.jwks --expires-within 30
  issuant keys check --keys wsd.jwks --id wsd-1 --check-value 08D7B4`,
		RunE: func(*cobra.Command, []string) error { return a.keysCheck(f) },
	}
	f.register(cmd, "a `FILE`, a DIR, env:NAME or an https URL")
	cmd.Flags().IntVar(&f.expires, "expires-within", 0, "fail when a key ends within so many `DAYS`")
	cmd.Flags().StringVar(&f.id, "id", "", "the `ID` of the key that --check-value is of")
	cmd.Flags().StringVar(&f.value, "check-value", "", "3 to 5 bytes in `HEX` that a secret must have as its key check value")
	cmd.Flags().StringVar(&f.method, "check-method", "", "how the check value is made: aes-cmac, aes-zero, tdes-zero, hmac-sha256 (default by the key's algorithm)")
	a.nowFlag(cmd)
	return a.verb(cmd, "pretty", "json")
}

func (a *app) keysCheck(f *keysCheckFlags) error {
	if (f.id == "") != (f.value == "") {
		return usage("keys check: --id and --check-value belong together")
	}
	if f.expires < 0 {
		return usage("keys check: --expires-within takes days")
	}
	rows, ring, err := a.keyRows(&f.keySource)
	if err != nil {
		return err
	}
	now, err := a.instant()
	if err != nil {
		return err
	}
	var faults []string
	exit := exitOK
	for _, k := range ring.All() {
		if k.Refused != "" {
			faults, exit = append(faults, fmt.Sprintf("key %q is refused: %s", k.ID, strings.TrimPrefix(k.Refused, "keyring: "))), exitRefused
		}
	}
	if ring.Valid(now) == 0 {
		faults, exit = append(faults, "no key is usable at this time"), exitRefused
	}
	if f.value != "" {
		if err := f.compare(ring); err != nil {
			faults, exit = append(faults, strings.TrimPrefix(err.Error(), "keyring: ")), exitRefused
		}
	}
	for _, k := range endsWithin(ring, now, time.Duration(f.expires)*24*time.Hour) {
		faults = append(faults, fmt.Sprintf("key %q ends at %s, within %d days, and none follows it; rotate it: issuant keys rotate", k.ID, k.NotAfter.UTC().Format(time.RFC3339), f.expires))
		exit = max(exit, exitFailed)
	}
	if a.format == "json" {
		if err := a.printJSONValue(map[string]any{"ok": exit == exitOK, "faults": append([]string{}, faults...), "keys": rows}); err != nil {
			return err
		}
		return done(exit)
	}
	if err := a.printKeys(rows); err != nil {
		return err
	}
	for _, text := range faults {
		fmt.Fprintln(a.err, "issuant: "+oneLine(text))
	}
	if exit == exitOK {
		_, err = fmt.Fprintf(a.out, "\n%d of %d keys usable now\n", ring.Valid(now), ring.Len())
		return err
	}
	return done(exit)
}

// compare holds a secret against the value that was stated.
func (f *keysCheckFlags) compare(ring *keyring.Ring) error {
	k, ok := ring.Lookup(f.id)
	if !ok {
		return fmt.Errorf("there is no key %q to compare the check value of", f.id)
	}
	if k.Secret.Len() == 0 {
		return fmt.Errorf("key %q is no secret, and has no check value; compare its thumbprint", f.id)
	}
	method := keyring.CheckMethod(f.method)
	if method == "" {
		method = keyring.CheckMethodOf(k.Alg)
	}
	return keyring.MatchCheckValue(method, k.Secret, f.value)
}

// endsWithin returns the keys in force that end soon without another for the same use
// and scheme that lasts longer.
func endsWithin(ring *keyring.Ring, now time.Time, d time.Duration) (list []*keyring.Key) {
	end := now.Add(d)
	for _, k := range ring.All() {
		if d == 0 || k.Refused != "" || !k.ValidAt(now) || k.ValidAt(end) {
			continue
		}
		follows := false
		for _, other := range ring.All() {
			follows = follows || other.Refused == "" && other.Use == k.Use && other.Scheme == k.Scheme && other.ValidAt(end)
		}
		if !follows {
			list = append(list, k)
		}
	}
	return list
}
