package secret

import (
	"fmt"
)

const (
	hiddenPAN   = "[pan]"
	hiddenBytes = "[key]"
	hiddenText  = "[secret]"
)

// Bytes is key material. The zero Bytes is empty. Copies share the bytes, so
// that Wipe reaches them all; two Bytes are == only when one is a copy of the other:
// compare with Equal. Safe for concurrent use but for Wipe.
type Bytes struct{ b *box }

// NewBytes copies b; the caller may clear its own slice afterwards.
func NewBytes(b []byte) Bytes {
	if len(b) == 0 {
		return Bytes{}
	}
	return Bytes{seal(b)}
}

// Reveal returns the bytes themselves, not a copy: they must not be changed.
// It is nil for the zero Bytes and after Wipe.
func (k Bytes) Reveal() []byte { return k.b.bytes() }

// Len returns the number of bytes.
func (k Bytes) Len() int { return len(k.b.bytes()) }

// Equal compares in time that depends on the lengths alone; an empty value equals nothing.
func (k Bytes) Equal(o Bytes) bool { return k.b.equal(o.b) }

// Wipe overwrites the bytes, for all copies. It must not run at the same time as another method.
func (k Bytes) Wipe() { k.b.wipe() }

// String returns a placeholder.
func (k Bytes) String() string { return hiddenBytes }

// Format writes a placeholder, whatever the verb.
func (k Bytes) Format(s fmt.State, _ rune) { placeholder(s, hiddenBytes) }

// MarshalText returns a placeholder; JSON, XML and slog use it, for map keys too.
func (k Bytes) MarshalText() ([]byte, error) { return []byte(hiddenBytes), nil }

// MarshalBinary returns ErrEncode.
func (k Bytes) MarshalBinary() ([]byte, error) { return nil, ErrEncode }

// GobEncode returns ErrEncode.
func (k Bytes) GobEncode() ([]byte, error) { return nil, ErrEncode }

// Text is a short secret text: a CVV, a one-time passcode. It behaves as Bytes does.
type Text struct{ b *box }

// NewText keeps a copy of s. A Go string cannot be cleared, so a secret that
// arrives as bytes should be handed over as bytes.
func NewText[T ~string | ~[]byte](s T) Text {
	if len(s) == 0 {
		return Text{}
	}
	return Text{seal(s)}
}

// Reveal returns the text; "" for the zero Text and after Wipe.
func (t Text) Reveal() string { return string(t.b.bytes()) }

// Equal compares in time that depends on the lengths alone; an empty value equals nothing.
func (t Text) Equal(o Text) bool { return t.b.equal(o.b) }

// Wipe overwrites the text, for all copies. It must not run at the same time as another method.
func (t Text) Wipe() { t.b.wipe() }

// String returns a placeholder.
func (t Text) String() string { return hiddenText }

// Format writes a placeholder, whatever the verb.
func (t Text) Format(s fmt.State, _ rune) { placeholder(s, hiddenText) }

// MarshalText returns a placeholder; JSON, XML and slog use it, for map keys too.
func (t Text) MarshalText() ([]byte, error) { return []byte(hiddenText), nil }

// MarshalBinary returns ErrEncode.
func (t Text) MarshalBinary() ([]byte, error) { return nil, ErrEncode }

// GobEncode returns ErrEncode.
func (t Text) GobEncode() ([]byte, error) { return nil, ErrEncode }
