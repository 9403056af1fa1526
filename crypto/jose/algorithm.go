package jose

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"

	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/keycheck"
)

// Signature algorithms (RFC 7518 section 3, RFC 8037 section 3.1).
const (
	RS256 = "RS256" // RSASSA-PKCS1-v1_5
	RS384 = "RS384"
	RS512 = "RS512"
	PS256 = "PS256" // RSASSA-PSS, MGF1 and salt of the same hash
	PS384 = "PS384"
	PS512 = "PS512"
	ES256 = "ES256" // ECDSA on P-256, r and s of fixed length
	ES384 = "ES384" // on P-384
	ES512 = "ES512" // on P-521
	EdDSA = "EdDSA" // Ed25519
	HS256 = "HS256" // HMAC
	HS384 = "HS384"
	HS512 = "HS512"
)

// SignatureAlgorithms returns the names above that this build holds, in that order;
// the caller owns the slice.
func SignatureAlgorithms() []string {
	names := make([]string, 0, len(signatures))
	for i := range signatures {
		if signatures[i].linked() {
			names = append(names, signatures[i].name)
		}
	}
	return names
}

// Linked returns nil for a signature algorithm that this build holds, else an error
// that unwraps to ErrAlgorithm (no such algorithm) or ErrAbsent.
func Linked(alg string) error {
	s := signatureOf(alg)
	switch {
	case s == nil:
		return ErrAlgorithm
	case !s.linked():
		return ErrAbsent
	}
	return nil
}

func (s *signature) linked() bool {
	return hasCurves || s.family != familyECDSA && s.family != familyEd25519
}

type family uint8

const (
	familyPKCS1 family = iota
	familyPSS
	familyECDSA
	familyEd25519
	familyHMAC
)

// signature is one algorithm. size is that of the signature in bytes, 0 for RSA,
// where it is that of the modulus.
type signature struct {
	name   string
	family family
	hash   crypto.Hash
	size   int
	pss    *rsa.PSSOptions
}

var signatures = [...]signature{
	{name: RS256, family: familyPKCS1, hash: crypto.SHA256},
	{name: RS384, family: familyPKCS1, hash: crypto.SHA384},
	{name: RS512, family: familyPKCS1, hash: crypto.SHA512},
	{name: PS256, family: familyPSS, hash: crypto.SHA256, pss: &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}},
	{name: PS384, family: familyPSS, hash: crypto.SHA384, pss: &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA384}},
	{name: PS512, family: familyPSS, hash: crypto.SHA512, pss: &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA512}},
	{name: ES256, family: familyECDSA, hash: crypto.SHA256, size: 64},
	{name: ES384, family: familyECDSA, hash: crypto.SHA384, size: 96},
	{name: ES512, family: familyECDSA, hash: crypto.SHA512, size: 132},
	{name: EdDSA, family: familyEd25519, size: 64},
	{name: HS256, family: familyHMAC, hash: crypto.SHA256, size: 32},
	{name: HS384, family: familyHMAC, hash: crypto.SHA384, size: 48},
	{name: HS512, family: familyHMAC, hash: crypto.SHA512, size: 64},
}

// signatureOf returns nil for a name that is not above, byte for byte.
func signatureOf(alg string) *signature {
	for i := range signatures {
		if signatures[i].name == alg {
			return &signatures[i]
		}
	}
	return nil
}

const maxDigest = sha512.Size

// appendDigest appends the hash of input.
func appendDigest(buf []byte, h crypto.Hash, input []byte) []byte {
	switch h {
	case crypto.SHA256:
		d := sha256.Sum256(input)
		return append(buf, d[:]...)
	case crypto.SHA384:
		d := sha512.Sum384(input)
		return append(buf, d[:]...)
	default:
		d := sha512.Sum512(input)
		return append(buf, d[:]...)
	}
}

// CheckKey returns nil when key can be used with a signature algorithm: to verify a
// public key or, for HS256 to HS512, a secret or MACer. Else an error that unwraps to
// ErrAlgorithm (no such algorithm), ErrKey (of another kind, or weak) or ErrAbsent.
func CheckKey(alg string, key any) error {
	s := signatureOf(alg)
	if s == nil {
		return ErrAlgorithm
	}
	return s.check(key)
}

func (s *signature) check(key any) error {
	switch s.family {
	case familyPKCS1, familyPSS:
		pub, ok := key.(*rsa.PublicKey)
		if !ok {
			return badKey(notRSA)
		}
		return checkRSA(pub)
	case familyECDSA, familyEd25519:
		return s.checkCurve(key)
	case familyHMAC:
		switch k := key.(type) {
		case secret.Bytes:
			if k.Len() < s.size {
				return badKey("secret is shorter than the hash")
			}
		case MACer:
		default:
			return badKey("it is not a secret")
		}
	}
	return nil
}

// MACer is a secret that does not leave its device: MAC returns the HMAC of message,
// of full length. keyring's port of the same name fits.
type MACer interface {
	MAC(hash crypto.Hash, message []byte) ([]byte, error)
}

const notRSA = "it is not an RSA key"

func checkRSA(pub *rsa.PublicKey) error {
	switch keycheck.CheckRSA(pub) {
	case keycheck.Modulus:
		return badKey("RSA modulus is not a positive odd number")
	case keycheck.Bits:
		return badKey("RSA key is not of 2048 to 8192 bits")
	case keycheck.Exponent:
		return badKey("RSA exponent is not odd between 2^16 and 2^31")
	}
	return nil
}
