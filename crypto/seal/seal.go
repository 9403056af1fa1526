package seal

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
)

var encoding = base64.StdEncoding.Strict()

// Seal returns plain sealed to every key of to: an age file in padded standard
// Base64, on one line. The same text gives another result each time. An error
// wraps ErrKey (to is nil or was not parsed) or ErrTooLarge.
func Seal(to *Recipients, plain []byte) (string, error) {
	if len(plain) > MaxPlain {
		return "", fmt.Errorf("%w: %d bytes can be sealed at once", ErrTooLarge, MaxPlain)
	}
	var file bytes.Buffer
	w, err := SealStream(&file, to, Binary)
	if err != nil {
		return "", err
	}
	if _, err = w.Write(plain); err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", fmt.Errorf("%w: age cannot seal to them", ErrKey)
	}
	return encoding.EncodeToString(file.Bytes()), nil
}

// Open returns what was sealed. An error wraps ErrSealed (not such a text, or
// changed), ErrNoIdentity (sealed to others), ErrTooLarge or ErrKey (with is nil or
// was dropped); it quotes nothing of the text. Nothing of a text that was changed is
// returned.
func Open(with *Identities, sealed string) ([]byte, error) {
	if _, err := with.usable(); err != nil {
		return nil, err
	}
	file, err := decode(sealed)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(file, []byte("-----BEGIN")) {
		return nil, fmt.Errorf("%w: it is armoured and in Base64 too", ErrSealed)
	}
	r, err := OpenStream(bytes.NewReader(file), with)
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(r, MaxPlain+1))
	if err != nil {
		return nil, err
	}
	if len(plain) > MaxPlain {
		return nil, fmt.Errorf("%w: it holds more than %d bytes", ErrTooLarge, MaxPlain)
	}
	return plain, nil
}

// decode reads the one line that a sealed text is.
func decode(sealed string) ([]byte, error) {
	if len(sealed) > MaxSealed {
		return nil, fmt.Errorf("%w: a sealed text has at most %d bytes", ErrTooLarge, MaxSealed)
	}
	raw, err := encoding.DecodeString(sealed)
	// The decoder passes over line ends; the sealed form is one line.
	if err != nil || encoding.EncodedLen(len(raw)) != len(sealed) {
		return nil, fmt.Errorf("%w: it is not padded standard Base64", ErrSealed)
	}
	return raw, nil
}
