package bench

import (
	"io"
	"strconv"
	"time"

	"github.com/google/pprof/profile"
)

// perMillion scales times of one judgement to those of a million decisions, so that
// nothing rounds to zero.
const perMillion = 1_000_000

// WriteProfile writes the costs as a gzipped profile for pprof. A stack is pack, rule
// and clause; its value is the time for a million decisions of the event mix, in nanoseconds,
// and how often the rule hits in them. Where the clauses on their own take longer than
// the rule, since it stops at the first that decides, they share the rule's time.
func (r *Result) WriteProfile(w io.Writer, now time.Time) error {
	b := &profileBuilder{at: map[frame]*profile.Location{}, p: &profile.Profile{
		SampleType:        []*profile.ValueType{{Type: "hits", Unit: "count"}, {Type: "time", Unit: "nanoseconds"}},
		DefaultSampleType: "time",
		TimeNanos:         now.UnixNano(),
		PeriodType:        &profile.ValueType{Type: "time", Unit: "nanoseconds"},
		Period:            1,
		Comments:          []string{"issuant bench: time of each rule and clause, judged on its own, for a million decisions"},
	}}
	man := r.Pack.Manifest()
	root := b.location(frame{"pack " + man.Name + " " + man.Version, "pack.yaml", 1})
	for i := range r.Rules {
		rule := &r.Rules[i]
		at := b.location(frame{rule.ID, rule.File, int64(rule.Line)})
		sum := 0.0
		for _, c := range rule.Clauses {
			sum += c.Ns
		}
		scale := 1.0
		if sum > rule.Ns {
			scale = rule.Ns / sum
		}
		for _, c := range rule.Clauses {
			leaf := b.location(frame{c.Text, rule.File, int64(rule.Line)})
			b.sample(0, c.Ns*scale, leaf, at, root)
		}
		b.sample(int64(rule.Hits)*perMillion/int64(r.Events), rule.Ns-sum*scale, at, root)
	}
	b.p.DurationNanos = b.total
	return b.p.Write(w)
}

type frame struct {
	name, file string
	line       int64
}

type profileBuilder struct {
	p     *profile.Profile
	at    map[frame]*profile.Location
	total int64
}

func (b *profileBuilder) location(f frame) *profile.Location {
	if l, ok := b.at[f]; ok {
		return l
	}
	id := uint64(len(b.p.Location) + 1)
	// A system name of its own keeps pprof from taking the name for C++ and cutting off
	// what stands in brackets.
	fn := &profile.Function{ID: id, Name: f.name, SystemName: "issuant." + strconv.FormatUint(id, 10), Filename: f.file, StartLine: f.line}
	l := &profile.Location{ID: id, Line: []profile.Line{{Function: fn, Line: f.line}}}
	b.p.Function, b.p.Location = append(b.p.Function, fn), append(b.p.Location, l)
	b.at[f] = l
	return l
}

// sample adds a stack, innermost first.
func (b *profileBuilder) sample(hits int64, ns float64, stack ...*profile.Location) {
	t := int64(max(ns, 0) * perMillion)
	if t == 0 && hits == 0 {
		return
	}
	b.total += t
	b.p.Sample = append(b.p.Sample, &profile.Sample{Location: stack, Value: []int64{hits, t}})
}
