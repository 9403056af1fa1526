package starter_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/issuant/issuant/engine"
	"github.com/issuant/issuant/engine/enginetest"
	"github.com/issuant/issuant/internal/testutil"
	"github.com/issuant/issuant/internal/vectorfile"
	"github.com/issuant/issuant/rules/starter"
)

const decisions = "/testdata/vectors/decisions.json"

// TestDecisionVectors runs testdata/vectors/decisions.json: whole decisions, byte
// for byte. With -update the decisions are written anew, to be read in review.
func TestDecisionVectors(t *testing.T) {
	pack, err := starter.Pack()
	if err != nil {
		t.Fatal(err)
	}
	eng, err := engine.New(pack, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	decide := func(event []byte, nowMS int64) []byte {
		ev, err := engine.ParseEvent(pack.Schema(), event)
		if err != nil {
			t.Fatal(err)
		}
		return eng.Decide(ev, time.UnixMilli(nowMS)).AppendJSON(nil)
	}
	if flag.Lookup("update").Value.String() == "true" {
		writeDecisions(t, pack.ID(), decide)
	}
	f := vectorfile.Load(t, decisions)
	var setup struct {
		Pack string `json:"pack"`
		ID   string `json:"id"`
	}
	vectorfile.Into(t, f.Setup, &setup)
	if setup.ID != pack.ID() {
		t.Errorf("the vectors are of pack %s, this is %s: read them again, then go test ./rules/starter -run Vectors -update", setup.ID, pack.ID())
	}
	for _, c := range f.Cases {
		var in struct {
			Event json.RawMessage `json:"event"`
		}
		vectorfile.Into(t, c.Input, &in)
		var want bytes.Buffer
		if err := json.Compact(&want, c.Want); err != nil {
			t.Fatal(err)
		}
		if got := decide(in.Event, c.NowMS); !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s:\ngot  %s\nwant %s", c.ID, got, want.Bytes())
		}
	}
}

// writeDecisions decides on the fixed events of enginetest and on what becomes of
// the clean push when one thing is wrong with it.
func writeDecisions(t *testing.T, id string, decide func([]byte, int64) []byte) {
	t.Helper()
	now := enginetest.Now()
	with := enginetest.With
	f := vectorfile.File{
		Format: 1, Kind: "decide", Comment: "Whole decisions of the starter pack, written by rules/starter/vectors_test.go and read by a person.",
		Notes: map[string]vectorfile.Note{"whole": {
			Bug:    "two runtimes decide differently, or write the same decision differently",
			Effect: "what was decided cannot be shown afterwards",
		}},
	}
	f.Setup, _ = json.Marshal(map[string]string{"pack": "starter", "id": id})
	add := func(name, comment string, ev *engine.Event) {
		event := ev.AppendJSON(nil)
		input, _ := json.Marshal(map[string]json.RawMessage{"event": event})
		f.Cases = append(f.Cases, vectorfile.Case{ID: name, Comment: comment, Flags: []string{"whole"}, NowMS: now.UnixMilli(),
			Input: input, Expect: "ok", Want: decide(event, now.UnixMilli())})
	}
	push := enginetest.CleanPush
	add("clean-push", "everything known, nothing wrong", push())
	add("clean-merchant", "a merchant's token has no wallet", enginetest.CleanMerchant())
	add("nothing-known", "an event without facts", engine.NewEvent(push().Schema()))
	add("expired-card", "the card guard's own action code", with(push(), "card.expired", true))
	add("cvv-failed", "a red rule with an action code", with(push(), "verify.cvv", "fail"))
	add("typed-card", "one yellow rule", with(push(), "token.source", "manual"))
	add("wallet-declines", "floor and rule", with(push(), "wallet.recommendation", "decline"))
	add("no-recommendation", "the floor of a wallet token", with(push(), "wallet.recommendation", nil))
	add("apple-high-risk", "orange, tenured channels only", with(push(), "token.requestor", "apple_pay", "wallet.reasons", []string{"high_risk"}))
	add("no-velocity", "a red rule that cannot be judged", with(push(), "vel.cards_device_24h", nil))
	add("merchant-doubt", "nobody can be asked", with(enginetest.CleanMerchant(), "network_risk.score", 70))
	guarded := push()
	guarded.Guards = []engine.Guard{{Code: "EXPCRD", Outcome: 0, ActionCode: "54"}, {Code: "FRB", Outcome: 2}}
	add("guards", "findings of a counterpart", guarded)
	out, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(testutil.Root(t)+decisions, append(out, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
