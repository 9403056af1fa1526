package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/keyfile"
	"github.com/issuant/issuant/cmd/issuant/internal/outfile"
	"github.com/issuant/issuant/cmd/issuant/internal/payload"
	"github.com/issuant/issuant/cmd/issuant/internal/server"
	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/cmd/issuant/internal/wallets"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/provision"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/store"
)

type buildFlags struct {
	wallets, request, card, identity, refKey string
	grant, grantKeys, audience               string
	store, out                               string
	unsafe, force                            bool
}

var walletTitles = map[string]string{wallets.Apple: "Apple Pay", wallets.Google: "Google Pay", wallets.Samsung: "Samsung Pay"}

const buildHelp = `Build the payload of one card for one phone's request.

--wallets says which formats and keys are used, --request what the phone asks for, --card
holds the card: a JSON file that only its owner may read, or one sealed with age
(--identity). --grant is what "issuant provision grant" printed; it is good for one
payload, for the card, network, wallet, device or nonce that were decided on. With
--ref-key the card has to be the one that the grant names.

Without a grant nothing is built, but with --unsafe-no-decision: then nobody has decided
that this card may go to this phone, and the record says so. The record of a payload, and
of a grant that is refused, goes into the store (--store; "issuant records tail") before
anything is printed.

The outcome is one JSON object. Its member payload goes to the app; auth_code stays with
the issuer. It is good for one attempt.`

func (a *app) provisionBuildCmd(kind string) *cobra.Command {
	f := &buildFlags{}
	cmd := &cobra.Command{
		Use:   kind,
		Short: "Build a payload for " + walletTitles[kind],
		Long:  buildHelp,
		Example: fmt.Sprintf(`  issuant provision %[1]s --wallets wallets.yaml --request request.json --card card.json \
      --grant grant.txt --grant-keys grant-public.json
  issuant provision %[1]s --wallets wallets.yaml --request request.json --card card.json --unsafe-no-decision`, kind),
		RunE: func(*cobra.Command, []string) error { return a.buildPayload(kind, f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.wallets, "wallets", "", "formats and keys: a YAML `FILE`")
	fl.StringVar(&f.request, "request", "", "what the phone asks for: a JSON `FILE`, or - for standard input")
	fl.StringVar(&f.card, "card", "", "the card: a JSON `FILE` for its owner alone, or sealed with age")
	fl.StringVar(&f.identity, "identity", "", "`FILE` of the age identity that opens a sealed card or key file")
	fl.StringVar(&f.grant, "grant", "", "the grant: a `FILE`")
	fl.StringVar(&f.grantKeys, "grant-keys", "", "public keys of who signs grants: a key `FILE`")
	fl.StringVar(&f.audience, "audience", defaultAudience, "`NAME` that grants for this place are made for")
	fl.StringVar(&f.refKey, "ref-key", "", "`FILE` with the key of references: the card must be the grant's")
	fl.BoolVar(&f.unsafe, "unsafe-no-decision", false, "build without a grant, and record that")
	fl.StringVar(&f.store, "store", "issuant.db", "where records and spent grants are kept: a SQLite file or postgres `URL`")
	fl.StringVarP(&f.out, "output", "o", "", "write this `FILE`, for its owner alone (default standard output)")
	fl.BoolVar(&f.force, "force", false, "replace the file of -o")
	a.nowFlag(cmd)
	return a.verb(cmd, "pretty", "json")
}

// defaultAudience is for an issuer with one place that builds.
const defaultAudience = "issuant"

func (f *buildFlags) check() error {
	switch {
	case f.wallets == "" || f.request == "" || f.card == "":
		return usage("provision: --wallets, --request and --card are needed")
	case f.grant == "" && !f.unsafe:
		return usage("provision: --grant is needed: a payload is built for a decision (make one with issuant provision grant); --unsafe-no-decision builds without, and records that")
	case f.grant != "" && f.unsafe:
		return usage("provision: --grant and --unsafe-no-decision exclude each other")
	case f.grant != "" && f.grantKeys == "":
		return usage("provision: --grant-keys is needed: the public keys of who signs grants")
	}
	return nil
}

func (a *app) buildPayload(kind string, f *buildFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	now, err := a.instant()
	if err != nil {
		return err
	}
	b, err := a.readBuild(kind, f, now)
	if err != nil {
		return err
	}
	defer b.card.PAN.Wipe()
	ledger, err := a.openProvisionStore(f.store)
	if err != nil {
		return err
	}
	defer func() { _ = ledger.Close() }()
	if f.unsafe {
		fmt.Fprintln(a.err, "issuant: warning: UNSAFE: nobody has decided that this card may go to this phone; the record says so")
	}
	start := time.Now()
	if b.refused != nil {
		return a.recordRefusal(b, ledger)
	}
	outcome, rec, err := b.build(a.ctx, ledger, f.unsafe)
	if rec != nil { // the record comes first: no payload leaves without one
		if rerr := ledger.Commit(a.ctx, engine.Entry{Record: wallets.AuditRecord(rec, ledger.Card(), time.Since(start))}); rerr != nil {
			return fail(exitUnavailable, "the record could not be written, so there is no payload: %w", rerr)
		}
	}
	if err != nil {
		return provisionError("", err)
	}
	return a.printOutcome(f, outcome, rec, now)
}

// building is everything that one payload is made of.
type building struct {
	wallets *wallets.Wallets
	request *wallets.Request
	card    *card.Card
	grant   *provision.Grant
	refs    *secret.RefKeys
	now     time.Time
	refused error // why the grant is none
}

// recordRefusal: who brings a forged grant is to be seen in the records.
func (a *app) recordRefusal(b *building, ledger engine.Ledger) error {
	r := &engine.Record{At: b.now, Counterpart: wallets.Counterpart, Reasons: []string{wallets.ReasonRefused}, Refusal: code.Of(b.refused).String()}
	if err := ledger.Commit(a.ctx, engine.Entry{Record: r}); err != nil {
		return fail(exitUnavailable, "the record could not be written: %w", err)
	}
	return fail(exitRefused, "--grant: %w", b.refused)
}

func (a *app) readBuild(kind string, f *buildFlags, now time.Time) (*building, error) {
	open, err := sealOpener(f.identity)
	if err != nil {
		return nil, err
	}
	b := &building{now: now}
	if b.wallets, err = wallets.Load(f.wallets, wallets.Options{Open: open, Now: now}); err != nil {
		return nil, walletsError("--wallets", err)
	}
	a.warnKeys(f.wallets, b.wallets.Warnings)
	data, err := a.readInput(f.request, wallets.MaxRequest)
	if err != nil {
		return nil, err
	}
	if b.request, err = wallets.ParseRequest(kind, data); err != nil {
		return nil, provisionError(inputName(f.request), err)
	}
	if b.card, err = wallets.ReadCard(f.card, open); err != nil {
		return nil, cardError("--card", f.card, err)
	}
	if f.refKey != "" {
		if b.refs, err = readRefKeys(f.refKey); err != nil {
			return nil, err
		}
	}
	if f.grant != "" {
		err = a.openGrant(f, b)
	}
	return b, err
}

func readRefKeys(name string) (*secret.RefKeys, error) {
	key, err := server.LoadRefKey(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usage("--ref-key: %w", plainPathError(name, err))
	}
	if err != nil {
		return nil, fail(exitRefused, "--ref-key: %w", plainPathError(name, err))
	}
	refs, err := secret.NewRefKeys(key)
	if err != nil {
		return nil, fail(exitRefused, "--ref-key: %w", err)
	}
	return refs, nil
}

// sealOpener opens what is sealed with age; nil without an identity.
func sealOpener(identity string) (func([]byte) ([]byte, error), error) {
	if identity == "" {
		return nil, nil
	}
	ids, err := readIdentities(identity)
	if err != nil {
		return nil, err
	}
	return keyfile.Opener(ids), nil
}

func walletsError(flag string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return usage("%s: %w", flag, err)
	}
	if wallets.IsKey(err) {
		return fail(exitRefused, "%s: %w", flag, err)
	}
	return usage("%s: %w", flag, err)
}

// cardError: a card file may be one in the wrong place, so its name is all that is said.
func cardError(flag, name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return usage("%s: %w", flag, plainPathError(name, err))
	case wallets.IsKey(err):
		return fail(exitRefused, "%s: %w", flag, plainPathError(name, err))
	}
	return provisionError(flag+": "+name, err)
}

func (a *app) openGrant(f *buildFlags, b *building) error {
	keys, warnings, err := source.Load(f.grantKeys, source.Options{})
	if err != nil {
		return keyError("--grant-keys", err)
	}
	a.warnKeys(f.grantKeys, warnings)
	ring, err := keyring.NewRing(keys...)
	if err != nil {
		return fail(exitRefused, "--grant-keys: %w", err)
	}
	text, err := a.readInput(f.grant, 2*provision.MaxGrantBytes)
	if err != nil {
		return err
	}
	b.grant, b.refused = provision.OpenGrant(string(bytes.TrimSpace(text)), ring, f.audience, b.now)
	return nil
}

func (a *app) openProvisionStore(url string) (store.Store, error) {
	st, err := store.Open(a.ctx, url, store.Options{Durability: store.Always})
	if errors.Is(err, store.ErrConfig) {
		return nil, usage("--store: %w", err)
	}
	if err != nil {
		return nil, fail(exitUnavailable, "--store: %w", err)
	}
	return st, nil
}

func (b *building) build(ctx context.Context, ledger engine.Ledger, unsafe bool) (*wallets.Outcome, *provision.Record, error) {
	if unsafe {
		return b.wallets.UnsafeBuild(ctx, b.request, b.card, b.now)
	}
	spent, err := engine.SpentIn(engine.SpentOptions{Ledger: ledger, Name: wallets.Counterpart})
	if err != nil {
		return nil, nil, err
	}
	ports := provision.Ports{Spent: spent, Refs: b.refs, Cards: provision.NewCards(map[string]card.Card{b.grant.CardRef(): *b.card})}
	return b.wallets.Build(ctx, b.request, b.grant, ports, b.now)
}

func (a *app) printOutcome(f *buildFlags, o *wallets.Outcome, rec *provision.Record, now time.Time) error {
	data := append(bytes.Clone(o.JSON()), '\n')
	if f.out != "" {
		if err := writeOut(f.out, data, outfile.Secret, f.force); err != nil {
			return err
		}
	}
	switch {
	case a.format == "pretty":
		return a.prettyOutcome(f, data, rec, now)
	case f.out != "":
		return nil
	}
	_, err := a.out.Write(data)
	return err
}

func (a *app) prettyOutcome(f *buildFlags, data []byte, rec *provision.Record, now time.Time) error {
	s := a.style()
	var b strings.Builder
	decision := rec.DecisionID
	if rec.Unsafe {
		decision = s.Paint("none: unsafe", term.Red, term.Bold)
	}
	fmt.Fprintf(&b, "%s\n", s.Paint("built", term.Green, term.Bold))
	for _, row := range [][2]string{{"wallet", string(rec.Wallet)}, {"network", rec.Network}, {"card", orWord(rec.CardRef, "-")}, {"decision", decision}} {
		fmt.Fprintf(&b, "  %s  %s\n", s.Paint(term.Pad(row[0], 9), term.Dim), row[1])
	}
	for _, name := range rec.Formats {
		if strings.HasPrefix(name, "unverified") {
			name = s.Paint(name, term.Yellow)
		}
		fmt.Fprintf(&b, "  %s  %s\n", s.Paint(term.Pad("format", 9), term.Dim), name)
	}
	if f.out != "" {
		fmt.Fprintf(&b, "  %s  %s\n", s.Paint(term.Pad("written", 9), term.Dim), term.Safe(f.out))
	} else {
		fmt.Fprintf(&b, "\n%s", data)
	}
	if _, err := a.out.Write([]byte(b.String())); err != nil {
		return err
	}
	report, err := payload.Inspect(data, payload.Options{Now: now})
	if err != nil {
		return nil // of a private format there is nothing to say
	}
	if _, err := fmt.Fprintln(a.out); err != nil {
		return err
	}
	report.NotOpened = "" // who built it knows what is in it
	return a.printPayload(report)
}
