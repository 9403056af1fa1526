package seal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
)

var encoding = base64.StdEncoding.Strict()

// Seal returns plain sealed to every key of to: an age file in padded standard
// Base64, on one line. The same text gives another result each time. An error
// wraps ErrKey (to is nil or was not parsed) or ErrTooLarge.
func Seal(to *Recipients, plain []byte) (string, error) {
	if to == nil || len(to.keys) == 0 {
		return "", fmt.Errorf("%w: there is no recipient", ErrKey)
	}
	if len(plain) > MaxPlain {
		return "", fmt.Errorf("%w: %d bytes can be sealed at once", ErrTooLarge, MaxPlain)
	}
	var file bytes.Buffer
	w, err := age.Encrypt(&file, to.keys...)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", fmt.Errorf("%w: age cannot seal to them", ErrKey)
	}
	return encoding.EncodeToString(file.Bytes()), nil
}

// Open returns what was sealed. An error wraps ErrSealed (not such a text, or
// changed), ErrNoIdentity (sealed to others), ErrTooLarge or ErrKey (with is nil);
// it quotes nothing of the text. Nothing of a text that was changed is returned.
func Open(with *Identities, sealed string) ([]byte, error) {
	if with == nil || len(with.keys) == 0 {
		return nil, fmt.Errorf("%w: there is no identity", ErrKey)
	}
	if len(sealed) > MaxSealed {
		return nil, fmt.Errorf("%w: a sealed text has at most %d bytes", ErrTooLarge, MaxSealed)
	}
	file, err := encoding.DecodeString(sealed)
	// The decoder passes over line ends; the sealed form is one line.
	if err != nil || encoding.EncodedLen(len(file)) != len(sealed) {
		return nil, fmt.Errorf("%w: it is not padded standard Base64", ErrSealed)
	}
	r, err := age.Decrypt(bytes.NewReader(file), with.keys...)
	if _, foreign := errors.AsType[*age.NoIdentityMatchError](err); foreign {
		return nil, ErrNoIdentity
	}
	if err != nil {
		return nil, fmt.Errorf("%w: its header is not one of age, or was changed", ErrSealed)
	}
	plain, err := io.ReadAll(io.LimitReader(r, MaxPlain+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: its payload was changed or cut off", ErrSealed)
	case len(plain) > MaxPlain:
		return nil, fmt.Errorf("%w: it holds more than %d bytes", ErrTooLarge, MaxPlain)
	}
	return plain, nil
}
