// Package base64url decodes base64url without padding (RFC 4648 section 5) as tokens have
// it, strictly: no padding, no foreign character, no line break, no bits behind the last
// byte that are not zero, so that no two texts give the same bytes. It stands apart so
// that the host of an accelerated module decodes by the same lines as the module.
package base64url

import (
	"bytes"
	"encoding/base64"
)

var strict = base64.RawURLEncoding.Strict()

// Len is how many bytes a text of n characters gives.
func Len(n int) int { return strict.DecodedLen(n) }

// Append appends the bytes of a text; ok is false where it is none, and dst has then what
// Append found up to the mistake.
func Append(dst, text []byte) (out []byte, ok bool) {
	// The decoder passes over line breaks.
	if bytes.IndexByte(text, '\n') >= 0 || bytes.IndexByte(text, '\r') >= 0 {
		return dst, false
	}
	out, err := strict.AppendDecode(dst, text)
	return out, err == nil
}
