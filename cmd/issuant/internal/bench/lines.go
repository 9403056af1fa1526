package bench

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"unicode"
)

// Machine returns the lines that Go's benchmarks begin with: what the figures are of.
func Machine(pack string) []string {
	lines := []string{"goos: " + runtime.GOOS, "goarch: " + runtime.GOARCH, "pkg: " + token(pack)}
	if cpu := CPU(); cpu != "" {
		lines = append(lines, "cpu: "+cpu)
	}
	return lines
}

// CPU returns the name of the processor, "" where the system does not tell.
func CPU() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for _, line := range strings.Split(string(b), "\n") {
		name, value, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(name) == "model name" {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return ""
}

// token makes a text fit for a benchmark's name: no blanks, and no / or - that would
// be taken for a seam.
func token(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '/', r == '-', r == '=':
			return '_'
		case unicode.IsSpace(r), !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
}

// WriteLines writes the results as Go benchmark lines, which benchstat reads: one for
// each run of decisions, and one for each of the top rules that cost most, in the
// order of the pack; 0 means all. source names the events.
func (r *Result) WriteLines(w io.Writer, source string, top int) error {
	man := r.Pack.Manifest()
	procs := fmt.Sprintf("-%d", runtime.GOMAXPROCS(0))
	if procs == "-1" {
		procs = "" // as Go's own benchmarks have it
	}
	pack := token(man.Name)
	var b strings.Builder
	for _, run := range r.Runs {
		n := uint64(max(run.N, 1))
		fmt.Fprintf(&b, "BenchmarkDecide/pack=%s/rules=%d/events=%s%s\t%d\t%.1f ns/op\t%d B/op\t%d allocs/op\t%.1f cost/op\n",
			pack, len(man.Rules), token(source), procs, run.N, run.NsPerOp(), run.Bytes/n, run.Allocs/n, r.Cost)
	}
	for _, i := range r.top(top) {
		rule := &r.Rules[i]
		fmt.Fprintf(&b, "BenchmarkRule/pack=%s/rule=%s/events=%s%s\t%d\t%.2f ns/op\t%.2f share%%\t%d worst-cost\t%.4f hits/op\n",
			pack, token(rule.ID), token(source), procs, rule.N, rule.Ns, 100*rule.Share, rule.Worst, float64(rule.Hits)/float64(r.Events))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// top returns the indices of the n rules that cost most, in the order of the pack.
func (r *Result) top(n int) []int {
	list := r.Dearest()
	if n > 0 && n < len(list) {
		list = list[:n]
	}
	slices.Sort(list)
	return list
}

// Dearest returns the indices of the rules, those that cost most first.
func (r *Result) Dearest() []int {
	list := make([]int, len(r.Rules))
	for i := range list {
		list[i] = i
	}
	slices.SortStableFunc(list, func(a, b int) int {
		switch x, y := r.Rules[a].Ns, r.Rules[b].Ns; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return list
}
