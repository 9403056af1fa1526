package benchmarks

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"cel.dev/cel-go/cel"
	"github.com/expr-lang/expr"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/issuant/issuant/benchmarks/plain"
	"github.com/issuant/issuant/benchmarks/ruleset"
)

// rivals are the engines that are weighed beside Issuant, the yardstick first.
var rivals = []struct {
	name string
	most int // rules
	make func(tb testing.TB, kind ruleset.Kind, n int) peer
}{
	{exprOnStruct, 10000, func(tb testing.TB, kind ruleset.Kind, n int) peer { return newExprStruct(tb, kind, n) }},
	{"expr, map", 10000, newExprMap},
	{"CEL", 10000, newCEL},
	{"OPA", 10000, newOPA},
	{plainGo, 1000, newPlain},
}

const (
	exprOnStruct = "expr, struct"
	plainGo      = "plain Go"
)

// asMap is the event as encoding/json reads it without a type.
func asMap(body []byte) map[string]any {
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		panic(err)
	}
	return m
}

// exprMap is expr on decoded JSON.
type exprMap struct{ exprStruct }

func newExprMap(tb testing.TB, kind ruleset.Kind, n int) peer {
	list := ruleset.Rules(n, kind)
	e := &exprMap{exprStruct{programs: exprPrograms(tb, list, expr.Env(asMap(bodies970()[0])), expr.AsBool()), effects: effectsOf(list)}}
	for _, body := range bodies970() {
		e.envs = append(e.envs, asMap(body))
	}
	return e
}

// celPeer is CEL with a declared variable for each field: typed, and without a
// look-up in structs at run time.
type celPeer struct {
	programs    []cel.Program
	effects     []byte
	activations []cel.Activation
}

// fields calls f for each field of an event that has a type CEL knows by itself.
func fields(e *ruleset.Event, f func(name string, v any)) {
	var walk func(prefix string, v reflect.Value)
	walk = func(prefix string, v reflect.Value) {
		for i := range v.NumField() {
			name, value := prefix+v.Type().Field(i).Tag.Get("json"), v.Field(i)
			if value.Kind() == reflect.Struct {
				walk(name+".", value)
				continue
			}
			f(name, value.Interface())
		}
	}
	walk("", reflect.ValueOf(e).Elem())
}

var celTypes = map[reflect.Kind]*cel.Type{reflect.String: cel.StringType, reflect.Int: cel.IntType,
	reflect.Bool: cel.BoolType, reflect.Slice: cel.ListType(cel.StringType)}

func celEnv(tb testing.TB) *cel.Env {
	tb.Helper()
	var options []cel.EnvOption
	fields(&decoded()[0], func(name string, v any) {
		options = append(options, cel.Variable(name, celTypes[reflect.TypeOf(v).Kind()]))
	})
	env, err := cel.NewEnv(options...)
	if err != nil {
		tb.Fatal(err)
	}
	return env
}

func celPrograms(tb testing.TB, env *cel.Env, list []ruleset.Rule) []cel.Program {
	tb.Helper()
	programs := make([]cel.Program, len(list))
	for i, r := range list {
		tree, issues := env.Compile(ruleset.CEL(r.When))
		if issues.Err() != nil {
			tb.Fatal(issues.Err())
		}
		var err error
		if programs[i], err = env.Program(tree, cel.EvalOptions(cel.OptOptimize)); err != nil {
			tb.Fatal(err)
		}
	}
	return programs
}

func newCEL(tb testing.TB, kind ruleset.Kind, n int) peer {
	list := ruleset.Rules(n, kind)
	e := &celPeer{programs: celPrograms(tb, celEnv(tb), list), effects: effectsOf(list)}
	for i := range decoded() {
		values := map[string]any{}
		fields(&decoded()[i], func(name string, v any) { values[name] = v })
		a, err := cel.NewActivation(values)
		if err != nil {
			tb.Fatal(err)
		}
		e.activations = append(e.activations, a)
	}
	return e
}

func (e *celPeer) decide(i int, d *decision) {
	d.reset()
	for k, p := range e.programs {
		out, _, err := p.Eval(e.activations[i])
		if err != nil {
			panic(err)
		}
		if out.Value().(bool) {
			d.hit(int32(k), e.effects)
		}
	}
}

// opaPeer is OPA with all rules in one set, prepared, on inputs in its own form.
type opaPeer struct {
	query   rego.PreparedEvalQuery
	effects []byte
	inputs  []ast.Value
}

func opaQuery(tb testing.TB, list []ruleset.Rule) rego.PreparedEvalQuery {
	tb.Helper()
	q, err := rego.New(rego.Query("data.weighed.hits"), rego.Module("weighed.rego", ruleset.Rego(list))).PrepareForEval(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	return q
}

func newOPA(tb testing.TB, kind ruleset.Kind, n int) peer {
	list := ruleset.Rules(n, kind)
	e := &opaPeer{query: opaQuery(tb, list), effects: effectsOf(list)}
	for _, body := range bodies970() {
		v, err := ast.InterfaceToValue(asMap(body))
		if err != nil {
			tb.Fatal(err)
		}
		e.inputs = append(e.inputs, v)
	}
	return e
}

func (e *opaPeer) decide(i int, d *decision) {
	d.reset()
	out, err := e.query.Eval(context.Background(), rego.EvalParsedInput(e.inputs[i]))
	if err != nil || len(out) != 1 {
		panic(fmt.Sprint(err, out))
	}
	for _, v := range out[0].Expressions[0].Value.([]any) {
		n, err := v.(json.Number).Int64()
		if err != nil {
			panic(err)
		}
		d.hit(int32(n), e.effects)
	}
}

// plainPeer is the rules written out in Go.
type plainPeer struct {
	n       int
	effects []byte
}

func newPlain(tb testing.TB, kind ruleset.Kind, n int) peer {
	if !slices.Contains(plain.Sizes(), n) || kind.Name != ruleset.Plain.Name {
		tb.Fatalf("%d rules of the set %s are not generated", n, kind.Name)
	}
	return &plainPeer{n, effectsOf(ruleset.Rules(n, kind))}
}

func (e *plainPeer) decide(i int, d *decision) { e.judge(&decoded()[i], d) }

func (e *plainPeer) decideJSON(body []byte, d *decision) {
	var ev ruleset.Event
	if err := json.Unmarshal(body, &ev); err != nil {
		panic(err)
	}
	e.judge(&ev, d)
}

func (e *plainPeer) judge(ev *ruleset.Event, d *decision) {
	d.reset()
	d.hits = plain.Decide(e.n, ev, d.hits)
	for _, rule := range d.hits {
		d.worst = max(d.worst, e.effects[rule])
	}
}
