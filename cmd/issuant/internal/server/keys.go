package server

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/issuant/issuant/cmd/issuant/internal/config"
	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/crypto/keyring/source"
	"github.com/issuant/issuant/crypto/secret"
)

// keySource is where the keys of a counterpart come from.
type keySource interface {
	keyring.Lookup
	Ring() *keyring.Ring // the keys in force, nil when there are none
	Fetched() time.Time  // when they were last known to be good
}

// fileKeys are keys from files. They stay in force while their files are there, and
// for maxStale after they were last seen whole.
type fileKeys struct {
	live     *keyring.Live
	maxStale time.Duration
	seen     atomic.Pointer[time.Time] // the last look at which all was in order; monotonic, so that a clock that jumps takes no keys away
	now      func() time.Time
}

func newFileKeys(ring *keyring.Ring, maxStale time.Duration, now func() time.Time) *fileKeys {
	k := &fileKeys{live: keyring.NewLive(ring), maxStale: maxStale, now: now}
	k.confirm()
	return k
}

// confirm says that the files are as they are in force.
func (k *fileKeys) confirm() {
	now := k.now()
	k.seen.Store(&now)
}

// Lookup implements keyring.Lookup.
func (k *fileKeys) Lookup(id string) (*keyring.Key, bool) { return k.Ring().Lookup(id) }

// Ring returns the keys in force.
func (k *fileKeys) Ring() *keyring.Ring {
	if k.now().Sub(k.Fetched()) > k.maxStale {
		return nil
	}
	return k.live.Ring()
}

// Fetched returns when the files were last seen in order.
func (k *fileKeys) Fetched() time.Time { return *k.seen.Load() }

func isURL(keys string) bool { return strings.Contains(keys, "://") }

// loadKeys reads a key file or a folder of key files. Weak and unreadable entries
// are warnings; a document that is broken, or has no usable key, is an error.
func loadKeys(name string, opt source.Options, now time.Time) (*keyring.Ring, []string, error) {
	keys, warnings, err := source.Load(name, opt)
	if err != nil {
		return nil, warnings, placedKeys(name, err)
	}
	ring, err := ringOf(keys, now)
	return ring, warnings, err
}

// ringOf refuses keys of which none can be used.
func ringOf(keys []keyring.Key, now time.Time) (*keyring.Ring, error) {
	ring, err := keyring.NewRing(keys...)
	if err != nil {
		return nil, err
	}
	if ring.Valid(now) == 0 {
		return nil, fmt.Errorf("none of %d keys is usable: %s", ring.Len(), firstUnusable(ring, now))
	}
	return ring, nil
}

// placedKeys words what is wrong with a key document for a fault, which names the
// file or folder itself.
func placedKeys(name string, err error) error {
	var e *source.Error
	if !errors.As(err, &e) {
		return err
	}
	if e.Err != nil {
		return inFile(name, e.File, e.Err)
	}
	if e.Line > 0 {
		return inFile(name, e.File, fmt.Errorf("line %d, column %d: %s", e.Line, e.Column, e.Msg))
	}
	return inFile(name, e.File, errors.New(e.Msg))
}

// inFile names the file within a folder.
func inFile(name, file string, err error) error {
	if name == file {
		return err
	}
	return fmt.Errorf("%s: %w", filepath.Base(file), pathErr(err))
}

// loadRefKey reads ID:HEX, one line; the key has 32 bytes at least.
func loadRefKey(name string) (secret.RefKey, error) {
	data, err := readSecret(name)
	if err != nil {
		return secret.RefKey{}, err
	}
	id, digits, ok := strings.Cut(strings.TrimSpace(string(data)), ":")
	key, herr := hex.DecodeString(digits)
	if !ok || herr != nil {
		return secret.RefKey{}, errors.New(`it is not one line ID:HEX, as (umask 077; echo "k1:$(openssl rand -hex 32)" > ref.key) makes one`)
	}
	ref, err := secret.NewRefKey(id, key)
	if err != nil {
		return secret.RefKey{}, errors.New("the id has 1 to 16 of a-z 0-9 _ -, and the key 32 bytes at least, in hexadecimal")
	}
	return ref, nil
}

// runHTTPS fetches keys until ctx ends: as the key server says, or every so often.
func runHTTPS(ctx context.Context, keys *source.HTTPS, every time.Duration) {
	if every == 0 {
		_ = keys.Run(ctx) // it ends with ctx
		return
	}
	for {
		wait := every
		if keys.Refresh(ctx) != nil {
			wait = min(every, 30*time.Second)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// keyFault places what is wrong with the keys of a counterpart.
func keyFault(c *config.Counterpart, err error) config.Fault {
	return fileFault(c.Place("keys"), "counterparts."+c.Name+".keys", c.Keys, err)
}
