package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/outfile"
	"github.com/issuant/issuant/cmd/issuant/internal/server"
	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
)

// sealFlags are those of seal and open.
type sealFlags struct {
	out, passphrase       string
	recipients, files     []string
	identities, members   []string
	armour, force, opened bool
}

func (f *sealFlags) register(a *app, cmd *cobra.Command) {
	a.inputFlag(cmd, "what is read (default standard input)")
	cmd.Flags().StringVarP(&f.out, "output", "o", "", "write this `FILE` (default standard output)")
	cmd.Flags().BoolVar(&f.force, "force", false, "replace the file of -o")
	cmd.Flags().StringVar(&f.passphrase, "passphrase-file", "", "`FILE` whose first line is the passphrase, for its owner alone")
	cmd.Flags().StringArrayVar(&f.members, "member", nil, "of a JSON document, only this: a `POINTER` as /card/number; repeated")
}

func (a *app) sealCmd() *cobra.Command {
	f := &sealFlags{}
	cmd := &cobra.Command{
		Use:   "seal",
		Short: "Seal a file, or single members of a JSON document, with age",
		Long: `Seal what is read to one or more recipients with age (age-encryption.org/v1): X25519
(age1...) or post-quantum hybrid (age1pq1...) public keys, not both kinds at once, or a
passphrase. The age command opens it too. Plugins and SSH keys are refused.

With --member the document stays as it is, but for the values at the pointers: each
becomes a text that opens in its own place alone.

Sealing hides; it does not prove who sealed. What has to be genuine is signed first.`,
		Example: `  issuant seal -i pack.signed -r age1... -o pack.signed.age
  issuant seal -i customers.json --member /holder/name --member /holder/town -R auditor.pub`,
		RunE: func(*cobra.Command, []string) error { return a.seal(f) },
	}
	f.register(a, cmd)
	cmd.Flags().StringArrayVarP(&f.recipients, "recipient", "r", nil, "public `KEY`, age1... or age1pq1...; repeated")
	cmd.Flags().StringArrayVarP(&f.files, "recipients-file", "R", nil, "`FILE` of public keys, one a line; repeated")
	cmd.Flags().BoolVarP(&f.armour, "armor", "a", false, "write text, not bytes")
	return a.verb(cmd)
}

func (a *app) openCmd() *cobra.Command {
	f := &sealFlags{opened: true}
	cmd := &cobra.Command{
		Use:   "open",
		Short: "Open what was sealed",
		Long: `Open an age file, or with --member values of a JSON document that seal sealed. A file
that was written with -o is there only when all of it was opened, and for its owner alone
(mode 0600). On standard output what comes from a pipe is written as it is opened: when
the exit code is not 0, throw it away.`,
		Example: `  issuant open -i pack.signed.age --identity server.key -o pack.signed`,
		RunE:    func(*cobra.Command, []string) error { return a.open(f) },
	}
	f.register(a, cmd)
	cmd.Flags().StringArrayVar(&f.identities, "identity", nil, "age key `FILE`, for its owner alone; repeated")
	return a.verb(cmd)
}

func (a *app) sealInput() string {
	if a.input == "" {
		return "-"
	}
	return a.input
}

func (a *app) seal(f *sealFlags) error {
	to, err := f.recipientsOf()
	if err != nil {
		return err
	}
	if len(f.members) > 0 {
		return a.sealMembers(f, func(document []byte) ([]byte, error) { return seal.SealMembers(document, to, f.members...) })
	}
	form := seal.Binary
	if f.armour {
		form = seal.Armoured
	} else if f.out == "" && a.outTerminal {
		return usage("seal: a sealed file is bytes, and this is a terminal; write it with --output, or as text with --armor")
	}
	in, err := a.openInput(a.sealInput())
	if err != nil {
		return err
	}
	defer in.Close()
	return a.writeStream(f, outfile.Public, func(out io.Writer) error {
		w, err := seal.SealStream(out, to, form)
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, failing{in, a}); err != nil {
			return err
		}
		return w.Close()
	})
}

// failing gives the errors of an input their exit code.
type failing struct {
	io.Reader
	a *app
}

func (f failing) Read(b []byte) (int, error) {
	n, err := f.Reader.Read(b)
	if err != nil && err != io.EOF {
		err = f.a.readError(f.a.sealInput(), err)
	}
	return n, err
}

func (f *sealFlags) recipientsOf() (*seal.Recipients, error) {
	keys := len(f.recipients)+len(f.files) > 0
	if keys == (f.passphrase != "") {
		return nil, usage("seal: say to whom: --recipient and --recipients-file, or --passphrase-file")
	}
	if !keys {
		words, err := readPassphrase(f.passphrase)
		if err != nil {
			return nil, err
		}
		defer words.Wipe()
		to, err := seal.PassphraseRecipients(words)
		if err != nil {
			return nil, fail(exitRefused, "--passphrase-file: %w", err)
		}
		return to, nil
	}
	text := []byte(strings.Join(f.recipients, "\n"))
	for _, name := range f.files {
		data, err := readFile(name, seal.MaxKeyFile)
		if err != nil {
			return nil, usage("--recipients-file: %w", err)
		}
		text = append(append(text, '\n'), data...)
	}
	to, err := seal.ParseRecipients(text)
	if err != nil {
		return nil, fail(exitRefused, "seal: of all recipients together: %w", err)
	}
	return to, nil
}

func readPassphrase(name string) (secret.Text, error) {
	data, err := server.ReadSecret(name)
	if errors.Is(err, fs.ErrNotExist) {
		return secret.Text{}, usage("--passphrase-file: %w", plainPathError(name, err))
	}
	if err != nil {
		return secret.Text{}, fail(exitRefused, "--passphrase-file: %w", plainPathError(name, err))
	}
	defer clear(data)
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return secret.NewText(bytes.TrimSuffix(line, []byte("\r"))), nil
}

func (f *sealFlags) identitiesOf() (*seal.Identities, error) {
	if (len(f.identities) > 0) == (f.passphrase != "") {
		return nil, usage("open: say with what: --identity, or --passphrase-file")
	}
	if f.passphrase != "" {
		words, err := readPassphrase(f.passphrase)
		if err != nil {
			return nil, err
		}
		defer words.Wipe()
		ids, err := seal.PassphraseIdentities(words)
		if err != nil {
			return nil, fail(exitRefused, "--passphrase-file: %w", err)
		}
		return ids, nil
	}
	var all []byte
	for _, name := range f.identities {
		data, err := server.ReadSecret(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, usage("--identity: %w", plainPathError(name, err))
		}
		if err == nil {
			_, err = seal.ParseIdentities(data)
		}
		if err != nil {
			return nil, fail(exitRefused, "--identity: %w", plainPathError(name, err))
		}
		all = append(append(all, '\n'), data...)
		clear(data)
	}
	ids, err := seal.ParseIdentities(all)
	clear(all)
	if err != nil {
		return nil, fail(exitRefused, "--identity: of all key files together: %w", err)
	}
	return ids, nil
}

func (a *app) open(f *sealFlags) error {
	with, err := f.identitiesOf()
	if err != nil {
		return err
	}
	defer with.Drop()
	if len(f.members) > 0 {
		return a.sealMembers(f, func(document []byte) ([]byte, error) { return seal.OpenMembers(document, with, f.members...) })
	}
	if err := a.tryOpen(f, with); err != nil {
		return err
	}
	in, err := a.openInput(a.sealInput())
	if err != nil {
		return err
	}
	defer in.Close()
	return a.writeStream(f, outfile.Secret, func(out io.Writer) error { return a.copyOpened(out, in, with) })
}

// tryOpen opens a file for nobody first, where standard output would otherwise have had
// the beginning of one that is cut off.
func (a *app) tryOpen(f *sealFlags, with *seal.Identities) error {
	st, err := os.Stat(a.sealInput())
	if f.out != "" || err != nil || !st.Mode().IsRegular() {
		return nil
	}
	in, err := a.openInput(a.input)
	if err != nil {
		return err
	}
	defer in.Close()
	return a.copyOpened(io.Discard, in, with)
}

func (a *app) copyOpened(out io.Writer, in io.Reader, with *seal.Identities) error {
	r, err := seal.OpenStream(failing{in, a}, with)
	if err == nil {
		_, err = io.Copy(out, r)
	}
	return a.sealError(err)
}

// sealError gives the errors of package seal their exit codes, by who must act.
func (a *app) sealError(err error) error {
	var e *exitError
	switch {
	case err == nil || errors.As(err, &e) || errors.Is(err, errPipe) || a.ctx.Err() != nil:
		return err
	case errors.Is(err, seal.ErrNoIdentity), errors.Is(err, seal.ErrKey):
		return fail(exitRefused, "%s: %w", inputName(a.sealInput()), err)
	}
	return fail(exitInput, "%s: %w", inputName(a.sealInput()), err)
}

// sealMembers changes a document whole.
func (a *app) sealMembers(f *sealFlags, change func([]byte) ([]byte, error)) error {
	if f.armour {
		return usage("seal: --armor does not go with --member, whose values are text anyway")
	}
	document, err := a.readInput(a.sealInput(), seal.MaxDocument)
	if err != nil {
		return err
	}
	out, err := change(document)
	var je *strictjson.Error
	if errors.As(err, &je) {
		return fail(exitInput, "%w", placed(inputName(a.sealInput()), document, 1, err))
	}
	if err != nil {
		return a.sealError(err)
	}
	mode := outfile.Public
	if f.opened {
		mode = outfile.Secret
	}
	if f.out != "" {
		return writeOut(f.out, out, mode, f.force)
	}
	_, err = a.out.Write(out)
	return err
}

// writeStream writes to the file of -o, whole or not at all, or to standard output.
func (a *app) writeStream(f *sealFlags, mode fs.FileMode, write func(io.Writer) error) error {
	if f.out == "" {
		return write(a.out)
	}
	err := outfile.Stream(f.out, mode, f.force, write)
	if err == nil || code.Of(err) != code.Internal {
		return a.sealError(err)
	}
	var e *exitError
	if errors.As(err, &e) || a.ctx.Err() != nil {
		return err
	}
	return outError(f.out, err)
}
