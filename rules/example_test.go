package rules_test

import (
	"fmt"

	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
)

// A decoder is made once and serves every goroutine; each goroutine has its Facts.
func ExampleDecoder() {
	decoder, err := rules.NewDecoder(rules.EventV1(), rules.DecoderOptions{Fields: []string{"card.status", "card.age_days"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	facts := rules.NewFacts(rules.EventV1())
	for _, body := range []string{
		`{"id": "e1", "card": {"status": "normal", "age_days": 3}}`,
		`{"id": "e2", "card": {"Status": "lost"}}`,
	} {
		if _, err := decoder.Decode(facts, []byte(body)); err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(facts.Text("card.status"), facts.Get("card.age_days"), facts.Has("id"))
	}
	// Output:
	// normal 3 false
	// event: offset 22: "card.Status": unknown field, did you mean "card.status"?
}

func ExampleBinding() {
	type request struct {
		ID   string `issuant:"id"`
		Card struct {
			Status  string `issuant:"status,omitempty"`
			AgeDays *int   `issuant:"age_days"`
		} `issuant:"card"`
	}
	binding, err := rules.NewBinding[request](rules.EventV1())
	if err != nil {
		fmt.Println(err)
		return
	}
	age := 3
	r := request{ID: "e1"}
	r.Card.AgeDays = &age
	facts := rules.NewFacts(rules.EventV1())
	if err := binding.Set(facts, &r); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(facts.Text("id"), facts.Get("card.age_days"), facts.Has("card.status"))
	// Output: e1 3 false
}

func ExampleDecodeFacts() {
	v, err := strictjson.Parse([]byte(`{"id": "e1", "card": {"status": "normal", "age_days": 3}}`), strictjson.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	f, err := rules.DecodeFacts(rules.EventV1(), v)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(f.Text("card.status"), f.Get("card.age_days"), f.Has("card.bin"))
	// Output: normal 3 false
}
