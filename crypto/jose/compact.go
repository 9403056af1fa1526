package jose

import (
	"encoding/base64"
	"strings"
	"sync"

	"github.com/issuant/issuant/internal/base64url"
)

// b64 encodes; package base64url decodes.
var b64 = base64.RawURLEncoding

// decodeText is for base64url inside a header.
func decodeText(text string) (data []byte, ok bool) { return base64url.Append(nil, text) }

// cut finds the dots between the parts of a compact token: as many as dots has
// room for, and no more.
func cut(token string, dots []int) error {
	from := 0
	for i := range dots {
		n := strings.IndexByte(token[from:], '.')
		if n < 0 {
			return malformed("token has too few dots")
		}
		dots[i] = from + n
		from += n + 1
	}
	if strings.IndexByte(token[from:], '.') >= 0 {
		return malformed("token has too many dots")
	}
	return nil
}

// notBase64 is the error for a part of a token that does not decode, and says where the cause
// is a line break, which other decoders pass over.
func notBase64(token, part string) error {
	if strings.ContainsAny(token, "\r\n") {
		return malformed("token has a line break")
	}
	return malformed(part + " is not canonical base64url")
}

// tokens are buffers for tokens that are written, and for digests and MACs of those that are
// read. What stays in one is no secret.
var tokens = sync.Pool{New: func() any { return new([]byte) }}

// keepToken gives a buffer back, but for one that a large JWE has blown up.
func keepToken(buf *[]byte) {
	if cap(*buf) <= 2*MaxTokenBytes {
		tokens.Put(buf)
	}
}
