package accel

import "unsafe"

// Texts is a SHA-256 as 32 bytes, as 64 hexadecimal digits in lower case, and as 44
// characters of padded standard Base64.
type Texts [textsLen]byte

// Where the texts begin, and where they end.
const (
	hexAt    = 32
	base64At = hexAt + 64
	textsLen = base64At + 44
)

// Sum returns the bytes.
func (t *Texts) Sum() *[hexAt]byte { return (*[hexAt]byte)(t[:hexAt]) }

// Hex returns the digits.
func (t *Texts) Hex() *[base64At - hexAt]byte { return (*[base64At - hexAt]byte)(t[hexAt:base64At]) }

// Base64 returns the padded standard Base64.
func (t *Texts) Base64() *[textsLen - base64At]byte {
	return (*[textsLen - base64At]byte)(t[base64At:])
}

// Text is a view of bytes that do not change meanwhile.
func Text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
