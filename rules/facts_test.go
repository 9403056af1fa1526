package rules_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
)

func decode(t testing.TB, text string, reserved ...string) (*rules.Facts, error) {
	t.Helper()
	v, err := strictjson.Parse([]byte(text), strictjson.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return rules.DecodeFacts(rules.EventV1(), v, reserved...)
}

func TestDecodeFactsReadsEveryType(t *testing.T) {
	f, err := decode(t, `{"id":"é","at":"2026-11-23T11:00:00.5+01:00","sandbox":true,"schema":1,"wallet":null,"tenant":null,
		"device":{"lat":-0,"lon":1e2},"card":{"codes":["A",""],"age_days":-9223372036854775808},"guards":[1]}`, "guards")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"id": "é", "at": time.Date(2026, 11, 23, 10, 0, 0, 5e8, time.UTC), "sandbox": true, "schema": int64(1),
		"tenant": nil, "device.lat": 0.0, "device.lon": 100.0, "card.codes": []string{"A", ""}, "card.age_days": int64(math.MinInt64),
	}
	for name, v := range want {
		if got := f.Get(name); !reflect.DeepEqual(got, v) {
			t.Errorf("%s is %#v, want %#v", name, got, v)
		}
	}
	if lat := f.Get("device.lat").(float64); math.Signbit(lat) {
		t.Error("a negative zero stayed one")
	}
	const text = `{"id":"é","at":"2026-11-23T10:00:00.5Z","sandbox":true,"schema":1,"card":{"age_days":-9223372036854775808,"codes":["A",""]},"device":{"lat":0,"lon":100}}`
	if got := string(f.AppendJSON(nil, nil)); got != text {
		t.Errorf("canonical form:\n%s\nwant\n%s", got, text)
	}
}

func TestDecodeFactsRefuses(t *testing.T) {
	long := `"` + strings.Repeat("x", rules.MaxStringFact+1) + `"`
	many := "[" + strings.TrimSuffix(strings.Repeat(`"x",`, rules.MaxListFact+1), ",") + "]"
	for text, want := range map[string]string{
		`[]`:                                 "event: offset 0: an event is a JSON object, not an array",
		`{"card":{"statsu":"x"}}`:            `event: offset 9: "card.statsu": unknown field, did you mean "card.status"?`,
		`{"crad":{"status":"x"}}`:            `event: offset 1: "crad": unknown field, did you mean "card"?`,
		`{"ID":"x"}`:                         `event: offset 1: "ID": unknown field`,
		`{"card.status":"lost"}`:             `event: offset 1: "card.status": unknown field; fields of a group are nested`,
		`{"card":{"card":{"status":"x"}}}`:   `event: offset 9: "card.card": unknown field`,
		`{"card":"x"}`:                       `event: offset 8: "card": must be an object, not a string`,
		`{"id":1}`:                           `event: offset 6: "id": must be a string, not a number`,
		`{"schema":1.0}`:                     `event: offset 10: "schema": must be an integer without fraction or exponent, within 64 bits`,
		`{"schema":9223372036854775808}`:     `event: offset 10: "schema": must be an integer without fraction or exponent, within 64 bits`,
		`{"schema":"1"}`:                     `event: offset 10: "schema": must be an integer, not a string`,
		`{"device":{"lat":1e999}}`:           `event: offset 17: "device.lat": is beyond a 64-bit float`,
		`{"sandbox":"true"}`:                 `event: offset 11: "sandbox": must be true or false, not a string`,
		`{"at":"2026-11-23"}`:                `event: offset 6: "at": must be a time as in RFC 3339, for example 2026-11-23T10:00:00Z`,
		`{"at":"2026-11-23T9:00:00Z"}`:       `event: offset 6: "at": must be a time as in RFC 3339, for example 2026-11-23T10:00:00Z`,
		`{"at":"2026-11-23T09:00:00,5Z"}`:    `event: offset 6: "at": must be a time as in RFC 3339, for example 2026-11-23T10:00:00Z`,
		`{"at":"2026-11-23T09:00:00+24:00"}`: `event: offset 6: "at": must be a time as in RFC 3339, for example 2026-11-23T10:00:00Z`,
		`{"at":"2026-11-23t09:00:00z"}`:      `event: offset 6: "at": must be a time as in RFC 3339, for example 2026-11-23T10:00:00Z`,
		`{"at":"1600-01-01T00:00:00Z"}`:      `event: offset 6: "at": is a time outside the years 1700 to 2200`,
		`{"at":1700000000}`:                  `event: offset 6: "at": must be a time in a string, not a number`,
		`{"card":{"codes":"A"}}`:             `event: offset 17: "card.codes": must be an array of strings, not a string`,
		`{"card":{"codes":["A",1]}}`:         `event: offset 17: "card.codes": must be an array of strings; an item is a number`,
		`{"card":{"codes":` + many + `}}`:    `event: offset 17: "card.codes": has more than 256 items`,
		`{"card":{"codes":[` + long + `]}}`:  `event: offset 17: "card.codes": has an item that is longer than 4096 bytes`,
		`{"id":` + long + `}`:                `event: offset 6: "id": is longer than 4096 bytes`,
		`{"guards":[]}`:                      `event: offset 1: "guards": unknown field`,
	} {
		f, err := decode(t, text)
		if f != nil || err == nil || err.Error() != want || code.Of(err) != code.Event {
			t.Errorf("%.60s: %v, want %s", text, err, want)
		}
	}
}

func TestSetChecksTypes(t *testing.T) {
	f := rules.NewFacts(rules.EventV1())
	for name, v := range map[string]any{
		"id": 1, "schema": 1.0, "device.lat": math.NaN(), "device.lon": math.Inf(1), "sandbox": "true", "at": "2026-11-23T10:00:00Z",
		"card.codes": []any{"A"}, "card.ref": "\xff", "card.bin": []byte("4"), "unknown": "x", "card": "x", "card.issued_at": time.Time{},
	} {
		err := f.Set(name, v)
		var fe *rules.FactError
		if !errors.As(err, &fe) || fe.Offset != -1 || code.Of(err) != code.Event || f.Has(name) {
			t.Errorf("Set(%s, %#v): %v", name, v, err)
		}
	}
	if err := f.Set("device.lat", 3); err != nil || f.Get("device.lat") != 3.0 {
		t.Errorf("an int does not become a float: %v", err)
	}
}

func TestFactsDoNotShareMemory(t *testing.T) {
	f := rules.NewFacts(rules.EventV1())
	codes := []string{"A", "B"}
	if err := f.Set("card.codes", codes); err != nil {
		t.Fatal(err)
	}
	codes[0] = "X"
	g := f.Clone()
	g.Unset("card.codes")
	g.Unset("no such field")
	if got := f.Get("card.codes").([]string); got[0] != "A" || g.Has("card.codes") {
		t.Errorf("facts share memory: %v", got)
	}
	if f.Get("no such field") != nil || f.Text("card.codes") != "" || f.Has("no such field") {
		t.Error("a field that does not exist has a value")
	}
}

func TestEventRoomHoldsEveryFactOfAnEvent(t *testing.T) {
	schema, inRoom, plain := rules.EventV1(), new(rules.Facts), rules.NewFacts(rules.EventV1())
	var room rules.EventRoom
	inRoom.InitIn(&room)
	values := map[rules.Type]any{rules.String: "x", rules.Int: int64(1), rules.Float: 0.5, rules.Bool: true,
		rules.Time: time.Unix(1780000000, 0).UTC(), rules.Strings: []string{"y"}}
	for i := range schema.Len() {
		f := schema.Field(i)
		if err := errors.Join(inRoom.Set(f.Name, values[f.Type]), plain.Set(f.Name, values[f.Type])); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := inRoom.AppendJSON(nil, nil), plain.AppendJSON(nil, nil); !bytes.Equal(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	if n := testing.AllocsPerRun(10, func() { inRoom.InitIn(&room) }); n != 0 {
		t.Errorf("%v pieces of memory besides the room", n)
	}
}

func TestFactErrorQuotesNames(t *testing.T) {
	_, err := decode(t, `{"a\u001b[31m\n": 1}`)
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\n") {
		t.Errorf("the name stands unquoted in %q", err)
	}
}

// FuzzDecodeFacts sees that what decodes is written in one form, which decodes to
// the same.
func FuzzDecodeFacts(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"id":"x","card":{"codes":["A"],"age_days":3,"expired":null}}`, `{"device":{"lat":-0.0,"lon":5e-324}}`,
		`{"at":"2026-11-23T10:00:00.123456789+14:00"}`, `{"card.status":"x"}`, `{"at":"1700-01-01T00:00:00Z"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := strictjson.Parse(b, strictjson.Limits{})
		if err != nil {
			return
		}
		facts, err := rules.DecodeFacts(rules.EventV1(), v)
		if err != nil {
			if code.Of(err) != code.Event {
				t.Fatalf("code of %v", err)
			}
			return
		}
		once := facts.AppendJSON(nil, nil)
		again, err := decode(t, string(once))
		if err != nil {
			t.Fatalf("%s: %v", once, err)
		}
		if twice := again.AppendJSON(nil, nil); !bytes.Equal(once, twice) {
			t.Fatalf("%s becomes %s", once, twice)
		}
	})
}
