// The real module would take minutes to compile under the race detector.
//go:build !race

package host_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"time"

	"github.com/issuant/issuant/rules/starter"
	"github.com/issuant/issuant/wasm/host"
)

func Example() {
	ctx := context.Background()
	module, digest, folder := host.ForExample() // yours: a file, the digest in its manifest, a folder
	pack, err := starter.Pack()                 // yours: a compiled pack, as issuant check writes it
	if err != nil {
		log.Fatal(err)
	}
	pool, err := host.Open(ctx, host.Options{Module: module, SHA256: digest, Pack: pack.Encode(), CacheDir: folder})
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close(ctx)
	reply, err := pool.Decide(ctx, time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), []byte(`{
		"id": "e-1", "token": {"network": "visa", "channel": "wallet", "source": "manual"},
		"card": {"type": "PLASTIC", "expired": true}}`))
	if err != nil {
		log.Fatal(err)
	}
	var decision struct {
		Outcome    string `json:"outcome"`
		ActionCode string `json:"action_code"`
	}
	if err := json.Unmarshal(reply, &decision); err != nil {
		log.Fatal(err)
	}
	fmt.Println(decision.Outcome, decision.ActionCode)
	// Output: red 54
}
