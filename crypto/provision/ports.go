package provision

import (
	"context"
	"io"
	"maps"

	"fmt"
	"time"

	"github.com/issuant/issuant/crypto/provision/card"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/internal/code"
)

// Ports are what Build reaches out to. Cards and Spent are required.
type Ports struct {
	Cards PANSource
	Spent Spent
	// Refs, where given, are the keys of card references: the card that Cards gives must
	// have the grant's reference under one of them, so that a source that mixes cards up
	// is found out. nil: references are the source's own affair (a processor's card id).
	Refs *secret.RefKeys
}

func (p *Ports) check() error {
	if p.Cards == nil || p.Spent == nil {
		return code.Wrap(ErrOptions, "Ports needs Cards and Spent")
	}
	return nil
}

// PANSource finds the card behind a reference, for issuers whose decisions hold
// references only: a vault, a processor's API, a sealed file. It is asked once for each
// grant that was spent. It is safe for concurrent use and keeps to ctx. Build does not
// change or keep the card.
type PANSource interface {
	Card(ctx context.Context, ref string) (*card.Card, error)
}

// Cards is a PANSource in memory, for tests and small tools. It prints as "[cards]".
type Cards struct {
	find func(ref string) (card.Card, bool)
}

// NewCards copies the map; addresses are shared.
func NewCards(byRef map[string]card.Card) *Cards {
	own := maps.Clone(byRef)
	return &Cards{func(ref string) (card.Card, bool) { c, ok := own[ref]; return c, ok }}
}

// Card implements PANSource; the error is an ErrPANSource.
func (c *Cards) Card(_ context.Context, ref string) (*card.Card, error) {
	if c == nil || c.find == nil {
		return nil, ErrPANSource
	}
	found, ok := c.find(ref)
	if !ok {
		return nil, code.Wrap(ErrPANSource, "no card of that reference")
	}
	return &found, nil
}

// Format writes a placeholder, whatever the verb.
func (c *Cards) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[cards]") }

// MarshalText returns a placeholder; JSON, XML and slog use it.
func (c *Cards) MarshalText() ([]byte, error) { return []byte("[cards]"), nil }

// Spent remembers grants that were used. NewMemory has the one that lives in the
// process; engine.SpentIn makes one of a Ledger, which may outlive it and be shared by
// many processes.
type Spent interface {
	// Spend inserts the grant's id, atomically and once: of any number of callers with
	// grants of one id, one gets nil. The others, and later ones, get an error that wraps
	// ErrGrantSpent. It remembers until g.Expires at least; a memory that cannot vouch for
	// a grant, because it is full or was begun later, refuses it.
	Spend(ctx context.Context, g *Grant, now time.Time) error
}
