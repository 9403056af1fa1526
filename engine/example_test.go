package engine_test

import (
	"fmt"
	"log"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/rules/starter"
)

func Example() {
	pack, err := starter.Pack()
	if err != nil {
		log.Fatal(err)
	}
	e, err := engine.New(pack, engine.Options{})
	if err != nil {
		log.Fatal(err)
	}
	event, err := engine.ParseEvent(pack.Schema(), []byte(`{
		"id": "432", "kind": "authorize",
		"card":   {"type": "PLASTIC", "status": "normal", "stage": "unblocked", "age_days": 90},
		"token":  {"network": "visa", "channel": "wallet", "source": "manual"},
		"wallet": {"recommendation": "approve", "device_score": 5},
		"holder": {"channels": ["sms"], "phone_changed_days": 400}
	}`))
	if err != nil {
		log.Fatal(err)
	}
	d := e.Decide(event, time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC))
	fmt.Println(d.Outcome, d.ActionCode, d.StepUp)
	for _, hit := range d.Rules {
		fmt.Println(hit.ID, hit.Reason)
	}
	// Output:
	// yellow 85 [sms call]
	// Y05_manual_entry MANUAL_ENTRY
	// Y14_cannot_assess CANNOT_ASSESS
}
