package profile

import "time"

// Bounds, all inclusive.
const (
	MaxSteps       = 64
	MaxPieces      = 64       // of a step, and members of one JSON object
	MaxDepth       = 8        // of JSON objects within each other
	MaxKeys        = 16       // roles
	MaxRandom      = 16       // random values
	MaxRandomBytes = 512      // of one random value
	MaxOutput      = 64 << 10 // bytes of a step
	MaxInput       = 512      // characters of an input

	DefaultValidity = 30 * time.Minute    // of "until" pieces
	MaxValidity     = 30 * 24 * time.Hour // of "until" pieces

	MaxVectors  = 8 << 20 // bytes of a file for Conform
	MaxCases    = 10_000  // of a file for Conform
	MaxFileSize = 64 << 10
)
