package main

import (
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/keyfile"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/secret"
)

// removeOwn takes away a file that this run has made; "" is none.
func removeOwn(name string) {
	if name != "" {
		_ = os.Remove(name) // the error that led here is the one to tell
	}
}

type importFlags struct {
	newKeyFlags
	input, password, encoding string
	components                []string
	wrapped, unwrap, unwrapID string
	hash                      string
	identity                  string
	value, method             string
	noValue                   bool
}

func (a *app) keysImportCmd() *cobra.Command {
	f := &importFlags{hash: "sha256"}
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Take a key that somebody else made into a JWK set",
		Long: `Take a key that somebody else made into a JWK set: PEM or DER (certificate, public key,
PKCS #8, PKCS #1, SEC 1), PKCS #12, a JWK or set of them, a bare secret, components of
which each custodian brings one, or a secret that was encrypted to an RSA key of ours.

What comes in parts or encrypted is taken only with the key check value that the other side
states on another way. Passwords, secrets and components are read from files, never from the
command line, where others would see them. crypto/keyring/CUSTODY.md has the ceremony.`,
		Example: `  issuant keys import --in visa.p12 --password-file visa.pass --id visa-1 -o visa.jwks
  issuant keys import --in secret.hex --encoding hex --scheme stripe --id hook-1 --into hooks.jwks
  issuant keys import --component a.hex --component b.hex --alg TDES --check-value 08D7B4 --id wsd-1 -o wsd.jwks
  issuant keys import --wrapped key.b64 --unwrap transport.pem --alg A256GCMKW --check-value 9C1F0A --id mle-1 -o mle.jwks`,
		RunE: func(*cobra.Command, []string) error { return a.keysImport(f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.input, "in", "", "`FILE` with a key, certificate, PKCS #12 or secret")
	fl.StringVar(&f.password, "password-file", "", "`FILE` with the password of the PKCS #12 file")
	fl.StringVar(&f.encoding, "encoding", "", "--in is a bare secret, written in this `ENCODING`: "+strings.Join(keyfile.Encodings, ", "))
	fl.StringArrayVar(&f.components, "component", nil, "`FILE` with one component, in hexadecimal digits; two or more times")
	fl.StringVar(&f.wrapped, "wrapped", "", "`FILE` with a secret that was encrypted with RSA-OAEP")
	fl.StringVar(&f.unwrap, "unwrap", "", "`FILE` of the RSA key pair that --wrapped was encrypted to")
	fl.StringVar(&f.unwrapID, "unwrap-id", "", "the `ID` of that key, where the file has several")
	fl.StringVar(&f.hash, "hash", f.hash, "hash of RSA-OAEP: sha256, sha384, sha512, sha1")
	fl.StringVar(&f.identity, "identity", "", "`FILE` of the age identity that opens files which are sealed")
	fl.StringVar(&f.value, "check-value", "", "3 to 5 bytes in `HEX`: the key check value that the other side states")
	fl.StringVar(&f.method, "check-method", "", "how it is made: aes-cmac, aes-zero, tdes-zero, hmac-sha256 (default by --alg)")
	fl.BoolVar(&f.noValue, "unsafe-no-check-value", false, "take components or a wrapped secret though nobody states a check value")
	f.register(cmd)
	a.nowFlag(cmd)
	return a.verb(cmd, "pretty", "json")
}

func (f *importFlags) checkImport() error {
	const verb = "keys import"
	if err := f.check(verb); err != nil {
		return err
	}
	ways := 0
	for _, given := range []bool{f.input != "", len(f.components) > 0, f.wrapped != ""} {
		if given {
			ways++
		}
	}
	parts := len(f.components) > 0 || f.wrapped != ""
	switch {
	case ways != 1:
		return usage("%s: say what is imported: --in FILE, --component FILE twice or more, or --wrapped FILE", verb)
	case (f.wrapped == "") != (f.unwrap == ""):
		return usage("%s: --wrapped and --unwrap belong together", verb)
	case f.encoding != "" && (f.input == "" || !slices.Contains(keyfile.Encodings, f.encoding)):
		return usage("%s: --encoding goes with --in, and is one of %s", verb, strings.Join(keyfile.Encodings, ", "))
	case f.password != "" && (f.input == "" || f.encoding != ""):
		return usage("%s: --password-file goes with a PKCS #12 file in --in", verb)
	case keyfile.Hashes[f.hash] == 0:
		return usage("%s: --hash %q is not one of sha256, sha384, sha512, sha1", verb, f.hash)
	case parts && f.value == "" && !f.noValue:
		return usage("%s: --check-value is needed: let the other side state it on another way (--unsafe-no-check-value does without)", verb)
	case f.value != "" && f.input != "" && f.encoding == "":
		return usage("%s: --check-value is of a secret: it goes with --encoding, --component and --wrapped", verb)
	case (parts || f.encoding != "") && f.id == "":
		return usage("%s: --id is needed: a bare secret has none", verb)
	}
	return nil
}

func (a *app) keysImport(f *importFlags) error {
	if err := f.checkImport(); err != nil {
		return err
	}
	now, err := a.instant()
	if err != nil {
		return err
	}
	var keys []keyring.Key
	switch {
	case f.wrapped != "":
		keys, err = f.fromWrapped()
	case len(f.components) > 0:
		keys, err = f.fromComponents()
	case f.encoding != "":
		keys, err = f.fromSecret()
	case f.password != "" || strings.HasSuffix(f.input, ".p12") || strings.HasSuffix(f.input, ".pfx"):
		keys, err = f.fromPKCS12()
	default:
		keys, err = f.fromDocument(a)
	}
	if err != nil {
		return err
	}
	if len(keys) > 1 && f.id != "" {
		keys = slices.DeleteFunc(keys, func(k keyring.Key) bool { return k.ID != f.id })
		if len(keys) == 0 {
			return usage("keys import: %s has several keys, and none of the id %q", f.input, f.id)
		}
	}
	for i := range keys {
		f.apply(&keys[i], now)
		finish(&keys[i])
	}
	return a.writeKeys("keys import", &f.newKeyFlags, keys, now)
}

// finish gives a key the use that fits what it is, where nobody named one.
func finish(k *keyring.Key) {
	encrypts := keyring.CheckMethodOf(k.Alg) != keyring.CheckHMAC || strings.HasPrefix(k.Alg, "RSA-OAEP") || strings.HasPrefix(k.Alg, "ECDH-ES") || strings.Contains(k.Alg, "CBC-HS")
	switch {
	case k.Use != 0:
	case !k.Private.IsZero() && encrypts:
		k.Use = keyring.UseDecrypt
	case !k.Private.IsZero():
		k.Use = keyring.UseSign
	case encrypts:
		k.Use = keyring.UseEncrypt
	default:
		k.Use = keyring.UseVerify
	}
}

// secretKey compares the check value of a secret, where one was stated.
func (f *importFlags) secretKey(b secret.Bytes) ([]keyring.Key, error) {
	if f.value != "" {
		method := keyring.CheckMethod(f.method)
		if method == "" {
			method = keyring.CheckMethodOf(f.alg)
		}
		if err := keyring.MatchCheckValue(method, b, f.value); err != nil {
			return nil, fail(exitRefused, "keys import: %w; nothing was written", err)
		}
	}
	return []keyring.Key{{Secret: b}}, nil
}

func (f *importFlags) fromSecret() ([]keyring.Key, error) {
	data, err := readSecretFile("--in", f.input)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	b, err := keyfile.FromText(data, f.encoding)
	if err != nil {
		return nil, fail(exitRefused, "%s: %w", f.input, err)
	}
	return f.secretKey(b)
}

func (f *importFlags) fromComponents() ([]keyring.Key, error) {
	var parts []secret.Bytes
	for _, name := range f.components {
		data, err := readSecretFile("--component", name)
		if err != nil {
			return nil, err
		}
		b, err := keyfile.FromText(data, "hex")
		clear(data)
		if err != nil {
			return nil, fail(exitRefused, "%s: %w", name, err)
		}
		parts = append(parts, b)
	}
	whole, err := keyfile.Combine(parts)
	if err != nil {
		return nil, fail(exitRefused, "keys import: %w", err)
	}
	return f.secretKey(whole)
}

func (f *importFlags) fromWrapped() ([]keyring.Key, error) {
	s := keySource{keys: f.unwrap, identity: f.identity}
	opt, err := s.options()
	if err != nil {
		return nil, err
	}
	opt.Uses = []keyring.Use{keyring.UseDecrypt}
	keys, _, err := source.Load(f.unwrap, opt)
	if err != nil {
		return nil, keyError("--unwrap", err)
	}
	if f.unwrapID != "" || len(keys) > 1 {
		keys = slices.DeleteFunc(keys, func(k keyring.Key) bool { return k.ID != f.unwrapID })
	}
	if len(keys) != 1 {
		return nil, usage("--unwrap: %s has several keys, or none of that id; name one with --unwrap-id", f.unwrap)
	}
	if keys[0].Refused != "" {
		return nil, fail(exitRefused, "--unwrap: %s: key %q is refused: %s", f.unwrap, keys[0].ID, keys[0].Refused)
	}
	wrapped, err := readFile(f.wrapped, 1<<20)
	if err != nil {
		return nil, usage("--wrapped: %w", err)
	}
	b, err := keyfile.Unwrap(&keys[0], wrapped, keyfile.Hashes[f.hash])
	if err != nil {
		return nil, fail(exitRefused, "%s: %w", f.wrapped, err)
	}
	return f.secretKey(b)
}

func (f *importFlags) fromPKCS12() ([]keyring.Key, error) {
	if f.password == "" {
		return nil, usage("keys import: a PKCS #12 file needs --password-file; an empty file is an empty password")
	}
	data, err := readSecretFile("--in", f.input)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	password, err := readSecretFile("--password-file", f.password)
	if err != nil {
		return nil, err
	}
	defer clear(password)
	k, err := keyfile.FromPKCS12(data, strings.TrimRight(string(password), "\r\n"))
	if err != nil {
		return nil, fail(exitRefused, "%s: %w", f.input, err)
	}
	k.ID = baseID(f.input)
	return []keyring.Key{k}, nil
}

// baseID is a file's name without its endings.
func baseID(name string) string {
	id, _, _ := strings.Cut(name[strings.LastIndexAny(name, "/\\")+1:], ".")
	return id
}

// fromDocument reads what package source reads, a lone JWK and DER. Who may read the
// file does not matter: it comes from elsewhere, and goes where only we read it.
func (f *importFlags) fromDocument(a *app) ([]keyring.Key, error) {
	data, err := readFile(f.input, source.MaxDocumentBytes)
	if err != nil {
		return nil, usage("--in: %w", err)
	}
	defer clear(data)
	s := keySource{identity: f.identity}
	opt, err := s.options()
	if err != nil {
		return nil, err
	}
	if opt.ID = f.id; opt.ID == "" {
		opt.ID = baseID(f.input)
	}
	if u := keyring.ParseUse(f.use); u != 0 {
		opt.Uses = append([]keyring.Use{u}, slices.DeleteFunc(slices.Clone(source.AnyUse), func(x keyring.Use) bool { return x == u })...)
	}
	if data, err = keyfile.Document(data, opt.ID); err != nil {
		return nil, fail(exitRefused, "%s: %w", f.input, err)
	}
	keys, warnings, err := source.Parse(data, opt)
	var doc *source.Error
	if errors.As(err, &doc) {
		doc.File = f.input
	}
	if err != nil {
		return nil, fail(exitRefused, "%w", err)
	}
	a.warnKeys(f.input, warnings)
	for i := range keys {
		if why := keys[i].Refused; why != "" {
			return nil, fail(exitRefused, "%s: key %q is refused: %s", f.input, keys[i].ID, why)
		}
	}
	return keys, nil
}
