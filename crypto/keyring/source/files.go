package source

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/issuant/issuant/crypto/keyring"
	"github.com/issuant/issuant/internal/filemode"
	"github.com/issuant/issuant/internal/watch"
)

// DefaultPoll is how often files are looked at without a sign that they changed.
const DefaultPoll = 30 * time.Second

// FilesOptions set up a source of files. What is zero takes the default.
type FilesOptions struct {
	Options
	// MaxStale is how long keys may be used after the files were last in order: default
	// and at most 24 h. Then all keys vanish.
	MaxStale time.Duration
	// Poll is how often Run looks at the files, since not every file system tells of
	// its changes: default 30 s, at least 100 ms, at most 1 h.
	Poll time.Duration
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Log is told what happens: keys_refreshed (with the ids that are new and those
	// that are gone), keys_refresh_failed, key_warning, keys_not_watched, with attributes as
	// name, value pairs. Default: nobody. It must not call methods of the source.
	Log func(event string, attrs ...any)
}

// Files serves the keys of a file, or of the files of a folder, and takes them anew
// when they change. Lookup takes no lock and does not block. Files that are broken,
// gone, or without a usable key change nothing: the last good set stays, for MaxStale.
// Keys that the files no longer hold are gone at once. Safe for concurrent use.
type Files struct {
	path string
	opt  FilesOptions
	held

	mu    sync.Mutex // one look at a time; guards what follows
	sum   [sha256.Size]byte
	known bool // sum is that of the keys in force
}

// NewFiles reads the keys at once. An error wraps ErrOptions, or is what Load returns,
// or says that no key is usable.
func NewFiles(path string, opt FilesOptions) (*Files, error) {
	opt.MaxStale, opt.Poll = cmp.Or(opt.MaxStale, DefaultMaxStale), cmp.Or(opt.Poll, DefaultPoll)
	if opt.MaxStale < 0 || opt.MaxStale > DefaultMaxStale {
		return nil, fmt.Errorf("%w: MaxStale is not between 0 and %v", ErrOptions, DefaultMaxStale)
	}
	if opt.Poll < 100*time.Millisecond || opt.Poll > time.Hour {
		return nil, fmt.Errorf("%w: Poll is not between 100 ms and 1 h", ErrOptions)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = func(string, ...any) {}
	}
	f := &Files{path: path, opt: opt}
	f.maxStale, f.now = opt.MaxStale, opt.Now
	return f, f.Refresh(context.Background())
}

// Refresh looks at the files now. When they are as they were, their keys are good for
// another MaxStale; an error means that the keys in force stay, and the time runs.
func (f *Files) Refresh(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	sum, err := f.digest()
	if err == nil && f.known && sum == f.sum {
		set := *f.set.Load()
		set.fetched = f.now()
		f.set.Store(&set)
		return nil
	}
	var set *keySet
	if err == nil {
		set, err = f.load()
	}
	// What was written to while it was read is looked at again.
	if after, aerr := f.digest(); err == nil && (aerr != nil || after != sum) {
		err = &Error{File: f.path, Msg: "changed while it was read; it is looked at again"}
	}
	if err != nil {
		f.opt.Log("keys_refresh_failed", "path", f.path, "error", err.Error())
		return err
	}
	f.sum, f.known = sum, true
	f.opt.Log("keys_refreshed", append([]any{"path", f.path}, f.take(set)...)...)
	return nil
}

func (f *Files) load() (*keySet, error) {
	keys, warnings, err := Load(f.path, f.opt.Options)
	for _, w := range warnings {
		f.opt.Log("key_warning", "path", f.path, "warning", w)
	}
	if err != nil {
		return nil, err
	}
	ring, err := keyring.NewRing(keys...)
	if err != nil {
		return nil, &Error{File: f.path, Msg: err.Error(), Err: err}
	}
	now := f.now()
	if ring.Valid(now) == 0 {
		return nil, &Error{File: f.path, Msg: fmt.Sprintf("none of %d keys is usable: %s", ring.Len(), firstRefusal(ring, now))}
	}
	return &keySet{ring: ring, fetched: now}, nil
}

// firstRefusal says why the first key of a ring that has no usable one is not.
func firstRefusal(ring *keyring.Ring, now time.Time) string {
	for _, k := range ring.All() {
		if k.Refused != "" {
			return fmt.Sprintf("key %s: %s", quoteID(k.ID), k.Refused)
		}
		if !k.ValidAt(now) {
			return fmt.Sprintf("key %s is out of date", quoteID(k.ID))
		}
	}
	return "there is none"
}

// digest is over the names, modes and contents of the files.
func (f *Files) digest() (sum [sha256.Size]byte, err error) {
	names, _, err := documents(f.path)
	if err != nil {
		return sum, err
	}
	all := sha256.New()
	for _, name := range names {
		st, err := os.Stat(name)
		if err != nil {
			return sum, notRead(name, err)
		}
		data, err := filemode.ReadSmall(name)
		if err != nil {
			return sum, notRead(name, err)
		}
		one := sha256.Sum256(data)
		clear(data)
		fmt.Fprintf(all, "%q %v %x\n", name, st.Mode(), one)
	}
	return [sha256.Size]byte(all.Sum(nil)), nil
}

// Run looks at the files when the system tells of a change, and every Poll. It
// returns when ctx ends, with its error. Where the system cannot watch, Poll alone is
// gone by.
func (f *Files) Run(ctx context.Context) error {
	watcher, err := watch.New()
	var events <-chan struct{}
	if err != nil {
		f.opt.Log("keys_not_watched", "path", f.path, "error", err.Error())
	} else {
		defer watcher.Close()
		events = watcher.Events()
	}
	told := ""
	for {
		if watcher != nil {
			// A folder that has come anew needs a new watch; what fails is polled.
			err := watcher.Set([]string{f.path})
			if err != nil && err.Error() != told && !errors.Is(err, os.ErrNotExist) {
				told = err.Error()
				f.opt.Log("keys_not_watched", "path", f.path, "error", told)
			}
		}
		// Between the last look and the watch something may have happened.
		_ = f.Refresh(ctx) // the log tells
		poll := time.NewTimer(f.opt.Poll)
		select {
		case <-ctx.Done():
			poll.Stop()
			return ctx.Err()
		case <-events:
		case <-poll.C:
		}
		poll.Stop()
	}
}
