package pkcs11

import (
	"crypto"
	"crypto/cipher"
	"fmt"

	"github.com/ThalesGroup/crypto11"
	p11 "github.com/miekg/pkcs11"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/secret"
)

// Secret returns the symmetric key of that label. By its kind in the token it has the
// ports MACer (generic secrets), AEADer and KeyWrapper (AES), or TDES. An error wraps
// ErrNoKey, ErrDevice or keyring.ErrKind.
func (t *Token) Secret(label string) (keyring.Device, error) {
	var found []*crypto11.SecretKey
	if err := checkLabel(label); err != nil {
		return keyring.Device{}, err
	}
	s := t.open()
	err := s.do("find", func() (err error) { found, err = s.ctx.FindKeys(nil, []byte(label)); return err })
	switch {
	case err != nil:
		return keyring.Device{}, err
	case len(found) == 0:
		return keyring.Device{}, fmt.Errorf("%w: there is no secret key %q", ErrNoKey, label)
	case len(found) > 1:
		return keyring.Device{}, fmt.Errorf("%w: there are %d secret keys %q; labels must tell keys apart", ErrNoKey, len(found), label)
	}
	k := key{s, found[0], label}
	switch k.key.Cipher {
	case crypto11.CipherAES:
		return keyring.NewDevice(aesKey{k})
	case crypto11.CipherDES3:
		return keyring.NewDevice(tdesKey{k})
	}
	if k.key.Cipher.MAC {
		return keyring.NewDevice(macKey{k})
	}
	return keyring.Device{}, fmt.Errorf("%w: it is for nothing that a port here does", keyring.ErrKind)
}

type key struct {
	s     *state
	key   *crypto11.SecretKey
	label string
}

type macKey struct{ key }

var macMechanisms = map[crypto.Hash]int{crypto.SHA256: p11.CKM_SHA256_HMAC, crypto.SHA384: p11.CKM_SHA384_HMAC, crypto.SHA512: p11.CKM_SHA512_HMAC}

// MAC implements keyring.MACer.
func (k macKey) MAC(hash crypto.Hash, message []byte) (mac []byte, err error) {
	mech, ok := macMechanisms[hash]
	if !ok {
		return nil, fmt.Errorf("%w: the hash is not SHA-256, SHA-384 or SHA-512", keyring.ErrKind)
	}
	err = k.s.do("MAC", func() error {
		h, err := k.key.key.NewHMAC(mech, 0)
		if err != nil {
			return err
		}
		// Sum gives the session back, and so it must come, whatever Write says.
		_, err = h.Write(message)
		mac = h.Sum(nil)
		return err
	})
	return mac, err
}

type tdesKey struct{ key }

func (k tdesKey) run(what string, iv, text []byte, mode func([]byte) (crypto11.BlockModeCloser, error)) (out []byte, err error) {
	if len(iv) != 8 || len(text)%8 != 0 {
		return nil, fmt.Errorf("%w: Triple DES takes an iv of 8 bytes and a text of whole blocks", keyring.ErrKind)
	}
	if len(text) == 0 {
		return []byte{}, nil
	}
	err = k.s.do(what, func() error {
		m, err := mode(iv)
		if err != nil {
			return err
		}
		defer m.Close()
		out = make([]byte, len(text))
		m.CryptBlocks(out, text)
		return nil
	})
	return out, err
}

// EncryptCBC implements keyring.TDES.
func (k tdesKey) EncryptCBC(iv, plaintext []byte) ([]byte, error) {
	return k.run("encrypt", iv, plaintext, k.key.key.NewCBCEncrypterCloser)
}

// DecryptCBC implements keyring.TDES.
func (k tdesKey) DecryptCBC(iv, ciphertext []byte) ([]byte, error) {
	return k.run("decrypt", iv, ciphertext, k.key.key.NewCBCDecrypterCloser)
}

type aesKey struct{ key }

// AEAD implements keyring.AEADer. cipher.AEAD leaves Seal no error to return: when the
// token fails it panics, with an error that wraps ErrDevice.
func (k aesKey) AEAD() (cipher.AEAD, error) {
	var inner cipher.AEAD
	err := k.s.do("AES-GCM", func() (err error) { inner, err = k.key.key.NewGCM(); return err })
	if err != nil {
		return nil, err
	}
	return aead{k.s, inner}, nil
}

type aead struct {
	s     *state
	inner cipher.AEAD
}

// NonceSize implements cipher.AEAD.
func (a aead) NonceSize() int { return a.inner.NonceSize() }

// Overhead implements cipher.AEAD.
func (a aead) Overhead() int { return a.inner.Overhead() }

// Seal implements cipher.AEAD.
func (a aead) Seal(dst, nonce, plaintext, additional []byte) (out []byte) {
	err := a.s.do("seal", func() error { out = a.inner.Seal(dst, nonce, plaintext, additional); return nil })
	if err != nil {
		panic(err)
	}
	return out
}

// Open implements cipher.AEAD.
func (a aead) Open(dst, nonce, ciphertext, additional []byte) (out []byte, err error) {
	err = a.s.do("open", func() (err error) { out, err = a.inner.Open(dst, nonce, ciphertext, additional); return err })
	return out, err
}

// WrapKey implements keyring.KeyWrapper. The key is in the token for as long as it
// takes, as an object of this session.
func (k aesKey) WrapKey(plain secret.Bytes) (wrapped []byte, err error) {
	if n := plain.Len(); n < 16 || n > 512 || n%8 != 0 {
		return nil, fmt.Errorf("%w: AES key wrap takes 16 to 512 bytes, a multiple of 8", keyring.ErrKind)
	}
	err = k.session("wrap", func(raw *p11.Ctx, session p11.SessionHandle, kek p11.ObjectHandle) error {
		object, err := raw.CreateObject(session, append(passing(), p11.NewAttribute(p11.CKA_VALUE, plain.Reveal())))
		if err != nil {
			return err
		}
		defer raw.DestroyObject(session, object)
		wrapped, err = raw.WrapKey(session, keyWrap(), kek, object)
		return err
	})
	return wrapped, err
}

// UnwrapKey implements keyring.KeyWrapper.
func (k aesKey) UnwrapKey(wrapped []byte) (plain secret.Bytes, err error) {
	if n := len(wrapped); n < 24 || n > 520 || n%8 != 0 {
		return plain, fmt.Errorf("%w: it has not the length of a wrapped key", keyring.ErrUnwrap)
	}
	err = k.session("unwrap", func(raw *p11.Ctx, session p11.SessionHandle, kek p11.ObjectHandle) error {
		object, err := raw.UnwrapKey(session, keyWrap(), kek, wrapped, passing())
		if err != nil {
			// Tokens have several codes for it; what else may be wrong, wrapping shows.
			return fmt.Errorf("%w (%v)", keyring.ErrUnwrap, err)
		}
		defer raw.DestroyObject(session, object)
		value, err := raw.GetAttributeValue(session, object, []*p11.Attribute{p11.NewAttribute(p11.CKA_VALUE, nil)})
		if err != nil {
			return err
		}
		plain = secret.NewBytes(value[0].Value)
		clear(value[0].Value)
		return nil
	})
	return plain, err
}

func keyWrap() []*p11.Mechanism {
	return []*p11.Mechanism{p11.NewMechanism(p11.CKM_AES_KEY_WRAP, nil)}
}

// passing are the attributes of a key that is in the token only to pass through.
func passing() []*p11.Attribute {
	return []*p11.Attribute{
		p11.NewAttribute(p11.CKA_CLASS, p11.CKO_SECRET_KEY), p11.NewAttribute(p11.CKA_KEY_TYPE, p11.CKK_GENERIC_SECRET),
		p11.NewAttribute(p11.CKA_TOKEN, false), p11.NewAttribute(p11.CKA_PRIVATE, true), p11.NewAttribute(p11.CKA_SENSITIVE, false), p11.NewAttribute(p11.CKA_EXTRACTABLE, true),
	}
}

// session runs f in a session of its own, with the handle of the key in it. crypto11
// has logged in for the whole process.
func (k key) session(what string, f func(*p11.Ctx, p11.SessionHandle, p11.ObjectHandle) error) error {
	raw := k.s.raw
	return k.s.do(what, func() error {
		session, err := raw.OpenSession(k.s.slot, p11.CKF_SERIAL_SESSION)
		if err != nil {
			return err
		}
		defer raw.CloseSession(session)
		if err := raw.FindObjectsInit(session, []*p11.Attribute{p11.NewAttribute(p11.CKA_CLASS, p11.CKO_SECRET_KEY), p11.NewAttribute(p11.CKA_LABEL, k.label)}); err != nil {
			return err
		}
		objects, _, err := raw.FindObjects(session, 2)
		if ferr := raw.FindObjectsFinal(session); err == nil {
			err = ferr
		}
		if err == nil && len(objects) != 1 {
			err = fmt.Errorf("%w: the key %q is gone from the token, or there are several", ErrNoKey, k.label)
		}
		if err != nil {
			return err
		}
		return f(raw, session, objects[0])
	})
}
