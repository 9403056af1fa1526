package store

import (
	"errors"
	"fmt"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/internal/code"
)

// Errors of the package; errors.Is finds them in what the functions return. None
// holds a password. What Begin and Commit return, engine.Ledger tells.
var (
	// ErrConfig: the URL, an option or the permissions of a file; the operator changes these.
	ErrConfig = code.New(code.Config, "store: bad configuration")
	// ErrLocked: another process owns the SQLite file.
	ErrLocked = code.New(code.Store, "store: another process owns the file")
	// ErrUnavailable: the store cannot be reached, or failed.
	ErrUnavailable = code.New(code.Store, "store: unavailable")
	// ErrVersion: a newer release of this module wrote the store, or an older one a store that
	// is opened for reading only.
	ErrVersion = code.New(code.Version, "store: written by another version")
	// ErrDamaged: what the store holds is not what was written.
	ErrDamaged = code.New(code.Store, "store: damaged")
	// ErrClosed: the store was closed.
	ErrClosed = code.New(code.Store, "store: closed")
	// ErrReadOnly: the store was opened with ReadOnly.
	ErrReadOnly = code.New(code.Store, "store: opened for reading only")
)

// unavailable names a failure of the database. The cause is kept as text alone, so
// that nothing that holds a connection's settings can be printed through it.
func (s *sqlStore) unavailable(doing string, err error) error {
	return fmt.Errorf("%w: %s: %s", ErrUnavailable, doing, s.hide(err))
}

// record is unavailable for what Begin and Commit return.
func (s *sqlStore) record(doing string, err error) error {
	if errors.Is(err, engine.ErrRecord) {
		return err
	}
	return fmt.Errorf("%w: %s: %s", engine.ErrRecord, doing, s.hide(err))
}
