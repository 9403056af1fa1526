package payload

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/provision/applepay"
	"github.com/issuant/issuant/crypto/provision/mastercard"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/internal/strictjson"
)

// marker is the extension of certificates that Apple Pay's issuers encrypt to.
var marker = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 39}

// appleRequest looks at what the device sent.
func (l *looker) appleRequest(v strictjson.Value) error {
	l.Kind = "apple_request"
	if scheme, ok := v.Get("scheme"); ok {
		l.add("scheme", "%s", scheme.Str)
		if scheme.Str != applepay.SchemeECC {
			l.problem("scheme is not %s", applepay.SchemeECC)
		}
	}
	list, _ := v.Get("certificates")
	l.add("certificates", "%d", len(list.Items))
	if n := len(list.Items); n < applepay.MinCertificates || n > applepay.MaxCertificates {
		l.problem("there are %d certificates, where %d or %d are wanted", n, applepay.MinCertificates, applepay.MaxCertificates)
	}
	for i, item := range list.Items {
		name := fmt.Sprintf("certificates[%d]", i)
		der, err := applepay.DecodeCertificate(item.Str)
		if err != nil {
			l.problem("%s is no certificate", name)
			continue
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			l.problem("%s cannot be read", name)
			continue
		}
		l.certificate(name, c, i == 0)
	}
	encoding, _ := v.Get("encoding")
	for _, name := range []string{"nonce", "nonce_signature"} {
		m, ok := v.Get(name)
		if !ok {
			l.problem("%s is missing", name)
			continue
		}
		e := unhex
		if encoding.Str == "base64" {
			e = unbase64
		}
		l.size(name, m.Str, e)
	}
	return nil
}

func (l *looker) certificate(name string, c *x509.Certificate, leaf bool) {
	l.add(name+".subject", "%s", c.Subject.CommonName)
	l.add(name+".issuer", "%s", c.Issuer.CommonName)
	l.add(name+".valid", "%s to %s", c.NotBefore.UTC().Format(time.DateOnly), c.NotAfter.UTC().Format(time.DateOnly))
	if l.o.Now.Before(c.NotBefore) || l.o.Now.After(c.NotAfter) {
		l.problem("%s is out of date", name)
	}
	l.add(name+".key", "%s", (&keyring.Key{Public: c.PublicKey}).Kind())
	if !leaf {
		return
	}
	found := false
	for _, e := range c.Extensions {
		found = found || e.Id.Equal(marker) && e.Critical
	}
	if !found {
		l.problem("%s has no critical extension %v: it is not for Apple Pay's issuers", name, marker)
	}
}

// passData looks at what the app hands to PassKit.
func (l *looker) passData(v strictjson.Value) error {
	l.Kind = "apple_pass_data"
	var parts [3][]byte
	for i, name := range []string{"encryptedPassData", "ephemeralPublicKey", "activationData"} {
		m, ok := v.Get(name)
		if !ok {
			l.problem("%s is missing", name)
			continue
		}
		parts[i] = l.size(name, m.Str, unbase64)
	}
	if e := parts[1]; e != nil {
		if _, err := ecdh.P256().NewPublicKey(e); err != nil {
			l.problem("ephemeralPublicKey is no uncompressed point of P-256")
		}
	}
	if n := len(parts[0]); n > 0 && n <= 16 {
		l.problem("encryptedPassData is no longer than its tag")
	}
	kind := l.Kind
	if data := bytes.TrimSpace(parts[2]); len(data) > 0 {
		if err := l.look(data, 1); err != nil {
			l.add("activationData", "of a format that is not known here")
		}
	}
	l.Kind = kind
	if l.NotOpened == "" && len(l.Opened) == 0 {
		l.NotOpened = "pass data opens with Apple's key alone"
	}
	return nil
}

// publicFingerprint is the one of Mastercard's three that follows from a key alone.
func publicFingerprint(k *keyring.Key) string {
	pub, ok := k.Public.(*rsa.PublicKey)
	if !ok {
		return ""
	}
	fp, err := mastercard.KeySHA256(pub)
	if err != nil {
		return ""
	}
	return fp
}

// object writes an object of texts again, for who opens it.
func object(v strictjson.Value) []byte {
	w := canon.NewWriter(nil).Object()
	for _, m := range v.Members {
		w.Key(m.Name).String(m.Value.Str)
	}
	return w.EndObject().Bytes()
}
