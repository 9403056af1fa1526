package pismo_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/issuant/issuant/engine/wire/pismo"
	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/vectorfile"
	"github.com/issuant/issuant/rules"
)

// The vectors set every field that Fields names, and no other.
func TestFieldsAreWhatDecodeSets(t *testing.T) {
	f := vectorfile.Load(t, "/testdata/vectors/pismo_codec.json")
	set := map[string]map[string]bool{"visa": {}, "mastercard": {}, "": {}}
	for i := range f.Cases {
		if f.Cases[i].Expect != "ok" {
			continue
		}
		var want decodeWant
		vectorfile.Into(t, f.Cases[i].Want, &want)
		var groups map[string]json.RawMessage
		if err := json.Unmarshal(want.Event, &groups); err != nil {
			t.Fatal(err)
		}
		names := fieldNames(t, groups)
		brand := ""
		for _, n := range []string{"visa", "mastercard"} {
			if string(names["token.network"]) == `"`+n+`"` {
				brand = n
			}
		}
		for name := range names {
			set[brand][name] = true
		}
	}
	// Fields of the page are set whatever the brand.
	page := pismo.Fields("")
	for brand, name := range map[string]string{"vts": "visa", "mdes": "mastercard", "elo": ""} {
		fields := pismo.Fields(brand)
		for field := range set[name] {
			if !slices.Contains(fields, field) {
				t.Errorf("%s: a vector sets %s, which Fields does not name", brand, field)
			}
		}
		for _, field := range fields {
			if !set[name][field] && !slices.Contains(page, field) {
				t.Errorf("%s: Fields names %s, which no vector sets", brand, field)
			}
			if _, ok := rules.EventV1().Lookup(field); !ok {
				t.Errorf("%s is no field of the schema", field)
			}
		}
	}
	for _, field := range page {
		if !set["visa"][field] {
			t.Errorf("Fields names %s, which no vector sets", field)
		}
	}
}

func fieldNames(t *testing.T, groups map[string]json.RawMessage) map[string]json.RawMessage {
	t.Helper()
	names := map[string]json.RawMessage{}
	for group, raw := range groups {
		var members map[string]json.RawMessage
		switch {
		case group == "guards":
		case json.Unmarshal(raw, &members) == nil:
			for m, v := range members {
				names[group+"."+m] = v
			}
		default:
			names[group] = raw
		}
	}
	return names
}

// reading is a condition that reads fields and decides nothing.
type reading []string

func (r reading) Judge(*rules.Env) (rules.Truth, code.Code) { return rules.False, code.OK }
func (r reading) Cost() int64                               { return 1 }
func (r reading) Leaves(*rules.Env) []rules.Leaf            { return nil }

func (r reading) Fields() []int {
	var list []int
	for _, name := range r {
		i, ok := rules.EventV1().Lookup(name)
		if !ok {
			panic(name)
		}
		list = append(list, i)
	}
	slices.Sort(list)
	return list
}

func TestUnjudgeableNamesRulesThatLackFields(t *testing.T) {
	conditions := map[string]reading{
		"A_avs":      {"verify.avs_postal", "verify.avs_street"},
		"B_partly":   {"token.reason", "card.status"},
		"C_gathered": {"vel.attempts_card_1h", "holder.ref"},
		"D_fine":     {"card.status", "wallet.device_score"},
		"E_constant": {},
		"F_phone":    {"wallet.phone_score"},
	}
	m := &rules.Manifest{Name: "p", Version: "1", Schema: rules.EventV1(), MaxCost: 100}
	var conds []rules.Condition
	for _, id := range []string{"A_avs", "B_partly", "C_gathered", "D_fine", "E_constant", "F_phone"} {
		m.Rules = append(m.Rules, rules.Rule{ID: id, Version: "1", Percent: 100})
		conds = append(conds, conditions[id])
	}
	p, err := rules.NewPack(m, conds, nil)
	if err != nil {
		t.Fatal(err)
	}
	avs := pismo.Unjudged{Rule: "A_avs", Missing: []string{"verify.avs_postal", "verify.avs_street"}, Never: true}
	partly := pismo.Unjudged{Rule: "B_partly", Missing: []string{"token.reason"}}
	vel := pismo.Unjudged{Rule: "C_gathered", Missing: []string{"holder.ref", "vel.attempts_card_1h"}, Never: true}
	phone := pismo.Unjudged{Rule: "F_phone", Missing: []string{"wallet.phone_score"}, Never: true}
	for _, c := range []struct {
		brand    string
		gathered []string
		want     []pismo.Unjudged
	}{
		{"mdes", pismo.Gathered(), []pismo.Unjudged{avs, partly}},
		{"vts", pismo.Gathered(), []pismo.Unjudged{partly, phone}},
		{"vts", nil, []pismo.Unjudged{partly, vel, phone}},
		{"vts", []string{"vel.*", "holder.ref", "token.reason", "wallet.phone_score"}, nil},
	} {
		if got := pismo.Unjudgeable(p, c.brand, c.gathered...); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s with %v\ngot  %v\nwant %v", c.brand, c.gathered, got, c.want)
		}
	}
}
