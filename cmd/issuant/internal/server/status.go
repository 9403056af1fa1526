package server

import (
	"sort"
	"sync"
	"time"
)

// status is what /readyz tells: what keeps the server from answering, and what is
// not as it was asked for though it answers.
type status struct {
	mu       sync.Mutex
	draining bool
	problems map[string]problem // by kind and name of the part
	restart  map[string]string  // settings that were changed but need a restart
}

// problem is a reload that failed: the last good one stays.
type problem struct {
	Check string    `json:"check"`
	Msg   string    `json:"message"`
	Since time.Time `json:"since,omitzero"`
}

func newStatus() *status {
	return &status{problems: map[string]problem{}, restart: map[string]string{}}
}

// failed notes a problem, or that it goes on with another message; it tells whether
// the problem is new.
func (s *status) failed(name, msg string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, had := s.problems[name]
	if had {
		now = old.Since
	}
	s.problems[name] = problem{name, msg, now.UTC().Truncate(time.Second)}
	return !had
}

// cleared forgets a problem, and tells whether there was one.
func (s *status) cleared(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, had := s.problems[name]
	delete(s.problems, name)
	return had
}

// needsRestart replaces the settings that wait for a restart.
func (s *status) needsRestart(settings map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.restart = settings
}

func (s *status) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
}

func (s *status) isDraining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// warnings are the problems and what needs a restart, sorted by check.
func (s *status) warnings() []problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []problem{}
	for _, p := range s.problems {
		list = append(list, p)
	}
	for name, msg := range s.restart {
		list = append(list, problem{Check: "config/" + name, Msg: msg})
	}
	sort.Slice(list, func(i, k int) bool { return list[i].Check < list[k].Check })
	return list
}
