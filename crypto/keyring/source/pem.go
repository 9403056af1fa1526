package source

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/jwk"
)

// parsePEM reads one key: a certificate, a public key or a private key. OpenSSL
// writes a block of curve parameters before some private keys, which is passed over.
func parsePEM(data []byte, opt *Options) ([]keyring.Key, []string, error) {
	if opt.ID == "" || len(opt.ID) > keyring.MaxIDBytes {
		return nil, nil, &Error{Msg: fmt.Sprintf("PEM has no key id; name one of 1 to %d bytes", keyring.MaxIDBytes)}
	}
	block, line, err := onlyBlock(data)
	if err != nil {
		return nil, nil, err
	}
	defer clear(block.Bytes)
	k := keyring.Key{ID: opt.ID}
	may, wrong := readBlock(&k, block)
	if wrong == "" {
		if k.Use = jwk.UseOf(may, opt.uses()); k.Use == 0 {
			wrong = jwk.Unwanted(may, opt.uses())
		}
	}
	if wrong == "" {
		// What a ring would refuse is said here already, with the file's name.
		ring, err := keyring.NewRing(k)
		if err != nil {
			return nil, nil, &Error{Line: line, Column: 1, Msg: err.Error(), Err: err}
		}
		k = *ring.All()[0]
		wrong = strings.TrimPrefix(k.Refused, "keyring: ")
	}
	if wrong != "" {
		return nil, nil, &Error{Line: line, Column: 1, Msg: wrong}
	}
	return []keyring.Key{k}, nil, nil
}

// onlyBlock returns the one block that holds a key, and its line.
func onlyBlock(data []byte) (found *pem.Block, line int, err error) {
	rest := data
	for {
		start := bytes.Index(rest, []byte("-----BEGIN "))
		if start < 0 {
			break
		}
		at := len(data) - len(rest) + start
		here := bytes.Count(data[:at], []byte("\n")) + 1
		var block *pem.Block
		block, next := pem.Decode(rest[start:])
		switch {
		case block == nil || len(next) > 0 && bytes.Contains(rest[start : len(rest)-len(next)][1:], []byte("-----BEGIN ")):
			return nil, 0, &Error{Line: here, Column: 1, Msg: "this PEM block cannot be read: it is cut off or changed"}
		case block.Type == "EC PARAMETERS":
		case found != nil:
			return nil, 0, &Error{Line: here, Column: 1, Msg: fmt.Sprintf("a second block (the first, of line %d, is a %s); put one key into a file", line, found.Type)}
		default:
			found, line = block, here
		}
		rest = next
	}
	if found == nil {
		return nil, 0, &Error{Line: 1, Column: 1, Msg: "there is no PEM block with a key"}
	}
	return found, line, nil
}

var (
	signUses   = []keyring.Use{keyring.UseSign, keyring.UseDecrypt}
	verifyUses = []keyring.Use{keyring.UseVerify, keyring.UseEncrypt}
)

// readBlock fills in the key, and returns what it may be used for or why it may not.
func readBlock(k *keyring.Key, block *pem.Block) (may []keyring.Use, wrong string) {
	if block.Headers["Proc-Type"] != "" || block.Type == "ENCRYPTED PRIVATE KEY" {
		return nil, "encrypted with a password; decrypt it (openssl pkey -in FILE -out PLAIN) and seal it with age (issuant seal) where it lies about"
	}
	var pub crypto.PublicKey
	var private any
	var err error
	switch block.Type {
	case "CERTIFICATE":
		return readAnyCertificate(k, block.Bytes)
	case "PUBLIC KEY":
		pub, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		pub, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, "the PEM block is none of CERTIFICATE, PUBLIC KEY, RSA PUBLIC KEY, PRIVATE KEY, RSA PRIVATE KEY, EC PRIVATE KEY"
	}
	if err != nil {
		// The library's words may quote what it read.
		return nil, "the " + block.Type + " cannot be read: it is damaged, weak, or of a kind that is not known"
	}
	if private != nil {
		if k.Private, err = keyring.NewPrivate(private); err != nil {
			return nil, "the private key is none of RSA, ECDSA (P-256, P-384, P-521), Ed25519, ECDH"
		}
		k.Public = k.Private.Public()
		return narrow(k.Public, signUses), ""
	}
	k.Public = pub
	return narrow(pub, verifyUses), ""
}

// narrow drops what a kind of key cannot do: Ed25519 does not encrypt.
func narrow(pub crypto.PublicKey, uses []keyring.Use) []keyring.Use {
	if _, ok := pub.(ed25519.PublicKey); ok {
		return uses[:1]
	}
	return uses
}

// readAnyCertificate is for certificates that a person has chosen: unlike the map of a
// counterpart's endpoint it takes every kind of key.
func readAnyCertificate(k *keyring.Key, der []byte) (may []keyring.Use, wrong string) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, "certificate cannot be read"
	}
	switch cert.PublicKey.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		return nil, "certificate holds neither an RSA nor an ECDSA nor an Ed25519 key"
	}
	k.NotBefore, k.NotAfter, k.Public = cert.NotBefore, cert.NotAfter, cert.PublicKey
	const signs = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	const encrypts = x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment | x509.KeyUsageKeyAgreement
	if cert.KeyUsage == 0 || cert.KeyUsage&signs != 0 {
		may = append(may, keyring.UseVerify)
	}
	if cert.KeyUsage == 0 || cert.KeyUsage&encrypts != 0 {
		may = append(may, keyring.UseEncrypt)
	}
	if may == nil {
		return nil, "certificate's key usage allows neither signatures nor encryption"
	}
	return may, ""
}
