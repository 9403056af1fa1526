// Package wallets reads the file that says which wallet payloads an issuer builds, in
// which formats and with which keys: what issuant provision and the provision routes of
// issuant serve have in common.
//
//	wallets: 1                      # version of this format; required
//	keys: wallet-keys.json          # key file or folder, or a list of them; required. Paths are from this file's folder
//	profiles: [acme.yaml]           # private format profiles, used by their names
//	google:
//	  visa: {key: visa-google, requestor: "40010075001", intent: device, idnv: true}
//	  mastercard:
//	    shape: card-info            # or unverified-funding-account
//	    key: mdes-1
//	    fingerprint: 761b...        # as Mastercard registered the key
//	    tav: {version: unverified-3, key: tav-1, alias: a1, validity: 30m}
//	  others: {amex: {profile: acme, unverified: true}}
//	  object: {unverified: true, sign: pgp-ours.asc, recipients: pgp-google.asc}
//	samsung:
//	  visa: {...}
//	  mastercard: {..., base64: true}
//	apple:
//	  roots: [AppleRootCA-G3.cer]
//	  visa: {form: plain, activation: {mbpac: {key: zone-1, key_set: "123456.1", layout: unverified-vdsp}}}
//	  mastercard: {form: plain, activation: {tav: {...}}}
//	  amex: {form: plain, activation: {profile: acme, unverified: true}}
//
// A network of google or samsung may have profile and unverified alone, in the place of
// what is built in: that is how a private profile corrects it. Formats that nobody has
// confirmed are asked for by names that say so. There are no defaults for what is
// agreed with a network.
package wallets

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/provision/applepay"
	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/provision/googlepay"
	"github.com/issuant/issuant/crypto/provision/profile"
	"github.com/issuant/issuant/crypto/provision/profile/profilefile"
	"github.com/issuant/issuant/crypto/provision/samsungpay"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/filemode"
	"github.com/issuant/issuant/internal/strictyaml"
)

const maxFile = 64 << 10 // bytes, inclusive

// Wallets are the builders of a file; nil where it has none. They are safe for
// concurrent use.
type Wallets struct {
	Google  *googlepay.Pay
	Object  *googlepay.UnverifiedCard
	Samsung *samsungpay.Pay
	Apple   *applepay.Pay

	Files    []string  // that were read: to be watched
	Warnings []string  // of the key file
	Ends     time.Time // when the first key goes out of date; zero: none does
}

// Options of Load.
type Options struct {
	Open   func(sealed []byte) ([]byte, error) // opens sealed key files; nil: none is
	Nonces applepay.Nonces                     // nil: nonces are not remembered, a grant names each
	Now    time.Time
}

// Error is a file that cannot be used.
type Error struct {
	File         string
	Line, Column int // 0 when the place is not known
	Msg          string
	Err          error // what is behind it; may be nil
}

func (e *Error) Error() string {
	return e.File + ": " + (&strictyaml.Fault{Line: e.Line, Column: e.Column, Msg: e.Msg}).Error()
}

// Code returns the code of what is behind it, else "wallet_file".
func (e *Error) Code() uint32 {
	if c := code.Of(e.Err); e.Err != nil && c != code.Internal {
		return uint32(c)
	}
	return uint32(code.WalletFile)
}

// Unwrap returns what is behind it.
func (e *Error) Unwrap() error { return e.Err }

// file is one file in the reading.
type file struct {
	strictyaml.Reader
	path, dir string
	opt       Options
	keys      []string
	version   string
	paths     []string
	ring      *keyring.Ring
	profiles  map[string]profile.Profile
	out       *Wallets
	err       *Error // of what is made of the file
}

// Load reads a file and everything that it names. Its errors are *Error, or those of
// the file system.
func Load(path string, opt Options) (*Wallets, error) {
	if err := filemode.CheckTrusted(path, true); err != nil {
		return nil, err
	}
	data, err := strictyaml.ReadFile(path, maxFile)
	if err != nil {
		return nil, err
	}
	f := &file{path: path, dir: filepath.Dir(path), opt: opt, profiles: map[string]profile.Profile{}, out: &Wallets{Files: []string{path}}}
	if len(data) > maxFile {
		return nil, &Error{File: path, Msg: "larger than 64 KiB"}
	}
	root, wrong := strictyaml.Document(data)
	if wrong == nil {
		wrong = f.read(root)
	}
	if wrong != nil {
		return nil, &Error{File: path, Line: wrong.Line, Column: wrong.Column, Msg: wrong.Msg}
	}
	if f.err != nil {
		return nil, f.err
	}
	return f.out, nil
}

// read goes over the file twice: keys and profiles first, whatever their order, then
// what is built with them.
func (f *file) read(root *yaml.Node) *strictyaml.Fault {
	later := func(*yaml.Node) {}
	f.Mapping(root, "", strictyaml.Fields{
		"wallets": f.Text(&f.version), "keys": f.oneOrMany(&f.keys), "profiles": f.Texts(&f.paths), "google": later, "samsung": later, "apple": later,
	})
	switch {
	case f.Wrong() != nil:
		return f.Wrong()
	case f.version != "1":
		return &strictyaml.Fault{Line: root.Line, Column: root.Column, Msg: `wants "wallets: 1", the version of this format`}
	case len(f.keys) == 0:
		return &strictyaml.Fault{Line: root.Line, Column: root.Column, Msg: "wants keys: a key file or folder"}
	}
	if f.err = f.load(); f.err != nil {
		return nil
	}
	done := func(*yaml.Node) {}
	f.Mapping(root, "", strictyaml.Fields{
		"wallets": done, "keys": done, "profiles": done, "google": f.google, "samsung": f.samsung, "apple": f.apple,
	})
	if f.Wrong() == nil && f.err == nil && f.out.Google == nil && f.out.Object == nil && f.out.Samsung == nil && f.out.Apple == nil {
		return &strictyaml.Fault{Line: root.Line, Column: root.Column, Msg: "has neither google nor samsung nor apple: nothing is built"}
	}
	return f.Wrong()
}

// oneOrMany reads a text or a list of texts.
func (f *file) oneOrMany(to *[]string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind == yaml.SequenceNode {
			f.Texts(to)(n)
			return
		}
		if text, ok := f.Scalar(n); ok {
			*to = []string{text}
		}
	}
}

// at resolves a path of the file.
func (f *file) at(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(f.dir, path)
}

// load reads keys and profiles.
func (f *file) load() *Error {
	bad := func(err error) *Error { return &Error{File: f.path, Msg: err.Error(), Err: err} }
	opt := source.Options{
		Uses: []keyring.Use{keyring.UseEncrypt, keyring.UseSign, keyring.UseDecrypt, keyring.UseVerify}, Open: f.opt.Open,
	}
	var all []keyring.Key
	for _, path := range f.keys {
		keys, warnings, err := source.Load(f.at(path), opt)
		if err != nil {
			return bad(err)
		}
		all = append(all, keys...)
		f.out.Files, f.out.Warnings = append(f.out.Files, f.at(path)), append(f.out.Warnings, warnings...)
	}
	var err error
	if f.ring, err = keyring.NewRing(all...); err != nil {
		return bad(err)
	}
	for _, path := range f.paths {
		if err := filemode.CheckTrusted(f.at(path), true); err != nil {
			return bad(fmt.Errorf("%s: %w", path, err))
		}
		p, err := profilefile.Load(f.at(path))
		if err != nil {
			return bad(err)
		}
		if _, twice := f.profiles[p.Name]; twice {
			return &Error{File: f.path, Msg: "two profiles have the name " + p.Name}
		}
		f.profiles[p.Name] = p
		f.out.Files = append(f.out.Files, f.at(path))
	}
	return nil
}

// wrong notes the first error of what is made of the file.
func (f *file) wrong(n *yaml.Node, err error) {
	if err != nil && f.err == nil && f.Wrong() == nil {
		f.err = &Error{File: f.path, Line: n.Line, Column: n.Column, Msg: err.Error(), Err: err}
	}
}

// good reports whether nothing is wrong so far.
func (f *file) good() bool { return f.err == nil && f.Wrong() == nil }

// key returns a key that is good for a use now.
func (f *file) key(n *yaml.Node, id string, use keyring.Use, alg string) *keyring.Key {
	if id == "" {
		f.Fail(n, "wants key: the id of a key")
		return nil
	}
	k, ok := f.ring.Lookup(id)
	if !ok {
		f.Fail(n, "key %q is not in %s", strictyaml.Clip(id), strings.Join(f.keys, ", "))
		return nil
	}
	if k.Alg != "" && alg == "" {
		alg = k.Alg
	}
	scheme := k.Scheme
	if scheme != "" {
		scheme = profile.Scheme
	}
	if why := k.Usable(use, alg, scheme, f.opt.Now); why != "" {
		f.wrong(n, fmt.Errorf("key %q: %w", strictyaml.Clip(id), &keyError{why}))
		return nil
	}
	if !k.NotAfter.IsZero() && (f.out.Ends.IsZero() || k.NotAfter.Before(f.out.Ends)) {
		f.out.Ends = k.NotAfter
	}
	return k
}

// keyError is a key that cannot be used.
type keyError struct{ why string }

func (e *keyError) Error() string { return e.why }
func (e *keyError) Code() uint32  { return uint32(code.ProvisionKey) }

// format returns the format of a profile.
func (f *file) format(n *yaml.Node, name string, unverified bool) *profile.Format {
	p, ok := f.profiles[name]
	if !ok {
		f.Fail(n, "profile %q is none of profiles: %v", strictyaml.Clip(name), slices.Sorted(maps.Keys(f.profiles)))
		return nil
	}
	format, err := profile.New(p, profile.Options{Keys: f.ring, Unverified: unverified})
	if err != nil {
		f.wrong(n, err)
		return nil
	}
	return format
}

// networkNames are the networks that may stand in a section.
func networkName(name string) (card.Network, bool) {
	switch n := card.Network(name); n {
	case card.Visa, card.Mastercard, card.Amex, card.Discover:
		return n, true
	}
	return "", false
}

// IsKey reports whether an error of Load is about a key rather than about the file.
func IsKey(err error) bool {
	var s *source.Error
	c := code.Of(err)
	return errors.As(err, &s) || c == code.ProvisionKey || c == code.KeyFile || c == code.WeakKey
}

// Names returns the files that a file names, as far as it can be read: what has to be
// watched beside it. Whether they are in order, Load tells.
func Names(path string) []string {
	data, err := strictyaml.ReadFile(path, maxFile)
	if err != nil {
		return nil
	}
	root, wrong := strictyaml.Document(data)
	if wrong != nil {
		return nil
	}
	var names []string
	named(root, func(name string) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(path), name)
		}
		names = append(names, name)
	})
	return names
}

// named visits the values of the names that stand for files.
func named(n *yaml.Node, visit func(string)) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch v := n.Content[i+1]; n.Content[i].Value {
		case "keys", "profiles", "roots", "sign", "passphrase", "recipients":
			for _, item := range append([]*yaml.Node{v}, v.Content...) {
				if item.Kind == yaml.ScalarNode && item.Value != "" {
					visit(item.Value)
				}
			}
		default:
			named(v, visit)
		}
	}
}
