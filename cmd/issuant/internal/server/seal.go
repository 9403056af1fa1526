package server

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/issuant/issuant/crypto/seal"
	"github.com/issuant/issuant/store"
)

// eventSealer seals the events of records to the auditors. One data key seals many of
// them; it is in the store before the first record that needs it, and made anew when it
// is spent.
type eventSealer struct {
	to  *seal.Recipients
	db  store.Store // nil: the memory of the process keeps no keys, and each event is sealed on its own
	now func() time.Time

	mu  sync.Mutex // held while a key is made
	key atomic.Pointer[seal.DataKey]
}

// seal is what a gate calls.
func (s *eventSealer) seal(decisionID string, evidence []byte) (string, error) {
	if s.db == nil {
		return seal.Seal(s.to, evidence)
	}
	for {
		key := s.key.Load()
		if key != nil {
			text, err := key.Seal(decisionID, 0, evidence, s.now())
			if !errors.Is(err, seal.ErrSpent) {
				return text, err
			}
		}
		if err := s.renew(key); err != nil {
			return "", err
		}
	}
}

// renew puts another key in the place of one that is spent, unless somebody else has.
func (s *eventSealer) renew(spent *seal.DataKey) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key.Load() != spent {
		return nil
	}
	key, err := seal.NewDataKey(s.to, seal.DataKeyLimits{}, s.now())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), listsTimeout)
	defer cancel()
	if _, err := s.db.PutDataKey(ctx, store.DataKey{ID: key.ID(), Wrapped: key.Wrapped(), At: s.now().UTC()}); err != nil {
		return err
	}
	s.key.Store(key)
	return nil
}

// sealerFor returns the sealer for the recipients; its data key outlives reloads that
// leave them as they are.
func (s *Server) sealerFor(to *seal.Recipients) *eventSealer {
	s.sealing.Lock()
	defer s.sealing.Unlock()
	if s.sealer == nil || s.sealer.to.String() != to.String() {
		s.sealer = &eventSealer{to: to, db: s.listStore(), now: s.opt.Now}
	}
	return s.sealer
}
