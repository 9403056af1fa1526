package seal

// Bounds, all inclusive.
const (
	MaxPlain   = 2 << 20  // bytes that are sealed at once
	MaxSealed  = 3 << 20  // bytes of a sealed text, which is a third longer than what it holds
	MaxKeys    = 16       // recipients, or identities of a key file
	MaxKeyFile = 64 << 10 // bytes of a list of recipients, or of a key file

	maxLine = 256 // bytes of a line that is no comment; an X25519 key has at most 74
)
