package main

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/keyfile"
	"github.com/issuant/issuant/cmd/issuant/internal/outfile"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/internal/filemode"
	"github.com/issuant/issuant/rules"
)

// newKeyFlags are what a key is to be, and where it goes.
type newKeyFlags struct {
	id, use, alg, scheme string
	days                 int
	output, into, public string
	sealTo               string
	form                 string
}

func (f *newKeyFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.id, "id", "", "the key's `ID` (kid)")
	fl.StringVar(&f.use, "use", "", "what it is for: sign, verify, encrypt, decrypt")
	fl.StringVar(&f.alg, "alg", "", "the only `ALGORITHM` that it may be used with")
	fl.StringVar(&f.scheme, "scheme", "", "the only `SCHEME` that it may be used with")
	fl.IntVar(&f.days, "days", 0, "how many `DAYS` it is good for, from now (default for ever)")
	fl.StringVarP(&f.output, "output", "o", "", "new `FILE` for the key; an existing one is never replaced")
	fl.StringVar(&f.into, "into", "", "existing JWK set `FILE` that the key is added to")
	fl.StringVar(&f.public, "public", "", "new `FILE` for the public half, to be handed out")
	fl.StringVar(&f.sealTo, "seal-to", "", "`FILE` of age recipients: --output is sealed to them")
	fl.StringVar(&f.form, "form", "jwk", "form of the files: jwk (a set), or pem (PKCS #8 and SPKI; has no id, use and dates)")
}

func (f *newKeyFlags) check(verb string) error {
	switch {
	case (f.output == "") == (f.into == ""):
		return usage("%s: say where the key goes: --output FILE, or --into an existing JWK set", verb)
	case f.into != "" && (f.sealTo != "" || f.form != "jwk"):
		return usage("%s: --into adds to a JWK set in clear; with --seal-to or --form use --output", verb)
	case f.use != "" && keyring.ParseUse(f.use) == 0:
		return usage("%s: --use %q is not one of sign, verify, encrypt, decrypt", verb, f.use)
	case f.form != "jwk" && f.form != "pem":
		return usage("%s: --form %q is not one of jwk, pem", verb, f.form)
	case f.days < 0 || f.days > 36500:
		return usage("%s: --days is not between 0 and 36500", verb)
	case len(f.id) > keyring.MaxIDBytes:
		return usage("%s: --id is longer than %d bytes", verb, keyring.MaxIDBytes)
	}
	return nil
}

// apply puts what was asked for onto a key, whose own members stand where nothing was.
func (f *newKeyFlags) apply(k *keyring.Key, now time.Time) {
	if f.id != "" {
		k.ID = f.id
	}
	if f.use != "" {
		k.Use = keyring.ParseUse(f.use)
	}
	if f.alg != "" {
		k.Alg = f.alg
	}
	if f.scheme != "" {
		k.Scheme = f.scheme
	}
	if f.days > 0 {
		k.NotBefore = now.Truncate(time.Second)
		k.NotAfter = k.NotBefore.AddDate(0, 0, f.days).Add(-1)
	}
}

// randomID is for keys whose id nobody chose: the kind and four random bytes.
func randomID(kind string) string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // it never fails
	return kind + "-" + hex.EncodeToString(b[:])
}

func (a *app) keysGenerateCmd() *cobra.Command {
	f := &newKeyFlags{}
	var kind string
	names := append(kindNames(), "age", "age-hybrid", "ref")
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Make a key",
		Long: fmt.Sprintf(`Make a key from the system's randomness and write it into a new file that only its owner
may read. Printed is what it is, with its thumbprint or key check value.

Kinds: %s.
age is an identity that opens what is sealed (--public: its recipient), age-hybrid the same
against quantum computers, ref the key of references for serve.`, strings.Join(names, ", ")),
		Example: `  issuant keys generate --kind ed25519 --id sign-2027 -o sign.jwks --public sign.pub.jwks
  issuant keys generate --kind rsa-4096 --use decrypt --form pem -o transport.pem --public transport.pub.pem
  issuant keys generate --kind hmac-256 --scheme custom --id hook-2 --into hooks.jwks`,
		RunE: func(*cobra.Command, []string) error { return a.keysGenerate(kind, f) },
	}
	cmd.Flags().StringVar(&kind, "kind", "", "what to make: a `KIND`")
	f.register(cmd)
	a.nowFlag(cmd)
	return a.verb(cmd, "pretty", "json")
}

func kindNames() []string {
	var names []string
	for _, k := range keyfile.Kinds {
		names = append(names, k.Name)
	}
	return names
}

func (a *app) keysGenerate(name string, f *newKeyFlags) error {
	const verb = "keys generate"
	if err := f.check(verb); err != nil {
		return err
	}
	now, err := a.instant()
	if err != nil {
		return err
	}
	switch name {
	case "":
		return usage("%s: --kind is needed: one of %s, age, age-hybrid, ref", verb, strings.Join(kindNames(), ", "))
	case "age", "age-hybrid":
		return a.generateAge(name, f, now)
	case "ref":
		return a.generateRef(f)
	}
	kind := keyfile.KindNamed(name)
	if kind == nil {
		near := rules.Nearest(name, append(kindNames(), "age", "age-hybrid", "ref"))
		if near != "" {
			near = fmt.Sprintf(", did you mean %q?", near)
		}
		return usage("%s: unknown kind %q%s", verb, name, near)
	}
	k, err := kind.New()
	if err != nil {
		return fail(exitUnavailable, "%s: the key cannot be made: %w", verb, err)
	}
	k.ID, k.Use = randomID(name), kind.Uses[0]
	k.NotBefore = now.Truncate(time.Second)
	if f.use != "" {
		k.Use = keyring.ParseUse(f.use)
	}
	if !slices.Contains(kind.Uses, k.Use) {
		return usage("%s: a %s key is not made to %s", verb, name, k.Use)
	}
	k.Alg = kind.Algs[k.Use]
	f.apply(&k, now)
	return a.writeKeys(verb, f, []keyring.Key{k}, now)
}

// generateAge makes an identity in the form of age itself.
func (a *app) generateAge(kind string, f *newKeyFlags, now time.Time) error {
	if f.into != "" || f.id != "" || f.use != "" || f.alg != "" || f.scheme != "" || f.days != 0 || f.sealTo != "" || f.form != "jwk" {
		return usage("keys generate: an age identity has a form of its own: only --output and --public go with it")
	}
	make := seal.NewKeyFile
	if kind == "age-hybrid" {
		make = seal.NewHybridKeyFile
	}
	file, recipient, err := make(now)
	if err != nil {
		return fail(exitUnavailable, "keys generate: %w", err)
	}
	defer clear(file)
	if err := a.writeFiles("keys generate", f, file, []byte(recipient+"\n")); err != nil {
		return err
	}
	if a.format == "json" {
		return a.printJSONValue(map[string]any{"kind": kind, "recipient": recipient, "file": f.output, "public_file": orNull(f.public)})
	}
	_, err = fmt.Fprintf(a.out, "%s holds the identity; what is to be opened with it is sealed to\n%s\n", f.output, recipient)
	return err
}

// generateRef makes the key of references, as serve reads it.
func (a *app) generateRef(f *newKeyFlags) error {
	if f.into != "" || f.use != "" || f.alg != "" || f.scheme != "" || f.days != 0 || f.public != "" || f.sealTo != "" || f.form != "jwk" {
		return usage("keys generate: the key of references has a form of its own: only --id and --output go with it")
	}
	id := f.id
	if id == "" {
		id = "k1"
	}
	if len(id) > 16 || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		return usage("keys generate: the id of a key of references is 1 to 16 of a-z 0-9 _ -")
	}
	var b [32]byte
	if _, err := rand.Read(b[:]); err != nil {
		return fail(exitUnavailable, "keys generate: %w", err)
	}
	defer clear(b[:])
	if err := a.writeFiles("keys generate", f, []byte(id+":"+hex.EncodeToString(b[:])+"\n"), nil); err != nil {
		return err
	}
	if a.format == "json" {
		return a.printJSONValue(map[string]any{"kind": "ref", "id": id, "file": f.output})
	}
	_, err := fmt.Fprintf(a.out, "%s holds the key of references %s; keep a copy in a safe place: without it references cannot be made again\n", f.output, id)
	return err
}

// writeKeys writes keys where the flags say, after reading back what will be there.
func (a *app) writeKeys(verb string, f *newKeyFlags, keys []keyring.Key, now time.Time) error {
	set, err := newSet(verb, f)
	if err != nil {
		return err
	}
	rows := make([]keyRow, 0, len(keys))
	added := &keyfile.Set{}
	for i := range keys {
		if set.Find(keys[i].ID) != nil {
			return fail(exitRefused, "%s: %s has a key %q already", verb, f.into, keys[i].ID)
		}
		e, err := keyfile.NewEntry(&keys[i])
		if err != nil {
			return fail(exitRefused, "%s: key %q: %w", verb, keys[i].ID, err)
		}
		added.Keys = append(added.Keys, e)
		set.Keys = append(set.Keys, e)
	}
	// Nothing is written that would not be read.
	read, _, err := source.Parse(added.Bytes(), source.Options{Uses: source.AnyUse})
	if err != nil {
		return fail(exitRefused, "%s: %w", verb, err)
	}
	for i := range read {
		if why := read[i].Refused; why != "" {
			return fail(exitRefused, "%s: key %q would be refused: %s", verb, read[i].ID, strings.TrimPrefix(why, "keyring: "))
		}
		rows = append(rows, keyRowOf(&read[i], now))
	}
	if err := f.checkMode(keys); err != nil {
		return err
	}
	data, public, err := keyBytes(f, set, added, keys)
	if err != nil {
		return fail(exitRefused, "%s: %w", verb, err)
	}
	defer clear(data)
	if err := a.writeFiles(verb, f, data, public); err != nil {
		return err
	}
	return a.printWritten(f, rows)
}

// newSet is what the keys are added to.
func newSet(verb string, f *newKeyFlags) (*keyfile.Set, error) {
	if f.into == "" {
		return &keyfile.Set{}, nil
	}
	// All that Load looks at holds for what is changed, too.
	if _, _, err := source.Load(f.into, source.Options{Uses: source.AnyUse}); err != nil {
		return nil, keyError("--into", err)
	}
	data, err := readFile(f.into, source.MaxDocumentBytes)
	if err != nil {
		return nil, usage("--into: %w", err)
	}
	set, err := keyfile.ParseSet(data)
	if err != nil {
		return nil, fail(exitRefused, "%s: %s: %w", verb, f.into, err)
	}
	return set, nil
}

// checkMode refuses to put a secret into a set of public keys that others may read:
// the file keeps its mode.
func (f *newKeyFlags) checkMode(keys []keyring.Key) error {
	secret := slices.ContainsFunc(keys, func(k keyring.Key) bool { return k.Secret.Len() > 0 || !k.Private.IsZero() })
	if f.into == "" || !secret {
		return nil
	}
	st, err := os.Stat(f.into)
	if err != nil {
		return usage("--into: %w", plainPathError(f.into, err))
	}
	if err := filemode.CheckSecret(st); err != nil {
		return fail(exitRefused, "--into: %w", plainPathError(f.into, err))
	}
	return nil
}

// keyBytes are the contents of the two files; the public one is nil when none is wanted.
func keyBytes(f *newKeyFlags, set, added *keyfile.Set, keys []keyring.Key) (private, public []byte, err error) {
	if f.form == "jwk" {
		private = set.Bytes()
		if half := added.Public(); f.public != "" {
			if len(half.Keys) == 0 {
				return nil, nil, errors.New("a secret has no public half")
			}
			public = half.Bytes()
		}
		return private, public, nil
	}
	if len(keys) != 1 || keys[0].Secret.Len() > 0 {
		return nil, nil, errors.New("PEM holds one key pair or public key, no secret")
	}
	pub, err := x509.MarshalPKIXPublicKey(keys[0].Public)
	if keys[0].Public == nil {
		pub, err = x509.MarshalPKIXPublicKey(keys[0].Private.Public())
	}
	if err != nil {
		return nil, nil, err
	}
	public = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub})
	if keys[0].Private.IsZero() {
		return public, public, nil
	}
	der, err := x509.MarshalPKCS8PrivateKey(keys[0].Private.Reveal())
	defer clear(der)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), public, err
}

// writeFiles writes the key, sealed where that is wanted, and its public half. When
// the second cannot be written, the first is not left behind.
func (a *app) writeFiles(verb string, f *newKeyFlags, data, public []byte) error {
	if f.sealTo != "" {
		to, err := a.readRecipients(f.sealTo)
		if err != nil {
			return err
		}
		if data, err = keyfile.Seal(to, data); err != nil {
			return fail(exitRefused, "%s: --seal-to: %w", verb, err)
		}
	}
	if f.public != "" {
		if err := outfile.New(f.public, public, outfile.Public); err != nil {
			return writeError("--public", f.public, err)
		}
	}
	var err error
	if f.into != "" {
		err = writeError("--into", f.into, outfile.Replace(f.into, data))
	} else {
		err = writeError("--output", f.output, outfile.New(f.output, data, outfile.Secret))
	}
	if err != nil && f.public != "" {
		removeOwn(f.public)
	}
	return err
}

func writeError(flag, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		return usage("%s: %s exists; a key file is never replaced", flag, name)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return usage("%s: %w", flag, plainPathError(name, err))
	}
	return fail(exitUnavailable, "%s: %w", flag, plainPathError(name, err))
}

func (a *app) printWritten(f *newKeyFlags, rows []keyRow) error {
	file := f.output + f.into
	if a.format == "json" {
		return a.printJSONValue(map[string]any{"file": file, "public_file": orNull(f.public), "sealed": f.sealTo != "", "keys": rows})
	}
	if err := a.printKeys(rows); err != nil {
		return err
	}
	text := "\nwritten to " + file
	if f.public != "" {
		text += ", the public half to " + f.public
	}
	_, err := fmt.Fprintln(a.out, text)
	return err
}
