package jose

// Bounds, inclusive. Sizes of RSA keys: 2048 to 8192 bits with an odd exponent
// between 2^16 and 2^31.
const (
	MaxTokenBytes    = 16 << 10 // of a JWS, and of a JWE unless ParseJWEUpTo is told otherwise
	MaxJWEBytes      = 1 << 20  // of a JWE that is a message's whole body
	MaxKeyIDBytes    = 256      // of a kid that we write
	maxHeaderBytes   = MaxTokenBytes
	maxHeaderDepth   = 8
	maxHeaderValues  = 64
	maxHeaderMembers = 32 // of a header that we write
)
