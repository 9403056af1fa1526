package engine

import (
	"testing"
	"time"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

var testNow = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// cond is a condition made by hand: a conjunction of leaves over an event.
type cond struct {
	leaves []leaf
	cost   int64
}

type leaf struct {
	text  string
	field int
	test  func(v any) bool
	flips []any
	fails code.Code // not OK: the leaf is an error when its field is present
}

func (c cond) Cost() int64 { return max(c.cost, int64(len(c.leaves))) }

func (c cond) Fields() []int {
	var out []int
	for _, l := range c.leaves {
		out = append(out, l.field)
	}
	return out
}

func (l leaf) judge(env *rules.Env) (rules.Truth, code.Code) {
	v := env.Facts.At(l.field)
	switch {
	case v == nil:
		return rules.Unknown, code.OK
	case l.fails != code.OK:
		return rules.Error, l.fails
	case l.test(v):
		return rules.True, code.OK
	}
	return rules.False, code.OK
}

func (c cond) Judge(env *rules.Env) (rules.Truth, code.Code) {
	truth, why := rules.True, code.OK
	for _, l := range c.leaves {
		t, k := l.judge(env)
		switch {
		case t == rules.False:
			return t, code.OK
		case t == rules.Error:
			truth, why = t, k
		case t == rules.Unknown && truth == rules.True:
			truth = t
		}
	}
	return truth, why
}

func (c cond) Leaves(env *rules.Env) []rules.Leaf {
	var out []rules.Leaf
	for _, l := range c.leaves {
		t, k := l.judge(env)
		r := rules.Leaf{Text: l.text, Fields: []int{l.field}, Truth: t, Code: k}
		for _, v := range l.flips {
			r.Flips = append(r.Flips, rules.Flip{Field: l.field, Value: v})
		}
		out = append(out, r)
	}
	return out
}

func field(name string) int {
	i, ok := rules.EventV1().Lookup(name)
	if !ok {
		panic("no field " + name)
	}
	return i
}

// is: the fact equals v.
func is(name string, v any) leaf {
	return leaf{text: name + " == v", field: field(name), test: func(x any) bool { return x == v }, flips: []any{v}}
}

// atLeast: the Int fact is at least n.
func atLeast(name string, n int64) leaf {
	return leaf{text: name + " >= n", field: field(name), test: func(x any) bool { return x.(int64) >= n }, flips: []any{n, n - 1}}
}

func failing(name string, c code.Code) leaf { return leaf{text: name, field: field(name), fails: c} }

func when(leaves ...leaf) cond { return cond{leaves: leaves} }

// packer puts a pack together.
type packer struct {
	m        rules.Manifest
	rules    []rules.Condition
	sections []rules.Condition
}

func newPacker() *packer {
	return &packer{m: rules.Manifest{
		Name: "hand", Version: "1", Schema: rules.EventV1(), Default: rules.Green, OnError: rules.Yellow,
		TenuredDays: 30, MaxCost: rules.DefaultMaxCost, StepUp: []string{"app", "sms", "call"},
	}}
}

func (p *packer) rule(r rules.Rule, c rules.Condition) *packer {
	if r.Percent == 0 {
		r.Percent = 100
	}
	if r.Reason == "" {
		r.Reason = "REASON_" + r.ID
	}
	r.Version = "1"
	p.m.Rules = append(p.m.Rules, r)
	p.rules = append(p.rules, c)
	return p
}

func (p *packer) section(s rules.Section, c rules.Condition) *packer {
	p.m.Sections = append(p.m.Sections, s)
	p.sections = append(p.sections, c)
	return p
}

func (p *packer) pack(t testing.TB) *rules.Pack {
	t.Helper()
	m := p.m
	m.Rules = append([]rules.Rule(nil), p.m.Rules...)
	pack, err := rules.NewPack(&m, append([]rules.Condition(nil), p.rules...), append([]rules.Condition(nil), p.sections...))
	if err != nil {
		t.Fatal(err)
	}
	return pack
}

func (p *packer) engine(t testing.TB) *Engine {
	t.Helper()
	e, err := New(p.pack(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// event is a good event with changes: name, value, name, value; nil removes.
func event(t testing.TB, changes ...any) *Event {
	t.Helper()
	e := NewEvent(rules.EventV1())
	all := append([]any{
		"id", "e1", "kind", "authorize", "token.channel", "wallet", "wallet.recommendation", "approve",
		"card.status", "normal", "card.stage", "unblocked",
		"holder.channels", []string{"sms", "email", "app", "call"},
		"holder.phone_changed_days", 400, "holder.creds_reset_days", 400,
	}, changes...)
	for i := 0; i < len(all); i += 2 {
		name := all[i].(string)
		if all[i+1] == nil {
			e.Unset(name)
		} else if err := e.Set(name, all[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	return e
}
