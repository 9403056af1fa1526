package webhook

import (
	"time"

	"github.com/issuant/issuant/crypto/jose"
	"github.com/issuant/issuant/crypto/keyring"
)

// Bounds and defaults. Sizes are in bytes and inclusive.
const (
	DefaultMaxBody = 256 << 10
	MaxMaxBody     = 64 << 20
	MaxTokenBytes  = jose.MaxTokenBytes // 16 KiB

	DefaultSkew   = 60 * time.Second
	MaxSkew       = 10 * time.Minute
	DefaultMaxAge = 5 * time.Minute
	MaxMaxAge     = 24 * time.Hour

	// MinSecretBytes is how long a webhook secret must be; a JWS needs 32, and a
	// password of Trust Payments keyring.MinPasswordBytes.
	MinSecretBytes = keyring.MinSecretBytes // 16

	maxCandidates    = 16  // keys tried for a message that names none
	maxSignatures    = 16  // signatures of one message under a shared secret
	maxPublic        = 4   // the same under public keys, whose check takes a hundred times as long
	maxParts         = 64  // of Scheme.Signed
	maxBodyFields    = 256 // of a form, and values of a JSON body that is read before it is verified
	defaultFieldBody = 24 << 10
	maxBase          = 32 << 10 // of a signature base

	maxAccountDigits = 32
	maxClaimsDepth   = 16
	maxClaimsValues  = 1024

	// Instants of a check outside 1970 to 9999 are refused: a host whose clock
	// is not set must not get an answer.
	minNow = 0
	maxNow = 253402300799
)
