package pismo

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/issuant/issuant/engine"
)

// DecodeBody is Decode without a signature, for tests that decode many bodies.
func DecodeBody(c *Codec, body []byte) (*engine.Decoded, error) {
	sum := sha256.Sum256(body)
	return c.decode(message{body: body, account: "1", iat: time.Unix(1780000000, 0), digest: hex.EncodeToString(sum[:])})
}
