package keyring

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/hmac"
	"fmt"
	"slices"

	"github.com/issuant/issuant/crypto/secret"
)

// MACer computes HMACs under a key that need not leave its device. It is safe for
// concurrent use.
type MACer interface {
	// MAC returns the HMAC of message with SHA-256, SHA-384 or SHA-512, of full
	// length; an error means another hash or a device that failed.
	MAC(hash crypto.Hash, message []byte) ([]byte, error)
}

// KeyWrapper wraps keys with AES key wrap (RFC 3394, no padding) under a key that
// need not leave its device. It is safe for concurrent use. Nothing in memory
// implements it: this port is for devices, and JWE's A256GCMKW goes through
// cipher.AEAD.
type KeyWrapper interface {
	// WrapKey takes 16 to 512 bytes, a multiple of 8; the result is 8 bytes longer.
	WrapKey(key secret.Bytes) ([]byte, error)
	// UnwrapKey's error wraps ErrUnwrap when the check of RFC 3394 fails.
	UnwrapKey(wrapped []byte) (secret.Bytes, error)
}

// TDES is Triple DES in CBC mode without padding, as the card networks' legacy
// formats need it; new formats must not. One block with a zero iv is the bare block
// cipher. Both iv (8 bytes) and text (a multiple of 8 bytes) are left as they are. It
// authenticates nothing. It is safe for concurrent use.
type TDES interface {
	EncryptCBC(iv, plaintext []byte) ([]byte, error)
	DecryptCBC(iv, ciphertext []byte) ([]byte, error)
}

// AEADer gives AES-GCM under a key that need not leave its device.
type AEADer interface {
	AEAD() (cipher.AEAD, error)
}

// Device is a symmetric key that does not leave its device. It does not print, since
// what is behind it may hold the PIN of the device. The zero Device holds none.
type Device struct{ open func() any }

// NewDevice takes what implements at least one of MACer, KeyWrapper, TDES and AEADer.
// An error wraps ErrKind.
func NewDevice(key any) (Device, error) {
	switch key.(type) {
	case MACer, KeyWrapper, TDES, AEADer:
		return Device{func() any { return key }}, nil
	}
	return Device{}, fmt.Errorf("%w: it implements none of MACer, KeyWrapper, TDES, AEADer", ErrKind)
}

// IsZero reports whether d holds no key.
func (d Device) IsZero() bool { return d.open == nil }

func (d Device) reveal() any {
	if d.open == nil {
		return nil
	}
	return d.open()
}

const hiddenDevice = "[device key]"

// String returns a placeholder.
func (d Device) String() string { return hiddenDevice }

// Format writes a placeholder, whatever the verb.
func (d Device) Format(s fmt.State, _ rune) { hide(s, hiddenDevice) }

// MarshalText returns a placeholder; JSON, XML and slog use it.
func (d Device) MarshalText() ([]byte, error) { return []byte(hiddenDevice), nil }

// Signer returns the key pair as a signer, or an error that wraps ErrKind.
func (k *Key) Signer() (crypto.Signer, error) { return k.Private.Signer() }

// Decrypter returns the key pair as a decrypter of RSA-OAEP, or an error that wraps ErrKind.
func (k *Key) Decrypter() (crypto.Decrypter, error) { return k.Private.Decrypter() }

// port returns what the device implements; else what the secret is turned into.
func port[T any](k *Key, name string, soft func(secret.Bytes) (T, error)) (T, error) {
	if p, ok := k.Device.reveal().(T); ok {
		return p, nil
	}
	if k.Secret.Len() > 0 && soft != nil {
		return soft(k.Secret)
	}
	var none T
	return none, fmt.Errorf("%w: it has no %s", ErrKind, name)
}

// MACer returns the key for HMAC. An error wraps ErrKind.
func (k *Key) MACer() (MACer, error) {
	return port(k, "MAC", func(b secret.Bytes) (MACer, error) { return macKey{b}, nil })
}

// TDES returns a key whose algorithm is AlgTDES. An error wraps ErrKind or ErrWeakKey.
func (k *Key) TDES() (TDES, error) {
	if k.Alg != AlgTDES && k.Secret.Len() > 0 {
		return nil, fmt.Errorf("%w: its algorithm is not %s", ErrKind, AlgTDES)
	}
	return port(k, "Triple DES", newTDES)
}

// AEAD returns AES-GCM under the key. An error wraps ErrKind.
func (k *Key) AEAD() (cipher.AEAD, error) {
	if d, ok := k.Device.reveal().(AEADer); ok {
		return d.AEAD()
	}
	return port(k, "AES-GCM", func(b secret.Bytes) (cipher.AEAD, error) {
		block, err := aes.NewCipher(b.Reveal())
		if err != nil || k.Alg == AlgTDES {
			return nil, fmt.Errorf("%w: it is no AES key", ErrKind)
		}
		return cipher.NewGCM(block)
	})
}

// KeyWrapper returns the device's key for AES key wrap. An error wraps ErrKind; a
// secret in memory has none.
func (k *Key) KeyWrapper() (KeyWrapper, error) { return port[KeyWrapper](k, "AES key wrap", nil) }

type macKey struct{ key secret.Bytes }

// MAC implements MACer.
func (m macKey) MAC(hash crypto.Hash, message []byte) ([]byte, error) {
	switch hash {
	case crypto.SHA256, crypto.SHA384, crypto.SHA512:
	default:
		return nil, fmt.Errorf("%w: the hash is not SHA-256, SHA-384 or SHA-512", ErrKind)
	}
	if !hash.Available() {
		return nil, fmt.Errorf("%w: the hash is not linked in", ErrKind)
	}
	h := hmac.New(hash.New, m.key.Reveal())
	h.Write(message)
	return h.Sum(nil), nil
}

type tdesKey struct{ key secret.Bytes }

func newTDES(key secret.Bytes) (TDES, error) {
	if why := checkTDES(key.Reveal()); why != "" {
		return nil, fmt.Errorf("%w: the Triple DES key cannot be used", ErrWeakKey)
	}
	return tdesKey{key}, nil
}

// tdesBlock expands a key of two parts to three.
func tdesBlock(key []byte) (cipher.Block, error) {
	whole := append(slices.Clone(key), key[:24-len(key)]...)
	defer clear(whole)
	return des.NewTripleDESCipher(whole)
}

func (t tdesKey) run(iv, text []byte, mode func(cipher.Block, []byte) cipher.BlockMode) ([]byte, error) {
	if len(iv) != des.BlockSize || len(text)%des.BlockSize != 0 {
		return nil, fmt.Errorf("%w: Triple DES takes an iv of 8 bytes and a text of whole blocks", ErrKind)
	}
	block, err := tdesBlock(t.key.Reveal())
	if err != nil {
		return nil, fmt.Errorf("%w: the Triple DES key cannot be used", ErrKind)
	}
	out := make([]byte, len(text))
	mode(block, iv).CryptBlocks(out, text)
	return out, nil
}

// EncryptCBC implements TDES.
func (t tdesKey) EncryptCBC(iv, plaintext []byte) ([]byte, error) {
	return t.run(iv, plaintext, cipher.NewCBCEncrypter)
}

// DecryptCBC implements TDES.
func (t tdesKey) DecryptCBC(iv, ciphertext []byte) ([]byte, error) {
	return t.run(iv, ciphertext, cipher.NewCBCDecrypter)
}
