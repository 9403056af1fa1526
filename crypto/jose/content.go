package jose

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// Content encryption algorithms (RFC 7518 section 5).
const (
	A128GCM      = "A128GCM"
	A192GCM      = "A192GCM"
	A256GCM      = "A256GCM"
	A128CBCHS256 = "A128CBC-HS256"
)

// content is one of them. All their tags are of 16 bytes.
type content struct {
	name              string
	keyBytes, ivBytes int
	cbc               bool
}

const (
	tagBytes   = 16
	gcmIVBytes = 12
	kekBytes   = 32 // of A256GCMKW
)

var contents = [...]content{
	{name: A128GCM, keyBytes: 16, ivBytes: gcmIVBytes},
	{name: A192GCM, keyBytes: 24, ivBytes: gcmIVBytes},
	{name: A256GCM, keyBytes: 32, ivBytes: gcmIVBytes},
	{name: A128CBCHS256, keyBytes: 32, ivBytes: aes.BlockSize, cbc: true},
}

// ContentAlgorithms returns the names above, in that order; the caller owns the slice.
func ContentAlgorithms() []string {
	names := make([]string, len(contents))
	for i := range contents {
		names[i] = contents[i].name
	}
	return names
}

// contentOf returns nil for a name that is not above, byte for byte.
func contentOf(enc string) *content {
	for i := range contents {
		if contents[i].name == enc {
			return &contents[i]
		}
	}
	return nil
}

// newGCM is for keys of 16, 24 or 32 bytes; only FIPS 140-only mode, which the
// callers ask for first, makes it fail.
func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// seal returns ciphertext and tag, one behind the other.
func (c *content) seal(key, iv, aad, plaintext []byte) ([]byte, error) {
	if c.cbc {
		return sealCBC(key, iv, aad, plaintext)
	}
	gcm, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	return gcm.Seal(make([]byte, 0, len(plaintext)+tagBytes), iv, plaintext, aad), nil
}

// open returns the plaintext of ciphertext and tag, which stand one behind the
// other; ok is false when they were not made with this key, and nothing else is told.
func (c *content) open(key, iv, aad, sealed []byte) (plaintext []byte, ok bool) {
	if c.cbc {
		return openCBC(key, iv, aad, sealed)
	}
	gcm, err := newGCM(key)
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
	return mac.Sum(nil)[:tagBytes]
}

func sealCBC(key, iv, aad, plaintext []byte) ([]byte, error) {
	block, err := aes.NewCipher(key[16:])
	if err != nil {
		return nil, err
	}
	pad := aes.BlockSize - len(plaintext)%aes.BlockSize
	buf := make([]byte, len(plaintext)+pad, len(plaintext)+pad+tagBytes)
	for i := copy(buf, plaintext); i < len(buf); i++ {
		buf[i] = byte(pad)
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(buf, buf)
	return append(buf, tagCBC(key, iv, aad, buf)...), nil
}

// openCBC looks at the tag before anything else: padding is read only of a text
// that the holder of the key has made, so that it is no oracle.
func openCBC(key, iv, aad, sealed []byte) (plaintext []byte, ok bool) {
	ciphertext, tag := sealed[:len(sealed)-tagBytes], sealed[len(sealed)-tagBytes:]
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
