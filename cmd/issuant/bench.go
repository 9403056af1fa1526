package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/issuant/issuant/cmd/issuant/internal/bench"
	"github.com/issuant/issuant/cmd/issuant/internal/ndjson"
	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/packtest"
	"github.com/issuant/issuant/internal/canon"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
)

// maxBenchEvents bounds the events of --events that are held in memory.
const maxBenchEvents = 200_000

type benchFlags struct {
	events, profile, report string
	duration                time.Duration
	count, top              int
}

func (a *app) benchCmd() *cobra.Command {
	f := benchFlags{}
	cmd := &cobra.Command{
		Use:   "bench [PACK]",
		Short: "Measure what a pack and each of its rules cost",
		Long: `Decide on the events of the pack's own test cases, or of --events, again and again,
and print Go benchmark lines, which benchstat reads: one for each run of decisions, and one for
each rule judged on its own, with its share of the time of all rules.

--profile writes the same as a profile with the frames pack, rule and clause:
"go tool pprof -http : out.pb.gz" draws the flame graph. --report writes one HTML page
with plots, which needs nothing from elsewhere.

Times are those of this machine; compare only what was measured on one machine.`,
		Example: `  issuant bench my-pack --count 10 > new.txt && benchstat old.txt new.txt
  issuant bench my-pack --events last-week.ndjson --report report.html
  issuant bench my-pack --profile out.pb.gz && go tool pprof -top out.pb.gz`,
	}
	a.packArg(cmd)
	cmd.Flags().StringVar(&f.events, "events", "", "events to decide on, one a line: a `FILE`, or - (default the pack's test cases)")
	cmd.Flags().StringVar(&f.profile, "profile", "", "write a profile for pprof to this `FILE`")
	cmd.Flags().StringVar(&f.report, "report", "", "write a page with plots to this `FILE`")
	cmd.Flags().DurationVar(&f.duration, "benchtime", bench.DefaultDuration, "how long a run of decisions takes, and all rules together")
	cmd.Flags().IntVar(&f.count, "count", 1, "runs of decisions, 1 to 100")
	cmd.Flags().IntVar(&f.top, "top", 50, "print the `N` rules that cost most; 0 prints all")
	a.nowFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error { return a.bench(&f) }
	return a.verb(cmd, "pretty", "json")
}

func (f *benchFlags) check() error {
	switch {
	case f.duration <= 0 || f.duration > time.Hour:
		return usage("bench: --benchtime is more than zero and at most 1h")
	case f.count < 1 || f.count > 100:
		return usage("bench: --count is 1 to 100")
	case f.top < 0:
		return usage("bench: --top is 0 or more")
	}
	return nil
}

func (a *app) bench(f *benchFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	now, err := a.instant()
	if err != nil {
		return err
	}
	s, pack, files, err := a.loadTests()
	if err != nil {
		return err
	}
	source, words := "cases", "the events of its own test cases"
	var events []bench.Event
	if f.events != "" {
		source, words = "file", "the events of "+inputName(f.events)
		events, err = a.benchEvents(f.events, pack.Schema(), now)
	} else {
		events, err = caseEvents(pack, files, now)
	}
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return fail(exitFailed, "%s: there is no event to decide on: give --events FILE, or write tests/*_test.yaml", s.name)
	}
	r, err := bench.Measure(a.ctx, pack, events, bench.Options{Duration: f.duration, Runs: f.count, Clauses: f.profile != ""})
	if err != nil {
		return err
	}
	about := bench.About{Source: fmt.Sprintf("%s (%s)", words, count(len(events), "event")),
		Machine: bench.Machine(pack.Manifest().Name), At: time.Now(), Version: build().version}
	if err := a.benchFiles(f, r, about); err != nil {
		return err
	}
	if a.format == "json" {
		_, err = fmt.Fprintf(a.out, "%s\n", benchJSON(r, source))
		return err
	}
	if _, err := fmt.Fprintln(a.out, strings.Join(about.Machine, "\n")); err != nil {
		return err
	}
	return r.WriteLines(a.out, source, f.top)
}

func (a *app) benchFiles(f *benchFlags, r *bench.Result, about bench.About) error {
	for _, file := range []struct {
		flag, name string
		write      func(io.Writer) error
	}{
		{"--profile", f.profile, func(w io.Writer) error { return r.WriteProfile(w, about.At) }},
		{"--report", f.report, func(w io.Writer) error { return r.WritePage(w, about) }},
	} {
		if file.name == "" {
			continue
		}
		var b bytes.Buffer
		if err := file.write(&b); err != nil {
			return err
		}
		if err := writeFlagFile(file.flag, file.name, b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// caseEvents returns the events of the pack's tests, their velocity counted.
func caseEvents(pack *rules.Pack, files []compile.TestFile, now time.Time) ([]bench.Event, error) {
	report, err := packtest.Run(pack, files, packtest.Options{Now: now})
	if err != nil {
		return nil, err
	}
	var events []bench.Event
	for i := range report.Results {
		if res := &report.Results[i]; res.Decision != nil {
			events = append(events, bench.Event{Event: res.Event, Now: res.Now})
		}
	}
	return events, nil
}

// benchEvents reads one event a line; all of them must be events.
func (a *app) benchEvents(name string, schema *rules.Schema, now time.Time) ([]bench.Event, error) {
	in, err := a.openInput(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	r := ndjson.NewReader(in, engine.MaxEventBytes)
	var events []bench.Event
	for {
		line, tooLong, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return events, nil
		case err != nil:
			return nil, a.readError(name, err)
		case tooLong:
			return nil, fail(exitInput, "%s:%d: the line is longer than %d bytes", inputName(name), r.Line(), engine.MaxEventBytes)
		case len(events) >= maxBenchEvents:
			return nil, fail(exitInput, "%s: more than %d events; take a sample of them", inputName(name), maxBenchEvents)
		case len(bytes.TrimSpace(line)) == 0:
			continue
		}
		ev, err := engine.ParseEvent(schema, line)
		if err != nil {
			return nil, fail(exitInput, "%w", placed(inputName(name), line, r.Line(), err))
		}
		events = append(events, bench.Event{Event: ev, Now: eventTime(ev, now)})
	}
}

func benchJSON(r *bench.Result, source string) []byte {
	man := r.Pack.Manifest()
	w := canon.NewWriter(nil).Object().Key("pack").String(man.Name).Key("version").String(man.Version).Key("id").String(r.Pack.ID())
	w.Key("source").String(source).Key("events").Int(int64(r.Events)).Key("cost").Float(r.Cost).Key("indexed").Int(int64(r.Indexed()))
	w.Key("runs").Array()
	for _, run := range r.Runs {
		n := uint64(max(run.N, 1))
		w.Object().Key("n").Int(int64(run.N)).Key("ns").Float(run.NsPerOp()).Key("bytes").Uint(run.Bytes / n).Key("allocs").Uint(run.Allocs / n).EndObject()
	}
	w.EndArray().Key("latency_ns").Object().Key("p50").Int(int64(r.Quantile(0.5))).Key("p99").Int(int64(r.Quantile(0.99)))
	w.Key("p999").Int(int64(r.Quantile(0.999))).EndObject().Key("outcomes").Object()
	for _, o := range []rules.Outcome{rules.Green, rules.Yellow, rules.Orange, rules.Red} {
		w.Key(o.String()).Int(int64(r.Outcomes[o]))
	}
	w.EndObject().Key("rules").Array()
	for i := range r.Rules {
		rule := &r.Rules[i]
		w.Object().Key("id").String(rule.ID).Key("ns").Float(rule.Ns).Key("share").Float(rule.Share).Key("worst_cost").Int(rule.Worst)
		w.Key("hits").Int(int64(rule.Hits)).Key("indexed").Bool(rule.Indexed).Key("why").StringOrNull(rule.Why).EndObject()
	}
	return w.EndArray().EndObject().Bytes()
}
