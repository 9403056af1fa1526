package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/payload"
	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/provision/googlepay/openpgp"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/strictjson"
)

type inspectFlags struct {
	keySource
	pgpKey, pgpSigners, pgpPassphrase string
}

func (a *app) provisionInspectCmd() *cobra.Command {
	f := &inspectFlags{}
	cmd := &cobra.Command{
		Use:   "inspect",
		Short: "Look at a payload: its parts, lengths, key ids, times, and what is unverified",
		Long: `Look at a payload, or at what a device sent: Visa's compact JWE, Mastercard's JSON or its
Base64, a TAV, MBPAC and MBPAD, an OpenPGP object, Apple's request and pass data, and what
"issuant provision" prints. What a receiver would refuse is named.

With --keys it is opened where a key fits, and what is in it is shown: card numbers masked,
security codes not at all. Exit code 4 when it is no payload.`,
		Example: `  issuant provision inspect -i payload.json
  issuant provision inspect -i opc.txt --keys test-keys.json --format json`,
		RunE: func(*cobra.Command, []string) error { return a.inspect(f) },
	}
	a.inputFlag(cmd, "payload (default standard input)")
	f.register(cmd, "open it with the keys of this `FILE`")
	cmd.Flags().StringVar(&f.pgpKey, "openpgp-key", "", "private OpenPGP key `FILE` that opens Google's object")
	cmd.Flags().StringVar(&f.pgpPassphrase, "openpgp-passphrase-file", "", "`FILE` whose first line is that key's passphrase")
	cmd.Flags().StringVar(&f.pgpSigners, "openpgp-signers", "", "public OpenPGP key `FILE` of who signs Google's object")
	a.nowFlag(cmd)
	return a.verb(cmd, "pretty", "json")
}

func (a *app) inspect(f *inspectFlags) error {
	now, err := a.instant()
	if err != nil {
		return err
	}
	opt := payload.Options{Now: now}
	if f.keys != "" {
		ring, err := a.openingKeys(&f.keySource)
		if err != nil {
			return err
		}
		opt.Keys = ring
	}
	if opt.PGP, err = f.openPGP(now); err != nil {
		return err
	}
	name := a.sealInput()
	data, err := a.readInput(name, payload.MaxBytes)
	if err != nil {
		return err
	}
	report, err := payload.Inspect(data, opt)
	var je *strictjson.Error
	if errors.As(err, &je) {
		return fail(exitInput, "%w", placed(inputName(name), data, 1, err))
	}
	if err != nil {
		return fail(exitInput, "%s: %w", inputName(name), err)
	}
	if a.format == "json" {
		return a.printJSONValue(report)
	}
	return a.printPayload(report)
}

// openingKeys reads keys that open: what decrypts comes first.
func (a *app) openingKeys(s *keySource) (*keyring.Ring, error) {
	opt, err := s.options()
	if err != nil {
		return nil, err
	}
	opt.Uses = []keyring.Use{keyring.UseDecrypt, keyring.UseEncrypt, keyring.UseSign, keyring.UseVerify}
	keys, warnings, err := source.Load(s.keys, opt)
	if err != nil {
		return nil, keyError("--keys", err)
	}
	a.warnKeys(s.keys, warnings)
	ring, err := keyring.NewRing(keys...)
	if err != nil {
		return nil, fail(exitRefused, "%s: %w", s.keys, err)
	}
	return ring, nil
}

func (f *inspectFlags) openPGP(now time.Time) (func([]byte) ([]byte, error), error) {
	if f.pgpKey == "" && f.pgpSigners == "" {
		return nil, nil
	}
	if f.pgpKey == "" || f.pgpSigners == "" {
		return nil, usage("provision inspect: --openpgp-key and --openpgp-signers go together: what is opened is verified too")
	}
	key, err := readSecretFile("--openpgp-key", f.pgpKey)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	signers, err := readFile(f.pgpSigners, openpgp.MaxMessage)
	if err != nil {
		return nil, usage("--openpgp-signers: %w", err)
	}
	var words secret.Text
	if f.pgpPassphrase != "" {
		if words, err = readPassphrase(f.pgpPassphrase); err != nil {
			return nil, err
		}
	}
	o, err := openpgp.NewOpener(openpgp.OpenOptions{Key: key, Passphrase: words, Signers: signers})
	if err != nil {
		return nil, fail(exitRefused, "%w", err)
	}
	return func(message []byte) ([]byte, error) { return o.Open(message, now) }, nil
}

func (a *app) printPayload(r *payload.Report) error {
	s := a.style()
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", s.Paint(r.Kind, term.Bold))
	printFields(&b, s, r.Fields, a.columns())
	for _, u := range r.Unverified {
		fmt.Fprintf(&b, "\n%s %s: no vector and no counterpart has confirmed it to us\n", s.Paint("unverified", term.Yellow), term.Safe(u))
	}
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "\n%s %s\n", s.Paint("problem", term.Red), term.Safe(p))
	}
	switch {
	case len(r.Opened) > 0:
		fmt.Fprintf(&b, "\n%s\n", s.Paint("opened", term.Bold))
		printFields(&b, s, r.Opened, a.columns())
	case r.NotOpened != "":
		fmt.Fprintf(&b, "\n%s %s\n", s.Paint("not opened:", term.Dim), term.Safe(r.NotOpened))
	}
	_, err := a.out.Write([]byte(b.String()))
	return err
}

// printFields prints names and values in two columns; long values go on below.
func printFields(b *strings.Builder, s term.Style, fields []payload.Field, width int) {
	wide := 0
	for _, f := range fields {
		wide = max(wide, min(term.Width(f.Name), 44))
	}
	for _, f := range fields {
		lines := term.Wrap(term.Safe(f.Value), max(width-wide-4, 20))
		if len(lines) == 0 {
			lines = []string{""}
		}
		fmt.Fprintf(b, "  %s  %s\n", s.Paint(term.Pad(term.Clip(term.Safe(f.Name), 44), wide), term.Dim), lines[0])
		for _, more := range lines[1:] {
			fmt.Fprintf(b, "  %s  %s\n", strings.Repeat(" ", wide), more)
		}
	}
}
