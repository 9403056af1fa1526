package pismo

// Bounds of what Decode takes, all inclusive.
const (
	MaxBody   = 1 << 20 // bytes of a body; the verifier's own bound is usually lower
	MaxDepth  = 32      // containers within each other
	MaxValues = 1 << 15 // JSON values of any kind

	MaxCodes   = 64  // custom_codes, and reasons that are not known
	MaxText    = 64  // bytes of a code or another short text that is kept verbatim
	MaxRefText = 512 // bytes of an identifier that becomes a reference
)
