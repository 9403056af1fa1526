package keyfile

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // for OAEP with SHA-1, which older devices wrap with; it needs no collision resistance
	_ "crypto/sha512"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/crypto/secret"
)

// maxSecret bounds a secret that is imported, in bytes, inclusive.
const maxSecret = 1024

// Opener returns a function for source.Options.Open. It opens every form that age and
// package seal write.
func Opener(ids *seal.Identities) func([]byte) ([]byte, error) {
	return func(sealed []byte) ([]byte, error) {
		sealed = bytes.TrimSpace(sealed)
		if !bytes.HasPrefix(sealed, []byte("age-encryption.org/")) && !bytes.HasPrefix(sealed, []byte("-----BEGIN ")) {
			return seal.Open(ids, string(sealed))
		}
		r, err := seal.OpenStream(bytes.NewReader(sealed), ids)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(io.LimitReader(r, source.MaxDocumentBytes+1))
	}
}

// Seal returns data sealed to recipients, in armour.
func Seal(to *seal.Recipients, data []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := seal.SealStream(&b, to, seal.Armoured)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	return b.Bytes(), err
}

// Document returns what is in a file to import in a form that source.Parse reads: a
// lone JWK as a set, DER as PEM. Other forms are returned as they are.
func Document(data []byte, id string) ([]byte, error) {
	if len(data) > 0 && data[0] == 0x30 {
		return fromDER(data)
	}
	var jwk Entry
	if json.Unmarshal(data, &jwk) == nil && jwk["kty"] != nil {
		if jwk["kid"] == nil && id != "" {
			jwk["kid"], _ = json.Marshal(id)
		}
		return (&Set{Keys: []Entry{jwk}}).Bytes(), nil
	}
	return data, nil
}

func fromDER(der []byte) ([]byte, error) {
	for _, form := range []struct {
		kind  string
		reads func([]byte) error
	}{
		{"PRIVATE KEY", func(b []byte) error { _, err := x509.ParsePKCS8PrivateKey(b); return err }},
		{"RSA PRIVATE KEY", func(b []byte) error { _, err := x509.ParsePKCS1PrivateKey(b); return err }},
		{"EC PRIVATE KEY", func(b []byte) error { _, err := x509.ParseECPrivateKey(b); return err }},
		{"CERTIFICATE", func(b []byte) error { _, err := x509.ParseCertificate(b); return err }},
		{"PUBLIC KEY", func(b []byte) error { _, err := x509.ParsePKIXPublicKey(b); return err }},
		{"RSA PUBLIC KEY", func(b []byte) error { _, err := x509.ParsePKCS1PublicKey(b); return err }},
	} {
		if form.reads(der) == nil {
			return pem.EncodeToMemory(&pem.Block{Type: form.kind, Bytes: der}), nil
		}
	}
	return nil, errors.New("DER, but neither a key nor a certificate that can be read; a PKCS #12 file needs --password-file")
}

// FromPKCS12 returns the private key and the certificate of a PKCS #12 file, as a key
// with the certificate's dates.
func FromPKCS12(data []byte, password string) (keyring.Key, error) {
	private, cert, _, err := pkcs12.DecodeChain(data, password)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return keyring.Key{}, errors.New("the password is wrong, or the PKCS #12 file was changed")
	case err != nil:
		// The library's words may quote what it read.
		return keyring.Key{}, errors.New("not a PKCS #12 file with one private key and its certificate, in DER")
	}
	k := keyring.Key{NotBefore: cert.NotBefore, NotAfter: cert.NotAfter, Public: cert.PublicKey}
	if k.Private, err = keyring.NewPrivate(private); err != nil {
		return keyring.Key{}, errors.New("the private key is none of RSA, ECDSA, Ed25519")
	}
	return k, nil
}

// Encodings of a bare secret.
var Encodings = []string{"hex", "base64", "base64url", "text", "raw"}

// FromText reads a bare secret. But for raw, blanks around it are not part of it.
func FromText(data []byte, encoding string) (secret.Bytes, error) {
	text := strings.TrimSpace(string(data))
	var b []byte
	var err error
	switch encoding {
	case "hex":
		b, err = hex.DecodeString(strings.NewReplacer(" ", "", ":", "", "-", "").Replace(text))
	case "base64":
		b, err = base64.StdEncoding.Strict().DecodeString(text)
	case "base64url":
		b, err = base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
	case "text":
		b = []byte(text)
	case "raw":
		b = bytes.Clone(data)
	default:
		return secret.Bytes{}, fmt.Errorf("there is no encoding %q; there are %s", encoding, strings.Join(Encodings, ", "))
	}
	defer clear(b)
	if err != nil {
		return secret.Bytes{}, fmt.Errorf("the secret is not written in %s", encoding)
	}
	if len(b) == 0 || len(b) > maxSecret {
		return secret.Bytes{}, fmt.Errorf("the secret is empty, or longer than %d bytes", maxSecret)
	}
	return secret.NewBytes(b), nil
}

// Combine returns the exclusive or of components of equal length: what key custodians
// bring, each his own.
func Combine(parts []secret.Bytes) (secret.Bytes, error) {
	if len(parts) < 2 {
		return secret.Bytes{}, errors.New("a key has two components or more")
	}
	whole := bytes.Clone(parts[0].Reveal())
	defer clear(whole)
	for i, p := range parts[1:] {
		if p.Len() != len(whole) {
			return secret.Bytes{}, fmt.Errorf("component %d has %d bytes, the first has %d", i+2, p.Len(), len(whole))
		}
		for _, before := range parts[:i+1] {
			if before.Equal(p) {
				return secret.Bytes{}, fmt.Errorf("component %d is equal to one before it, which cancel each other", i+2)
			}
		}
		subtle.XORBytes(whole, whole, p.Reveal())
	}
	return secret.NewBytes(whole), nil
}

// Hashes of RSA-OAEP.
var Hashes = map[string]crypto.Hash{"sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512, "sha1": crypto.SHA1}

// Unwrap opens a secret that was encrypted to an RSA key of ours with RSA-OAEP, the
// same hash for its mask, and no label. The text is bare bytes, hexadecimal digits or Base64: whichever
// is as long as the key.
func Unwrap(with *keyring.Key, wrapped []byte, hash crypto.Hash) (secret.Bytes, error) {
	pub, ok := with.Private.Public().(*rsa.PublicKey)
	if !ok {
		return secret.Bytes{}, errors.New("the key to unwrap with is no RSA key pair")
	}
	d, err := with.Decrypter()
	if err != nil {
		return secret.Bytes{}, errors.New("the key to unwrap with does not decrypt")
	}
	text := strings.Join(strings.Fields(string(wrapped)), "")
	var sealed []byte
	fromHex, herr := hex.DecodeString(text)
	from64, berr := base64.StdEncoding.DecodeString(text)
	switch {
	case len(wrapped) == pub.Size():
		sealed = wrapped
	case herr == nil && len(fromHex) == pub.Size():
		sealed = fromHex
	case berr == nil && len(from64) == pub.Size():
		sealed = from64
	default:
		return secret.Bytes{}, fmt.Errorf("what is wrapped is not %d bytes, which the RSA key has, as they are or in hexadecimal digits or Base64", pub.Size())
	}
	plain, err := d.Decrypt(rand.Reader, sealed, &rsa.OAEPOptions{Hash: hash})
	defer clear(plain)
	if err != nil {
		return secret.Bytes{}, errors.New("it does not unwrap: it was wrapped for another key, with another hash or padding than RSA-OAEP, or it was changed")
	}
	if len(plain) == 0 || len(plain) > maxSecret {
		return secret.Bytes{}, errors.New("what was wrapped is empty, or too long for a secret")
	}
	return secret.NewBytes(plain), nil
}
