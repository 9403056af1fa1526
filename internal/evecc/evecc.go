// Package evecc is EV_ECC_v2, the encryption of Apple Pay provisioning, below the
// request: keys are arguments, so that known answers of others can be held against it.
// Nothing here is a primitive; each function puts the standard library's together.
// crypto/provision/applepay is what programs use. It links no crypto/x509.
//
// One key pair E for each message; Z is the x-coordinate of the agreed point;
//
//	K = SHA-256(00000001 | Z | 0D "id-aes256-GCM" | "Apple" | E)
//	message = AES-256-GCM(K, 12 zero bytes, plaintext), no additional data
//
// with E as the 65 bytes of an uncompressed point: the concatenation KDF of NIST
// SP 800-56A (revision 1, section 5.8.1) in one round, PartyUInfo "Apple", PartyVInfo E.
// Source: a known answer that four public implementations share, reproduced byte for
// byte; its names point at Apple's own test environment.
package evecc

import (
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/fips140"
	"crypto/rand"
	"crypto/sha256"
	"errors"

	"github.com/issuant/issuant/internal/jwa"
)

// Lengths in bytes.
const (
	PointBytes = 65 // of an ephemeral public key, uncompressed
	TagBytes   = jwa.TagBytes
	infoBytes  = 4 + 32 + 1 + len(algorithmID) + len(partyU) + PointBytes
)

const (
	algorithmID = "id-aes256-GCM"
	partyU      = "Apple"
)

// zeroIV is right here alone: a key encrypts one message.
var zeroIV [jwa.GCMIVBytes]byte

// ErrFIPS is the refusal in FIPS 140-only mode, which allows no GCM whose nonce is given.
var ErrFIPS = errors.New("evecc: not offered in FIPS 140-only mode")

// ErrOpen is all that is told of a message that cannot be opened.
var ErrOpen = errors.New("evecc: message cannot be opened")

// Seal encrypts to a key on P-256 under an ephemeral key of its own.
func Seal(to *ecdh.PublicKey, plaintext []byte) (sealed, ephemeral []byte, err error) {
	if fips140.Enforced() {
		return nil, nil, ErrFIPS
	}
	own, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	return SealWith(own, to, plaintext)
}

// SealWith is Seal under a given ephemeral key, for known answers. A key that is used
// for two messages betrays both.
func SealWith(own *ecdh.PrivateKey, to *ecdh.PublicKey, plaintext []byte) (sealed, ephemeral []byte, err error) {
	ephemeral = own.PublicKey().Bytes()
	gcm, err := agree(own, to, ephemeral)
	if err != nil {
		return nil, nil, err
	}
	return gcm.Seal(make([]byte, 0, len(plaintext)+TagBytes), zeroIV[:], plaintext, nil), ephemeral, nil
}

// Open is the receiver's side, for simulators and tests.
func Open(own *ecdh.PrivateKey, ephemeral, sealed []byte) ([]byte, error) {
	if fips140.Enforced() {
		return nil, ErrFIPS
	}
	if len(ephemeral) != PointBytes || len(sealed) < TagBytes {
		return nil, ErrOpen
	}
	theirs, err := ecdh.P256().NewPublicKey(ephemeral)
	if err != nil {
		return nil, ErrOpen
	}
	gcm, err := agree(own, theirs, ephemeral)
	if err != nil {
		return nil, ErrOpen
	}
	plaintext, err := gcm.Open(nil, zeroIV[:], sealed, nil)
	if err != nil {
		return nil, ErrOpen
	}
	return plaintext, nil
}

// agree returns AES-256-GCM under the key that both sides derive.
func agree(own *ecdh.PrivateKey, theirs *ecdh.PublicKey, ephemeral []byte) (cipher.AEAD, error) {
	z, err := own.ECDH(theirs)
	if err != nil {
		return nil, err
	}
	defer clear(z)
	k := Derive(z, ephemeral)
	defer clear(k[:])
	return jwa.NewGCM(k[:])
}

// Derive returns K. z has 32 bytes, ephemeral PointBytes.
func Derive(z, ephemeral []byte) [sha256.Size]byte {
	var input [infoBytes]byte
	defer clear(input[:])
	b := append(input[:0], 0, 0, 0, 1)
	b = append(b, z...)
	b = append(append(b, byte(len(algorithmID))), algorithmID...)
	b = append(append(b, partyU...), ephemeral...)
	return sha256.Sum256(b)
}
