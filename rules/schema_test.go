package rules_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

func TestEventV1HoldsWhatTheContractNames(t *testing.T) {
	s := rules.EventV1()
	if s.Name() != "event" || s.Version() != 1 || s != rules.EventV1() {
		t.Error("the schema is not event/v1, or not always the same")
	}
	for name, typ := range map[string]rules.Type{
		"id": rules.String, "at": rules.Time, "kind": rules.String, "card.codes": rules.Strings, "wallet.reasons": rules.Strings,
		"vel.cards_device_24h": rules.Int, "vel.decline_rate_bin_10m": rules.Float, "session.sca": rules.Bool,
		"network_risk.score": rules.Int, "device.first_seen_days": rules.Int, "card.combo_status": rules.String,
	} {
		i, ok := s.Lookup(name)
		if !ok || s.Field(i).Type != typ {
			t.Errorf("%s is missing or not of type %v", name, typ)
		}
	}
	for i := range s.Len() {
		f := s.Field(i)
		group, _, _ := strings.Cut(f.Name, ".")
		if f.Label != (group == "label") {
			t.Errorf("%s: label is %v", f.Name, f.Label)
		}
		if group == "lists" {
			t.Errorf("%s: lists are no facts", f.Name)
		}
		if group == "vel" && (f.Type == rules.Float) != strings.Contains(f.Name, "_rate_") {
			t.Errorf("%s is of type %v", f.Name, f.Type)
		}
	}
	for _, kind := range []string{"provision", "challenge", "payment", "notification", "authorize"} {
		if i, _ := s.Lookup("kind"); !slices.Contains(s.Field(i).Enum, kind) {
			t.Errorf("kind lacks %s", kind)
		}
	}
}

func TestNewSchemaRefuses(t *testing.T) {
	ok := rules.Field{Name: "a", Type: rules.Int}
	tooMany := make([]rules.Field, rules.MaxFields+1)
	for name, fields := range map[string][]rules.Field{
		"none": nil, "too many": tooMany, "no type": {{Name: "a"}}, "bad type": {{Name: "a", Type: 99}},
		"twice": {ok, ok}, "field and group": {ok, {Name: "a.b", Type: rules.Int}}, "upper case": {{Name: "A", Type: rules.Int}},
		"two dots": {{Name: "a.b.c", Type: rules.Int}}, "empty part": {{Name: "a.", Type: rules.Int}}, "empty": {{Type: rules.Int}},
		"digit first": {{Name: "1a", Type: rules.Int}}, "long": {{Name: strings.Repeat("a", 65), Type: rules.Int}},
	} {
		if s, err := rules.NewSchema("s", 1, fields); s != nil || !errors.Is(err, rules.ErrSchema) || code.Of(err) != code.Compile {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, v := range []int{0, -1} {
		if _, err := rules.NewSchema("s", v, []rules.Field{ok}); !errors.Is(err, rules.ErrSchema) {
			t.Errorf("version %d: %v", v, err)
		}
	}
}

func TestSchemaEqualIgnoresDocumentation(t *testing.T) {
	mk := func(f rules.Field) *rules.Schema {
		s, err := rules.NewSchema("s", 1, []rules.Field{f})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	a := mk(rules.Field{Name: "a", Type: rules.String, Enum: []string{"x"}})
	if !a.Equal(mk(rules.Field{Name: "a", Type: rules.String, Enum: []string{"x"}, Doc: "d"})) {
		t.Error("documentation makes schemas differ")
	}
	for _, f := range []rules.Field{
		{Name: "b", Type: rules.String, Enum: []string{"x"}}, {Name: "a", Type: rules.Strings, Enum: []string{"x"}},
		{Name: "a", Type: rules.String}, {Name: "a", Type: rules.String, Enum: []string{"x"}, Label: true},
		{Name: "a", Type: rules.String, Enum: []string{"x"}, Personal: true},
	} {
		if a.Equal(mk(f)) {
			t.Errorf("%+v is equal", f)
		}
	}
	if a.Equal(nil) || !a.IsGroup("a") == false {
		t.Error("nil is equal, or a field is a group")
	}
}

func TestTypeNamesRoundTrip(t *testing.T) {
	for typ := rules.String; typ <= rules.Strings; typ++ {
		if rules.ParseType(typ.String()) != typ {
			t.Errorf("%v", typ)
		}
	}
	for _, s := range []string{"", "invalid", "String", "bytes"} {
		if rules.ParseType(s) != 0 {
			t.Errorf("%q is a type", s)
		}
	}
	if rules.Type(0).String() != "invalid" || rules.Type(99).String() != "invalid" {
		t.Error("an invalid type has a name")
	}
}

func TestNearest(t *testing.T) {
	known := []string{"amount", "card.status", "card.stage", "id", "vel.cards_device_24h"}
	for name, want := range map[string]string{
		"amont": "amount", "amuont": "amount", "card.statsu": "card.status", "card.stag": "card.stage", "vel.card_device_24h": "vel.cards_device_24h",
		"di": "id", "zzz": "", "": "", "completely_different": "", "AMOUNT": "", strings.Repeat("x", 5000): "",
	} {
		if got := rules.Nearest(name, known); got != want {
			t.Errorf("Nearest(%.30q) is %q, want %q", name, got, want)
		}
	}
	if got := rules.Nearest("ab", []string{"ad", "ac"}); got != "ac" {
		t.Errorf("a tie goes to %q", got)
	}
	if rules.Nearest("x", nil) != "" {
		t.Error("a name out of nothing")
	}
}
