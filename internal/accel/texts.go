package accel

// Texts is a SHA-256 as 32 bytes, as 64 hexadecimal digits in lower case, and as 44
// characters of padded standard Base64.
type Texts [32 + 64 + 44]byte

// Sum returns the bytes.
func (t *Texts) Sum() [32]byte { return [32]byte(t[:32]) }

// Hex returns the digits.
func (t *Texts) Hex() []byte { return t[32:96] }

// Base64 returns the padded standard Base64.
func (t *Texts) Base64() []byte { return t[96:] }
