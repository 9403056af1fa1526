package provision

import (
	"time"

	"github.com/issuant/issuant/internal/grant"
)

// Bounds, all inclusive, and defaults.
const (
	MaxGrantLife  = grant.MaxLife    // for which a grant is good after its decision: 5 min
	MaxGrantBytes = 4096             // of a signed grant
	MaxAudience   = grant.MaxText    // bytes of an audience
	GrantSkew     = 60 * time.Second // by which the clock of whoever makes grants may be ahead

	DefaultMaxSpent = 1 << 18 // grants that a Memory remembers
)
