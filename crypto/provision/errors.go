package provision

import (
	"fmt"
	"io"

	"github.com/issuant/issuant/internal/code"
)

// Errors of the package; errors.Is finds them in what the functions return. None holds
// anything of a card, of a key, or of what the phone sent.
var (
	// ErrNoGrant: the grant is nil or zero, or the text is no grant.
	ErrNoGrant = code.New(code.NoGrant, "provision: there is no grant")
	// ErrGrantForged: no key that makes grants for this audience has signed it.
	ErrGrantForged = code.New(code.GrantForged, "provision: the grant is not signed by a key that makes grants")
	// ErrGrantTime: the grant is not good yet, or not any more. Decide again.
	ErrGrantTime = code.New(code.GrantTime, "provision: the grant is not of this time")
	// ErrGrantBound: the grant is for another card, network, wallet, account, device or nonce.
	ErrGrantBound = code.New(code.GrantBound, "provision: the grant is for something else")
	// ErrGrantSpent: the grant was used before. Decide again.
	ErrGrantSpent = code.New(code.GrantSpent, "provision: the grant was used before")
	// ErrGrantKey: the key cannot sign grants, or the audience is none.
	ErrGrantKey = code.New(code.GrantKey, "provision: the key cannot sign grants")
	// ErrPANSource: the source of card numbers failed, or gave another card.
	ErrPANSource = code.New(code.PANSource, "provision: the source of card numbers has not the card")
	// ErrMemoryFull: the memory of spent grants is full; a grant is refused before one
	// is forgotten.
	ErrMemoryFull = code.New(code.MemoryFull, "provision: the memory of spent grants is full")
	// ErrOptions: ports, or options of this package, are not usable.
	ErrOptions = code.New(code.Config, "provision: options are not usable")
	// ErrDeadline: the context ended on the way.
	ErrDeadline = code.New(code.Deadline, "provision: the time for a payload has passed")
	// ErrInternal: a port or a target broke.
	ErrInternal = code.New(code.Internal, "provision: a port or a target broke")
)

// SourceError is an ErrPANSource around what a PANSource returned. Its text is constant,
// since a foreign error may quote a card number; Unwrap has the foreign error.
type SourceError struct{ err error }

func (e *SourceError) Error() string { return ErrPANSource.Error() }

// Code returns the code "pan_source".
func (e *SourceError) Code() uint32 { return ErrPANSource.Code() }

// Is makes errors.Is find ErrPANSource.
func (e *SourceError) Is(target error) bool { return target == error(ErrPANSource) }

// Unwrap returns what the source returned.
func (e *SourceError) Unwrap() error { return e.err }

// Format writes the constant text, whatever the verb.
func (e *SourceError) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, e.Error()) }
