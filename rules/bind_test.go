package rules_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/issuant/issuant/internal/code"
	"github.com/issuant/issuant/rules"
)

type brand string

// bound has every kind of field.
type bound struct {
	ID      string    `issuant:"id" json:"id"`
	At      time.Time `issuant:"at,omitzero" json:"at,omitzero"`
	Sandbox *bool     `issuant:"sandbox" json:"sandbox"`
	Schema  uint8     `json:"schema,omitempty"` // no tag of ours
	Token   struct {
		Network brand  `issuant:"network" json:"network"`
		Type    *brand `issuant:"type" json:"type"`
	} `issuant:"token" json:"token"`
	Card *boundCard `issuant:"card" json:"card"`
	boundWallet
	Lat   float64 `issuant:"device.lat" json:"-"`
	Trace string  `issuant:"-" json:"-"`
	_     int
}

type boundCard struct {
	BIN     string     `issuant:"bin,omitempty" json:"bin,omitempty"`
	Last4   string     `issuant:"last4,omitzero" json:"last4,omitzero"`
	AgeDays *int64     `issuant:"age_days,omitempty" json:"age_days,omitempty"`
	Codes   []brand    `issuant:"codes" json:"codes"`
	Expired bool       `issuant:"expired" json:"expired"`
	Issued  *time.Time `issuant:"issued_at" json:"issued_at"`
}

type boundWallet struct {
	Wallet struct {
		Score   int      `issuant:"device_score" json:"device_score"`
		Account int32    `issuant:"account_score,omitzero" json:"account_score,omitzero"`
		Reasons []string `issuant:"reasons,omitempty" json:"reasons,omitempty"`
	} `issuant:"wallet" json:"wallet"`
}

func bind[T any](t testing.TB) *rules.Binding[T] {
	t.Helper()
	b, err := rules.NewBinding[T](rules.EventV1())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBindingAgreesWithJSON: what Set makes of a struct is what encoding/json writes
// and the decoder reads, absent facts included.
func TestBindingAgreesWithJSON(t *testing.T) {
	b, d := bind[bound](t), rules.EventV1().EventDecoder()
	r := rand.New(rand.NewPCG(7, 7))
	maybe := func() bool { return r.IntN(2) == 0 }
	got := rules.NewFacts(rules.EventV1())
	for range 3000 {
		var v bound
		if maybe() {
			v.ID, v.Token.Network, v.Wallet.Score = "e\u00e9\"1", "visa", r.IntN(7)-3
			v.At = time.Unix(r.Int64N(1<<32), r.Int64N(1e9)).In(time.FixedZone("", 3600*r.IntN(5)))
		}
		if maybe() {
			yes, kind := maybe(), brand("device")
			v.Sandbox, v.Token.Type, v.Schema, v.Wallet.Account = &yes, &kind, uint8(r.IntN(3)), math.MinInt32
		}
		if maybe() {
			v.Wallet.Reasons = make([]string, r.IntN(3))
		}
		if maybe() {
			v.Card = &boundCard{Expired: maybe()}
			if maybe() {
				age, at := r.Int64()-1<<62, time.Unix(0, 0)
				v.Card.BIN, v.Card.Last4, v.Card.AgeDays, v.Card.Issued = "411111", "1111", &age, &at
				v.Card.Codes = make([]brand, r.IntN(3))
			}
			if maybe() {
				v.Card.AgeDays = new(int64)
			}
		}
		if err := b.Set(got, &v); err != nil {
			t.Fatal(err)
		}
		got.Unset("device.lat")
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		want, _, err := d.DecodeNew(string(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if g, w := string(got.AppendJSON(nil, nil)), string(want.AppendJSON(nil, nil)); g != w {
			t.Fatalf("%s:\nbound   %s\ndecoded %s", text, g, w)
		}
	}
}

func TestBindingRefusesTypes(t *testing.T) {
	s := rules.EventV1()
	try := func(_ any, err error) error { return err }
	type looped struct {
		Card *struct {
			Card *struct{} `issuant:"card"`
		} `issuant:"card"`
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{try(rules.NewBinding[string](s)), `string is not a struct`},
		{try(rules.NewBinding[struct{}](s)), `struct {} has no field with a tag`},
		{try(rules.NewBinding[struct {
			id string `issuant:"id"`
		}](s)), `.id: it has a tag and is not exported; export it`},
		{try(rules.NewBinding[struct{ ID string }](s)), `.ID has no tag; name a fact, or leave it out with ` + "`issuant:\"-\"`"},
		{try(rules.NewBinding[struct {
			ID int `issuant:"id"`
		}](s)), `.ID: a Go int cannot hold field "id", which is of type string`},
		{try(rules.NewBinding[struct {
			ID []byte `issuant:"id"`
		}](s)), `.ID: a Go []uint8 cannot hold field "id", which is of type string`},
		{try(rules.NewBinding[struct {
			ID **string `issuant:"id"`
		}](s)), `.ID: a Go *string cannot hold field "id"`},
		{try(rules.NewBinding[struct {
			ID any `issuant:"id"`
		}](s)), `.ID: a Go interface {} cannot hold field "id"`},
		{try(rules.NewBinding[struct {
			N uint64 `issuant:"schema"`
		}](s)), `.N: a Go uint64 cannot hold field "schema", which is of type int`},
		{try(rules.NewBinding[struct {
			N float64 `issuant:"schema"`
		}](s)), `.N: a Go float64 cannot hold field "schema"`},
		{try(rules.NewBinding[struct {
			N int `issuant:"device.lat"`
		}](s)), `.N: a Go int cannot hold field "device.lat"`},
		{try(rules.NewBinding[struct {
			At string `issuant:"at"`
		}](s)), `.At: a Go string cannot hold field "at", which is of type time`},
		{try(rules.NewBinding[struct {
			C []int `issuant:"card.codes"`
		}](s)), `.C: a Go []int cannot hold field "card.codes"`},
		{try(rules.NewBinding[struct {
			X string `issuant:"card.statsu"`
		}](s)), `.X: schema event has no field "card.statsu", did you mean "card.status"?`},
		{try(rules.NewBinding[struct {
			X string `issuant:"Id"`
		}](s)), `.X: schema event has no field "Id"`},
		{try(rules.NewBinding[struct {
			X string `issuant:"card"`
		}](s)), `.X: "card" is a group of schema event, and needs a struct or a pointer to one, not string`},
		{try(rules.NewBinding[struct {
			A string `issuant:"id"`
			B string `issuant:"id"`
		}](s)), `.B: field "id" is bound twice`},
		{try(rules.NewBinding[struct {
			A string `issuant:"id,omitnil"`
		}](s)), `.A: its tag has the option "omitnil"; there are omitzero and omitempty`},
		{try(rules.NewBinding[struct {
			A int `json:"schema,string"`
		}](s)), `.A: its tag has the option "string"`},
		{try(rules.NewBinding[struct {
			A string `issuant:""`
		}](s)), `.A: its tag names no fact`},
		{try(rules.NewBinding[struct {
			A string `json:",omitempty"`
		}](s)), `.A has no tag`},
		{try(rules.NewBinding[struct{ *boundCard }](s)), `.boundCard: only structs may be embedded`},
		{try(rules.NewBinding[struct {
			C struct{} `issuant:"card,omitzero"`
		}](s)), `.C: omitzero is not for a group`},
		{try(rules.NewBinding[looped](s)), `rules_test.looped.Card.Card: schema event has no field "card.card"`},
	} {
		if c.err == nil || !errors.Is(c.err, rules.ErrBinding) || code.Of(c.err) != code.Binding || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%v\nwant %s", c.err, c.want)
		}
	}
}

func TestBindingRefusesValues(t *testing.T) {
	b := bind[bound](t)
	for want, spoil := range map[string]func(v *bound){
		`event: "id": is not UTF-8`:                                         func(v *bound) { v.ID = "\xff" },
		`event: "id": is longer than 4096 bytes`:                            func(v *bound) { v.ID = strings.Repeat("x", 4097) },
		`event: "at": is a time outside the years 1700 to 2200`:             func(v *bound) { v.At = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) },
		`event: "card.issued_at": is a time outside the years 1700 to 2200`: func(v *bound) { v.Card = &boundCard{Issued: new(time.Time)} },
		`event: "device.lat": is not a finite number`:                       func(v *bound) { v.Lat = math.NaN() },
		`event: "card.codes": has more than 256 items`:                      func(v *bound) { v.Card = &boundCard{Codes: make([]brand, 257)} },
		`event: "card.codes": has an item that is not UTF-8`:                func(v *bound) { v.Card = &boundCard{Codes: []brand{"\x80"}} },
	} {
		f := rules.NewFacts(rules.EventV1())
		_ = f.Set("kind", "challenge")
		v := bound{ID: "x", Lat: 1}
		spoil(&v)
		err := b.Set(f, &v)
		var fe *rules.FactError
		if !errors.As(err, &fe) || err.Error() != want || string(f.AppendJSON(nil, nil)) != `{"kind":"challenge"}` {
			t.Errorf("%v, %s; want %s", err, f.AppendJSON(nil, nil), want)
		}
	}
	other := rules.NewFacts(small)
	if err := b.Set(other, &bound{}); !errors.Is(err, rules.ErrBinding) {
		t.Errorf("facts of another schema: %v", err)
	}
}

// TestBindingsFillOneFacts: each leaves alone what it does not bind.
func TestBindingsFillOneFacts(t *testing.T) {
	type velocity struct {
		Vel struct {
			Attempts int     `issuant:"attempts_card_1h"`
			Rate     float32 `issuant:"decline_rate_bin_10m"`
		} `issuant:"vel"`
	}
	f := new(rules.Facts)
	if err := bind[bound](t).Set(f, &bound{ID: "x"}); err != nil {
		t.Fatal(err)
	}
	var v velocity
	v.Vel.Attempts, v.Vel.Rate = 3, 0.5
	b := bind[velocity](t)
	if err := b.Set(f, &v); err != nil {
		t.Fatal(err)
	}
	const want = `{"id":"x","token":{"network":""},"wallet":{"device_score":0},"device":{"lat":0},"vel":{"attempts_card_1h":3,"decline_rate_bin_10m":0.5}}`
	if got := string(f.AppendJSON(nil, nil)); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if err := b.Set(f, nil); err != nil || f.Has("vel.attempts_card_1h") || !f.Has("id") {
		t.Errorf("nil: %v, %s", err, f.AppendJSON(nil, nil))
	}
	if got := fmt.Sprint(b.Fields()); got != "[vel.attempts_card_1h vel.decline_rate_bin_10m]" {
		t.Error(got)
	}
}

func TestBindingAllocatesNothing(t *testing.T) {
	b, f := bind[bound](t), rules.NewFacts(rules.EventV1())
	v := bound{ID: "x", At: time.Unix(1, 0), Card: &boundCard{Codes: []brand{"A"}, AgeDays: new(int64)}}
	var none bound
	if n := testing.AllocsPerRun(100, func() {
		if b.Set(f, &v) != nil || b.Set(f, &none) != nil {
			t.Fatal("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestClonesOfBoundFactsLast: a list that the struct's owner changes afterwards.
func TestClonesOfBoundFactsLast(t *testing.T) {
	f := new(rules.Facts)
	v := bound{Card: &boundCard{Codes: []brand{"A", "B"}}}
	if err := bind[bound](t).Set(f, &v); err != nil {
		t.Fatal(err)
	}
	clone := f.Clone()
	v.Card.Codes[0] = "X"
	if got := clone.Get("card.codes"); !reflect.DeepEqual(got, []string{"A", "B"}) {
		t.Errorf("%v", got)
	}
}

func BenchmarkBinding(b *testing.B) {
	bd, f := bind[bound](b), rules.NewFacts(rules.EventV1())
	age := int64(3)
	v := bound{ID: "e1", At: time.Unix(1, 0), Card: &boundCard{BIN: "411111", AgeDays: &age, Codes: []brand{"A"}}}
	b.ReportAllocs()
	for b.Loop() {
		if err := bd.Set(f, &v); err != nil {
			b.Fatal(err)
		}
	}
}
