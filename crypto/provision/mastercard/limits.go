package mastercard

import "time"

// Bounds and defaults; sizes in bytes, inclusive.
const (
	MaxPlaintext = 64 << 10  // of an envelope
	MaxEnvelope  = 192 << 10 // of an envelope's JSON that is opened

	DefaultValidity = 30 * time.Minute    // of a TAV and of a payload, as Mastercard recommends
	MaxValidity     = 30 * 24 * time.Hour // as Mastercard allows

	maxName        = 27 // characters of a cardholder's name
	maxFingerprint = 64 // hex digits
	maxKeyAlias    = 64
	maxTokenRef    = 64
)
