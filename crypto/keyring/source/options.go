package source

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/internal/filemode"
	"github.com/issuant/issuant/internal/strictjson"
)

// Options say what is wanted of a document. The zero Options want what checks
// signatures, and open nothing that is sealed.
type Options struct {
	// Uses are the uses that are wanted; none means keyring.UseVerify alone. A key for
	// another use is kept with its Refused set. Where a key may serve several, as a
	// shared secret both signs and verifies, it gets the first of them that it may serve.
	Uses []keyring.Use
	// ID names the key of a PEM document, which has no id itself. Load takes the file's
	// name without its ending, LoadEnv the variable's name in lower case.
	ID string
	// Open opens a document that is sealed with age, in any of its forms (binary,
	// armoured, Base64). Nil: such a document is an error. It is a function so that
	// this package does not link age; crypto/seal has what it takes.
	Open func(sealed []byte) ([]byte, error)
	// UnsafeModes lets Load read files that others may change, and secrets that others
	// may read.
	UnsafeModes bool
}

// AnyUse is for Options.Uses: every kind of key.
var AnyUse = []keyring.Use{keyring.UseVerify, keyring.UseSign, keyring.UseEncrypt, keyring.UseDecrypt}

func (o *Options) uses() []keyring.Use {
	if len(o.Uses) == 0 {
		return AnyUse[:1]
	}
	return o.Uses
}

// Parse reads a key document of any form. Keys that cannot be used are kept with
// their Refused set, and a warning; a document without any key is an error. Errors are
// *Error, and hold nothing of a key.
func Parse(data []byte, opt Options) (keys []keyring.Key, warnings []string, err error) {
	if len(data) > MaxDocumentBytes && (isPEM(data) || isSealed(data)) {
		return nil, nil, &Error{Msg: "larger than 1 MiB"}
	}
	if isSealed(data) {
		if data, err = opt.open(data); err != nil {
			return nil, nil, err
		}
		defer clear(data)
	}
	if isPEM(data) {
		return parsePEM(data, &opt)
	}
	v, err := parse(data)
	if err != nil {
		return nil, nil, err
	}
	if list, ok := v.Get("keys"); ok && list.Kind != strictjson.String {
		return readJWKS(data, v, &opt)
	}
	if _, ok := v.Get("kty"); ok {
		return nil, nil, &Error{Msg: `a single JWK; put it into a set: {"keys": [ ... ]}`}
	}
	if !slices.Contains(opt.uses(), keyring.UseVerify) {
		return nil, nil, &Error{Msg: "a map of certificates, which verify; keys for another use are wanted"}
	}
	return readX509Map(data, v)
}

func isPEM(data []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(data), []byte("-----BEGIN")) }

// Beginnings of what is sealed with age: the file itself, its armour, and the one
// line of Base64 that crypto/seal writes.
var sealedForms = []string{"age-encryption.org/", "-----BEGIN AGE ENCRYPTED FILE-----", base64.StdEncoding.EncodeToString([]byte("age-encryption.org"))}

func isSealed(data []byte) bool {
	data = bytes.TrimSpace(data)
	return slices.ContainsFunc(sealedForms, func(form string) bool { return bytes.HasPrefix(data, []byte(form)) })
}

func (o *Options) open(sealed []byte) ([]byte, error) {
	if o.Open == nil {
		return nil, &Error{Msg: "sealed with age; give the identity that opens it"}
	}
	plain, err := o.Open(sealed)
	if err != nil {
		return nil, &Error{Msg: "sealed with age, and does not open: " + err.Error(), Err: err}
	}
	if len(plain) > MaxDocumentBytes {
		return nil, &Error{Msg: "larger than 1 MiB when it is opened"}
	}
	return plain, nil
}

// Load reads a key document from a file, or those of a folder (its files, but not
// what is hidden or lies deeper), of at most 1 MiB each and 256 keys together. A file
// that others may change is refused, and a secret or private key that others may read,
// unless it is sealed. Errors are *Error with the file, or wrap the file system's.
func Load(path string, opt Options) (keys []keyring.Key, warnings []string, err error) {
	names, folder, err := documents(path)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		more, warn, err := loadFile(name, opt)
		if err != nil {
			return nil, warnings, err
		}
		if keys = append(keys, more...); len(keys) > MaxKeys {
			return nil, warnings, &Error{File: path, Msg: "more than 256 keys"}
		}
		for _, w := range warn {
			if folder {
				w = filepath.Base(name) + ": " + w
			}
			warnings = append(warnings, w)
		}
	}
	return keys, warnings, nil
}

// documents lists the files of a path.
func documents(path string) (names []string, folder bool, err error) {
	st, err := os.Stat(path) // not Lstat: Kubernetes mounts links
	if err != nil {
		return nil, false, notRead(path, err)
	}
	if !st.IsDir() {
		return []string{path}, false, nil
	}
	entries, err := os.ReadDir(path) // sorted
	if err != nil {
		return nil, true, notRead(path, err)
	}
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		if st, err := os.Stat(name); strings.HasPrefix(e.Name(), ".") || err == nil && st.IsDir() {
			continue
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, true, &Error{File: path, Msg: "the folder has no key file"}
	}
	return names, true, nil
}

func loadFile(name string, opt Options) ([]keyring.Key, []string, error) {
	refuse := func(err error) ([]keyring.Key, []string, error) {
		return nil, nil, &Error{File: name, Msg: err.Error()}
	}
	if !opt.UnsafeModes {
		if err := filemode.CheckTrusted(name, true); errors.Is(err, fs.ErrNotExist) {
			return nil, nil, notRead(name, err)
		} else if err != nil {
			return refuse(err)
		}
	}
	data, err := filemode.ReadSmall(name)
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, nil, notRead(name, pe)
	} else if err != nil {
		return refuse(err)
	}
	sealed := isSealed(data)
	if opt.ID == "" {
		opt.ID = idOf(name)
	}
	keys, warnings, err := Parse(data, opt)
	clear(data)
	if e, ok := errors.AsType[*Error](err); ok {
		e.File = name
	}
	secret := func(k keyring.Key) bool { return k.Secret.Len() > 0 || !k.Private.IsZero() }
	if err == nil && !sealed && !opt.UnsafeModes && slices.ContainsFunc(keys, secret) {
		if st, err := os.Stat(name); err != nil {
			return nil, nil, notRead(name, err)
		} else if err := filemode.CheckSecret(st); err != nil {
			return refuse(err)
		}
	}
	return keys, warnings, err
}

func notRead(name string, err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return &Error{File: name, Msg: err.Error(), Err: err}
}

// idOf is the file's name without the endings of key files.
func idOf(name string) string {
	id := filepath.Base(name)
	for {
		ext := filepath.Ext(id)
		if ext == id || !slices.Contains([]string{".pem", ".crt", ".cer", ".key", ".pub", ".age"}, ext) {
			return id
		}
		id = strings.TrimSuffix(id, ext)
	}
}

// LoadEnv reads a key document from an environment variable: the document itself, or
// its padded standard Base64, since PEM does not fit on a line. What a variable holds is
// seen by whoever may look into the process and is handed on to its children; prefer
// files for secrets. Errors are *Error.
func LoadEnv(name string, opt Options) (keys []keyring.Key, warnings []string, err error) {
	text, ok := os.LookupEnv(name)
	if !ok || strings.TrimSpace(text) == "" {
		return nil, nil, &Error{File: "$" + name, Msg: "the variable is not set, or empty"}
	}
	if opt.ID == "" {
		opt.ID = strings.ToLower(name)
	}
	data := []byte(text)
	if !isPEM(data) && !isSealed(data) && !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		if data, err = base64.StdEncoding.DecodeString(strings.TrimSpace(text)); err != nil {
			return nil, nil, &Error{File: "$" + name, Msg: "neither a key document nor the Base64 of one"}
		}
	}
	keys, warnings, err = Parse(data, opt)
	if e, ok := errors.AsType[*Error](err); ok {
		e.File = "$" + name
	}
	return keys, warnings, err
}
