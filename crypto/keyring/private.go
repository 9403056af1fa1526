package keyring

import (
	"crypto"
	"crypto/rsa"
	"fmt"
	"io"
)

// Private is the private half of a key pair, in memory or in a device. It is held
// where neither a printing verb nor reflection reaches it. The zero Private holds
// none. It is immutable; it is safe for concurrent use when what it was made of is,
// as all keys of the standard library are.
type Private struct{ open func() any }

// NewPrivate takes a private key of the standard library (*rsa.PrivateKey,
// *ecdsa.PrivateKey, ed25519.PrivateKey, *ecdh.PrivateKey) or of a device: whatever
// implements crypto.Signer, crypto.Decrypter or ecdh.KeyExchanger. It is not copied.
// An error wraps ErrKind.
func NewPrivate(key any) (Private, error) {
	switch key.(type) {
	case crypto.Signer, crypto.Decrypter:
	default:
		if agrees(key) {
			break
		}
		return Private{}, fmt.Errorf("%w: it neither signs nor decrypts nor agrees on keys", ErrKind)
	}
	p := Private{func() any { return key }}
	if publicKind(p.Public()) == "" {
		return Private{}, fmt.Errorf("%w: it is not RSA, ECDSA, Ed25519 or ECDH", ErrKind)
	}
	return p, nil
}

// IsZero reports whether p holds no key.
func (p Private) IsZero() bool { return p.open == nil }

// Reveal returns the key itself, as NewPrivate was given it; nil for the zero Private.
func (p Private) Reveal() any {
	if p.open == nil {
		return nil
	}
	return p.open()
}

// Public returns the public half; nil for the zero Private.
func (p Private) Public() crypto.PublicKey {
	if key, ok := p.Reveal().(interface{ Public() crypto.PublicKey }); ok {
		return key.Public()
	}
	return agreedPublic(p.Reveal())
}

// Signer returns the key as a signer that does not print either. An error wraps
// ErrKind: the key does not sign.
func (p Private) Signer() (crypto.Signer, error) {
	if _, ok := p.Reveal().(crypto.Signer); !ok {
		return nil, fmt.Errorf("%w: it does not sign", ErrKind)
	}
	return signer{p}, nil
}

// Decrypter returns the key as a decrypter of RSA-OAEP: other padding (PKCS #1 v1.5,
// which nil options ask for) is refused, since it tells attackers too much. An error
// wraps ErrKind.
func (p Private) Decrypter() (crypto.Decrypter, error) {
	if _, ok := p.Reveal().(crypto.Decrypter); !ok {
		return nil, fmt.Errorf("%w: it does not decrypt", ErrKind)
	}
	return decrypter{p}, nil
}

const hiddenPrivate = "[private key]"

// String returns a placeholder.
func (p Private) String() string { return hiddenPrivate }

// Format writes a placeholder, whatever the verb.
func (p Private) Format(s fmt.State, _ rune) { hide(s, hiddenPrivate) }

// MarshalText returns a placeholder; JSON, XML and slog use it.
func (p Private) MarshalText() ([]byte, error) { return []byte(hiddenPrivate), nil }

func hide(s fmt.State, text string) {
	// A failed write is the printer's to report; fmt.State has no way to.
	_, _ = io.WriteString(s, text)
}

type signer struct{ Private }

// Sign implements crypto.Signer.
func (s signer) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.Reveal().(crypto.Signer).Sign(rand, digest, opts)
}

type decrypter struct{ Private }

// Decrypt implements crypto.Decrypter.
func (d decrypter) Decrypt(rand io.Reader, ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	if o, ok := opts.(*rsa.OAEPOptions); !ok || o == nil {
		return nil, fmt.Errorf("%w: only RSA-OAEP is allowed here", ErrKind)
	}
	return d.Reveal().(crypto.Decrypter).Decrypt(rand, ciphertext, opts)
}
