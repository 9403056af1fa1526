package packtest

import (
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
)

// Options of Run. The zero Options run every case with the engine's default
// step-up methods.
type Options struct {
	Methods  []engine.Method        // as in engine.Options; nil means engine.DefaultMethods
	Match    func(name string) bool // whether to run the case of that name; nil means all
	Now      time.Time              // of cases for which the file gives no now; zero: the event's own instant at
	Coverage bool                   // measure Report.Coverage
}

// Status is how a case ended. The zero Status is Failed.
type Status uint8

const (
	Failed Status = iota
	Passed
	Todo // the case is marked todo: its result, either way, decides nothing
)

var statusNames = [...]string{"fail", "pass", "todo"}

// String returns "fail", "pass" or "todo".
func (s Status) String() string { return statusNames[s%3] }

// Result is one case that ran.
type Result struct {
	File   string // of the pack, with slashes
	Line   int    // where the case stands, 1-based
	Name   string
	Status Status
	// Diff has one line for each expectation that was not met, as
	// "outcome: got yellow, want red". A todo case that would pass has none.
	Diff     []string
	Event    *engine.Event    // what was decided on, velocity facts from the history included
	Now      time.Time        // the instant of the decision
	Decision *engine.Decision // nil when the case could not be decided: Diff says why
}

// Report is what Run returns.
type Report struct {
	Results              []Result // in the order of files and cases; those that Match left out are absent
	Passed, Failed, Todo int
	Coverage             *Coverage // nil unless Options.Coverage
}

// Run decides every case of files with pack and compares. Its error is that of
// engine.New; a case that cannot be decided is a failed case.
func Run(pack *rules.Pack, files []compile.TestFile, opt Options) (*Report, error) {
	eng, err := engine.New(pack, engine.Options{Methods: opt.Methods})
	if err != nil {
		return nil, err
	}
	report := &Report{}
	if opt.Coverage {
		report.Coverage = newCoverage(pack)
	}
	for i := range files {
		for k := range files[i].Cases {
			c := &files[i].Cases[k]
			if opt.Match != nil && !opt.Match(c.Name) {
				continue
			}
			report.add(runCase(eng, &files[i], c, opt.Now))
		}
	}
	return report, nil
}

func (r *Report) add(res Result) {
	switch res.Status {
	case Passed:
		r.Passed++
	case Todo:
		r.Todo++
	default:
		r.Failed++
	}
	if r.Coverage != nil && res.Event != nil {
		r.Coverage.see(res.Event.Facts, res.Now)
	}
	r.Results = append(r.Results, res)
}

func runCase(eng *engine.Engine, file *compile.TestFile, c *compile.TestCase, now time.Time) Result {
	res := Result{File: file.Name, Line: c.Line, Name: c.Name, Status: Failed}
	res.Event = event(c)
	res.Now = instant(c, res.Event, now)
	if res.Now.IsZero() {
		res.Diff = []string{"now: the case has no instant: set options.now in the file, or at in the event"}
		return res
	}
	if err := replay(c.History, res.Event, res.Now); err != nil {
		res.Diff = []string{"history: " + err.Error()}
		return res
	}
	res.Decision = eng.Decide(res.Event, res.Now)
	res.Diff = compare(&c.Expect, res.Decision)
	switch {
	case c.Todo:
		res.Status = Todo
	case len(res.Diff) == 0:
		res.Status = Passed
	}
	return res
}

// event returns what the case decides on; the case itself is not changed.
func event(c *compile.TestCase) *engine.Event {
	ev := &engine.Event{Facts: c.Event.Clone()}
	for _, g := range c.Guards {
		ev.Guards = append(ev.Guards, engine.Guard{Code: g.Code, Outcome: g.Outcome, ActionCode: g.ActionCode})
	}
	return ev
}

func instant(c *compile.TestCase, ev *engine.Event, now time.Time) time.Time {
	if !c.Now.IsZero() {
		return c.Now
	}
	if at, ok := ev.Get("at").(time.Time); ok && now.IsZero() {
		return at
	}
	return now
}
