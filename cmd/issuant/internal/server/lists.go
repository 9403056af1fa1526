package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/cmd/issuant/internal/lists"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/store"
)

const (
	listsEvery   = time.Second     // how often the store is asked whether a list has changed
	listsTimeout = 2 * time.Second // for the answer
)

// runtimeLists are the lists that operators change while the server runs, and the
// engines that decide with them.
type runtimeLists struct {
	mu      sync.Mutex
	overlay *lists.Overlay
	version uint64
	entries int
	pack    *rules.Pack // in force, with its own lists
	engines []*engine.Engine

	reading sync.Mutex // one reading at a time, so that none puts an older state in force
}

// listStore is the store of the lists; nil when the server keeps its memory in the process.
func (s *Server) listStore() store.Store {
	k, _ := s.keeper.(store.Store)
	return k
}

// readLists takes the lists from the store when they have changed. The version is
// read first: what changes between the two readings is read again the next time.
func (s *Server) readLists(ctx context.Context) error {
	db, l := s.listStore(), &s.lists
	if db == nil {
		return nil
	}
	l.reading.Lock()
	defer l.reading.Unlock()
	ctx, cancel := context.WithTimeout(ctx, listsTimeout)
	defer cancel()
	version, err := db.ListVersion(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	known := l.overlay != nil && l.version == version
	l.mu.Unlock()
	if known {
		return nil
	}
	entries, err := db.ListEntries(ctx, "")
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.overlay == nil {
		l.overlay = lists.NewOverlay(nil)
	}
	l.overlay.Set(entries)
	if err := l.lay(l.pack, l.engines); err != nil {
		return err
	}
	l.version, l.entries = version, len(entries)
	return nil
}

// lay puts a pack with the runtime entries into engines. The caller holds mu.
func (l *runtimeLists) lay(p *rules.Pack, engines []*engine.Engine) error {
	if l.overlay == nil || p == nil {
		return nil
	}
	laid, kill, err := l.overlay.Lay(p)
	if err != nil {
		return err
	}
	for _, e := range engines {
		if err := errors.Join(e.SwapKill(kill...), e.Swap(laid)); err != nil {
			return err
		}
	}
	return nil
}

// install puts a generation in force, with the runtime lists as they are.
func (s *Server) install(p *parts, next *generation) error {
	l := &s.lists
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.lay(p.pack, next.engines); err != nil {
		return err
	}
	l.pack, l.engines = p.pack, next.engines
	s.parts.Store(p)
	s.routes.Store(&next.routes)
	return nil
}

// listFaults tells that a pack and the runtime lists do not go together.
func listFaults(err error) []config.Fault {
	return []config.Fault{{Key: "pack", Msg: fmt.Sprintf("does not go with the runtime lists: %v", err), Class: config.BadRules}}
}

// followLists reads the lists again and again. What cannot be read stays as it is.
func (s *Server) followLists(ctx context.Context) {
	if s.listStore() == nil {
		return
	}
	tick := time.NewTicker(listsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.refreshLists(ctx)
		s.askAgain(ctx)
	}
}

func (s *Server) refreshLists(ctx context.Context) {
	before := s.listVersion()
	err := s.readLists(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		s.metrics.listErrors.Inc()
		if s.status.failed("lists", "the runtime lists cannot be read, those of the last reading are in force: "+err.Error(), s.opt.Now()) {
			s.log.Warn("the runtime lists cannot be read; those of the last reading are in force", "error", err)
		}
		return
	}
	if s.status.cleared("lists") {
		s.log.Info("the runtime lists can be read again")
	}
	if now := s.listVersion(); now != before {
		s.log.Info("runtime lists", "version", now)
	}
}

func (s *Server) listVersion() uint64 {
	s.lists.mu.Lock()
	defer s.lists.mu.Unlock()
	return s.lists.version
}

func (s *Server) runtimeEntries() int {
	s.lists.mu.Lock()
	defer s.lists.mu.Unlock()
	return s.lists.entries
}
