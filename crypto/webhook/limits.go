package webhook

import (
	"time"

	"github.com/issuant/issuant/crypto/jose"
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

	maxAccountDigits = 32
	maxClaimsDepth   = 16
	maxClaimsValues  = 1024

	// Instants of a check outside 1970 to 9999 are refused: a host whose clock
	// is not set must not get an answer.
	minNow = 0
	maxNow = 253402300799
)
