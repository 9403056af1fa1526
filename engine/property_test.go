package engine_test

import (
	"bytes"
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
	"github.com/issuant/issuant/rules/compile"
	"github.com/issuant/issuant/rules/starter"
)

// generator makes packs in which every kind of thing happens: hits, absent facts,
// arithmetic errors, sections, requirements.
type generator struct{ *rand.Rand }

func (g generator) of(list ...string) string { return list[g.Intn(len(list))] }

func (g generator) leaf() string {
	return g.of(
		`wallet.device_score < 3`, `wallet.device_score in [2, 3]`, `network_risk.score >= 85`, `token.source == "manual"`,
		`token.source in ["manual", "camera"]`, `card.status == "warning"`, `"high_risk" in wallet.reasons`, `session.sca`,
		`not session.in_app`, `has(device.country)`, `device.country != holder.home_country`, `(vel.attempts_card_1h ?? 0) > 3`,
		`card.age_days + 9223372036854775807 > 0`, `10 / wallet.account_score > 2`, `token.type == "cof"`, `verify.cvv == "fail"`,
	)
}

func (g generator) cond(depth int) string {
	if depth == 0 || g.Intn(3) == 0 {
		return g.leaf()
	}
	switch g.Intn(4) {
	case 0:
		return "not (" + g.cond(depth-1) + ")"
	case 1:
		return "(" + g.cond(depth-1) + ") or (" + g.cond(depth-1) + ")"
	default:
		return "(" + g.cond(depth-1) + ") and (" + g.cond(depth-1) + ")"
	}
}

func (g generator) rule(id string, score bool) string {
	effects := []string{"red", "orange", "yellow", "yellow", "green", "tag"}
	if score {
		effects = append(effects, "score", "score", "score", "score")
	}
	effect := g.of(effects...)
	var b strings.Builder
	fmt.Fprintf(&b, "- id: %s\n  effect: %s\n  when: '%s'\n  why: generated\n  reason: REASON_%s\n  on_missing: %s\n",
		id, effect, g.cond(2), id, g.of("skip", "skip", "hit", "error"))
	if effect == "score" {
		fmt.Fprintf(&b, "  weight: %d\n", g.Intn(60))
	}
	if effect != "green" && effect != "tag" && g.Intn(3) == 0 {
		fmt.Fprintf(&b, "  step_up: [%s]\n", g.of("app", "sms", "call", "call, app"))
	}
	if g.Intn(4) == 0 {
		fmt.Fprintf(&b, "  require: {%s: true}\n", g.of("sca", "tenured", "no_app"))
	}
	if g.Intn(8) == 0 {
		b.WriteString("  shadow: true\n")
	}
	return b.String()
}

func (g generator) head(score, allFacts bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: generated\nversion: 1.0.0\ndefault: %s\non_error: %s\n", g.of("green", "green", "yellow", "orange"), g.of("yellow", "orange", "red"))
	if score {
		b.WriteString("hit: score\nthresholds: {yellow: 30, orange: 60, red: 90}\n")
	}
	if allFacts {
		fmt.Fprintf(&b, "green_requires: [%s]\n", strings.Join(allRead, ", "))
	}
	if g.Intn(2) == 0 {
		fmt.Fprintf(&b, "sections:\n  - {name: one, when: '%s', no_step_up: %s}\n  - {name: two, when: '%s', no_step_up: %s}\n",
			g.cond(1), g.of("red", "green"), g.cond(1), g.of("red", "green"))
	}
	return b.String()
}

// allRead are the facts that generated conditions, guards and floor read.
var allRead = []string{
	"wallet.device_score", "network_risk.score", "token.source", "card.status", "wallet.reasons", "session.sca", "session.in_app",
	"device.country", "holder.home_country", "vel.attempts_card_1h", "card.age_days", "wallet.account_score", "token.type",
	"verify.cvv", "card.stage", "card.expired", "wallet.recommendation", "token.channel",
}

func (g generator) event() *engine.Event {
	ev := engine.NewEvent(rules.EventV1())
	set := func(name string, values ...any) {
		if g.Intn(5) > 0 {
			enginetest.With(ev, name, values[g.Intn(len(values))])
		}
	}
	set("id", "e1", "e2")
	set("wallet.device_score", 1, 2, 5)
	set("wallet.account_score", 0, 3, 5)
	set("network_risk.score", 10, 85)
	set("token.source", "manual", "push_app")
	set("token.type", "cof", "device")
	set("token.channel", "wallet", "merchant")
	set("card.status", "normal", "normal", "warning", "lost")
	set("card.stage", "unblocked", "unblocked", "blocked")
	set("card.expired", false, false, true)
	set("card.age_days", -5, 10)
	set("wallet.reasons", []string{}, []string{"high_risk"})
	set("wallet.recommendation", "approve", "approve", "step_up", "none")
	set("session.sca", true, false)
	set("session.in_app", true, false)
	set("device.country", "BR", "DE")
	set("holder.home_country", "BR")
	set("holder.channels", []string{"sms"}, []string{"app", "sms"}, []string{})
	set("holder.phone_changed_days", 3, 100)
	set("holder.creds_reset_days", 3, 100)
	set("vel.attempts_card_1h", 1, 9)
	set("verify.cvv", "match", "match", "fail")
	if g.Intn(4) == 0 {
		ev.Guards = append(ev.Guards, engine.Guard{Code: "BNB", Outcome: rules.Yellow, ActionCode: "85"})
	}
	return ev
}

func compiled(t *testing.T, head string, list []string) *engine.Engine {
	t.Helper()
	p, err := compile.FS(fstest.MapFS{
		"pack.yaml": {Data: []byte(head)}, "rules/r.yaml": {Data: []byte(strings.Join(list, ""))},
	}, compile.Options{})
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, head, strings.Join(list, ""))
	}
	e, err := engine.New(p, engine.Options{})
	return ok(t, e, err)
}

// failing rules that join an error whatever the event, in the place of any rule.
const alwaysError = "- id: ERR\n  effect: tag\n  when: '1 / (len(\"\")) > 0'\n  why: generated\n"

func TestOneMoreRuleNeverMakesTheOutcomeBetter(t *testing.T) {
	changed := 0
	for seed := range int64(120) {
		g := generator{rand.New(rand.NewSource(seed))}
		score := seed%2 == 1
		head := g.head(score, seed%3 == 0)
		var list []string
		for i := range 1 + g.Intn(6) {
			list = append(list, g.rule(fmt.Sprint("R", i), score))
		}
		extra := g.rule("EXTRA", score)
		if seed%5 == 0 {
			extra = alwaysError
		}
		at := g.Intn(len(list) + 1)
		more := append(append(append([]string(nil), list[:at]...), extra), list[at:]...)
		plain, longer := compiled(t, head, list), compiled(t, head, more)
		for range 40 {
			ev := g.event()
			a, b := plain.Decide(ev, enginetest.Now()), longer.Decide(ev, enginetest.Now())
			if a.Outcome.Worse(b.Outcome) {
				t.Fatalf("seed %d: %v becomes %v by one more rule\n%s\n%s\nextra:\n%s\n%s\n%s\n%s", seed, a.Outcome, b.Outcome,
					head, strings.Join(list, ""), extra, ev.AppendJSON(nil), a.AppendJSON(nil), b.AppendJSON(nil))
			}
			if a.Outcome != b.Outcome {
				changed++
			}
		}
	}
	if changed < 50 {
		t.Errorf("only %d outcomes changed: the test proves little", changed)
	}
}

func TestRemovingAFactNeverMakesGreen(t *testing.T) {
	greens := 0
	for seed := range int64(120) {
		g := generator{rand.New(rand.NewSource(seed))}
		var list []string
		for i := range 1 + g.Intn(4) {
			list = append(list, g.rule(fmt.Sprint("R", i), seed%2 == 1))
		}
		e := compiled(t, g.head(seed%2 == 1, true), list)
		for range 40 {
			ev := g.event()
			if e.Decide(ev, enginetest.Now()).Outcome == rules.Green {
				greens++
			}
			if names := engine.FindGreenings(e.Pack(), ev, enginetest.Now()); len(names) > 0 {
				t.Fatalf("seed %d: green without %v\n%s\n%s", seed, names, strings.Join(list, ""), ev.AppendJSON(nil))
			}
		}
	}
	if greens == 0 {
		t.Error("no event was green: the test proves nothing")
	}
}

func TestFindGreeningsFindsWhatItIsFor(t *testing.T) {
	e := compiled(t, "name: hole\nversion: 1.0.0\ndefault: green\n", []string{"- id: Y\n  effect: yellow\n  when: device.country != \"BR\"\n  why: far away\n"})
	ev := enginetest.With(enginetest.CleanPush(), "device.country", "DE")
	names := engine.FindGreenings(e.Pack(), ev, enginetest.Now())
	if len(names) != 1 || names[0] != "device.country" {
		t.Errorf("found %v", names)
	}
	if engine.FindGreenings(nil, ev, enginetest.Now()) != nil || engine.FindGreenings(e.Pack(), nil, enginetest.Now()) != nil {
		t.Error("nothing has greenings")
	}
}

func TestStarterPackHasNoGreenings(t *testing.T) {
	pack, err := starter.Pack()
	ok(t, pack, err)
	e, err := engine.New(pack, engine.Options{})
	ok(t, e, err)
	for name, ev := range map[string]*engine.Event{"push": enginetest.CleanPush(), "merchant": enginetest.CleanMerchant()} {
		if d := e.Decide(ev, enginetest.Now()); d.Outcome != rules.Green {
			t.Errorf("the clean %s is not green: %s", name, d.AppendJSON(nil))
		}
	}
	files, err := compile.Tests(starter.FS(), pack)
	ok(t, files, err)
	cases := 0
	for _, f := range files {
		for _, c := range f.Cases {
			cases++
			ev := &engine.Event{Facts: c.Event}
			if names := engine.FindGreenings(pack, ev, enginetest.Now()); len(names) > 0 {
				t.Errorf("%s, %q: green without %v", f.Name, c.Name, names)
			}
		}
	}
	if cases < 100 {
		t.Errorf("only %d cases", cases)
	}
}

func TestDecideAndExplainAreDeterministic(t *testing.T) {
	for seed := range int64(60) {
		g := generator{rand.New(rand.NewSource(seed))}
		head, list := g.head(false, false), []string{g.rule("A", false), g.rule("B", false), g.rule("C", false)}
		first, second := compiled(t, head, list), compiled(t, head, list)
		for range 10 {
			ev := g.event()
			again, err := engine.ParseEvent(rules.EventV1(), ev.AppendJSON(nil))
			ok(t, again, err)
			a, b := first.Decide(ev, enginetest.Now()), second.Decide(again, enginetest.Now().In(time.FixedZone("x", 3600)))
			if !bytes.Equal(a.AppendJSON(nil), b.AppendJSON(nil)) {
				t.Fatalf("seed %d:\n%s\n%s", seed, a.AppendJSON(nil), b.AppendJSON(nil))
			}
			x, y := first.Explain(ev, enginetest.Now()), second.Explain(again, enginetest.Now())
			if !bytes.Equal(x.AppendJSON(nil), y.AppendJSON(nil)) {
				t.Fatalf("seed %d:\n%s\n%s", seed, x.AppendJSON(nil), y.AppendJSON(nil))
			}
			for _, f := range x.Flips {
				if f.Outcome == x.Decision.Outcome {
					t.Fatalf("seed %d: a flip that changes nothing: %+v", seed, f)
				}
			}
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add(enginetest.CleanPush().AppendJSON(nil))
	f.Add([]byte(`{"guards":[{"code":"BNB","outcome":"yellow","action_code":"85"}]}`))
	f.Add([]byte(`{"id":1}`))
	f.Add([]byte(`{"card":{"Status":"lost"}}`))
	f.Add([]byte(`{"guards":[{"code":"x","outcome":""}]}`))
	f.Add([]byte(`[`))
	pack, err := starter.Pack()
	if err != nil {
		f.Fatal(err)
	}
	e, err := engine.New(pack, engine.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ev, err := engine.ParseEvent(pack.Schema(), data)
		sameAsTree(t, data, ev, err)
		if err != nil {
			if c, coded := err.(interface{ Code() uint32 }); !coded || c.Code() == 0 || c.Code() == 500 {
				t.Fatalf("an error without a code of its own: %v", err)
			}
			return
		}
		text := ev.AppendJSON(nil)
		again, err := engine.ParseEvent(pack.Schema(), text)
		if err != nil || !bytes.Equal(again.AppendJSON(nil), text) {
			t.Fatalf("does not read back: %s: %v", text, err)
		}
		a, b := e.Decide(ev, enginetest.Now()).AppendJSON(nil), e.Decide(again, enginetest.Now()).AppendJSON(nil)
		if !bytes.Equal(a, b) {
			t.Fatalf("two decisions on one event:\n%s\n%s", a, b)
		}
	})
}

// sameAsTree holds ParseEvent against the way over a tree.
func sameAsTree(t *testing.T, data []byte, ev *engine.Event, err error) {
	t.Helper()
	v, wantErr := strictjson.Parse(data, strictjson.Limits{MaxBytes: engine.MaxEventBytes})
	var want *engine.Event
	if wantErr == nil {
		want, wantErr = engine.EventFromValue(rules.EventV1(), v)
	}
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Fatalf("%.200q: %v; by way of the tree: %v", data, err, wantErr)
	}
	if err == nil && !bytes.Equal(ev.AppendJSON(nil), want.AppendJSON(nil)) {
		t.Fatalf("%.200q: %s; by way of the tree: %s", data, ev.AppendJSON(nil), want.AppendJSON(nil))
	}
}

func TestParseEventReadsAsTheTreeDoes(t *testing.T) {
	for _, text := range []string{
		`{}`, ` {"guards" : [ {"code":"A","outcome":"red","action_code":"05"} , {"code":"B"} ] , "id":"x"}`, `{"guards":null}`, `{"guards":[]}`,
		`{"guards":[{"code":"A","colour":"x"}]}`, `{"id":"x","guards":[{"code":"A","outcome":"blue"}]}`, `{"guards":[{"code":1}]}`, `{"guards":[{"code":""}]}`,
		`{"guards":[1]}`, `{"guards":{},"id":1}`, `{"id":1,"guards":{}}`, `{"guards":[{"code":"A","code":"B"}]}`, `{"guards":[{"code":"A","CODE":"B"}]}`, `{"Guards":[]}`,
		`{"guards":[{"code":"\u0041\ud83d\ude00"}]}`, `{"id":"\ud83d"}`, `{"id":"x"`, `{"id":"x"}}`, `{"bogus":1,"id":}`, `{"card":{"bin":"4","bin":"5"}}`,
		`{"guards":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`, `{"guards":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`,
		`{"id":"` + strings.Repeat("x", 4096) + `"}`, `{"id":"x"}` + strings.Repeat(" ", engine.MaxEventBytes-10), `{"id":"x"}` + strings.Repeat(" ", engine.MaxEventBytes-9), strings.Repeat(" ", 10<<20),
	} {
		data := []byte(text)
		ev, err := engine.ParseEvent(rules.EventV1(), data)
		sameAsTree(t, data, ev, err)
		for i := range data {
			data[i] = '#' // the event shares no memory with it
		}
		sameAsTree(t, []byte(text), ev, err)
	}
}

func FuzzVerifyChain(f *testing.F) {
	var buf bytes.Buffer
	j, err := engine.NewJournal(&buf, engine.JournalOptions{})
	if err != nil {
		f.Fatal(err)
	}
	for range 3 {
		if err := j.Append(&engine.Record{At: enginetest.Now(), Counterpart: "pismo"}); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(buf.Bytes())
	f.Add(buf.Bytes()[:buf.Len()-3])
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		end, err := engine.VerifyChain(bytes.NewReader(data))
		if end.Size > int64(len(data)) || err == nil && end.Size != int64(len(data)) {
			t.Fatalf("%d good bytes of %d: %v", end.Size, len(data), err)
		}
		if _, err := engine.VerifyChain(bytes.NewReader(data[:end.Size])); err != nil {
			t.Fatalf("the good part is not good: %v", err)
		}
	})
}
