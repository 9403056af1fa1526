package store

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/issuant/issuant/engine"
)

// Store is what serve keeps its memory in. Open has one over SQL; another, for
// example over Valkey, has to pass storetest.RunLedger. It is safe for concurrent use.
type Store interface {
	engine.Ledger

	// Fill sets the velocity facts of ev as they were at the instant at, exactly,
	// with what any process has committed before the call. Where the store cannot be
	// asked, the facts stay absent and the error tells why: ErrUnavailable, or
	// ErrDamaged when the database was set back to an earlier state.
	Fill(ctx context.Context, ev *engine.Event, at time.Time) error

	// Head returns the end of the chain.
	Head(ctx context.Context) (engine.Chain, error)
	// Anchor returns the place after which the kept lines go on: the beginning, until
	// retention has deleted lines.
	Anchor(ctx context.Context) (engine.Chain, error)
	// Records yields the lines after a place in order, up to the end as it was when
	// it was asked for. An error ends it. Lines that retention deletes meanwhile are left out.
	Records(ctx context.Context, after uint64) iter.Seq2[Line, error]
	// Find returns the lines of decisions and events with that id, newest first, at most MaxFound.
	Find(ctx context.Context, id string) ([]Line, error)
	// Verify follows the chain from the anchor to the head and returns the end of its
	// good part. What does not follow is an ErrDamaged that tells the seq.
	Verify(ctx context.Context) (engine.Chain, error)

	// PutListEntry adds an entry to a runtime list, or replaces the one of equal value.
	// Like the other changes it leaves a line in the chain, whose seq is returned.
	PutListEntry(ctx context.Context, e ListEntry) (seq uint64, err error)
	// RemoveListEntry removes an entry; one that is not there is an ErrConfig.
	RemoveListEntry(ctx context.Context, r ListRemoval) (seq uint64, err error)
	// ListEntries returns the entries of a list, or of all for "", by list and value;
	// those that have expired too.
	ListEntries(ctx context.Context, list string) ([]ListEntry, error)
	// ListChanges yields the changes of a list, or of all for "", oldest first. An
	// error ends it. Retention deletes none.
	ListChanges(ctx context.Context, list string) iter.Seq2[ListChange, error]
	// ListVersion returns the seq of the last change of any list; 0: there was none.
	// It is cheap enough to be asked every second.
	ListVersion(ctx context.Context) (uint64, error)

	// PutApproval stores that somebody approved a pack and its lists; a second approval
	// of the two by the same person is an ErrConfig.
	PutApproval(ctx context.Context, a Approval) (seq uint64, err error)
	// Approvals returns the approvals of a pack, with whatever lists, or of all packs for
	// "", oldest first.
	Approvals(ctx context.Context, pack string) ([]Approval, error)

	// PutDataKey stores a key under which events are sealed; records may be sealed under
	// it once this has returned. Retention leaves it.
	PutDataKey(ctx context.Context, k DataKey) (seq uint64, err error)
	// DataKeys returns the data key of that id, or all for "", oldest first.
	DataKeys(ctx context.Context, id string) ([]DataKey, error)

	// PutMark notes the signed file that is put in force in a place. It never lowers a
	// revision: where a higher one is noted under the same name, that stays.
	PutMark(ctx context.Context, m Mark) (seq uint64, err error)
	// Marks returns the marks of a place, or of all for "", the newest first.
	Marks(ctx context.Context, place string) ([]Mark, error)

	// Health returns nil when the store can read and write; else why not.
	Health(ctx context.Context) error
	// Stats returns numbers for metrics. It does not touch the database.
	Stats() Stats
	// Close commits what waits and closes the store. After it, Commit returns ErrRecord.
	Close() error
}

// Line is one line of the chain.
type Line struct {
	Seq  uint64
	At   time.Time
	Text []byte // canonical JSON, without newline
}

// Durability tells when Commit returns.
type Durability uint8

// The durabilities.
const (
	// Batch: when the disk has it; entries that arrive while a commit runs share the next one.
	Batch Durability = iota
	// Always: when the disk has it, and each entry has a commit of its own.
	Always
	// Off: when the operating system has it. It survives the end of the process, but
	// not that of the machine's power; Durable is false.
	Off
)

// String returns batch, always or off.
func (d Durability) String() string {
	switch d {
	case Batch:
		return "batch"
	case Always:
		return "always"
	}
	return "off"
}

// ParseDurability reads what String returns; anything else is an ErrConfig.
func ParseDurability(s string) (Durability, error) {
	for _, d := range []Durability{Batch, Always, Off} {
		if s == d.String() {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%w: durability is batch, always or off, not %q", ErrConfig, s)
}

// Options of Open. The zero options are the safe ones.
type Options struct {
	Durability Durability

	// Keep is how long after its issue a message is remembered; default engine.DefaultKeep.
	Keep time.Duration
	// Max bounds the messages that are remembered; default DefaultMax, at least MinMax.
	// A full memory lets go of what was issued first, and refuses from then on, in
	// every process and after every restart, what was issued at that instant or before.
	Max int

	// Retain is how long records are kept, at least MinRetain; 0: for ever. What is
	// deleted is the oldest part of the chain; an anchor keeps the rest verifiable.
	Retain time.Duration
	// RetainObservations is how long is kept what windows count, at least MinRetain;
	// default and most: RetainObservations. With less, facts over longer windows are absent.
	RetainObservations time.Duration
	// CompleteSince is from when on the observations in the store are complete, if the
	// operator knows it better than the store: by default, since it was created. It is
	// remembered.
	CompleteSince time.Time
	// MaxWindow bounds the events that are counted; default engine.DefaultMaxWindow.
	MaxWindow int

	// Card is how records name cards. A store is created with one form and refuses the other.
	Card engine.CardForm

	// MaxWaiting bounds the entries that wait for a commit; default DefaultMaxWaiting.
	// More are engine.ErrBusy.
	MaxWaiting int
	// CommitTimeout bounds a Commit; default DefaultCommitTimeout, at most MaxCommitTimeout.
	CommitTimeout time.Duration

	// ReadOnly opens a store that another process may own, for reading records, lists
	// and approvals. It creates and changes nothing; Begin, Commit and Fill fail.
	ReadOnly bool

	// MaxConns bounds the connections to PostgreSQL; default DefaultMaxConns, at least 2.
	MaxConns int
	// UnsafeTransport allows a connection to another machine whose end is not
	// verified by TLS: for a tunnel that does it.
	UnsafeTransport bool
}

func (o Options) withDefaults() (Options, error) {
	bad := func(format string, args ...any) (Options, error) {
		return o, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...)
	}
	o.Max = cmp.Or(o.Max, DefaultMax)
	o.MaxWindow = cmp.Or(o.MaxWindow, engine.DefaultMaxWindow)
	o.MaxWaiting = cmp.Or(o.MaxWaiting, DefaultMaxWaiting)
	o.MaxConns = cmp.Or(o.MaxConns, DefaultMaxConns)
	o.Keep = cmp.Or(o.Keep, engine.DefaultKeep)
	o.CommitTimeout = cmp.Or(o.CommitTimeout, DefaultCommitTimeout)
	o.RetainObservations = cmp.Or(o.RetainObservations, RetainObservations)
	switch {
	case o.Durability > Off:
		return bad("durability is batch, always or off")
	case o.Keep < 0 || o.Max < MinMax:
		return bad("a store remembers for a positive time and at least %d messages", MinMax)
	case o.Retain < 0 || o.Retain > 0 && o.Retain < MinRetain:
		return bad("records are kept for %v at least", MinRetain)
	case o.RetainObservations < MinRetain || o.RetainObservations > RetainObservations:
		return bad("observations are kept for %v to %v", MinRetain, RetainObservations)
	case o.MaxWindow < 1 || o.MaxWaiting < 1 || o.MaxConns < 2:
		return bad("MaxWindow and MaxWaiting are positive, MaxConns is at least 2")
	case o.CommitTimeout < 0 || o.CommitTimeout > MaxCommitTimeout:
		return bad("CommitTimeout is not between 0 and %v", MaxCommitTimeout)
	case o.Card > engine.CardBIN:
		return bad("unknown form of card")
	}
	return o, nil
}

// Open opens or creates a store. A path without a scheme, or sqlite:PATH, is an
// SQLite file: it is made with mode 0600, in a directory of mode 0700 if that is
// not there, and refused when others may read or its group may write it. A URL
// postgres://user@host/database is a database with a schema "issuant", which is
// made when it is not there; over a network, TLS must verify the server.
//
// ctx bounds the opening alone. Errors are ErrConfig, ErrLocked, ErrVersion,
// ErrDamaged and ErrUnavailable.
func Open(ctx context.Context, url string, opt Options) (Store, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	t, err := parseURL(url, opt)
	if err != nil {
		return nil, err
	}
	s := newSQLStore(t, opt)
	if err := s.open(ctx, t); err != nil {
		return nil, err
	}
	return s, nil
}
