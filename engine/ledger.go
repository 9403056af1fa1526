package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/issuant/issuant/internal/code"
)

// Entry is what one message leaves behind. It is committed whole or not at all,
// and is not to be changed once it was handed to a Ledger, not even after Commit
// has returned an error.
type Entry struct {
	Record   *Record   // always
	Sighting *Sighting // as given to Begin; nil for what was refused or is a repeat: a record alone

	Answer Reply     // with Sighting: the answer that copies get
	Until  time.Time // up to and including which they get it

	Observed *Observation // what a velocity window counts of the message; nil when it counts nothing
}

// Ledger remembers verified messages and keeps the records of all messages, so that
// a message has one effect, and none without its record. It is safe for concurrent
// use. NewLedger has the one that lives in the process; the module store has those
// that outlive it.
//
// Nothing durable happens between Begin and Commit. A process that dies before
// Commit leaves a message that may come again; one that dies after it leaves the
// stored answer for the copies.
type Ledger interface {
	// Begin asks for the right to answer a message. The first to come in this
	// process gets first = true, and must call Commit with this sighting, or Forget.
	// A copy of equal digest and route waits until that is done, at most as long as
	// ctx allows, and gets the stored answer while now is not after its end. Other
	// errors: ErrReplayed for a copy that is too late or of another digest or route;
	// ErrStale for a message that is older than what the ledger can vouch for;
	// ErrRecord when the ledger cannot be asked; the error of ctx.
	Begin(ctx context.Context, s Sighting, now time.Time) (first bool, answer Reply, err error)
	// Commit appends the record to the chain and, with Sighting, stores key and
	// answer, in one step. It returns nil when that is durable. A *TakenError says
	// that another process answered a copy in the meantime, ErrReplayed that it
	// answered other bytes under the same key or that the copy is too late, ErrStale
	// that the ledger cannot vouch for the message any more: then nothing of e was
	// written. ErrBusy says that too many entries wait. Every other error is an
	// ErrRecord; where the connection to a database broke, what e holds may have
	// become durable all the same, and Begin tells a copy so.
	//
	// Commit ends what Begin began, whatever it returns: copies that wait get the
	// answer, or one of them becomes the first.
	Commit(ctx context.Context, e Entry) error
	// Forget ends what Begin began without an effect: a copy may come again. After
	// Commit, and for an unknown key, it does nothing.
	Forget(key string)
	// Keep is how long after its issue a message is remembered at least.
	Keep() time.Duration
	// Durable tells whether what was remembered outlives the process, and the machine's power.
	Durable() bool
	// Card tells how the records name cards.
	Card() CardForm
}

// TakenError says that another process answered a copy of the message first.
type TakenError struct {
	Answer Reply // what the copy was answered; this one gets the same
}

func (e *TakenError) Error() string { return "engine: another process answered a copy of the message" }

// Code returns the code "repeat".
func (e *TakenError) Code() uint32 { return uint32(code.Repeat) }

// Is makes errors.Is find ErrRepeat.
func (e *TakenError) Is(target error) bool { return target == error(ErrRepeat) }

// LedgerOptions of NewLedger. Memory and Journal are required.
type LedgerOptions struct {
	Memory  Memory
	Journal *Journal
	Window  *Window // gets what is observed; nil: nobody counts
}

// NewLedger makes a Ledger of a memory and a journal. The journal comes first: a
// process that dies between the two has a record of a message that may come again.
// Its errors are ErrConfig.
func NewLedger(opt LedgerOptions) (*ProcessLedger, error) {
	if opt.Memory == nil || opt.Journal == nil {
		return nil, fmt.Errorf("%w: a ledger needs a memory and a journal", ErrConfig)
	}
	return &ProcessLedger{opt}, nil
}

// ProcessLedger is the Ledger in the process; see NewLedger.
type ProcessLedger struct{ opt LedgerOptions }

// Begin implements Ledger.
func (l *ProcessLedger) Begin(ctx context.Context, s Sighting, now time.Time) (bool, Reply, error) {
	return l.opt.Memory.Begin(ctx, s, now)
}

// Commit implements Ledger. It does not look at ctx: a journal's writer cannot be called back.
func (l *ProcessLedger) Commit(_ context.Context, e Entry) error {
	if err := l.opt.Journal.Append(e.Record); err != nil {
		if e.Sighting != nil {
			l.opt.Memory.Forget(e.Sighting.Key)
		}
		return err
	}
	if e.Observed != nil && l.opt.Window != nil {
		l.opt.Window.Add(*e.Observed)
	}
	if e.Sighting == nil {
		return nil
	}
	// A memory that fails here has no answer for copies; the message stays
	// remembered, so that it cannot have a second effect.
	return l.opt.Memory.Finish(e.Sighting.Key, e.Answer, e.Until)
}

// Forget implements Ledger.
func (l *ProcessLedger) Forget(key string) { l.opt.Memory.Forget(key) }

// Keep implements Ledger.
func (l *ProcessLedger) Keep() time.Duration { return l.opt.Memory.Keep() }

// Durable implements Ledger.
func (l *ProcessLedger) Durable() bool { return l.opt.Memory.Durable() }

// Card implements Ledger.
func (l *ProcessLedger) Card() CardForm { return l.opt.Journal.card }

// observes tells the gate whether an Observation is worth the work.
func (l *ProcessLedger) observes() bool { return l.opt.Window != nil }
