package keyring

import (
	"crypto/aes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/issuant/issuant/crypto/secret"
)

// CheckMethod names a way to make a key check value (KCV): the few bytes that two
// parties read to each other to see that they hold the same symmetric key. Two
// methods give two values for one key, so a value is worth nothing without its method.
type CheckMethod string

// The methods. Sources: ANSI X9.24-1 and the AWS Payment Cryptography reference
// ("KeyCheckValueAlgorithm": CMAC for AES, eight encrypted zero bytes for TDES, three
// bytes kept); high confidence.
const (
	CheckAESCMAC  CheckMethod = "aes-cmac"    // AES-CMAC (NIST SP 800-38B) of 16 zero bytes
	CheckAESZero  CheckMethod = "aes-zero"    // the older one: 16 zero bytes encrypted with AES
	CheckTDESZero CheckMethod = "tdes-zero"   // 8 zero bytes encrypted with Triple DES
	CheckHMAC     CheckMethod = "hmac-sha256" // HMAC-SHA-256 of the empty text; our own, no counterpart is known to use it
)

// Bytes of a check value. Three are usual; more are accepted for comparing, up to
// five (ANSI X9.24-1-2017 for CMAC), since longer ones begin to tell of the key.
const (
	CheckBytes    = 3
	MaxCheckBytes = 5
)

// CheckMethodOf returns the method that fits a symmetric key by its algorithm:
// tdes-zero for AlgTDES, aes-cmac for the AES algorithms, else hmac-sha256.
func CheckMethodOf(alg string) CheckMethod {
	switch {
	case alg == AlgTDES:
		return CheckTDESZero
	case strings.HasPrefix(alg, "A") && !strings.Contains(alg, "-HS"):
		if _, ok := secretBytes[alg]; ok {
			return CheckAESCMAC
		}
	}
	return CheckHMAC
}

// CheckValue returns the check value of a symmetric key: CheckBytes bytes in
// upper-case hexadecimal digits. An error wraps ErrKind: the key does not fit the
// method, or there is no such method.
func CheckValue(method CheckMethod, key secret.Bytes) (string, error) {
	full, err := checkBytes(method, key.Reveal())
	if err != nil {
		return "", err
	}
	return strings.ToUpper(hex.EncodeToString(full[:CheckBytes])), nil
}

// MatchCheckValue compares a key with the value that somebody stated, of 3 to 5
// bytes in hexadecimal digits of either case. An error wraps ErrCheckValue (it does not
// match, or is no check value) or ErrKind.
func MatchCheckValue(method CheckMethod, key secret.Bytes, stated string) error {
	want, err := hex.DecodeString(stated)
	if err != nil || len(want) < CheckBytes || len(want) > MaxCheckBytes {
		return fmt.Errorf("%w: what was stated is not %d to %d bytes in hexadecimal digits", ErrCheckValue, CheckBytes, MaxCheckBytes)
	}
	full, err := checkBytes(method, key.Reveal())
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(full[:len(want)], want) != 1 {
		return fmt.Errorf("%w: under %s this key is another than the one whose value was stated", ErrCheckValue, method)
	}
	return nil
}

func checkBytes(method CheckMethod, key []byte) ([]byte, error) {
	switch method {
	case CheckAESCMAC, CheckAESZero:
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("%w: %s takes an AES key of 16, 24 or 32 bytes", ErrKind, method)
		}
		out := make([]byte, aes.BlockSize)
		block.Encrypt(out, out)
		if method == CheckAESZero {
			return out, nil
		}
		// CMAC of one whole block M is AES(M xor K1), where K1 is AES(0) doubled in
		// GF(2^128); M is zero here, so AES(K1) is all there is to it.
		double(out)
		block.Encrypt(out, out)
		return out, nil
	case CheckTDESZero:
		if why := checkTDES(key); why != "" {
			return nil, fmt.Errorf("%w: %s takes a Triple DES key", ErrKind, method)
		}
		block, err := tdesBlock(key)
		if err != nil {
			return nil, fmt.Errorf("%w: %s takes a Triple DES key", ErrKind, method)
		}
		out := make([]byte, block.BlockSize())
		block.Encrypt(out, out)
		return out, nil
	case CheckHMAC:
		if len(key) == 0 {
			return nil, fmt.Errorf("%w: there is no secret", ErrKind)
		}
		return hmac.New(sha256.New, key).Sum(nil), nil
	}
	return nil, fmt.Errorf("%w: there is no check method %q; there are %s, %s, %s, %s", ErrKind, string(method), CheckAESCMAC, CheckAESZero, CheckTDESZero, CheckHMAC)
}

// double multiplies by x in GF(2^128) (SP 800-38B, section 6.1), in constant time.
func double(b []byte) {
	carry := b[0] >> 7
	for i := range b[:len(b)-1] {
		b[i] = b[i]<<1 | b[i+1]>>7
	}
	b[len(b)-1] = b[len(b)-1]<<1 ^ carry*0x87
}
