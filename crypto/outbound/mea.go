package outbound

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"

	"github.com/issuant/issuant/crypto/secret"
)

// Headers of MeaWallet's API.
const (
	MeaSecretHeader  = "Mea-Secret"
	MeaKeyIDHeader   = "Mea-Api-Key-Id"
	MeaTraceIDHeader = "Mea-Trace-Id"
)

const uuidBytes = 36

// MeaSecret returns the value of MeaWallet's header Mea-Secret in lower-case hex:
// AES-128-CBC with an IV of zeros and PKCS #7 padding over trace id, "#" and key
// id. Both ids are UUIDs in lower case (ErrRequest, ErrCredentials), the key has 16
// bytes (ErrCredentials).
//
// It proves nothing but knowledge of the key: neither body nor time is covered, and
// the same ids always give the same value, so every request needs a fresh trace id.
// The headers MeaKeyIDHeader and MeaTraceIDHeader carry the same ids.
//
// Source: MeaWallet's API page, whose example input is reproduced; that the value
// is in hex is known from public clients (low confidence).
func MeaSecret(key secret.Bytes, keyID, traceID string) (string, error) {
	switch {
	case key.Len() != 16:
		return "", credentials("a key of Mea-Secret has 16 bytes")
	case !lowerUUID(keyID):
		return "", credentials("a key id of MeaWallet is a UUID in lower case")
	case !lowerUUID(traceID):
		return "", request("a trace id of MeaWallet is a UUID in lower case")
	}
	block, err := aes.NewCipher(key.Reveal())
	if err != nil {
		return "", credentials("a key of Mea-Secret has 16 bytes")
	}
	text := []byte(traceID + "#" + keyID) // 73 bytes: seven of padding
	pad := aes.BlockSize - len(text)%aes.BlockSize
	for range pad {
		text = append(text, byte(pad))
	}
	cipher.NewCBCEncrypter(block, make([]byte, aes.BlockSize)).CryptBlocks(text, text)
	return hex.EncodeToString(text), nil
}

func lowerUUID(s string) bool {
	if len(s) != uuidBytes {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}
