package snapshot

import (
	"fmt"

	"github.com/issuant/issuant/internal/code"
)

// Errors of this package; all carry code.Snapshot but GuestError.
var (
	// ErrModule is returned for a module from which no snapshot can be made: it is none
	// of ours, of another ABI, or a snapshot already.
	ErrModule = code.New(code.Snapshot, "snapshot: the module cannot be written with a pack loaded")
	// ErrSnapshot is returned for a module that is no snapshot, or a damaged one.
	ErrSnapshot = code.New(code.Snapshot, "snapshot: the module is no snapshot, or a damaged one")
	// ErrPack is returned for a pack that is too large for the module.
	ErrPack = code.New(code.Snapshot, "snapshot: the pack is too large")
)

func wrap(kind *code.Sentinel, format string, args ...any) error {
	return code.Wrap(kind, fmt.Sprintf(format, args...))
}

// GuestError is what the module answered when it was to load the pack.
type GuestError struct {
	Number  uint32 // of the table of codes, see wasm/ABI.md
	Message string // the module's own words
}

func (e *GuestError) Error() string {
	return fmt.Sprintf("snapshot: the module refuses the pack: %s (code %d)", e.Message, e.Number)
}

// Code returns the module's code.
func (e *GuestError) Code() uint32 { return e.Number }
