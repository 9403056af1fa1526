// Package digest writes and recognises SHA-256 as text: 64 hexadecimal digits in lower
// case, as records, manifests, grants and profiles have it.
package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Of returns the digest of data.
func Of(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Is reports whether s is the text of a digest.
func Is(s string) bool {
	return len(s) == 2*sha256.Size && strings.Trim(s, "0123456789abcdef") == ""
}
