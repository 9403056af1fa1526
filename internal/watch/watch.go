// Package watch tells that files may have changed. It watches folders, not files,
// since editors and Kubernetes replace files by renaming others over them; what has
// really changed is for the caller to find out, who looks by himself from time to
// time as well: not every file system tells of its changes.
package watch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// quiet is how long nothing must happen before a change is told, so that a file that
// is being written is not read half; busy bounds the wait.
const (
	quiet = 150 * time.Millisecond
	busy  = 2 * time.Second
)

// Watcher watches folders. Its methods are for one goroutine.
type Watcher struct {
	fs   *fsnotify.Watcher
	dirs []string
	mu   sync.Mutex // guards roots
	// roots are what the caller cares for; other files of the same folders are not
	// told: a database beside a configuration file changes all the time.
	roots  []string
	events chan struct{}
	done   chan struct{}
}

// New returns a watcher of no folder yet. An error means that the system cannot
// watch: then the caller has to look by himself.
func New() (*Watcher, error) {
	fs, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &Watcher{fs: fs, events: make(chan struct{}, 1), done: make(chan struct{})}
	go w.run()
	return w, nil
}

// Events tells that something changed; changes are told together.
func (w *Watcher) Events() <-chan struct{} { return w.events }

// Close ends the watcher.
func (w *Watcher) Close() error {
	err := w.fs.Close()
	<-w.done
	return err
}

// Set watches the folders of these paths and no others: a folder itself with those
// in it, a file's folder, and where a symbolic link leads. A path that does not exist
// is watched for in its parent. It returns the first folder that cannot be watched.
func (w *Watcher) Set(paths []string) error {
	want := Folders(paths)
	var failed error
	w.mu.Lock()
	w.roots = roots(paths)
	w.mu.Unlock()
	for _, dir := range w.dirs {
		if !slices.Contains(want, dir) {
			_ = w.fs.Remove(dir) // it may be gone
		}
	}
	var have []string
	for _, dir := range want {
		// A folder that was replaced by another of the same name needs a new watch;
		// adding one that is watched changes nothing.
		if err := w.fs.Add(dir); err != nil && failed == nil {
			failed = err
			continue
		}
		have = append(have, dir)
	}
	w.dirs = have
	return failed
}

// Folders returns the folders to watch for these paths, sorted, each once.
func Folders(paths []string) []string {
	seen := map[string]bool{}
	add := func(dir string) {
		if st, err := os.Stat(dir); err == nil && st.IsDir() {
			seen[dir] = true
		}
	}
	for _, p := range paths {
		add(filepath.Dir(p))
		if real, err := filepath.EvalSymlinks(p); err == nil && real != filepath.Clean(p) {
			add(filepath.Dir(real))
			p = real
		}
		add(p)
		entries, _ := os.ReadDir(p) // of a file there are none
		for _, e := range entries {
			add(filepath.Join(p, e.Name()))
		}
	}
	list := make([]string, 0, len(seen))
	for dir := range seen {
		list = append(list, dir)
	}
	slices.Sort(list)
	return list
}

// roots are the paths and where they really are: behind a link, its whole folder.
func roots(paths []string) []string {
	var list []string
	for _, p := range paths {
		list = append(list, filepath.Clean(p))
		if real, err := filepath.EvalSymlinks(p); err == nil && real != filepath.Clean(p) {
			list = append(list, filepath.Dir(real))
		}
	}
	return list
}

// relevant tells whether a change of the file may matter. Kubernetes changes what a
// mounted folder holds by renaming a link whose name begins with two dots.
func (w *Watcher) relevant(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if strings.HasPrefix(filepath.Base(name), "..") {
		return true
	}
	for _, root := range w.roots {
		if root == "." || name == root || strings.HasPrefix(name, root+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

func (w *Watcher) run() {
	defer close(w.done)
	var timer <-chan time.Time
	var first time.Time
	for {
		select {
		case e, ok := <-w.fs.Events:
			if !ok {
				return
			}
			if !w.relevant(filepath.Clean(e.Name)) {
				continue
			}
			if first.IsZero() {
				first = time.Now()
			}
			timer = time.After(min(quiet, max(0, busy-time.Since(first))))
		case _, ok := <-w.fs.Errors:
			if !ok {
				return
			}
			timer = time.After(quiet) // events may have been lost: look
		case <-timer:
			timer, first = nil, time.Time{}
			select {
			case w.events <- struct{}{}:
			default: // one is waiting already
			}
		}
	}
}
