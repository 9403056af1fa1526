package applepay

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/issuant/issuant/internal/code"
)

// Extensions and names of Apple's certificates. Sources: Apple's open Security headers
// (the policy for Apple Pay issuer encryption), and two of Apple's leaves.
var (
	markerIssuerEncryption = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 39} // critical, value NULL
	markerMerchant         = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 32} // of a merchant's certificate
	markerIntermediate     = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 2, 15}
)

const (
	intermediateName = "Apple Worldwide Developer Relations CA - G2"
	productionSuffix = "-PROD"
)

var derNull = []byte{5, 0}

// ChainOptions say which certificates are taken. The zero value of all but Roots is the
// strict one.
type ChainOptions struct {
	// Roots are the certificates that chains must lead to, as DER: 1 to 16, required.
	// For Apple it is "Apple Root CA - G3"; none is built in. Fetch it from Apple's page
	// of certificate authorities, and compare its fingerprint over another way.
	Roots [][]byte
	// TrustedIntermediates are common names that pass for an intermediate beside
	// Apple's extension 1.2.840.113635.100.6.2.15; default: the one in use, whose
	// certificate ends in 2029.
	TrustedIntermediates []string
	// UnsafeAnyIntermediate takes every intermediate that leads to a root.
	UnsafeAnyIntermediate bool
	// UnsafeLeafSuffixes are endings of the leaf's common name that pass beside "-PROD":
	// "-SANDBOX" for Apple's sandbox, whose leaves come under the same intermediate.
	UnsafeLeafSuffixes []string
	// UnsafeAnyTime takes certificates that are out of date, as Apple's own policy does,
	// so that a forgotten renewal on either side does not stop provisioning: the chain
	// is then judged as at the leaf's beginning.
	UnsafeAnyTime bool
	// Revoked is asked at every call, with certificates that are otherwise good; nil:
	// revocation is not looked at. It must not change them, and answer at once: keep revocation lists
	// current elsewhere, and decide there what a stale one means.
	Revoked func(leaf, intermediate *x509.Certificate, now time.Time) bool
}

// Chain judges the certificates of a request. It is safe for concurrent use. It
// remembers a few chains that were good, by the hash of all their bytes, since every
// device sends the same; dates and Revoked are looked at each time.
type Chain struct {
	o     ChainOptions
	pool  *x509.CertPool
	roots []*x509.Certificate

	mu   sync.Mutex
	good map[[sha256.Size]byte]*goodChain
}

// goodChain is what is kept of a chain.
type goodChain struct {
	key                 *ecdh.PublicKey
	leaf, intermediate  *x509.Certificate
	notBefore, notAfter time.Time // that all its certificates share
}

// NewChain checks the options: an error wraps ErrOptions. A root is a self-signed
// certificate authority with an EC key.
func NewChain(o ChainOptions) (*Chain, error) {
	if len(o.Roots) == 0 || len(o.Roots) > maxRoots {
		return nil, code.Wrap(ErrOptions, "Roots has not 1 to 16 certificates: pin Apple's")
	}
	c := &Chain{pool: x509.NewCertPool(), good: map[[sha256.Size]byte]*goodChain{}}
	for _, der := range o.Roots {
		root, why := parse(der)
		switch {
		case why != "":
			return nil, code.Wrap(ErrOptions, "a root "+why)
		case !root.IsCA || !root.BasicConstraintsValid || root.CheckSignatureFrom(root) != nil:
			return nil, code.Wrap(ErrOptions, "a root is no self-signed certificate authority")
		case !isEC(root):
			return nil, code.Wrap(ErrOptions, "a root has no EC key; those with RSA are for a scheme that is not offered")
		}
		c.pool.AddCert(root)
		c.roots = append(c.roots, root)
	}
	for _, names := range [][]string{o.TrustedIntermediates, o.UnsafeLeafSuffixes} {
		if slices.Contains(names, "") {
			return nil, code.Wrap(ErrOptions, "an empty name or suffix would fit everything")
		}
	}
	o.Roots = nil
	o.TrustedIntermediates = slices.Clone(o.TrustedIntermediates)
	if len(o.TrustedIntermediates) == 0 {
		o.TrustedIntermediates = []string{intermediateName}
	}
	o.UnsafeLeafSuffixes = append([]string{productionSuffix}, o.UnsafeLeafSuffixes...)
	c.o = o
	return c, nil
}

// Check returns nil for certificates that a payload may be encrypted to: DER, 2 or 3,
// the leaf first, then its intermediate, then perhaps a root. Every error but ErrClock
// wraps ErrCertificate, and its text holds nothing of the certificates.
//
// The leaf: a key on P-256 with the key usage keyAgreement; no certificate authority;
// the extension 1.2.840.113635.100.6.39 once, critical and NULL, and no other critical
// one that is unknown; not a merchant's; a common name that ends in "-PROD". The
// intermediate: a certificate authority under one of Roots, with Apple's extension or
// name. A root in the third place changes nothing, but must be the one that the others
// lead to.
func (c *Chain) Check(certificates [][]byte, now time.Time) error {
	_, err := c.key(certificates, now)
	return err
}

// key returns the leaf's key.
func (c *Chain) key(certificates [][]byte, now time.Time) (*ecdh.PublicKey, error) {
	if now.IsZero() {
		return nil, ErrClock // x509 would take its own
	}
	if n := len(certificates); n < MinCertificates || n > MaxCertificates {
		return nil, refused("there are not two or three of them, the leaf first")
	}
	for _, der := range certificates {
		if len(der) == 0 || len(der) > MaxCertificate {
			return nil, refused("one is empty, or longer than 8 KiB")
		}
	}
	id := identity(certificates)
	c.mu.Lock()
	good := c.good[id]
	c.mu.Unlock()
	if good == nil {
		var err error
		if good, err = c.judge(certificates, now); err != nil {
			return nil, err
		}
		c.keep(id, good)
	}
	switch {
	case !c.o.UnsafeAnyTime && (now.Before(good.notBefore) || now.After(good.notAfter)):
		return nil, refused("one is not valid at this time")
	case c.o.Revoked != nil && c.o.Revoked(good.leaf, good.intermediate, now):
		return nil, refused("one was revoked")
	}
	return good.key, nil
}

// identity is the hash of all certificates; the length of each keeps them apart.
func identity(certificates [][]byte) (id [sha256.Size]byte) {
	h := sha256.New()
	for _, der := range certificates {
		h.Write([]byte{byte(len(der) >> 8), byte(len(der))})
		h.Write(der)
	}
	h.Sum(id[:0])
	return id
}

func (c *Chain) keep(id [sha256.Size]byte, good *goodChain) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.good) >= maxCachedChain {
		clear(c.good)
	}
	c.good[id] = good
}

func refused(why string) error { return code.Wrap(ErrCertificate, why) }

func (c *Chain) judge(certificates [][]byte, now time.Time) (*goodChain, error) {
	var certs [MaxCertificates]*x509.Certificate
	for i, der := range certificates {
		cert, why := parse(der)
		if why != "" {
			return nil, refused("one " + why)
		}
		certs[i] = cert
	}
	leaf, intermediate := certs[0], certs[1]
	key, err := c.checkLeaf(leaf)
	if err != nil {
		return nil, err
	}
	if err := c.checkIntermediate(intermediate); err != nil {
		return nil, err
	}
	if c.o.UnsafeAnyTime {
		now = leaf.NotBefore
	}
	root, err := c.verify(leaf, intermediate, now)
	if err != nil {
		return nil, err
	}
	if last := certs[2]; last != nil && !(bytes.Equal(last.RawSubject, root.RawSubject) && bytes.Equal(last.RawSubjectPublicKeyInfo, root.RawSubjectPublicKeyInfo)) {
		return nil, refused("the third is not the pinned root that the others lead to")
	}
	good := &goodChain{key: key, leaf: leaf, intermediate: intermediate, notBefore: leaf.NotBefore, notAfter: leaf.NotAfter}
	for _, cert := range []*x509.Certificate{intermediate, root} {
		if cert.NotBefore.After(good.notBefore) {
			good.notBefore = cert.NotBefore
		}
		if cert.NotAfter.Before(good.notAfter) {
			good.notAfter = cert.NotAfter
		}
	}
	return good, nil
}

// parse returns a certificate that shares nothing with der, or what is wrong with it.
func parse(der []byte) (cert *x509.Certificate, why string) {
	if len(der) == 0 || len(der) > MaxCertificate {
		return nil, "is empty, or longer than 8 KiB"
	}
	cert, err := x509.ParseCertificate(bytes.Clone(der))
	if err != nil {
		return nil, "is no X.509 certificate in DER"
	}
	return cert, ""
}

func isEC(cert *x509.Certificate) bool {
	_, ok := cert.PublicKey.(*ecdsa.PublicKey)
	return ok
}

func (c *Chain) checkLeaf(leaf *x509.Certificate) (*ecdh.PublicKey, error) {
	switch {
	case leaf.IsCA:
		return nil, refused("the first is a certificate authority; the leaf stands first")
	case !isEC(leaf):
		return nil, refused("the leaf has no EC key, which EV_ECC_v2 needs")
	case hasExtension(leaf, markerMerchant):
		return nil, refused("the leaf is a merchant's, not of issuer encryption")
	case leaf.KeyUsage&x509.KeyUsageKeyAgreement == 0:
		return nil, refused("the leaf is not for key agreement")
	}
	if err := handleMarker(leaf); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(c.o.UnsafeLeafSuffixes, func(s string) bool { return strings.HasSuffix(leaf.Subject.CommonName, s) }) {
		return nil, refused("the leaf's common name does not end in -PROD: a sandbox's leaf needs UnsafeLeafSuffixes")
	}
	pub := leaf.PublicKey.(*ecdsa.PublicKey)
	key, err := pub.ECDH()
	if err != nil || pub.Curve != elliptic.P256() {
		return nil, refused("the leaf's key is not on P-256")
	}
	return key, nil
}

// handleMarker looks at the extension that makes a certificate one of issuer
// encryption, and takes it off the list of critical ones that nobody has looked at.
func handleMarker(leaf *x509.Certificate) error {
	found := 0
	for _, e := range leaf.Extensions {
		if e.Id.Equal(markerIssuerEncryption) && e.Critical && bytes.Equal(e.Value, derNull) {
			found++
		} else if e.Id.Equal(markerIssuerEncryption) {
			return refused("the leaf's extension 1.2.840.113635.100.6.39 is not critical, or not NULL")
		}
	}
	if found != 1 {
		return refused("the leaf has not the extension 1.2.840.113635.100.6.39 of issuer encryption, once")
	}
	leaf.UnhandledCriticalExtensions = slices.DeleteFunc(leaf.UnhandledCriticalExtensions, markerIssuerEncryption.Equal)
	if len(leaf.UnhandledCriticalExtensions) > 0 {
		return refused("the leaf has a critical extension that is not known")
	}
	return nil
}

func hasExtension(cert *x509.Certificate, id asn1.ObjectIdentifier) bool {
	for _, e := range cert.Extensions {
		if e.Id.Equal(id) {
			return true
		}
	}
	return false
}

func (c *Chain) checkIntermediate(cert *x509.Certificate) error {
	switch marked := hasExtension(cert, markerIntermediate); {
	case !cert.IsCA || !cert.BasicConstraintsValid:
		return refused("the second is no certificate authority")
	case !isEC(cert):
		return refused("the intermediate has no EC key")
	case !marked && !c.o.UnsafeAnyIntermediate && !slices.Contains(c.o.TrustedIntermediates, cert.Subject.CommonName):
		return refused("the intermediate has neither Apple's extension 1.2.840.113635.100.6.2.15 nor a name in TrustedIntermediates")
	}
	cert.UnhandledCriticalExtensions = slices.DeleteFunc(cert.UnhandledCriticalExtensions, markerIntermediate.Equal)
	return nil
}

// verify returns the pinned root that the two lead to.
func (c *Chain) verify(leaf, intermediate *x509.Certificate, now time.Time) (*x509.Certificate, error) {
	between := x509.NewCertPool()
	between.AddCert(intermediate)
	chains, err := leaf.Verify(x509.VerifyOptions{
		Roots: c.pool, Intermediates: between, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, // the leaf states none
	})
	if err != nil {
		// The library's text may quote names out of the certificates.
		if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
			return nil, refused("one is not valid at this time")
		}
		return nil, refused("they do not lead to a pinned root")
	}
	for _, chain := range chains {
		if len(chain) == 3 && chain[1].Equal(intermediate) {
			return chain[2], nil
		}
	}
	return nil, refused("leaf, intermediate and pinned root are no chain of three")
}
