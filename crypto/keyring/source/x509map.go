package source

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/internal/strictjson"
)

const maxCertificateBytes = 64 << 10

// ParseX509Map reads a JSON object from key id to PEM certificate, as Pismo's
// endpoint serves it (seed sample: high confidence; its form is that of Google's
// service-account certificates). Each value holds exactly one CERTIFICATE block
// and nothing else but blanks; the key is an RSA key of 2048 to 8192 bits; a
// certificate that states key usages allows signatures. An entry that is not so is
// kept with its Refused set, and a warning. Issuer and signature of a certificate
// are not checked: trust rests on where the document came from.
//
// The keys have Use UseVerify and the certificate's dates. At most 1 MiB and 256
// entries; a document without any entry is an error. Errors are *Error.
func ParseX509Map(data []byte) (keys []keyring.Key, warnings []string, err error) {
	v, err := parse(data)
	if err != nil {
		return nil, nil, err
	}
	return readX509Map(data, v)
}

func readX509Map(data []byte, v strictjson.Value) ([]keyring.Key, []string, error) {
	if len(v.Members) > MaxKeys {
		return nil, nil, &Error{Msg: "more than 256 keys"}
	}
	var c collector
	for _, m := range v.Members {
		if m.Name == "" || len(m.Name) > keyring.MaxIDBytes {
			line := at(data, m.Off, "").Line
			c.leaveOut("line %d: a key id is empty or longer than %d bytes; the entry is left out", line, keyring.MaxIDBytes)
			continue
		}
		k := keyring.Key{ID: m.Name, Use: keyring.UseVerify}
		if m.Value.Kind != strictjson.String {
			k.Refused = "entry is not a string with a PEM certificate"
		} else {
			k.Refused = readCertificate(&k, []byte(m.Value.Str))
		}
		c.add(k)
	}
	return c.done()
}

// readCertificate fills k and returns why the key is refused, "" when it is not.
func readCertificate(k *keyring.Key, text []byte) string {
	if len(text) > maxCertificateBytes {
		return "certificate is larger than 64 KiB"
	}
	text = bytes.TrimSpace(text)
	if !bytes.HasPrefix(text, []byte("-----BEGIN ")) {
		return "entry is not PEM"
	}
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return "PEM cannot be read"
	case block.Type != "CERTIFICATE":
		return "PEM block is not a CERTIFICATE"
	case len(bytes.TrimSpace(rest)) > 0:
		return "something follows the certificate"
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "certificate cannot be read"
	}
	k.NotBefore, k.NotAfter = cert.NotBefore, cert.NotAfter
	pub, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return "certificate does not hold an RSA key"
	}
	if err := keyring.CheckRSA(pub); err != nil {
		return err.Error()
	}
	if cert.KeyUsage != 0 && cert.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return "certificate's key usage does not allow signatures"
	}
	k.Public = pub
	return ""
}
