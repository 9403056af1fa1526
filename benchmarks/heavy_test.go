package benchmarks

import (
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/expr-lang/expr"

	"github.com/issuant/issuant/benchmarks/ruleset"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
)

// maxMemory is what a loaded pack of 10,000 rules may take.
const maxMemory = 64 << 20

// heap is the memory in use, garbage aside.
func heap() uint64 {
	var m runtime.MemStats
	for range 3 { // what a finalizer or a pool holds goes in the second round
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// loadedMemory is the memory that a pack takes after Load once it has decided on all
// events, and once every rule has been judged on its own: what is made at first use
// counts.
func loadedMemory(tb testing.TB, bin []byte, facts []*rules.Facts) (used, judged float64) {
	tb.Helper()
	before := heap()
	p := load(tb, bin)
	var run rules.Run
	for _, f := range facts {
		p.RunInto(&run, f, now)
	}
	after := heap()
	p.Verdicts(facts[0], now)
	all := heap()
	runtime.KeepAlive(p)
	runtime.KeepAlive(&run)
	return float64(after) - float64(before), float64(all) - float64(before)
}

func load(tb testing.TB, bin []byte) *rules.Pack {
	tb.Helper()
	p, err := rules.Load(bin, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// BenchmarkPackMemory is also a gate: see TestLoadedPackIsSmall.
func BenchmarkPackMemory(b *testing.B) {
	e := newIssuant(b, ruleset.Plain, 10000)
	bin := e.pack.Encode()
	used, judged := loadedMemory(b, bin, e.facts)
	memory.set(used / (1 << 20))
	b.ReportMetric(memory.got, "MiB")
	b.ReportMetric(judged/(1<<20), "MiB-judged-one-by-one")
	b.ReportMetric(float64(len(bin))/(1<<20), "MiB-binary")
	b.ReportMetric(0, "ns/op")
}

// cost is what an operation takes: on the clock, which is shorter for what uses all
// cores, and in CPU time of the process, its collector included.
type cost struct{ elapsed, cpu float64 }

// heavy lets whole operations take turns, five times at most, whatever b.N is, and
// returns the medians.
func heavy(b *testing.B, sides ...func()) []cost {
	elapsed, cpu := make([][]time.Duration, len(sides)), make([][]time.Duration, len(sides))
	for range min(b.N, 5) {
		for i, side := range sides {
			runtime.GC()
			start := time.Now()
			cpu[i] = append(cpu[i], timedWhole(side))
			elapsed[i] = append(elapsed[i], time.Since(start))
		}
	}
	medians := make([]cost, len(sides))
	for i := range sides {
		medians[i] = cost{median(elapsed[i]), median(cpu[i])}
	}
	b.ReportMetric(0, "ns/op")
	return medians
}

// BenchmarkCompileRules compiles 10,000 rules: a pack from its YAML, its conditions
// alone, the same in expr; and loads the pack's binary form.
func BenchmarkCompileRules(b *testing.B) {
	list := ruleset.Rules(10000, ruleset.Plain)
	files := ruleset.Pack(list)
	p := packOf(b, ruleset.Plain, 10000)
	bin := p.Encode()
	b.ResetTimer()
	t := heavy(b, func() {
		if _, err := compile.FS(files, compile.Options{}); err != nil {
			b.Fatal(err)
		}
	}, func() {
		if _, _, err := (compile.Compiler{}).CompileManifest(p.Manifest()); err != nil {
			b.Fatal(err)
		}
	}, func() {
		exprPrograms(b, list, expr.Env(ruleset.Event{}), expr.AsBool())
	}, func() {
		load(b, bin)
	})
	whole, conds, theirs, loaded := t[0], t[1], t[2], t[3]
	compiling.set(whole.elapsed / theirs.elapsed)
	compilingCPU.set(whole.cpu / theirs.cpu)
	conditions.set(conds.elapsed / theirs.elapsed)
	loading.set(whole.elapsed / loaded.elapsed)
	loadingCPU.set(whole.cpu / loaded.cpu)
	edit.set(whole.elapsed / 1e6)
	b.ReportMetric(compiling.got, "x-expr")
	b.ReportMetric(compilingCPU.got, "x-expr-cpu")
	b.ReportMetric(loading.got, "x-load")
	b.ReportMetric(loadingCPU.got, "x-load-cpu")
	for name, c := range map[string]cost{"pack": whole, "conditions": conds, "expr": theirs, "load": loaded} {
		b.ReportMetric(c.elapsed/1e6, "ms-"+name)
		b.ReportMetric(c.cpu/1e6, "cpu-ms-"+name)
	}
}

// BenchmarkCompileRivals compiles 1,000 rules with CEL and OPA.
func BenchmarkCompileRivals(b *testing.B) {
	list := ruleset.Rules(1000, ruleset.Plain)
	files, env := ruleset.Pack(list), celEnv(b)
	b.ResetTimer()
	t := heavy(b, func() {
		if _, err := compile.FS(files, compile.Options{}); err != nil {
			b.Fatal(err)
		}
	}, func() { celPrograms(b, env, list) }, func() { opaQuery(b, list) })
	againstCEL.set(t[1].elapsed / t[0].elapsed)
	againstOPA.set(t[2].elapsed / t[0].elapsed)
	b.ReportMetric(againstCEL.got, "CEL/issuant")
	b.ReportMetric(againstOPA.got, "OPA/issuant")
}

// TestLoadedPackIsSmall gates the memory of a pack of 10,000 rules, and holds the
// loaded pack to the decisions of the compiled one.
func TestLoadedPackIsSmall(t *testing.T) {
	compiled := newIssuant(t, ruleset.Plain, 10000)
	bin := compiled.pack.Encode()
	used, judged := loadedMemory(t, bin, compiled.facts)
	t.Logf("%.1f MiB, %.1f when every rule was judged on its own, of a binary of %.1f MiB",
		used/(1<<20), judged/(1<<20), float64(len(bin))/(1<<20))
	if judged > maxMemory {
		t.Errorf("a loaded pack of 10,000 rules takes %.1f MiB, more than %d", judged/(1<<20), maxMemory>>20)
	}
	agree(t, compiled, issuantOf(t, load(t, bin), ruleset.Plain), events)
}

// TestLoadTakesFewPiecesOfMemory gates what loading 10,000 rules allocates: it was 190,000
// pieces when each condition had its own.
func TestLoadTakesFewPiecesOfMemory(t *testing.T) {
	bin := packOf(t, ruleset.Plain, 10000).Encode()
	got := testing.AllocsPerRun(3, func() { load(t, bin) })
	if t.Logf("%v", got); got > 2000 {
		t.Errorf("loading 10,000 rules takes %v pieces of memory, more than 2,000", got)
	}
}

// TestDecisionsAllocateNothing gates the memory of decisions, from JSON or decoded.
// Clauses that run on expr's VM allocate there, two pieces each.
func TestDecisionsAllocateNothing(t *testing.T) {
	for _, n := range ruleset.Sizes() {
		if got := allocationsOf(t, ruleset.Plain, n); got != 0 {
			t.Errorf("%d rules: %v allocations in %d decisions", n, got, 2*events)
		}
	}
	for _, kind := range []ruleset.Kind{ruleset.Overlap, ruleset.Alone1} {
		if got := allocationsOf(t, kind, 1000); got != 0 {
			t.Errorf("%s: %v allocations in %d decisions", kind.Name, got, 2*events)
		}
	}
}

// allocationsOf is the number of allocations in deciding on all events, decoded and
// from JSON, once the memory that is used again has grown.
func allocationsOf(tb testing.TB, kind ruleset.Kind, n int) float64 {
	e := newIssuant(tb, kind, n)
	var d decision
	return testing.AllocsPerRun(1, func() {
		for i := range events {
			e.decide(i, &d)
			e.decideJSON(bodies970()[i], &d)
		}
	})
}

// BenchmarkAllocations tells what TestDecisionsAllocateNothing gates.
func BenchmarkAllocations(b *testing.B) {
	most := 0.0
	for _, n := range ruleset.Sizes() {
		most = max(most, allocationsOf(b, ruleset.Plain, n)/(2*events))
	}
	allocations.set(most)
	b.ReportMetric(most, "allocs/decision")
	b.ReportMetric(0, "ns/op")
}

// TestCountedCostStaysBelowTheStaticOne holds every decision to what the pack may cost
// at worst.
func TestCountedCostStaysBelowTheStaticOne(t *testing.T) {
	const n = 1000
	for _, kind := range ruleset.AllKinds {
		e := newIssuant(t, kind, n)
		worst, low, high := int64(0), int64(math.MaxInt64), int64(0)
		for i := range n {
			worst += e.pack.Condition(i).Cost()
		}
		var d decision
		for i := range events {
			e.decide(i, &d)
			low, high = min(low, e.run.Cost), max(high, e.run.Cost)
		}
		if high > worst || low < n {
			t.Errorf("%s: decisions cost %d to %d, the static cost is %d", kind.Name, low, high, worst)
		}
		t.Logf("%s: %d to %d, at most %d", kind.Name, low, high, worst)
	}
}
