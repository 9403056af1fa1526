// Package bench measures what a pack costs on given events: decisions as a whole, and
// each rule and clause on its own. What it finds is written as Go benchmark lines, as a
// profile for pprof, or as a page.
//
// Times are those of the machine at hand and of nobody else; allocations, hits and
// counted costs are the same everywhere.
package bench

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/lint"
)

// Event is what one decision is made on.
type Event struct {
	*engine.Event
	Now time.Time
}

// Options of Measure.
type Options struct {
	Duration time.Duration // of one run of decisions, and of all rules together; zero means DefaultDuration
	Runs     int           // runs of decisions; zero means 1
	Clauses  bool          // measure clauses too
}

// DefaultDuration is what Go's own benchmarks take.
const DefaultDuration = time.Second

// samples is how many single decisions are timed for the histogram.
const samples = 20_000

// Run is one run of decisions.
type Run struct {
	N       int
	Elapsed time.Duration
	Allocs  uint64 // objects
	Bytes   uint64
}

// NsPerOp is the time of one decision, in nanoseconds.
func (r Run) NsPerOp() float64 { return float64(r.Elapsed) / float64(max(r.N, 1)) }

// Result is what Measure found.
type Result struct {
	Pack     *rules.Pack
	Events   int
	Runs     []Run
	Latency  []time.Duration // of single decisions, sorted; each has the cost of reading the clock in it
	Cost     float64         // counted cost of a decision, on average
	Outcomes [4]int          // events by rules.Outcome
	Rules    []Rule          // in the order of the pack
}

// Rule is the cost of one rule, judged on its own on every event.
type Rule struct {
	*rules.Rule
	N       int     // times that it was judged
	Ns      float64 // of one judgement
	Share   float64 // of Ns in that of all rules together, 0 to 1
	Worst   int64   // static worst case of its cost
	Hits    int     // events on which it hits, whatever percent and shadow say
	Indexed bool
	Why     string // it is not indexed
	Clauses []Clause
}

// Clause is a part of a condition that and, or and not do not divide further.
type Clause struct {
	Text string
	Ns   float64
}

// Measure decides on the events again and again. It needs at least one event, all of
// the pack's schema.
func Measure(ctx context.Context, pack *rules.Pack, events []Event, opt Options) (*Result, error) {
	if len(events) == 0 {
		return nil, fmt.Errorf("bench: there is no event to decide on")
	}
	if opt.Duration <= 0 {
		opt.Duration = DefaultDuration
	}
	eng, err := engine.New(pack, engine.Options{})
	if err != nil {
		return nil, err
	}
	r := &Result{Pack: pack, Events: len(events)}
	r.outcomes(eng, events)
	for range max(opt.Runs, 1) {
		run, err := decide(ctx, eng, events, opt.Duration)
		if err != nil {
			return nil, err
		}
		r.Runs = append(r.Runs, run)
	}
	r.single(eng, events)
	if err := r.rules(ctx, events, opt); err != nil {
		return nil, err
	}
	return r, ctx.Err()
}

func (r *Result) outcomes(eng *engine.Engine, events []Event) {
	sum := int64(0)
	for _, ev := range events {
		d := eng.Decide(ev.Event, ev.Now)
		r.Outcomes[d.Outcome]++
		sum += d.Cost
	}
	r.Cost = float64(sum) / float64(len(events))
}

// decide makes decisions for about that long.
func decide(ctx context.Context, eng *engine.Engine, events []Event, d time.Duration) (Run, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run := Run{}
	start := time.Now()
	for batch := len(events); run.Elapsed < d && ctx.Err() == nil; {
		for range batch {
			ev := &events[run.N%len(events)]
			eng.Decide(ev.Event, ev.Now)
			run.N++
		}
		run.Elapsed = time.Since(start)
		if run.Elapsed < d/20 {
			batch *= 2
		}
	}
	runtime.ReadMemStats(&after)
	run.Allocs, run.Bytes = after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
	return run, ctx.Err()
}

// single times decisions one by one.
func (r *Result) single(eng *engine.Engine, events []Event) {
	for i := range samples {
		ev := &events[i%len(events)]
		start := time.Now()
		eng.Decide(ev.Event, ev.Now)
		r.Latency = append(r.Latency, time.Since(start))
	}
	slices.Sort(r.Latency)
}

// Quantile returns the latency that a share q of the decisions, 0 to 1, kept to.
func (r *Result) Quantile(q float64) time.Duration {
	if len(r.Latency) == 0 {
		return 0
	}
	return r.Latency[min(int(q*float64(len(r.Latency))), len(r.Latency)-1)]
}

// Indexed counts the rules that the index finds.
func (r *Result) Indexed() (n int) {
	for i := range r.Rules {
		if r.Rules[i].Indexed {
			n++
		}
	}
	return n
}

func (r *Result) rules(ctx context.Context, events []Event, opt Options) error {
	man := r.Pack.Manifest()
	envs := make([]*rules.Env, len(events))
	for i, ev := range events {
		envs[i] = r.Pack.Env(ev.Facts, ev.Now)
	}
	var clauses [][]rules.Condition
	if opt.Clauses {
		var err error
		if clauses, err = clausesOf(r.Pack); err != nil {
			return err
		}
	}
	each := opt.Duration / time.Duration(max(len(man.Rules), 1))
	total := 0.0
	for i := range man.Rules {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		cond := r.Pack.Condition(i)
		rule := Rule{Rule: &man.Rules[i], Worst: cond.Cost()}
		rule.Indexed, _, rule.Why, _ = lint.Indexed(cond)
		for _, env := range envs {
			t, _ := cond.Judge(env)
			if t == rules.True || t == rules.Unknown && rule.OnMissing == rules.HitIt {
				rule.Hits++
			}
		}
		rule.N, rule.Ns = judge(cond, envs, each)
		if opt.Clauses {
			leaves := cond.Leaves(envs[0])
			for k, c := range clauses[i] {
				_, ns := judge(c, envs, each/time.Duration(len(clauses[i])))
				rule.Clauses = append(rule.Clauses, Clause{leaves[k].Text, ns})
			}
		}
		total += rule.Ns
		r.Rules = append(r.Rules, rule)
	}
	for i := range r.Rules {
		r.Rules[i].Share = r.Rules[i].Ns / max(total, 1e-9)
	}
	return nil
}

// judge returns the time of one judgement. Of five rounds the fastest counts: what
// makes the others slower is the machine.
func judge(cond rules.Condition, envs []*rules.Env, d time.Duration) (n int, ns float64) {
	const rounds = 5
	passes := 1
	for {
		took := pass(cond, envs, passes)
		n += passes * len(envs)
		if took >= d/(4*rounds) || passes >= 1<<20 {
			ns = float64(took) / float64(passes*len(envs))
			break
		}
		passes *= 2
	}
	for range rounds - 1 {
		ns = min(ns, float64(pass(cond, envs, passes))/float64(passes*len(envs)))
		n += passes * len(envs)
	}
	return n, ns
}

func pass(cond rules.Condition, envs []*rules.Env, times int) time.Duration {
	start := time.Now()
	for range times {
		for _, env := range envs {
			cond.Judge(env)
		}
	}
	return time.Since(start)
}
