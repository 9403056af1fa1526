// Package jwa holds the encryption algorithms of JWE (RFC 7518 sections 4 and 5)
// below the token: keys, IVs and associated data are arguments, so that known
// answers of others can be held against them. Nothing here is a primitive; each
// function puts the standard library's together. crypto/jose is what programs use.
package jwa

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
)

// Names of the content encryption algorithms (RFC 7518 section 5).
const (
	A128GCM      = "A128GCM"
	A192GCM      = "A192GCM"
	A256GCM      = "A256GCM"
	A128CBCHS256 = "A128CBC-HS256"
)

// Content is one of them.
type Content struct {
	Name              string
	KeyBytes, IVBytes int
	cbc               bool
}

// Lengths in bytes.
const (
	TagBytes   = 16 // of every algorithm above, and of a wrapped key
	GCMIVBytes = 12
	KEKBytes   = 32 // of A256GCMKW
)

var contents = [...]Content{
	{Name: A128GCM, KeyBytes: 16, IVBytes: GCMIVBytes},
	{Name: A192GCM, KeyBytes: 24, IVBytes: GCMIVBytes},
	{Name: A256GCM, KeyBytes: 32, IVBytes: GCMIVBytes},
	{Name: A128CBCHS256, KeyBytes: 32, IVBytes: aes.BlockSize, cbc: true},
}

// Contents returns all of them, in the order of the names above.
func Contents() []Content { return slices.Clone(contents[:]) }

// ContentOf returns nil for a name that is not above, byte for byte.
func ContentOf(enc string) *Content {
	for i := range contents {
		if contents[i].Name == enc {
			return &contents[i]
		}
	}
	return nil
}

// NewGCM is for keys of 16, 24 or 32 bytes; only FIPS 140-only mode makes it fail.
func NewGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// SealedBytes returns how long ciphertext and tag of a plaintext of n bytes are.
func (c *Content) SealedBytes(n int) int {
	if c.cbc {
		n += aes.BlockSize - n%aes.BlockSize
	}
	return n + TagBytes
}

// Seal appends ciphertext and tag to dst, one behind the other. key and iv have the
// lengths that c states; dst does not overlap the others.
func (c *Content) Seal(dst, key, iv, aad, plaintext []byte) ([]byte, error) {
	if c.cbc {
		return sealCBC(dst, key, iv, aad, plaintext)
	}
	gcm, err := NewGCM(key)
	if err != nil {
		return nil, err
	}
	return gcm.Seal(dst, iv, plaintext, aad), nil
}

// Open returns the plaintext of ciphertext and tag, which stand one behind the
// other; ok is false when they were not made with this key, and nothing else is
// told. key and iv have the lengths that c states, sealed has a tag at least.
func (c *Content) Open(key, iv, aad, sealed []byte) (plaintext []byte, ok bool) {
	if c.cbc {
		return openCBC(key, iv, aad, sealed)
	}
	gcm, err := NewGCM(key)
	if err != nil {
		return nil, false
	}
	plaintext, err = gcm.Open(make([]byte, 0, len(sealed)), iv, sealed, aad)
	return plaintext, err == nil
}

// tagCBC is the tag of A128CBC-HS256: the first half of an HMAC under the first
// half of the key, over the header, the IV, the ciphertext and the header's bits.
func tagCBC(key, iv, aad, ciphertext []byte) []byte {
	mac := hmac.New(sha256.New, key[:16])
	mac.Write(aad)
	mac.Write(iv)
	mac.Write(ciphertext)
	var bits [8]byte
	binary.BigEndian.PutUint64(bits[:], uint64(len(aad))*8)
	mac.Write(bits[:])
	return mac.Sum(nil)[:TagBytes]
}

func sealCBC(dst, key, iv, aad, plaintext []byte) ([]byte, error) {
	block, err := aes.NewCipher(key[16:])
	if err != nil {
		return nil, err
	}
	from := len(dst)
	dst = append(dst, plaintext...)
	pad := aes.BlockSize - len(plaintext)%aes.BlockSize
	for range pad {
		dst = append(dst, byte(pad))
	}
	ciphertext := dst[from:]
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(ciphertext, ciphertext)
	return append(dst, tagCBC(key, iv, aad, ciphertext)...), nil
}

// openCBC looks at the tag before anything else: padding is read only of a text
// that the holder of the key has made, so that it is no oracle.
func openCBC(key, iv, aad, sealed []byte) (plaintext []byte, ok bool) {
	ciphertext, tag := sealed[:len(sealed)-TagBytes], sealed[len(sealed)-TagBytes:]
	if !hmac.Equal(tagCBC(key, iv, aad, ciphertext), tag) {
		return nil, false
	}
	block, err := aes.NewCipher(key[16:])
	if err != nil || len(ciphertext) == 0 || len(ciphertext)%aes.BlockSize != 0 {
		return nil, false
	}
	buf := make([]byte, len(ciphertext))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(buf, ciphertext)
	pad := int(buf[len(buf)-1])
	if pad == 0 || pad > aes.BlockSize {
		return nil, false
	}
	for _, b := range buf[len(buf)-pad:] {
		if int(b) != pad {
			return nil, false
		}
	}
	return buf[:len(buf)-pad], true
}

// ErrUnwrap is all that is told of a key that was not wrapped for us.
var ErrUnwrap = errors.New("jwa: key cannot be unwrapped")

// WrapGCM is A256GCMKW: it appends the wrapped key and its tag to dst, one behind the other.
func WrapGCM(dst []byte, kek cipher.AEAD, iv, key []byte) []byte {
	return kek.Seal(dst, iv, key, nil)
}

// UnwrapGCM is the reverse.
func UnwrapGCM(kek cipher.AEAD, iv, wrapped, tag []byte) ([]byte, error) {
	key, err := kek.Open(nil, iv, slices.Concat(wrapped, tag), nil)
	if err != nil {
		return nil, ErrUnwrap
	}
	return key, nil
}

// UnwrapOAEP decrypts RSA-OAEP with this hash, MGF1 of the same hash and no label.
func UnwrapOAEP(key crypto.Decrypter, hash crypto.Hash, wrapped []byte) ([]byte, error) {
	pub, ok := key.Public().(*rsa.PublicKey)
	if !ok || len(wrapped) != pub.Size() {
		return nil, ErrUnwrap
	}
	out, err := key.Decrypt(nil, wrapped, &rsa.OAEPOptions{Hash: hash})
	if err != nil {
		return nil, ErrUnwrap
	}
	return out, nil
}

// Derive is the Concat KDF of RFC 7518 section 4.6.2: one round of SHA-256, since
// no key of ours is longer than its 32 bytes.
func (c *Content) Derive(z, apu, apv []byte) []byte {
	info := binary.BigEndian.AppendUint32(nil, 1)
	info = append(info, z...)
	for _, part := range [...][]byte{[]byte(c.Name), apu, apv} {
		info = binary.BigEndian.AppendUint32(info, uint32(len(part)))
		info = append(info, part...)
	}
	info = binary.BigEndian.AppendUint32(info, uint32(8*c.KeyBytes))
	defer clear(info)
	sum := sha256.Sum256(info)
	defer clear(sum[:])
	return slices.Clone(sum[:c.KeyBytes])
}
