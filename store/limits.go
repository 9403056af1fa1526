package store

import "time"

// Bounds, all inclusive, and defaults.
const (
	DefaultMax           = 1 << 20 // messages in the replay memory
	MinMax               = 16
	DefaultMaxWaiting    = 1024 // entries that wait for a commit
	DefaultCommitTimeout = time.Second
	MaxCommitTimeout     = time.Minute
	DefaultMaxConns      = 8 // connections to PostgreSQL
	MinRetain            = 24 * time.Hour
	RetainObservations   = 181 * 24 * time.Hour // the longest velocity, and a day for late questions

	MaxListName  = 64       // bytes of a list's name
	MaxListValue = 256      // bytes of an entry
	MaxText      = 1024     // bytes of who and why
	MaxSigned    = 4096     // bytes of what an approver signed
	MaxWrapped   = 64 << 10 // bytes of a data key sealed to its recipients
	MaxTail      = 10_000
	MaxFound     = 100 // lines that Find returns

	maxRevision   = 1<<53 - 1
	maxBatch      = 512 // entries of one transaction
	maxBatchBytes = 8 << 20
	page          = 1000 // rows that one step of reading or of maintenance takes
	packRows      = 512  // observations of one segment
	looseRows     = 4096 // observations that are kept unpacked, for those who follow

	// blankAfter is how long an answer stays after nobody may get it any more: the
	// clock of the process that blanks it may be ahead of another's.
	blankAfter = time.Minute

	tailTimeout   = 5 * time.Second // at least, for reading what other processes have committed
	maintainEvery = 250 * time.Millisecond
	maxDrift      = time.Hour // by which the clock may leave the monotonic one before retention stops
)
