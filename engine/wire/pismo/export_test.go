package pismo

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/issuant/issuant/engine"
)

// DecodeBody is Decode without a signature, for tests that decode many bodies.
func DecodeBody(c *Codec, body []byte) (*engine.Decoded, error) {
	return c.decode(messageOf(body))
}

func messageOf(body []byte) message {
	sum := sha256.Sum256(body)
	return message{body: body, account: "1", iat: time.Unix(1780000000, 0), digest: hex.EncodeToString(sum[:])}
}

// DecodeSlowly is DecodeBody with the whole tree, and tells whether Decode would have
// needed it.
func DecodeSlowly(c *Codec, body []byte) (d *engine.Decoded, quick bool, err error) {
	f := founds.Get().(*found)
	defer f.release()
	_, quick = f.quickly(body, new(strings.Builder))
	f.clear()
	b, err := f.slowly(body)
	if err != nil {
		return nil, quick, err
	}
	return c.event(messageOf(body), b, f, new(strings.Builder)), quick, nil
}
