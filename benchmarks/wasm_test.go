package benchmarks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/issuant/issuant/benchmarks/ruleset"
	"github.com/issuant/issuant/crypto/secret"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/wasm/abi"
	"github.com/issuant/issuant/wasm/build"
	"github.com/issuant/issuant/wasm/host"
	"github.com/issuant/issuant/wasm/module"
	"github.com/issuant/issuant/wasm/snapshot"
)

// The figures of the WASM module, beside the same work in this process.
var (
	wasmAgainstExpr = &figure{what: "WASM: decide, 1 KB of JSON, 100 rules: accelerated module / native expr and encoding/json", form: "%.2fx", must: 1, aim: 0.5, less: true}
	wasmAgainstOurs = &figure{what: "WASM: decide, the same: accelerated module / our own native", form: "%.1fx", must: 6, aim: 3, less: true}
	wasmAloneExpr   = &figure{what: "WASM: decide, the same: portable module / native expr and encoding/json", form: "%.2fx"}
	wasmAlone       = &figure{what: "WASM: decide, the same: portable module / our own native", form: "%.1fx"}
	wasmVerify      = &figure{what: "WASM: verify RS256 webhook: accelerated module / native", form: "%.2fx", must: 1.6, aim: 1.2, less: true}
	wasmPortable    = &figure{what: "WASM: verify RS256 webhook: portable module / native", form: "%.1fx"}
	wasmFresh       = &figure{what: "WASM: fresh isolated instance with a 100-rule pack", form: "%.2f ms", must: 2, aim: 0.8, less: true}
	wasmFreshFirst  = &figure{what: "WASM: fresh isolated instance, and its first decision", form: "%.2f ms"}
	wasmIdle        = &figure{what: "WASM: memory of an extra idle instance", form: "%.2f MiB", must: 1, aim: 0.4, less: true}
	wasmCold        = &figure{what: "WASM: compile the module (decide), cold", form: "%.2f s", must: 2.5, aim: 1, less: true}
	wasmCached      = &figure{what: "WASM: compile the module (decide), from the cache", form: "%.3f s", must: 0.15, aim: 0.05, less: true}
	wasmFull        = &figure{what: "WASM: brotli size, full", form: "%.2f MB", must: 1.7, aim: 1.4, less: true}
	wasmDecide      = &figure{what: "WASM: brotli size, decide", form: "%.2f MB", must: 1.0, aim: 0.8, less: true}
	wasmOnlyVerify  = &figure{what: "WASM: brotli size, verify", form: "%.2f MB", must: 0.75, aim: 0.7, less: true}
	wasmGrowth      = &figure{what: "WASM: memory after 100,000 calls (soak: 1,000,000) / after 10,000", form: "%.2fx", must: 1, aim: 1, less: true}
)

func init() {
	figures = append(figures, wasmAgainstExpr, wasmAgainstOurs, wasmAloneExpr, wasmAlone, wasmVerify, wasmPortable, wasmFresh, wasmFreshFirst, wasmIdle,
		wasmCold, wasmCached, wasmFull, wasmDecide, wasmOnlyVerify, wasmGrowth)
}

// wasmRules is how many rules decide in the module.
const wasmRules = 100

// weighModule is set by make bench-wasm: what takes minutes is not for make test.
var weighModule = os.Getenv("ISSUANT_BENCH_WASM") != ""

// built are the modules, each built once, as releases are.
var built = map[string]func() ([]byte, error){
	"verify":       buildOnce(abi.FlavourVerify, false),
	"decide":       buildOnce(abi.FlavourDecide, false),
	"decide-accel": buildOnce(abi.FlavourDecide, true),
	"full":         buildOnce(abi.FlavourFull, false),
}

func buildOnce(flavour string, accel bool) func() ([]byte, error) {
	return sync.OnceValues(func() ([]byte, error) {
		r, err := build.Guest(context.Background(), build.Options{Root: "..", Flavour: flavour, Accelerated: accel})
		if err != nil {
			return nil, err
		}
		return r.Module, nil
	})
}

func moduleOf(tb testing.TB, name string) []byte {
	tb.Helper()
	m, err := built[name]()
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// machineCode is where all pools of this process find what was compiled before.
var machineCode = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "issuant-benchmarks-*")
	if err != nil {
		panic(err)
	}
	return dir
})

func openPool(tb testing.TB, module []byte, opt host.Options) *host.Pool {
	tb.Helper()
	sum := sha256.Sum256(module)
	opt.Module, opt.SHA256 = module, hex.EncodeToString(sum[:])
	if opt.CacheDir == "" {
		opt.CacheDir = machineCode()
	}
	p, err := host.Open(context.Background(), opt)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return p
}

// wasmNow is when the module decides: it refuses what lies before its release.
var wasmNow = time.UnixMilli(abi.BuiltMs).Add(24 * time.Hour)

// exprJSON is the yardstick: encoding/json into a struct, expr rule by rule, and an
// answer with the outcome and the rules, by encoding/json.
type exprJSON struct {
	*exprStruct
	ids []string
	d   decision
}

func newExprJSON(tb testing.TB) *exprJSON {
	e := &exprJSON{exprStruct: newExprStruct(tb, ruleset.Plain, wasmRules)}
	for _, r := range ruleset.Rules(wasmRules, ruleset.Plain) {
		e.ids = append(e.ids, r.ID)
	}
	return e
}

type exprAnswer struct {
	Outcome string   `json:"outcome"`
	Rules   []string `json:"rules"`
}

func (e *exprJSON) answer(body []byte) []byte {
	e.decideJSON(body, &e.d)
	a := exprAnswer{Outcome: []string{"green", "yellow", "orange", "red"}[e.d.worst], Rules: []string{}}
	for _, i := range e.d.hits {
		a.Rules = append(a.Rules, e.ids[i])
	}
	out, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	return out
}

// nativeModule is the module's own code, in this process.
type nativeModule struct {
	m    *module.Module
	head []byte
	in   []byte
}

func newNativeModule(tb testing.TB, pack []byte) *nativeModule {
	tb.Helper()
	m, err := module.New(module.Options{Flavour: abi.FlavourDecide})
	if err != nil {
		tb.Fatal(err)
	}
	copy(m.In(uint32(len(pack))), pack)
	if r := m.Load(uint32(len(pack))); !bytes.HasPrefix(r, make([]byte, abi.CodeBytes)) {
		tb.Fatalf("%q", r)
	}
	return &nativeModule{m: m, head: fmt.Appendf(nil, `{"now_ms":%d,"event":`, wasmNow.UnixMilli())}
}

func (n *nativeModule) decide(event []byte) []byte {
	n.in = append(append(append(n.in[:0], n.head...), event...), '}')
	copy(n.m.In(uint32(len(n.in))), n.in)
	reply := n.m.Decide(1, uint32(len(n.in)))
	if reply[0]|reply[1]|reply[2]|reply[3] != 0 {
		panic(string(reply))
	}
	return bytes.Clone(reply[abi.CodeBytes:]) // as a host takes it out
}

func wasmPack(tb testing.TB) []byte { return packOf(tb, ruleset.Plain, wasmRules).Encode() }

// deciders are the sides, whose answers are compared before they are timed: the accelerated
// module, to which wasm/host gives its own SHA-256 as to everyone, the portable one, which any
// other host runs, the engine, and the yardstick.
func deciders(tb testing.TB) (sides [4]func(i int) []byte) {
	tb.Helper()
	ours, theirs, ctx := newNativeModule(tb, wasmPack(tb)), newExprJSON(tb), context.Background()
	bodies := bodies970()
	through := func(name string) func(i int) []byte {
		pool := openPool(tb, moduleOf(tb, name), host.Options{Pack: wasmPack(tb), Size: 1})
		return func(i int) []byte {
			reply, err := pool.Decide(ctx, wasmNow, bodies[i])
			if err != nil {
				panic(err)
			}
			return reply
		}
	}
	native := func(i int) []byte { return ours.decide(bodies[i]) }
	yardstick := func(i int) []byte { return theirs.answer(bodies[i]) }
	sides = [4]func(int) []byte{through("decide-accel"), through("decide"), native, yardstick}
	for i := range 50 {
		sameDecision(tb, i, sides[0](i), native(i), yardstick(i))
		sameDecision(tb, i, sides[1](i), native(i), yardstick(i))
	}
	return sides
}

// sameDecision holds the module to our engine, byte for byte, and both to expr's rules.
func sameDecision(tb testing.TB, i int, inModule, native, yardstick []byte) {
	tb.Helper()
	if !bytes.Equal(inModule, native) {
		tb.Fatalf("event %d: the module says\n%s\nand the engine\n%s", i, inModule, native)
	}
	var a struct {
		Rules []struct{ ID string }
	}
	var b exprAnswer
	if err := json.Unmarshal(native, &a); err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(yardstick, &b); err != nil {
		tb.Fatal(err)
	}
	ids := []string{}
	for _, r := range a.Rules {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	slices.Sort(b.Rules)
	if !slices.Equal(ids, b.Rules) {
		tb.Fatalf("event %d: rules %v, and in expr %v", i, ids, b.Rules)
	}
}

func TestModuleDecidesAsTheEngineThatIsTimed(t *testing.T) { deciders(t) }

// BenchmarkModuleDecide: both builds of the module under wazero, our own native code and the
// yardstick in turns, from an event's text to the text of the decision.
func BenchmarkModuleDecide(b *testing.B) {
	var sides []*turn
	for _, f := range deciders(b) {
		sides = append(sides, turnOf(func(i int) { f(i) }))
	}
	b.ResetTimer()
	weigh(b, sides...)
	accel, portable, ours, expr := sides[0], sides[1], sides[2], sides[3]
	wasmAgainstExpr.setBoth(accel.perEvent()/expr.perEvent(), accel.bestPerEvent()/expr.bestPerEvent())
	wasmAloneExpr.setBoth(portable.perEvent()/expr.perEvent(), portable.bestPerEvent()/expr.bestPerEvent())
	wasmAgainstOurs.setBoth(accel.perEvent()/ours.perEvent(), accel.bestPerEvent()/ours.bestPerEvent())
	wasmAlone.setBoth(portable.perEvent()/ours.perEvent(), portable.bestPerEvent()/ours.bestPerEvent())
	b.ReportMetric(accel.perEvent(), "ns/accelerated")
	b.ReportMetric(portable.perEvent(), "ns/portable")
	b.ReportMetric(ours.perEvent(), "ns/native")
	b.ReportMetric(expr.perEvent(), "ns/expr")
}

// wasmRing is the ring document with the sender's key, for the corridor's account.
func wasmRing(c *corridor) []byte {
	b64 := base64.RawURLEncoding.EncodeToString
	return fmt.Appendf(nil, `{"format":1,"keys":[{"kty":"RSA","kid":%q,"alg":"RS256","use":"sig","n":%q,"e":%q}],"schemes":{"pismo":{"accounts":[%q]}}}`,
		c.sender.Key().ID, b64(c.public.N.Bytes()), b64(big.NewInt(int64(c.public.E)).Bytes()), enginetest.PismoAccount)
}

// verifiers are the sides of a webhook's verification: through modules, and the library.
func verifiers(tb testing.TB) (accelerated, portable, native func(i int)) {
	tb.Helper()
	c, ctx := newCorridor(tb), context.Background()
	messages := c.messages["visa"]
	through := func(name string) func(i int) {
		pool := openPool(tb, moduleOf(tb, name), host.Options{Ring: secret.NewBytes(wasmRing(c)), Size: 1})
		return func(i int) {
			m := &messages[i%len(messages)]
			reply, err := pool.Open(ctx, host.Request{Now: now, Scheme: "pismo", Method: "POST", Path: "/", Header: m.header, Body: m.body})
			if err != nil || !bytes.Contains(reply, []byte(`"covers":"body"`)) {
				panic(fmt.Sprintf("%s: %v", reply, err))
			}
		}
	}
	native = func(i int) {
		m := &messages[i%len(messages)]
		if _, err := c.verifier.Open(m.header, m.body, now); err != nil {
			panic(err)
		}
	}
	return through("decide-accel"), through("decide"), native
}

// BenchmarkModuleVerify: a signed Pismo message, against webhook.Verifier.
func BenchmarkModuleVerify(b *testing.B) {
	accelerated, portable, native := verifiers(b)
	fast, slow, ours := turnOf(accelerated), turnOf(portable), turnOf(native)
	b.ResetTimer()
	weigh(b, fast, slow, ours)
	wasmVerify.setBoth(fast.perEvent()/ours.perEvent(), fast.bestPerEvent()/ours.bestPerEvent())
	wasmPortable.setBoth(slow.perEvent()/ours.perEvent(), slow.bestPerEvent()/ours.bestPerEvent())
	b.ReportMetric(fast.perEvent(), "ns/accelerated")
	b.ReportMetric(slow.perEvent(), "ns/portable")
	b.ReportMetric(ours.perEvent(), "ns/native")
}

// snapshotOf is the module with the pack of 100 rules loaded.
var snapshotOf = sync.OnceValues(func() ([]byte, error) {
	m, err := built["decide"]()
	if err != nil {
		return nil, err
	}
	p, err := rules.Load(snapshotPack, nil)
	if err != nil {
		return nil, err
	}
	return snapshot.Build(context.Background(), m, p.Encode())
})

var snapshotPack []byte // of snapshotOf

func wasmSnapshot(tb testing.TB) []byte {
	tb.Helper()
	snapshotPack = wasmPack(tb)
	m, err := snapshotOf()
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// BenchmarkModuleFreshInstance: what a call costs that gets memory of its own, on the
// clock: making the instance, as host.Pool measures it, and the whole call.
func BenchmarkModuleFreshInstance(b *testing.B) {
	pool := openPool(b, wasmSnapshot(b), host.Options{Isolation: host.PerCall, Size: 1})
	ours := newNativeModule(b, wasmPack(b))
	var made, whole []time.Duration
	b.ResetTimer()
	for range b.N {
		for i := range 20 {
			start := time.Now()
			reply, err := pool.Decide(context.Background(), wasmNow, bodies970()[i])
			whole = append(whole, time.Since(start))
			made = append(made, pool.Stats().MakeTime)
			if err != nil || !bytes.Equal(reply, ours.decide(bodies970()[i])) {
				b.Fatalf("event %d: %s, %v", i, reply, err)
			}
		}
	}
	ms := func(d float64) float64 { return d / float64(time.Millisecond) }
	wasmFresh.setBoth(ms(median(made)), ms(float64(slices.Min(made))))
	wasmFreshFirst.setBoth(ms(median(whole)), ms(float64(slices.Min(whole))))
	b.ReportMetric(wasmFresh.got, "ms/instance")
	b.ReportMetric(wasmFreshFirst.got, "ms/call")
}

// resident is what instances take: the pages of snapshots' memory that are not shared, and
// Go's heap. What machine code and stacks take, does not grow with them.
func resident(tb testing.TB) (n int) {
	b, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		tb.Skip("only Linux tells what memory a process has to itself")
	}
	ours := false
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		switch fields := strings.Fields(value); {
		case strings.Contains(name, "-") && strings.Contains(name, " "): // a mapping: addresses, mode, device
			ours = strings.Contains(line, "issuant-snapshot")
		case ours && (name == "Private_Dirty" || name == "Private_Clean"):
			kb, err := strconv.Atoi(fields[0])
			if err != nil {
				tb.Fatal(line)
			}
			n += kb << 10
		}
	}
	var heap runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers let go of in the first
	runtime.ReadMemStats(&heap)
	return n + int(heap.HeapAlloc)
}

// TestIdleInstanceIsSmall makes instances of a snapshot that wait for calls.
func TestIdleInstanceIsSmall(t *testing.T) {
	if !weighModule {
		t.Skip("make bench-wasm gates this")
	}
	const n = 64
	// A pool has something of its own besides, so that one with one instance is taken off.
	open := func(warm int) int {
		before := resident(t)
		openPool(t, wasmSnapshot(t), host.Options{Size: n, Warm: warm})
		return resident(t) - before
	}
	open(1) // the machine code is in the cache from here on
	one, all := open(1), open(n)
	each := float64(all-one) / (n - 1)
	t.Logf("%d bytes with one instance, %d with %d: %.0f an instance", one, all, n, each)
	wasmIdle.set(each / (1 << 20))
	if each > 1<<20 {
		t.Errorf("an idle instance takes %.0f bytes", each)
	}
}

// TestMemoryAfterManyCallsIsThatAfterFew gates growth: a module's memory never shrinks.
func TestMemoryAfterManyCallsIsThatAfterFew(t *testing.T) {
	if !weighModule {
		t.Skip("make bench-wasm gates this")
	}
	few, many := 10_000, 100_000
	if os.Getenv("ISSUANT_SOAK") != "" {
		many = 1_000_000
	}
	pages := memoryAfter(t, few, many)
	ratio := float64(pages[1]) / float64(pages[0])
	t.Logf("%d pages after %d calls, %d after %d", pages[0], few, pages[1], many)
	wasmGrowth.set(ratio)
	if pages[1] > pages[0] {
		t.Errorf("memory grows: %.2f", ratio)
	}
}

// memoryAfter is how many pages an instance has after so many calls, and after so many.
func memoryAfter(t *testing.T, calls ...int) (pages []uint32) {
	t.Helper()
	ctx := context.Background()
	rt := wazero.NewRuntime(ctx)
	defer rt.Close(ctx)
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, rt); err != nil {
		t.Fatal(err)
	}
	mod, err := rt.InstantiateWithConfig(ctx, wasmSnapshot(t), wazero.NewModuleConfig().WithStartFunctions(abi.ExportInitialize))
	if err != nil {
		t.Fatal(err)
	}
	call := func(name string, args ...uint64) uint64 {
		r, err := mod.ExportedFunction(name).Call(ctx, args...)
		if err != nil {
			t.Fatal(err)
		}
		return r[0]
	}
	done := 0
	for _, upTo := range calls {
		for ; done < upTo; done++ {
			in := fmt.Appendf(nil, `{"now_ms":%d,"event":%s}`, wasmNow.UnixMilli(), bodies970()[done%events])
			mod.Memory().Write(uint32(call(abi.ExportIn, uint64(len(in)))), in)
			at, _ := abi.Split(call(abi.ExportDecide, 1, uint64(len(in))))
			if code, ok := mod.Memory().ReadUint32Le(at); code != 0 || !ok {
				t.Fatalf("call %d: code %d", done, code)
			}
		}
		pages = append(pages, mod.Memory().Size()>>16)
	}
	return pages
}

// BenchmarkModuleCompile: a pool that opens with an empty cache, and one that finds the
// machine code there, on the clock.
func BenchmarkModuleCompile(b *testing.B) {
	m, pack := moduleOf(b, "decide"), wasmPack(b)
	var cold, cached []time.Duration
	for range min(b.N, 3) {
		dir := filepath.Join(b.TempDir(), "cache")
		for _, to := range []*[]time.Duration{&cold, &cached} {
			start := time.Now()
			openPool(b, m, host.Options{Pack: pack, Size: 1, CacheDir: dir})
			*to = append(*to, time.Since(start))
		}
	}
	wasmCold.setBoth(median(cold)/1e9, slices.Min(cold).Seconds())
	wasmCached.setBoth(median(cached)/1e9, slices.Min(cached).Seconds())
	b.ReportMetric(wasmCold.got, "s/cold")
	b.ReportMetric(wasmCached.got, "s/cached")
}

// TestModulesAreSmall gates the size that travels, by the script of make wasm.
func TestModulesAreSmall(t *testing.T) {
	if !weighModule {
		t.Skip("make bench-wasm gates this")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("there is no node to compress with")
	}
	dir := t.TempDir()
	weighed := map[string]*figure{"full": wasmFull, "decide": wasmDecide, "verify": wasmOnlyVerify}
	for name := range weighed {
		if err := os.WriteFile(filepath.Join(dir, "issuant-"+name+".wasm"), moduleOf(t, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("node", "../wasm/sizes.mjs", dir).CombinedOutput()
	if err != nil {
		t.Errorf("%v", err)
	}
	t.Logf("%s", out)
	for line := range strings.Lines(string(out)) {
		name, rest, _ := strings.Cut(line, ": ")
		var raw, brotli float64
		if _, err := fmt.Sscanf(rest, "%g bytes, %g compressed", &raw, &brotli); err == nil && weighed[name] != nil {
			weighed[name].set(brotli / 1e6)
		}
	}
}
