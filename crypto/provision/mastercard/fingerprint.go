package mastercard

import (
	"crypto/fips140"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/asn1"
	"encoding/hex"
	"math/big"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/digest"
)

// Mastercard names keys by a publicKeyFingerprint, and three computations of it are
// in use. Which one a key is registered under is configuration: ask, or compare with
// what the portal shows; never guess.

// CertificateSHA1 returns the fingerprint of older MDES integrations: the SHA-1 of a
// certificate's DER bytes in lower-case hex. (It names a key and protects nothing.)
// An error wraps ErrKey: the bytes are no single DER value, PEM for example; or ErrFIPS,
// since SHA-1 is not approved.
func CertificateSHA1(der []byte) (string, error) {
	if fips140.Enforced() {
		return "", ErrFIPS
	}
	if err := checkDER(der); err != nil {
		return "", err
	}
	sum := sha1.Sum(der)
	return hex.EncodeToString(sum[:]), nil
}

// CertificateSHA256 returns the default "certificate fingerprint" of Mastercard's
// encryption libraries: the SHA-256 of a certificate's DER bytes in lower-case hex.
// Errors are those of CertificateSHA1.
func CertificateSHA256(der []byte) (string, error) {
	if err := checkDER(der); err != nil {
		return "", err
	}
	return digest.Of(der), nil
}

func checkDER(der []byte) error {
	var v asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &v); err != nil || len(rest) > 0 || v.Tag != asn1.TagSequence || !v.IsCompound {
		return code.Wrap(ErrKey, "a fingerprint is over the DER bytes of one certificate; decode PEM first")
	}
	return nil
}

// KeySHA256 returns Mastercard's "key fingerprint", which is also the kid of its JWE:
// the SHA-256 of the key's SubjectPublicKeyInfo in lower-case hex. A weak key is ErrKey.
func KeySHA256(pub *rsa.PublicKey) (string, error) {
	if err := keyring.CheckRSA(pub); err != nil {
		return "", code.Wrap(ErrKey, err.Error())
	}
	// RFC 5280 section 4.1 and RFC 8017 appendix A.1; written here because the guest
	// links no crypto/x509.
	key, err := asn1.Marshal(struct {
		N *big.Int
		E int
	}{pub.N, pub.E})
	if err != nil {
		return "", code.Wrap(ErrKey, "its numbers cannot be encoded")
	}
	spki, err := asn1.Marshal(struct {
		Algorithm struct {
			OID  asn1.ObjectIdentifier
			Null asn1.RawValue
		}
		Key asn1.BitString
	}{
		struct {
			OID  asn1.ObjectIdentifier
			Null asn1.RawValue
		}{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}, asn1.NullRawValue},
		asn1.BitString{Bytes: key, BitLength: 8 * len(key)},
	})
	if err != nil {
		return "", code.Wrap(ErrKey, "its numbers cannot be encoded")
	}
	return digest.Of(spki), nil
}

// lowerHex returns s in lower case, "" unless it is 1 to max hex digits in pairs.
func lowerHex(s string, max int) string {
	b, err := hex.DecodeString(s)
	if err != nil || len(s) > max {
		return ""
	}
	return hex.EncodeToString(b)
}
