package records

import (
	"context"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/store"
)

// Store is a Source of the lines of a store.
type Store struct{ store.Store }

// OpenStore opens a store for reading; another process may own it.
func OpenStore(ctx context.Context, url string) (*Store, error) {
	s, err := store.Open(ctx, url, store.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	return &Store{s}, nil
}

// Bounds implements Source.
func (s *Store) Bounds(ctx context.Context) (begin, end *engine.Chain, err error) {
	// The end first: retention may move the beginning while more is written.
	e, err := s.Head(ctx)
	if err != nil {
		return nil, nil, err
	}
	b, err := s.Anchor(ctx)
	return &b, &e, err
}

// Each implements Source.
func (s *Store) Each(ctx context.Context, w Walk, visit func(Text) error) error {
	after := w.After
	for first := true; ; first = false {
		for l, err := range s.Records(ctx, after) {
			if err != nil {
				return err
			}
			if err := visit(Text{Seq: l.Seq, Bytes: l.Text}); err != nil {
				return err
			}
			after = l.Seq
		}
		if !w.Follow {
			return ctx.Err()
		}
		if first && w.CaughtUp != nil {
			if err := w.CaughtUp(); err != nil {
				return err
			}
		}
		if err := sleep(ctx); err != nil {
			return err
		}
	}
}

// Find implements Source.
func (s *Store) Find(ctx context.Context, id string, visit func(Text) error) error {
	lines, err := s.Store.Find(ctx, id)
	for i := len(lines) - 1; i >= 0 && err == nil; i-- { // oldest first
		err = visit(Text{Seq: lines[i].Seq, Bytes: lines[i].Text})
	}
	return err
}

// DataKey implements Source.
func (s *Store) DataKey(ctx context.Context, id string) (wrapped string, err error) {
	keys, err := s.DataKeys(ctx, id)
	if err != nil || len(keys) == 0 {
		return "", err
	}
	return keys[0].Wrapped, nil
}
