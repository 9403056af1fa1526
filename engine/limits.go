package engine

import (
	"time"

	"github.com/issuant/issuant/internal/grant"
)

// Bounds, all inclusive, and defaults.
const (
	MaxEventBytes = 1 << 20 // JSON text that ParseEvent takes
	MaxRecordLine = 4 << 20 // bytes of a journal's line, newline included
	MaxMethods    = 16      // step-up methods of an engine
	MaxGuards     = 256     // guards of a decision, see Decision.Guards
	MaxReasons    = 64      // reasons of a decision that guards and rules give
	MaxFlips      = 4       // flips of an explanation to one outcome

	DefaultRetryWindow = 30 * time.Second // for which a message that comes again gets the stored answer

	DefaultKeep      = 10 * time.Minute // for which a memory keeps a message, from its issue on
	DefaultMaxMemory = 1 << 18          // messages in a memory
	MinMaxMemory     = 16

	MaxGrantLife    = grant.MaxLife    // for which a grant is good after its decision: 5 min
	DefaultSkew     = 60 * time.Second // by which clocks of those who prove step-ups may differ
	MaxSkew         = 10 * time.Minute
	MaxStepUpResult = 4096 // bytes of a StepUpResult

	DefaultMaxWindow   = 1 << 20 // events in a window
	MaxObservationText = 4096    // bytes of a text in an encoded observation

	maxFlipEvaluations = 1000
	maxFlipCost        = 100_000_000 // counted cost of all evaluations of one explanation
	maxGuardCode       = 64          // bytes of a finding code in a decision
	defaultTenuredDays = 30

	day        = 24 * time.Hour
	windowKeep = 181 * day // the longest velocity, and a day for late questions
)
