package engine

import (
	"errors"
	"testing"
	"time"

	"github.com/issuant/issuant/rules"
)

func killList(t *testing.T, name string, entries ...rules.ListEntry) *rules.List {
	t.Helper()
	l, err := rules.NewList(name, entries)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestTheKillSwitchStopsWhatEveryRuleApproves(t *testing.T) {
	facts := []any{"id", "e", "card.bin", "41111122", "card.ref", "k1:card", "device.ref", "k1:dev", "token.requestor_id", "40010000001", "token.requestor", "apple_pay"}
	for _, c := range []struct{ list, value, code string }{
		{KillBIN, "411111", "kill_switch:bin"}, {KillBIN, "41111122", "kill_switch:bin"}, {KillBIN, "4111112", "kill_switch:bin"},
		{KillRequestor, "40010000001", "kill_switch:requestor"}, {KillRequestor, "apple_pay", "kill_switch:requestor"},
		{KillDevice, "k1:dev", "kill_switch:device"}, {KillCard, "k1:card", "kill_switch:card"},
		{KillBIN, "411112", ""}, {KillBIN, "11111122", ""}, {KillRequestor, "4001000000", ""}, {KillDevice, "k1:card", ""}, {KillCard, "41111122", ""},
	} {
		e := newPacker().engine(t)
		if d := e.Decide(event(t, facts...), testNow); d.Outcome != rules.Green || len(d.Lists) != 0 {
			t.Fatal(d.Outcome, d.Reasons, d.Lists)
		}
		l := killList(t, c.list, rules.ListEntry{Value: c.value})
		if err := e.SwapKill(l); err != nil {
			t.Fatal(err)
		}
		d := e.Decide(event(t, facts...), testNow)
		if stopped := d.Outcome == rules.Red && d.ActionCode == "05" && len(d.Guards) == 1 && d.Guards[0].Code == c.code; stopped != (c.code != "") {
			t.Errorf("%+v: %v %s %v", c, d.Outcome, d.ActionCode, d.Guards)
		}
		if len(d.Lists) != 1 || d.Lists[0] != (ListDigest{c.list, l.Digest()}) {
			t.Errorf("%+v: the record would not name the list: %v", c, d.Lists)
		}
		if c.code != "" {
			if x := e.Explain(event(t, facts...), testNow); x.Decision.Outcome != rules.Red {
				t.Errorf("%+v: explained as %v", c, x.Decision.Outcome)
			}
			if d := e.Decide(event(t), testNow); d.Outcome != rules.Green {
				t.Errorf("%+v: an event without the fact: %v", c, d.Guards)
			}
		}
	}
}

func TestTheKillSwitchEndsWhenItsEntryDoesAndOutlivesThePack(t *testing.T) {
	e := newPacker().engine(t)
	if err := e.SwapKill(killList(t, KillBIN, rules.ListEntry{Value: "411111", Expires: testNow.Add(time.Minute)})); err != nil {
		t.Fatal(err)
	}
	if err := e.Swap(newPacker().pack(t)); err != nil {
		t.Fatal(err)
	}
	ev := event(t, "card.bin", "411111")
	for at, want := range map[time.Duration]rules.Outcome{0: rules.Red, time.Minute - 1: rules.Red, time.Minute: rules.Green} {
		if d := e.Decide(ev, testNow.Add(at)); d.Outcome != want {
			t.Errorf("after %v: %v", at, d.Outcome)
		}
	}
	if err := e.SwapKill(); err != nil {
		t.Fatal(err)
	}
	if d := e.Decide(ev, testNow); d.Outcome != rules.Green {
		t.Error("still stopped:", d.Guards)
	}
}

func TestSwapKillRefusesWhatItCannotRead(t *testing.T) {
	e := newPacker().engine(t)
	if err := e.SwapKill(killList(t, "deny_bin", rules.ListEntry{Value: "x"})); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
	s, err := rules.NewSchema("other", 1, []rules.Field{{Name: "card.bin", Type: rules.String}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := rules.NewPack(&rules.Manifest{Name: "p", Schema: s, MaxCost: 1, Default: rules.Green}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if e, err = New(p, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := e.SwapKill(killList(t, KillBIN, rules.ListEntry{Value: "411111"})); !errors.Is(err, ErrSchema) {
		t.Error("it would never stop anything, and says nothing:", err)
	}
	if err := e.SwapKill(killList(t, KillBIN)); err != nil {
		t.Error(err)
	}
}
