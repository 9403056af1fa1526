package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/approval"
	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/cmd/issuant/internal/outfile"
	"github.com/issuant/issuant/cmd/issuant/internal/server"
	"github.com/issuant/issuant/cmd/issuant/internal/term"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/trust"
	"github.com/issuant/issuant/engine/packtest"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/rules/compile"
)

const maxSignedFile = maxPackFile + trust.MaxEnvelope

// signedFlags are those of sign, verify and inspect.
type signedFlags struct {
	kind                                    trust.Kind
	content, out, key, name, before, expire string
	revision                                uint64
	signers                                 []string
	required                                int
	force, fresh                            bool
}

const ringHelp = `Sign the keys of a counterpart, and see who has signed them.

Where the configuration has trust.rings, serve takes a key file only when enough of the
named people have signed it, for that counterpart, within its dates, and not older than
the one before. Keys that are fetched from an https address are the counterpart's own
and are not signed by you.`

func (a *app) ringCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ring",
		Short: "Sign a counterpart's keys; check and show signed ones",
		Long:  ringHelp,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownVerb(cmd, args[0])
			}
			return usage("ring: say what to do: %s", strings.Join(subverbs(cmd), ", "))
		},
	}
	cmd.AddCommand(a.signedCmds(trust.Ring)...)
	for _, sub := range cmd.Commands() {
		sub.Flags().SortFlags = false
	}
	return cmd
}

// signedCmds are sign, verify and inspect for one kind of file.
func (a *app) signedCmds(kind trust.Kind) []*cobra.Command {
	return []*cobra.Command{a.signCmd(kind), a.verifySignedCmd(kind), a.inspectCmd(kind)}
}

func (a *app) signCmd(kind trust.Kind) *cobra.Command {
	f := &signedFlags{kind: kind}
	what, from := "a pack", "  issuant pack sign --pack packs/2026-12 --key ana.key --revision 12 -o pack.signed\n  issuant pack sign -i pack.signed --key ben.key -o pack.signed --force"
	if kind == trust.Ring {
		what, from = "a key document", "  issuant ring sign --keys pismo.json --name pismo --key ana.key --revision 3 -o pismo.signed"
	}
	cmd := &cobra.Command{
		Use:   "sign",
		Short: "Sign " + what + ", or add a signature to a signed one",
		Long: `Make one file of ` + what + ` and a signature over its name, revision, dates and digest; or
with -i, add one more signature to such a file. A pack is compiled and its tests are run
first: nobody signs rules that fail.

Each file of a name needs a higher revision than the one before: serve refuses to go
back. To return to an older content, sign it with a new revision.`,
		Example: from,
		RunE:    func(*cobra.Command, []string) error { return a.sign(f) },
	}
	if kind == trust.Pack {
		cmd.Flags().StringVar(&a.pack, "pack", "", "what is signed: a `DIR` or compiled FILE")
		cmd.Flags().StringVar(&f.name, "name", "", "for which place: a `NAME` of a-z 0-9 . _ - / (default the pack's own)")
	} else {
		cmd.Flags().StringVar(&f.content, "keys", "", "what is signed: a key document, `FILE`")
		cmd.Flags().StringVar(&f.name, "name", "", "`NAME` of the counterpart, as the configuration has it")
	}
	cmd.Flags().StringVarP(&a.input, "input", "i", "", "a signed `FILE` that gets one more signature")
	cmd.Flags().StringVar(&f.key, "key", "", "`FILE` with the signer's Ed25519 private key, PEM, for its owner alone")
	cmd.Flags().Uint64Var(&f.revision, "revision", 0, "`NUMBER` of this file, higher than that of the one before")
	cmd.Flags().StringVar(&f.before, "not-before", "", "good from this `TIME` on (default now)")
	cmd.Flags().StringVar(&f.expire, "expires", "90d", "good until then: a `TIME`, or how long, as 90d")
	cmd.Flags().StringVarP(&f.out, "output", "o", "", "write the signed `FILE`")
	cmd.Flags().BoolVar(&f.force, "force", false, "replace the file of -o")
	cmd.PreRun = func(cmd *cobra.Command, _ []string) { // what the configuration names is not meant
		f.fresh = cmd.Flags().Changed("pack") || cmd.Flags().Changed("keys")
	}
	return a.verb(cmd)
}

func (a *app) sign(f *signedFlags) error {
	verb := f.kind.String() + " sign"
	if f.key == "" || f.out == "" {
		return usage("%s: --key and --output are needed", verb)
	}
	if f.fresh == (a.input != "") {
		return usage("%s: say what is signed: a new file with %s, or one more signature with --input", verb, map[trust.Kind]string{trust.Pack: "--pack", trust.Ring: "--keys"}[f.kind])
	}
	key, err := readApproverKey(f.key)
	if err != nil {
		return err
	}
	var file []byte
	if f.fresh {
		file, err = a.signNew(f, key)
	} else {
		file, err = a.signAgain(f, key)
	}
	if err != nil {
		return err
	}
	if err := writeOut(f.out, file, outfile.Public, f.force); err != nil {
		return err
	}
	return a.printSigned(file, "signed by the key "+trust.KeyID(key.Public().(ed25519.PublicKey)))
}

func (a *app) signNew(f *signedFlags, key ed25519.PrivateKey) ([]byte, error) {
	if f.revision == 0 {
		return nil, usage("%s sign: --revision is needed: a number from 1 on, higher than that of the file before", f.kind)
	}
	s := trust.Statement{Name: f.name, Revision: f.revision}
	var err error
	if s.NotBefore, s.Expires, err = validity(f, time.Now()); err != nil {
		return nil, err
	}
	var content []byte
	if f.kind == trust.Pack {
		content, err = a.packContent(&s)
	} else {
		content, err = ringContent(f, &s)
	}
	if err != nil {
		return nil, err
	}
	file, err := trust.Sign(content, f.kind, s, key)
	if errors.Is(err, trust.ErrRoot) {
		return nil, usage("%s sign: %w", f.kind, err)
	}
	return file, err
}

// validity reads the dates; they are whole seconds.
func validity(f *signedFlags, now time.Time) (from, to time.Time, err error) {
	from = now.UTC().Truncate(time.Second)
	if f.before != "" {
		if from, err = parseTime(f.before); err != nil {
			return from, to, usage("--not-before: %w", err)
		}
	}
	if d, derr := config.ParseDuration(f.expire); derr == nil && !allDigits(f.expire) {
		return from, from.Add(d.Truncate(time.Second)), nil
	}
	if to, err = parseTime(f.expire); err != nil {
		return from, to, usage("--expires: %q is neither a time (2027-01-31T00:00:00Z) nor how long (90d)", f.expire)
	}
	return from, to, nil
}

func allDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// packContent compiles the pack, runs its tests and returns its binary form.
func (a *app) packContent(s *trust.Statement) ([]byte, error) {
	src, err := a.openPack()
	if err != nil {
		return nil, err
	}
	p, err := src.compile()
	if err != nil {
		return nil, a.compileError(src, err)
	}
	if src.fsys != nil {
		cases, err := compile.Tests(src.fsys, p)
		if err != nil {
			return nil, a.compileError(src, err)
		}
		report, err := packtest.Run(p, cases, packtest.Options{})
		if err != nil {
			return nil, fail(exitCompile, "%s: %w", src.name, err)
		}
		if report.Failed > 0 {
			return nil, fail(exitFailed, "pack sign: %d of the pack's own tests fail; issuant test --pack %s tells which", report.Failed, src.name)
		}
	}
	if s.Name == "" {
		s.Name = strings.ToLower(p.Manifest().Name)
	}
	is := approval.SubjectOf(p)
	s.PackID, s.Lists = is.Pack, is.Lists
	return p.Encode(), nil
}

// ringContent reads a key document whose keys can be read.
func ringContent(f *signedFlags, s *trust.Statement) ([]byte, error) {
	if s.Name == "" {
		return nil, usage("ring sign: --name is needed: the counterpart, as the configuration has it")
	}
	data, err := readFile(f.content, source.MaxDocumentBytes)
	if err != nil {
		return nil, usage("--keys: %w", err)
	}
	if _, _, err := source.Parse(data, source.Options{}); err != nil {
		return nil, fail(exitRefused, "--keys: %s: %w", f.content, err)
	}
	return data, nil
}

func (a *app) signAgain(f *signedFlags, key ed25519.PrivateKey) ([]byte, error) {
	file, err := a.readSigned(f)
	if err != nil {
		return nil, err
	}
	u, err := trust.InspectUnverified(file)
	if err != nil {
		return nil, signedError(a.input, err)
	}
	if u.Kind != f.kind {
		return nil, fail(exitInput, "%s: it holds a %s; use issuant %s sign", a.input, u.Kind, u.Kind)
	}
	if f.kind == trust.Pack { // nobody signs what they could not load
		if err := namesItself(u); err != nil {
			return nil, fail(exitRefused, "%s: %w", a.input, err)
		}
	}
	out, err := trust.Cosign(file, key)
	if errors.Is(err, trust.ErrRoot) {
		return nil, usage("%s sign: %w", f.kind, err)
	}
	return out, signedError(a.input, err)
}

// namesItself refuses a pack that is not the one that its statement names.
func namesItself(u *trust.Unverified) error {
	p, err := compile.Load(u.Content)
	if err != nil {
		return err
	}
	if is := approval.SubjectOf(p); is.Pack != u.Statement.PackID || is.Lists != u.Statement.Lists {
		return fmt.Errorf("%w: the statement names the pack %q, and the file holds %q", trust.ErrUnsigned, u.Statement.PackID, is.Pack)
	}
	return nil
}

func (a *app) readSigned(f *signedFlags) ([]byte, error) {
	if a.input == "" {
		return nil, usage("%s: --input is needed: the signed file", f.kind)
	}
	return a.readInput(a.input, maxSignedFile)
}

// signedError gives the errors of package trust their exit codes: a file that is none is
// bad input, everything else was refused.
func signedError(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, trust.ErrFile):
		return fail(exitInput, "%s: %w", inputName(name), err)
	}
	return fail(exitRefused, "%s: %w", inputName(name), err)
}

func (a *app) verifySignedCmd(kind trust.Kind) *cobra.Command {
	f := &signedFlags{kind: kind}
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check who signed a " + kind.String() + " and whether it is in date",
		Long: `Check a signed file by the keys of its signers: those of --signer, or those of trust.` + kind.String() + `s
in the configuration. It does not know what was taken before; doctor does. Exit code 5
when it is refused.`,
		Example: `  issuant ` + kind.String() + ` verify -i ` + kind.String() + `.signed --signer ana=ana.pub --signer ben=ben.pub --required 2
  issuant ` + kind.String() + ` verify -i ` + kind.String() + `.signed --config issuant.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.verifySigned(cmd, f) },
	}
	a.inputFlag(cmd, "the signed file")
	cmd.Flags().StringArrayVar(&f.signers, "signer", nil, "whom to trust: `NAME=FILE` with the Ed25519 public key, PEM; repeated")
	cmd.Flags().IntVar(&f.required, "required", 0, "how `MANY` of them have to have signed (default all)")
	cmd.Flags().StringVar(&f.name, "name", "", "`NAME` that the file has to have (default any)")
	a.nowFlag(cmd)
	return a.verb(cmd, "pretty", "json")
}

func (a *app) verifySigned(cmd *cobra.Command, f *signedFlags) error {
	now, err := a.instant()
	if err != nil {
		return err
	}
	root, err := a.trustRoot(cmd, f)
	if err != nil {
		return err
	}
	file, err := a.readSigned(f)
	if err != nil {
		return err
	}
	art, err := root.Open(file, trust.Want{Kind: f.kind, Name: f.name}, now)
	if err != nil {
		return signedError(a.input, err)
	}
	if u, err := trust.InspectUnverified(file); f.kind == trust.Pack && err == nil {
		if err := namesItself(u); err != nil {
			return fail(exitRefused, "%s: %w", inputName(a.input), err)
		}
	}
	return a.printSigned(file, fmt.Sprintf("%d of %d required signatures: %s", len(art.SignedBy()), root.Required(), strings.Join(art.SignedBy(), ", ")))
}

// trustRoot takes the signers of the command line, or those of the configuration.
func (a *app) trustRoot(cmd *cobra.Command, f *signedFlags) (*trust.Root, error) {
	setting := config.TrustRoot{Required: f.required, Name: f.name}
	for _, s := range f.signers {
		name, file, ok := strings.Cut(s, "=")
		if !ok || name == "" || file == "" {
			return nil, usage("--signer: %q is not NAME=FILE", s)
		}
		setting.Signers = append(setting.Signers, config.Approver{Name: name, Key: file})
	}
	if len(f.signers) == 0 {
		opt, err := a.serverOptions(cmd, rawFlags{})
		if err != nil {
			return nil, err
		}
		c, faults := opt.Load() // what else may be wrong with it, serve tells
		faults = slices.DeleteFunc(faults, func(f config.Fault) bool { return c.Place(config.TrustKey) == "" || f.Key != config.TrustKey })
		if len(faults) > 0 {
			return nil, faultList(faults)
		}
		of := map[trust.Kind]*config.TrustRoot{trust.Pack: c.Trust.Packs, trust.Ring: c.Trust.Rings}[f.kind]
		if of == nil {
			return nil, usage("%s verify: say whom to trust: --signer NAME=FILE, or trust.%ss in the configuration (--config)", f.kind, f.kind)
		}
		if setting = *of; f.name == "" {
			f.name = of.Name
		}
	}
	keys, faults := server.LoadSigners(setting.Signers)
	if len(faults) > 0 {
		return nil, faultList(faults)
	}
	if setting.Required == 0 {
		setting.Required = len(setting.Signers)
	}
	root, err := trust.NewRoot(setting.Required, keys)
	if err != nil {
		return nil, usage("%s verify: %w", f.kind, err)
	}
	return root, nil
}

func (a *app) inspectCmd(kind trust.Kind) *cobra.Command {
	f := &signedFlags{kind: kind}
	cmd := &cobra.Command{
		Use:   "inspect",
		Short: "Show what a signed " + kind.String() + " says of itself, without checking it",
		RunE: func(*cobra.Command, []string) error {
			file, err := a.readSigned(f)
			if err != nil {
				return err
			}
			return a.printSigned(file, "UNVERIFIED: no signature was checked")
		},
	}
	a.inputFlag(cmd, "the signed file")
	return a.verb(cmd, "pretty", "json")
}

// printSigned prints what a file says, under a line that says what that is worth.
func (a *app) printSigned(file []byte, worth string) error {
	u, err := trust.InspectUnverified(file)
	if err != nil {
		return signedError(a.input, err)
	}
	s := u.Statement
	if a.format == "json" {
		w := canon.NewWriter(nil).Object().Key("kind").String(u.Kind.String()).Key("verified").Bool(!strings.HasPrefix(worth, "UNVERIFIED"))
		w.Key("name").String(s.Name).Key("revision").Uint(s.Revision).Key("not_before").Time(s.NotBefore).Key("expires").Time(s.Expires)
		w.Key("pack_id").StringOrNull(s.PackID).Key("lists_digest").StringOrNull(s.Lists).Key("size").Uint(s.Size).Key("sha256").String(s.SHA256)
		return a.printJSON(w.Key("key_ids").Strings(u.KeyIDs).Key("whole").Bool(u.Whole).EndObject().Bytes(), nil)
	}
	lines := []string{
		worth,
		fmt.Sprintf("%s %s, revision %d, good from %s until %s", u.Kind, s.Name, s.Revision, s.NotBefore.Format(time.RFC3339), s.Expires.Format(time.RFC3339)),
	}
	if s.PackID != "" {
		lines = append(lines, "pack id "+s.PackID, "lists   "+s.Lists)
	}
	lines = append(lines, fmt.Sprintf("content %s, %d bytes%s", s.SHA256, s.Size, map[bool]string{false: ": NOT what the file holds"}[u.Whole]))
	for _, id := range u.KeyIDs {
		lines = append(lines, "key     "+id)
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(a.out, term.Safe(line)); err != nil {
			return err
		}
	}
	return nil
}

// writeOut writes a file whole or not at all; one that is there is replaced with force alone.
func writeOut(name string, data []byte, mode fs.FileMode, force bool) error {
	write := outfile.New
	if force {
		write = outfile.Put
	}
	return outError(name, write(name, data, mode))
}

// outError: what is there already is the caller's mistake, a full disk is not.
func outError(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return usage("--output: %s is there already; --force replaces it", name)
	case errors.Is(err, fs.ErrNotExist):
		return usage("--output: %w", plainPathError(name, err))
	}
	return fail(exitUnavailable, "--output: %w", plainPathError(name, err))
}
