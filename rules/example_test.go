package rules_test

import (
	"fmt"

	"github.com/issuant/issuant/internal/strictjson"
	"github.com/issuant/issuant/rules"
)

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
