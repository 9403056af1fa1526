package benchmarks

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/issuant/issuant/benchmarks/ruleset"
)

// TestMain prints, after benchmarks, what they found: one table to read.
func TestMain(m *testing.M) {
	status := m.Run()
	printTable(os.Stdout)
	os.Exit(status)
}

// figure is a row of the table: what is weighed, what it must reach and what it aims
// at. What holds is told by the medians. A figure without must is information.
type figure struct {
	what      string
	form      string // of the numbers, as for Printf
	must, aim float64
	less      bool    // the smaller the better
	got, best float64 // of the medians, and of the best rounds; best is 0 where there is none
	weighed   bool
}

// The figures, in the order in which they are printed.
var (
	evaluate1000  = &figure{what: "evaluate 1,000 rules on a decoded event: expr on a struct / Issuant", form: "%.0fx", must: 150, aim: 300}
	evaluate10000 = &figure{what: "evaluate 10,000 rules on a decoded event: expr on a struct / Issuant", form: "%.0fx", must: 4000, aim: 10000}
	growth        = &figure{what: "from 1,000 to 10,000 rules, a decoded event takes", form: "%.2fx", must: 2, aim: 1.4, less: true}
	fromJSON1     = &figure{what: "JSON to decision, 1 rule: encoding/json and expr / Issuant", form: "%.1fx", must: 4, aim: 6}
	fromJSON1000  = &figure{what: "JSON to decision, 1,000 rules: encoding/json and expr / Issuant", form: "%.0fx", must: 40, aim: 80}
	fromJSON10000 = &figure{what: "JSON to decision, 10,000 rules: encoding/json and expr / Issuant", form: "%.0fx", must: 1500, aim: 3000}
	allocations   = &figure{what: "allocations of a decision, from JSON or decoded, 1 to 10,000 rules", form: "%.0f", must: 0.01, aim: 0.01, less: true}
	beside1       = &figure{what: "10,000 rules, 1 % with a clause that cannot be indexed: expr / Issuant", form: "%.0fx", must: 500, aim: 2000}
	alone1        = &figure{what: "10,000 rules, 1 % with nothing that can be indexed: expr / Issuant", form: "%.0fx", must: 500, aim: 2000}
	compiling     = &figure{what: "compile a pack of 10,000 rules with all checks: Issuant / expr.Compile", form: "%.2fx", must: 1.2, aim: 0.6, less: true}
	loading       = &figure{what: "compile a pack of 10,000 rules / load its binary form", form: "%.1fx", must: 20, aim: 20}
	memory        = &figure{what: "memory of a loaded pack of 10,000 rules", form: "%.1f MiB", must: 64, aim: 16, less: true}
	gateSample    = &figure{what: "Pismo gate / bare RSA and SHA-256, the page's sample", form: "%.2fx", must: 1.2, aim: 1.1, less: true}
	gateVisa      = &figure{what: "Pismo gate / bare RSA and SHA-256, with Visa's fields", form: "%.2fx", must: 1.2, aim: 1.1, less: true}

	appleSeal     = &figure{what: "Apple's EV_ECC_v2 / key generation, ECDH and AES-GCM", form: "%.3fx", must: 1.05, aim: 1.02, less: true}
	visaPayload   = &figure{what: "payload for Visa / random bytes and AES-GCM of key and content", form: "%.2fx", must: 2.5, aim: 2, less: true}
	mastercardTAV = &figure{what: "Mastercard's TAV / one RSA-2048 signature", form: "%.3fx", must: 1.05, aim: 1.02, less: true}

	applePassData = &figure{what: "a whole answer to Apple, known certificates / key generation, ECDH, AES-GCM", form: "%.2fx"}
	beside10      = &figure{what: "10,000 rules, 10 % with a clause that cannot be indexed: expr / Issuant", form: "%.0fx"}
	alone10       = &figure{what: "10,000 rules, 10 % with nothing that can be indexed: expr / Issuant", form: "%.0fx"}
	overlap       = &figure{what: "10,000 overlapping rules, hundreds of hits an event: expr / Issuant", form: "%.0fx"}
	conditions    = &figure{what: "compile 10,000 conditions without their YAML: Issuant / expr.Compile", form: "%.2fx"}
	compilingCPU  = &figure{what: "compile the pack of 10,000, CPU time of all cores: Issuant / expr.Compile", form: "%.2fx"}
	loadingCPU    = &figure{what: "compile the pack of 10,000 / load its binary form, CPU time of all cores", form: "%.1fx"}
	againstCEL    = &figure{what: "compile 1,000 rules: CEL / Issuant", form: "%.1fx"}
	againstOPA    = &figure{what: "compile 1,000 rules: OPA / Issuant", form: "%.1fx"}
	edit          = &figure{what: "edit one rule of 10,000: the pack is compiled anew, which takes", form: "%.0f ms"}

	figures = []*figure{evaluate1000, evaluate10000, growth, fromJSON1, fromJSON1000, fromJSON10000, allocations,
		beside1, alone1, compiling, loading, memory, gateSample, gateVisa, appleSeal, visaPayload, mastercardTAV,
		applePassData,
		beside10, alone10, overlap, conditions, compilingCPU, loadingCPU, againstCEL, againstOPA, edit}
)

func (f *figure) set(v float64) { f.got, f.weighed = v, true }

func (f *figure) setBoth(v, best float64) {
	f.set(v)
	f.best = best
}

// bestRounds tells what the machine can do in its quiet moments.
func (f *figure) bestRounds() string {
	if f.best == 0 {
		return ""
	}
	return fmt.Sprintf(f.form, f.best)
}

// verdict tells which bound holds today.
func (f *figure) verdict() string {
	reached := func(bound float64) bool { return f.got >= bound && !f.less || f.got <= bound && f.less }
	switch {
	case f.must == 0:
		return ""
	case reached(f.aim):
		return "aim"
	case reached(f.must):
		return "must"
	}
	return "MISSED"
}

func (f *figure) bound(v float64) string {
	switch {
	case f.must == 0:
		return ""
	case f == allocations:
		return "0"
	case f.less:
		return "<= " + fmt.Sprintf(f.form, v)
	}
	return fmt.Sprintf(f.form, v)
}

// matrix is a table of engines by numbers of rules: nanoseconds an event.
type matrix struct {
	title string
	rows  []string
	cells map[string]map[int]float64
}

var (
	evaluated = &matrix{title: "Evaluate all rules on a decoded event"}
	read      = &matrix{title: "From JSON to decision: our decoder, the others with encoding/json"}
)

const ourName = "Issuant"

func (m *matrix) set(engine string, rules int, ns float64) {
	if m.cells == nil {
		m.cells = map[string]map[int]float64{}
	}
	if m.cells[engine] == nil {
		m.cells[engine] = map[int]float64{}
		m.rows = append(m.rows, engine)
	}
	m.cells[engine][rules] = ns
}

func (m *matrix) print(w io.Writer) {
	if len(m.rows) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n%-14s", m.title, "rules")
	for _, n := range ruleset.Sizes() {
		fmt.Fprintf(w, "%18s", thousands(n))
	}
	fmt.Fprintln(w)
	for _, name := range m.rows {
		fmt.Fprintf(w, "%-14s", name)
		for _, n := range ruleset.Sizes() {
			ns, ok := m.cells[name][n]
			switch ours := m.cells[ourName][n]; {
			case !ok:
				fmt.Fprintf(w, "%18s", "-")
			case name == ourName || ours == 0:
				fmt.Fprintf(w, "%18s", span(ns))
			default:
				fmt.Fprintf(w, "%18s", span(ns)+factor(ns/ours))
			}
		}
		fmt.Fprintln(w)
	}
}

func factor(x float64) string {
	if x < 10 {
		return fmt.Sprintf("%7.1fx", x)
	}
	return fmt.Sprintf("%7.0fx", x)
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

// span writes nanoseconds with three digits.
func span(ns float64) string {
	for _, u := range []struct {
		name string
		of   float64
	}{{"ns", 1}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}} {
		if v := ns / u.of; v < 999.5 || u.name == "s" {
			return fmt.Sprintf("%.*f %s", max(0, 2-len(fmt.Sprint(int(v)))+1), v, u.name)
		}
	}
	return ""
}

func printTable(w io.Writer) {
	weighed := slices.DeleteFunc(slices.Clone(figures), func(f *figure) bool { return !f.weighed })
	if len(weighed)+len(evaluated.rows)+len(read.rows) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", machine())
	evaluated.print(w)
	read.print(w)
	if len(weighed) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%-76s%12s%13s%13s%13s  %s\n%s\n", "What", "today", "best rounds", "must", "aim", "holds", strings.Repeat("-", 135))
	for _, f := range weighed {
		fmt.Fprintf(w, "%-76s%12s%13s%13s%13s  %s\n", f.what, fmt.Sprintf(f.form, f.got), f.bestRounds(), f.bound(f.must), f.bound(f.aim), f.verdict())
	}
	fmt.Fprintln(w, "\nTimes are medians of CPU time (of compile and load: on the clock), sides in turns in one process; METHOD.md says how. Allocations and memory gate in go test; times only inform.")
}

// machine says where the figures are from.
func machine() string {
	cpu, load := runtime.GOARCH, ""
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = ", load " + strings.Fields(string(b))[0]
	}
	return fmt.Sprintf("%s, %d CPUs, %s %s/%s%s", cpu, runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, load)
}
