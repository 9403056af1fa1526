package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/issuant/issuant/engine"
	lib "modernc.org/sqlite/lib"
)

// sqlStore is a Store over SQL. One goroutine writes; see write.
type sqlStore struct {
	opt     Options
	name    string
	secrets []string // never to be seen in an error
	shared  bool     // other processes may write it too
	db      backend

	flights flights
	clock   clock
	stats   stats

	closing sync.RWMutex
	closed  bool
	queue   chan *item
	jobs    chan func() // what else the writer has to do, see Health
	written chan struct{}
	batch   batch // the writer's

	window   *engine.Window
	complete atomic.Int64 // from when on, see Options.CompleteSince
	tail     tail
}

func newSQLStore(t target, opt Options) *sqlStore {
	s := &sqlStore{
		opt: opt, name: t.name, shared: t.pg != nil,
		flights: flights{open: map[string]*flight{}},
		queue:   make(chan *item, opt.MaxWaiting), jobs: make(chan func()), written: make(chan struct{}),
	}
	s.clock.opened = time.Now()
	s.clock.wall = s.clock.opened.Round(0)
	s.tail.read, s.tail.timeout = s.readTail, max(opt.CommitTimeout, tailTimeout)
	if t.pg == nil {
		s.db = newSQLite(t.path, opt)
		return s
	}
	s.db = newPostgres(t.pg, opt)
	if p := t.pg.ConnConfig.Password; p != "" {
		s.secrets = append(s.secrets, p)
	}
	return s
}

// hide returns the text of an error of a driver as it may be shown: on one line,
// without a password.
func (s *sqlStore) hide(err error) string {
	text := err.Error()
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, "(password)")
	}
	return strings.Join(strings.Fields(text), " ")
}

func (s *sqlStore) open(ctx context.Context, t target) error {
	now := nanos(s.clock.opened)
	fresh := freshHead{card: int64(s.opt.Card), now: now, completeSince: now}
	if err := s.db.open(ctx, fresh); err != nil {
		return s.openError(err)
	}
	err := s.adopt(ctx)
	if err == nil && !s.opt.ReadOnly {
		err = s.load(ctx)
	}
	if err != nil {
		s.db.close()
		return s.openError(err)
	}
	if s.opt.ReadOnly {
		close(s.written)
		return nil
	}
	go s.write()
	return nil
}

// openError gives an error of a driver the name under which the operator can act on it.
func (s *sqlStore) openError(err error) error {
	for _, ours := range []error{ErrConfig, ErrLocked, ErrVersion, ErrDamaged} {
		if errors.Is(err, ours) {
			return err
		}
	}
	if e, ok := errors.AsType[*serverError](err); ok {
		return fmt.Errorf("%w: %s: %s", ErrConfig, s.name, e.msg)
	}
	if isCode(err, lib.SQLITE_NOTADB, lib.SQLITE_CORRUPT) {
		return fmt.Errorf("%w: %s is no SQLite file, or a damaged one: %s", ErrDamaged, s.name, s.hide(err))
	}
	return s.unavailable("open "+s.name, err)
}

// adopt checks that the store is what the options say, and takes over what it knows.
func (s *sqlStore) adopt(ctx context.Context) error {
	var card, since int64
	r, err := s.db.query(ctx, `SELECT card, complete_since FROM head`)
	found, err := one(r, err, &card, &since)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("%w: %s has no head", ErrDamaged, s.name)
	}
	if engine.CardForm(card) != s.opt.Card && !s.opt.ReadOnly {
		return fmt.Errorf("%w: %s names cards in another form; together the two can be searched back to the card number", ErrConfig, s.name)
	}
	s.opt.Card = engine.CardForm(card)
	if told := s.opt.CompleteSince; !told.IsZero() && !s.opt.ReadOnly && nanos(told) != since {
		since = nanos(told)
		err = s.db.update(ctx, func(x executor) error {
			_, err := x.exec(ctx, `UPDATE head SET complete_since = $1`, since)
			return err
		})
		if err != nil {
			return err
		}
	}
	s.complete.Store(since)
	var h head
	r, err = s.db.query(ctx, selectHead)
	_, err = one(r, err, h.dest()...)
	s.stats.at(h)
	return err
}

// Close implements Store.
func (s *sqlStore) Close() error {
	s.closing.Lock()
	again := s.closed
	if !again {
		s.closed = true
		close(s.queue)
	}
	s.closing.Unlock()
	<-s.written
	if again {
		return nil
	}
	if err := s.db.close(); err != nil {
		return s.unavailable("close", err)
	}
	return nil
}

// healthy is how long after a good commit the store counts as working.
const healthy = time.Second

// Health implements Store. It writes, unless something was just written: only that
// tells whether the disk is full.
func (s *sqlStore) Health(ctx context.Context) error {
	if s.opt.ReadOnly {
		_, err := s.Head(ctx)
		return err
	}
	if s.stats.goodSince(healthy) {
		return nil
	}
	result := make(chan error, 1)
	job := func() {
		ctx, cancel := context.WithTimeout(context.Background(), s.opt.CommitTimeout)
		defer cancel()
		err := s.db.probe(ctx)
		s.stats.probed(err, s.hide)
		result <- err
	}
	select {
	case s.jobs <- job:
	case <-s.written:
		return fmt.Errorf("%w: it is closed", ErrClosed)
	case <-ctx.Done():
		return s.unavailable("health", errors.New("the commit that runs takes too long"))
	}
	select {
	case err := <-result:
		if err != nil {
			return s.unavailable("write", err)
		}
		return nil
	case <-ctx.Done():
		return s.unavailable("write", errors.New("it takes too long"))
	}
}

// clock knows what time it is by the instants that the store was given: tests, and
// servers whose clock was set, do not live in the machine's time. Between them it
// goes on at the pace of the machine.
type clock struct {
	opened time.Time // by both clocks of the machine
	wall   time.Time // the same by the one that can be set

	mu    sync.Mutex
	given time.Time
	at    time.Time // when it was given
}

func (c *clock) tell(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given, c.at = now.Round(0), time.Now()
}

// now returns the instant; told is false when it is the machine's alone.
func (c *clock) now() (now time.Time, told bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		return time.Now(), false
	}
	return c.given.Add(time.Since(c.at)), true
}

// steady reports whether the machine's clock has gone at its pace since the store
// was opened. Where it has not, nothing is deleted by age: it may be set back.
func (c *clock) steady() bool {
	return (time.Now().Round(0).Sub(c.wall) - time.Since(c.opened)).Abs() < maxDrift
}
