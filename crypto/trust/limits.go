package trust

import "time"

// Bounds, all inclusive.
const (
	Format = 1 // of statements

	MaxEnvelope   = 16 << 10             // bytes of the first line of a signed file
	MaxSignatures = 16                   // of one file
	MaxSigners    = 32                   // of a Root
	MaxName       = 64                   // bytes
	MaxRevision   = 1<<53 - 1            // what every reader of JSON can hold
	MaxValidity   = 400 * 24 * time.Hour // from not_before to expires
	Skew          = 5 * time.Minute      // by which the signer's clock may be ahead
)
