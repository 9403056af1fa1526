package benchmarks

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"

	"github.com/issuant/issuant/benchmarks/ruleset"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
)

// events is how many events a full turn takes through an engine.
const events = 1000

// decision is what every engine makes of an event: the rules that match, in order,
// and the worst of their effects.
type decision struct {
	hits  []int32
	worst byte
}

func (d *decision) reset() { d.hits, d.worst = d.hits[:0], 0 }

func (d *decision) hit(rule int32, effects []byte) {
	d.hits = append(d.hits, rule)
	d.worst = max(d.worst, effects[rule])
}

// peer is an engine with a rule set in it.
type peer interface {
	// decide evaluates every rule on decoded event i.
	decide(i int, d *decision)
}

// reader is a peer that also reads events from JSON.
type reader interface {
	peer
	decideJSON(body []byte, d *decision)
}

// bodies970 and decoded are the events, as text and as structs.
var (
	decoded   = sync.OnceValue(func() []ruleset.Event { return ruleset.Events(events) })
	bodies970 = sync.OnceValue(func() [][]byte {
		list := make([][]byte, events)
		for i := range list {
			list[i] = decoded()[i].JSON()
		}
		return list
	})
)

func effectsOf(list []ruleset.Rule) []byte {
	out := make([]byte, len(list))
	for i, r := range list {
		out[i] = byte(1 + slices.Index([]string{"yellow", "orange", "red"}, r.Effect))
	}
	return out
}

// issuant is this engine.
type issuant struct {
	pack    *rules.Pack
	effects []byte
	facts   []*rules.Facts
	decoder *rules.Decoder
	scratch *rules.Facts
	run     rules.Run
}

// packs keeps compiled packs: several benchmarks weigh the same one.
var packs = map[string]*rules.Pack{}

func packOf(tb testing.TB, kind ruleset.Kind, n int) *rules.Pack {
	tb.Helper()
	key := fmt.Sprint(kind.Name, n)
	if packs[key] == nil {
		p, err := compile.FS(ruleset.Pack(ruleset.Rules(n, kind)), compile.Options{})
		if err != nil {
			tb.Fatal(err)
		}
		packs[key] = p
	}
	return packs[key]
}

func newIssuant(tb testing.TB, kind ruleset.Kind, n int) *issuant {
	tb.Helper()
	return issuantOf(tb, packOf(tb, kind, n), kind)
}

func issuantOf(tb testing.TB, p *rules.Pack, kind ruleset.Kind) *issuant {
	tb.Helper()
	e := &issuant{pack: p, effects: effectsOf(ruleset.Rules(len(p.Manifest().Rules), kind))}
	var err error
	e.decoder, err = rules.NewDecoder(e.pack.Schema(), rules.DecoderOptions{Fields: e.pack.Reads()})
	if err != nil {
		tb.Fatal(err)
	}
	e.scratch = rules.NewFacts(e.pack.Schema())
	for _, body := range bodies970() {
		f, _, err := e.decoder.DecodeNew(string(body))
		if err != nil {
			tb.Fatal(err)
		}
		e.facts = append(e.facts, f)
	}
	return e
}

func (e *issuant) decide(i int, d *decision) { e.judge(e.facts[i], d) }

func (e *issuant) decideJSON(body []byte, d *decision) {
	if _, err := e.decoder.Decode(e.scratch, body); err != nil {
		panic(err)
	}
	e.judge(e.scratch, d)
}

func (e *issuant) judge(f *rules.Facts, d *decision) {
	d.reset()
	e.pack.RunInto(&e.run, f, now)
	for i := range e.run.Notes {
		n := &e.run.Notes[i]
		if n.Truth == rules.Error {
			panic("a rule failed")
		}
		if n.Hit {
			d.hit(int32(n.Rule), e.effects)
		}
	}
}

// exprStruct is expr with a struct value as environment, its quickest way.
type exprStruct struct {
	programs []*vm.Program
	effects  []byte
	envs     []any
	vm       vm.VM
}

func exprPrograms(tb testing.TB, list []ruleset.Rule, options ...expr.Option) []*vm.Program {
	tb.Helper()
	programs := make([]*vm.Program, len(list))
	for i, r := range list {
		p, err := expr.Compile(ruleset.Expr(r.When), options...)
		if err != nil {
			tb.Fatal(err)
		}
		programs[i] = p
	}
	return programs
}

func newExprStruct(tb testing.TB, kind ruleset.Kind, n int) *exprStruct {
	tb.Helper()
	list := ruleset.Rules(n, kind)
	e := &exprStruct{programs: exprPrograms(tb, list, expr.Env(ruleset.Event{}), expr.AsBool()), effects: effectsOf(list)}
	for _, ev := range decoded() {
		e.envs = append(e.envs, ev)
	}
	return e
}

func (e *exprStruct) decide(i int, d *decision) { e.judge(e.envs[i], d) }

func (e *exprStruct) decideJSON(body []byte, d *decision) {
	var ev ruleset.Event
	if err := json.Unmarshal(body, &ev); err != nil {
		panic(err)
	}
	e.judge(ev, d)
}

func (e *exprStruct) judge(env any, d *decision) {
	d.reset()
	for i, p := range e.programs {
		out, err := e.vm.Run(p, env)
		if err != nil {
			panic(err)
		}
		if out.(bool) {
			d.hit(int32(i), e.effects)
		}
	}
}

// turn is one side of a weighing.
type turn struct {
	each   int // events in a round
	again  int // how often they are taken once more in a round
	engine func(i int)
	took   []time.Duration
}

// perEvent is the median of the rounds, in nanoseconds an event.
func (t *turn) perEvent() float64 { return median(t.took) / float64(t.each*(1+t.again)) }

// bestPerEvent is that of the best round.
func (t *turn) bestPerEvent() float64 {
	return float64(slices.Min(t.took)) / float64(t.each*(1+t.again))
}

// weigh lets the sides take turns, round after round, in one process. Each side goes
// on through the events where it stopped in the round before. One more pass comes first
// and is not timed: the side before has filled the caches with its own.
func weigh(b *testing.B, sides ...*turn) {
	next := make([]int, len(sides))
	for range b.N {
		for k, s := range sides {
			from := next[k]
			pass := func() {
				for i := range s.each {
					s.engine((from + i) % events)
				}
			}
			pass()
			s.took = append(s.took, timed(func() {
				for range 1 + s.again {
					pass()
				}
			}))
			next[k] = (from + s.each) % events
		}
	}
}

// BenchmarkRules evaluates all rules on decoded events, expr and Issuant in turns.
func BenchmarkRules(b *testing.B) {
	for _, n := range ruleset.Sizes() {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			x, best := against(b, evaluated, n, newIssuant(b, ruleset.Plain, n), newExprStruct(b, ruleset.Plain, n), decide)
			switch n {
			case 1000:
				evaluate1000.setBoth(x, best)
			case 10000:
				evaluate10000.setBoth(x, best)
			}
		})
	}
}

// BenchmarkRulesFromJSON is the same from the event's text on: our decoder against
// encoding/json into a struct.
func BenchmarkRulesFromJSON(b *testing.B) {
	for _, n := range ruleset.Sizes() {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			x, best := against(b, read, n, newIssuant(b, ruleset.Plain, n), newExprStruct(b, ruleset.Plain, n), decideJSON)
			switch n {
			case 1:
				fromJSON1.setBoth(x, best)
			case 1000:
				fromJSON1000.setBoth(x, best)
			case 10000:
				fromJSON10000.setBoth(x, best)
			}
		})
	}
}

// BenchmarkRulesVariants are sets that are harder for an index.
func BenchmarkRulesVariants(b *testing.B) {
	for _, v := range []struct {
		kind ruleset.Kind
		to   *figure
	}{{ruleset.Beside1, beside1}, {ruleset.Alone1, alone1}, {ruleset.Beside10, beside10}, {ruleset.Alone10, alone10}, {ruleset.Overlap, overlap}} {
		b.Run("rules=10000/set="+v.kind.Name, func(b *testing.B) {
			v.to.setBoth(against(b, nil, 10000, newIssuant(b, v.kind, 10000), newExprStruct(b, v.kind, 10000), decide))
		})
	}
}

// BenchmarkRulesGrowth: ten times as many rules, on the same events.
func BenchmarkRulesGrowth(b *testing.B) {
	few, many := newIssuant(b, ruleset.Plain, 1000), newIssuant(b, ruleset.Plain, 10000)
	var d decision
	x, y := decide(few, &d), decide(many, &d)
	b.ResetTimer()
	weigh(b, x, y)
	growth.setBoth(y.perEvent()/x.perEvent(), y.bestPerEvent()/x.bestPerEvent())
	b.ReportMetric(growth.got, "x-1000")
	b.ReportMetric(growth.best, "x-best")
	b.ReportMetric(x.perEvent(), "ns/1000")
	b.ReportMetric(y.perEvent(), "ns/10000")
}

// BenchmarkRivals evaluates with each of the other engines in turns.
func BenchmarkRivals(b *testing.B) {
	for _, n := range ruleset.Sizes() {
		for _, rival := range rivals {
			if rival.name == exprOnStruct || n > rival.most {
				continue
			}
			b.Run(fmt.Sprintf("rules=%d/%s", n, strings.ReplaceAll(rival.name, ", ", "-")), func(b *testing.B) {
				theirs := rival.make(b, ruleset.Plain, n)
				var d decision
				x, y := decide(newIssuant(b, ruleset.Plain, n), &d), decide(theirs, &d)
				b.ResetTimer()
				weigh(b, x, y)
				evaluated.set(rival.name, n, y.perEvent())
				b.ReportMetric(y.perEvent()/x.perEvent(), "x-issuant")
				b.ReportMetric(y.perEvent(), "ns/event")
			})
		}
	}
}

// turnTime is about how long a turn takes: long enough for the clock, and short enough
// for the sides to see the same minute of the machine.
const turnTime = 3 * time.Millisecond

// turnEvents is how many events a turn takes at most, again and again until the turn is
// over. A decoded event is hot, since it was just decoded: so many of them fit the caches
// of a core, as the two or three events do that a turn of the slower side takes.
const turnEvents = 100

// turnOf makes a side that takes as many events in a round as turnTime holds.
func turnOf(engine func(i int)) *turn {
	const trial = 5
	took := timed(func() {
		for i := range trial {
			engine(i)
		}
	})
	fit := int(trial * turnTime / max(took, 1))
	each := max(2, min(turnEvents, fit))
	return &turn{each: each, again: max(1, fit/each) - 1, engine: engine}
}

func decide(p peer, d *decision) *turn {
	return turnOf(func(i int) { p.decide(i, d) })
}

func decideJSON(p peer, d *decision) *turn {
	bodies, r := bodies970(), p.(reader)
	return turnOf(func(i int) { r.decideJSON(bodies[i], d) })
}

// against weighs Issuant and expr in turns and returns how many times longer expr takes:
// the ratio of the medians, and that of the best rounds.
func against(b *testing.B, to *matrix, n int, ours, theirs peer, do func(peer, *decision) *turn) (x, best float64) {
	var d decision
	us, them := do(ours, &d), do(theirs, &d)
	b.ResetTimer()
	weigh(b, us, them)
	if to != nil {
		to.set(ourName, n, us.perEvent())
		to.set(exprOnStruct, n, them.perEvent())
	}
	x, best = them.perEvent()/us.perEvent(), them.bestPerEvent()/us.bestPerEvent()
	b.ReportMetric(x, "x-expr")
	b.ReportMetric(best, "x-best")
	b.ReportMetric(us.perEvent(), "ns/event")
	b.ReportMetric(them.perEvent(), "ns/expr")
	return x, best
}

// TestRulesGiveTheSameDecisions holds every engine to the same matches on the same events.
func TestRulesGiveTheSameDecisions(t *testing.T) {
	for _, kind := range ruleset.AllKinds {
		for _, n := range []int{1, 10, 100, 1000} {
			if n != 1000 && kind.Name != ruleset.Plain.Name {
				continue
			}
			ours := newIssuant(t, kind, n)
			for _, rival := range rivals {
				if rival.name == plainGo && kind.Name != ruleset.Plain.Name {
					continue
				}
				t.Run(fmt.Sprintf("%s/rules=%d/%s", kind.Name, n, rival.name), func(t *testing.T) {
					agree(t, ours, rival.make(t, kind, n), max(20, min(events, 10000/n)))
				})
			}
		}
	}
}

// agree compares the decisions on the first events, and needs some rules to match.
func agree(t *testing.T, ours *issuant, theirs peer, upTo int) {
	total := 0
	for i := range upTo {
		var decoded, read, want decision
		ours.decide(i, &decoded)
		ours.decideJSON(bodies970()[i], &read)
		theirs.decide(i, &want)
		for _, got := range []decision{decoded, read} {
			if !slices.Equal(got.hits, want.hits) || got.worst != want.worst {
				t.Fatalf("event %d: Issuant %v, the rival %v\n%s", i, got, want, bodies970()[i])
			}
		}
		total += len(want.hits)
	}
	if total == 0 {
		t.Fatal("no rule matches: nothing is compared")
	}
}
