package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/issuant/issuant/cmd/issuant/internal/outfile"
	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/provision/profile"
	"github.com/issuant/issuant/crypto/provision/profile/profilefile"
	"github.com/issuant/issuant/internal/code"
)

const provisionHelp = `Build wallet payloads in house: what Apple Pay, Google Pay and Samsung Pay take so that a
card becomes a token, without a call to a network.

A payload is built for a grant: "issuant provision grant" makes one of a decision that is
green. Without a grant it takes --unsafe-no-decision, which is recorded.

Which formats and keys are used stands in one file (--wallets); crypto/provision/WALKTHROUGH.md
goes through all of it with throw-away keys. A card number is read from a file that only its
owner may read, never from a flag or variable.`

func (a *app) provisionCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "provision",
		Short: "Build and inspect wallet payloads: apple, google, samsung, grant, inspect, conform",
		Long:  provisionHelp,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownVerb(cmd, args[0])
			}
			return usage("provision: say what to do: %s", strings.Join(subverbs(cmd), ", "))
		},
	}
	cmd.AddCommand(a.provisionBuildCmd("apple"), a.provisionBuildCmd("google"), a.provisionBuildCmd("samsung"), a.provisionGrantCmd(), a.provisionInspectCmd(), a.provisionConformCmd())
	for _, sub := range cmd.Commands() {
		sub.Flags().SortFlags = false
		sub.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "format" && f.Name != "now" && f.Name != "pack" && f.Name != "store" {
				f.Annotations = map[string][]string{ownFlag: {}}
			}
		})
	}
	return cmd
}

type conformFlags struct {
	profile, vectors, keys string
	confirm                bool
}

func (a *app) provisionConformCmd() *cobra.Command {
	f := &conformFlags{}
	cmd := &cobra.Command{
		Use:   "conform",
		Short: "Compare a format profile with known answers",
		Long: `Build every case of a file of vectors with the randomness that the file names, and compare
with the bytes that it wants. What differs is named by step, byte and field; no value is
printed. Exit code 1 when a case differs.

With --confirm a profile that agrees with every case carries the digests of the vectors and
of its layout from then on; until the layout changes, it is no longer "unverified".

The form of the files: crypto/provision/profile, testdata/README.md.`,
		Example: `  issuant provision conform --profile acme.yaml --vectors acme-vectors.json
  issuant provision conform --profile acme.yaml --vectors acme-vectors.json --keys test-keys.json --confirm`,
		RunE: func(*cobra.Command, []string) error { return a.conform(f) },
	}
	cmd.Flags().StringVar(&f.profile, "profile", "", "format profile, a YAML `FILE`")
	cmd.Flags().StringVar(&f.vectors, "vectors", "", "known answers, a JSON `FILE`")
	cmd.Flags().StringVar(&f.keys, "keys", "", "keys of the vectors: a key `FILE` (default setup.keys of the vectors)")
	cmd.Flags().BoolVar(&f.confirm, "confirm", false, "write into the profile that these vectors confirm it")
	return a.verb(cmd, "pretty", "json")
}

func (a *app) conform(f *conformFlags) error {
	if f.profile == "" || f.vectors == "" {
		return usage("provision conform: --profile and --vectors are needed")
	}
	text, err := readFile(f.profile, profilefile.MaxBytes)
	if err != nil {
		return usage("--profile: %w", err)
	}
	p, err := profilefile.Parse(withoutConfirmation(text, f.confirm))
	if err != nil {
		return profileError(f.profile, err)
	}
	vectors, err := readFile(f.vectors, profile.MaxVectors)
	if err != nil {
		return usage("--vectors: %w", err)
	}
	ring, err := a.conformKeys(f, vectors)
	if err != nil {
		return err
	}
	report, err := profile.Conform(p, vectors, profile.Options{Keys: ring})
	switch {
	case errors.Is(err, profile.ErrVectors):
		return fail(exitInput, "%s: %w", f.vectors, err)
	case errors.Is(err, profile.ErrKey):
		return fail(exitRefused, "%w", err)
	case err != nil:
		return fail(exitUsage, "%s: %w", f.profile, err)
	}
	if f.confirm && report.OK() {
		text, err = profilefile.Confirm(text, report.Confirmation())
		if err != nil {
			return fail(exitUsage, "%w", err)
		}
		if err := outfile.Replace(f.profile, text); err != nil {
			return fail(exitUnavailable, "%s: %w", f.profile, err)
		}
	}
	if err := a.printConform(f, report); err != nil {
		return err
	}
	if !report.OK() {
		return done(exitFailed)
	}
	return nil
}

// withoutConfirmation leaves an earlier confirmation out where a new one is written:
// one that was voided must not be in the way.
func withoutConfirmation(text []byte, confirm bool) []byte {
	if !confirm {
		return text
	}
	return profilefile.Unconfirmed(text)
}

// profileError: a profile is configuration.
func profileError(name string, err error) error {
	if e, ok := errors.AsType[*profilefile.Error](err); ok {
		e.File = name
	}
	return fail(exitUsage, "%w", err)
}

// conformKeys reads the vectors' keys: of --keys, or those that stand in the vectors.
func (a *app) conformKeys(f *conformFlags, vectors []byte) (*keyring.Ring, error) {
	opt := source.Options{Uses: []keyring.Use{keyring.UseEncrypt, keyring.UseSign}}
	var keys []keyring.Key
	var warnings []string
	var err error
	place := f.vectors + ": setup.keys"
	if f.keys != "" {
		place = f.keys
		keys, warnings, err = source.Load(f.keys, opt)
	} else {
		var doc struct {
			Setup struct {
				Keys json.RawMessage `json:"keys"`
			} `json:"setup"`
		}
		if json.Unmarshal(vectors, &doc) != nil || doc.Setup.Keys == nil {
			return keyring.NewRing()
		}
		keys, warnings, err = source.Parse(doc.Setup.Keys, opt)
	}
	if err != nil {
		if f.keys != "" {
			return nil, keyError("--keys", err)
		}
		return nil, fail(exitRefused, "%s: %w", place, err)
	}
	a.warnKeys(place, warnings)
	ring, err := keyring.NewRing(keys...)
	if err != nil {
		return nil, fail(exitRefused, "%s: %w", place, err)
	}
	return ring, nil
}

func (a *app) printConform(f *conformFlags, r *profile.Report) error {
	if a.format == "json" {
		type out struct {
			*profile.Report
			Confirmed bool `json:"confirmed"`
		}
		return a.printJSONValue(out{r, f.confirm && r.OK()})
	}
	s := a.style()
	var b strings.Builder
	for _, c := range r.Cases {
		mark := s.Paint("ok  ", term.Green)
		if !c.Passed {
			mark = s.Paint("FAIL", term.Red, term.Bold)
		}
		fmt.Fprintf(&b, "%s %s\n", mark, term.Safe(c.ID))
		if !c.Passed {
			fmt.Fprintf(&b, "     %s\n", term.Safe(c.Reason))
			if c.Step != "" {
				fmt.Fprintf(&b, "     in step %s at byte %d: %s\n", term.Safe(c.Step), c.Offset, term.Safe(orWord(c.Field, "between two pieces")))
			}
		}
		if len(c.NotCompared) > 0 {
			fmt.Fprintf(&b, "     %s\n", s.Paint("handed in, not compared: "+strings.Join(c.NotCompared, ", "), term.Dim))
		}
	}
	fmt.Fprintf(&b, "\n%s: %d of %d vectors agree\n", r.Profile, r.Passed, r.Passed+r.Failed)
	switch {
	case f.confirm && r.OK():
		fmt.Fprintf(&b, "%s is confirmed by vectors %s\n", f.profile, r.Vectors[:16])
	case f.confirm:
		fmt.Fprintf(&b, "%s is not confirmed\n", f.profile)
	case r.OK():
		b.WriteString("Nothing was written; --confirm writes it into the profile.\n")
	}
	_, err := a.out.Write([]byte(b.String()))
	return err
}

func orWord(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// provisionError gives what the builders and package provision return its exit code.
func provisionError(place string, err error) error {
	var e *exitError
	if errors.As(err, &e) {
		return err
	}
	if place != "" {
		err = fmt.Errorf("%s: %w", place, err)
	}
	switch c := code.Of(err); {
	case errors.Is(err, os.ErrNotExist):
		return fail(exitUsage, "%w", err)
	case c == code.ProvisionKey, c == code.KeyFile, c == code.WeakKey, c == code.NoKey, c == code.KeyKind, c == code.Certificate:
		return fail(exitRefused, "%w", err)
	case c == code.MemoryFull, c == code.Deadline, c == code.Store, c == code.Record, c == code.Device:
		return fail(exitUnavailable, "%w", err)
	case c >= 300 && c < 400:
		return fail(exitUsage, "%w", err)
	}
	return fail(exitInput, "%w", err)
}
